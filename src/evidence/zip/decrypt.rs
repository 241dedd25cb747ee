//! What is encrypted in a zip: by AES (WinZip's scheme, AE-1 and AE-2) or in the traditional way.

use crate::evidence::package::Closed;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes192, Aes256};
use pbkdf2::hmac::{Hmac, Mac};
use pbkdf2::pbkdf2_hmac;
use sha1::Sha1;
use std::io::{self, Read};

/// How often the key is made of the password anew.
const ROUNDS: u32 = 1000;

/// Bytes of the code at the end of a member.
const CODE: usize = 10;

/// A cipher by the length of its key.
enum Cipher {
    Aes128(Aes128),
    Aes192(Aes192),
    Aes256(Aes256),
}

impl Cipher {
    fn new(key: &[u8]) -> Option<Cipher> {
        let made = match key.len() {
            16 => Aes128::new_from_slice(key).map(Cipher::Aes128),
            24 => Aes192::new_from_slice(key).map(Cipher::Aes192),
            _ => Aes256::new_from_slice(key).map(Cipher::Aes256),
        };
        made.ok()
    }

    fn encrypt(&self, block: [u8; 16]) -> [u8; 16] {
        let mut block = block.into();
        match self {
            Cipher::Aes128(cipher) => cipher.encrypt_block(&mut block),
            Cipher::Aes192(cipher) => cipher.encrypt_block(&mut block),
            Cipher::Aes256(cipher) => cipher.encrypt_block(&mut block),
        }
        block.into()
    }
}

/// What was encrypted by AES.
pub(super) struct Aes<R> {
    inner: R,
    cipher: Cipher,
    /// The number of the next block, and what is left of the key stream of the last.
    counter: u128,
    stream: std::iter::Take<std::array::IntoIter<u8, 16>>,
    code: Option<Hmac<Sha1>>,
    /// Encrypted bytes that are left.
    left: u64,
}

impl<R: Read> Aes<R> {
    /// Begins to decrypt a member of so many packed bytes.
    pub(super) fn new(
        mut inner: R,
        packed: u64,
        strength: u8,
        password: &[u8],
    ) -> Result<Self, Closed> {
        let (salt_length, key_length) = match strength {
            1 => (8, 16),
            2 => (12, 24),
            3 => (16, 32),
            _ => {
                return Err(Closed::Unknown(format!(
                    "it is encrypted by AES of strength {strength}, which is not known"
                )));
            }
        };
        let damaged = || Closed::Damaged("its encryption header is damaged".to_owned());
        let mut head = vec![0; salt_length + 2];
        inner.read_exact(&mut head).map_err(|_| damaged())?;
        let left = packed
            .checked_sub((head.len() + CODE) as u64)
            .ok_or_else(damaged)?;
        let (salt, check) = head.split_at(salt_length);
        let mut keys = vec![0; 2 * key_length + 2];
        pbkdf2_hmac::<Sha1>(password, salt, ROUNDS, &mut keys);
        let (key, rest) = keys.split_at(key_length);
        let (code_key, own_check) = rest.split_at(key_length);
        if check != own_check {
            return Err(Closed::WrongPassword);
        }
        let cipher = Cipher::new(key).ok_or_else(damaged)?;
        Ok(Aes {
            inner,
            cipher,
            counter: 1,
            stream: [0; 16].into_iter().take(0),
            code: Hmac::new_from_slice(code_key).ok(),
            left,
        })
    }

    /// Compares the code behind the member with that of its bytes.
    fn check(&mut self) -> io::Result<()> {
        let Some(code) = self.code.take() else {
            return Ok(());
        };
        let mut stored = [0; CODE];
        self.inner.read_exact(&mut stored)?;
        match code.verify_truncated_left(&stored) {
            Ok(()) => Ok(()),
            Err(_) => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "its authentication code is wrong",
            )),
        }
    }
}

impl<R: Read> Read for Aes<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let buffer = buffer.get_mut(..length).unwrap_or_default();
        let read = self.inner.read(buffer)?;
        let bytes = buffer.get_mut(..read).unwrap_or_default();
        if let Some(code) = &mut self.code {
            code.update(bytes);
        }
        for byte in bytes {
            let key = self.stream.next().unwrap_or_else(|| {
                let block = self.cipher.encrypt(self.counter.to_le_bytes());
                self.counter = self.counter.wrapping_add(1);
                self.stream = block.into_iter().take(16);
                self.stream.next().unwrap_or_default()
            });
            *byte ^= key;
        }
        self.left -= read as u64;
        if self.left == 0 {
            self.check()?;
        }
        Ok(read)
    }
}

/// What was encrypted in the traditional way.
pub(super) struct Traditional<R> {
    inner: R,
    keys: [u32; 3],
}

impl<R: Read> Traditional<R> {
    /// Begins to decrypt; `check` is what the last byte of the header must be.
    pub(super) fn new(mut inner: R, check: u8, password: &[u8]) -> Result<Self, Closed> {
        let mut header = [0; 12];
        let read = inner.read_exact(&mut header);
        read.map_err(|_| Closed::Damaged("its encryption header is damaged".to_owned()))?;
        let mut decrypting = Traditional {
            inner,
            keys: [0x1234_5678, 0x2345_6789, 0x3456_7890],
        };
        password.iter().for_each(|&byte| decrypting.add(byte));
        let header = header.map(|byte| decrypting.decrypt(byte));
        match header.last() == Some(&check) {
            true => Ok(decrypting),
            false => Err(Closed::WrongPassword),
        }
    }

    fn add(&mut self, byte: u8) {
        let [first, second, third] = self.keys;
        let first = crc(first, byte);
        let second = second
            .wrapping_add(first & 0xff)
            .wrapping_mul(0x0808_8405)
            .wrapping_add(1);
        let third = crc(third, (second >> 24) as u8);
        self.keys = [first, second, third];
    }

    fn decrypt(&mut self, byte: u8) -> u8 {
        let [.., third] = self.keys;
        let key = (third | 2) & 0xffff;
        let byte = byte ^ (key.wrapping_mul(key ^ 1) >> 8) as u8;
        self.add(byte);
        byte
    }
}

/// The checksums of single bytes.
#[expect(clippy::indexing_slicing, reason = "a table made by the compiler")]
const SUMS: [u32; 256] = {
    let mut sums = [0; 256];
    let mut byte = 0;
    while byte < sums.len() {
        let mut sum = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 {
                sum >> 1 ^ 0xedb8_8320
            } else {
                sum >> 1
            };
            bit += 1;
        }
        sums[byte] = sum;
        byte += 1;
    }
    sums
};

/// The checksum of a byte more, without the inversions at its beginning and end.
fn crc(sum: u32, byte: u8) -> u32 {
    let single = (sum ^ u32::from(byte)) & 0xff;
    sum >> 8 ^ SUMS.get(single as usize).copied().unwrap_or_default()
}

impl<R: Read> Read for Traditional<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        for byte in buffer.get_mut(..read).unwrap_or_default() {
            *byte = self.decrypt(*byte);
        }
        Ok(read)
    }
}

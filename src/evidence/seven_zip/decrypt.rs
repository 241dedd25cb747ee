//! What is encrypted in a 7z: AES-256 in CBC mode, with a key made of the password by very many rounds of SHA-256.

use crate::evidence::package::Closed;
use aes::Aes256;
use aes::cipher::{BlockCipherDecrypt, KeyInit};
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::io::{self, Read};

/// The most rounds, as a power of two: as many as 7-Zip takes, a second of work.
const MOST_ROUNDS: u8 = 24;

/// How many keys one package may ask for; each takes that work, and real ones have one.
const MOST_KEYS: usize = 8;

/// The password, and the keys that were made of it.
pub(super) struct Keys<'a> {
    password: Option<&'a [u8]>,
    made: RefCell<Vec<Key>>,
}

/// A key, and what it was made of besides the password.
struct Key {
    rounds: u8,
    salt: Vec<u8>,
    key: [u8; 32],
}

impl<'a> Keys<'a> {
    pub(super) fn new(password: Option<&'a [u8]>) -> Self {
        Keys {
            password,
            made: RefCell::default(),
        }
    }

    fn key(&self, rounds: u8, salt: &[u8]) -> Result<[u8; 32], Closed> {
        let password = self.password.ok_or(Closed::Locked)?;
        let mut made = self.made.borrow_mut();
        let known = made
            .iter()
            .find(|made| made.rounds == rounds && made.salt == salt);
        if let Some(known) = known {
            return Ok(known.key);
        }
        if made.len() == MOST_KEYS || rounds > MOST_ROUNDS {
            return Err(Closed::Unknown(
                "it is encrypted with keys that take very long to make".to_owned(),
            ));
        }
        let text = String::from_utf8_lossy(password);
        let mut password = salt.to_vec();
        password.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
        let mut hash = Sha256::new();
        for round in 0..1_u64 << rounds {
            hash.update(&password);
            hash.update(round.to_le_bytes());
        }
        let key = hash.finalize().into();
        let salt = salt.to_vec();
        made.push(Key { rounds, salt, key });
        Ok(key)
    }
}

/// What was encrypted.
pub(super) struct Aes<R> {
    inner: R,
    cipher: Aes256,
    /// The encrypted block before the next.
    before: [u8; 16],
    block: std::iter::Take<std::array::IntoIter<u8, 16>>,
}

impl<R: Read> Aes<R> {
    pub(super) fn new(inner: R, properties: &[u8], keys: &Keys<'_>) -> Result<Self, Closed> {
        let damaged =
            || Closed::Damaged("its directory has wrong properties of encryption".to_owned());
        let (&first, rest) = properties.split_first().ok_or_else(damaged)?;
        let (salt, start): (&[u8], &[u8]) = match (first & 0xc0, rest.split_first()) {
            (0, _) => (&[], &[]),
            (_, Some((&second, rest))) => {
                let salt = usize::from(first >> 7) + usize::from(second >> 4);
                let start = usize::from(first >> 6 & 1) + usize::from(second & 0xf);
                let (salt, rest) = rest.split_at_checked(salt).ok_or_else(damaged)?;
                (salt, rest.get(..start).ok_or_else(damaged)?)
            }
            _ => return Err(damaged()),
        };
        let mut before = [0; 16];
        for (to, from) in before.iter_mut().zip(start) {
            *to = *from;
        }
        let key = keys.key(first & 0x3f, salt)?;
        let cipher = Aes256::new_from_slice(&key).map_err(|_| damaged())?;
        Ok(Aes {
            inner,
            cipher,
            before,
            block: [0; 16].into_iter().take(0),
        })
    }

    /// Decrypts the next block; whether there is one.
    fn next(&mut self) -> io::Result<bool> {
        let mut block = [0; 16];
        let mut filled = 0;
        while let Some(rest) = block.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.inner.read(rest)? {
                0 if filled == 0 => return Ok(false),
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => filled += read,
            }
        }
        let mut plain = block.into();
        self.cipher.decrypt_block(&mut plain);
        let mut plain: [u8; 16] = plain.into();
        for (byte, before) in plain.iter_mut().zip(self.before) {
            *byte ^= before;
        }
        self.before = block;
        self.block = plain.into_iter().take(16);
        Ok(true)
    }
}

impl<R: Read> Read for Aes<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut read = 0;
        for byte in buffer {
            let next = match self.block.next() {
                Some(next) => Some(next),
                None => match self.next()? {
                    true => self.block.next(),
                    false => None,
                },
            };
            let Some(next) = next else { break };
            *byte = next;
            read += 1;
        }
        Ok(read)
    }
}

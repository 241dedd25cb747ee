//! The header of a 7z: blocks, how each is packed, and the members in it.
//!
//! It is read here, since the `sevenz-rust2` crate takes as much memory as counts in the header claim.

use crate::evidence::bytes::Fields;
use crate::evidence::package::{Kind, Unreadable};

/// The method that encrypts.
pub(super) const AES: &[u8] = &[0x06, 0xf1, 0x07, 0x01];

/// The method that has several inputs.
const BCJ2: &[u8] = &[0x03, 0x03, 0x01, 0x1b];

/// More methods one after the other than this are no 7z's.
const MOST_CODERS: u64 = 8;

/// The longest properties of a method.
const MOST_PROPERTIES: u64 = 256;

/// Where the header is.
pub(super) struct Start {
    pub offset: u64,
    pub size: u64,
    pub crc: u32,
}

impl Start {
    /// Reads the first bytes of a 7z; `None` if it has no header, and so no members.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Start>, Unreadable> {
        let mut fields = Fields(bytes);
        let start = (|| {
            let _magic = fields.take(6)?;
            let major = fields.u8()?;
            let _minor = fields.u8()?;
            let own_crc = fields.u32()?;
            let sound = crc32fast::hash(fields.0) == own_crc;
            let start = Start {
                offset: fields.u64()?,
                size: fields.u64()?,
                crc: fields.u32()?,
            };
            Some((major, sound, start))
        })();
        match start {
            Some((0, true, start)) => Ok((start.size > 0).then_some(start)),
            Some((0, false, _)) => Err(broken("the checksum of its first bytes is wrong")),
            Some((major, ..)) => Err(Unreadable::Broken(format!(
                "it is of version {major} of the format, which is not known"
            ))),
            None => Err(broken("it ends too soon")),
        }
    }
}

/// What a header says.
pub(super) enum Header {
    /// Where the header itself is.
    Packed(Streams),
    /// Which members there are.
    Members {
        blocks: Vec<Block>,
        empty: Vec<Member>,
    },
}

/// Blocks, and the sizes and checksums of the members in them.
#[derive(Default)]
pub(super) struct Streams {
    pub blocks: Vec<Block>,
    /// By block.
    members: Vec<Sizes>,
}

/// The sizes and checksums of the members of a block.
type Sizes = Vec<(u64, Option<u32>)>;

/// What is packed in one go.
#[derive(Debug, Default)]
pub(in crate::evidence) struct Block {
    /// Where it lies, counted from behind the first bytes.
    pub(super) start: u64,
    pub(super) packed: u64,
    /// What it unpacks to.
    pub(super) size: u64,
    pub(super) crc: Option<u32>,
    /// How it is unpacked: each method, and the size of what comes out of it.
    pub(super) coders: Vec<(Coder, u64)>,
    /// One behind the other.
    pub members: Vec<Member>,
}

impl Block {
    /// Whether it is encrypted.
    pub(in crate::evidence) fn is_encrypted(&self) -> bool {
        self.coders.iter().any(|(coder, _)| coder.id == AES)
    }
}

/// A method.
#[derive(Debug)]
pub(super) struct Coder {
    pub id: Vec<u8>,
    pub properties: Vec<u8>,
}

/// A member.
#[derive(Debug, Default)]
pub(in crate::evidence) struct Member {
    pub name: String,
    pub size: u64,
    pub crc: Option<u32>,
    pub kind: Kind,
}

/// What its parts begin with.
mod id {
    pub const END: u8 = 0x00;
    pub const HEADER: u8 = 0x01;
    pub const PROPERTIES: u8 = 0x02;
    pub const STREAMS: u8 = 0x04;
    pub const FILES: u8 = 0x05;
    pub const PACKED: u8 = 0x06;
    pub const BLOCKS: u8 = 0x07;
    pub const MEMBERS: u8 = 0x08;
    pub const SIZE: u8 = 0x09;
    pub const CRC: u8 = 0x0a;
    pub const FOLDER: u8 = 0x0b;
    pub const UNPACKED_SIZE: u8 = 0x0c;
    pub const MEMBERS_OF_BLOCK: u8 = 0x0d;
    pub const EMPTY: u8 = 0x0e;
    pub const EMPTY_FILE: u8 = 0x0f;
    pub const NAMES: u8 = 0x11;
    pub const ATTRIBUTES: u8 = 0x15;
    pub const PACKED_HEADER: u8 = 0x17;
}

type Read<T> = Result<T, Unreadable>;

impl Header {
    /// Reads a header, of `most` members at most.
    pub(super) fn read(bytes: &[u8], most: u64) -> Read<Header> {
        let mut parts = Parts {
            fields: Fields(bytes),
            most,
        };
        match parts.byte()? {
            id::PACKED_HEADER => parts.streams().map(Header::Packed),
            id::HEADER => parts.header(),
            other => Err(unexpected(other)),
        }
    }
}

/// What is left of a header.
struct Parts<'a> {
    fields: Fields<'a>,
    /// How many members there may be.
    most: u64,
}

impl Parts<'_> {
    fn byte(&mut self) -> Read<u8> {
        self.fields.u8().ok_or_else(too_short)
    }

    /// The first bits of the first byte say how many bytes follow.
    fn number(&mut self) -> Read<u64> {
        let first = self.byte()?;
        let more = first.leading_ones();
        let mut number = 0;
        for at in 0..more {
            number |= u64::from(self.byte()?) << (8 * at);
        }
        if more < 8 {
            let high = u64::from(first) & ((1 << (7 - more.min(7))) - 1);
            number |= high.checked_shl(8 * more).unwrap_or(0);
        }
        Ok(number)
    }

    /// A number of things each of which takes memory.
    fn count(&mut self) -> Read<u64> {
        match self.number()? {
            count if count > self.most => Err(Unreadable::TooMany),
            count => Ok(count),
        }
    }

    fn take(&mut self, count: u64) -> Read<&[u8]> {
        let count = usize::try_from(count).map_err(|_| too_short())?;
        self.fields.take(count).ok_or_else(too_short)
    }

    fn crc(&mut self) -> Read<u32> {
        self.fields.u32().ok_or_else(too_short)
    }

    /// So many bits, from the highest of each byte on.
    fn bits(&mut self, count: u64) -> Read<Vec<bool>> {
        let bytes = self.take(count.div_ceil(8))?;
        let bits = bytes
            .iter()
            .flat_map(|byte| (0..8).map(move |bit| byte << bit & 0x80 != 0));
        Ok(bits.take(count as usize).collect())
    }

    /// The same, or a byte that says that all are set.
    fn all_or_bits(&mut self, count: u64) -> Read<Vec<bool>> {
        match self.byte()? {
            0 => self.bits(count),
            _ => Ok(vec![true; count as usize]),
        }
    }

    fn crcs(&mut self, count: u64) -> Read<Vec<Option<u32>>> {
        let defined = self.all_or_bits(count)?;
        let crc = |is_defined: bool| is_defined.then(|| self.crc()).transpose();
        defined.into_iter().map(crc).collect()
    }

    fn header(&mut self) -> Read<Header> {
        let mut part = self.byte()?;
        if part == id::PROPERTIES {
            while self.byte()? != id::END {
                let size = self.number()?;
                self.take(size)?;
            }
            part = self.byte()?;
        }
        let mut streams = Streams::default();
        if part == id::STREAMS {
            streams = self.streams()?;
            part = self.byte()?;
        }
        if part == id::FILES {
            let (blocks, empty) = self.files(streams)?;
            return Ok(Header::Members { blocks, empty });
        }
        match part {
            id::END => Ok(Header::Members {
                blocks: Vec::new(),
                empty: Vec::new(),
            }),
            other => Err(unexpected(other)),
        }
    }

    fn streams(&mut self) -> Read<Streams> {
        let mut streams = Streams::default();
        let (mut start, mut packed) = (0, Vec::new());
        loop {
            match self.byte()? {
                id::END => break,
                id::PACKED => (start, packed) = self.packed()?,
                id::BLOCKS => streams.blocks = self.blocks()?,
                id::MEMBERS => streams.members = self.members(&streams.blocks)?,
                other => return Err(unexpected(other)),
            }
        }
        let mut packed = packed.into_iter();
        for block in &mut streams.blocks {
            // A block that is not read lies in several parts.
            let parts = block.packed.max(1);
            block.start = start;
            block.packed = 0;
            for _ in 0..parts {
                let size = packed.next().ok_or_else(|| broken("a block is nowhere"))?;
                block.packed = block.packed.saturating_add(size);
                start = start.saturating_add(size);
            }
        }
        if streams.members.is_empty() {
            let whole = streams
                .blocks
                .iter()
                .map(|block| vec![(block.size, block.crc)]);
            streams.members = whole.collect();
        }
        Ok(streams)
    }

    /// Where packed parts begin, and their sizes.
    fn packed(&mut self) -> Read<(u64, Vec<u64>)> {
        let start = self.number()?;
        let count = self.count()?;
        let mut sizes = Vec::new();
        loop {
            match self.byte()? {
                id::END => return Ok((start, sizes)),
                id::SIZE => {
                    sizes = (0..count).map(|_| self.number()).collect::<Read<_>>()?;
                }
                id::CRC => drop(self.crcs(count)?),
                other => return Err(unexpected(other)),
            }
        }
    }

    /// Blocks; `packed` of each is how many packed parts it has.
    fn blocks(&mut self) -> Read<Vec<Block>> {
        match self.byte()? {
            id::FOLDER => {}
            other => return Err(unexpected(other)),
        }
        let count = self.count()?;
        self.inside()?;
        let chains: Vec<Chain> = (0..count).map(|_| self.chain()).collect::<Read<_>>()?;
        match self.byte()? {
            id::UNPACKED_SIZE => {}
            other => return Err(unexpected(other)),
        }
        let mut blocks = Vec::with_capacity(chains.len());
        for chain in chains {
            let sizes: Vec<u64> = (0..chain.outputs)
                .map(|_| self.number())
                .collect::<Read<_>>()?;
            let coders = chain.order.iter().zip(chain.coders);
            let coders: Vec<(Coder, u64)> = coders
                .filter_map(|(&at, coder)| Some((coder, *sizes.get(at)?)))
                .collect();
            blocks.push(Block {
                size: coders.last().map_or(0, |(_, size)| *size),
                packed: chain.parts,
                coders,
                ..Block::default()
            });
        }
        loop {
            match self.byte()? {
                id::END => return Ok(blocks),
                id::CRC => {
                    let crcs = self.crcs(count)?;
                    for (block, crc) in blocks.iter_mut().zip(crcs) {
                        block.crc = crc;
                    }
                }
                other => return Err(unexpected(other)),
            }
        }
    }

    /// That what follows stands here, and not elsewhere.
    fn inside(&mut self) -> Read<()> {
        match self.byte()? {
            0 => Ok(()),
            _ => Err(broken("parts of it stand elsewhere, which is not known")),
        }
    }

    /// How a block is unpacked.
    fn chain(&mut self) -> Read<Chain> {
        let count = self.number()?;
        if !(1..=MOST_CODERS).contains(&count) {
            return Err(broken("a block is packed by no method, or by very many"));
        }
        let mut coders = Vec::new();
        let (mut inputs, mut outputs) = (0, 0_u64);
        for _ in 0..count {
            let flags = self.byte()?;
            let id = self.take(u64::from(flags & 0xf))?.to_vec();
            let (own_inputs, own_outputs) = match flags & 0x10 {
                0 => (1, 1),
                _ => (self.number()?, self.number()?),
            };
            if own_inputs > MOST_CODERS || own_outputs != 1 {
                return Err(broken(
                    "a method of a block has very many inputs or outputs",
                ));
            }
            inputs += own_inputs;
            outputs += own_outputs;
            let mut properties = Vec::new();
            if flags & 0x20 != 0 {
                let size = self.number()?;
                if size > MOST_PROPERTIES {
                    return Err(broken("a method of a block has very long properties"));
                }
                properties = self.take(size)?.to_vec();
            }
            coders.push(Coder { id, properties });
        }
        let bound = outputs - 1;
        let mut pairs = Vec::new();
        for _ in 0..bound {
            pairs.push((self.number()?, self.number()?));
        }
        let parts = inputs
            .checked_sub(bound)
            .filter(|&parts| parts > 0)
            .ok_or_else(|| broken("the methods of a block have no input"))?;
        let mut first = (0..inputs).find(|input| pairs.iter().all(|(bound, _)| bound != input));
        if parts > 1 {
            let given: Vec<u64> = (0..parts).map(|_| self.number()).collect::<Read<_>>()?;
            first = given.first().copied();
        }
        if inputs != outputs {
            // Of several inputs is BCJ2, for programs. Its place among the methods does not matter: it is not read.
            return Ok(Chain {
                coders: vec![Coder {
                    id: BCJ2.to_vec(),
                    properties: Vec::new(),
                }],
                order: vec![0],
                outputs,
                parts,
            });
        }
        // From the method that reads what is packed to the one whose output nobody reads.
        let mut order = Vec::new();
        let mut next = first;
        while let Some(at) = next.filter(|_| (order.len() as u64) < count) {
            order.push(at as usize);
            let reads_it = pairs.iter().find(|(_, output)| *output == at);
            next = reads_it.map(|(input, _)| *input);
        }
        let mut by_number: Vec<Option<Coder>> = coders.into_iter().map(Some).collect();
        let in_order = order.iter().filter_map(|&at| by_number.get_mut(at)?.take());
        let coders: Vec<Coder> = in_order.collect();
        match coders.len() as u64 == count && order.len() as u64 == count {
            true => Ok(Chain {
                coders,
                order,
                outputs,
                parts,
            }),
            false => Err(broken("the methods of a block are no chain")),
        }
    }

    /// The sizes and checksums of the members of each block.
    fn members(&mut self, blocks: &[Block]) -> Read<Vec<Sizes>> {
        let mut counts = vec![1; blocks.len()];
        let mut part = self.byte()?;
        if part == id::MEMBERS_OF_BLOCK {
            for count in &mut counts {
                *count = self.count()?;
            }
            part = self.byte()?;
        }
        let all = counts.iter().copied().fold(0, u64::saturating_add);
        if all > self.most {
            return Err(Unreadable::TooMany);
        }
        // All but the last of a block: that has what is left.
        let has_sizes = part == id::SIZE;
        let mut sizes: Vec<Vec<u64>> = Vec::with_capacity(blocks.len());
        for (block, &count) in blocks.iter().zip(&counts) {
            let mut own = Vec::new();
            let mut left = block.size;
            for at in 1..=count {
                let size = match at == count {
                    true => left,
                    false if has_sizes => self.number()?,
                    false => return Err(broken("the sizes of members are missing")),
                };
                left = left
                    .checked_sub(size)
                    .ok_or_else(|| broken("members are larger than their block"))?;
                own.push(size);
            }
            sizes.push(own);
        }
        if has_sizes {
            part = self.byte()?;
        }
        // The checksum of a block with one member stands with the block.
        let known = |block: &Block, count: u64| block.crc.filter(|_| count == 1);
        let own = blocks.iter().zip(&counts);
        let missing = own
            .clone()
            .filter(|&(block, &count)| known(block, count).is_none())
            .map(|(_, count)| *count)
            .sum();
        let mut crcs = Vec::new();
        while part != id::END {
            match part {
                id::CRC => crcs = self.crcs(missing)?,
                other => return Err(unexpected(other)),
            }
            part = self.byte()?;
        }
        let mut crcs = crcs.into_iter();
        let members = own.zip(sizes).map(|((block, &count), sizes)| {
            let crc = known(block, count);
            let of_member = |size| (size, crc.or_else(|| crcs.next().flatten()));
            sizes.into_iter().map(of_member).collect()
        });
        Ok(members.collect())
    }

    /// The members, each in its block, and those without bytes.
    fn files(&mut self, streams: Streams) -> Read<(Vec<Block>, Vec<Member>)> {
        let count = self.count()?;
        let mut members: Vec<Member> = Vec::new();
        members.resize_with(count as usize, Member::default);
        let (mut empty, mut empty_files) = (vec![false; count as usize], Vec::new());
        loop {
            let part = self.byte()?;
            if part == id::END {
                break;
            }
            let size = self.number()?;
            let inside = self.take(size)?.to_vec();
            let mut inside = Parts {
                fields: Fields(&inside),
                most: self.most,
            };
            match part {
                id::EMPTY => empty = inside.bits(count)?,
                id::EMPTY_FILE => {
                    let without_bytes = empty.iter().filter(|&&is| is).count();
                    empty_files = inside.bits(without_bytes as u64)?;
                }
                id::NAMES => {
                    inside.inside()?;
                    for member in &mut members {
                        member.name = inside.name()?;
                    }
                }
                id::ATTRIBUTES => {
                    let defined = inside.all_or_bits(count)?;
                    inside.inside()?;
                    for (member, _) in members.iter_mut().zip(defined).filter(|(_, is)| *is) {
                        member.add_attributes(inside.crc()?);
                    }
                }
                _ => {}
            }
        }
        let mut with_bytes = streams.blocks.into_iter().zip(streams.members);
        let mut blocks: Vec<Block> = Vec::new();
        let mut sizes = Vec::new().into_iter();
        let mut without = Vec::new();
        let mut empty_files = empty_files.into_iter();
        for (mut member, is_empty) in members.into_iter().zip(empty) {
            if is_empty {
                if !empty_files.next().unwrap_or(false) {
                    member.kind = Kind::Folder;
                }
                without.push(member);
                continue;
            }
            let (size, crc) = loop {
                if let Some(next) = sizes.next() {
                    break next;
                }
                let (block, own) = with_bytes
                    .next()
                    .ok_or_else(|| broken("it names members that are in no block"))?;
                blocks.push(block);
                sizes = own.into_iter();
            };
            member.size = size;
            member.crc = crc;
            if let Some(block) = blocks.last_mut() {
                block.members.push(member);
            }
        }
        if sizes.len() > 0 || with_bytes.any(|(_, own)| !own.is_empty()) {
            return Err(broken("it has blocks of members that it does not name"));
        }
        Ok((blocks, without))
    }

    /// A name: UTF-16 up to a zero.
    fn name(&mut self) -> Read<String> {
        let mut name = Vec::new();
        loop {
            match self.fields.u16().ok_or_else(too_short)? {
                0 => return Ok(String::from_utf16_lossy(&name)),
                unit => name.push(unit),
            }
        }
    }
}

impl Member {
    /// Attributes of Windows; those of Unix in the upper half, where a bit says so.
    fn add_attributes(&mut self, attributes: u32) {
        let unix = match attributes & 0x8000 {
            0 => 0,
            _ => attributes >> 16 & 0xf000,
        };
        let reparse_point = attributes & 0x400 != 0;
        if !matches!(unix, 0 | 0x8000) || reparse_point {
            self.kind = Kind::Other;
        }
    }
}

/// The methods of a block, from what is packed to what it unpacks to.
struct Chain {
    coders: Vec<Coder>,
    /// Their numbers.
    order: Vec<usize>,
    outputs: u64,
    /// How many packed parts it has.
    parts: u64,
}

fn broken(reason: &str) -> Unreadable {
    Unreadable::Broken(reason.to_owned())
}

fn too_short() -> Unreadable {
    broken("its directory ends too soon")
}

fn unexpected(part: u8) -> Unreadable {
    Unreadable::Broken(format!("its directory has an unexpected part {part:#04x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(bytes: &[u8]) -> Option<u64> {
        let mut parts = Parts {
            fields: Fields(bytes),
            most: 0,
        };
        parts.number().ok()
    }

    #[test]
    fn the_first_byte_of_a_number_says_how_many_follow() {
        assert_eq!(number(&[0x7f]), Some(0x7f));
        assert_eq!(number(&[0x81, 0x02]), Some(0x102));
        assert_eq!(number(&[0xc1, 0x02, 0x03]), Some(0x1_0302));
        assert_eq!(
            number(&[0xfe, 1, 2, 3, 4, 5, 6, 7]),
            Some(0x07_0605_0403_0201)
        );
        assert_eq!(
            number(&[0xff, 1, 2, 3, 4, 5, 6, 7, 8]),
            Some(0x0807_0605_0403_0201)
        );
        assert_eq!(number(&[0xff, 1]), None);
    }
}

//! What a package may cost: limits, and the account of what it has cost so far. What headers claim is never believed: what
//! really comes out counts.

use std::cell::Cell;
use std::io::{self, Read};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// How many packages may lie in one another.
pub(super) const DEPTH: u32 = 2;

/// The most that a decoder may keep of what it has made: the largest dictionary or window.
pub(super) const WINDOW: u64 = 256 * MIB;

/// The most that the list of a package's members may take.
pub(super) const DIRECTORY: u64 = 64 * MIB;

/// How much a package may hold, and take while it is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Members, those of packages in it included: 250,000. Collections of whole profiles have tens of thousands.
    pub members: u64,
    /// Bytes that one member unpacks to: 16 GiB.
    pub member_bytes: u64,
    /// Bytes that all members unpack to: 64 GiB.
    pub total_bytes: u64,
    /// How many times its own size a package may unpack to, once that is more than `free_bytes`: 1,000. Logs are packed 10 to
    /// 60 times smaller; new ones, which are nearly empty, hundreds of times.
    pub ratio: u64,
    /// What any package may unpack to, however small it is: 64 MiB.
    pub free_bytes: u64,
    /// The largest member that is kept in memory, and not in a file without a name: 32 MiB.
    pub member_memory: u64,
    /// What all members may take in memory: 128 MiB.
    pub package_memory: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            members: 250_000,
            member_bytes: 16 * GIB,
            total_bytes: 64 * GIB,
            ratio: 1000,
            free_bytes: 64 * MIB,
            member_memory: 32 * MIB,
            package_memory: 128 * MIB,
        }
    }
}

impl Limits {
    /// For somebody who knows how much a package unpacks to: so many bytes, however small it is.
    pub fn unpacking(bytes: u64) -> Self {
        Limits {
            member_bytes: bytes,
            total_bytes: bytes,
            free_bytes: bytes,
            ..Limits::default()
        }
    }
}

/// A limit that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reached {
    /// Too many members.
    Members(u64),
    /// A member unpacks to too much.
    Member(u64),
    /// All of them do.
    Total(u64),
    /// All of them do, for the size of the package.
    Ratio(u64),
    /// There is no place for what it unpacks to.
    Place,
}

impl Reached {
    /// In words.
    pub(super) fn reason(self) -> String {
        match self {
            Reached::Members(most) => format!("it has more than {most} members"),
            Reached::Member(most) => format!("it unpacks to more than {}", bytes(most)),
            Reached::Total(most) => {
                format!("the package unpacks to more than {}", bytes(most))
            }
            Reached::Ratio(ratio) => format!(
                "the package unpacks to more than {ratio} times its own size, as nothing but a trap does"
            ),
            Reached::Place => "there is no place to unpack it to".to_owned(),
        }
    }
}

/// A number of bytes for people: `16 GiB`, `1000 bytes`.
fn bytes(count: u64) -> String {
    let units = [(GIB, "GiB"), (MIB, "MiB"), (1, "bytes")];
    let fits = |(unit, _): &(u64, &str)| count >= *unit && count.is_multiple_of(*unit);
    let (unit, name) = units.into_iter().find(fits).unwrap_or((1, "bytes"));
    format!("{} {name}", count / unit)
}

/// What a package has cost so far.
#[derive(Debug)]
pub(super) struct Spent {
    limits: Limits,
    /// The most that it may unpack to, and what is reached then.
    most: (u64, Reached),
    bytes: Cell<u64>,
    memory: Cell<u64>,
    members: Cell<u64>,
    reached: Cell<Option<Reached>>,
}

impl Spent {
    /// Nothing yet, of a package of so many bytes.
    pub(super) fn new(limits: Limits, package_bytes: u64) -> Self {
        let by_ratio = package_bytes.saturating_mul(limits.ratio);
        let by_ratio = by_ratio.max(limits.free_bytes);
        let most = match by_ratio < limits.total_bytes {
            true => (by_ratio, Reached::Ratio(limits.ratio)),
            false => (limits.total_bytes, Reached::Total(limits.total_bytes)),
        };
        Spent {
            limits,
            most,
            bytes: Cell::new(0),
            memory: Cell::new(0),
            members: Cell::new(0),
            reached: Cell::new(None),
        }
    }

    /// Counts members; whether there may be so many.
    pub(super) fn add_members(&self, count: u64) -> bool {
        let all = self.members.get().saturating_add(count);
        self.members.set(all);
        if all > self.limits.members {
            self.reach(Reached::Members(self.limits.members));
        }
        all <= self.limits.members
    }

    /// How many more members there may be.
    pub(super) fn members_left(&self) -> u64 {
        self.limits.members.saturating_sub(self.members.get())
    }

    /// Takes memory for so many more bytes of a member that has `held` there; whether there is as much.
    pub(super) fn take_memory(&self, held: u64, more: u64) -> bool {
        let all = self.memory.get().saturating_add(more);
        let fits = held.saturating_add(more) <= self.limits.member_memory
            && all <= self.limits.package_memory;
        if fits {
            self.memory.set(all);
        }
        fits
    }

    /// Gives memory back.
    pub(super) fn give_memory_back(&self, bytes: u64) {
        self.memory.set(self.memory.get().saturating_sub(bytes));
    }

    /// The limit that was reached, if it ends the whole package.
    pub(super) fn end(&self) -> Option<Reached> {
        self.reached
            .get()
            .filter(|reached| !matches!(reached, Reached::Member(_)))
    }

    /// Whether the member that was read last is larger than it may be, and nobody has told yet.
    pub(super) fn is_member_too_large(&self) -> bool {
        matches!(self.reached.get(), Some(Reached::Member(_)))
    }

    /// The limit that the member which was read last has reached.
    pub(super) fn take_reached(&self) -> Option<Reached> {
        let reached = self.reached.get();
        if let Some(Reached::Member(_)) = reached {
            self.reached.set(None);
        }
        reached
    }

    /// There is no place for more: nothing more is read.
    pub(super) fn end_for_want_of_place(&self) {
        self.reached.set(Some(Reached::Place));
    }

    /// How many bytes have come out so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    /// Counts bytes that nobody needed to unpack, as of holes; whether there may be so many.
    pub(super) fn add_bytes(&self, bytes: u64) -> bool {
        let all = self.bytes.get().saturating_add(bytes);
        let (most, _) = self.most;
        let fits = all <= most;
        if fits {
            self.bytes.set(all);
        }
        fits
    }

    /// What counts the bytes of a member.
    pub(super) fn member<R: Read>(&self, inner: R) -> Metered<'_, R> {
        Metered {
            inner,
            spent: self,
            left: self.limits.member_bytes,
            counts: true,
        }
    }

    /// The same, where its bytes are counted already as those of what it lies in.
    pub(super) fn counted_member<R: Read>(&self, inner: R) -> Metered<'_, R> {
        Metered {
            counts: false,
            ..self.member(inner)
        }
    }

    /// What counts the bytes of many members at once.
    pub(super) fn many<R: Read>(&self, inner: R) -> Metered<'_, R> {
        Metered {
            left: u64::MAX,
            ..self.member(inner)
        }
    }

    fn reach(&self, limit: Reached) -> io::Error {
        self.reached.set(Some(limit));
        io::Error::other(limit.reason())
    }
}

/// Counts what comes out, and fails where it is too much.
pub(super) struct Metered<'s, R> {
    inner: R,
    spent: &'s Spent,
    /// How much the member may still have.
    left: u64,
    /// Whether its bytes count for the package.
    counts: bool,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(limit) = self.spent.end() {
            return Err(io::Error::other(limit.reason()));
        }
        let (most, reached) = self.spent.most;
        let rest = match self.counts {
            true => most.saturating_sub(self.spent.bytes.get()),
            false => u64::MAX,
        };
        // One byte more than there may be shows that there are more.
        let room = self.left.min(rest).saturating_add(1);
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        let length = buffer.len().min(room);
        let read = self
            .inner
            .read(buffer.get_mut(..length).unwrap_or_default())?;
        if read as u64 > rest {
            return Err(self.spent.reach(reached));
        }
        if read as u64 > self.left {
            let most = self.spent.limits.member_bytes;
            return Err(self.spent.reach(Reached::Member(most)));
        }
        self.left -= read as u64;
        if self.counts {
            self.spent.bytes.set(self.spent.bytes.get() + read as u64);
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits {
            member_bytes: 100,
            total_bytes: 150,
            ratio: 10,
            free_bytes: 20,
            ..Limits::default()
        }
    }

    fn read(spent: &Spent, bytes: usize) -> Result<usize, Option<Reached>> {
        let bytes = vec![0; bytes];
        let read = spent.member(&*bytes).read_to_end(&mut Vec::new());
        read.map_err(|_| spent.take_reached())
    }

    #[test]
    fn a_member_may_unpack_to_what_is_allowed_and_to_not_one_byte_more() {
        let spent = Spent::new(limits(), 1000);
        assert_eq!(read(&spent, 100), Ok(100));
        let spent = Spent::new(limits(), 1000);
        assert_eq!(read(&spent, 101), Err(Some(Reached::Member(100))));
        assert_eq!(spent.end(), None, "the next member may be read");
    }

    #[test]
    fn all_members_may_unpack_to_what_is_allowed_and_nothing_is_read_beyond() {
        let spent = Spent::new(limits(), 1000);
        assert_eq!((read(&spent, 100), read(&spent, 50)), (Ok(100), Ok(50)));
        assert_eq!(read(&spent, 0), Ok(0));
        let too_much = Some(Reached::Total(150));
        assert_eq!(read(&spent, 1), Err(too_much));
        assert_eq!(spent.end(), too_much);
        assert_eq!(read(&spent, 0), Err(too_much));
    }

    #[test]
    fn a_small_package_may_unpack_to_a_multiple_of_itself_or_to_what_is_free() {
        let spent = Spent::new(limits(), 5);
        assert_eq!(read(&spent, 50), Ok(50));
        assert_eq!(read(&spent, 1), Err(Some(Reached::Ratio(10))));
        let spent = Spent::new(limits(), 1);
        assert_eq!(read(&spent, 20), Ok(20));
        assert_eq!(read(&spent, 1), Err(Some(Reached::Ratio(10))));
    }

    #[test]
    fn limits_are_told_in_words() {
        assert_eq!(
            Reached::Member(16 * GIB).reason(),
            "it unpacks to more than 16 GiB"
        );
        assert_eq!(bytes(1000), "1000 bytes");
        assert_eq!(bytes(0), "0 bytes");
    }
}

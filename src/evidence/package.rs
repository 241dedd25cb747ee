//! Opens packages in place: of zips, 7z, tars and compressed streams, and of packages in them, the logs.
//!
//! In: a file. Out: its logs, each in memory or in a file without a name. Nothing is ever written to a path that a package names.
//! Nothing in a package makes this fail: what cannot be read is skipped, with the reason, and a log that breaks off is read
//! up to there. What fails is to find a place for its logs.

use super::checked::Checked;
use super::content::{Content, Opened};
use super::format::{
    Format, NO_PACKAGE, START, is_named_like_a_log, is_named_like_a_package, is_start_of_package,
    no_log, start_of,
};
use super::layout;
use super::limits::{DEPTH, Reached, Spent};
use super::sparse::{self, Ranges};
use super::streams::{Gzip, Zstandard};
use super::{Log, NoPlace, Skipped, Unpacking, seven_zip, tar, zip};
use crate::damage::{Damage, DamageKind, Location};
use std::collections::{HashMap, HashSet, VecDeque};
use std::fs::File;
use std::io::{self, BufWriter, IntoInnerError, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// What names a password.
const PASSWORD_OPTION: &str = "--password-file";

/// What allows more to be unpacked.
const LIMIT_OPTION: &str = "--unpack-limit";

/// Velociraptor's description of a collection that is encrypted inside.
const ENCRYPTION_INFO: &str = "metadata.json";

/// How much is unpacked at once: where a decoder fails, it keeps what it was about to hand out.
const PIECE: usize = 4096;

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Kind {
    #[default]
    File,
    Folder,
    /// A file of which only the parts without holes are stored.
    Sparse,
    /// A link or a device.
    Other,
}

/// Why the members of a package cannot be listed.
#[derive(Debug)]
pub(super) enum Unreadable {
    /// It is damaged, or no package.
    Broken(String),
    /// It is dangerous.
    Refused(String),
    /// It has more members than it may.
    TooMany,
    /// They are encrypted, and there is no password.
    Locked,
    /// They are encrypted, and not with this password.
    WrongPassword,
}

/// Why a member cannot be read.
#[derive(Debug)]
pub(super) enum Closed {
    /// It is encrypted, and there is no password.
    Locked,
    /// It is encrypted, and not with this password.
    WrongPassword,
    /// How it is packed is not known.
    Unknown(String),
    /// What would tell how is damaged.
    Damaged(String),
}

/// What was found in an item.
#[derive(Debug, Default)]
pub struct Unpacked {
    /// Its logs, sorted by path.
    pub logs: Vec<Log>,
    /// What should have been a log or a package and could not be read.
    pub skipped: Vec<Skipped>,
    /// How many members are no logs.
    pub other_files: u64,
    /// How many of its members were not looked into: files that are neither logs nor packages, and packages that cannot be read.
    pub other_members: u64,
    /// The package itself, as if it were a log, if not all that it holds can be read: by itself, not by what lies in it.
    pub unread: Vec<Log>,
}

/// A package that is being opened.
struct Opening<'a> {
    how: &'a Unpacking,
    spent: &'a Spent,
    /// The file that all lies in.
    path: &'a Path,
    /// Whether the user named it.
    named: bool,
    found: Unpacked,
    /// What the indexes of files with holes say, by the file; of several of one name, in the order of the package.
    indexes: HashMap<PathBuf, VecDeque<Result<Ranges, String>>>,
    /// The machine that a collection says it is of, by the collection's root.
    hosts: HashMap<PathBuf, String>,
    /// Packages whose description says that they are encrypted for the holder of a private key.
    for_a_key: HashSet<PathBuf>,
    /// What there was no place for.
    no_place: Option<NoPlace>,
    /// What is being read.
    at: PathBuf,
}

/// Members of one package that are encrypted and cannot be read.
#[derive(Default)]
struct LockedMembers {
    count: u64,
    first: PathBuf,
    /// Whether there is a password, the wrong one.
    is_wrong: bool,
}

impl LockedMembers {
    fn add(&mut self, path: &Path, count: u64, is_wrong: bool) {
        if self.count == 0 {
            self.first = path.to_owned();
        }
        self.count += count;
        self.is_wrong |= is_wrong;
    }
}

/// Fails once, and has nothing from then on.
struct Ending<R> {
    inner: R,
    failed: bool,
}

impl<R: Read> Ending<R> {
    fn new(inner: R) -> Self {
        let failed = false;
        Ending { inner, failed }
    }
}

impl<R: Read> Read for Ending<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.failed {
            return Ok(0);
        }
        let read = self.inner.read(buffer);
        self.failed = read
            .as_ref()
            .is_err_and(|error| error.kind() != io::ErrorKind::Interrupted);
        read
    }
}

/// The beginning of something, which was read already, and the rest.
struct Again<'a> {
    start: &'a [u8],
    /// What stopped the reading of the beginning.
    error: Option<io::Error>,
    rest: &'a mut dyn Read,
}

impl Read for Again<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.start.read(buffer)? {
            0 => match self.error.take() {
                Some(error) => Err(error),
                None => self.rest.read(buffer),
            },
            read => Ok(read),
        }
    }
}

/// Opens a package that is a file.
pub(super) fn open(
    path: &Path,
    format: Format,
    named: bool,
    how: &Unpacking,
) -> Result<Unpacked, NoPlace> {
    let size = path.metadata().map_or(0, |meta| meta.len());
    let spent = Spent::new(how.limits, size);
    let mut opening = Opening {
        how,
        spent: &spent,
        path,
        named,
        found: Unpacked::default(),
        indexes: HashMap::new(),
        hosts: HashMap::new(),
        for_a_key: HashSet::new(),
        no_place: None,
        at: path.to_owned(),
    };
    let opened = match format {
        Format::Zip | Format::SevenZip => {
            opening.listed(&Content::File(path.to_owned()), format, path, 0)
        }
        _ => {
            super::open::open(path).and_then(|mut file| opening.stream(&mut file, format, path, 0))
        }
    };
    if let Err(error) = opened {
        match super::start_of_file(path) {
            Ok(start) if !opening.is_expected(path, &start) => opening.found.other_files += 1,
            _ => opening.unreadable(path, &error),
        }
    }
    opening.finish()
}

/// The path of a member: the package's, and the member's name as it stands there, but that it cannot lead out.
fn member_path(package: &Path, name: &str) -> PathBuf {
    let mut path = package.as_os_str().to_owned();
    let mut any = false;
    for part in name.split('/').filter(|part| !matches!(*part, "" | ".")) {
        path.push("/");
        let inside = |part| if part == ".." { "[..]" } else { part };
        let parts: Vec<&str> = part.split('\\').map(inside).collect();
        path.push(parts.join("\\"));
        any = true;
    }
    if !any {
        path.push("/[no name]");
    }
    path.into()
}

/// Gives the second and later ones of sorted logs of one path a number, in the order of their package.
fn name_apart(logs: &mut [Log]) {
    let mut taken: HashSet<PathBuf> = logs.iter().map(|log| log.path.clone()).collect();
    let mut first = PathBuf::new();
    let mut number = 1_u64;
    for log in logs.iter_mut() {
        if log.path != first {
            first.clone_from(&log.path);
            number = 1;
            continue;
        }
        while !taken.insert(log.path.clone()) {
            number += 1;
            let mut path = first.clone().into_os_string();
            path.push(format!("[{number}]"));
            log.path = path.into();
        }
    }
    logs.sort_by(|a, b| a.path.cmp(&b.path));
}

impl Opening<'_> {
    /// Opens a package whose members are listed, which lies in `depth` others.
    fn listed(
        &mut self,
        content: &Content,
        format: Format,
        path: &Path,
        depth: u32,
    ) -> io::Result<()> {
        let source = content.open()?;
        let mut locked = LockedMembers::default();
        let read = match format {
            Format::Zip => self.zip(&source, content.size(), path, depth + 1, &mut locked),
            _ => self.seven_zip(&source, content.size(), path, depth + 1, &mut locked),
        };
        match read {
            Ok(()) => {}
            Err(Unreadable::Broken(reason)) => {
                let (start, _) = start_of(&mut source.range(0, START as u64));
                match self.is_expected(path, &start) {
                    true => {
                        self.skip(path, format!("a broken package: {reason}"));
                        self.found.other_members += u64::from(path != self.path);
                    }
                    false => self.other_member(),
                }
            }
            Err(Unreadable::Refused(reason)) => self.skip(path, format!("not read: {reason}")),
            Err(Unreadable::TooMany) => {
                self.at = path.to_owned();
                self.spent.add_members(u64::MAX);
            }
            Err(Unreadable::Locked) => locked.add(path, 1, false),
            Err(Unreadable::WrongPassword) => locked.add(path, 1, true),
        }
        if locked.count > 0 {
            self.skip_locked(path, &locked);
        }
        Ok(())
    }

    /// Tells what is encrypted in a package, and what would help.
    fn skip_locked(&mut self, path: &Path, locked: &LockedMembers) {
        let first = locked.first.strip_prefix(path).unwrap_or(&locked.first);
        let first = first.display();
        let what = match locked.count {
            1 if locked.first == path => "the list of its members is encrypted".to_owned(),
            1 => format!("{first} in it is encrypted"),
            count => format!("{count} members are encrypted, {first} and others"),
        };
        let why = if self.for_a_key.contains(path) {
            " for the holder of a private key (X509), who alone can tell the password".to_owned()
        } else if locked.is_wrong {
            format!(", and not with the password that {PASSWORD_OPTION} names, or is damaged")
        } else {
            format!(": name a file with the password by {PASSWORD_OPTION}")
        };
        self.skip(path, format!("{what}{why}"));
    }

    fn zip(
        &mut self,
        source: &Opened<'_>,
        size: u64,
        path: &Path,
        depth: u32,
        locked: &mut LockedMembers,
    ) -> Result<(), Unreadable> {
        let spent = self.spent;
        let (start, _) = start_of(&mut source.range(0, START as u64));
        let is_expected = self.is_expected(path, &start);
        let most = spent.members_left();
        let (members, complaints) = match zip::directory(source, size, most) {
            Ok(directory) => (directory.members, directory.complaints),
            Err(Unreadable::Broken(reason)) if is_expected => {
                let members = zip::by_headers(source, size, most)?;
                if members.is_empty() {
                    return Err(Unreadable::Broken(reason));
                }
                let complaint = format!(
                    "a broken package: {reason}; read is what the headers of its members tell"
                );
                (members, vec![complaint])
            }
            Err(unreadable) => return Err(unreadable),
        };
        spent.add_members(members.len() as u64);
        if is_expected {
            for complaint in complaints {
                self.skip(path, complaint);
            }
        }
        let password = self.how.password.as_deref();
        for member in &members {
            let own = member_path(path, &member.name);
            match member.kind {
                Kind::File => {}
                Kind::Folder => continue,
                Kind::Sparse | Kind::Other => {
                    self.found.other_files += 1;
                    continue;
                }
            }
            let opened = match member.open(source, password) {
                Ok(opened) => opened,
                Err(closed) => {
                    self.closed(&own, closed, 1, locked);
                    continue;
                }
            };
            let mut stream = Ending::new(spent.member(opened));
            let mut read = self.member(&own, depth, &mut stream);
            if spent.end().is_some() {
                return Ok(());
            }
            // What a wrong password gives shows at the end, if not at once.
            if member.is_encrypted() && !spent.is_member_too_large() {
                read = read.and(io::copy(&mut stream, &mut io::sink()).map(drop));
            }
            match read {
                Ok(()) => {}
                Err(_) if member.is_encrypted() && !spent.is_member_too_large() => {
                    locked.add(&own, 1, true);
                }
                Err(error) => self.unreadable(&own, &error),
            }
            if spent.end().is_some() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn seven_zip(
        &mut self,
        source: &Opened<'_>,
        size: u64,
        path: &Path,
        depth: u32,
        locked: &mut LockedMembers,
    ) -> Result<(), Unreadable> {
        let spent = self.spent;
        let password = self.how.password.as_deref();
        let archive = seven_zip::Archive::read(source, size, password, spent)?;
        let all = archive
            .blocks
            .iter()
            .map(|block| block.members.len() as u64);
        if !spent.add_members(all.sum::<u64>() + archive.empty.len() as u64) {
            return Ok(());
        }
        for member in &archive.empty {
            if member.kind != Kind::Folder {
                self.other(&member_path(path, &member.name), b"", &mut io::empty());
            }
        }
        for block in &archive.blocks {
            let Some(first) = block.members.first() else {
                continue;
            };
            match archive.open(block) {
                Ok(opened) => {
                    let mut stream = Ending::new(spent.many(opened));
                    self.block(block, &mut stream, path, depth, locked);
                }
                Err(closed) => {
                    let first = member_path(path, &first.name);
                    self.closed(&first, closed, block.members.len() as u64, locked);
                }
            }
            if spent.end().is_some() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Reads the members of a block, one behind the other, as far as it can be read.
    fn block<R: Read>(
        &mut self,
        block: &seven_zip::Block,
        stream: &mut Ending<R>,
        path: &Path,
        depth: u32,
        locked: &mut LockedMembers,
    ) {
        let spent = self.spent;
        for (number, member) in (1..).zip(&block.members) {
            let own = member_path(path, &member.name);
            let mut bytes = (&mut *stream).take(member.size);
            let checked = Checked::new(&mut bytes, member.size, member.crc);
            let mut counted = Ending::new(spent.counted_member(checked));
            let mut read = match member.kind {
                Kind::File => self.member(&own, depth, &mut counted),
                _ => {
                    self.found.other_files += 1;
                    Ok(())
                }
            };
            if spent.end().is_some() {
                return;
            }
            let too_large = spent.is_member_too_large();
            if !too_large {
                read = read.and(io::copy(&mut counted, &mut io::sink()).map(drop));
            }
            let first_is_wrong = read.is_err() && block.is_encrypted() && number == 1;
            if first_is_wrong && !too_large {
                locked.add(&own, block.members.len() as u64, true);
                return;
            }
            if let Err(error) = read {
                self.unreadable(&own, &error);
            }
            // The members behind it begin where it ends.
            let _ = io::copy(&mut bytes, &mut io::sink());
            let whole = bytes.limit() == 0;
            let left = block.members.len() as u64 - number;
            if spent.end().is_some() || !whole && left == 0 {
                return;
            }
            if !whole {
                let members = if left == 1 { "member" } else { "members" };
                let own = own.strip_prefix(path).unwrap_or(&own).display();
                self.skip(
                    path,
                    format!("{left} {members} behind {own} cannot be read: all are packed in one go, and that breaks off there"),
                );
                return;
            }
        }
    }

    /// Opens a package that is read as a stream, which lies in `depth` others.
    fn stream(
        &mut self,
        stream: &mut dyn Read,
        format: Format,
        path: &Path,
        depth: u32,
    ) -> io::Result<()> {
        let spent = self.spent;
        let is_member = depth > 0;
        let depth = depth + 1;
        match format {
            Format::Unread(format) => {
                self.found.other_members += u64::from(is_member);
                self.skip(
                    path,
                    format!("a package of a format that is not read ({format}): unpack it first"),
                );
                Ok(())
            }
            Format::Gzip => self.unpacked(&mut spent.many(Gzip::new(stream)), path, depth),
            Format::Zstandard => {
                self.unpacked(&mut spent.many(Zstandard::new(stream)), path, depth)
            }
            _ => {
                self.tar(stream, path, depth);
                Ok(())
            }
        }
    }

    /// Reads what a compressed stream unpacks to: a tar, or one member.
    fn unpacked(&mut self, stream: &mut dyn Read, path: &Path, depth: u32) -> io::Result<()> {
        let spent = self.spent;
        let (start, error) = start_of(stream);
        if Format::of(&start) == Some(Format::Tar) {
            let (start, rest) = (start.as_slice(), stream);
            self.tar(&mut Again { start, error, rest }, path, depth);
            return Ok(());
        }
        if !spent.add_members(1) {
            return Ok(());
        }
        if error.is_none() && Format::of(&start).is_none() {
            self.other_stream(path, &start);
            return Ok(());
        }
        self.known(
            path,
            depth,
            &start,
            error,
            &mut spent.counted_member(stream),
        )
    }

    fn tar(&mut self, stream: &mut dyn Read, path: &Path, depth: u32) {
        let spent = self.spent;
        let read = tar::members(stream, spent, |member, bytes| {
            let own = member_path(path, &member.name);
            match member.kind {
                Kind::File => {
                    let checked = Checked::new(bytes, member.size, None);
                    let read = self.member(&own, depth, &mut spent.counted_member(checked));
                    if let Err(error) = read {
                        self.unreadable(&own, &error);
                    }
                }
                Kind::Sparse => self.skip(
                    &own,
                    "not read: it is stored without its holes, in a way of tar that is not known",
                ),
                Kind::Folder => {}
                Kind::Other => self.found.other_files += 1,
            }
            spent.end().is_none()
        });
        if let Err(reason) = read
            && spent.end().is_none()
        {
            self.skip(
                path,
                format!("the package is damaged, and what follows is not read: {reason}"),
            );
        }
    }

    /// Reads a member of a package, which lies in `depth` packages: a log, another package, or something else.
    ///
    /// # Errors
    /// What stopped the reading before it was known what it is.
    fn member(&mut self, path: &Path, depth: u32, stream: &mut dyn Read) -> io::Result<()> {
        let (start, error) = start_of(stream);
        self.known(path, depth, &start, error, stream)
    }

    /// The same of a member whose beginning was read.
    fn known(
        &mut self,
        path: &Path,
        depth: u32,
        start: &[u8],
        error: Option<io::Error>,
        rest: &mut dyn Read,
    ) -> io::Result<()> {
        path.clone_into(&mut self.at);
        let Some(format) = Format::of(start) else {
            if let Some(error) = error {
                return Err(error);
            }
            self.other(path, start, rest);
            return Ok(());
        };
        let is_expected = self.is_expected(path, start);
        let mut all = Again { start, error, rest };
        match format {
            Format::Log => self.log(path, &mut all),
            _ if depth >= DEPTH && is_expected => self.skip(
                path,
                "not read: a package in a package in a package; unpack the outermost first",
            ),
            _ if depth >= DEPTH => self.other_member(),
            Format::Zip | Format::SevenZip => {
                let Some((content, error)) = self.keep(path, &mut all) else {
                    return Ok(());
                };
                if let Some(error) = error {
                    if self.spent.end().is_some() || self.spent.is_member_too_large() {
                        return Err(error);
                    }
                    // What can be read of it is.
                    self.skip(path, format!("the package is damaged: {error}"));
                }
                let opened = self.listed(&content, format, path, depth);
                if let Content::Memory(bytes) = content {
                    self.spent.give_memory_back(bytes.len() as u64);
                }
                return opened;
            }
            _ => return self.stream(&mut all, format, path, depth),
        }
        Ok(())
    }

    fn log(&mut self, path: &Path, stream: &mut dyn Read) {
        let Some((content, error)) = self.keep(path, stream) else {
            return;
        };
        let mut log = Log::new(path.to_owned(), content);
        if let Some(error) = error {
            if self.spent.end().is_some() || self.spent.is_member_too_large() {
                self.unreadable(path, &error);
                return;
            }
            log.damage.push(Damage {
                location: Location {
                    offset: Some(log.content.size()),
                    ..Location::default()
                },
                kind: DamageKind::Package,
                message: format!("damaged in its package: {error}"),
            });
        }
        self.found.logs.push(log);
    }

    /// Something that is neither a log nor a package.
    fn other(&mut self, path: &Path, start: &[u8], rest: &mut dyn Read) {
        if is_named_like_a_log(path) {
            self.found.other_members += 1;
            self.skip(path, no_log(start));
            return;
        }
        if is_named_like_a_package(path) {
            self.found.other_members += 1;
            self.skip(path, NO_PACKAGE);
            return;
        }
        self.other_member();
        let name = path.file_name().unwrap_or_default();
        let is_index = sparse::is_index(path, start);
        if !is_index && name != layout::CLIENT_INFO && name != ENCRYPTION_INFO {
            return;
        }
        let mut bytes = start.to_vec();
        let read = rest.take(sparse::MOST_BYTES).read_to_end(&mut bytes);
        let folder = path.parent().unwrap_or(path).to_owned();
        if is_index {
            let ranges = match read {
                Ok(_) => Ranges::parse(&bytes),
                Err(error) => Err(error.to_string()),
            };
            let of_name = self.indexes.entry(path.with_extension(""));
            of_name.or_default().push_back(ranges);
        } else if name == layout::CLIENT_INFO {
            if let Some(host) = layout::client_host(&bytes) {
                self.hosts.insert(folder, host);
            }
        } else if is_for_a_key(&bytes) {
            self.for_a_key.insert(folder);
        }
    }

    fn other_member(&mut self) {
        self.found.other_files += 1;
        self.found.other_members += 1;
    }

    /// What a compressed stream unpacks to, which is neither a log nor a package.
    fn other_stream(&mut self, path: &Path, start: &[u8]) {
        let inner = path.with_extension("");
        let is_tar = ["tgz", "tzst"].iter().any(|name| {
            let extension = path.extension();
            extension.is_some_and(|own| own.eq_ignore_ascii_case(name))
        });
        if is_named_like_a_log(path) || is_named_like_a_log(&inner) {
            self.found.other_members += 1;
            self.skip(path, no_log(start));
        } else if is_tar || is_named_like_a_package(&inner) {
            self.found.other_members += 1;
            self.skip(
                path,
                "a broken package: what it unpacks to does not begin like one",
            );
        } else {
            self.other_member();
        }
    }

    /// Takes all bytes of a member up to what stops it; nothing, if there is no place for them, which ends everything.
    fn keep(&mut self, path: &Path, stream: &mut dyn Read) -> Option<(Content, Option<io::Error>)> {
        match kept(self.spent, stream) {
            Ok(kept) => Some(kept),
            Err(source) => {
                self.spent.end_for_want_of_place();
                self.no_place = Some(NoPlace {
                    path: path.to_owned(),
                    source,
                });
                None
            }
        }
    }

    /// Whether this, which begins like a package, is to be told of if it cannot be read: by its beginning, or since somebody says
    /// that it is a log or a package.
    fn is_expected(&self, path: &Path, start: &[u8]) -> bool {
        is_start_of_package(start)
            || self.named && path == self.path
            || is_named_like_a_log(path)
            || is_named_like_a_package(path)
    }

    fn skip(&mut self, path: &Path, reason: impl Into<String>) {
        self.found.skipped.push(Skipped {
            path: path.to_owned(),
            reason: reason.into(),
        });
    }

    /// Tells of members that cannot be read, the first at `path`.
    fn closed(&mut self, path: &Path, closed: Closed, count: u64, locked: &mut LockedMembers) {
        match closed {
            Closed::Locked => locked.add(path, count, false),
            Closed::WrongPassword => locked.add(path, count, true),
            Closed::Unknown(reason) | Closed::Damaged(reason) => {
                let others = match count {
                    0 | 1 => String::new(),
                    _ => format!("; neither are {} members behind it", count - 1),
                };
                self.skip(path, format!("not read: {reason}{others}"));
            }
        }
    }

    /// Tells why a member cannot be read, unless the end of everything was reached there.
    fn unreadable(&mut self, path: &Path, error: &io::Error) {
        match self.spent.take_reached() {
            Some(limit @ Reached::Member(_)) => {
                let reason = limit.reason();
                self.skip(
                    path,
                    format!("not read: {reason} ({LIMIT_OPTION} allows more)"),
                );
            }
            Some(_) => {}
            None => self.skip(path, format!("it cannot be read: {error}")),
        }
    }

    /// Puts together what was found.
    fn finish(mut self) -> Result<Unpacked, NoPlace> {
        if let Some(no_place) = self.no_place {
            return Err(no_place);
        }
        if let Some(limit) = self.spent.end() {
            let hint = match limit {
                Reached::Members(_) => String::new(),
                _ => format!(" ({LIMIT_OPTION} allows more)"),
            };
            let at = self.at.strip_prefix(self.path).unwrap_or(&self.at);
            let from = match at.as_os_str().is_empty() {
                true => "it is not read".to_owned(),
                false => format!("from {} on nothing is read", at.display()),
            };
            let reason = limit.reason();
            self.skip(self.path, format!("{reason}{hint}: {from}"));
        }
        let path = self.path;
        if self.found.skipped.iter().any(|told| told.path == path) {
            let content = Content::File(path.to_owned());
            self.found.unread.push(Log::new(path.to_owned(), content));
        }
        for mut log in std::mem::take(&mut self.found.logs) {
            log.host = self.hosts.get(&log.folder).cloned().or(log.host);
            let Some(of_name) = self.indexes.get_mut(&log.path) else {
                self.found.logs.push(log);
                continue;
            };
            let ranges = of_name
                .pop_front()
                .unwrap_or_else(|| Err("it is that of another log of this name".to_owned()));
            let path = log.path.clone();
            match ranges.and_then(|ranges| log.rebuilt(ranges, self.spent)) {
                Ok(log) => self.found.logs.push(log),
                Err(reason) => self.skip(&path, sparse::refusal(&reason)),
            }
        }
        self.found.logs.sort_by(|a, b| a.path.cmp(&b.path));
        name_apart(&mut self.found.logs);
        if self.found.logs.is_empty() && self.found.skipped.is_empty() {
            match self.named {
                true => self.skip(self.path, "no event log is in this package"),
                false => self.found.other_files = 1,
            }
        }
        Ok(self.found)
    }
}

/// A file without a name that is being written: zeros take neither time nor space.
struct Unnamed {
    file: BufWriter<File>,
    size: u64,
    /// Zeros that are not written yet.
    zeros: u64,
}

impl Unnamed {
    fn new() -> io::Result<Self> {
        Ok(Unnamed {
            file: BufWriter::with_capacity(1 << 16, tempfile::tempfile()?),
            size: 0,
            zeros: 0,
        })
    }

    fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = bytes.len() as u64;
        self.size += length;
        if bytes.iter().all(|&byte| byte == 0) {
            self.zeros += length;
            return Ok(());
        }
        if self.zeros > 0 {
            self.file.seek(SeekFrom::Start(self.size - length))?;
            self.zeros = 0;
        }
        self.file.write_all(bytes)
    }

    fn finish(self) -> io::Result<File> {
        let file = self.file.into_inner().map_err(IntoInnerError::into_error)?;
        file.set_len(self.size)?;
        Ok(file)
    }
}

/// All bytes of a stream, in memory or in a file without a name, and what stopped it.
fn kept(spent: &Spent, stream: &mut dyn Read) -> io::Result<(Content, Option<io::Error>)> {
    let mut memory: Vec<u8> = Vec::new();
    let mut file: Option<Unnamed> = None;
    let mut buffer = [0; PIECE];
    let error = loop {
        let read = match stream.read(&mut buffer) {
            Ok(0) => break None,
            Ok(read) => buffer.get(..read).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => break Some(error),
        };
        let held = memory.len() as u64;
        match &mut file {
            Some(file) => file.add(read)?,
            None if spent.take_memory(held, read.len() as u64) => {
                memory.extend_from_slice(read);
            }
            None => {
                let mut unnamed = Unnamed::new()?;
                unnamed.add(&memory)?;
                unnamed.add(read)?;
                spent.give_memory_back(held);
                memory = Vec::new();
                file = Some(unnamed);
            }
        }
    };
    let content = match file {
        Some(file) => Content::Unnamed(file.finish()?),
        None => {
            memory.shrink_to_fit();
            Content::Memory(memory)
        }
    };
    Ok((content, error))
}

/// Whether the description of an encrypted collection says that its password is encrypted for the holder of a private key.
fn is_for_a_key(description: &[u8]) -> bool {
    let Ok(description) = serde_json::from_slice::<serde_json::Value>(description) else {
        return false;
    };
    let description = description.get(0).unwrap_or(&description);
    let scheme = description.get("Scheme").and_then(|scheme| scheme.as_str());
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("x509"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_member_never_leads_out_of_its_package() {
        let path = |name: &str| member_path(Path::new("case/x.zip"), name);
        for (name, expected) in [
            ("a/b.evtx", "case/x.zip/a/b.evtx"),
            ("/etc/passwd", "case/x.zip/etc/passwd"),
            ("../../etc/passwd", "case/x.zip/[..]/[..]/etc/passwd"),
            (r"..\..\x", r"case/x.zip/[..]\[..]\x"),
            ("C:/x", "case/x.zip/C:/x"),
            ("a/./b//c", "case/x.zip/a/b/c"),
            ("", "case/x.zip/[no name]"),
            ("..", "case/x.zip/[..]"),
        ] {
            assert_eq!(path(name), Path::new(expected), "{name}");
            let climbs = |part| part == std::path::Component::ParentDir;
            assert!(!path(name).components().any(climbs));
        }
    }
}

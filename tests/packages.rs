//! Packages of logs: each layout and format gives the sessions of the logs that were packed; nothing in a package does harm.

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use winsessions::analysis::{Analysis, Options, analyse};
use winsessions::damage::DamageKind;
use winsessions::error::Error;
use winsessions::evidence::{Content, Limits, Unpacking, find};
use winsessions::session::Session;

/// The logs of a fixture: name and bytes.
fn logs(fixture: &str) -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let items = find(&[root.join(fixture).join("evidence")]).items;
    let log = |path: PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, fs::read(path).unwrap())
    };
    items.into_iter().map(|item| log(item.path)).collect()
}

/// One log, of 26 sessions.
fn log() -> Vec<u8> {
    logs("workday").remove(0).1
}

fn made(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/packages")
        .join(name)
}

/// A folder with files in it.
struct Case(tempfile::TempDir);

impl Case {
    fn new() -> Self {
        Case(tempfile::tempdir().unwrap())
    }

    fn with(name: &str, bytes: &[u8]) -> Self {
        let case = Case::new();
        case.write(name, bytes);
        case
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    fn analysed(&self) -> Analysis {
        self.read(Unpacking::default())
    }

    fn read(&self, unpacking: Unpacking) -> Analysis {
        read(&[self.0.path().to_owned()], unpacking)
    }

    /// What was skipped, and why.
    fn skipped(&self, unpacking: Unpacking) -> Vec<String> {
        told(&[self.0.path().to_owned()], unpacking)
    }
}

fn read(paths: &[PathBuf], unpacking: Unpacking) -> Analysis {
    let options = Options {
        unpacking: Some(&unpacking),
        ..Options::default()
    };
    analyse(paths, options).unwrap()
}

/// What was skipped of evidence with or without logs: the end of each path, and the reason.
fn told(paths: &[PathBuf], unpacking: Unpacking) -> Vec<String> {
    let options = Options {
        unpacking: Some(&unpacking),
        ..Options::default()
    };
    let skipped = match analyse(paths, options) {
        Ok(analysis) => analysis.skipped,
        Err(Error::NoLog { skipped, .. }) => skipped,
        Err(other) => panic!("{other}"),
    };
    let told = skipped.into_iter().map(|skipped| {
        let path = paths.iter().find_map(|p| skipped.path.strip_prefix(p).ok());
        let path = path.unwrap_or(&skipped.path).display().to_string();
        format!("{path}: {}", skipped.reason)
    });
    told.collect()
}

fn password(password: &str) -> Unpacking {
    Unpacking {
        password: Some(password.into()),
        ..Unpacking::default()
    }
}

fn limits(limits: Limits) -> Unpacking {
    Unpacking {
        limits,
        password: None,
    }
}

/// How a member of a zip is written.
#[derive(Clone, Copy, PartialEq)]
enum Pack {
    Stored,
    Deflated,
}

/// Writes a zip.
#[derive(Default)]
struct Zip {
    bytes: Vec<u8>,
    directory: Vec<u8>,
    members: u16,
}

impl Zip {
    fn add(mut self, name: &str, bytes: &[u8], pack: Pack) -> Self {
        let header = self.bytes.len() as u32;
        let mut packed = bytes.to_vec();
        if pack == Pack::Deflated {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(bytes).unwrap();
            packed = encoder.finish().unwrap();
        }
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        self.bytes.extend(b"PK\x03\x04\x14\0\0\x08");
        self.bytes.extend(if pack == Pack::Deflated {
            [8, 0]
        } else {
            [0, 0]
        });
        self.bytes.extend([0; 4]);
        self.bytes.extend(crc.sum().to_le_bytes());
        self.bytes.extend((packed.len() as u32).to_le_bytes());
        self.bytes.extend((bytes.len() as u32).to_le_bytes());
        self.bytes.extend((name.len() as u16).to_le_bytes());
        self.bytes.extend([0; 2]);
        self.bytes.extend(name.as_bytes());
        self.bytes.extend(&packed);
        self.list(name, header, 0)
    }

    /// Lists the member whose header is at a place, with attributes of Unix.
    fn list(mut self, name: &str, header: u32, mode: u32) -> Self {
        let from = header as usize;
        self.directory.extend(b"PK\x01\x02\x14\x03");
        self.directory.extend(&self.bytes[from + 4..from + 26]);
        self.directory.extend((name.len() as u16).to_le_bytes());
        self.directory.extend([0; 8]);
        self.directory.extend((mode << 16).to_le_bytes());
        self.directory.extend(header.to_le_bytes());
        self.directory.extend(name.as_bytes());
        self.members += 1;
        self
    }

    fn finish(mut self) -> Vec<u8> {
        let start = self.bytes.len() as u32;
        let size = self.directory.len() as u32;
        self.bytes.append(&mut self.directory);
        self.bytes.extend(b"PK\x05\x06\0\0\0\0");
        self.bytes.extend(self.members.to_le_bytes());
        self.bytes.extend(self.members.to_le_bytes());
        self.bytes.extend(size.to_le_bytes());
        self.bytes.extend(start.to_le_bytes());
        self.bytes.extend([0; 2]);
        self.bytes
    }
}

fn zip(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let add = |zip: Zip, (name, bytes): &(String, Vec<u8>)| zip.add(name, bytes, Pack::Deflated);
    members.iter().fold(Zip::default(), add).finish()
}

fn tar_member(name: &str, kind: u8, bytes: &[u8]) -> Vec<u8> {
    let mut header = vec![0; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..107].copy_from_slice(b"0000644");
    header[124..135].copy_from_slice(format!("{:011o}", bytes.len()).as_bytes());
    header[156] = kind;
    header[257..265].copy_from_slice(b"ustar\x0000");
    seal_tar(&mut header);
    header.extend(bytes);
    header.resize(header.len().next_multiple_of(512), 0);
    header
}

/// Makes the checksum of a header.
fn seal_tar(header: &mut [u8]) {
    header[148..156].copy_from_slice(b"        ");
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

fn tar(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let members = members
        .iter()
        .flat_map(|(name, bytes)| tar_member(name, b'0', bytes));
    members.chain([0; 1024]).collect()
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zst(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

/// Writes a 7z whose members are stored, and whose header is not packed.
fn seven_zip(members: &[(&str, &[u8])], change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let number = |number: usize| {
        let mut bytes = vec![0xf0];
        bytes.extend((number as u32).to_le_bytes());
        bytes
    };
    let bytes: Vec<u8> = members
        .iter()
        .flat_map(|(_, bytes)| *bytes)
        .copied()
        .collect();
    // Packed parts, one block by the method "copy", its members.
    let mut header = vec![1, 4, 6, 0, 1, 9];
    header.extend(number(bytes.len()));
    header.extend([0, 7, 11, 1, 0, 1, 1, 0, 12]);
    header.extend(number(bytes.len()));
    header.extend([0, 8, 13]);
    header.extend(number(members.len()));
    header.push(9);
    for (_, bytes) in &members[..members.len() - 1] {
        header.extend(number(bytes.len()));
    }
    header.extend([10, 1]);
    for (_, bytes) in members {
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        header.extend(crc.sum().to_le_bytes());
    }
    header.extend([0, 0, 5]);
    header.extend(number(members.len()));
    let names: Vec<u8> = members
        .iter()
        .flat_map(|(name, _)| name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes))
        .collect();
    header.push(17);
    header.extend(number(names.len() + 1));
    header.push(0);
    header.extend(names);
    header.extend([0, 0]);
    change(&mut header);

    let crc = |bytes: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        crc.sum().to_le_bytes()
    };
    let mut start = (bytes.len() as u64).to_le_bytes().to_vec();
    start.extend((header.len() as u64).to_le_bytes());
    start.extend(crc(&header));
    [
        b"7z\xbc\xaf\x27\x1c\0\x04",
        &crc(&start)[..],
        &start,
        &bytes,
        &header,
    ]
    .concat()
}

fn at(folder: &str, logs: &[(String, Vec<u8>)]) -> Vec<(String, Vec<u8>)> {
    let at = |(name, bytes): &(String, Vec<u8>)| (format!("{folder}/{name}"), bytes.clone());
    logs.iter().map(at).collect()
}

#[test]
fn every_layout_gives_the_sessions_of_the_logs_that_were_packed() {
    let logs = logs("remote");
    assert!(logs.len() > 3);
    let plain = Case::new();
    for (name, bytes) in &logs {
        plain.write(name, bytes);
    }
    let expected = plain.analysed();
    assert!(expected.sessions.len() > 10);
    let inside = |volume: &str| at(&format!("{volume}/Windows/System32/winevt/Logs"), &logs);
    let vss = "uploads/ntfs_vss/%5C%5C%3F%5CGLOBALROOT%5CDevice%5CHarddiskVolumeShadowCopy1";
    let orc: Vec<(String, Vec<u8>)> = (0..)
        .zip(&logs)
        .map(|(number, (_, bytes))| (format!("evtx/00_{number}_1_x.data"), bytes.clone()))
        .collect();
    for (name, package) in [
        ("kape.zip", zip(&inside("out/C"))),
        (
            "Collection-SRV-ROWAN-2024-04-10T18_00_00Z.zip",
            zip(&inside("uploads/auto/C%3A")),
        ),
        (
            "velociraptor.zip",
            zip(&inside("uploads/ntfs/%5C%5C.%5CC%3A")),
        ),
        ("vss.zip", zip(&inside(vss))),
        ("cylr.zip", zip(&inside("C"))),
        ("flat.zip", zip(&logs)),
        ("acquire.tar", tar(&inside("fs/c:"))),
        ("old.tar", tar(&inside("sysvol"))),
        ("x.tar.gz", gz(&tar(&inside("C")))),
        ("x.tar.zst", zst(&tar(&inside("C")))),
        ("named like nothing", tar(&inside("C"))),
        (
            "DFIR-ORC_Server_SRV-ROWAN.corp.example_Little.7z",
            seven_zip(&[("Event.zip", &zip(&orc)), ("log.txt", b"x")], |_| {}),
        ),
        (
            "nested.tgz",
            gz(&tar(&[("x/inner.zip".to_owned(), zip(&inside("C")))])),
        ),
    ] {
        let analysis = Case::with(name, &package).analysed();
        assert_eq!(analysis.sessions, expected.sessions, "{name}");
        assert_eq!(analysis.skipped, [], "{name}");
        let others: Vec<_> = analysis
            .logs
            .iter()
            .filter(|l| l.other_host.is_some())
            .collect();
        assert!(others.is_empty(), "{name}: {others:?}");
    }
}

#[test]
fn logs_of_one_collection_are_of_one_folder_wherever_they_lie_in_it() {
    let folders = |paths: &[&str]| -> Vec<PathBuf> {
        let case = Case::new();
        for path in paths {
            case.write(path, &log());
        }
        let items = find(&[case.0.path().to_owned()]).items;
        let logs = items
            .iter()
            .flat_map(|item| item.open(&Unpacking::default()).unwrap().logs);
        let root = case.0.path();
        logs.map(|log| log.folder.strip_prefix(root).unwrap().to_owned())
            .collect()
    };
    let logs = "Windows/System32/winevt/Logs/Security.evtx";
    let of = |volumes: &[&str]| {
        let paths: Vec<String> = volumes.iter().map(|v| format!("ws/{v}/{logs}")).collect();
        folders(&paths.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let root = PathBuf::from("ws");
    assert_eq!(of(&["C", "C/Windows.old"]), [root.clone(), root.clone()]);
    let uploads = ["uploads/auto/C%3A", "uploads/ntfs/%5C%5C.%5CC%3A"];
    assert_eq!(of(&uploads), [root.clone(), root]);
}

#[test]
fn what_other_programs_packed_is_read() {
    let expected = Case::with("Security.evtx", &log()).analysed();
    let sessions = |name: &str| -> Vec<Session> {
        let analysis = read(&[made(name)], password("secret"));
        assert_eq!(analysis.skipped, [], "{name}");
        assert!(!analysis.is_partial(), "{name}");
        analysis.sessions
    };
    let files = fs::read_dir(made("")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let packages = names.filter(|name| !["README.md", "x509.zip"].contains(&name.as_str()));
    let mut count = 0;
    for name in packages {
        assert_eq!(sessions(&name), expected.sessions, "{name}");
        count += 1;
    }
    assert_eq!(count, 12);
}

#[test]
fn what_is_encrypted_says_what_opens_it() {
    let collection = "Collection-WS-ALDER-2024-03-05T10_00_00Z.zip";
    for name in [
        "aes.7z",
        "aes-list.7z",
        "aes.zip",
        "traditional.zip",
        collection,
    ] {
        let told_without = told(&[made(name)], Unpacking::default());
        assert_eq!(told_without.len(), 1, "{told_without:?}");
        let says = "encrypted: name a file with the password by --password-file";
        assert!(told_without[0].contains(says), "{told_without:?}");
        let told_with_wrong = told(&[made(name)], password("Secret"));
        assert_eq!(told_with_wrong.len(), 1, "{told_with_wrong:?}");
        let says = "encrypted, and not with the password that --password-file names";
        assert!(told_with_wrong[0].contains(says), "{told_with_wrong:?}");
    }
    let told = told(&[made("x509.zip")], Unpacking::default());
    assert!(told[0].contains("data.zip in it is encrypted for the holder of a private key"));
}

#[test]
fn packages_lie_in_one_another_but_not_in_a_third() {
    let inner = zip(&[("Security.evtx".to_owned(), log())]);
    let middle = zip(&[("inner.zip".to_owned(), inner)]);
    let case = Case::with("a.zip", &middle);
    assert_eq!(case.analysed().sessions.len(), 26);
    let analysis = case.analysed();
    let path = analysis.logs[0].path.strip_prefix(case.0.path()).unwrap();
    assert_eq!(path, Path::new("a.zip/inner.zip/Security.evtx"));
    let outer = Case::with("a.zip", &zip(&[("middle.zip".to_owned(), middle)]));
    let told = outer.skipped(Unpacking::default());
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("a.zip/middle.zip/inner.zip: not read: a package in a package in"));
}

#[test]
fn one_log_by_itself_may_be_compressed() {
    for (name, bytes) in [("a.evtx.gz", gz(&log())), ("a.zst", zst(&log()))] {
        let twice = [gz(&[]), bytes.clone()].concat();
        let analysis = Case::with(name, &bytes).analysed();
        assert_eq!(analysis.sessions.len(), 26);
        if name.ends_with("gz") {
            assert_eq!(Case::with(name, &twice).analysed().sessions.len(), 26);
        }
    }
}

#[test]
fn a_log_with_holes_is_rebuilt_or_refused() {
    let log = log();
    // The second chunk comes last, and a hole of a chunk before it.
    let (start, end) = log.split_at(4096 + 65536);
    let index = format!(
        r#"{{"ranges":[{{"file_length":{0},"length":{0}}},{{"file_offset":{0},"original_offset":{0},"length":65536}},
        {{"file_offset":{0},"original_offset":{1},"file_length":{2},"length":{2}}}]}}"#,
        start.len(),
        start.len() + 65536,
        end.len()
    );
    let whole = [start, &vec![0; 65536], end].concat();
    let expected = Case::with("Security.evtx", &whole).analysed();
    assert_eq!(expected.logs[0].account.unused_chunks, 1);
    let members = |index: &str| {
        let index = index.as_bytes().to_vec();
        let name = "uploads/ntfs/%5C%5C.%5CC%3A/Security.evtx";
        vec![
            (format!("{name}.idx"), index),
            (name.to_owned(), log.clone()),
        ]
    };
    let packed = Case::with("a.zip", &zip(&members(&index))).analysed();
    let unpacked = Case::new();
    for (name, bytes) in members(&index) {
        unpacked.write(&name, &bytes);
    }
    for analysis in [packed, unpacked.analysed()] {
        assert_eq!(analysis.sessions, expected.sessions);
        assert_eq!(analysis.logs[0].account, expected.logs[0].account);
    }
    for (index, why) in [
        ("{\"ranges\":7}".to_owned(), "invalid type"),
        (
            index.replace("original_offset", "length"),
            "duplicate field",
        ),
        (
            index.replace("\"file_offset\":", "\"file_offset\":9"),
            "bytes, and",
        ),
        (
            index.replace("\"original_offset\":", "\"original_offset\":99999999"),
            "it would have",
        ),
    ] {
        for told in [
            Case::with("a.zip", &zip(&members(&index))).skipped(Unpacking::default()),
            {
                let unpacked = Case::new();
                for (name, bytes) in members(&index) {
                    unpacked.write(&name, &bytes);
                }
                unpacked.skipped(Unpacking::default())
            },
        ] {
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].contains("it has holes, and the index"), "{told:?}");
            assert!(told[0].contains(why), "{told:?}");
        }
    }
}

#[test]
fn every_limit_is_told_and_what_came_before_it_is_read() {
    let zeros = vec![0; 1 << 20];
    let package = |extension: &str| {
        let members = [
            ("1.evtx".to_owned(), log()),
            ("2.evtx".to_owned(), [b"ElfFile\0", &zeros[..]].concat()),
            ("3.evtx".to_owned(), log()),
        ];
        let bytes = match extension {
            "zip" => zip(&members),
            "tar" => tar(&members),
            "tar.gz" => gz(&tar(&members)),
            _ => {
                let members: Vec<_> = members
                    .iter()
                    .map(|(n, b)| (n.as_str(), b.as_slice()))
                    .collect();
                seven_zip(&members, |_| {})
            }
        };
        Case::with(&format!("a.{extension}"), &bytes)
    };
    let size = log().len() as u64;
    let case = |extension: &str, limits_: Limits, logs: usize, says: &str| {
        let case = package(extension);
        let told = case.skipped(limits(limits_));
        assert_eq!(told.len(), 1, "{extension}: {told:?}");
        assert!(told[0].contains(says), "{extension}: {told:?}");
        if logs > 0 {
            let analysis = case.read(limits(limits_));
            assert_eq!(analysis.logs.len(), logs, "{extension}: {told:?}");
            assert_eq!(analysis.sessions.len(), 26, "{extension}");
            assert!(analysis.is_partial());
        }
    };
    let all = Limits::default();
    for extension in ["zip", "tar", "tar.gz", "7z"] {
        let member_bytes = size;
        let limits = Limits {
            member_bytes,
            ..all
        };
        let says =
            format!("2.evtx: not read: it unpacks to more than {size} bytes (--unpack-limit");
        case(extension, limits, 2, &says);
        let limits = Limits { members: 2, ..all };
        case(
            extension,
            limits,
            if extension.starts_with("tar") { 2 } else { 0 },
            "more than 2 members",
        );
    }
    for extension in ["zip", "tar.gz", "7z"] {
        let total_bytes = size + 4096;
        let limits = Limits { total_bytes, ..all };
        let says = "from 2.evtx on nothing is read";
        case(extension, limits, 1, says);
    }
    let (ratio, free_bytes) = (20, 1);
    for extension in ["zip", "tar.gz"] {
        let says = "the package unpacks to more than 20 times its own size";
        let limits = Limits {
            ratio,
            free_bytes,
            ..all
        };
        case(extension, limits, 1, says);
    }
    let sound = package("zip").read(limits(all));
    assert_eq!((sound.logs.len(), sound.skipped.len()), (3, 0));
}

#[test]
fn a_bomb_goes_off_within_its_limits() {
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    let zeros = vec![0; 1 << 20];
    bomb.write_all(b"ElfFile\0").unwrap();
    (0..100).for_each(|_| bomb.write_all(&zeros).unwrap());
    let bomb = bomb.finish().unwrap();
    assert!(bomb.len() < 110_000, "{}", bomb.len());
    // A hundred times the same, and that in another package.
    let bombs = (0..9).map(|number| (format!("{number}.gz"), bomb.clone()));
    let case = Case::with("a.zip", &zip(&bombs.collect::<Vec<_>>()));
    let small = Limits {
        free_bytes: 1 << 20,
        ..Limits::default()
    };
    let told = case.skipped(limits(small));
    assert!(
        told.iter()
            .any(|told| told.contains("as nothing but a trap does")),
        "{told:?}"
    );
}

#[test]
fn members_that_share_bytes_are_refused() {
    let zip = Zip::default().add("1.evtx", &log(), Pack::Stored);
    let same = zip.list("2.evtx", 0, 0).finish();
    let told = Case::with("a.zip", &same).skipped(Unpacking::default());
    assert_eq!(
        told,
        ["a.zip: not read: its members 1.evtx and 2.evtx overlap"]
    );
    // A member whose bytes are those of the next, header and all.
    let inner = Zip::default().add("inner", b"x", Pack::Stored);
    let header = inner.bytes.clone();
    let zip = Zip::default().add("outer", &header, Pack::Stored);
    let nested = zip.list("inner", 30 + 5, 0).finish();
    let told = Case::with("a.zip", &nested).skipped(Unpacking::default());
    assert_eq!(
        told,
        ["a.zip: not read: its members outer and inner overlap"]
    );
}

#[test]
fn names_that_lead_elsewhere_are_names_only() {
    let names = [
        "../../up.evtx",
        "/abs.evtx",
        "C:/drive.evtx",
        "..\\back.evtx",
        "nul\0byte.evtx",
        "",
        "same.evtx",
        "same.evtx",
    ];
    let members: Vec<_> = names.map(|name| (name.to_owned(), log())).to_vec();
    let expected = [
        "[..]/[..]/up.evtx",
        "[..]\\back.evtx",
        "[no name]",
        "abs.evtx",
        "C:/drive.evtx",
        "nul\0byte.evtx",
        "same.evtx",
        "same.evtx[2]",
    ];
    let mut sorted: Vec<PathBuf> = expected.iter().map(PathBuf::from).collect();
    sorted.sort();
    let case = Case::with("case/x/a.zip", &zip(&members));
    let analysis = case.analysed();
    let inside = case.0.path().join("case/x/a.zip");
    let paths: Vec<_> = analysis
        .logs
        .iter()
        .map(|log| log.path.strip_prefix(&inside).unwrap())
        .collect();
    assert_eq!(paths, sorted);
    assert_eq!(analysis.sessions.len(), 26);
    assert_eq!(
        fs::read_dir(case.0.path().join("case/x")).unwrap().count(),
        1
    );
    assert_eq!(fs::read_dir(case.0.path()).unwrap().count(), 1);
}

#[test]
fn links_and_devices_are_not_followed() {
    let members = [
        tar_member("folder/", b'5', b""),
        tar_member("hard.evtx", b'1', b""),
        tar_member("soft.evtx", b'2', b""),
        tar_member("device", b'3', b""),
        tar_member("pipe", b'6', b""),
        tar_member("Security.evtx", b'0', &log()),
    ];
    let tar = [members.concat(), vec![0; 1024]].concat();
    let analysis = Case::with("a.tar", &tar).analysed();
    assert_eq!((analysis.logs.len(), analysis.other_files), (1, 4));
    let mut zip = Zip::default().add("Security.evtx", &log(), Pack::Deflated);
    let header = zip.bytes.len() as u32;
    zip = zip.add("link.evtx", b"/etc/passwd", Pack::Stored);
    let listed = zip.directory.len();
    zip.directory.truncate(listed - 46 - "link.evtx".len());
    zip.members -= 1;
    let zip = zip.list("link.evtx", header, 0o120_777).finish();
    let analysis = Case::with("a.zip", &zip).analysed();
    assert_eq!((analysis.logs.len(), analysis.other_files), (1, 1));
    assert_eq!(analysis.skipped, []);
}

#[test]
fn long_names_of_tars_are_read() {
    let long = "x/".repeat(100) + "Security.evtx";
    let record = format!("path={long}\n");
    let record = format!("{} {record}", record.len() + 4);
    for ahead in [
        tar_member("pax", b'x', record.as_bytes()),
        tar_member("././@LongLink", b'L', format!("{long}\0").as_bytes()),
    ] {
        let tar = [ahead, tar_member("short", b'0', &log()), vec![0; 1024]].concat();
        let case = Case::with("a.tar", &tar);
        let path = case.0.path().join("a.tar").join(&long);
        assert_eq!(case.analysed().logs[0].path, path);
    }
}

#[test]
fn a_damaged_member_is_read_as_far_as_it_goes_and_the_damage_is_told() {
    let log = log();
    let sound = Zip::default()
        .add("1.evtx", &log, Pack::Stored)
        .add("2.evtx", &log, Pack::Deflated)
        .finish();
    let case = Case::with("a.zip", &sound);
    assert!(!case.analysed().is_partial());
    // The time in a record, which no checksum of the zip's own reader protects.
    let mut changed = sound.clone();
    changed[30 + 6 + 4096 + 65536 + 600] ^= 1;
    let analysis = Case::with("a.zip", &changed).analysed();
    let of_package = |log: usize| {
        let damage = analysis.logs[log].account.damage.iter();
        damage
            .filter(|damage| damage.kind == DamageKind::Package)
            .map(|damage| damage.message.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(of_package(0).len(), 1);
    assert!(of_package(0)[0].contains("its checksum is"));
    assert_eq!(of_package(1), Vec::<String>::new());
    assert_eq!(analysis.sessions.len(), 26);
    // A stream that breaks off: the records before the place are there.
    let cut = gz(&log);
    let cut = &cut[..cut.len() * 3 / 4];
    let analysis = Case::with("a.evtx.gz", cut).analysed();
    assert!(analysis.is_partial());
    assert!(analysis.logs[0].account.read > 50);
    let kinds: Vec<_> = analysis.logs[0]
        .account
        .damage
        .iter()
        .map(|d| d.kind)
        .collect();
    assert!(kinds.contains(&DamageKind::Package), "{kinds:?}");
}

#[test]
fn what_is_packed_in_one_go_is_read_up_to_where_it_breaks() {
    let mut whole = fs::read(made("lzma2.7z")).unwrap();
    whole[4000] ^= 0x55;
    let analysis = Case::with("a.7z", &whole).analysed();
    assert_eq!(analysis.skipped, []);
    let account = &analysis.logs[0].account;
    assert!(account.read > 10 && account.read < 161, "{account:?}");
    let last = account
        .damage
        .iter()
        .find(|d| d.kind == DamageKind::Package);
    assert!(
        last.unwrap()
            .message
            .starts_with("damaged in its package: ")
    );
    // Less is packed than the directory says: the second member breaks off, the third is not there.
    let log = log();
    let members: [(&str, &[u8]); 3] = [("1.evtx", &log), ("2.evtx", &log), ("3.evtx", &log)];
    let short = seven_zip(&members, |header| {
        let packed = (log.len() as u32 * 3 / 2).to_le_bytes();
        header[7..11].copy_from_slice(&packed);
    });
    let case = Case::with("a.7z", &short);
    let told = case.skipped(Unpacking::default());
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("a.7z: 1 member behind 2.evtx cannot be read: "),
        "{told:?}"
    );
    let logs = case.analysed().logs;
    let damaged = logs.iter().map(|log| log.account.damage.is_empty());
    assert_eq!(damaged.collect::<Vec<_>>(), [true, false]);
}

#[test]
fn a_package_cut_anywhere_is_told_and_does_no_harm() {
    let members = [("1.evtx".to_owned(), log()), ("2.evtx".to_owned(), log())];
    let stored: Vec<_> = members
        .iter()
        .map(|(n, b)| (n.as_str(), b.as_slice()))
        .collect();
    for (name, whole) in [
        ("a.zip", zip(&members)),
        ("a.tar", tar(&members)),
        ("a.tar.gz", gz(&tar(&members))),
        ("a.tar.zst", zst(&tar(&members))),
        ("a.7z", seven_zip(&stored, |_| {})),
        ("b.7z", fs::read(made("lzma2.7z")).unwrap()),
        ("c.zip", fs::read(made("deflate64.zip")).unwrap()),
    ] {
        // The end of a tar is nothing but zeros.
        let needed = if name == "a.tar" {
            whole.len() - 1024
        } else {
            whole.len()
        };
        for part in 1..20 {
            let cut = &whole[..needed * part / 20];
            let case = Case::with(name, cut);
            let told = case.skipped(Unpacking::default());
            let options = Options::default();
            let partial =
                analyse(&[case.0.path().to_owned()], options).is_ok_and(|a| a.is_partial());
            assert!(partial || !told.is_empty(), "{name} cut at {}", cut.len());
        }
    }
}

#[test]
fn changed_bytes_do_no_harm() {
    // xorshift64: the same in every run.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    let small = log()[..4096].to_vec();
    let members = [
        ("1.evtx".to_owned(), small.clone()),
        ("a/2".to_owned(), vec![1; 600]),
    ];
    let stored: Vec<_> = members
        .iter()
        .map(|(n, b)| (n.as_str(), b.as_slice()))
        .collect();
    let unpacking = limits(Limits {
        total_bytes: 1 << 20,
        ..Limits::default()
    });
    for round in 0..600 {
        let mut packages = vec![
            ("a.zip", zip(&members)),
            ("a.tar.gz", gz(&tar(&members))),
            ("a.tar", tar(&members)),
            ("a.tar.zst", zst(&tar(&members))),
        ];
        for name in [
            "aes.7z",
            "lzma.7z",
            "deflate64.zip",
            "aes.zip",
            "traditional.zip",
        ] {
            if round % 20 == 0 {
                packages.push((name, fs::read(made(name)).unwrap()));
            }
        }
        for (_, package) in &mut packages {
            for _ in 0..1 + random() % 8 {
                // The places that matter most are at the ends.
                let length = package.len();
                let at = match random() % 3 {
                    0 => random() % length.min(200),
                    1 => length - 1 - random() % length.min(200),
                    _ => random() % length,
                };
                package[at] = random() as u8;
            }
        }
        // The header of a 7z has a checksum: it is changed before that is made.
        let mut seven = [random(), random(), random(), random()];
        packages.push((
            "a.7z",
            seven_zip(&stored, |header| {
                for change in &mut seven {
                    let at = *change % header.len();
                    header[at] = (*change >> 32) as u8;
                }
            }),
        ));
        let case = Case::new();
        for (name, package) in packages {
            case.write(name, &package);
        }
        let unpacking = Unpacking {
            password: Some(b"secret".to_vec()),
            ..unpacking.clone()
        };
        for item in find(&[case.0.path().to_owned()]).items {
            let unpacked = item.open(&unpacking).unwrap();
            assert!(unpacked.logs.len() <= 2);
        }
    }
}

#[test]
fn large_members_go_to_files_without_names_and_give_the_same() {
    let case = Case::with(
        "a.zip",
        &zip(&at("C/Windows/System32/winevt/Logs", &logs("remote"))),
    );
    let none = Limits {
        member_memory: 0,
        ..Limits::default()
    };
    let few = Limits {
        package_memory: 100_000,
        ..Limits::default()
    };
    let contents = |limits_: Limits| {
        let items = find(&[case.0.path().to_owned()]).items;
        let logs = items[0].open(&limits(limits_)).unwrap().logs;
        let count = |is: fn(&Content) -> bool| logs.iter().filter(|log| is(&log.content)).count();
        (
            count(|content| matches!(content, Content::Memory(_))),
            count(|content| matches!(content, Content::Unnamed(_))),
        )
    };
    let all = contents(Limits::default()).0;
    assert_eq!(contents(none), (0, all));
    assert!(contents(few).0 > 0 && contents(few).1 > 0);
    let expected = case.analysed();
    assert_eq!(case.read(limits(none)), expected);
    assert_eq!(case.read(limits(few)), expected);
}

#[test]
fn many_packages_give_the_same_with_any_number_of_threads() {
    let case = Case::new();
    for (number, fixture) in (0..9).zip(["workday", "remote", "crash"].iter().cycle()) {
        case.write(&format!("{number}.zip"), &zip(&logs(fixture)));
        case.write(&format!("{number}.evtx"), &logs("two-hosts")[0].1);
    }
    let with = |threads| {
        let options = Options {
            threads: Some(threads),
            ..Options::default()
        };
        analyse(&[case.0.path().to_owned()], options).unwrap()
    };
    let expected = with(1);
    assert!(expected.logs.is_sorted_by_key(|log| &log.path));
    assert!(expected.logs.len() > 18);
    assert!([2, 3, 16].map(with).iter().all(|other| *other == expected));
}

#[test]
fn a_machine_that_the_layout_names_and_no_record_is_told_and_the_records_count() {
    let package = zip(&[(
        "uploads/auto/C%3A/Windows/System32/winevt/Logs/Security.evtx".to_owned(),
        log(),
    )]);
    let host = |name: &str| {
        let analysis = Case::with(name, &package).analysed();
        assert_eq!(&*analysis.sessions[0].host, "WS-ALDER.corp.example");
        analysis.logs[0].other_host.clone()
    };
    assert_eq!(host("Collection-ws-alder-2024-03-05T10_00_00Z.zip"), None);
    assert_eq!(host("a.zip"), None);
    let other = host("Collection-WS-BEECH-2024-03-05T10_00_00Z.zip");
    assert_eq!(other.as_deref(), Some("WS-BEECH"));
    let client = (
        "client_info.json".to_owned(),
        br#"{"Hostname":"WS-FIR"}"#.to_vec(),
    );
    let log = (
        "uploads/auto/C%3A/Windows/System32/winevt/Logs/Security.evtx".to_owned(),
        log(),
    );
    let case = Case::with("a.zip", &zip(&[log, client]));
    assert_eq!(
        case.analysed().logs[0].other_host.as_deref(),
        Some("WS-FIR")
    );
}

#[test]
fn a_package_without_logs_is_a_file_like_any_other_unless_it_was_named() {
    let document = zip(&[
        ("word/document.xml".to_owned(), b"<x/>".to_vec()),
        ("y".to_owned(), vec![]),
    ]);
    let case = Case::with("letter.docx", &document);
    case.write("Security.evtx", &log());
    let analysis = case.analysed();
    assert_eq!((analysis.other_files, analysis.skipped.len()), (1, 0));
    let named = told(&[case.0.path().join("letter.docx")], Unpacking::default());
    assert_eq!(named, [": no event log is in this package"]);
    // Broken ones: of the same kind, and one that says that it is a package.
    let case = Case::with("letter.docx", &document[..document.len() - 30]);
    case.write("Security.evtx", &log());
    assert_eq!(case.analysed().skipped, []);
    assert_eq!(case.analysed().other_files, 1);
    case.write("x.zip", &document[..document.len() - 30]);
    case.write("y.7z", b"nothing");
    let told = case.skipped(Unpacking::default());
    assert_eq!(
        told,
        [
            "x.zip: a broken package: it has no directory at its end: it was cut off, or is no zip; read is what the headers of its members tell",
            "y.7z: a broken package: it does not begin like one"
        ]
    );
}

#[test]
fn a_package_that_breaks_off_is_told_whatever_it_is_called() {
    let members = [("1.evtx".to_owned(), log())];
    let stored = [("1.evtx", members[0].1.as_slice())];
    let half = |whole: Vec<u8>| whole[..whole.len() / 2].to_vec();
    for (cut, reason) in [
        (half(zip(&members)), "a broken package: it has no directory"),
        (
            half(seven_zip(&stored, |_| {})),
            "a broken package: its directory lies beyond",
        ),
        (gz(&log())[..14].to_vec(), "it cannot be read: "),
        (
            zst(&log())[..12].to_vec(),
            "it cannot be read: it ends in the middle of a ",
        ),
        (half(tar(&members)), "the package is damaged"),
    ] {
        let case = Case::with("host", &cut);
        case.write("Security.evtx", &log());
        let told = case.skipped(Unpacking::default());
        assert!(
            matches!(&told[..], [told] if told.starts_with(&format!("host: {reason}"))),
            "{told:?}"
        );
        let outer = zip(&[("host".to_owned(), cut), ("2.evtx".to_owned(), log())]);
        let told = Case::with("a", &outer).skipped(Unpacking::default());
        assert!(
            matches!(&told[..], [told] if told.starts_with(&format!("a/host: {reason}"))),
            "{told:?}"
        );
    }
}

#[test]
fn what_has_a_magic_of_a_package_alone_is_a_file_like_any_other() {
    let case = Case::with("Security.evtx", &log());
    let magics: [&[u8]; 5] = [
        b"PK\x03\x04",
        b"PK\x05\x06",
        b"7z\xbc\xaf\x27\x1c",
        b"\x1f\x8b\x08",
        b"\x28\xb5\x2f\xfd",
    ];
    for (number, magic) in magics.into_iter().enumerate() {
        case.write(&format!("f{number}"), &[magic, &[0xee; 600]].concat());
    }
    let analysis = case.analysed();
    assert_eq!((analysis.other_files, analysis.skipped), (5, vec![]));
}

#[test]
fn what_a_compressed_file_holds_is_judged_by_its_own_name() {
    let case = Case::with("Security.evtx", &log());
    case.write("memory.raw.gz", &gz(&[7; 2000]));
    assert_eq!(case.skipped(Unpacking::default()), [""; 0]);
    assert_eq!(case.analysed().other_files, 1);
    case.write("b.tar.gz", &gz(&[7; 2000]));
    case.write("c.evtx.zst", &zst(b"MZ"));
    assert_eq!(
        case.skipped(Unpacking::default()),
        [
            "b.tar.gz: a broken package: what it unpacks to does not begin like one",
            "c.evtx.zst: not an event log: it starts with \"MZ\", not with \"ElfFile\\x00\""
        ]
    );
    let named = [case.0.path().join("memory.raw.gz")];
    let told = told(&named, Unpacking::default());
    assert_eq!(told, [": no event log is in this package"]);
}

#[test]
fn logs_of_one_name_in_a_package_are_told_apart() {
    let name = |name: &str| (name.to_owned(), log());
    let members = [
        name("a.evtx"),
        name("a.evtx"),
        name("a.evtx[2]"),
        name("a.evtx"),
    ];
    for (package, bytes) in [("a.zip", zip(&members)), ("a.tar", tar(&members))] {
        let case = Case::with(package, &bytes);
        let analysis = case.analysed();
        let paths = analysis.logs.iter();
        let paths: Vec<_> = paths
            .map(|l| l.path.file_name().unwrap().to_str().unwrap())
            .collect();
        assert_eq!(paths, ["a.evtx", "a.evtx[2]", "a.evtx[3]", "a.evtx[4]"]);
    }
}

#[test]
fn a_member_named_like_a_log_that_is_none_is_told() {
    let members = [
        ("a.evtx".to_owned(), b"MZ".to_vec()),
        ("b.evtx".to_owned(), vec![]),
        ("c".to_owned(), log()),
    ];
    for (name, package) in [("a.zip", zip(&members)), ("a.tar", tar(&members))] {
        let told = Case::with(name, &package).skipped(Unpacking::default());
        let expected = [
            format!(
                "{name}/a.evtx: not an event log: it starts with \"MZ\", not with \"ElfFile\\x00\""
            ),
            format!("{name}/b.evtx: the file is empty"),
        ];
        assert_eq!(told, expected);
    }
}

/// Bytes that cannot be packed: xorshift64, the same in every run.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let bytes = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    });
    bytes.take(length).collect()
}

#[test]
fn what_a_broken_zstandard_stream_holds_is_read_to_its_last_whole_block() {
    const BLOCK: usize = 1 << 17;
    let plain = [log(), noise(3 * BLOCK)].concat();
    let (blocks, rest) = (plain.len() / BLOCK, plain.len() % BLOCK);
    let whole = zst(&plain);
    let cut = &whole[..whole.len() - 100];
    // The last block, which is stored, and the checksum behind it.
    let header = whole.len() - 4 - rest - 3;
    assert_eq!(whole[header] & 7, 1);
    let mut changed = whole.clone();
    changed[header..header + 3].fill(0xff);
    for (name, bytes) in [("cut", cut), ("changed", &changed)] {
        let analysis = Case::with("a.evtx.zst", bytes).analysed();
        assert_eq!(analysis.sessions.len(), 26, "{name}");
        let account = &analysis.logs[0].account;
        assert!(account.bytes as usize >= blocks * BLOCK, "{name}");
        let mut damage = account.damage.iter();
        assert!(damage.any(|damage| damage.kind == DamageKind::Package));
    }
    // All but the checksum.
    let analysis = Case::with("a.evtx.zst", &whole[..whole.len() - 1]).analysed();
    assert_eq!(analysis.logs[0].account.bytes as usize, plain.len());
    assert!(analysis.is_partial());
}

#[test]
fn what_lies_behind_a_sparse_member_of_many_parts_is_read() {
    // The header of a member of 4 parts says that another with 21 follows, and that a third.
    let mut sparse = tar_member("holes", b'S', &[7; 700]);
    sparse[482] = 1;
    seal_tar(&mut sparse[..512]);
    let mut more = vec![0; 1024];
    more[..24].copy_from_slice(b"00000001000\x0000000000010\x00");
    more[504] = 1;
    let (header, bytes) = sparse.split_at(512);
    let behind = tar_member("a.evtx", b'0', &log());
    let tar = [header, &more, bytes, &behind, &[0; 1024]].concat();
    let case = Case::with("a.tar", &tar);
    assert_eq!(case.analysed().sessions.len(), 26);
    let told = case.skipped(Unpacking::default());
    assert!(
        matches!(&told[..], [told] if told.starts_with("a.tar/holes: not read: it is stored without its holes")),
        "{told:?}"
    );
}

#[test]
fn bytes_that_the_index_of_a_log_with_holes_does_not_name_are_told() {
    let log = log();
    let ranges = |ranges: &[(usize, usize)]| {
        let range = |&(stored, length): &(usize, usize)| {
            format!(
                r#"{{"file_offset":{stored},"original_offset":{stored},"file_length":{length},"length":{length}}}"#
            )
        };
        let ranges: Vec<_> = ranges.iter().map(range).collect();
        format!(r#"{{"ranges":[{}]}}"#, ranges.join(","))
    };
    let behind = log.len() - 5096;
    for (index, expected) in [
        (ranges(&[(0, log.len())]), None),
        // Twice the same bytes, in two places.
        (
            ranges(&[(0, log.len())]).replace(
                "]}",
                r#",{"original_offset":9999999,"file_length":512,"length":512}]}"#,
            ),
            None,
        ),
        (ranges(&[(0, 4096)]), Some(log.len() - 4096)),
        (ranges(&[(0, 4096), (5096, behind)]), Some(1000)),
        (ranges(&[]), Some(log.len())),
    ] {
        let members = [
            ("Security.evtx.idx".to_owned(), index.clone().into_bytes()),
            ("Security.evtx".to_owned(), log.clone()),
        ];
        let unpacked = Case::new();
        for (name, bytes) in &members {
            unpacked.write(name, bytes);
        }
        for case in [Case::with("a.zip", &zip(&members)), unpacked] {
            let analysis = case.analysed();
            let damage = analysis.logs[0].account.damage.iter();
            let told = damage.filter(|damage| damage.message.contains("index"));
            let told: Vec<_> = told.map(|damage| damage.message.clone()).collect();
            let expected = expected.map(|bytes| {
                format!(
                    "the index beside it (.idx) does not name {bytes} of the {} bytes that are stored: they are not read",
                    log.len()
                )
            });
            assert_eq!(told, expected.into_iter().collect::<Vec<_>>(), "{index}");
            assert!(told.is_empty() || analysis.is_partial());
        }
    }
}

#[test]
fn a_member_with_bytes_is_a_file_however_its_name_ends() {
    for name in ["Security.evtx/", r"logs\Security.evtx\"] {
        let zip = zip(&[(name.to_owned(), log()), ("empty/".to_owned(), vec![])]);
        let analysis = Case::with("a.zip", &zip).analysed();
        assert_eq!((analysis.sessions.len(), analysis.other_files), (26, 0));
    }
    let members = [
        tar_member("Security.evtx/", b'0', &log()),
        tar_member("empty/", b'0', b""),
        vec![0; 1024],
    ];
    let analysis = Case::with("a.tar", &members.concat()).analysed();
    assert_eq!((analysis.sessions.len(), analysis.other_files), (26, 0));
}

#[test]
fn a_member_of_a_zip_that_was_packed_from_a_pipe_is_read() {
    let unlisted = Zip::default().add("-", &log(), Pack::Deflated);
    // A pipe, a folder that has bytes, a device; and what nobody knows.
    for mode in [0o10_600, 0o40_755, 0o20_644, 0o70_000] {
        let zip = Zip {
            bytes: unlisted.bytes.clone(),
            ..Zip::default()
        };
        let analysis = Case::with("a.zip", &zip.list("-", 0, mode).finish()).analysed();
        assert_eq!(analysis.sessions.len(), 26, "{mode:o}");
    }
}

#[test]
fn zeros_behind_a_gzip_stream_are_no_damage_and_anything_else_is() {
    let padded = [gz(&log()), vec![0; 70_000]].concat();
    assert!(!Case::with("a.evtx.gz", &padded).analysed().is_partial());
    let members = [("1.evtx".to_owned(), log())];
    let tar = [gz(&tar(&members)), vec![0; 7]].concat();
    assert!(!Case::with("a.tar.gz", &tar).analysed().is_partial());
    for more in [&b"more"[..], &gz(b"more")[..9]] {
        let other = [&gz(&log()), more].concat();
        let analysis = Case::with("a.evtx.gz", &other).analysed();
        assert_eq!(analysis.sessions.len(), 26);
        assert!(analysis.is_partial());
    }
}

#[test]
fn each_of_several_logs_with_holes_of_one_name_has_its_own_index() {
    let log = log();
    let (start, end) = log.split_at(4096 + 65536);
    let index = |hole: usize| {
        let behind = start.len() + hole;
        format!(
            r#"{{"ranges":[{{"file_length":{0},"length":{0}}},
            {{"file_offset":{0},"original_offset":{behind},"file_length":{1},"length":{1}}}]}}"#,
            start.len(),
            end.len()
        )
    };
    let name = |name: &str, bytes: &[u8]| (name.to_owned(), bytes.to_vec());
    let members = [
        name("a.evtx", &log),
        name("a.evtx", &log),
        name("a.evtx.idx", index(65536).as_bytes()),
        name("a.evtx.idx", index(131_072).as_bytes()),
    ];
    let unused = |analysis: &Analysis| {
        let logs = analysis.logs.iter();
        logs.map(|log| log.account.unused_chunks)
            .collect::<Vec<_>>()
    };
    for (package, bytes) in [("a.zip", zip(&members)), ("a.tar", tar(&members))] {
        assert_eq!(unused(&Case::with(package, &bytes).analysed()), [1, 2]);
    }
    let told = Case::with("a.zip", &zip(&members[..3])).skipped(Unpacking::default());
    let reason = "a.zip/a.evtx: not read: it has holes, and the index beside it (.idx) does not tell where: it is that of another log of this name";
    assert_eq!(told, [reason]);
}

#[test]
fn a_package_of_a_format_that_is_not_read_is_told_wherever_it_is() {
    let formats: [(&str, &[u8]); 6] = [
        ("xz", b"\xfd7zXZ\0\0\x04"),
        ("RAR", b"Rar!\x1a\x07\0"),
        ("RAR", b"Rar!\x1a\x07\x01\0"),
        ("LZ4", b"\x04\x22\x4d\x18\x60"),
        ("bzip2", b"BZh91AY&SY"),
        ("bzip2", b"BZh9\x17rE8P\x90"),
    ];
    for (format, start) in formats {
        let bytes = [start, &noise(2000)].concat();
        let reason = format!("a package of a format that is not read ({format}): unpack it first");
        let case = Case::with("Security.evtx", &log());
        case.write("x", &bytes);
        assert_eq!(case.skipped(Unpacking::default()), [format!("x: {reason}")]);
        assert!(case.analysed().is_partial());
        let named = [case.0.path().join("x")];
        assert_eq!(told(&named, Unpacking::default()), [format!(": {reason}")]);
        let members = [("x.evtx".to_owned(), bytes.clone())];
        for (name, package, at) in [
            ("a.zip", zip(&members), "a.zip/x.evtx"),
            ("a.tar", tar(&members), "a.tar/x.evtx"),
            ("x.gz", gz(&bytes), "x.gz"),
        ] {
            let case = Case::with(name, &package);
            let told = case.skipped(Unpacking::default());
            assert_eq!(told, [format!("{at}: {reason}")]);
        }
    }
    let case = Case::with("Security.evtx", &log());
    case.write("x", b"BZh9 and other texts");
    assert_eq!(case.skipped(Unpacking::default()), [""; 0]);
}

#[test]
fn what_looks_like_the_end_of_a_zip_in_its_comment_is_not_its_end() {
    let mut zip = zip(&[("Security.evtx".to_owned(), log())]);
    let length = zip.len();
    let comment = Zip::default().finish();
    zip[length - 2..].copy_from_slice(&(comment.len() as u16).to_le_bytes());
    zip.extend(comment);
    let analysis = Case::with("a.zip", &zip).analysed();
    assert_eq!(
        (analysis.sessions.len(), analysis.is_partial()),
        (26, false)
    );
}

#[test]
fn bytes_of_a_package_that_belong_to_none_of_its_members_are_told() {
    let one = [("1.evtx".to_owned(), log())];
    let other = [("2".to_owned(), b"other".to_vec())];
    let zeros = vec![0; 3072];
    let front = zip(&other).len();
    for (name, bytes, expected) in [
        ("a.zip", [zip(&one), zeros.clone()].concat(), None),
        (
            "a.zip",
            [zip(&one), b"more".to_vec()].concat(),
            Some("4 bytes behind its end are not read".to_owned()),
        ),
        (
            "a.zip",
            [zip(&other), zip(&one)].concat(),
            Some(format!("{front} bytes in front of what its directory tells of are not read, as if two zips were joined")),
        ),
        ("a.tar", [tar(&one), zeros.clone()].concat(), None),
        ("a.tar", [tar(&other), zeros, tar(&one)].concat(), None),
        (
            "a.tar.gz",
            gz(&[tar(&one), noise(700)].concat()),
            Some("the package is damaged, and what follows is not read: behind its end is something else".to_owned()),
        ),
    ] {
        let analysis = Case::with(name, &bytes).analysed();
        assert_eq!(analysis.sessions.len(), 26);
        let told: Vec<_> = analysis.skipped.into_iter().map(|s| s.reason).collect();
        assert_eq!(told, expected.into_iter().collect::<Vec<_>>());
    }
    // Of a directory without members there are members all the same.
    let empty = [&zip(&other)[..front - 22], &Zip::default().finish()].concat();
    let case = Case::with("a.zip", &empty);
    let told = case.skipped(Unpacking::default());
    assert!(
        matches!(&told[..], [told] if told.starts_with("a.zip: a broken package: its directory is empty, and it is not")),
        "{told:?}"
    );
}

#[test]
fn a_zip_behind_a_program_that_unpacks_it_is_read() {
    let zip = zip(&[("Security.evtx".to_owned(), log())]);
    let program = [b"MZ".to_vec(), noise(5000), zip].concat();
    let case = Case::with("collection.exe", &program);
    assert_eq!(case.analysed().sessions.len(), 26);
    assert_eq!(case.skipped(Unpacking::default()), [""; 0]);
    let case = Case::with("Security.evtx", &log());
    case.write("program.exe", &program[..4000]);
    assert_eq!(case.analysed().other_files, 1);
}

#[test]
fn members_of_a_zip_without_its_end_are_read_up_to_where_it_breaks_off() {
    let log = log();
    let zip = |pack| {
        let zip = Zip::default().add("1.evtx", &log, pack);
        zip.add("2.evtx", &log, pack).add("3", b"more", pack)
    };
    // The same, as written by who does not know the sizes beforehand: they follow each member.
    let streamed = |pack, is_64: bool| {
        let mut bytes = Vec::new();
        for (name, of) in [("1.evtx", &log[..]), ("empty", b""), ("2.evtx", &log)] {
            let mut member = Zip::default().add(name, of, pack).bytes;
            let sums = member[14..26].to_vec();
            member[14..26].fill(0);
            member[6] |= 8;
            bytes.extend(member);
            bytes.extend(b"PK\x07\x08");
            bytes.extend(&sums[..4]);
            for size in sums[4..].chunks(4) {
                bytes.extend(size);
                bytes.extend(if is_64 { &[0; 4][..] } else { &[] });
            }
        }
        bytes
    };
    for pack in [Pack::Stored, Pack::Deflated] {
        for (bytes, behind) in [
            (zip(pack).finish(), 30),
            (zip(pack).bytes, 0),
            (streamed(pack, false), 0),
            (streamed(pack, true), 0),
        ] {
            let case = Case::with("a.zip", &bytes[..bytes.len() - behind]);
            let analysis = case.analysed();
            assert_eq!(analysis.sessions.len(), 26);
            let whole = analysis
                .logs
                .iter()
                .map(|log| log.account.damage.is_empty());
            assert_eq!(whole.collect::<Vec<_>>(), [true, true]);
            let told: Vec<_> = analysis.skipped.into_iter().map(|s| s.reason).collect();
            assert_eq!(
                told,
                [
                    "a broken package: it has no directory at its end: it was cut off, or is no zip; read is what the headers of its members tell"
                ]
            );
            // Within the second: the first is whole, and the other is damaged.
            let cut = Case::with("a.zip", &bytes[..bytes.len() * 3 / 4]).analysed();
            let whole = cut.logs.iter().map(|log| log.account.damage.is_empty());
            assert_eq!(whole.collect::<Vec<_>>(), [true, false]);
        }
    }
}

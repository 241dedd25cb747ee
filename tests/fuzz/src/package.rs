//! Any bytes as a package.

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;
use winsessions::evidence::{Limits, Unpacking, find};

/// What a package may unpack to here.
const MOST: u64 = 4 << 20;

static FOLDER: LazyLock<tempfile::TempDir> =
    LazyLock::new(|| tempfile::tempdir().expect("a folder"));

/// Any bytes are a package or none: what comes out of one keeps to the limits, and can be read.
pub fn package(bytes: &[u8]) {
    // Each thread has a file of its own.
    let name = format!("{:?}.zip", std::thread::current().id());
    let path: PathBuf = FOLDER.path().join(name);
    fs::write(&path, bytes).expect("a file");
    let how = Unpacking {
        limits: Limits {
            members: 1_000,
            member_bytes: MOST,
            total_bytes: MOST,
            free_bytes: MOST,
            ..Limits::default()
        },
        password: Some(b"secret".to_vec()),
    };
    for item in find(&[path]).items {
        let is_package = item.is_package();
        let found = item.open(&how).expect("there is a place");
        let mut unpacked = 0;
        for log in &found.logs {
            let size = log.content.size();
            unpacked += size;
            let mut start = vec![0; size.min(4096) as usize];
            let opened = log.content.open().expect("what was unpacked can be opened");
            opened
                .read_at(&mut start, 0)
                .expect("what was unpacked can be read");
        }
        assert!(!is_package || unpacked <= MOST, "{unpacked} bytes");
        assert!(found.logs.is_sorted_by(|one, other| one.path <= other.path));
    }
}

//! Real logs, where there are some: `WINSESSIONS_CORPUS` names their folder.

use std::path::{Path, PathBuf};

/// The folder; nothing if there is none, which is told.
pub fn corpus() -> Option<PathBuf> {
    let named = std::env::var_os("WINSESSIONS_CORPUS").map(PathBuf::from);
    let path =
        named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"));
    if !path.is_dir() {
        eprintln!("SKIPPED: no corpus of real logs at {}", path.display());
        return None;
    }
    Some(path)
}

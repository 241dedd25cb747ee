//! What is fuzzed: each target takes any bytes and panics where something that must always hold does not.
//!
//! `cargo +nightly fuzz run --fuzz-dir tests/fuzz TARGET` runs one; `tests/seeds.rs` runs the seeds of all with any
//! compiler, through the same functions.

#[path = "../../agreement/compare.rs"]
#[allow(dead_code)]
mod compare;
mod evidence;
mod package;
mod plan;
mod scenario;
mod sessions;
mod take;

pub use evidence::{chunk, log, log_of};
pub use package::package;
pub use plan::plan;
pub use scenario::scenario;
pub use sessions::{check, sessions};

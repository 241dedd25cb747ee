//! Session timelines out of Windows event logs.
//!
//! Data goes one way; a module imports only from its left:
//!
//! ```text
//! evidence -> log -> event -> session -> analysis -> filter -> overlap -> summary -> export -> report -> batch -> schema
//! ```
//!
//! Leaves used by all: [`text`], [`sid`], [`guid`], [`time`], [`damage`], [`spoof`], [`progress`], [`error`]. The binary sits on top. [`synth`] stands apart: it writes
//! logs from stories and shares no code with what reads them, so that a common mistake shows.
#![forbid(unsafe_code)]

pub mod analysis;
pub mod batch;
pub mod damage;
mod digits;
pub mod error;
pub mod event;
pub mod evidence;
pub mod export;
pub mod filter;
pub mod guid;
pub mod log;
mod named;
pub mod overlap;
pub mod progress;
pub mod report;
pub mod schema;
pub mod session;
pub mod sid;
pub mod spoof;
pub mod summary;
pub mod synth;
pub mod text;
pub mod time;

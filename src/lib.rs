//! Session timelines out of Windows event logs.
#![forbid(unsafe_code)]

pub mod synth;

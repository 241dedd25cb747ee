#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| winsessions_fuzz::plan(bytes));

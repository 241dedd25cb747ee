//! Numbers and moments as text, appended to bytes: a result has millions of them.

use crate::time::{LocalTime, TICKS_PER_SECOND, Ticks, Time, two_digits};
use std::fmt::Display;
use std::io::Write;

/// A number in decimal digits.
pub(crate) fn decimal(number: u64, bytes: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let (mut rest, mut start) = (number, digits.len());
    let (pairs, _) = digits.as_chunks_mut();
    for pair in pairs.iter_mut().rev() {
        *pair = two_digits((rest % 100) as u32);
        start -= if rest < 10 { 1 } else { 2 };
        rest /= 100;
        if rest == 0 {
            break;
        }
    }
    bytes.extend_from_slice(digits.get(start..).unwrap_or_default());
}

const HEX: [u8; 16] = *b"0123456789abcdef";

/// A number in lower-case hex, `0x3e7`, with at least so many digits.
pub(crate) fn hex(number: u64, least: usize, bytes: &mut Vec<u8>) {
    let mut digits = [b'0'; 16];
    let (mut rest, mut start) = (number, digits.len());
    for digit in digits.iter_mut().rev() {
        *digit = HEX[(rest % 16) as usize];
        start -= 1;
        rest /= 16;
        if rest == 0 {
            break;
        }
    }
    bytes.extend_from_slice(b"0x");
    let start = start.min(digits.len().saturating_sub(least));
    bytes.extend_from_slice(digits.get(start..).unwrap_or_default());
}

/// A number as sixteen digits of lower-case hex.
pub(crate) fn sixteen(number: u64) -> String {
    let bytes = number.to_be_bytes();
    let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    halves
        .map(|half| char::from(HEX[usize::from(half)]))
        .collect()
}

/// Ticks in seconds: as many decimals as needed, seven at most.
pub(crate) fn seconds(ticks: Ticks, bytes: &mut Vec<u8>) {
    let per_second = TICKS_PER_SECOND.unsigned_abs();
    if ticks < 0 {
        bytes.push(b'-');
    }
    decimal(ticks.unsigned_abs() / per_second, bytes);
    let fraction = (ticks.unsigned_abs() % per_second) as u32;
    if fraction > 0 {
        let [a, b] = two_digits(fraction / 100_000);
        let [c, d] = two_digits(fraction / 1000 % 100);
        let [e, f] = two_digits(fraction / 10 % 100);
        let [_, g] = two_digits(fraction % 10);
        bytes.extend_from_slice(&[b'.', a, b, c, d, e, f, g]);
        while bytes.last() == Some(&b'0') {
            bytes.pop();
        }
    }
}

/// A moment in UTC, as [`Time`] prints it.
pub(crate) fn time(time: Time, bytes: &mut Vec<u8>) {
    match time.text() {
        Some(text) => bytes.extend_from_slice(&text),
        None => shown(time, bytes),
    }
}

/// A moment with its offset, as [`LocalTime`] prints it.
pub(crate) fn local_time(local: LocalTime, bytes: &mut Vec<u8>) {
    let Some([text @ .., b'Z']) = local.time.plus(local.offset.ticks()).text() else {
        return shown(local, bytes);
    };
    bytes.extend_from_slice(&text);
    let minutes = local.offset.minutes();
    bytes.push(if minutes < 0 { b'-' } else { b'+' });
    bytes.extend_from_slice(&two_digits(minutes.unsigned_abs() / 60));
    bytes.push(b':');
    bytes.extend_from_slice(&two_digits(minutes.unsigned_abs() % 60));
}

/// Whatever prints itself, as it does.
pub(crate) fn shown(value: impl Display, bytes: &mut Vec<u8>) {
    // Writing to memory does not fail.
    let _ = write!(bytes, "{value}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::UtcOffset;
    use proptest::prelude::*;

    fn text(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut bytes = Vec::new();
        write(&mut bytes);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn seconds_are_exact_and_carry_no_needless_zero() {
        let told = |ticks| text(|bytes| seconds(ticks, bytes));
        assert_eq!(told(36_000_000_000), "3600");
        assert_eq!(told(150_000), "0.015");
        assert_eq!(told(1), "0.0000001");
        assert_eq!(told(0), "0");
        assert_eq!(told(-15_000_000), "-1.5");
        assert_eq!(told(100_000_000), "10");
        assert_eq!(told(i64::MIN), "-922337203685.4775808");
        assert_eq!(told(i64::MAX), "922337203685.4775807");
    }

    proptest! {
        #[test]
        fn numbers_have_the_digits_that_the_language_gives_them(number: u64, small: u8) {
            for number in [number, u64::from(small), 0, u64::MAX] {
                prop_assert_eq!(text(|bytes| decimal(number, bytes)), number.to_string());
                prop_assert_eq!(text(|bytes| hex(number, 1, bytes)), format!("{number:#x}"));
                prop_assert_eq!(text(|bytes| hex(number, 8, bytes)), format!("{number:#010x}"));
                prop_assert_eq!(sixteen(number), format!("{number:016x}"));
            }
        }

        #[test]
        fn moments_have_the_text_that_they_print_anywhere_in_the_range_of_a_filetime(
            ticks: u64,
            minutes in -1439..1440,
        ) {
            // Half of all are beyond the year 10000.
            for ticks in [ticks, ticks / 7, 0, u64::MAX] {
                let moment = Time::from_filetime(ticks);
                prop_assert_eq!(text(|bytes| time(moment, bytes)), moment.to_string());
                let offset = UtcOffset::from_minutes(minutes).unwrap();
                let local = LocalTime { time: moment, offset };
                prop_assert_eq!(text(|bytes| local_time(local, bytes)), local.to_string());
            }
        }
    }
}

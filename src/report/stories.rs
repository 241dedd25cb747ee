//! What `explain` says of sessions, packed: a page of many sessions says much the same over and over.
//!
//! In: the sessions. Out: elements of text, each the stories of some sessions one after the other: zlib, then base64. A story is
//! lines; each begins with a digit, how many steps in it stands, or `h` if it is a heading; an empty line ends the story.

use super::Report;
use super::markup::base64;
use crate::analysis::in_parallel;
use crate::export::{Line, Stories};
use crate::session::{Interactivity, Session};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use std::io::{self, Write};

/// How many stories a page holds; each takes some 200 bytes of it.
pub(super) const MOST: usize = 100_000;

/// How many stories are packed together: a click unpacks as many.
pub(super) const TOGETHER: usize = 200;

/// The places of the sessions whose stories are told, in order: of too many those of people first, services last.
pub(super) fn chosen(sessions: &[&Session]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..sessions.len()).collect();
    if places.len() > MOST {
        let rank = |place: &usize| match sessions[*place].interactivity {
            Interactivity::Interactive => 0,
            Interactivity::Unknown => 1,
            Interactivity::Network => 2,
            Interactivity::NonInteractive => 3,
        };
        places.sort_by_key(rank);
        places.truncate(MOST);
        places.sort_unstable();
    }
    places
}

pub(super) fn write(report: &Report<'_>, told: &[usize], out: &mut impl Write) -> io::Result<()> {
    let sessions = told.iter().filter_map(|&place| report.sessions.get(place));
    let stories = Stories::new(report.view, sessions.copied());
    let blocks: Vec<&[usize]> = told.chunks(TOGETHER).collect();
    let packed = in_parallel(report.threads, &blocks, |places| {
        let mut text = String::new();
        for session in places.iter().filter_map(|&at| report.sessions.get(at)) {
            stories
                .tell(session)
                .iter()
                .for_each(|l| line(l, &mut text));
            text.push('\n');
        }
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
        packed.write_all(text.as_bytes())?;
        Ok(base64(&packed.finish()?))
    });
    let packed: Vec<io::Result<String>> = packed.map_err(io::Error::other)?;
    for (number, block) in packed.into_iter().enumerate() {
        writeln!(
            out,
            "<script type=\"text/plain\" id=\"stories-{number}\">{}</script>",
            block?
        )?;
    }
    Ok(())
}

fn line(line: &Line, text: &mut String) {
    match line.is_heading {
        true => text.push('h'),
        false => text.extend(char::from_digit(line.depth as u32, 10)),
    }
    text.push_str(&line.text);
    text.push('\n');
}

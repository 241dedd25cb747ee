//! Shows how far a run is, on standard error: a bar on a terminal, else a line now and then. A run that is over soon shows nothing.

use crate::cli::terminal_width;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use winsessions::export::messages::{Level, LogFormat, Message, Topic};
use winsessions::export::{cut, visible, width};
use winsessions::progress::Progress;

/// How long nothing shows, and then how often a bar is drawn anew.
const FIRST: Duration = Duration::from_millis(500);
const DRAWN: Duration = Duration::from_millis(100);

/// How often a line is written.
const LINES: Duration = Duration::from_secs(10);

/// How many characters a bar has.
const CELLS: u64 = 20;

/// What a run does before it knows how much there is to read, and after it has read that.
#[derive(Clone, Copy)]
pub struct Steps {
    first: &'static str,
    last: &'static str,
}

/// Of sessions.
pub const ANALYSIS: Steps = Steps {
    first: "looking for logs",
    last: "putting sessions together",
};

/// Of a plan.
pub const PLAN: Steps = Steps {
    first: "looking for logs",
    last: "putting units together",
};

/// Of a merge.
pub const MERGE: Steps = Steps {
    first: "looking for units",
    last: "writing to the disk",
};

/// What shows progress until it is dropped.
pub struct Bar {
    ended: Option<Sender<()>>,
    drawing: Option<JoinHandle<()>>,
}

impl Bar {
    /// Begins to show progress.
    pub fn start(progress: Arc<Progress>, steps: Steps, format: LogFormat) -> Self {
        let (ended, until) = mpsc::channel();
        let drawn = format == LogFormat::Text && io::stderr().is_terminal();
        let draw = move || {
            let began = Instant::now();
            let [first, then] = if drawn {
                [FIRST, DRAWN]
            } else {
                [LINES, LINES]
            };
            let mut wait = first;
            let mut columns = 0;
            while until.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                wait = then;
                let now = State::of(&progress, steps, began.elapsed());
                let mut stderr = io::stderr().lock();
                // Where standard error is gone, nobody sees it.
                let _ = if drawn {
                    let line = now.bar(terminal_width().saturating_sub(1));
                    let blanks = columns.max(width(&line)) - width(&line);
                    columns = width(&line);
                    write!(stderr, "\r{line}{:blanks$}", "").and_then(|()| stderr.flush())
                } else {
                    now.message().write(format, &mut stderr)
                };
            }
            if columns > 0 {
                let mut stderr = io::stderr().lock();
                let _ = write!(stderr, "\r{:columns$}\r", "").and_then(|()| stderr.flush());
            }
        };
        // Where no thread can be started, nothing is shown.
        let drawing = thread::Builder::new().spawn(draw).ok();
        Bar {
            ended: Some(ended),
            drawing,
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.ended = None;
        if let Some(drawing) = self.drawing.take() {
            let _ = drawing.join();
        }
    }
}

/// How far a run is at a moment.
struct State {
    steps: Steps,
    done: u64,
    total: u64,
    /// Bytes a second.
    rate: u64,
    /// The file that is being read, from the folder on that it is in.
    current: String,
}

impl State {
    fn of(progress: &Progress, steps: Steps, elapsed: Duration) -> Self {
        let (done, total) = progress.bytes();
        let rate = u128::from(done) * 1000 / elapsed.as_millis().max(1);
        State {
            steps,
            done,
            total,
            rate: u64::try_from(rate).unwrap_or(u64::MAX),
            current: short(&progress.current()),
        }
    }

    fn percent(&self) -> u64 {
        let percent = u128::from(self.done) * 100 / u128::from(self.total.max(1));
        u64::try_from(percent).unwrap_or(100).min(100)
    }

    /// What it does, and how long that takes still.
    fn words(&self) -> String {
        if self.total == 0 {
            return self.steps.first.to_owned();
        }
        let read = format!(
            "{} of {} ({} %)",
            bytes(self.done),
            bytes(self.total),
            self.percent()
        );
        if self.done >= self.total {
            return format!("{read}, {}", self.steps.last);
        }
        let left = match (self.total - self.done).checked_div(self.rate) {
            Some(seconds) => format!(", {} left", duration(seconds)),
            None => String::new(),
        };
        format!("{read}, {}/s{left}, {}", bytes(self.rate), self.current)
    }

    /// In a line of so many columns.
    fn bar(&self, columns: usize) -> String {
        let full = self.percent() * CELLS / 100;
        let cell = |cell| if cell < full { '#' } else { '-' };
        let cells: String = (0..CELLS).map(cell).collect();
        let line = format!("[{cells}] {}", visible(&self.words()));
        cut(&line, columns).into_owned()
    }

    fn message(&self) -> Message {
        Message {
            counts: vec![("bytes_read", self.done), ("bytes_total", self.total)],
            ..Message::new(
                Level::Info,
                Topic::Progress,
                format!("read {}", self.words()),
            )
        }
    }
}

/// A file's name behind that of its folder.
fn short(path: &Path) -> String {
    let mut names: Vec<_> = path
        .iter()
        .rev()
        .take(2)
        .map(|name| name.to_string_lossy())
        .collect();
    names.reverse();
    names.join("/")
}

/// Bytes as people say them: `512 bytes`, `3.2 MB`.
pub fn bytes(count: u64) -> String {
    let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match units.into_iter().find(|(size, _)| count >= *size) {
        Some((size, unit)) => format!("{}.{} {unit}", count / size, count % size * 10 / size),
        None => format!("{count} bytes"),
    }
}

/// `12 s`, `3 min`, `2 h 05 min`
fn duration(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(done: u64, total: u64, rate: u64) -> State {
        State {
            steps: ANALYSIS,
            done,
            total,
            rate,
            current: short(Path::new("/case/WS\u{202e}01/Security.evtx")),
        }
    }

    #[test]
    fn a_bar_says_how_much_is_read_how_fast_and_what_and_fits_the_terminal() {
        let half = state(4_000_000_000, 8_000_000_000, 200_000_000);
        assert_eq!(
            half.bar(200),
            "[##########----------] 4.0 GB of 8.0 GB (50 %), 200.0 MB/s, 20 s left, WS\\u{202e}01/Security.evtx"
        );
        assert_eq!(half.bar(24), "[##########----------] …");
        for columns in 0..120 {
            assert!(width(&half.bar(columns)) <= columns);
        }
        assert_eq!(
            state(0, 0, 0).bar(80),
            "[--------------------] looking for logs"
        );
        assert!(
            state(8, 8, 1)
                .bar(80)
                .ends_with("8 bytes of 8 bytes (100 %), putting sessions together")
        );
        assert!(!state(0, 8, 0).words().contains("left"));
        assert!(
            state(u64::MAX, 1, u64::MAX)
                .bar(80)
                .starts_with("[####################]")
        );
    }

    #[test]
    fn sizes_and_times_are_said_as_people_do() {
        assert_eq!(
            [0, 999, 1_000, 1_949_999].map(bytes),
            ["0 bytes", "999 bytes", "1.0 kB", "1.9 MB"]
        );
        assert_eq!(
            [0, 119, 120, 7_500].map(duration),
            ["0 s", "119 s", "2 min", "2 h 05 min"]
        );
    }
}

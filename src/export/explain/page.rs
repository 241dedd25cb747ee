//! A story in lines, with headings and steps; wrapped to a width where it goes to a terminal.

use crate::export::text::{visible, width};

/// Stories are never wrapped narrower.
const MIN_WIDTH: usize = 60;

/// A line of a story. Its text is harmless on a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// How many steps in it stands.
    pub depth: usize,
    /// Whether it is the title of what follows.
    pub is_heading: bool,
    /// What it says.
    pub text: String,
}

/// A story while it is written.
#[derive(Default)]
pub(super) struct Page {
    pub lines: Vec<Line>,
}

impl Page {
    pub(super) fn heading(&mut self, title: &str) {
        self.push(0, true, title);
    }

    pub(super) fn list(&mut self, title: &str, items: &[String]) {
        if !items.is_empty() {
            self.heading(title);
            items.iter().for_each(|item| self.line(1, item));
        }
    }

    /// Writes `text`, which may hold anything, `depth` steps in.
    pub(super) fn line(&mut self, depth: usize, text: &str) {
        self.push(depth, false, text);
    }

    /// A line that names what is known of something; none if nothing is.
    pub(super) fn facts(&mut self, title: &str, known: impl IntoIterator<Item = Option<String>>) {
        let known: Vec<String> = known.into_iter().flatten().collect();
        if !known.is_empty() {
            self.line(1, &format!("{title}: {}", known.join(", ")));
        }
    }

    fn push(&mut self, depth: usize, is_heading: bool, text: &str) {
        self.lines.push(Line {
            depth,
            is_heading,
            text: visible(text).into_owned(),
        });
    }
}

/// `lines` wrapped to `columns`, an empty line before each heading.
pub(super) fn wrapped(lines: &[Line], columns: usize) -> String {
    let mut wrapped = Wrapped {
        columns: columns.max(MIN_WIDTH),
        text: String::new(),
    };
    for line in lines {
        if line.is_heading {
            wrapped.text.push('\n');
        }
        wrapped.line(line.depth, &line.text);
    }
    wrapped.text
}

/// Text in lines of a width.
struct Wrapped {
    columns: usize,
    text: String,
}

impl Wrapped {
    /// What goes on in another line stands a step further in.
    fn line(&mut self, depth: usize, text: &str) {
        let mut used = 2 * depth;
        let mut indent = used;
        self.text.extend(std::iter::repeat_n(' ', used));
        let mut is_first = true;
        for word in text.split(' ') {
            let needed = width(word) + usize::from(!is_first);
            if !is_first && used + needed > self.columns {
                indent = 2 * depth + 2;
                self.break_line(indent);
                used = indent;
            } else if !is_first {
                self.text.push(' ');
                used += 1;
            }
            // A word longer than a line, as a path can be, goes on in the next: nothing is cut.
            for character in word.chars() {
                let step = width(character.encode_utf8(&mut [0; 4]));
                if used + step > self.columns && used > indent {
                    indent = 2 * depth + 2;
                    self.break_line(indent);
                    used = indent;
                }
                self.text.push(character);
                used += step;
            }
            is_first = false;
        }
        self.end_line();
    }

    fn break_line(&mut self, indent: usize) {
        self.end_line();
        self.text.extend(std::iter::repeat_n(' ', indent));
    }

    fn end_line(&mut self) {
        let length = self.text.trim_end_matches(' ').len();
        self.text.truncate(length);
        self.text.push('\n');
    }
}

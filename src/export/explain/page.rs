//! Text in lines of a width, with headings and steps.

use crate::export::text::{visible, width};

/// Stories are never wrapped narrower.
const MIN_WIDTH: usize = 60;

/// Text in lines of a width.
pub(super) struct Page {
    columns: usize,
    pub text: String,
}

impl Page {
    pub(super) fn new(columns: usize) -> Self {
        Page {
            columns: columns.max(MIN_WIDTH),
            text: String::new(),
        }
    }

    pub(super) fn heading(&mut self, title: &str) {
        self.text.push('\n');
        self.line(0, title);
    }

    pub(super) fn list(&mut self, title: &str, items: &[String]) {
        if !items.is_empty() {
            self.heading(title);
            items.iter().for_each(|item| self.line(1, item));
        }
    }

    /// Writes `text`, which may hold anything, `depth` steps in; what goes on in another line stands a step further in.
    pub(super) fn line(&mut self, depth: usize, text: &str) {
        let text = visible(text);
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

    /// A line that names what is known of something; none if nothing is.
    pub(super) fn facts(&mut self, title: &str, known: impl IntoIterator<Item = Option<String>>) {
        let known: Vec<String> = known.into_iter().flatten().collect();
        if !known.is_empty() {
            self.line(1, &format!("{title}: {}", known.join(", ")));
        }
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

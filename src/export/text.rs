//! Text from evidence made safe and short for a terminal.

use crate::spoof::acts_or_hides;
use std::borrow::Cow;
use unicode_width::UnicodeWidthChar;

/// `text` with every character that a terminal would act on or not show ([`acts_or_hides`]) written as an escape, `\u{202e}`:
/// line breaks, tabs and escape sequences among them.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(acts_or_hides) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if acts_or_hides(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// How many columns `text` takes on a terminal.
pub fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// `text` in at most `columns` columns; what is cut off leaves a `…`.
pub fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    // Marks that combine take no width: a limit on characters keeps a pile of them from flooding the line.
    let too_many = columns.saturating_mul(4).max(16);
    if width(text) <= columns && text.chars().nth(too_many).is_none() {
        return Cow::Borrowed(text);
    }
    let room = columns.saturating_sub(1);
    let mut used = 0;
    let mut kept: String = text
        .chars()
        .take(too_many)
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used <= room
        })
        .collect();
    if columns > 0 {
        kept.push('…');
    }
    Cow::Owned(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_in_any_script_stays_as_it_is() {
        for text in ["", "SERVICE RÉSEAU", "管理者", "محمد", "e\u{301}", "a\\b"] {
            assert_eq!(visible(text), text);
        }
    }

    #[test]
    fn what_a_terminal_would_act_on_or_hide_is_escaped() {
        assert_eq!(visible("a\u{202e}b"), "a\\u{202e}b");
        assert_eq!(visible("\u{1b}[2J"), "\\u{1b}[2J");
        assert_eq!(visible("a\0b\n\t\r"), "a\\u{0}b\\u{a}\\u{9}\\u{d}");
        assert_eq!(visible("\u{9b}31m\u{7f}"), "\\u{9b}31m\\u{7f}");
        for hidden in [
            '\u{200b}',
            '\u{200d}',
            '\u{2066}',
            '\u{2028}',
            '\u{feff}',
            '\u{ad}',
            '\u{3164}',
            '\u{e0041}',
            '\u{fe0f}',
            '\u{600}',
            '\u{e000}',
            '\u{378}',
            '\u{10ffff}',
        ] {
            let shown = visible(&format!("x{hidden}y")).into_owned();
            assert_eq!(shown, format!("x\\u{{{:x}}}y", u32::from(hidden)));
        }
    }

    #[test]
    fn a_cut_leaves_a_mark_and_fits() {
        assert_eq!(cut("Administrator", 13), "Administrator");
        assert_eq!(cut("Administrator", 6), "Admin…");
        assert_eq!(cut("Administrator", 1), "…");
        assert_eq!(cut("Administrator", 0), "");
        assert_eq!(cut("", 0), "");
    }

    #[test]
    fn wide_characters_are_never_halved() {
        assert_eq!(width("管理者"), 6);
        assert_eq!(cut("管理者", 6), "管理者");
        assert_eq!(cut("管理者", 5), "管理…");
        assert_eq!(cut("管理者", 4), "管…");
        assert_eq!(cut("管理者", 2), "…");
    }

    #[test]
    fn a_pile_of_combining_marks_is_cut_too() {
        let pile = format!("a{}", "\u{301}".repeat(10_000));
        assert!(cut(&pile, 10).chars().count() <= 41);
    }
}

//! One HTML page of sessions, to look at: self-contained, without network, also from disk.
//!
//! In: the analysis, and the rows of it that were asked for. Out: a document. What it says without scripts is made here
//! ([`overview`]); `page.js` draws the rest of the [`data`] in it, by uPlot, which is as its authors made it. A strict
//! Content-Security-Policy names exactly the scripts and styles of the document by their digests. Text from evidence stands
//! in it as it does on a terminal ([`visible`](crate::export::visible)), and never as markup. What [`explain`] says of a session
//! is in the document, word for word, packed; where there are too many, those of people come first and the page says what is
//! left out.
//!
//! [`explain`]: crate::export::explain

mod data;
mod markup;
mod overview;
mod reach;
mod stories;

use crate::analysis::TimelineEvent;
use crate::export::{View, visible};
use crate::session::{Coverage, Session};
use std::io::{self, Write};

const UPLOT: &str = include_str!("uplot/uPlot.iife.min.js");
const UPLOT_STYLE: &str = include_str!("uplot/uPlot.min.css");
const UPLOT_LICENCE: &str = include_str!("uplot/LICENSE");
const SCRIPT: &str = include_str!("page.js");
const STYLE: &str = include_str!("page.css");

/// What a page shows.
#[derive(Debug)]
pub struct Report<'a> {
    /// The result.
    pub view: &'a View<'a>,
    /// The sessions that were asked for, in the order of the result.
    pub sessions: Vec<&'a Session>,
    /// The refused logons that were asked for, in the order of the result.
    pub failures: Vec<&'a TimelineEvent>,
    /// What the logs of the machines that were asked for can speak of.
    pub coverage: Vec<&'a Coverage>,
    /// By which options rows were chosen, as they are typed; empty if all were asked for.
    pub chosen_by: Vec<String>,
    /// Worker threads; `None` means one per core.
    pub threads: Option<usize>,
}

impl Report<'_> {
    /// Writes the page.
    ///
    /// # Errors
    /// Those of `out`, or that the workers cannot be started.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let scripts = [UPLOT, SCRIPT];
        let styles = [UPLOT_STYLE, STYLE];
        writeln!(
            out,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"referrer\" content=\"no-referrer\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>",
            markup::policy(&scripts, &styles),
            markup::escaped(&overview::title(self)),
        )?;
        for style in styles {
            writeln!(out, "<style>{style}</style>")?;
        }
        writeln!(out, "</head>\n<body>")?;
        let told = stories::chosen(&self.sessions);
        let reaches = reach::of(self);
        overview::write(self, told.len(), &reaches, out)?;
        out.write_all(APPLICATION.as_bytes())?;
        writeln!(
            out,
            "<footer><p>Made by winsessions {} from event logs. Times are UTC unless the page says otherwise. The drawing rests \
             on uPlot 1.6.32.</p><details><summary>Licence of uPlot</summary><pre>{}</pre></details></footer>",
            env!("CARGO_PKG_VERSION"),
            markup::escaped(UPLOT_LICENCE.trim_end()),
        )?;
        write!(out, "<script type=\"application/json\" id=\"data\">")?;
        data::write(self, &told, &reaches, out)?;
        writeln!(out, "</script>")?;
        for script in scripts {
            writeln!(out, "<script>{script}</script>")?;
        }
        // Behind the scripts: the page is painted before they are read.
        stories::write(self, &told, out)?;
        writeln!(out, "</body>\n</html>")
    }
}

/// What scripts fill.
const APPLICATION: &str = include_str!("page.html");

/// Text from evidence as it is shown.
fn shown(text: &str) -> String {
    visible(text).into_owned()
}

#[cfg(test)]
mod tests;

//! Arguments: as they are typed, and as the objects that the run needs.

use anstream::{AutoStream, ColorChoice};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::convert::Infallible;
use std::ffi::OsString;
use std::fs;
use std::io::IsTerminal;
use std::path::PathBuf;
use winsessions::analysis::Options;
use winsessions::batch::{self, Partition};
use winsessions::evidence::{Limits, Unpacking};
use winsessions::export::Format;
use winsessions::export::messages::LogFormat;
use winsessions::filter::{By, Filter, Glob, Hours, Outside, Remote, Zone};
use winsessions::log::Decoding;
use winsessions::schema;
use winsessions::session::Kind;
use winsessions::sid::AccountClass;
use winsessions::time::Time;

/// Who was on a Windows machine, from when to when, from where, by which kind of logon, how it ended, and which
/// records prove it: logon sessions out of event logs (.evtx). Evidence is only read.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 120, after_help = EXIT_STATUS)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The session timeline: a row a logon session
    #[command(after_help = SESSIONS_EXAMPLES, after_long_help = sessions_long_help())]
    Sessions {
        #[command(flatten)]
        run: Run,
        #[command(flatten)]
        rows: Rows,
        /// Only sessions that were on, or may have been, at this time, and in which state (column `state_at`)
        #[arg(long, value_name = "TIME", help_heading = "Rows")]
        at: Option<Time>,
        /// Only the first session of each account on each machine from each address, or of what differs in BY, some of
        /// account,host,address. All that the other options leave are looked through; --from and --to are about its start
        #[arg(long, value_name = "BY", num_args = 0..=1, require_equals = true,
            default_missing_value = "account,host,address", help_heading = "Rows")]
        first_seen: Option<By>,
        /// In which order, over all machines; without, by machine and then by start
        #[arg(long, value_name = "KEY", help_heading = "Rows")]
        sort: Option<Sort>,
        /// No more than the first N rows; how many more there are is told
        #[arg(long, value_name = "N", help_heading = "Rows", value_parser = clap::value_parser!(u32).range(1..))]
        limit: Option<u32>,
    },
    /// Who was on at the same time: a row a pair of sessions of two accounts or addresses
    #[command(after_help = OVERLAP_EXAMPLES)]
    Overlap {
        /// An account (name, DOMAIN\name or SID), or the address or workstation that somebody came from
        #[arg(value_name = "FIRST", value_parser = glob)]
        first: Glob,
        /// Another; or the same, for its sessions among each other
        #[arg(value_name = "SECOND", value_parser = glob)]
        second: Glob,
        #[command(flatten)]
        run: Run,
        #[command(flatten)]
        rows: Rows,
        /// No more than N pairs, of the first million by time those that are sure first; that there are more is told
        #[arg(long, value_name = "N", help_heading = "Rows", default_value = "1000000",
            value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
    },
    /// The logon timeline: a row a logon-related record
    #[command(after_help = EVENTS_EXAMPLES, after_long_help = events_long_help())]
    Events {
        #[command(flatten)]
        run: Run,
        #[command(flatten)]
        rows: Rows,
    },
    /// Who, where and how often: a row an account, machine and kind of logon, with failures and times
    #[command(after_help = SUMMARY_EXAMPLES)]
    Summary {
        #[command(flatten)]
        run: Run,
        #[command(flatten)]
        rows: Rows,
    },
    /// One session as a story: every record it rests on, what each changed, and why its end is what it is
    #[command(after_help = EXPLAIN_EXAMPLES)]
    #[command(mut_arg("format", |arg| arg
        .value_parser(PossibleValuesParser::new(["text", "json"]).map(story_format))
        .help("How to write: text, unless FILE's extension is json")))]
    #[command(mut_arg("bom", |arg| arg.hide(true)), mut_arg("columns", |arg| arg.hide(true)))]
    Explain {
        /// The session's id, or as much of its beginning as names no other (4 hex digits at least)
        #[arg(value_name = "SESSION_ID", value_parser = session_id)]
        id: String,
        #[command(flatten)]
        run: Run,
    },
    /// One HTML page of the sessions, to look at: lanes by machine and account to zoom, search and ask; no network, one file
    #[command(after_help = REPORT_EXAMPLES)]
    #[command(mut_arg("format", |arg| arg.hide(true).value_parser(PossibleValuesParser::new(["html"]).map(story_format))))]
    #[command(mut_arg("csv_raw", |arg| arg.hide(true)))]
    Report {
        #[command(flatten)]
        run: Run,
        #[command(flatten)]
        rows: Rows,
        /// Only sessions that were on, or may have been, at this time
        #[arg(long, value_name = "TIME", help_heading = "Rows")]
        at: Option<Time>,
    },
    /// What the logs can speak of: a row a channel of a machine, with gaps, clears, clock changes and damage
    #[command(after_help = COVERAGE_EXAMPLES)]
    Coverage {
        #[command(flatten)]
        run: Run,
    },
    /// Evidence of many machines, each by itself: what there is to do, doing it, joining the results
    #[command(subcommand)]
    Batch(Batch),
    /// Writes event logs from a scenario, or a big log out of a small one, for tests and training
    #[command(override_usage = SYNTH_USAGE, after_help = SYNTH_EXAMPLES)]
    Synth {
        /// What happened on which machines (TOML); fixtures/README.md explains how to write one. With --tile a log
        #[arg(value_name = "SCENARIO")]
        source: PathBuf,
        /// The folder to write into: a folder a machine, a log a channel. With --tile the log to write
        #[arg(value_name = "FOLDER")]
        target: PathBuf,
        /// Write one log of so many copies of a log's chunks, each with later times and record numbers
        #[arg(long, value_name = "COPIES", value_parser = clap::value_parser!(u32).range(1..))]
        tile: Option<u32>,
    },
    /// The JSON Schema of what is written for programs, on standard output
    Schema {
        /// Of which document
        #[arg(value_parser = PossibleValuesParser::new(schema::NAMES))]
        name: String,
    },
    /// Completions for a shell, on standard output
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// The manual: its first page on standard output, or all pages as files
    #[command(after_help = MAN_EXAMPLES)]
    Man {
        /// The folder to write pages into, one a command; pages that are there are replaced
        folder: Option<PathBuf>,
    },
}

/// In which order sessions are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    /// By their start, else its latest bound, over all machines
    Start,
    /// The longest first: by their duration, else what is certain of it
    Duration,
}

/// What to do with the evidence of many machines.
#[derive(Debug, Subcommand)]
pub enum Batch {
    /// The units that there are: of each its id, host, logs and size
    #[command(after_help = PLAN_EXAMPLES)]
    Plan {
        /// As a JSON document, with the sources of each unit
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        reading: Reading,
    },
    /// Sessions, events, coverage and summary of each unit, in a folder of its own, with checksums and a manifest
    #[command(after_help = BATCH_EXAMPLES)]
    Run {
        /// The folder to put the folders of units in, made if it is not there; never inside the evidence
        #[arg(short, long, value_name = "OUT")]
        output: PathBuf,
        /// Only the units of one of N equal parts, hash:1/N to hash:N/N; together they are all units
        #[arg(long, value_name = "hash:I/N")]
        partition: Option<Partition>,
        /// Only this unit, by its id; repeatable
        #[arg(long, value_name = "ID", conflicts_with = "partition")]
        unit: Vec<String>,
        /// Do units again that are finished
        #[arg(long)]
        force: bool,
        /// In which formats, separated by commas: csv, jsonl, json, parquet
        #[arg(long, value_name = "FORMATS", default_value = "csv", value_delimiter = ',',
            value_parser = PossibleValuesParser::new(batch::FORMATS.map(Format::name)).map(format_named))]
        formats: Vec<Format>,
        /// Text from evidence exactly as it is in CSV; `winsessions sessions --help` says what it is otherwise
        #[arg(long)]
        csv_raw: bool,
        /// PATH is what `batch plan --json` wrote: nothing is searched for again, however many jobs there are. The paths in it
        /// count from the folder that the plan was made in
        #[arg(long)]
        planned: bool,
        #[command(flatten)]
        reading: Reading,
    },
    /// One result of many units: the same bytes as of one run over everything
    #[command(after_help = MERGE_EXAMPLES)]
    Merge {
        /// Folders that `batch run` wrote units into
        #[arg(required = true, value_name = "OUT")]
        outs: Vec<PathBuf>,
        /// The folder to write; one that holds an earlier merge is replaced
        #[arg(short, long, value_name = "DIR")]
        output: PathBuf,
        /// How messages are written to standard error: for people, or for programs an object of JSON a line
        #[arg(long, value_name = "FORMAT", default_value = "text", hide_default_value = true,
            value_parser = PossibleValuesParser::new(LogFormat::ALL.iter().map(|f| f.name())).map(log_format))]
        log_format: LogFormat,
        /// No messages about units that are left out; the exit status still tells
        #[arg(short, long)]
        quiet: bool,
    },
}

const PLAN_EXAMPLES: &str = "\
Examples:
  winsessions batch plan evidence/
  winsessions batch plan --json evidence/ | jq -r '.units[] | [.id, .host, .bytes] | @tsv'
A unit is the evidence of one machine: the logs of a folder, or of several where the latest record
names the same host. A folder in which logs contradict each other is parted by name.";

const BATCH_EXAMPLES: &str = "\
Examples:
  winsessions batch run evidence/ -o results/
  winsessions batch run evidence/ -o results/ --partition hash:2/8     one job of eight
  winsessions batch run plan.json --planned -o results/ --unit 0f3c1e5a9b7d2468 --formats csv,jsonl
Units are done one after the other. One whose manifest says the same evidence (SHA-256), version
and arguments is not done again; a killed run goes on where it was when it is started again.
Exit status: 1 if a unit failed, else 3 if evidence of one is damaged or unreadable, else 0.";

const MERGE_EXAMPLES: &str = "\
Examples:
  winsessions batch merge results/ -o all/
  winsessions batch merge results1/ results2/ -o all/
A unit that is not finished, or is not what its manifest says, is named and left out: status 3.
Status 3 also tells that evidence of a unit was damaged or unreadable; 4 that there is no unit.";

const SUMMARY_EXAMPLES: &str = "\
Examples:
  winsessions summary logs/                                     people first, services last
  winsessions summary --no-service --format csv logs/ > who.csv
  winsessions summary --from 2020-09-19 --account 'CORP\\adm*' logs/
A session counts whole where it overlaps --from and --to. --interactive leaves failed logons out.
Accounts are joined by SID; a failed logon that names none stands under the name that was tried.
`winsessions sessions --help` explains kinds, accounts and exit status.";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  winsessions explain 3f2a logs/                        the session whose id begins so
  winsessions explain 3f2a9c0d5e6f7081 --format json logs/
`winsessions sessions` gives the ids: column session_id, and on a wide terminal SESSION. A session
has the same id in every run over any evidence that holds its start.";

const REPORT_EXAMPLES: &str = "\
Examples:
  winsessions report -o page.html logs/            open it in any browser, also from disk
  winsessions report --no-service --from 2020-09-01 -o page.html logs/
The page loads nothing and sends nothing. It says what was left out by these options, and of more
than 100,000 sessions it tells the stories of that many, those of people first.";

const COVERAGE_EXAMPLES: &str = "\
Examples:
  winsessions coverage /evidence/host1                 from when to when, and what is missing
  winsessions coverage --format json logs/ | jq '.coverage[] | {host, channel, gaps, clears}'
MISSING counts numbers between records of the machine's own logs that are in none of them; CLOCK
changes of the clock by a second or more; COPIES records found again in another log. csv, json and
jsonl hold more.";

const SYNTH_USAGE: &str = "\
winsessions synth <SCENARIO> <FOLDER>
       winsessions synth --tile <COPIES> <LOG> <TO>";

const SYNTH_EXAMPLES: &str = "\
Examples:
  winsessions synth fixtures/workday/scenario.toml /tmp/workday
  winsessions synth --tile 80 Security.evtx /tmp/big.evtx        80 times as much, to measure by
The same scenario, or log, always makes the same bytes. A log that is already there is replaced.
Copies keep Logon IDs and data; record numbers and times go on from one to the next. Exit status
3 of --tile: complete, but damaged chunks were left out, or records keep their number or time, as
those without templates do (keeping both, they are taken as duplicates); 4: no log, or no records.";

/// What is read, and where results go.
#[derive(Debug, Args)]
pub struct Run {
    #[command(flatten)]
    pub reading: Reading,
    /// How to write: a table on a terminal, else CSV, unless FILE's extension tells (csv, json, jsonl, parquet, graphml).
    /// docs/formats.md says what each holds and how to load it
    #[arg(long, value_parser = PossibleValuesParser::new(Format::ALL.iter().map(|f| f.name())).map(format_named))]
    pub format: Option<Format>,
    /// Write to FILE (- is standard output), which appears when it is complete; never inside the evidence
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Add records that are in no log any more, or in none: behind the end of a chunk's records, behind damage, in chunks without
    /// a header, and chunks in any file of the evidence (memory dumps, unallocated space). Members of packages that are no
    /// logs are not searched: unpack them first. Rows that rest on such records are marked; what a log holds is always preferred
    #[arg(long)]
    pub recover: bool,
    /// Text from evidence exactly as it is in CSV. Without this, text that a spreadsheet would run gets an apostrophe (')
    /// in front: what begins with = + - @, also behind blanks or quotes or in their full-width forms, or with a tab or line
    /// break, and each such part behind a ; or tab or line break
    #[arg(long)]
    pub csv_raw: bool,
    /// Begin CSV with a byte order mark, by which Excel knows that it is UTF-8
    #[arg(long)]
    pub bom: bool,
    /// Only these columns, in this order, in CSV or a table; docs/columns.md explains them
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = column)]
    pub columns: Option<Vec<String>>,
}

/// What is read, and how.
#[derive(Debug, Args)]
pub struct Reading {
    /// Logs, triage packages (zip, 7z, tar, gz, zst), or folders that hold them; known by their content, not by their names
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Worker threads, 256 at most; one per core if not given. The result does not depend on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
    /// The first line of FILE is the password of packages that are encrypted
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// What a package may unpack to, in GiB, instead of 64 GiB, or 16 GiB a member, or 1000 times its size
    #[arg(long, value_name = "GIB", value_parser = clap::value_parser!(u32).range(1..))]
    pub unpack_limit: Option<u32>,
    /// What decodes records: this program's own decoder, or the evtx crate alone, to check the other by. The result is the
    /// same, but that the evtx crate ends a text at its first NUL; it takes longer
    #[arg(long, value_name = "DECODER", default_value = "own", hide_default_value = true,
        value_parser = PossibleValuesParser::new(["own", "evtx"]).map(decoder))]
    pub decoder: Decoding,
    /// How messages and progress are written to standard error: for people, or for programs an object of JSON a line
    #[arg(long, value_name = "FORMAT", default_value = "text", hide_default_value = true,
        value_parser = PossibleValuesParser::new(LogFormat::ALL.iter().map(|f| f.name())).map(log_format))]
    pub log_format: LogFormat,
    /// No progress and no messages about what was read, skipped or damaged; the exit status still tells
    #[arg(short, long)]
    pub quiet: bool,
}

impl Reading {
    /// How the analysis reads.
    pub fn options<'a>(&self, unpacking: &'a Unpacking) -> Options<'a> {
        Options {
            threads: self.threads.map(usize::from),
            decoding: self.decoder,
            unpacking: Some(unpacking),
            recover: false,
            progress: None,
        }
    }

    /// How packages are opened.
    ///
    /// # Errors
    /// A message, if the password cannot be read.
    pub fn unpacking(&self) -> Result<Unpacking, String> {
        let password = self
            .password_file
            .as_deref()
            .map(|file| -> Result<_, String> {
                let told = |error| format!("--password-file {}: {error}", file.display());
                let mut password = fs::read(file).map_err(told)?;
                let end = password
                    .iter()
                    .position(|byte| matches!(byte, b'\r' | b'\n'));
                password.truncate(end.unwrap_or(password.len()));
                // Editors of Windows begin a file of UTF-8 so.
                let bare = password.strip_prefix(b"\xef\xbb\xbf");
                Ok(bare.map(<[u8]>::to_vec).unwrap_or(password))
            });
        let gibibytes = self
            .unpack_limit
            .map(|gibibytes| u64::from(gibibytes) << 30);
        Ok(Unpacking {
            limits: gibibytes.map_or_else(Limits::default, Limits::unpacking),
            password: password.transpose()?,
        })
    }
}

impl Run {
    /// The file to write; `None` is standard output.
    pub fn file(&self) -> Option<&PathBuf> {
        // Where /dev/stdout leads to a file, replacing that would lose what others wrote to it.
        let stdout = ["-", "/dev/stdout"];
        self.output
            .as_ref()
            .filter(|file| !stdout.iter().any(|name| file.as_os_str() == *name))
    }

    /// How to write, given whether standard output is a terminal.
    pub fn format(&self, terminal: bool) -> Format {
        let extension = self.file().and_then(|file| file.extension());
        self.format
            .or_else(|| {
                let extension = extension?.to_str()?.to_lowercase();
                let data = [
                    Format::Csv,
                    Format::Json,
                    Format::Jsonl,
                    Format::Parquet,
                    Format::Graphml,
                ];
                data.into_iter().find(|format| format.name() == extension)
            })
            .unwrap_or(match self.file() {
                None if terminal => Format::Table,
                _ => Format::Csv,
            })
    }
}

/// Which rows are written. Globs know `*` and `?` and no case; of several of one option any may match.
#[derive(Debug, Args)]
#[command(next_help_heading = "Rows")]
pub struct Rows {
    /// Only machines of this name, present or earlier; repeatable
    #[arg(long, value_name = "GLOB", value_parser = glob)]
    host: Vec<Glob>,
    /// Only accounts with this name, DOMAIN\name or SID; repeatable
    #[arg(long, value_name = "GLOB", value_parser = glob)]
    account: Vec<Glob>,
    /// Only logons of this kind; repeatable. --help lists the kinds
    #[arg(long, value_name = "GLOB", value_parser = kind)]
    kind: Vec<Glob>,
    /// Only accounts of this class; repeatable. --help lists the classes
    #[arg(long, value_name = "GLOB", value_parser = class)]
    class: Vec<Glob>,
    /// Only what came from this address or workstation; repeatable
    #[arg(long, value_name = "GLOB", value_parser = glob)]
    address: Vec<Glob>,
    /// Only what went on at or after this time (UTC unless it has an offset)
    #[arg(long, value_name = "TIME")]
    from: Option<Time>,
    /// Only what went on before this time
    #[arg(long, value_name = "TIME")]
    to: Option<Time>,
    /// Only what came from another machine, or may have; with NETWORKS (10.20.0.0/16,fd00::/8, or `private`), from outside of
    /// those. Column `fits` tells which is sure
    #[arg(long, value_name = "NETWORKS", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    remote: Option<Remote>,
    /// Only what began, or somebody came back to, outside of these hours: 08:00-18:00, or 'Mon-Fri 08:00-18:00', where other
    /// days are outside as a whole
    #[arg(long, value_name = "HOURS")]
    outside: Option<Hours>,
    /// By which clock those are: a zone as Europe/Berlin, an offset as +02:00, or `local`, each machine's own where its log
    /// proves it [default: UTC]
    #[arg(long, value_name = "ZONE", requires = "outside")]
    tz: Option<Zone>,
    /// Only what is interactive: somebody gave credentials and got a desktop or a program
    #[arg(long)]
    interactive: bool,
    /// Not what is non-interactive: the system, services, scheduled tasks
    #[arg(long)]
    no_service: bool,
}

impl Rows {
    /// The filter that these arguments make.
    ///
    /// # Errors
    /// A message, if no row could ever fit.
    pub fn filter(&self, at: Option<Time>) -> Result<Filter, String> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from >= to
        {
            return Err(format!("--from {from} is not before --to {to}"));
        }
        let zone = self.tz.clone();
        let outside = self.outside.clone().map(|hours| Outside {
            hours,
            zone: zone.unwrap_or(Zone::UTC),
        });
        Ok(Filter {
            host: self.host.clone(),
            account: self.account.clone(),
            kind: self.kind.clone(),
            class: self.class.clone(),
            address: self.address.clone(),
            from: self.from,
            to: self.to,
            at,
            remote: self.remote.clone(),
            outside,
            first: None,
            interactive: self.interactive,
            no_service: self.no_service,
        })
    }
}

fn decoder(name: String) -> Decoding {
    match name.as_str() {
        "evtx" => Decoding::Evtx,
        _ => Decoding::Plans,
    }
}

/// The name of a column, however it is typed.
fn column(name: &str) -> Result<String, Infallible> {
    Ok(name.trim().to_ascii_lowercase())
}

/// A story is text, or the session's JSON.
fn story_format(name: String) -> Format {
    match name.as_str() {
        "json" => Format::Json,
        _ => Format::Table,
    }
}

/// The beginning of a session's id.
fn session_id(text: &str) -> Result<String, String> {
    let is_id = (4..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match is_id {
        true => Ok(text.to_lowercase()),
        false => Err("a session's id is 16 hex digits; its first 4 or more will do".to_owned()),
    }
}

fn format_named(name: String) -> Format {
    let named = Format::ALL.iter().find(|format| format.name() == name);
    named.copied().unwrap_or(Format::Csv)
}

fn log_format(name: String) -> LogFormat {
    match name.as_str() {
        "json" => LogFormat::Json,
        _ => LogFormat::Text,
    }
}

/// How messages are to be written, by the arguments as they were typed: also where the others make no sense.
pub fn log_format_of(arguments: impl Iterator<Item = OsString>) -> LogFormat {
    let arguments: Vec<OsString> = arguments.collect();
    let is = |argument: &OsString, text: &str| *argument == *text;
    let pairs = arguments.windows(2);
    let json = arguments.iter().any(|one| is(one, "--log-format=json"))
        || pairs.into_iter().any(
            |pair| matches!(pair, [name, value] if is(name, "--log-format") && is(value, "json")),
        );
    log_format(if json { "json" } else { "text" }.to_owned())
}

/// Whether what goes to standard output may have colours: on a terminal, where help has them.
pub fn colours() -> bool {
    let stdout = std::io::stdout();
    stdout.is_terminal()
        && AutoStream::choice(&stdout) != ColorChoice::Never
        // Nothing has to be enabled but on Windows.
        && anstyle_query::windows::enable_ansi_colors() != Some(false)
}

/// How wide tables are where no terminal says.
const DEFAULT_WIDTH: usize = 120;

/// How wide the terminal is.
pub fn terminal_width() -> usize {
    let named = std::env::var("COLUMNS").ok().and_then(|n| n.parse().ok());
    named
        .or_else(|| terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)))
        .unwrap_or(DEFAULT_WIDTH)
}

/// What `clap_complete` leaves out for fish: the words that an argument of a command can be.
pub fn fish_positionals() -> String {
    let command = Cli::command();
    let lines = command.get_subcommands().flat_map(|command| {
        let words = command.get_positionals().map(|argument| {
            let words = argument.get_possible_values();
            let words: Vec<&str> = words.iter().map(|word| word.get_name()).collect();
            words.join(" ")
        });
        let words = words.filter(|words| !words.is_empty());
        let name = command.get_name();
        let line = move |words| {
            format!(
                "complete -c winsessions -n \"__fish_winsessions_using_subcommand {name}\" -f -a \"{words}\"\n"
            )
        };
        words.map(line).collect::<Vec<_>>()
    });
    lines.collect()
}

/// The command with a synopsis for the manual: each option with the value that it takes.
pub fn with_synopses(mut command: clap::Command) -> clap::Command {
    command = command.disable_help_subcommand(true);
    command.build();
    synopses(command)
}

fn synopses(command: clap::Command) -> clap::Command {
    let command = command.mut_subcommands(synopses);
    if command.get_overridden_usage().is_some() {
        return command;
    }
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
    let shown = |argument: &&clap::Arg| !argument.is_hide_set();
    let (options, positionals): (Vec<_>, Vec<_>) = command
        .get_arguments()
        .filter(shown)
        .partition(|argument| !argument.is_positional());
    let arguments = options.into_iter().chain(positionals).map(|argument| {
        let short = argument.get_short().map(|short| format!("-{short}|"));
        let text = format!("{}{argument}", short.unwrap_or_default());
        match argument.is_required_set() || argument.is_positional() {
            true => text,
            false => format!("[{text}]"),
        }
    });
    let subcommand = command.has_subcommands().then(|| "<COMMAND>".to_owned());
    let words: Vec<String> = [name.to_owned()]
        .into_iter()
        .chain(arguments)
        .chain(subcommand)
        .collect();
    command.override_usage(words.join(" "))
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of a value parser")]
fn glob(text: &str) -> Result<Glob, String> {
    Ok(Glob::new(text))
}

fn kind(text: &str) -> Result<Glob, String> {
    word(text, "kind", Kind::ALL.iter().map(|kind| kind.name()))
}

fn class(text: &str) -> Result<Glob, String> {
    word(text, "class", AccountClass::ALL.iter().map(|c| c.name()))
}

/// A glob over words of a closed list: one that fits none of them is a slip.
fn word(
    text: &str,
    what: &str,
    words: impl Iterator<Item = &'static str> + Clone,
) -> Result<Glob, String> {
    let glob = Glob::new(text);
    if words.clone().any(|word| glob.matches(word)) {
        return Ok(glob);
    }
    let known = words.collect::<Vec<_>>().join(", ");
    Err(format!("no {what} is called so; known are: {known}"))
}

const EXIT_STATUS: &str = "\
Exit status:
  0  complete
  1  failed (input or output); worth a retry
  2  wrong usage
  3  complete but partial: some evidence is damaged or unreadable; standard error says what
  4  no event log found in what was named
  130, 143  stopped by Ctrl-C (SIGINT) or SIGTERM, no file was written; a second one ends at once";

const SESSIONS_EXAMPLES: &str = "\
Examples:
  winsessions sessions /evidence/host1               all logs in a folder; a table on a terminal
  winsessions sessions --interactive Security.evtx   people only
  winsessions sessions --at 2020-09-19T03:21 logs/   who was on at that time, in which state
  winsessions sessions -o sessions.json logs/        for programs; also .jsonl and .csv
  winsessions sessions --account 'CORP\\adm*' --kind 'rdp*' --from 2020-09-01 logs/
  winsessions sessions --columns start,account_name,kind,source_address logs/
Questions:
  winsessions sessions --remote=private logs/        from public addresses
  winsessions sessions --interactive --outside 'Mon-Fri 08:00-18:00' --tz Europe/Berlin logs/
  winsessions sessions --interactive --first-seen --from 2020-09-19 logs/    new since then
  winsessions sessions --interactive --sort duration --limit 10 logs/
  winsessions overlap FIRST SECOND logs/             two accounts or addresses at once
Where the evidence does not tell whether a row fits, it is there, and `fits` says possible.
docs/cookbook.md has whole investigations.
--help explains kinds, accounts, marks and exit status.";

const OVERLAP_EXAMPLES: &str = "\
Examples:
  winsessions overlap 'CORP\\adm-carol' 'CORP\\adm-dave' logs/      two accounts
  winsessions overlap 'CORP\\adm-carol' 'CORP\\adm-carol' logs/     one, in two places at once
  winsessions overlap 192.0.2.44 10.20.0.5 --interactive logs/     two addresses
sure_start and sure_end bound the time that both surely were on, possible_start and possible_end
that in which they can have been. A session that is locked or disconnected is on.
`winsessions sessions --help` explains kinds, accounts and exit status.";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  source <(winsessions completions bash)                        in ~/.bashrc
  winsessions completions zsh > ~/.zfunc/_winsessions           a folder of $fpath
  winsessions completions fish > ~/.config/fish/completions/winsessions.fish
  winsessions completions powershell >> $PROFILE";

const MAN_EXAMPLES: &str = "\
Examples:
  winsessions man | man -l -
  winsessions man ~/.local/share/man/man1/                      then: man winsessions-sessions";

const EVENTS_EXAMPLES: &str = "\
Examples:
  winsessions events --from 2020-09-19 --to 2020-09-20 logs/
  winsessions events --account ann --format jsonl logs/ | jq -r .event
--help explains kinds, accounts and exit status.";

const KINDS: &str = "\
Kinds of logon (what it really was; the logon type alone misleads):
  interactive: somebody gave credentials and got a desktop or a program
    console            at the keyboard and screen of the machine
    console-cached     the same, with credentials that the machine had kept
    rdp                Remote Desktop
    rdp-cached         Remote Desktop, with credentials that the machine had kept
    ssh                an SSH connection (network, unless the log shows a terminal)
    runas              a program started under another account's credentials
    runas-netonly      the same with credentials for the network only (runas /netonly)
    new-credentials    other credentials for the network only, by another program
    elevation          a consent prompt answered with an administrator's credentials
    unlock             a return to a locked desktop: part of its session, never one of its own
    rdp-reconnect      a return to a desktop over Remote Desktop: likewise
  network: credentials came over the network and no desktop did
    network            shares, remote administration, and much else
    network-cleartext  the same with the password in clear, as of web servers
    anonymous          without credentials
  non-interactive: nobody typed anything
    system             the machine itself, from boot to stop; services run in it
    service            a service
    batch              a scheduled task
    window-manager     the Desktop Window Manager, one per desktop
    font-driver        the font driver host, one per desktop
    lsa-refresh        the machine validated a logon anew that it had just made
  as the session it was started from
    program            a program that called LogonUser with a password it had
    password-change    a password changed at the logon screen
  else
    other              a logon type that has no rule
    unknown            the logon itself is not in the evidence";

const ACCOUNTS: &str = "\
Service accounts (no password; known by their SID, since their names are translated):
  S-1-5-18  SYSTEM           the most powerful account of a machine, above its administrators
  S-1-5-19  LOCAL SERVICE    rights near those of an ordinary user; anonymous on the network
  S-1-5-20  NETWORK SERVICE  the same on the machine; acts as the computer's account on the network
Each has one standing session per boot. Others are made for a purpose:
  S-1-5-80  virtual-service      one service's own account
  S-1-5-82  app-pool             an application pool of the web server
  S-1-5-83  virtual-machine      a virtual machine of Hyper-V
  S-1-5-90  window-manager       draws the desktop
  S-1-5-94  winrm-virtual-user   remote commands
  S-1-5-96  font-driver          draws text
  S-1-5-111 openssh-virtual-user the SSH server's";

const MARKS: &str = "\
Marks in the table: ~ inferred, not recorded; < no later than; > no earlier than, or at least.
Times are UTC. A wider terminal shows more columns; csv, json and jsonl hold all of them.";

fn sessions_long_help() -> String {
    let classes = classes();
    format!("{SESSIONS_EXAMPLES}\n\n{KINDS}\n\n{ACCOUNTS}\n{classes}\n\n{MARKS}\n\n{EXIT_STATUS}")
}

fn events_long_help() -> String {
    let classes = classes();
    format!("{EVENTS_EXAMPLES}\n\n{KINDS}\n\n{ACCOUNTS}\n{classes}\n\n{EXIT_STATUS}")
}

fn classes() -> String {
    let names: Vec<_> = AccountClass::ALL.iter().map(|class| class.name()).collect();
    format!("All classes: {}.", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(arguments: &[&str]) -> Run {
        let line = ["winsessions", "sessions", "logs"].iter().chain(arguments);
        match Cli::try_parse_from(line).unwrap().command {
            Command::Sessions { run, .. }
            | Command::Events { run, .. }
            | Command::Summary { run, .. }
            | Command::Explain { run, .. }
            | Command::Report { run, .. }
            | Command::Coverage { run }
            | Command::Overlap { run, .. } => run,
            _ => unreachable!("no rows"),
        }
    }

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_explains_every_kind() {
        for kind in Kind::ALL {
            assert!(KINDS.contains(&format!("\n    {kind} ")), "{kind}");
        }
    }

    #[test]
    fn the_help_fits_a_terminal_of_100_columns() {
        let texts = [
            EXIT_STATUS,
            SESSIONS_EXAMPLES,
            EVENTS_EXAMPLES,
            COVERAGE_EXAMPLES,
            SYNTH_EXAMPLES,
            PLAN_EXAMPLES,
            BATCH_EXAMPLES,
            MERGE_EXAMPLES,
            EXPLAIN_EXAMPLES,
            REPORT_EXAMPLES,
            SUMMARY_EXAMPLES,
            OVERLAP_EXAMPLES,
            COMPLETIONS_EXAMPLES,
            MAN_EXAMPLES,
            KINDS,
            ACCOUNTS,
            MARKS,
        ];
        for line in texts.iter().flat_map(|text| text.lines()) {
            assert!(line.len() < 100, "{line}");
        }
    }

    #[test]
    fn the_format_is_the_one_named_else_the_extensions_else_the_terminals() {
        assert_eq!(run(&[]).format(true), Format::Table);
        assert_eq!(run(&[]).format(false), Format::Csv);
        assert_eq!(run(&["-o", "x.JSON"]).format(true), Format::Json);
        assert_eq!(run(&["-o", "x.jsonl"]).format(true), Format::Jsonl);
        assert_eq!(run(&["-o", "x.txt"]).format(true), Format::Csv);
        assert_eq!(run(&["-o", "-"]).format(true), Format::Table);
        assert_eq!(run(&["-o", "/dev/stdout"]).file(), None);
        let both = ["-o", "x.json", "--format", "csv"];
        assert_eq!(run(&both).format(true), Format::Csv);
    }

    #[test]
    fn every_format_can_be_named() {
        for format in Format::ALL {
            let found = run(&["--format", format.name()]).format;
            assert_eq!(found, Some(*format));
        }
    }

    #[test]
    fn a_word_that_fits_no_kind_is_refused_with_the_kinds_that_there_are() {
        assert!(kind("RDP*").is_ok());
        assert!(kind("remote").unwrap_err().contains("rdp-cached"));
        assert!(class("*user").is_ok());
        assert!(class("admin").unwrap_err().contains("local-system"));
    }
}

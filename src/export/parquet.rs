//! Parquet: typed columns for engines that read tables of any size (DuckDB, Arrow, Spark, Polars).
//!
//! In: rows. Out: one file, written row group by row group, so a result of any size needs the memory of one group. Columns and
//! lists are those of JSON, in its order, and so are the values: nothing is made harmless, and the same rows give the same bytes.
//!
//! Times are TIMESTAMP of nanoseconds in UTC, which reaches from 1677 to 2262: a time beyond that is null there, and stands with
//! the name of its column in [`BEYOND`]. Spans are decimals of seconds, numbers unsigned integers, lists lists.

use super::cell::{Cell, Type, reason};
use super::columns::{Cells, Column, Lists, Row, View};
use crate::digits::shown;
use crate::time::Time;
use parquet::basic::{Compression, GzipLevel};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DoubleType, FixedLenByteArray, FixedLenByteArrayType,
    Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;
use std::io::{self, Write};
use std::sync::Arc;

/// The column that holds times beyond the range of a timestamp: `column=time`.
const BEYOND: &str = "times_beyond_timestamps";

/// How many rows a group has at most.
const ROWS: usize = 1 << 15;

/// How many bytes of text a group has at most, but for its last row.
const BYTES: usize = 1 << 25;

/// How values of a column are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stored {
    Text,
    Texts,
    Number,
    Signed,
    Bool,
    Time,
    Seconds,
    Score,
}

impl Stored {
    /// How those of a type are.
    fn of(kind: Type) -> Self {
        match kind {
            Type::Integer => Stored::Number,
            Type::Signed => Stored::Signed,
            Type::Bool => Stored::Bool,
            Type::Time => Stored::Time,
            Type::Seconds => Stored::Seconds,
            Type::Score => Stored::Score,
            Type::Texts | Type::Words(_) => Stored::Texts,
            Type::Text
            | Type::Record
            | Type::LogonId
            | Type::Guid
            | Type::Status
            | Type::LocalTime
            | Type::Offset
            | Type::Word(_) => Stored::Text,
        }
    }

    /// How the format's own notation tells it of a value.
    fn notation(self, name: &str) -> String {
        match self {
            Stored::Text => format!("byte_array {name} (STRING);"),
            Stored::Texts => format!(
                "group {name} (LIST) {{ repeated group list {{ required byte_array element (STRING); }} }}"
            ),
            Stored::Number => format!("int64 {name} (INTEGER(64,false));"),
            Stored::Signed => format!("int64 {name};"),
            Stored::Bool => format!("boolean {name};"),
            Stored::Time => format!("int64 {name} (TIMESTAMP(NANOS,true));"),
            // All that 64 bits of ticks can be.
            Stored::Seconds => format!("fixed_len_byte_array(9) {name} (DECIMAL(19,7));"),
            Stored::Score => format!("double {name};"),
        }
    }
}

/// What a value's levels tell (the format's definition and repetition levels).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nesting {
    /// A value, or none.
    Flat,
    /// A list of texts, or none.
    Texts,
    /// A value, or none, in each row of a list.
    InList,
}

/// The values of a column of the file, of the rows that are gathered.
#[derive(Debug)]
struct Leaf {
    name: &'static str,
    holds: Stored,
    nesting: Nesting,
    values: Values,
    defined: Vec<i16>,
    repeated: Vec<i16>,
}

#[derive(Debug)]
enum Values {
    Texts { bytes: Vec<u8>, ends: Vec<usize> },
    Numbers(Vec<i64>),
    Bools(Vec<bool>),
    Seconds(Vec<i64>),
    Scores(Vec<f64>),
}

impl Leaf {
    fn new(list: Option<&'static str>, name: &'static str, kind: Type) -> Self {
        let holds = Stored::of(kind);
        Leaf {
            name,
            holds,
            nesting: match (list, holds) {
                (Some(_), _) => Nesting::InList,
                (None, Stored::Texts) => Nesting::Texts,
                (None, _) => Nesting::Flat,
            },
            values: match holds {
                Stored::Text | Stored::Texts => Values::Texts {
                    bytes: Vec::new(),
                    ends: Vec::new(),
                },
                Stored::Number | Stored::Signed | Stored::Time => Values::Numbers(Vec::new()),
                Stored::Bool => Values::Bools(Vec::new()),
                Stored::Seconds => Values::Seconds(Vec::new()),
                Stored::Score => Values::Scores(Vec::new()),
            },
            defined: Vec::new(),
            repeated: Vec::new(),
        }
    }

    /// Adds a value with its levels. What a column of this type cannot hold is an error of this program.
    fn push(&mut self, cell: Cell<'_>, defined: i16, repeated: i16) -> Result<(), Beyond> {
        let mut level = defined;
        match (&mut self.values, self.holds, cell) {
            (_, _, Cell::Empty) => level -= 1,
            (Values::Texts { bytes, ends }, ..) => {
                cell.write(bytes);
                ends.push(bytes.len());
            }
            (Values::Numbers(to), Stored::Time, Cell::Time(time)) => match nanoseconds(time) {
                Some(number) => to.push(number),
                None => {
                    self.levels(level - 1, repeated);
                    return Err(Beyond::Time(time));
                }
            },
            // The bits of an unsigned number.
            (Values::Numbers(to), Stored::Number, Cell::Integer(number)) => to.push(number as i64),
            (Values::Numbers(to), Stored::Signed, Cell::Signed(number)) => to.push(number.into()),
            (Values::Bools(to), _, Cell::Bool(is)) => to.push(is),
            (Values::Seconds(to), _, Cell::Seconds(ticks)) => to.push(ticks),
            (Values::Scores(to), _, Cell::Score(score)) => {
                let mut text = Vec::new();
                shown(score, &mut text);
                let number = std::str::from_utf8(&text).ok().and_then(|t| t.parse().ok());
                to.push(number.unwrap_or_default());
            }
            _ => return Err(Beyond::Type(self.name)),
        }
        self.levels(level, repeated);
        Ok(())
    }

    fn levels(&mut self, defined: i16, repeated: i16) {
        self.defined.push(defined);
        if self.nesting != Nesting::Flat {
            self.repeated.push(repeated);
        }
    }

    /// Adds the value of a column of the row.
    fn take(&mut self, cell: Cell<'_>) -> Result<usize, Beyond> {
        let before = self.text_bytes();
        match self.nesting {
            Nesting::Texts => self.texts(cell)?,
            Nesting::Flat | Nesting::InList => self.push(cell, 1, 0)?,
        }
        Ok(self.text_bytes() - before)
    }

    /// Adds a list of texts.
    fn texts(&mut self, cell: Cell<'_>) -> Result<(), Beyond> {
        match cell {
            Cell::Empty => {
                self.levels(0, 0);
                Ok(())
            }
            Cell::Texts(texts) => self.each(texts.iter().map(|text| Cell::Text(text))),
            Cell::Flags(flags) => self.each(flags.iter().map(|flag| Cell::Text(flag.name()))),
            Cell::Words(words) => self.each(words.split_ascii_whitespace().map(Cell::Text)),
            Cell::Reasons(reasons) => {
                let texts: Vec<String> = reasons.iter().map(told).collect();
                self.each(texts.iter().map(|text| Cell::Text(text)))
            }
            _ => Err(Beyond::Type(self.name)),
        }
    }

    fn each<'c>(&mut self, cells: impl Iterator<Item = Cell<'c>>) -> Result<(), Beyond> {
        let mut any = false;
        for cell in cells {
            self.push(cell, 2, any.into())?;
            any = true;
        }
        if !any {
            self.levels(1, 0);
        }
        Ok(())
    }

    fn text_bytes(&self) -> usize {
        match &self.values {
            Values::Texts { bytes, .. } => bytes.len(),
            _ => 0,
        }
    }

    /// Writes what was gathered, and forgets it.
    fn write(&mut self, column: &mut SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        let repeated = (self.nesting != Nesting::Flat).then_some(&self.repeated[..]);
        let defined = Some(&self.defined[..]);
        match &mut self.values {
            Values::Texts { bytes, ends } => {
                let whole = ByteArray::from(std::mem::take(bytes));
                let mut start = 0;
                let slices = ends.drain(..).map(|end| {
                    let text = whole.slice(start, end - start);
                    start = end;
                    text
                });
                let texts: Vec<ByteArray> = slices.collect();
                let to = column.typed::<ByteArrayType>();
                to.write_batch(&texts, defined, repeated)?;
            }
            Values::Numbers(numbers) => {
                let to = column.typed::<Int64Type>();
                to.write_batch(numbers, defined, repeated)?;
                numbers.clear();
            }
            Values::Bools(bools) => {
                let to = column.typed::<BoolType>();
                to.write_batch(bools, defined, repeated)?;
                bools.clear();
            }
            Values::Seconds(ticks) => {
                let numbers: Vec<FixedLenByteArray> = ticks.drain(..).map(decimal).collect();
                let to = column.typed::<FixedLenByteArrayType>();
                to.write_batch(&numbers, defined, repeated)?;
            }
            Values::Scores(scores) => {
                let to = column.typed::<DoubleType>();
                to.write_batch(scores, defined, repeated)?;
                scores.clear();
            }
        }
        self.defined.clear();
        self.repeated.clear();
        Ok(())
    }
}

/// Why a value cannot stand in its column.
enum Beyond {
    /// A timestamp does not reach so far.
    Time(Time),
    /// The column says that it is of another type.
    Type(&'static str),
}

fn told(told: &crate::summary::Reason) -> String {
    let mut text = Vec::new();
    reason(told, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// Nanoseconds since 1970, as far as 64 bits reach.
fn nanoseconds(time: Time) -> Option<i64> {
    i64::try_from(time.unix_nanoseconds()).ok()
}

/// Ticks as the nine bytes of a decimal, the highest first.
fn decimal(ticks: i64) -> FixedLenByteArray {
    let sign = if ticks < 0 { 0xff } else { 0 };
    let mut bytes = vec![sign];
    bytes.extend_from_slice(&ticks.to_be_bytes());
    bytes.into()
}

/// A file on its way out.
#[derive(Debug)]
pub(super) struct File {
    writer: SerializedFileWriter<Vec<u8>>,
    leaves: Vec<Leaf>,
    rows: usize,
    text: usize,
}

impl File {
    /// A file for rows of `R`.
    pub(super) fn begin<R: Row>(view: &View<'_>) -> io::Result<Self> {
        let mut schema = Schema {
            text: format!("message {} {{\n", R::LIST),
            leaves: Vec::new(),
        };
        for column in R::columns(view) {
            schema.column(column.name, column.kind);
        }
        R::lists(None, &mut schema);
        schema.column(BEYOND, Type::Texts);
        schema.text.push('}');
        let properties = WriterProperties::builder()
            .set_created_by(
                concat!(
                    env!("CARGO_PKG_NAME"),
                    " version ",
                    env!("CARGO_PKG_VERSION")
                )
                .to_owned(),
            )
            .set_compression(Compression::GZIP(GzipLevel::default()))
            .set_key_value_metadata(Some(vec![KeyValue::new(
                "schema".to_owned(),
                R::SCHEMA.to_owned(),
            )]))
            .build();
        let parsed = parse_message_type(&schema.text).map_err(io::Error::other)?;
        let writer = SerializedFileWriter::new(Vec::new(), Arc::new(parsed), Arc::new(properties));
        Ok(File {
            writer: writer.map_err(io::Error::other)?,
            leaves: schema.leaves,
            rows: 0,
            text: 0,
        })
    }

    /// Takes a row; writes the group that it completes.
    pub(super) fn row<R: Row>(
        &mut self,
        view: &View<'_>,
        row: &R,
        out: &mut impl Write,
    ) -> io::Result<()> {
        let mut to = Taking {
            view,
            leaves: self.leaves.iter_mut(),
            beyond: Vec::new(),
            text: 0,
            wrong: None,
        };
        row.give(view, &mut to);
        R::lists(Some(row), &mut to);
        let Taking {
            leaves,
            beyond,
            text,
            wrong,
            ..
        } = to;
        for leaf in leaves {
            let _ = leaf.each(beyond.iter().map(|text| Cell::Text(text)));
        }
        if let Some(column) = wrong {
            return Err(io::Error::other(format!(
                "column {column} holds a value of another type"
            )));
        }
        self.rows += 1;
        self.text += text;
        if self.rows == ROWS || self.text >= BYTES {
            self.group(out)?;
        }
        Ok(())
    }

    /// Writes the rows that are gathered as a group.
    pub(super) fn group(&mut self, out: &mut impl Write) -> io::Result<()> {
        if self.rows > 0 {
            self.write_group().map_err(io::Error::other)?;
            (self.rows, self.text) = (0, 0);
        }
        self.hand_over(out)
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        let mut group = self.writer.next_row_group()?;
        for leaf in &mut self.leaves {
            if let Some(mut column) = group.next_column()? {
                leaf.write(&mut column)?;
                column.close()?;
            }
        }
        group.close()?;
        Ok(())
    }

    /// Writes what stands behind all groups.
    pub(super) fn end(mut self, out: &mut impl Write) -> io::Result<()> {
        self.writer.finish().map_err(io::Error::other)?;
        self.hand_over(out)
    }

    fn hand_over(&mut self, out: &mut impl Write) -> io::Result<()> {
        self.writer.flush()?;
        out.write_all(&std::mem::take(self.writer.inner_mut()))
    }
}

/// What a file holds, in the format's own notation.
struct Schema {
    text: String,
    leaves: Vec<Leaf>,
}

impl Schema {
    fn column(&mut self, name: &'static str, kind: Type) {
        let leaf = Leaf::new(None, name, kind);
        self.text
            .push_str(&format!("optional {}\n", leaf.holds.notation(name)));
        self.leaves.push(leaf);
    }
}

impl Lists for Schema {
    fn add<T>(&mut self, name: &'static str, _: &[T], columns: &'static [Column<T>]) {
        self.text.push_str(&format!(
            "required group {name} (LIST) {{ repeated group list {{ required group element {{\n"
        ));
        for column in columns {
            let leaf = Leaf::new(Some(name), column.name, column.kind);
            self.text
                .push_str(&format!("optional {}\n", leaf.holds.notation(column.name)));
            self.leaves.push(leaf);
        }
        self.text.push_str("} } }\n");
    }
}

/// A row on its way into the leaves.
struct Taking<'v, 'a, 'l> {
    view: &'v View<'a>,
    leaves: std::slice::IterMut<'l, Leaf>,
    /// Times that are beyond timestamps.
    beyond: Vec<String>,
    /// How many bytes of text it has.
    text: usize,
    /// A column that holds what it cannot.
    wrong: Option<&'static str>,
}

impl Taking<'_, '_, '_> {
    fn note(&mut self, taken: Result<usize, Beyond>, place: impl FnOnce() -> String) {
        match taken {
            Ok(text) => self.text += text,
            Err(Beyond::Time(time)) => self.beyond.push(format!("{}={time}", place())),
            Err(Beyond::Type(column)) => self.wrong = Some(column),
        }
    }
}

impl<R: 'static> Cells<R> for Taking<'_, '_, '_> {
    fn take(&mut self, column: &'static Column<R>, cell: Cell<'_>) {
        if let Some(leaf) = self.leaves.next() {
            let taken = leaf.take(cell);
            self.note(taken, || column.name.to_owned());
        }
    }
}

impl Lists for Taking<'_, '_, '_> {
    fn add<T>(&mut self, name: &'static str, rows: &[T], columns: &'static [Column<T>]) {
        for column in columns {
            let Some(leaf) = self.leaves.next() else {
                return;
            };
            if rows.is_empty() {
                leaf.levels(0, 0);
            }
            for (place, row) in rows.iter().enumerate() {
                let before = leaf.text_bytes();
                let cell = (column.value)(self.view, row);
                let taken = leaf.push(cell, 2, (place > 0).into());
                let taken = taken.map(|()| leaf.text_bytes() - before);
                self.note(taken, || format!("{name}[{place}].{}", column.name));
            }
        }
    }
}

//! JSON Schemas (2020-12) of what is written for programs.
//!
//! In: the columns that every format is written from. Out: a schema for each document, with what every member means. Lists of
//! words can grow, and members can be added under the same number: so a schema names the words that there are and allows
//! others, and allows other members. Documents of batches are told of by hand; a test holds both to what is written.

use crate::analysis::{Analysis, TimelineEvent};
use crate::export::columns::{DAMAGE, FITS, LOGS, OUTSIDE_AT, SKIPPED, STATE_AT};
use crate::export::messages::{self, Level, Topic};
use crate::export::{Column, Lists, Row, Type, View};
use crate::overlap::Overlap;
use crate::session::{Coverage, Session};
use crate::summary::Summary;
use serde_json::{Map, Value, json};

/// The documents that have a schema.
pub const NAMES: &[&str] = &[
    "sessions", "events", "summary", "coverage", "overlaps", "plan", "manifest", "merge",
    "skipped", "messages",
];

/// The schema of a document, as text; `None` if none is called so.
pub fn schema(name: &str) -> Option<String> {
    let schema = match name {
        "sessions" => of_rows::<Session>(&[&STATE_AT, &FITS, &OUTSIDE_AT]),
        "events" => of_rows::<TimelineEvent>(&[]),
        "summary" => of_rows::<Summary>(&[]),
        "coverage" => of_rows::<Coverage>(&[]),
        "overlaps" => of_rows::<Overlap>(&[]),
        "plan" => plan(),
        "manifest" => manifest(),
        "merge" => merge(),
        "skipped" => skipped(),
        "messages" => messages(),
        _ => return None,
    };
    let mut text = serde_json::to_string_pretty(&schema).ok()?;
    text.push('\n');
    Some(text)
}

/// What all schemas begin with.
fn schema_of(schema: &str, about: &str, defs: Map<String, Value>, mut rest: Value) -> Value {
    if let Some(members) = rest.as_object_mut() {
        members.extend([
            (
                "$schema".to_owned(),
                json!("https://json-schema.org/draft/2020-12/schema"),
            ),
            (
                "$id".to_owned(),
                json!(format!("urn:{}", schema.replace('/', ":"))),
            ),
            ("title".to_owned(), json!(schema)),
            ("description".to_owned(), json!(about)),
            ("$defs".to_owned(), Value::Object(defs)),
        ]);
    }
    rest
}

/// The schema of documents of rows, and of single rows as lines; some columns are only there where they were asked for.
fn of_rows<R: Row>(asked: &[&'static Column<R>]) -> Value {
    let nothing = Analysis::default();
    let view = View::new(&nothing, None);
    let mut defs = values();
    let mut row = members(R::columns(&view));
    let mut lists = Arrays {
        defs: Map::new(),
        members: Map::new(),
    };
    R::lists(None, &mut lists);
    row.extend(lists.members);
    let mut always: Vec<String> = row.keys().cloned().collect();
    always.sort();
    row.extend(members(asked.iter().copied()));
    row.insert(
        "schema".to_owned(),
        json!({"const": R::SCHEMA, "description": "In lines only."}),
    );
    defs.insert(
        "row".to_owned(),
        json!({"type": "object", "properties": row, "required": always}),
    );
    defs.extend(lists.defs);
    defs.insert(
        "line".to_owned(),
        json!({"$ref": "#/$defs/row", "required": ["schema"]}),
    );
    defs.insert("generator".to_owned(), text_members(&["name", "version"]));
    defs.extend(evidence());
    let document = object(json!({
        "schema": {"const": R::SCHEMA},
        "generator": {"$ref": "#/$defs/generator"},
        "evidence": {"$ref": "#/$defs/evidence"},
        R::LIST: {"type": "array", "items": {"$ref": "#/$defs/row"}},
    }));
    defs.insert("document".to_owned(), document);
    schema_of(
        R::SCHEMA,
        "A document (--format json) or a line (--format jsonl). Absent values are null; numbers can have more than 53 bits.",
        defs,
        json!({"anyOf": [{"$ref": "#/$defs/document"}, {"$ref": "#/$defs/line"}]}),
    )
}

/// An object that has all of these members.
fn object(members: Value) -> Value {
    let names = members
        .as_object()
        .map(|members| members.keys().cloned().collect());
    let names: Vec<String> = names.unwrap_or_default();
    json!({"type": "object", "properties": members, "required": names})
}

/// An object of texts.
fn text_members(names: &[&str]) -> Value {
    let members = names
        .iter()
        .map(|name| (name.to_string(), json!({"type": "string"})));
    object(Value::Object(members.collect()))
}

/// The account of the evidence, and what is in it.
fn evidence() -> Map<String, Value> {
    let of = |columns: Map<String, Value>| object(Value::Object(columns));
    let mut log = members(LOGS);
    log.insert("damage".to_owned(), array_of("damage"));
    let evidence = object(json!({
        "logs": array_of("log"),
        "skipped": array_of("skipped"),
        "other_files": {"$ref": "#/$defs/integer", "description": "How many files are no logs."},
        "conflicting_records": {"$ref": "#/$defs/integer",
            "description": "How many records two logs hold with different contents; the first log's was used."},
    }));
    let defs = [
        ("evidence", evidence),
        ("log", of(log)),
        ("damage", of(members(DAMAGE))),
        ("skipped", of(members(SKIPPED))),
    ];
    defs.map(|(name, def)| (name.to_owned(), def))
        .into_iter()
        .collect()
}

fn array_of(def: &str) -> Value {
    json!({"type": "array", "items": {"$ref": format!("#/$defs/{def}")}})
}

fn members<T: 'static>(
    columns: impl IntoIterator<Item = &'static Column<T>>,
) -> Map<String, Value> {
    let member = |column: &Column<T>| {
        let mut value = value(column.kind);
        if let Some(value) = value.as_object_mut() {
            value.insert("description".to_owned(), json!(column.about));
        }
        (column.name.to_owned(), value)
    };
    columns.into_iter().map(member).collect()
}

/// The lists of a row.
struct Arrays {
    defs: Map<String, Value>,
    members: Map<String, Value>,
}

impl Lists for Arrays {
    fn add<T>(&mut self, name: &'static str, _: &[T], columns: &'static [Column<T>]) {
        let def = format!("{name}_item");
        self.members.insert(name.to_owned(), array_of(&def));
        self.defs
            .insert(def, object(Value::Object(members(columns))));
    }
}

/// What a value of a type looks like.
fn value(kind: Type) -> Value {
    let def = match kind {
        Type::Text => "text",
        Type::Record => "record",
        Type::Integer => "integer",
        Type::Signed => "signed",
        Type::Bool => "bool",
        Type::LogonId => "logon_id",
        Type::Guid => "guid",
        Type::Status => "status",
        Type::Time => "time",
        Type::LocalTime => "local_time",
        Type::Offset => "offset",
        Type::Seconds => "seconds",
        Type::Score => "score",
        Type::Texts => "texts",
        Type::Word(words) => {
            return json!({"anyOf": [{"enum": words}, {"type": ["string", "null"]}]});
        }
        Type::Words(words) => {
            let word = json!({"anyOf": [{"enum": words}, {"type": "string"}]});
            return json!({"type": "array", "items": word});
        }
    };
    json!({"$ref": format!("#/$defs/{def}")})
}

/// The types that values have, but for lists of words.
fn values() -> Map<String, Value> {
    let time = "[0-9]{4,6}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{7}";
    let text = |pattern: &str| json!({"type": ["string", "null"], "pattern": pattern});
    let values = json!({
        "text": {"type": ["string", "null"]},
        "record": text("#(.|\\n)*/[0-9]+$"),
        "integer": {"type": ["integer", "null"], "minimum": 0},
        "signed": {"type": ["integer", "null"]},
        "bool": {"type": ["boolean", "null"]},
        "logon_id": text("^0x[0-9a-f]{1,16}$"),
        "guid": text("^\\{[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\\}$"),
        "status": text("^0x[0-9a-f]{8}$"),
        "time": text(&format!("^(\\+?{time}Z|filetime:[0-9]+)$")),
        "local_time": text(&format!("^(\\+?{time}(Z|[+-][0-9]{{2}}:[0-9]{{2}})|filetime:[0-9]+)$")),
        "offset": text("^[+-][0-9]{2}:[0-9]{2}$"),
        "seconds": {"type": ["number", "null"]},
        "score": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
        "texts": {"type": ["array", "null"], "items": {"type": "string"}},
    });
    match values {
        Value::Object(values) => values,
        _ => Map::new(),
    }
}

/// What `--log-format json` writes to standard error.
fn messages() -> Value {
    let words = |names: Vec<&str>| json!({"anyOf": [{"enum": names}, {"type": "string"}]});
    let text = |about: &str| json!({"type": "string", "description": about});
    let number = |about: &str| json!({"type": "integer", "minimum": 0, "description": about});
    let mut message = object(json!({
        "schema": {"const": messages::SCHEMA},
        "level": words(Level::ALL.iter().map(|level| level.name()).collect()),
        "topic": words(Topic::ALL.iter().map(|topic| topic.name()).collect()),
        "message": text("In words."),
    }));
    let optional = [
        (
            "unit",
            text("The unit of a batch that it is about: its id."),
        ),
        (
            "folder",
            text("What that unit's folder of results is called."),
        ),
        ("file", text("The file that it is about.")),
        ("offset", number("The place in that file, in bytes.")),
        ("chunk", number("The chunk there, from 0.")),
        ("record", number("The record there, by its number.")),
    ];
    let numbers = messages::numbers().map(|(name, about)| (name, number(&about)));
    if let Some(members) = message["properties"].as_object_mut() {
        let all = optional.into_iter().chain(numbers);
        members.extend(all.map(|(name, value)| (name.to_owned(), value)));
    }
    let about = "A message, an object a line, on standard error: `--log-format json`.";
    schema_of(messages::SCHEMA, about, Map::new(), message)
}

/// What `batch plan --json` writes.
fn plan() -> Value {
    let mut defs = values();
    let mut source = object(json!({
        "path": {"type": "string"},
        "bytes": {"$ref": "#/$defs/integer"},
        "format": {"type": "string", "description": "What its first bytes say that it is."},
        "named": {"type": "boolean", "description": "Whether it was named itself, not a folder that it lies in."},
    }));
    source["properties"]["path_units"] = json!({"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 65535},
        "description": "The path where it is no Unicode, exactly: its bytes, on Windows its UTF-16."});
    let unit = object(json!({
        "id": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
        "host": {"$ref": "#/$defs/text", "description": "Null if no record tells."},
        "folder": {"type": "string", "description": "What its folder of results is called."},
        "paths": paths(),
        "bytes": {"$ref": "#/$defs/integer"},
        "sources": array_of("source"),
        "skipped": array_of("skipped"),
    }));
    let file = object(Value::Object(members(SKIPPED)));
    defs.insert("skipped".to_owned(), file);
    defs.insert("source".to_owned(), source);
    defs.insert("tool".to_owned(), text_members(&["name", "version"]));
    defs.insert("unit".to_owned(), unit);
    let members = json!({
        "schema": {"const": "winsessions/plan/1"},
        "tool": {"$ref": "#/$defs/tool"},
        "paths": paths(),
        "units": array_of("unit"),
        "skipped": array_of("skipped"),
        "other_files": {"$ref": "#/$defs/integer", "description": "How many files are no logs."},
    });
    schema_of(
        "winsessions/plan/1",
        "What there is to do: `batch plan --json`.",
        defs,
        object(members),
    )
}

/// Paths that were named.
fn paths() -> Value {
    json!({"type": "array", "items": {"type": "string"}, "description": "The paths that were named."})
}

/// What the manifests of batches have in common.
fn of_batches() -> Map<String, Value> {
    let sha256 = json!({"type": ["string", "null"], "pattern": "^[0-9a-f]{64}$"});
    let host = object(json!({
        "host": {"type": "string"},
        "rows": {"$ref": "#/$defs/integer"},
        "bytes": {"$ref": "#/$defs/integer"},
    }));
    let output = object(json!({
        "name": {"type": "string", "description": "The file, beside the manifest."},
        "rows": {"$ref": "#/$defs/integer"},
        "bytes": {"$ref": "#/$defs/integer"},
        "sha256": {"$ref": "#/$defs/sha256"},
        "rows_at": {"$ref": "#/$defs/integer", "description": "At which byte the rows begin."},
        "hosts": array_of("host_rows"),
    }));
    let mut defs = values();
    defs.extend([
        ("sha256".to_owned(), sha256),
        ("tool".to_owned(), text_members(&["name", "version"])),
        ("host_rows".to_owned(), host),
        ("output".to_owned(), output),
    ]);
    defs
}

/// What `batch run` says of a unit.
fn manifest() -> Value {
    let mut defs = of_batches();
    defs.extend(evidence());
    let arguments = object(json!({
        "formats": {"type": "array", "items": {"type": "string"}},
        "decoder": {"type": "string"},
        "csv_raw": {"type": "boolean"},
        "unpack_limit": {"$ref": "#/$defs/integer", "description": "What packages may unpack to, in bytes."},
        "password": {"type": "boolean", "description": "Whether there was one; it is not told."},
    }));
    let unit = object(json!({"id": {"type": "string"}, "host": {"$ref": "#/$defs/text"}}));
    let input = object(json!({
        "path": {"type": "string"},
        "bytes": {"$ref": "#/$defs/integer"},
        "sha256": {"$ref": "#/$defs/sha256", "description": "Null where it could not be read to its end."},
    }));
    let covered = object(json!({
        "host": {"type": "string"},
        "channel": {"type": "string"},
        "first_record": {"$ref": "#/$defs/integer"},
        "first_time": {"$ref": "#/$defs/time"},
        "last_record": {"$ref": "#/$defs/integer"},
        "last_time": {"$ref": "#/$defs/time"},
        "records": {"$ref": "#/$defs/integer"},
        "duplicates": {"$ref": "#/$defs/integer"},
        "missing_records": {"$ref": "#/$defs/integer"},
        "clears": {"$ref": "#/$defs/integer"},
    }));
    defs.insert("input".to_owned(), input);
    defs.insert("covered".to_owned(), covered);
    let members = json!({
        "schema": {"const": "winsessions/manifest/1"},
        "tool": {"$ref": "#/$defs/tool"},
        "arguments": arguments,
        "unit": unit,
        "paths": paths(),
        "inputs": array_of("input"),
        "skipped": array_of("skipped"),
        "evidence": {"$ref": "#/$defs/evidence"},
        "coverage": array_of("covered"),
        "warnings": {"type": "array", "items": {"type": "string"}},
        "outputs": array_of("output"),
        "exit_status": {"$ref": "#/$defs/integer"},
    });
    let about = "What a unit's folder of results was made of, and what came of it: `batch run`.";
    schema_of("winsessions/manifest/1", about, defs, object(members))
}

/// What `batch merge` says of what it joined.
fn merge() -> Value {
    let mut defs = of_batches();
    let unit = object(json!({
        "id": {"type": "string"},
        "host": {"$ref": "#/$defs/text"},
        "manifest_sha256": {"$ref": "#/$defs/sha256"},
        "exit_status": {"$ref": "#/$defs/integer"},
    }));
    defs.insert("unit".to_owned(), unit);
    let file = object(Value::Object(members(SKIPPED)));
    defs.insert("skipped".to_owned(), file);
    let members = json!({
        "schema": {"const": "winsessions/merge/1"},
        "tool": {"$ref": "#/$defs/tool"},
        "units": array_of("unit"),
        "skipped": array_of("skipped"),
        "outputs": array_of("output"),
        "exit_status": {"$ref": "#/$defs/integer"},
    });
    let about = "Which units one result was joined from: `batch merge`.";
    schema_of("winsessions/merge/1", about, defs, object(members))
}

/// What `batch run` says of what is in no unit.
fn skipped() -> Value {
    let mut defs = of_batches();
    defs.extend(evidence());
    let members = json!({
        "schema": {"const": "winsessions/skipped/1"},
        "tool": {"$ref": "#/$defs/tool"},
        "units": {"$ref": "#/$defs/sha256", "description": "Of the ids of all units: the same for parts of one run."},
        "evidence": {"$ref": "#/$defs/evidence"},
    });
    let about = "What is in no unit, beside the units: `batch run`.";
    schema_of("winsessions/skipped/1", about, defs, object(members))
}

//! Records as the `evtx` crate gives them: JSON, read without building trees where it can be.

use super::record::{Record, Rest};
use super::value::Value;
use crate::time::Time;
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// The parts of a record that are read on demand, and texts and numbers of System.
#[derive(Debug)]
pub(super) struct Json<'a> {
    pub provider: Cow<'a, str>,
    pub channel: Cow<'a, str>,
    pub computer: Cow<'a, str>,
    pub version: Option<u64>,
    pub writer: Option<u64>,
    correlation: Option<&'a RawValue>,
    security: Option<&'a RawValue>,
    data: Option<&'a RawValue>,
}

/// Reads the JSON that the `evtx` crate makes of a record, and hands the record to `each`.
pub(super) fn record(
    json: &[u8],
    number: u64,
    written: Time,
    each: &mut dyn FnMut(&Record<'_>),
) -> Result<(), String> {
    let document: Document =
        serde_json::from_slice(json).map_err(|error| format!("the record is no event: {error}"))?;
    let event = document.event;
    let system = event.system.ok_or("the record has no System part")?;
    let number_of = |node: Option<Node>| node.and_then(Node::value)?.number();
    let json = Json {
        provider: system
            .provider
            .and_then(|node| node.attributes.name)
            .unwrap_or_default(),
        channel: system.channel.and_then(Node::text).unwrap_or_default(),
        computer: system.computer.and_then(Node::text).unwrap_or_default(),
        version: number_of(system.version),
        writer: number_of(system.execution.and_then(|node| node.attributes.process_id)),
        correlation: system.correlation,
        security: system.security,
        data: event
            .event_data
            .or(event.user_data)
            .or(event.processing_error),
    };
    each(&Record {
        number,
        record_id: number_of(system.record_id).unwrap_or(number),
        time: system
            .time
            .and_then(|node| node.attributes.system_time)
            .and_then(|time| time.parse().ok())
            .unwrap_or(written),
        event_id: number_of(system.event_id)
            .and_then(|id| u16::try_from(id).ok())
            .ok_or("the record has no event ID")?,
        rest: Rest::Json(&json),
    });
    Ok(())
}

impl<'a> Json<'a> {
    pub(super) fn user_sid(&self) -> Option<Value<'a>> {
        attribute(self.security, "UserID").map(Value::Text)
    }

    pub(super) fn activity(&self) -> Option<Value<'a>> {
        attribute(self.correlation, "ActivityID").map(Value::Text)
    }

    pub(super) fn fields(&self) -> Vec<(Cow<'a, str>, Value<'a>)> {
        let Some(Ok(Node::Object(mut members))) =
            self.data.map(|raw| serde_json::from_str(raw.get()))
        else {
            return Vec::new();
        };
        // UserData wraps its fields in an element of the provider's.
        loop {
            members.retain(|(name, _)| name != ATTRIBUTES);
            match members.as_slice() {
                [(_, Node::Object(inner))] if inner.iter().all(|(name, _)| name != TEXT) => {}
                _ => break,
            }
            if let Some((_, Node::Object(inner))) = members.pop() {
                members = inner;
            }
        }
        let mut fields = Vec::with_capacity(members.len());
        for (name, node) in members {
            match node.own() {
                Some(Node::List(items)) => fields.extend(
                    items
                        .into_iter()
                        .map(|item| (name.clone(), item.value().unwrap_or(Value::EMPTY))),
                ),
                Some(node) => fields.extend(node.value().map(|value| (name, value))),
                None => {}
            }
        }
        fields
    }

    pub(super) fn field(&self, name: &str) -> Option<Value<'a>> {
        let mut deserializer = serde_json::Deserializer::from_str(self.data?.get());
        deserializer.deserialize_map(FieldVisitor(name)).ok()?
    }
}

/// Where the JSON keeps the attributes of an element.
const ATTRIBUTES: &str = "#attributes";

/// Where the JSON keeps the text of an element that could have attributes.
const TEXT: &str = "#text";

/// An attribute of an element of System.
fn attribute<'a>(element: Option<&'a RawValue>, name: &str) -> Option<Cow<'a, str>> {
    let element: Node<'a> = serde_json::from_str(element?.get()).ok()?;
    element.member(ATTRIBUTES)?.member(name)?.text()
}

/// Looks for one member of an object and skips all others.
struct FieldVisitor<'n>(&'n str);

impl<'de> Visitor<'de> for FieldVisitor<'_> {
    type Value = Option<Value<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(Key(name)) = map.next_key()? {
            if found.is_none() && name == self.0 {
                found = map.next_value::<Node<'de>>()?.value();
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow, rename = "Event")]
    event: Event<'a>,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "System")]
    system: Option<System<'a>>,
    #[serde(borrow, rename = "EventData")]
    event_data: Option<&'a RawValue>,
    #[serde(borrow, rename = "UserData")]
    user_data: Option<&'a RawValue>,
    #[serde(borrow, rename = "ProcessingErrorData")]
    processing_error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct System<'a> {
    #[serde(borrow, rename = "Provider")]
    provider: Option<Element<'a>>,
    #[serde(borrow, rename = "EventID")]
    event_id: Option<Node<'a>>,
    #[serde(borrow, rename = "Version")]
    version: Option<Node<'a>>,
    #[serde(borrow, rename = "TimeCreated")]
    time: Option<Element<'a>>,
    #[serde(borrow, rename = "EventRecordID")]
    record_id: Option<Node<'a>>,
    #[serde(borrow, rename = "Execution")]
    execution: Option<Element<'a>>,
    #[serde(borrow, rename = "Correlation")]
    correlation: Option<&'a RawValue>,
    #[serde(borrow, rename = "Security")]
    security: Option<&'a RawValue>,
    #[serde(borrow, rename = "Channel")]
    channel: Option<Node<'a>>,
    #[serde(borrow, rename = "Computer")]
    computer: Option<Node<'a>>,
}

/// An element that says what it has to say in attributes.
#[derive(Deserialize)]
struct Element<'a> {
    #[serde(borrow, default, rename = "#attributes")]
    attributes: Attributes<'a>,
}

#[derive(Deserialize, Default)]
struct Attributes<'a> {
    #[serde(borrow, rename = "Name")]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "SystemTime")]
    system_time: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "ProcessID")]
    process_id: Option<Node<'a>>,
}

/// Any JSON value, borrowed where it can be; members keep their order.
#[derive(Debug, Clone, PartialEq)]
enum Node<'a> {
    Nothing,
    Number(u64),
    Text(Cow<'a, str>),
    List(Vec<Node<'a>>),
    Object(Vec<(Cow<'a, str>, Node<'a>)>),
}

impl<'a> Node<'a> {
    /// A member of an object.
    fn member(self, name: &str) -> Option<Node<'a>> {
        let Node::Object(members) = self else {
            return None;
        };
        let found = members.into_iter().find(|(member, _)| member == name);
        found.map(|(_, node)| node)
    }

    /// What an element holds: itself, or its text if it could have attributes too.
    fn own(self) -> Option<Node<'a>> {
        match self {
            Node::Object(_) => self.member(TEXT),
            plain => Some(plain),
        }
    }

    /// The one value of an element.
    fn value(self) -> Option<Value<'a>> {
        match self.own()? {
            Node::Number(number) => Some(Value::Number(number)),
            Node::Text(text) if text.is_empty() => None,
            Node::Text(text) => Some(Value::Text(text)),
            Node::Nothing | Node::List(_) | Node::Object(_) => None,
        }
    }

    fn text(self) -> Option<Cow<'a, str>> {
        Some(self.value()?.into_text())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Node<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NodeVisitor;
        impl<'de> Visitor<'de> for NodeVisitor {
            type Value = Node<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }
            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(Node::Nothing)
            }
            fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
                Ok(Node::Text(if value { "true" } else { "false" }.into()))
            }
            fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
                Ok(Node::Number(value))
            }
            fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
                Ok(Node::Text(value.to_string().into()))
            }
            fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
                Ok(Node::Text(value.to_string().into()))
            }
            fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
                Ok(Node::Text(value.to_owned().into()))
            }
            fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Self::Value, E> {
                Ok(Node::Text(value.into()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element()? {
                    items.push(item);
                }
                Ok(Node::List(items))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(Key(name)) = map.next_key()? {
                    members.push((name, map.next_value()?));
                }
                Ok(Node::Object(members))
            }
        }
        deserializer.deserialize_any(NodeVisitor)
    }
}

/// A member's name, borrowed where it can be.
struct Key<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Key<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }
            fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
                Ok(Key(value.to_owned().into()))
            }
            fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Self::Value, E> {
                Ok(Key(value.into()))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_whether_its_values_are_typed_or_text() {
        for (id, version, number, pid) in [
            ("4624", "2", "77", "808"),
            ("\"4624\"", "\"2\"", "\"77\"", "\"808\""),
        ] {
            let json = format!(
                r##"{{"Event":{{"#attributes":{{"xmlns":"x"}},"System":{{"Provider":{{"#attributes":{{"Name":"P","Guid":"g"}}}},
                "EventID":{id},"Version":{version},"TimeCreated":{{"#attributes":{{"SystemTime":"2021-05-03T08:58:25.921033600Z"}}}},
                "EventRecordID":{number},"Execution":{{"#attributes":{{"ProcessID":{pid},"ThreadID":1}}}},"Channel":"Security","Computer":"pc"}},
                "EventData":{{"A":"x\u0000\"y","B":3,"C":null,"D":"","E":["1","","2"],"F":{{"#attributes":{{"a":1}},"#text":"t"}},"G":-1}}}}}}"##
            );
            let mut check = |record: &Record<'_>| {
                assert_eq!(
                    (
                        record.number,
                        record.record_id,
                        record.event_id,
                        record.version()
                    ),
                    (5, 77, 4624, 2)
                );
                assert_eq!(
                    (record.writer(), record.provider(), record.channel()),
                    (Some(808), "P", "Security")
                );
                assert_eq!(record.time.to_string(), "2021-05-03T08:58:25.9210336Z");
                let text = |text: &'static str| Value::Text(text.into());
                let expected = [
                    ("A", text("x\0\"y")),
                    ("B", Value::Number(3)),
                    ("E", text("1")),
                    ("E", text("")),
                    ("E", text("2")),
                    ("F", text("t")),
                    ("G", text("-1")),
                ];
                assert_eq!(
                    record.fields(),
                    expected.map(|(name, value)| (Cow::from(name), value))
                );
            };
            record(json.as_bytes(), 5, Time::from_filetime(0), &mut check).unwrap();
        }
    }

    #[test]
    fn qualifiers_do_not_hide_the_event_id_and_user_data_is_unwrapped() {
        let json = r##"{"Event":{"System":{"EventID":{"#attributes":{"Qualifiers":16384},"#text":1102},"Channel":"Security"},
            "UserData":{"LogFileCleared":{"#attributes":{"xmlns":"x"},"SubjectUserName":"a","SubjectLogonId":"0x1"}}}}"##;
        let mut check = |record: &Record<'_>| {
            assert_eq!(
                (
                    record.event_id,
                    record.record_id,
                    record.time,
                    record.writer()
                ),
                (1102, 9, Time::from_filetime(8), None)
            );
            assert_eq!(record.fields().len(), 2);
        };
        record(json.as_bytes(), 9, Time::from_filetime(8), &mut check).unwrap();
    }

    #[test]
    fn values_without_names_keep_their_places_and_binary_is_hex() {
        let json = r##"{"Event":{"System":{"EventID":6008,"Security":{"#attributes":{"UserID":"S-1-5-18"}},
            "Correlation":{"#attributes":{"ActivityID":"{F4}"}}},
            "EventData":{"Data":{"#text":["x","",null]},"Binary":"DF07"}}}"##;
        let mut check = |record: &Record<'_>| {
            let fields = [
                ("Data", "x"),
                ("Data", ""),
                ("Data", ""),
                ("Binary", "DF07"),
            ];
            assert_eq!(
                record.fields(),
                fields.map(|(name, value)| (Cow::from(name), Value::Text(value.into())))
            );
            let text = |text: &'static str| Some(Value::Text(text.into()));
            assert_eq!(record.user_sid(), text("S-1-5-18"));
            assert_eq!(record.activity(), text("{F4}"));
            assert_eq!(record.field("Binary"), Some(Value::Text("DF07".into())));
            assert_eq!((record.field("Data"), record.field("None")), (None, None));
        };
        record(json.as_bytes(), 9, Time::from_filetime(8), &mut check).unwrap();
    }

    #[test]
    fn a_single_value_without_a_name_is_no_wrapper_and_odd_elements_are_nothing() {
        for (data, fields) in [
            (r##""EventData":{"Data":{"#text":["a","b"]}}"##, 2),
            (r##""EventData":{"Data":{"#text":"a"}}"##, 1),
            (
                r##""UserData":{"#attributes":{"x":1},"E":{"#attributes":{"y":1},"A":{"#attributes":{},"#text":"t"}}}"##,
                1,
            ),
            (r##""UserData":{"E":{"A":{"B":{"C":"t"}}}}"##, 1),
            (
                r##""ProcessingErrorData":{"ErrorCode":15005,"DataItemName":"x"}"##,
                2,
            ),
            (r##""EventData":{}"##, 0),
            (r##""EventData":null"##, 0),
            (r##""EventData":"text""##, 0),
        ] {
            let json = format!(
                r##"{{"Event":{{"System":{{"EventID":1,"Security":"odd","Correlation":[1]}},{data}}}}}"##
            );
            let mut check = |record: &Record<'_>| {
                assert_eq!(record.fields().len(), fields, "{data}");
                assert_eq!((record.user_sid(), record.activity()), (None, None));
                assert_eq!(record.field("A"), None, "{data}");
            };
            record(json.as_bytes(), 9, Time::from_filetime(8), &mut check).unwrap();
        }
    }

    #[test]
    fn what_is_no_event_is_an_error_and_never_a_panic() {
        for json in [
            "",
            "{}",
            "[]",
            r#"{"Event":{}}"#,
            r#"{"Event":{"System":{"EventID":70000}}}"#,
            r#"{"Event":null}"#,
        ] {
            assert!(
                record(json.as_bytes(), 1, Time::from_filetime(0), &mut |_| ()).is_err(),
                "{json}"
            );
        }
    }
}

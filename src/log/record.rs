//! The seam between the format and its meaning: a record with named, typed fields.

use super::decoder::{Name, SystemPart};
use super::json::Json;
use super::plan::{EventPlan, Layout, Run};
use super::value::{Raw, Value, Values};
use crate::time::Time;
use std::borrow::Cow;

/// One record: what System says, and its fields on demand.
///
/// A field of System that is missing or unreadable is `None` or empty; nothing is made up for it.
#[derive(Debug)]
pub struct Record<'a> {
    /// The record header's identifier.
    pub number: u64,
    /// System/EventRecordID, else `number`.
    pub record_id: u64,
    /// System/TimeCreated, else the written time of the record header.
    pub time: Time,
    /// System/EventID.
    pub event_id: u16,
    pub(super) rest: Rest<'a>,
}

/// What is read on demand, by how the record was decoded.
#[derive(Debug)]
pub(super) enum Rest<'a> {
    Planned(Planned<'a>),
    Json(&'a Json<'a>),
}

/// A record that a plan covers.
#[derive(Debug)]
pub(super) struct Planned<'a> {
    pub event: &'a EventPlan,
    /// The values of the event.
    pub values: Values<'a>,
    pub fields: Option<Fields<'a>>,
    /// Where version and writer are.
    pub version: &'a SystemPart,
    pub writer: &'a SystemPart,
    pub provider: &'a Name,
    pub channel: &'a Name,
    pub computer: &'a Name,
}

/// Where the fields of a record are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    pub layout: &'a Layout,
    pub values: Values<'a>,
    /// Whether another element is around them.
    pub is_wrapped: bool,
    /// How many fields the one value without a name is, where it is a list; else 0.
    pub items: usize,
}

/// What records of one kind share: provider, channel, event ID, names and order of their fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    pub(super) provider: u32,
    pub(super) channel: u32,
    pub(super) layout: u32,
    pub(super) is_wrapped: bool,
    pub(super) items: u16,
    pub(super) event_id: u16,
}

/// A field: its name, and its value if that is not empty.
pub type Field<'a> = (Cow<'a, str>, Value<'a>);

impl<'a> Record<'a> {
    /// System/Provider's name.
    pub fn provider(&self) -> &'a str {
        match &self.rest {
            Rest::Planned(planned) => &planned.provider.text,
            Rest::Json(json) => &json.provider,
        }
    }

    /// System/Version.
    pub fn version(&self) -> u8 {
        let number = match &self.rest {
            Rest::Planned(planned) => {
                let source = &planned.event.version;
                planned.version.number(source, planned.values)
            }
            Rest::Json(json) => json.version,
        };
        number
            .and_then(|version| u8::try_from(version).ok())
            .unwrap_or(0)
    }

    /// System/Execution/ProcessID.
    pub fn writer(&self) -> Option<u32> {
        let number = match &self.rest {
            Rest::Planned(planned) => {
                let source = &planned.event.writer;
                planned.writer.number(source, planned.values)
            }
            Rest::Json(json) => json.writer,
        };
        number.and_then(|id| u32::try_from(id).ok())
    }

    /// System/Channel.
    pub fn channel(&self) -> &'a str {
        match &self.rest {
            Rest::Planned(planned) => &planned.channel.text,
            Rest::Json(json) => &json.channel,
        }
    }

    /// System/Computer.
    pub fn computer(&self) -> &'a str {
        match &self.rest {
            Rest::Planned(planned) => &planned.computer.text,
            Rest::Json(json) => &json.computer,
        }
    }

    /// What it has in common with others of its kind; `None` where that is not known. For records of the same shape
    /// [`Record::value_at`] gives the same field.
    pub fn shape(&self) -> Option<Shape> {
        let Rest::Planned(planned) = &self.rest else {
            return None;
        };
        let (layout, is_wrapped, items) = match &planned.fields {
            Some(fields) => (fields.layout.id, fields.is_wrapped, fields.items as u16),
            None => (0, false, 0),
        };
        Some(Shape {
            provider: planned.provider.id,
            channel: planned.channel.id,
            layout,
            is_wrapped,
            items,
            event_id: self.event_id,
        })
    }

    /// The names of the fields of records of its [`Shape`], in their order, and whether each stands where
    /// [`Record::field`] looks; none if it has no shape.
    pub fn names(&self) -> impl Iterator<Item = (&'a str, bool)> {
        let fields = match &self.rest {
            Rest::Planned(planned) => planned.fields,
            Rest::Json(_) => None,
        };
        fields.into_iter().flat_map(|fields| {
            let is_wrapped = fields.is_wrapped || fields.layout.wrapped;
            (0..).map_while(move |place| {
                let (field, item) = fields.layout.field(place, fields.items)?;
                let is_listed = field.listed || item.is_some();
                Some((&*field.name, !is_listed && !is_wrapped))
            })
        })
    }

    /// The value of the field at a place among [`Record::names`].
    // Not inlined, each value would go through memory in two pieces and wait there: a fifth of what events cost.
    #[inline(always)]
    pub fn value_at(&self, place: usize) -> Option<Value<'a>> {
        match &self.rest {
            Rest::Planned(planned) => planned.value_at(place),
            Rest::Json(_) => None,
        }
    }

    /// The number that the field at a place is; the same as by [`Record::value_at`], and cheaper.
    #[inline]
    pub fn number_at(&self, place: usize) -> Option<u64> {
        match &self.rest {
            Rest::Planned(planned) => planned.number_at(place),
            Rest::Json(_) => None,
        }
    }

    /// Where in records of its [`Shape`] the values stand that the fields at `places` are; `None` where that is not known, or
    /// depends on the record.
    pub fn runs(&self, places: impl Iterator<Item = usize>) -> Option<Vec<Run>> {
        match &self.rest {
            Rest::Planned(planned) => planned.fields?.layout.runs(places),
            Rest::Json(_) => None,
        }
    }

    /// The sizes and types of the values of a run, and the values, as they stand in the log: records of one shape whose bytes are
    /// the same say the same. `None` if one is not there.
    pub fn run(&self, run: Run) -> Option<[&'a [u8]; 2]> {
        match &self.rest {
            Rest::Planned(planned) => planned.fields?.values.run(run.first, run.last),
            Rest::Json(_) => None,
        }
    }

    /// A number that stands for the channel's text, and for no other text of this process; `None` where it has none.
    pub fn channel_id(&self) -> Option<u32> {
        match &self.rest {
            Rest::Planned(planned) => Some(planned.channel.id),
            Rest::Json(_) => None,
        }
    }

    /// The same for the computer.
    pub fn computer_id(&self) -> Option<u32> {
        match &self.rest {
            Rest::Planned(planned) => Some(planned.computer.id),
            Rest::Json(_) => None,
        }
    }

    /// System/Security's UserID: under whose account the writer ran.
    pub fn user_sid(&self) -> Option<Value<'a>> {
        match &self.rest {
            Rest::Planned(planned) => planned.event.user_sid.value(planned.values),
            Rest::Json(json) => json.user_sid(),
        }
    }

    /// System/Correlation's ActivityID: what the record shares with others about the same activity.
    pub fn activity(&self) -> Option<Value<'a>> {
        match &self.rest {
            Rest::Planned(planned) => planned.event.activity.value(planned.values),
            Rest::Json(json) => json.activity(),
        }
    }

    /// The fields of EventData, or those below the one element of UserData, in their order. Values of a list come one
    /// by one under the same name (`Data` for those that have none), empty ones too: their place tells what they
    /// mean. Otherwise empty and absent values, and elements in elements, are left out. A record that Windows itself
    /// could not write out has the fields of ProcessingErrorData.
    pub fn fields(&self) -> Vec<Field<'a>> {
        match &self.rest {
            Rest::Planned(_) => {
                let names = self.names().enumerate();
                names
                    .filter_map(|(place, (name, _))| Some((name.into(), self.value_at(place)?)))
                    .collect()
            }
            Rest::Json(json) => json.fields(),
        }
    }

    /// The value of one field of EventData; cheaper than all of them.
    pub fn field(&self, name: &str) -> Option<Value<'a>> {
        match &self.rest {
            Rest::Planned(_) => {
                let place = self.names().position(|(n, plain)| plain && n == name);
                self.value_at(place?)
            }
            Rest::Json(json) => json.field(name),
        }
    }
}

impl<'a> Planned<'a> {
    #[inline(always)]
    fn number_at(&self, place: usize) -> Option<u64> {
        let fields = self.fields.as_ref()?;
        match fields.layout.plain_number(place, fields.values) {
            Some(number) if fields.items == 0 => Some(number),
            _ => self.other_number(place),
        }
    }

    #[inline(never)]
    fn other_number(&self, place: usize) -> Option<u64> {
        self.value_at(place)?.number()
    }

    #[inline(always)]
    fn value_at(&self, place: usize) -> Option<Value<'a>> {
        let fields = self.fields.as_ref()?;
        if fields.items > 0 {
            return fields.value_beside_list(place);
        }
        let field = fields.layout.fields.get(place)?;
        let value = field.source.value(fields.values);
        match field.listed {
            true => Some(value.unwrap_or(Value::EMPTY)),
            false => value,
        }
    }
}

impl<'a> Fields<'a> {
    /// The value at a place, where one of the fields is a list or several that come from one.
    #[cold]
    fn value_beside_list(&self, place: usize) -> Option<Value<'a>> {
        let (field, item) = self.layout.field(place, self.items)?;
        let raw = field.source.raw(self.values);
        let value = match raw {
            Some(raw) => match raw.items() {
                Some(mut items) => items.nth(item.unwrap_or(0)).and_then(Raw::value),
                None => raw.value(),
            },
            None => field.source.literal(),
        };
        match item {
            Some(_) => Some(value.unwrap_or(Value::EMPTY)),
            None => value,
        }
    }
}

//! Decodes records by plans, and keeps the plans from chunk to chunk and from log to log.
//!
//! In: a chunk and the frame of a record in it. Out: the [`Record`], whose values are borrowed from the chunk; or
//! nothing where no plan covers it, which says nothing of the record: the `evtx` crate decides.

use super::CHUNK_SIZE;
use super::bytes::{array, u32_at};
use super::frame::Frame;
use super::plan::{Content, EventPlan, Inside, Known, Plan, Source};
use super::record::{Fields, Planned, Record, Rest, Shape};
use super::template::{Identity, Place};
use super::value::{self, Substitution, kind};
use crate::time::Time;
use ahash::RandomState;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};

/// What a fragment begins with: a token and a version.
const FRAGMENT: u8 = 0x0f;

/// The token of a template's instance.
const INSTANCE: u8 = 0x0c;

/// The token that ends a fragment.
const END: u8 = 0x00;

/// Bytes of definitions and names that are kept; beyond, all are forgotten. Those of a whole Windows take some 4 MiB.
const MOST_KEPT: usize = 16 << 20;

/// Bytes of definitions that are looked at in one chunk. Real ones of a chunk take less than it.
const MOST_IN_CHUNK: usize = 4 * CHUNK_SIZE as usize;

/// Definitions of one GUID and size that are told apart.
const MOST_ALIKE: usize = 16;

/// Plans, and what they need to be applied.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    plans: Vec<Plan>,
    by_identity: HashMap<Identity, Vec<usize>, RandomState>,
    /// The plans of the definitions of this chunk by their offsets; `None` where there is none.
    in_chunk: HashMap<u32, Option<usize>, RandomState>,
    /// Bytes of definitions that were looked at in this chunk.
    looked_at: usize,
    /// Bytes that `plans` and `names` hold.
    kept: usize,
    names: Names,
    /// The values of the record.
    values: Vec<Substitution>,
    /// The values of the fragment in it that holds its fields.
    fields: Vec<Substitution>,
}

/// An instance of a template: the plan for it, where it ends, and how many of its values are fragments.
struct Instance {
    plan: usize,
    end: usize,
    fragments: usize,
}

/// The fragment that holds the fields.
struct Fragment {
    plan: usize,
    /// Whether it stands in an element of the event's own definition.
    is_wrapped: bool,
}

/// What was read of a record; the rest is in the decoder.
struct Parts {
    event: usize,
    fields: Option<Fragment>,
    record_id: Option<u64>,
    time: Time,
    provider: usize,
    event_id: u16,
    channel: usize,
    computer: usize,
}

impl Decoder {
    /// Forgets the chunk that was decoded last; offsets mean others in the next.
    pub(super) fn start_chunk(&mut self) {
        self.in_chunk.clear();
        self.looked_at = 0;
        if self.kept > MOST_KEPT {
            *self = Decoder::default();
        }
    }

    /// Decodes the record in a frame; `None` where no plan covers it.
    pub(super) fn decode<'r>(&'r mut self, chunk: &'r [u8], frame: &Frame) -> Option<Record<'r>> {
        let parts = self.read(chunk, frame)?;
        let event = self.event(parts.event)?;
        let fields = match (&parts.fields, &event.fields) {
            (Some(fragment), _) => match &self.plans.get(fragment.plan)?.content {
                Some(Content::Part(part)) => Some(Fields {
                    layout: part.fields.as_ref()?,
                    values: &self.fields,
                    is_wrapped: fragment.is_wrapped,
                }),
                _ => return None,
            },
            (None, Inside::Fields(layout)) => Some(Fields {
                layout,
                values: &self.values,
                is_wrapped: false,
            }),
            (None, Inside::Nothing | Inside::Part(_)) => None,
        };
        if let Some(fields) = &fields
            && !fields.layout.holds(fields.values)
        {
            return None;
        }
        let provider = self.names.get(parts.provider)?;
        let channel = self.names.get(parts.channel)?;
        let computer = self.names.get(parts.computer)?;
        let number_of = |source: &Source| source.value(chunk, &self.values)?.number();
        Some(Record {
            number: frame.number,
            record_id: parts.record_id.unwrap_or(frame.number),
            time: parts.time,
            provider: provider.text.as_ref().into(),
            event_id: parts.event_id,
            version: number_of(&event.version)
                .and_then(|version| u8::try_from(version).ok())
                .unwrap_or(0),
            writer: number_of(&event.writer).and_then(|id| u32::try_from(id).ok()),
            channel: channel.text.as_ref().into(),
            computer: computer.text.as_ref().into(),
            rest: Rest::Planned(Planned {
                chunk,
                event,
                values: &self.values,
                shape: Shape {
                    provider: provider.id,
                    channel: channel.id,
                    layout: fields.as_ref().map_or(0, |fields| fields.layout.id),
                    is_wrapped: fields.as_ref().is_some_and(|fields| fields.is_wrapped),
                    event_id: parts.event_id,
                },
                fields,
                computer: computer.id,
            }),
        })
    }

    /// Reads what has to be right for a plan to apply.
    fn read(&mut self, chunk: &[u8], frame: &Frame) -> Option<Parts> {
        let mut values = std::mem::take(&mut self.values);
        let mut fields = std::mem::take(&mut self.fields);
        let parts = self.read_into(chunk, frame, &mut values, &mut fields);
        (self.values, self.fields) = (values, fields);
        parts
    }

    fn read_into(
        &mut self,
        chunk: &[u8],
        frame: &Frame,
        values: &mut Vec<Substitution>,
        fields: &mut Vec<Substitution>,
    ) -> Option<Parts> {
        let (start, end) = (frame.content_start(), frame.content_end());
        let Instance {
            plan: event_plan,
            fragments: mut unseen,
            ..
        } = self.fragment(chunk, start, end, values)?;
        let mut found = None;
        let mut place = 0;
        while let Some((index, is_wrapped)) = self.event(event_plan)?.fragment(place) {
            place += 1;
            let Some(&value) = values.get(usize::from(index)) else {
                continue;
            };
            match value.kind {
                kind::NULL => continue,
                kind::BINXML if value.size == 0 => continue,
                kind::BINXML => unseen = unseen.checked_sub(1)?,
                _ => return None,
            }
            let start = value.at as usize;
            let mut others = Vec::new();
            let values = if found.is_none() {
                &mut *fields
            } else {
                &mut others
            };
            let end = start + usize::from(value.size);
            let Instance {
                plan, fragments: 0, ..
            } = self.fragment(chunk, start, end, values)?
            else {
                return None;
            };
            let Some(Content::Part(part)) = &self.plans.get(plan)?.content else {
                return None;
            };
            if is_wrapped || part.holds_fields {
                // Several elements of fields would be one that counts and others that do not.
                if found.is_some() || (!is_wrapped && self.event(event_plan)?.has_fields()) {
                    return None;
                }
                part.fields.as_ref()?;
                found = Some(Fragment { plan, is_wrapped });
            }
        }
        // Each value that is a fragment must stand where the plan sees it.
        if unseen > 0 {
            return None;
        }
        // The plan, apart from the names that are added.
        let (plans, names, kept) = (&self.plans, &mut self.names, &mut self.kept);
        let Some(Content::Event(event)) = &plans.get(event_plan)?.content else {
            return None;
        };
        let mut name = |source: &Source, known: Option<usize>| match known {
            Some(known) => Some(known),
            None => names.of(source.substitution(values), chunk, kept),
        };
        let (provider, channel) = (
            name(&event.provider, event.known.provider)?,
            name(&event.channel, event.known.channel)?,
        );
        let computer = name(&event.computer, event.known.computer)?;
        let number = |source: &Source| source.value(chunk, values).and_then(|v| v.number());
        Some(Parts {
            event: event_plan,
            fields: found,
            record_id: number(&event.record_id),
            time: time(&event.time, chunk, values)?.unwrap_or(frame.written),
            provider,
            event_id: number(&event.event_id).and_then(|id| u16::try_from(id).ok())?,
            channel,
            computer,
        })
    }

    fn event(&self, plan: usize) -> Option<&EventPlan> {
        match &self.plans.get(plan)?.content {
            Some(Content::Event(event)) => Some(event),
            _ => None,
        }
    }

    /// Reads a fragment that is one instance of a template: its header, which may be missing, the instance, its end.
    fn fragment(
        &mut self,
        chunk: &[u8],
        start: usize,
        end: usize,
        values: &mut Vec<Substitution>,
    ) -> Option<Instance> {
        let at = match chunk.get(start..end)? {
            [FRAGMENT, _, _, _, INSTANCE, _, ..] => start + 5,
            [INSTANCE, ..] => start + 1,
            _ => return None,
        };
        let instance = self.instance(chunk, at, end, values)?;
        match chunk.get(instance.end..end)? {
            [] | [END, ..] => Some(instance),
            _ => None,
        }
    }

    /// Reads an instance: which template, the definition if it stands here, the values.
    fn instance(
        &mut self,
        chunk: &[u8],
        at: usize,
        end: usize,
        values: &mut Vec<Substitution>,
    ) -> Option<Instance> {
        let short_id: [u8; 4] = array(chunk, at + 1)?;
        let offset = u32_at(chunk, at + 5)?;
        let mut next = at + 9;
        if offset as usize == next {
            next = Place::at(chunk, next)?.end();
        }
        let plan = match self.in_chunk.get(&offset) {
            Some(&known) => known,
            None => {
                let found = self.plan_of(chunk, offset as usize);
                self.in_chunk.insert(offset, found);
                found
            }
        }?;
        // The instance and the definition must mean each other.
        let ([a, b, c, d, ..], _) = self.plans.get(plan)?.identity();
        if short_id != [a, b, c, d] {
            return None;
        }
        let array = value::substitutions(chunk, next, end, values)?;
        Some(Instance {
            plan,
            end: array.end,
            fragments: array.fragments,
        })
    }

    /// The plan for the definition at an offset: a known one if it is the same, else a new one.
    fn plan_of(&mut self, chunk: &[u8], offset: usize) -> Option<usize> {
        let place = Place::at(chunk, offset)?;
        self.looked_at += place.size();
        if self.looked_at > MOST_IN_CHUNK {
            return None;
        }
        let alike = self.by_identity.entry(place.identity).or_default();
        let is_same =
            |&&plan: &&usize| self.plans.get(plan).is_some_and(|plan| plan.is_for(&place));
        let plan = match alike.iter().find(is_same) {
            Some(&plan) => plan,
            None if alike.len() >= MOST_ALIKE => return None,
            None => {
                let mut new = Plan::new(&place)?;
                if let Some(Content::Event(event)) = &mut new.content {
                    let mut known = |source: &Source| self.names.known(source, &mut self.kept);
                    event.known = Known {
                        provider: known(&event.provider),
                        channel: known(&event.channel),
                        computer: known(&event.computer),
                    };
                }
                self.kept += 4 * place.size();
                alike.push(self.plans.len());
                self.plans.push(new);
                self.plans.len() - 1
            }
        };
        self.plans.get(plan)?.content.as_ref().map(|_| plan)
    }
}

/// System/TimeCreated: `Some(None)` where it says nothing, `None` where it is nothing that a time is written as.
fn time(source: &Source, chunk: &[u8], values: &[Substitution]) -> Option<Option<Time>> {
    if let Some(value) = source.substitution(values)
        && ![kind::NULL, kind::STRING, kind::FILETIME].contains(&value.kind)
    {
        return None;
    }
    let value = source.value(chunk, values);
    Some(value.and_then(|value| value.time()))
}

/// Texts of System, each once.
#[derive(Debug, Default)]
struct Names {
    all: Vec<Name>,
    by_units: HashMap<Box<[u8]>, usize, RandomState>,
    /// The names that were asked for last.
    recent: [usize; 2],
}

#[derive(Debug)]
struct Name {
    units: Box<[u8]>,
    text: Box<str>,
    /// No other text of this process has it.
    id: u32,
}

/// Names so far.
static NAMES: AtomicU32 = AtomicU32::new(0);

impl Names {
    fn get(&self, name: usize) -> Option<&Name> {
        self.all.get(name)
    }

    /// The name that a source gives in all records, if it does. `kept` counts the bytes of all names.
    fn known(&mut self, source: &Source, kept: &mut usize) -> Option<usize> {
        match source {
            Source::Nothing => Some(self.add(&[], kept)),
            Source::Literal(text) => {
                let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
                Some(self.add(&units, kept))
            }
            Source::Value { .. } => None,
        }
    }

    /// The name that a value gives; `None` if that is no text.
    fn of(&mut self, value: Option<Substitution>, chunk: &[u8], kept: &mut usize) -> Option<usize> {
        match value {
            None => Some(self.add(&[], kept)),
            Some(value) if value.is_null() => Some(self.add(&[], kept)),
            Some(value) if value.kind == kind::STRING => {
                Some(self.add(value::without_padding(value.bytes(chunk)), kept))
            }
            Some(_) => None,
        }
    }

    fn add(&mut self, units: &[u8], kept: &mut usize) -> usize {
        // A log has one channel and one computer as a rule.
        let of_recent = |name: &usize| self.all.get(*name).is_some_and(|n| *n.units == *units);
        if let Some(name) = self.recent.iter().copied().find(of_recent) {
            return name;
        }
        let [.., latest] = self.recent;
        if let Some(&name) = self.by_units.get(units) {
            self.recent = [latest, name];
            return name;
        }
        let name = self.all.len();
        self.recent = [latest, name];
        *kept += 2 * units.len();
        self.by_units.insert(units.into(), name);
        self.all.push(Name {
            units: units.into(),
            text: value::decode(units).into(),
            id: NAMES.fetch_add(1, Ordering::Relaxed),
        });
        name
    }
}

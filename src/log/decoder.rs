//! Decodes records by plans, and keeps the plans from chunk to chunk and from log to log.
//!
//! In: a chunk and the frame of a record in it. Out: the [`Record`], whose values are borrowed from the chunk; or
//! nothing where no plan covers it, which says nothing of the record: the `evtx` crate decides.

use super::CHUNK_SIZE;
use super::bytes::{self, ALLOCATION, Extent, u32_at};
use super::frame::Frame;
use super::plan::{Content, EventPlan, Inside, Known, PARTS, Plan, Source};
use super::record::{Fields, Planned, Record, Rest, Shape};
use super::template::{self, Identity, Place};
use super::value::{self, Array, Raw, Substitution, Values, kind};
use crate::time::Time;
use ahash::RandomState;
use std::borrow::Cow;
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

/// Bytes that what tells definitions apart takes at most: a place in a table that is half full, and a list.
const IDENTITY: usize = 2 * size_of::<(Identity, Vec<usize>)>() + ALLOCATION;

/// Arrays of instances that are kept to compare the next with.
const ARRAYS: usize = 64;

/// What an instance of a template is in its record.
#[derive(Debug, Clone, Copy)]
enum Role {
    Event,
    /// The fragment that holds the fields, or may do so.
    Fields,
    /// Another fragment.
    Other,
}

/// Plans, and what they need to be applied.
#[derive(Debug)]
pub(super) struct Decoder {
    plans: Vec<Plan>,
    by_identity: HashMap<Identity, Vec<usize>, RandomState>,
    /// The plans of the definitions of this chunk.
    in_chunk: InChunk,
    /// Bytes of definitions that were looked at in this chunk.
    looked_at: usize,
    /// Bytes that `plans` and `names` hold.
    kept: usize,
    names: Names,
    /// What was read last in each role, for some plans each.
    arrays: [Vec<Array>; 3],
    /// Where the parts of System were last in each array of an event.
    system: Vec<System>,
}

/// Where [`EventPlan::sources`] are among the values of an instance.
#[derive(Debug, Clone, Copy, Default)]
struct System {
    plan: usize,
    places: [Option<Substitution>; PARTS],
}

/// An instance of a template: the plan for it, which array was read, and where the values are.
#[derive(Debug, Clone, Copy)]
struct Instance {
    plan: usize,
    role: Role,
    extent: Extent,
}

/// The fragment that holds the fields.
struct Fragment {
    instance: Instance,
    /// Whether it stands in an element of the event's own definition.
    is_wrapped: bool,
}

impl Default for Decoder {
    fn default() -> Self {
        let arrays = || {
            std::iter::repeat_with(Array::default)
                .take(ARRAYS)
                .collect()
        };
        Decoder {
            plans: Vec::new(),
            by_identity: HashMap::default(),
            in_chunk: InChunk::default(),
            looked_at: 0,
            kept: 0,
            names: Names::default(),
            arrays: [arrays(), arrays(), arrays()],
            system: vec![System::default(); ARRAYS],
        }
    }
}

impl Decoder {
    /// Forgets the chunk that was decoded last; offsets mean others in the next.
    pub(super) fn start_chunk(&mut self) {
        if self.kept > MOST_KEPT {
            *self = Decoder::default();
        }
        self.in_chunk.start();
        self.looked_at = 0;
    }

    /// Decodes the record in a frame and hands it to `each`; `None` where no plan covers it.
    pub(super) fn decode(
        &mut self,
        chunk: &[u8],
        frame: &Frame,
        each: &mut dyn FnMut(&Record<'_>),
    ) -> Option<()> {
        let instance = self.fragment(chunk, frame.content(), Role::Event)?;
        let fragment = self.fields(chunk, instance)?;
        let Some(Content::Event(event)) = &self.plans.get(instance.plan)?.content else {
            return None;
        };
        let [events, parts, _] = &mut self.arrays;
        let slot = instance.plan % ARRAYS;
        let array = events.get_mut(slot)?;
        let known = self.system.get_mut(slot)?;
        if !array.is_settled(event.settled_by) || known.plan != instance.plan {
            known.plan = instance.plan;
            known.places = event.sources().map(|source| source.substitution(array));
        }
        let values = Values::new(array, chunk, instance.extent)?;
        let mut fields = match (fragment, &event.fields) {
            (
                Some(Fragment {
                    instance,
                    is_wrapped,
                }),
                _,
            ) => {
                let Some(Content::Part(part)) = &self.plans.get(instance.plan)?.content else {
                    return None;
                };
                let array = parts.get(instance.plan % ARRAYS)?;
                Some(Fields {
                    layout: part.fields.as_ref()?,
                    values: Values::new(array, chunk, instance.extent)?,
                    is_wrapped,
                    items: 0,
                })
            }
            (None, Inside::Fields(layout)) => Some(Fields {
                layout,
                values,
                is_wrapped: false,
                items: 0,
            }),
            (None, Inside::Nothing | Inside::Part(_)) => None,
        };
        if let Some(fields) = &mut fields {
            if !fields.layout.holds(fields.values) {
                return None;
            }
            fields.items = fields.layout.items(fields.values)?;
        }
        // A list elsewhere would be several elements.
        if !matches!(event.fields, Inside::Fields(_)) && !values.array().lists().is_empty() {
            return None;
        }
        let [
            provider,
            event_id,
            version,
            time,
            record_id,
            writer,
            channel,
            computer,
        ] = &known.places;
        let raw = |place: &Option<Substitution>| values.at((*place)?);
        let (names, kept) = (&mut self.names, &mut self.kept);
        let mut name = |place, known: Option<usize>| match known {
            Some(known) => Some(known),
            None => names.of(raw(place), kept),
        };
        let provider = name(provider, event.known.provider)?;
        let channel = name(channel, event.known.channel)?;
        let computer = name(computer, event.known.computer)?;
        let provider = self.names.get(provider)?;
        let channel = self.names.get(channel)?;
        let computer = self.names.get(computer)?;
        let number = |source: &Source, place| match raw(place) {
            Some(raw) => raw.number(),
            None => source.literal()?.number(),
        };
        let event_id = u16::try_from(number(&event.event_id, event_id)?).ok()?;
        let (layout, is_wrapped, items) = fields.map_or((0, false, 0), |f| {
            (f.layout.id, f.is_wrapped, f.items as u16)
        });
        each(&Record {
            number: frame.number,
            record_id: number(&event.record_id, record_id).unwrap_or(frame.number),
            time: time_of(&event.time, raw(time))?.unwrap_or(frame.written),
            provider: Cow::Borrowed(&provider.text),
            event_id,
            version: number(&event.version, version)
                .and_then(|version| u8::try_from(version).ok())
                .unwrap_or(0),
            writer: number(&event.writer, writer).and_then(|id| u32::try_from(id).ok()),
            channel: Cow::Borrowed(&channel.text),
            computer: Cow::Borrowed(&computer.text),
            rest: Rest::Planned(Planned {
                event,
                values,
                fields,
                shape: Shape {
                    provider: provider.id,
                    channel: channel.id,
                    layout,
                    is_wrapped,
                    items,
                    event_id,
                },
                computer: computer.id,
            }),
        });
        Some(())
    }

    /// Reads the fragments of an event: which of them holds its fields. `None` where one is not as its plan sees it.
    fn fields(&mut self, chunk: &[u8], event: Instance) -> Option<Option<Fragment>> {
        let mut found = None;
        let mut unseen = array(&self.arrays, &event)?.fragments();
        let mut place = 0;
        while let Some((index, is_wrapped)) = self.event(event.plan)?.fragment(place) {
            place += 1;
            let Some(value) = array(&self.arrays, &event)?.get(index) else {
                continue;
            };
            let content = value.extent(event.extent);
            match value.kind {
                kind::NULL => continue,
                kind::BINXML if content.start == content.end => continue,
                kind::BINXML => unseen = unseen.checked_sub(1)?,
                _ => return None,
            }
            let role = match found {
                None => Role::Fields,
                Some(_) => Role::Other,
            };
            let instance = self.fragment(chunk, content, role)?;
            if array(&self.arrays, &instance)?.fragments() > 0 {
                return None;
            }
            let Some(Content::Part(part)) = &self.plans.get(instance.plan)?.content else {
                return None;
            };
            if is_wrapped || part.holds_fields {
                // Several elements of fields would be one that counts and others that do not.
                if found.is_some() || (!is_wrapped && self.event(event.plan)?.has_fields()) {
                    return None;
                }
                part.fields.as_ref()?;
                found = Some(Fragment {
                    instance,
                    is_wrapped,
                });
            } else if !array(&self.arrays, &instance)?.lists().is_empty() {
                return None;
            }
        }
        // Each value that is a fragment must stand where the plan sees it.
        (unseen == 0).then_some(found)
    }

    fn event(&self, plan: usize) -> Option<&EventPlan> {
        match &self.plans.get(plan)?.content {
            Some(Content::Event(event)) => Some(event),
            _ => None,
        }
    }

    /// Reads a fragment that is one instance of a template: its header, which may be missing, the instance, its end.
    fn fragment(&mut self, chunk: &[u8], at: Extent, role: Role) -> Option<Instance> {
        let (start, end) = (at.start as usize, at.end as usize);
        let at = match at.of(chunk)? {
            [FRAGMENT, _, _, _, INSTANCE, _, ..] => start + 5,
            [INSTANCE, ..] => start + 1,
            _ => return None,
        };
        let instance = self.instance(chunk, at, end, role)?;
        match chunk.get(instance.extent.end as usize..end)? {
            [] | [END, ..] => Some(instance),
            _ => None,
        }
    }

    /// Reads an instance: which template, the definition if it stands here, the values.
    fn instance(&mut self, chunk: &[u8], at: usize, end: usize, role: Role) -> Option<Instance> {
        let short_id: [u8; 4] = bytes::array(chunk, at + 1)?;
        let offset = u32_at(chunk, at + 5)?;
        let mut next = at + 9;
        if offset as usize == next {
            next = Place::at(chunk, next)?.end();
        }
        let plan = match self.in_chunk.get(offset) {
            Some(known) => known,
            None => {
                let found = self.plan_of(chunk, offset as usize);
                self.in_chunk.set(offset, found);
                found
            }
        }?;
        // The instance and the definition must mean each other.
        let ([a, b, c, d, ..], _) = self.plans.get(plan)?.identity();
        if short_id != [a, b, c, d] {
            return None;
        }
        let array = self.arrays.get_mut(role as usize)?.get_mut(plan % ARRAYS)?;
        let extent = array.read(chunk, next, end)?;
        Some(Instance { plan, role, extent })
    }

    /// The plan for the definition at an offset: a known one if it is the same, else a new one.
    fn plan_of(&mut self, chunk: &[u8], offset: usize) -> Option<usize> {
        let place = Place::at(chunk, offset)?;
        self.looked_at += template::HEADER_SIZE + place.size();
        if self.looked_at > MOST_IN_CHUNK {
            return None;
        }
        let alike = self.by_identity.get(&place.identity);
        let alike = alike.map_or(&[][..], Vec::as_slice);
        let is_same =
            |&&plan: &&usize| self.plans.get(plan).is_some_and(|plan| plan.is_for(&place));
        let plan = match alike.iter().find(is_same) {
            Some(&plan) => plan,
            // The next chunk begins anew.
            None if alike.len() >= MOST_ALIKE || self.kept > MOST_KEPT => return None,
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
                // The list of plans may be half empty.
                self.kept += new.bytes() + size_of::<Plan>();
                let alike = self.by_identity.entry(place.identity);
                alike
                    .or_insert_with(|| {
                        self.kept += IDENTITY;
                        Vec::new()
                    })
                    .push(self.plans.len());
                self.plans.push(new);
                self.plans.len() - 1
            }
        };
        self.plans.get(plan)?.content.as_ref().map(|_| plan)
    }
}

/// The array that was read of an instance.
fn array<'d>(arrays: &'d [Vec<Array>; 3], instance: &Instance) -> Option<&'d Array> {
    arrays
        .get(instance.role as usize)?
        .get(instance.plan % ARRAYS)
}

/// Bytes that no definition with a plan fits in.
const SMALLEST: usize = 32;

/// The plans of the definitions of a chunk, by their offsets.
#[derive(Debug)]
struct InChunk {
    /// Chunks so far.
    chunk: u64,
    /// One for each [`SMALLEST`] bytes of a chunk. Where definitions overlap, the last one counts.
    met: Vec<Met>,
}

/// A definition that was met: in which chunk, at which offset, and the plan for it, if there is one.
#[derive(Debug, Clone, Copy, Default)]
struct Met {
    chunk: u64,
    offset: u32,
    plan: Option<usize>,
}

impl Default for InChunk {
    fn default() -> Self {
        InChunk {
            chunk: 0,
            met: vec![Met::default(); CHUNK_SIZE as usize / SMALLEST],
        }
    }
}

impl InChunk {
    /// Forgets all.
    fn start(&mut self) {
        self.chunk += 1;
    }

    /// The plan of the definition at an offset; `None` if it was not met.
    fn get(&self, offset: u32) -> Option<Option<usize>> {
        let met = self.met.get(offset as usize / SMALLEST)?;
        (met.chunk == self.chunk && met.offset == offset).then_some(met.plan)
    }

    fn set(&mut self, offset: u32, plan: Option<usize>) {
        if let Some(met) = self.met.get_mut(offset as usize / SMALLEST) {
            *met = Met {
                chunk: self.chunk,
                offset,
                plan,
            };
        }
    }
}

/// System/TimeCreated: `Some(None)` where it says nothing, `None` where it is nothing that a time is written as.
fn time_of(source: &Source, raw: Option<Raw<'_>>) -> Option<Option<Time>> {
    let value = match raw {
        Some(raw) if ![kind::NULL, kind::STRING, kind::FILETIME].contains(&raw.kind) => {
            return None;
        }
        Some(raw) => raw.value(),
        None => source.literal(),
    };
    Some(value.and_then(|value| value.time()))
}

/// Texts of System, each once.
#[derive(Debug, Default)]
struct Names {
    all: Vec<Name>,
    by_units: HashMap<Box<[u8]>, usize, RandomState>,
    /// The names that were asked for last, by their lengths: a log has one channel and one computer as a rule.
    recent: [usize; RECENT],
}

/// Lengths of names that are told apart at first sight.
const RECENT: usize = 32;

#[derive(Debug)]
struct Name {
    units: Box<[u8]>,
    text: Box<str>,
    /// No other text of this process has it.
    id: u32,
}

/// Bytes that a name takes at most besides its text: places in a table and a list that are half full, and three texts.
const NAME: usize = 2 * (size_of::<Name>() + size_of::<(Box<[u8]>, usize)>()) + 3 * ALLOCATION;

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
    fn of(&mut self, value: Option<Raw<'_>>, kept: &mut usize) -> Option<usize> {
        match value {
            None => Some(self.add(&[], kept)),
            Some(value) if value.kind == kind::STRING => {
                Some(self.add(value::without_padding(value.bytes), kept))
            }
            Some(value) => (value.kind == kind::NULL).then(|| self.add(&[], kept)),
        }
    }

    fn add(&mut self, units: &[u8], kept: &mut usize) -> usize {
        let length = units.len() / 2 % RECENT;
        let recent = self.recent.get(length).copied().unwrap_or_default();
        if self.get(recent).is_some_and(|name| *name.units == *units) {
            return recent;
        }
        let name = match self.by_units.get(units) {
            Some(&name) => name,
            None => {
                let name = self.all.len();
                let text: Box<str> = value::decode(units).into();
                *kept += NAME + 2 * units.len() + text.len();
                self.by_units.insert(units.into(), name);
                self.all.push(Name {
                    units: units.into(),
                    text,
                    id: NAMES.fetch_add(1, Ordering::Relaxed),
                });
                name
            }
        };
        if let Some(recent) = self.recent.get_mut(length) {
            *recent = name;
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::super::template::tests::{AT, chunk_of};
    use super::*;

    fn guid(number: u32) -> [u8; 16] {
        let mut guid = [0; 16];
        guid[..4].copy_from_slice(&number.to_le_bytes());
        guid
    }

    #[test]
    fn a_name_counts_as_often_as_a_definition_refers_to_it() {
        let name = "n".repeat(200);
        let mut decoder = Decoder::default();
        decoder.plan_of(&chunk_of(guid(1), 30, &name), AT);
        assert_eq!(decoder.plans.len(), 1);
        // The element is of that name too.
        assert!(decoder.kept >= 31 * 400, "{}", decoder.kept);
    }

    #[test]
    fn definitions_of_one_chunk_are_kept_up_to_a_bound() {
        let name = "n".repeat(200);
        let mut decoder = Decoder::default();
        for number in 0..2000 {
            decoder.plan_of(&chunk_of(guid(number), 35, &name), AT);
            decoder.looked_at = 0;
        }
        let one = decoder.kept / decoder.plans.len();
        assert!(one > 36 * 400, "{one}");
        assert!(decoder.kept <= MOST_KEPT + one, "{}", decoder.kept);
    }

    #[test]
    fn nothing_is_kept_of_definitions_without_a_plan() {
        let mut decoder = Decoder::default();
        for number in 0..100 {
            let mut chunk = chunk_of(guid(number), 1, "n");
            // No elements.
            chunk[AT + 20..AT + 24].fill(0);
            assert_eq!(decoder.plan_of(&chunk, AT), None);
        }
        assert!(decoder.by_identity.is_empty());
        assert_eq!(decoder.kept, 0);
        // To look at each takes its time all the same.
        assert_eq!(decoder.looked_at, 100 * template::HEADER_SIZE);
    }

    #[test]
    fn what_tells_a_definition_apart_counts() {
        let mut decoder = Decoder::default();
        let mut kept = |number, name: &str| {
            let before = decoder.kept;
            decoder.plan_of(&chunk_of(guid(number), 1, name), AT);
            decoder.kept - before
        };
        let (first, alike) = (kept(1, "n"), kept(1, "m"));
        assert_eq!(first, alike + IDENTITY);
    }

    #[test]
    fn short_names_are_forgotten_before_they_take_more_than_is_kept() {
        let mut decoder = Decoder::default();
        let of_one = size_of::<Name>() + size_of::<(Box<[u8]>, usize)>();
        let mut most = 0;
        for name in 0..u32::try_from(MOST_KEPT / of_one).unwrap() {
            decoder.start_chunk();
            decoder.names.add(&name.to_le_bytes(), &mut decoder.kept);
            most = most.max(decoder.names.all.len());
        }
        assert!(most > 1000);
        // What the table and the list have room for, and the texts.
        let held = 2 * of_one + 3 * ALLOCATION;
        assert!(most * held <= MOST_KEPT + held, "{most}");
    }
}

//! Decodes records by plans, and keeps the plans from chunk to chunk and from log to log.
//!
//! In: a chunk and the frame of a record in it. Out: the [`Record`], whose values are borrowed from the chunk; or
//! nothing where no plan covers it, which says nothing of the record: the `evtx` crate decides.

use super::CHUNK_SIZE;
use super::bytes::{ALLOCATION, Extent};
use super::frame::Frame;
use super::plan::{Content, EventPlan, Inside, PARTS, PartPlan, Plan, Source};
use super::record::{Fields, Planned, Record, Rest};
use super::template::{self, Identity, Place};
use super::value::{self, Array, Raw, Substitution, Values, YEAR_10000, kind};
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

/// Bytes that what tells definitions apart takes at most: a place in a table that is half full, and a list.
const IDENTITY: usize = 2 * size_of::<(Identity, Vec<usize>)>() + ALLOCATION;

/// Arrays of instances that are kept to compare the next with.
const ARRAYS: usize = 64;

/// Plans, and what they need to be applied.
#[derive(Debug)]
pub(super) struct Decoder {
    plans: Plans,
    /// Events that were read last, for some plans each.
    events: Vec<Latest>,
    /// Parts of events that were read last: those that hold the fields, or may do so, and others.
    fields: Vec<LatestPart>,
    others: Vec<LatestPart>,
    names: Names,
}

/// Plans by the definitions that they were made for.
#[derive(Debug, Default)]
struct Plans {
    all: Vec<Plan>,
    by_identity: HashMap<Identity, Vec<usize>, RandomState>,
    /// The plans of the definitions of this chunk.
    in_chunk: InChunk,
    /// Bytes of definitions that were looked at in this chunk.
    looked_at: usize,
    /// Bytes that they hold.
    kept: usize,
    /// Whether chunks may have been written over: then a definition counts only if it is sound.
    is_of_remains: bool,
}

/// The event that was read last, and what is the same in all whose values have the same places or types.
#[derive(Debug, Default)]
struct Latest {
    array: Array,
    plan: usize,
    /// Where [`EventPlan::sources`] are, for the same places.
    places: [SystemPart; PARTS],
    /// Which values are parts of the event, for the same types.
    parts: Option<Vec<(u16, bool)>>,
    /// [`EventPlan::names`], for the same places.
    names: [LatestName; 3],
    /// From where to where they are, with what is between them, and the bytes there: the same say the same.
    names_at: (u32, u32),
    names_said: Vec<u8>,
    /// [`EventPlan::settled_by`] and [`EventPlan::has_fields`].
    settled_by: usize,
    has_fields: bool,
}

/// The part of an event that was read last, and what is the same in all whose values have the same types.
#[derive(Debug, Default)]
struct LatestPart {
    array: Array,
    plan: usize,
    means: Option<PartMeaning>,
}

/// What a part of an event may be.
#[derive(Debug, Clone, Copy)]
struct PartMeaning {
    /// [`PartPlan::holds_fields`].
    holds_fields: bool,
    /// Whether the plan has a layout that each value is where it says.
    has_layout: bool,
}

impl LatestPart {
    /// What it means by its plan. `None` where a part is in it.
    fn meaning(&mut self, number: usize, plans: &Plans) -> Option<PartMeaning> {
        let stayed = self.array.stayed();
        if !(self.plan == number && stayed.types && self.means.is_some()) {
            let plan = plans.part(number)?;
            let layout = plan.fields.as_ref();
            self.plan = number;
            self.means = (self.array.fragments() == 0).then(|| PartMeaning {
                holds_fields: plan.holds_fields,
                has_layout: layout.is_some_and(|layout| layout.holds(&self.array)),
            });
        }
        self.means
    }
}

/// A name of System in the event that was read last.
#[derive(Debug, Clone, Copy, Default)]
struct LatestName {
    name: usize,
    /// Where it is, if it may be another in the next.
    value: Option<Substitution>,
}

/// Where a value of System is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SystemPart {
    value: Option<Substitution>,
    /// Where eight bytes are, and which of them are its own, if it is a number and no more has to be looked at; else none.
    at: u32,
    mask: u64,
    /// Whether it is a FILETIME.
    is_filetime: bool,
}

impl SystemPart {
    fn of(value: Option<Substitution>) -> Self {
        SystemPart {
            value,
            at: value.map_or(0, Substitution::at),
            mask: value.map_or(0, Substitution::mask),
            is_filetime: value.is_some_and(|value| value.kind == kind::FILETIME),
        }
    }

    fn raw<'a>(&self, values: Values<'a>) -> Option<Raw<'a>> {
        values.at(self.value?)
    }

    /// The number that stands there, or that the source says.
    #[inline(always)]
    pub(super) fn number(&self, source: &Source, values: Values<'_>) -> Option<u64> {
        match values.u64_at(self.at) {
            Some(bytes) if self.mask > 0 => Some(bytes & self.mask),
            _ => self.other_number(source, values),
        }
    }

    #[inline(never)]
    fn other_number(&self, source: &Source, values: Values<'_>) -> Option<u64> {
        match self.raw(values) {
            Some(raw) => raw.number(),
            None => source.literal()?.number(),
        }
    }

    /// The time that stands there, or that the source says: `Some(None)` where that says nothing, `None` where it is nothing that a
    /// time is written as.
    #[inline(always)]
    fn time(&self, source: &Source, values: Values<'_>) -> Option<Option<Time>> {
        match values.u64_at(self.at) {
            Some(ticks) if self.is_filetime && ticks < YEAR_10000 => {
                Some(Some(Time::from_filetime(ticks)))
            }
            _ => self.other_time(source, values),
        }
    }

    #[inline(never)]
    fn other_time(&self, source: &Source, values: Values<'_>) -> Option<Option<Time>> {
        match self.raw(values) {
            Some(raw) if ![kind::NULL, kind::STRING, kind::FILETIME].contains(&raw.kind) => None,
            Some(raw) => Some(raw.time()),
            None => Some(source.literal().and_then(|value| value.time())),
        }
    }
}

/// An instance of a template: the plan for it, where its array begins, and where it ends at the latest.
#[derive(Debug, Clone, Copy)]
struct Instance {
    plan: usize,
    at: usize,
    end: usize,
}

impl Instance {
    /// Reads the array. Where the values are; `None` unless the fragment that the instance is ends with them.
    // To call it, and what it is made of, would cost a tenth of what a record does.
    #[inline(always)]
    fn read(&self, array: &mut Array, chunk: &[u8]) -> Option<Extent> {
        let values = array.read(chunk, self.at, self.end)?;
        match chunk.get(values.end as usize..self.end)? {
            [] | [END, ..] => Some(values),
            _ => None,
        }
    }
}

impl Default for Decoder {
    fn default() -> Self {
        fn latest<T: Default>() -> Vec<T> {
            std::iter::repeat_with(T::default).take(ARRAYS).collect()
        }
        Decoder {
            plans: Plans::default(),
            events: latest(),
            fields: latest(),
            others: latest(),
            names: Names::default(),
        }
    }
}

impl Latest {
    /// Whether all that was found out still holds for an event of a plan whose array was just read.
    fn is_known(&mut self, plan: usize) -> bool {
        let stayed = self.array.stayed();
        let is_same = self.plan == plan && self.parts.is_some();
        is_same && stayed.types && stayed.places >= self.settled_by
    }

    /// Finds it out anew. `None` where the event is not as its plan sees it.
    #[inline(never)]
    fn learn(&mut self, number: usize, plan: &EventPlan, names: &mut Names) -> Option<()> {
        self.plan = number;
        self.parts = None;
        (self.settled_by, self.has_fields) = (plan.settled_by, plan.has_fields());
        let array = &self.array;
        let sources = plan.sources();
        self.places = sources.map(|source| SystemPart::of(source.substitution(array)));
        let sources = plan.names().into_iter().zip(plan.known_names);
        for (latest, (source, known)) in self.names.iter_mut().zip(sources) {
            let value = source.substitution(array).filter(|value| !value.is_null());
            if value.is_some_and(|value| value.kind != kind::STRING) {
                return None;
            }
            *latest = LatestName {
                name: known.unwrap_or_else(|| names.add(&[])),
                value,
            };
        }
        let values = || self.names.iter().filter_map(|name| name.value);
        self.names_at = (
            values().map(Substitution::at).min().unwrap_or(0),
            values().map(Substitution::end).max().unwrap_or(0),
        );
        self.names_said.clear();
        self.parts = plan.parts(array);
        self.parts.as_ref().map(|_| ())
    }
}

impl Decoder {
    /// One for chunks of which a part may have been written over.
    pub(super) fn of_remains() -> Self {
        let mut decoder = Decoder::default();
        decoder.plans.is_of_remains = true;
        decoder
    }

    /// Forgets the chunk that was decoded last; offsets mean others in the next.
    pub(super) fn start_chunk(&mut self) {
        if self.plans.kept + self.names.kept > MOST_KEPT {
            let is_of_remains = self.plans.is_of_remains;
            *self = Decoder::default();
            self.plans.is_of_remains = is_of_remains;
        }
        self.plans.in_chunk.start();
        self.plans.looked_at = 0;
    }

    /// Decodes the record in a frame and hands it to `each`; `None` where no plan covers it.
    pub(super) fn decode(
        &mut self,
        chunk: &[u8],
        frame: &Frame,
        each: &mut dyn FnMut(&Record<'_>),
    ) -> Option<()> {
        let Decoder {
            plans,
            events,
            fields,
            others,
            names,
        } = self;
        let instance = plans.fragment(chunk, frame.content(), names)?;
        let latest = events.get_mut(instance.plan % ARRAYS)?;
        let extent = instance.read(&mut latest.array, chunk)?;
        if !latest.is_known(instance.plan) {
            latest.learn(instance.plan, plans.event(instance.plan)?, names)?;
        }
        // The one fragment that holds the fields: its plan, its values, and whether an element of the event's own is around it.
        let mut found = None;
        for &(index, is_wrapped) in latest.parts.as_ref()? {
            let content = latest.array.get(index)?.extent(extent);
            let instance = plans.fragment(chunk, content, names)?;
            let parts = if found.is_none() {
                &mut *fields
            } else {
                &mut *others
            };
            let part = parts.get_mut(instance.plan % ARRAYS)?;
            let extent = instance.read(&mut part.array, chunk)?;
            let meaning = part.meaning(instance.plan, plans)?;
            if is_wrapped || meaning.holds_fields {
                // Several elements of fields would be one that counts and others that do not.
                if found.is_some() || (!is_wrapped && latest.has_fields) || !meaning.has_layout {
                    return None;
                }
                found = Some((instance.plan, extent, is_wrapped));
            } else if !part.array.lists().is_empty() {
                return None;
            }
        }
        let event = plans.event(instance.plan)?;
        let values = Values::new(&latest.array, chunk, extent)?;
        let mut fields = match (found, &event.fields) {
            (Some((plan, extent, is_wrapped)), _) => Some(Fields {
                layout: plans.part(plan)?.fields.as_ref()?,
                values: Values::new(&fields.get(plan % ARRAYS)?.array, chunk, extent)?,
                is_wrapped,
                items: 0,
            }),
            (None, Inside::Fields(layout)) => {
                if !layout.holds(&latest.array) {
                    return None;
                }
                Some(Fields {
                    layout,
                    values,
                    is_wrapped: false,
                    items: 0,
                })
            }
            (None, Inside::Nothing | Inside::Part(_)) => None,
        };
        if let Some(fields) = &mut fields {
            fields.items = fields.layout.items(fields.values)?;
        }
        // A list elsewhere would be several elements.
        if !latest.array.lists().is_empty() && !matches!(event.fields, Inside::Fields(_)) {
            return None;
        }
        let said = values.between(latest.names_at)?;
        if *said != *latest.names_said {
            latest.names_said.clear();
            for latest in &mut latest.names {
                if let Some(value) = latest.value {
                    latest.name = names.of(values.at(value)?.bytes, latest.name);
                }
            }
            latest.names_said.extend_from_slice(said);
        }
        let [provider, channel, computer] = latest.names;
        let provider = names.get(provider.name)?;
        let channel = names.get(channel.name)?;
        let computer = names.get(computer.name)?;
        let [event_id, version, time, record_id, writer] = &latest.places;
        let event_id = event_id.number(&event.event_id, values)?;
        each(&Record {
            number: frame.number,
            record_id: record_id
                .number(&event.record_id, values)
                .unwrap_or(frame.number),
            time: time.time(&event.time, values)?.unwrap_or(frame.written),
            event_id: u16::try_from(event_id).ok()?,
            rest: Rest::Planned(Planned {
                event,
                values,
                fields,
                version,
                writer,
                provider,
                channel,
                computer,
            }),
        });
        Some(())
    }
}

impl Plans {
    fn event(&self, plan: usize) -> Option<&EventPlan> {
        match &self.all.get(plan)?.content {
            Some(Content::Event(event)) => Some(event),
            _ => None,
        }
    }

    fn part(&self, plan: usize) -> Option<&PartPlan> {
        match &self.all.get(plan)?.content {
            Some(Content::Part(part)) => Some(part),
            _ => None,
        }
    }

    /// Reads the beginning of a fragment that is one instance of a template: its header, which may be missing, which template,
    /// the definition if it stands here.
    #[inline(always)]
    fn fragment(&mut self, chunk: &[u8], at: Extent, names: &mut Names) -> Option<Instance> {
        let end = at.end as usize;
        let ([FRAGMENT, _, _, _, INSTANCE, _, rest @ ..] | [INSTANCE, _, rest @ ..]) =
            at.of(chunk)?
        else {
            return None;
        };
        let ([a, b, c, d, offset @ ..], array) = rest.split_first_chunk::<8>()?;
        let offset = u32::from_le_bytes(*offset);
        let mut next = end - array.len();
        if offset as usize == next {
            next = Place::at(chunk, next)?.end();
        }
        let known = match self.in_chunk.get(offset) {
            Some(known) => known,
            None => self.meet(chunk, offset, names),
        };
        // The instance and the definition must mean each other.
        let (plan, _) = known.filter(|(_, id)| *id == [*a, *b, *c, *d])?;
        Some(Instance {
            plan,
            at: next,
            end,
        })
    }

    /// The plan for the definition at an offset that was not met in the chunk before, and the bytes that instances name it by.
    #[inline(never)]
    fn meet(&mut self, chunk: &[u8], offset: u32, names: &mut Names) -> Option<(usize, [u8; 4])> {
        let found = self
            .plan_of(chunk, offset as usize, names)
            .and_then(|plan| {
                let ([a, b, c, d, ..], _) = self.all.get(plan)?.identity();
                Some((plan, [a, b, c, d]))
            });
        self.in_chunk.set(offset, found);
        found
    }

    /// The plan for the definition at an offset: a known one if it is the same, else a new one.
    fn plan_of(&mut self, chunk: &[u8], offset: usize, names: &mut Names) -> Option<usize> {
        let place = Place::at(chunk, offset)?;
        self.looked_at += template::HEADER_SIZE + place.size();
        if self.looked_at > MOST_IN_CHUNK {
            return None;
        }
        let alike = self.by_identity.get(&place.identity);
        let alike = alike.map_or(&[][..], Vec::as_slice);
        let is_same = |&&plan: &&usize| self.all.get(plan).is_some_and(|plan| plan.is_for(&place));
        let plan = match alike.iter().find(is_same) {
            Some(&plan) => plan,
            // The next chunk begins anew.
            None if alike.len() >= MOST_ALIKE || self.kept + names.kept > MOST_KEPT => return None,
            None => {
                let mut new = Plan::new(&place)?;
                if let Some(Content::Event(event)) = &mut new.content {
                    event.known_names = event.names().map(|source| names.known(source));
                }
                // The list of plans may be half empty.
                self.kept += new.bytes() + size_of::<Plan>();
                let alike = self.by_identity.entry(place.identity);
                alike
                    .or_insert_with(|| {
                        self.kept += IDENTITY;
                        Vec::new()
                    })
                    .push(self.all.len());
                self.all.push(new);
                self.all.len() - 1
            }
        };
        let found = self.all.get(plan)?;
        if self.is_of_remains && !found.is_sound_at(&place) {
            return None;
        }
        found.content.as_ref().map(|_| plan)
    }
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

/// A definition that was met: in which chunk, at which offset, and the plan for it with the bytes that instances name it by, if
/// there is one.
#[derive(Debug, Clone, Copy, Default)]
struct Met {
    chunk: u64,
    offset: u32,
    plan: Option<(usize, [u8; 4])>,
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
    fn get(&self, offset: u32) -> Option<Option<(usize, [u8; 4])>> {
        let met = self.met.get(offset as usize / SMALLEST)?;
        (met.chunk == self.chunk && met.offset == offset).then_some(met.plan)
    }

    fn set(&mut self, offset: u32, plan: Option<(usize, [u8; 4])>) {
        if let Some(met) = self.met.get_mut(offset as usize / SMALLEST) {
            *met = Met {
                chunk: self.chunk,
                offset,
                plan,
            };
        }
    }
}

/// Texts of System, each once.
#[derive(Debug, Default)]
struct Names {
    all: Vec<Name>,
    by_units: HashMap<Box<[u8]>, usize, RandomState>,
    /// Bytes that they hold.
    kept: usize,
}

/// A text of System.
#[derive(Debug)]
pub(super) struct Name {
    units: Box<[u8]>,
    pub text: Box<str>,
    /// No other text of this process has it.
    pub id: u32,
}

/// Bytes that a name takes at most besides its text: places in a table and a list that are half full, and three texts.
const NAME: usize = 2 * (size_of::<Name>() + size_of::<(Box<[u8]>, usize)>()) + 3 * ALLOCATION;

/// Names so far.
static NAMES: AtomicU32 = AtomicU32::new(0);

impl Names {
    fn get(&self, name: usize) -> Option<&Name> {
        self.all.get(name)
    }

    /// The name that a source gives in all records, if it does.
    fn known(&mut self, source: &Source) -> Option<usize> {
        match source {
            Source::Nothing => Some(self.add(&[])),
            Source::Literal(text) => {
                let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
                Some(self.add(&units))
            }
            Source::Value { .. } => None,
        }
    }

    /// The name that a text is; `likely` the one that it was before.
    fn of(&mut self, units: &[u8], likely: usize) -> usize {
        match self.get(likely) {
            Some(name) if *name.units == *units => likely,
            _ => self.add(value::without_padding(units)),
        }
    }

    fn add(&mut self, units: &[u8]) -> usize {
        match self.by_units.get(units) {
            Some(&name) => name,
            None => {
                let name = self.all.len();
                let text: Box<str> = value::decode(units).into();
                self.kept += NAME + 2 * units.len() + text.len();
                self.by_units.insert(units.into(), name);
                self.all.push(Name {
                    units: units.into(),
                    text,
                    id: NAMES.fetch_add(1, Ordering::Relaxed),
                });
                name
            }
        }
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
        decoder
            .plans
            .plan_of(&chunk_of(guid(1), 30, &name), AT, &mut decoder.names);
        assert_eq!(decoder.plans.all.len(), 1);
        // The element is of that name too.
        assert!(decoder.plans.kept >= 31 * 400, "{}", decoder.plans.kept);
    }

    #[test]
    fn definitions_of_one_chunk_are_kept_up_to_a_bound() {
        let name = "n".repeat(200);
        let mut decoder = Decoder::default();
        for number in 0..2000 {
            decoder
                .plans
                .plan_of(&chunk_of(guid(number), 35, &name), AT, &mut decoder.names);
            decoder.plans.looked_at = 0;
        }
        let one = decoder.plans.kept / decoder.plans.all.len();
        assert!(one > 36 * 400, "{one}");
        assert!(
            decoder.plans.kept <= MOST_KEPT + one,
            "{}",
            decoder.plans.kept
        );
    }

    #[test]
    fn nothing_is_kept_of_definitions_without_a_plan() {
        let mut decoder = Decoder::default();
        for number in 0..100 {
            let mut chunk = chunk_of(guid(number), 1, "n");
            // No elements.
            chunk[AT + 20..AT + 24].fill(0);
            assert_eq!(decoder.plans.plan_of(&chunk, AT, &mut decoder.names), None);
        }
        assert!(decoder.plans.by_identity.is_empty());
        assert_eq!(decoder.plans.kept, 0);
        // To look at each takes its time all the same.
        assert_eq!(decoder.plans.looked_at, 100 * template::HEADER_SIZE);
    }

    #[test]
    fn what_tells_a_definition_apart_counts() {
        let mut decoder = Decoder::default();
        let mut kept = |number, name: &str| {
            let before = decoder.plans.kept;
            decoder
                .plans
                .plan_of(&chunk_of(guid(number), 1, name), AT, &mut decoder.names);
            decoder.plans.kept - before
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
            decoder.names.add(&name.to_le_bytes());
            most = most.max(decoder.names.all.len());
        }
        assert!(most > 1000);
        // What the table and the list have room for, and the texts.
        let held = 2 * of_one + 3 * ALLOCATION;
        assert!(most * held <= MOST_KEPT + held, "{most}");
    }

    #[test]
    fn a_name_is_what_its_text_says_whichever_was_last() {
        let mut names = Names::default();
        let (one, other) = (names.add(b"a\0"), names.add(b"b\0"));
        for likely in [one, other, 9] {
            assert_eq!(names.of(b"a\0", likely), one);
            assert_eq!(names.of(b"b\0\0\0", likely), other);
        }
        assert_eq!(names.all.len(), 2);
    }
}

//! Plans: which substitution of a template holds which part of a record.
//!
//! In: a [`Definition`]. Out: for an event, where System's parts are and where the fields come from; for a fragment, the
//! names of its fields and where each value is. No plan is made for what would need more than looking values up:
//! texts of several pieces, elements of one name. A list of texts is covered where it is the one value without a name, as
//! classic providers write it. What a plan gives is what the `evtx` crate would give.

use super::bytes::ALLOCATION;
use super::template::{Definition, Element, Identity, Part, Place};
use super::value::{Array, Raw, Substitution, Value, Values};
use std::sync::atomic::{AtomicU32, Ordering};

/// A definition and what can be read by it.
#[derive(Debug)]
pub(super) struct Plan {
    definition: Definition,
    /// `None` where no plan covers it.
    pub content: Option<Content>,
}

/// What the elements of a definition are.
#[derive(Debug)]
pub(super) enum Content {
    /// A whole record.
    Event(Box<EventPlan>),
    /// A part of a record.
    Part(PartPlan),
}

/// A part of a record: an element with fields in it.
#[derive(Debug)]
pub(super) struct PartPlan {
    /// Whether an event's fields are in an element of this name.
    pub holds_fields: bool,
    /// The fields, if a plan covers them.
    pub fields: Option<Layout>,
}

impl Plan {
    /// Makes a plan for the definition at a place.
    pub(super) fn new(place: &Place<'_>) -> Option<Self> {
        let mut definition = Definition::read(place)?;
        let content = Content::of(&definition);
        definition.elements = Vec::new();
        Some(Plan {
            definition,
            content,
        })
    }

    /// Bytes that it holds.
    pub(super) fn bytes(&self) -> usize {
        let content = match &self.content {
            Some(Content::Event(event)) => event.bytes(),
            Some(Content::Part(part)) => part.fields.as_ref().map_or(0, Layout::bytes),
            None => 0,
        };
        size_of::<Plan>() + self.definition.bytes() + content
    }

    pub(super) fn identity(&self) -> Identity {
        self.definition.identity
    }

    /// Whether it was made for the definition at a place.
    pub(super) fn is_for(&self, place: &Place<'_>) -> bool {
        self.definition.is_at(place)
    }

    /// Whether nothing has been written over such a place.
    pub(super) fn is_sound_at(&self, place: &Place<'_>) -> bool {
        self.definition.is_sound_at(place)
    }
}

impl Content {
    fn of(definition: &Definition) -> Option<Self> {
        let root = definition.elements.first()?;
        match root.name.as_str() {
            "Event" => {
                let event = EventPlan::of(definition, root)?;
                Some(Content::Event(Box::new(event)))
            }
            "System" => None,
            name => Some(Content::Part(PartPlan {
                holds_fields: FIELDS.contains(&name),
                // Inside an element of fields it would be one of them, not one around them.
                fields: match name {
                    DATA => None,
                    _ => Layout::of(definition, root),
                },
            })),
        }
    }
}

/// The most fields that a plan is made for, and fragments. Real records have some 60 and one.
const MOST_FIELDS: usize = 256;
const MOST_FRAGMENTS: usize = 8;

/// The most fields that a list becomes. Real ones have some 20.
const MOST_ITEMS: usize = 64;

/// The elements of an event that hold fields.
const FIELDS: [&str; 3] = ["EventData", "UserData", "ProcessingErrorData"];

/// Where a text or number comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// It is not there.
    Nothing,
    /// The same in all records.
    Literal(Box<str>),
    /// A substitution's value.
    Value {
        index: u16,
        /// The substitution without which the element is left out.
        dependency: Option<u16>,
    },
}

impl Source {
    /// A source that is one piece or none.
    fn of(parts: &[Part], dependency: Option<u16>) -> Option<Self> {
        match parts {
            [] => Some(Source::Nothing),
            [Part::Literal(text)] if dependency.is_none() => {
                Some(Source::Literal(text.as_str().into()))
            }
            [Part::Value(index)] => Some(Source::Value {
                index: *index,
                // Where it is its own value, the element is empty without it, which says as little.
                dependency: dependency.filter(|dependency| dependency != index),
            }),
            _ => None,
        }
    }

    /// Bytes that it holds besides itself.
    fn bytes(&self) -> usize {
        match self {
            Source::Literal(text) => ALLOCATION + text.len(),
            Source::Nothing | Source::Value { .. } => 0,
        }
    }

    /// The values that tell where it is.
    fn indexes(&self) -> impl Iterator<Item = u16> + use<> {
        let indexes = match *self {
            Source::Value { index, dependency } => [Some(index), dependency],
            Source::Nothing | Source::Literal(_) => [None, None],
        };
        indexes.into_iter().flatten()
    }

    /// Whether it comes from a substitution, and from that alone.
    fn is(&self, substitution: usize) -> bool {
        match *self {
            Source::Value { index, dependency } => {
                usize::from(index) == substitution && dependency.is_none()
            }
            Source::Nothing | Source::Literal(_) => false,
        }
    }

    /// The substitution that it comes from, if that is there.
    pub(super) fn substitution(&self, array: &Array) -> Option<Substitution> {
        let Source::Value { index, dependency } = *self else {
            return None;
        };
        let is_left_out = dependency.is_some_and(|dependency| array.is_null(dependency));
        array.get(index).filter(|_| !is_left_out)
    }

    /// The substitution that alone tells what it says, if that is not the same in all records; `None` if more has to be looked at.
    pub(super) fn only_substitution(&self) -> Option<Option<u16>> {
        match *self {
            Source::Nothing | Source::Literal(_) => Some(None),
            Source::Value { index, dependency } => dependency
                .is_none_or(|other| other == index)
                .then_some(Some(index)),
        }
    }

    /// The same text in all records, if it is one.
    pub(super) fn literal(&self) -> Option<Value<'_>> {
        match self {
            Source::Literal(text) if !text.is_empty() => Some(Value::Text((**text).into())),
            _ => None,
        }
    }

    /// The value that it comes from, if that is there.
    pub(super) fn raw<'a>(&self, values: Values<'a>) -> Option<Raw<'a>> {
        values.at(self.substitution(values.array())?)
    }

    /// What it says in a record; `None` where that is nothing.
    pub(super) fn value<'a>(&'a self, values: Values<'a>) -> Option<Value<'a>> {
        match self {
            Source::Value { .. } => self.raw(values)?.value(),
            Source::Nothing | Source::Literal(_) => self.literal(),
        }
    }
}

/// How many parts of System each record is asked for, besides its names.
pub(super) const PARTS: usize = 5;

/// What System says.
#[derive(Debug)]
pub(super) struct EventPlan {
    pub provider: Source,
    pub event_id: Source,
    pub version: Source,
    pub time: Source,
    pub record_id: Source,
    pub activity: Source,
    pub writer: Source,
    pub channel: Source,
    pub computer: Source,
    pub user_sid: Source,
    /// The fields, where the definition has an element for them.
    pub fields: Inside,
    /// The substitutions whose values are parts of the event of their own.
    pub fragments: Vec<u16>,
    /// Which of [`EventPlan::names`] are the same in all records, as the decoder numbers them.
    pub known_names: [Option<usize>; 3],
    /// How many values tell where [`EventPlan::sources`] and [`EventPlan::names`] are.
    pub settled_by: usize,
}

/// What an event's definition itself has for fields.
#[derive(Debug)]
pub(super) enum Inside {
    /// No element.
    Nothing,
    /// The fields.
    Fields(Layout),
    /// An element around the part that the value of a substitution is.
    Part(u16),
}

impl Inside {
    fn of(definition: &Definition, element: &Element) -> Option<Self> {
        match (element.parts.as_slice(), element.children.as_slice()) {
            ([Part::Value(index)], []) => {
                let dependency = element.dependency;
                let own = dependency.is_none_or(|dependency| dependency == *index);
                (own && uses(definition, *index) == 1).then_some(Inside::Part(*index))
            }
            _ if element.dependency.is_some() => None,
            _ => Layout::of(definition, element).map(Inside::Fields),
        }
    }
}

impl EventPlan {
    /// The values of an event that are parts of it, one after the other, and whether an element of the event's own definition
    /// is around each. `None` where one is something else, or a part stands where the plan sees none.
    pub(super) fn parts(&self, array: &Array) -> Option<Vec<(u16, bool)>> {
        let wrapped = match self.fields {
            Inside::Part(index) => Some(index),
            Inside::Nothing | Inside::Fields(_) => None,
        };
        let bare = self.fragments.iter().map(|&index| (index, false));
        let mut parts = Vec::new();
        for (index, is_wrapped) in bare.chain(wrapped.map(|index| (index, true))) {
            match array.get(index) {
                Some(value) if value.is_fragment() => parts.push((index, is_wrapped)),
                Some(value) if !value.is_nothing() => return None,
                _ => {}
            }
        }
        (parts.len() == array.fragments()).then_some(parts)
    }

    /// What each record is asked for, besides its names: event ID, version, time, record ID, writer.
    pub(super) fn sources(&self) -> [&Source; PARTS] {
        [
            &self.event_id,
            &self.version,
            &self.time,
            &self.record_id,
            &self.writer,
        ]
    }

    /// The names that each record is asked for: provider, channel, computer.
    pub(super) fn names(&self) -> [&Source; 3] {
        [&self.provider, &self.channel, &self.computer]
    }

    fn bytes(&self) -> usize {
        let others = [&self.activity, &self.user_sid];
        let texts: usize = self
            .sources()
            .into_iter()
            .chain(self.names())
            .chain(others)
            .map(Source::bytes)
            .sum();
        let fields = match &self.fields {
            Inside::Fields(layout) => layout.bytes(),
            Inside::Nothing | Inside::Part(_) => 0,
        };
        size_of::<EventPlan>() + texts + fields
    }

    /// Whether the definition itself has an element for fields.
    pub(super) fn has_fields(&self) -> bool {
        !matches!(self.fields, Inside::Nothing)
    }

    fn of(definition: &Definition, event: &Element) -> Option<Self> {
        let mut fragments = Vec::new();
        for part in &event.parts {
            match part {
                Part::Value(index) => fragments.push(*index),
                Part::Literal(text) if text.is_empty() => {}
                Part::Literal(_) => return None,
            }
        }
        // A fragment in more than one place would be several elements of one name.
        if fragments.len() > MOST_FRAGMENTS
            || fragments.iter().any(|index| uses(definition, *index) != 1)
        {
            return None;
        }
        let fields = match only(definition, event, &FIELDS)? {
            Some(element) => Inside::of(definition, element)?,
            None => Inside::Nothing,
        };
        let system = only(definition, event, &["System"])??;
        if system.dependency.is_some() || system.parts.iter().any(says_something) {
            return None;
        }
        let element = |name: &str| only(definition, system, &[name]);
        let text = |name: &str| match element(name)? {
            Some(element) if element.children.is_empty() => {
                Source::of(&element.parts, element.dependency)
            }
            Some(_) => None,
            None => Some(Source::Nothing),
        };
        // Elements that say what they have to say in attributes; `others` would not be taken for what they are.
        let attribute = |of: &str, name: &str, others: &[&str]| match element(of)? {
            Some(element) if element.children.is_empty() && element.parts.is_empty() => {
                let named = |wanted: &str| {
                    let attributes = element.attributes.iter();
                    attributes
                        .filter(|(name, _)| name == wanted)
                        .collect::<Vec<_>>()
                };
                if others.iter().any(|other| !named(other).is_empty()) {
                    return None;
                }
                match named(name).as_slice() {
                    [] => Some(Source::Nothing),
                    [(_, parts)] => Source::of(parts, element.dependency),
                    _ => None,
                }
            }
            Some(_) => None,
            None => Some(Source::Nothing),
        };
        let mut event = EventPlan {
            provider: attribute("Provider", "Name", &["SystemTime", "ProcessID"])?,
            event_id: text("EventID")?,
            version: text("Version")?,
            time: attribute("TimeCreated", "SystemTime", &["Name", "ProcessID"])?,
            record_id: text("EventRecordID")?,
            activity: attribute("Correlation", "ActivityID", &[])?,
            writer: attribute("Execution", "ProcessID", &["Name", "SystemTime"])?,
            channel: text("Channel")?,
            computer: text("Computer")?,
            user_sid: attribute("Security", "UserID", &[])?,
            fields,
            fragments,
            known_names: [None; 3],
            settled_by: 0,
        };
        let sources = event.sources().into_iter().chain(event.names());
        let indexes = sources.flat_map(Source::indexes);
        event.settled_by = indexes
            .map(|index| usize::from(index) + 1)
            .max()
            .unwrap_or(0);
        Some(event)
    }
}

/// Whether a piece of text is more than an empty one.
fn says_something(part: &Part) -> bool {
    !matches!(part, Part::Literal(text) if text.is_empty())
}

/// The one child with one of these names: `Some(None)` where there is none, `None` where there are several.
fn only<'d>(
    definition: &'d Definition,
    parent: &Element,
    names: &[&str],
) -> Option<Option<&'d Element>> {
    let children = parent
        .children
        .iter()
        .filter_map(|&at| definition.elements.get(at));
    let mut found = children.filter(|child| names.contains(&child.name.as_str()));
    let first = found.next();
    found.next().is_none().then_some(first)
}

/// In how many places a definition uses a substitution.
fn uses(definition: &Definition, index: u16) -> usize {
    let elements = definition.elements.iter();
    let parts = elements.flat_map(|element| {
        let attributes = element.attributes.iter().flat_map(|(_, parts)| parts);
        element.parts.iter().chain(attributes)
    });
    parts.filter(|part| **part == Part::Value(index)).count()
}

/// The names and order of fields.
#[derive(Debug)]
pub(super) struct Layout {
    /// No other layout of this process has it.
    pub id: u32,
    pub fields: Vec<Field>,
    /// Whether they stand in an element of the provider's.
    pub wrapped: bool,
    /// The substitutions without which a value of a list is left out, so that the others move up.
    moving: Vec<u16>,
    /// The place of the one value without a name. Where it is a list itself, all that comes from one stand there.
    list: Option<usize>,
    /// The values that the fields alone come from, where each does so.
    values: Vec<Option<u16>>,
}

/// Values that stand side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    pub(super) first: u16,
    pub(super) last: u16,
}

/// A field: its name and where its value comes from.
#[derive(Debug)]
pub(super) struct Field {
    pub name: Box<str>,
    pub source: Source,
    /// Whether it is one of a list, which keeps empty values: their places tell what they mean.
    pub listed: bool,
}

/// Layouts so far.
static LAYOUTS: AtomicU32 = AtomicU32::new(1);

/// The name of values that may have none.
const DATA: &str = "Data";

impl Layout {
    fn of<'d>(definition: &'d Definition, mut element: &'d Element) -> Option<Self> {
        let mut wrapped = false;
        loop {
            if element.parts.iter().any(says_something) {
                return None;
            }
            let children = element.children.iter();
            let children: Vec<&Element> = children
                .map(|&at| definition.elements.get(at))
                .collect::<Option<_>>()?;
            let holds_data = ["EventData", "UserData"].contains(&element.name.as_str());
            match children.as_slice() {
                // An element of the provider's around the fields.
                [inner] if !(inner.children.is_empty() || holds_data && inner.name == DATA) => {
                    if inner.dependency.is_some() {
                        return None;
                    }
                    (element, wrapped) = (inner, true);
                }
                _ => {
                    let (fields, moving) = fields(&children, holds_data)?;
                    let list = list(definition, &children, &fields);
                    let value = |field: &Field| field.source.only_substitution().flatten();
                    return Some(Layout {
                        values: fields.iter().map(value).collect(),
                        id: LAYOUTS.fetch_add(1, Ordering::Relaxed),
                        fields,
                        wrapped,
                        moving,
                        list: list.filter(|_| holds_data),
                    });
                }
            }
        }
    }

    /// Bytes that it holds besides itself.
    fn bytes(&self) -> usize {
        let texts = |field: &Field| ALLOCATION + field.name.len() + field.source.bytes();
        let texts: usize = self.fields.iter().map(texts).sum();
        size_of_val(&*self.fields) + texts + size_of_val(&*self.moving) + size_of_val(&*self.values)
    }

    /// How many fields stand where the one value without a name does, if that is a list; else 0. `None` where a list stands
    /// elsewhere, or cannot be told apart into fields.
    pub(super) fn items(&self, values: Values<'_>) -> Option<usize> {
        let [list] = *values.array().lists() else {
            return values.array().lists().is_empty().then_some(0);
        };
        let source = &self.fields.get(self.list?)?.source;
        if !source.is(list) {
            return None;
        }
        let items = source.raw(values)?.items()?.take(MOST_ITEMS + 1).count();
        (items <= MOST_ITEMS).then_some(items)
    }

    /// The field at a place, and which item of a list it is, where one of `items` items stands among the fields.
    pub(super) fn field(&self, place: usize, items: usize) -> Option<(&Field, Option<usize>)> {
        match self.list {
            Some(list) if items > 1 && place >= list => match place - list {
                item if item < items => Some((self.fields.get(list)?, Some(item))),
                after => Some((self.fields.get(list + 1 + after - items)?, None)),
            },
            _ => Some((self.fields.get(place)?, None)),
        }
    }

    /// The number that the field at a place is, where that is one without a sign and rests on one value alone.
    pub(super) fn plain_number(&self, place: usize, values: Values<'_>) -> Option<u64> {
        let value = values.array().get((*self.values.get(place)?)?)?;
        let mask = value.mask();
        let bytes = values.u64_at(value.at())?;
        (mask > 0).then_some(bytes & mask)
    }

    /// The values that the fields at `places` are, as runs of values that stand side by side; `None` where a list stands among the
    /// fields, or one depends on another.
    pub(super) fn runs(&self, places: impl Iterator<Item = usize>) -> Option<Vec<Run>> {
        if self.list.is_some() {
            return None;
        }
        let of_place = |place: usize| self.fields.get(place)?.source.only_substitution();
        let values: Option<Vec<Option<u16>>> = places.map(of_place).collect();
        let mut values: Vec<u16> = values?.into_iter().flatten().collect();
        values.sort_unstable();
        let mut runs: Vec<Run> = Vec::new();
        for value in values {
            match runs.last_mut().filter(|run| value - run.last <= 1) {
                Some(run) => run.last = value,
                None => runs.push(Run {
                    first: value,
                    last: value,
                }),
            }
        }
        Some(runs)
    }

    /// Whether each value is where the layout says.
    pub(super) fn holds(&self, array: &Array) -> bool {
        !self.moving.iter().any(|&index| array.is_null(index))
    }
}

/// The name in the attribute of a `Data` element: `Some(None)` where it has none, `None` where it is more than a literal.
fn data_name(element: &Element) -> Option<Option<&str>> {
    let attribute = element.attributes.iter().find(|(name, _)| name == "Name");
    match attribute.map(|(_, parts)| parts.as_slice()) {
        None | Some([]) => Some(None),
        Some([Part::Literal(name)]) => Some(Some(name.as_str()).filter(|name| !name.is_empty())),
        Some(_) => None,
    }
}

/// The place of the one value that has no name, if there is one and nothing else comes from its substitution.
fn list(definition: &Definition, elements: &[&Element], fields: &[Field]) -> Option<usize> {
    let is_unnamed = |element: &&Element| element.name == DATA && data_name(element) == Some(None);
    let mut unnamed = elements
        .iter()
        .enumerate()
        .filter(|(_, element)| is_unnamed(element));
    let (place, _) = unnamed.next()?;
    let is_alone = unnamed.next().is_none();
    match fields.get(place)?.source {
        Source::Value { index, .. } if is_alone && uses(definition, index) == 1 => Some(place),
        _ => None,
    }
}

/// The fields that elements are, and the dependencies of those in a list.
fn fields(elements: &[&Element], holds_data: bool) -> Option<(Vec<Field>, Vec<u16>)> {
    if elements.len() > MOST_FIELDS {
        return None;
    }
    let is_data = |element: &Element| holds_data && element.name == DATA;
    let data: Vec<&Element> = elements.iter().copied().filter(|e| is_data(e)).collect();
    // They have names in attributes, or none of them has one and their order tells.
    let names: Vec<Option<&str>> = data.iter().map(|e| data_name(e)).collect::<Option<_>>()?;
    let named = names.iter().flatten().count();
    if named > 0 && named < names.len() {
        return None;
    }
    let listed = named == 0 && data.len() > 1;
    let mut found: Vec<Field> = Vec::with_capacity(elements.len());
    let field = |element: &Element, name: &str, listed| {
        if !element.children.is_empty() {
            return None;
        }
        Some(Field {
            name: name.into(),
            source: Source::of(&element.parts, element.dependency)?,
            listed,
        })
    };
    let mut lists_are_done = false;
    for element in elements {
        match (is_data(element), named > 0) {
            (true, true) => found.push(field(element, data_name(element)??, false)?),
            // All values of a list stand where its first does.
            (true, false) if !lists_are_done => {
                lists_are_done = true;
                for element in &data {
                    found.push(field(element, DATA, listed)?);
                }
            }
            (true, false) => {}
            (false, _) => found.push(field(element, &element.name, false)?),
        }
    }
    // Of several fields of one name all but the first would be numbered.
    let is_repeated = |(place, field): (usize, &Field)| {
        let before = found.iter().take(place);
        !field.listed && before.into_iter().any(|other| other.name == field.name)
    };
    if found.iter().enumerate().any(is_repeated) {
        return None;
    }
    let moving = match listed {
        true => data.iter().filter_map(|e| e.dependency).collect(),
        false => Vec::new(),
    };
    Some((found, moving))
}

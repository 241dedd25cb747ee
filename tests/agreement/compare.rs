//! One log read by both decoders, and what they tell of it compared.
//!
//! One difference is meant: the `evtx` crate ends a text at its first NUL, plans keep all of it. It is counted.

use winsessions::damage::Damage;
use winsessions::evidence::Content;
use winsessions::log::{Account, Decoding, Reader, Record, Value, blocks};

pub const HEADER: usize = 4096;
pub const CHUNK: usize = 65536;

/// All that a record says.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    number: u64,
    record_id: u64,
    time: u64,
    event_id: u16,
    version: u8,
    writer: Option<u32>,
    /// Provider, channel, computer, UserID and ActivityID.
    system: Vec<(String, Said)>,
    fields: Vec<(String, Said)>,
    /// What each field says that is asked for by its name.
    by_name: Vec<(String, Option<Said>)>,
}

/// What a value says, in all ways that it can be asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    pub text: String,
    number: Option<u64>,
    is_number: bool,
    time: Option<u64>,
}

pub fn said(value: &Value<'_>) -> Said {
    Said {
        text: value.text().into_owned(),
        number: value.number(),
        is_number: value.is_number(),
        time: value.time().map(|time| time.filetime()),
    }
}

pub fn told(record: &Record<'_>) -> Told {
    let system = [
        ("provider", Some(Value::Text(record.provider().into()))),
        ("channel", Some(Value::Text(record.channel().into()))),
        ("computer", Some(Value::Text(record.computer().into()))),
        ("user", record.user_sid()),
        ("activity", record.activity()),
    ];
    let of_system = |(name, value): (&str, Option<Value<'_>>)| {
        // Nobody asks whether an attribute is stored as a number, of which `evtx` makes a text.
        let said = Said {
            is_number: false,
            ..said(&value?)
        };
        Some((name.to_owned(), said)).filter(|(_, said)| !said.text.is_empty())
    };
    let fields: Vec<(String, Said)> = record
        .fields()
        .iter()
        .map(|(name, value)| (name.clone().into_owned(), said(value)))
        .collect();
    let names = fields.iter().map(|(name, _)| name.clone());
    let by_name = names
        .chain(["SubjectLogonId".to_owned()])
        .map(|name| {
            let value = record.field(&name).map(|value| said(&value));
            (name, value)
        })
        .collect();
    if record.shape().is_some() {
        let names = record.names().enumerate();
        let by_place = names.filter_map(|(place, (name, _))| {
            Some((name.to_owned(), said(&record.value_at(place)?)))
        });
        assert_eq!(by_place.collect::<Vec<_>>(), fields);
    }
    Told {
        number: record.number,
        record_id: record.record_id,
        time: record.time.filetime(),
        event_id: record.event_id,
        version: record.version(),
        writer: record.writer(),
        system: system.into_iter().filter_map(of_system).collect(),
        fields,
        by_name,
    }
}

impl Told {
    /// The same with every text ended at its first NUL, as the `evtx` crate tells it.
    fn ended_at_nul(&self) -> Told {
        let end = |said: &Said| match said.text.find('\0') {
            None => said.clone(),
            Some(at) => self::said(&Value::Text(said.text[..at].to_owned().into())),
        };
        // Where nothing is left there is no field, but in a list.
        let is_gone = |name: &str, said: &Said| {
            let of_name = self.fields.iter().filter(|(other, _)| other == name);
            end(said).text.is_empty() && of_name.count() < 2
        };
        let all = |told: &[(String, Said)]| {
            let left = told.iter().filter(|(name, said)| !is_gone(name, said));
            left.map(|(name, said)| (name.clone(), end(said))).collect()
        };
        let by_name = self.by_name.iter().enumerate();
        let left = by_name.filter(|(place, _)| {
            let field = self.fields.get(*place);
            field.is_none_or(|(name, said)| !is_gone(name, said))
        });
        let asked = |said: &Option<Said>| said.as_ref().map(end).filter(|s| !s.text.is_empty());
        Told {
            system: all(&self.system),
            fields: all(&self.fields),
            by_name: left
                .map(|(_, (name, said))| (name.clone(), asked(said)))
                .collect(),
            ..self.clone()
        }
    }
}

/// What was compared.
#[derive(Debug, Default, Clone, Copy)]
pub struct Counts {
    pub records: u64,
    pub fields: u64,
    pub by_evtx: u64,
    pub with_nul: u64,
    pub damaged: u64,
}

impl Counts {
    pub fn add(&mut self, other: Counts) {
        self.records += other.records;
        self.fields += other.fields;
        self.by_evtx += other.by_evtx;
        self.with_nul += other.with_nul;
        self.damaged += other.damaged;
    }
}

fn read(content: &Content, reader: &mut Reader) -> (Account, Vec<Told>) {
    let (mut account, mut records) = (Account::default(), Vec::new());
    for block in blocks(content.size()) {
        account.add(reader.read(content, block, &mut |record| records.push(told(record))));
    }
    (account, records)
}

/// Reads a log both ways. `reader` may have read others before.
pub fn compare(content: &Content, reader: &mut Reader, what: &str) -> Counts {
    let (mut by_plans, records) = read(content, reader);
    let (mut by_evtx, expected) = read(content, &mut Reader::new(Decoding::Evtx));
    let mut counts = Counts {
        records: records.len() as u64,
        by_evtx: by_plans.read_by_evtx,
        damaged: by_plans.damaged,
        ..Counts::default()
    };
    assert_eq!(by_evtx.read_by_evtx, by_evtx.read);
    for account in [&mut by_plans, &mut by_evtx] {
        account.read_by_evtx = 0;
        // Only `evtx` uses the name table. Plans leave it alone where both checksums of a chunk match.
        account
            .damage
            .retain(|damage: &Damage| !damage.message.contains("name table"));
    }
    assert_eq!(by_plans, by_evtx, "{what}");
    assert_eq!(records.len(), expected.len(), "{what}");
    for (told, expected) in records.iter().zip(&expected) {
        counts.fields += told.fields.len() as u64;
        if told != expected {
            counts.with_nul += 1;
            assert_eq!(&told.ended_at_nul(), expected, "{what}");
            assert_ne!(told, &told.ended_at_nul(), "{what}");
        }
    }
    counts
}

/// Makes all checksums of a log right.
pub fn repair(log: &mut [u8]) {
    for chunk in log[HEADER..].chunks_mut(CHUNK) {
        if chunk.len() < CHUNK || !chunk.starts_with(b"ElfChnk\0") {
            continue;
        }
        let free = u32::from_le_bytes(chunk[48..52].try_into().unwrap()) as usize;
        if let Some(records) = chunk.get(512..free) {
            let sum = crc32fast::hash(records);
            chunk[52..56].copy_from_slice(&sum.to_le_bytes());
        }
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&chunk[..120]);
        hasher.update(&chunk[128..512]);
        let sum = hasher.finalize();
        chunk[124..128].copy_from_slice(&sum.to_le_bytes());
    }
}

//! What values of records say, each text once: a log holds the same names over and over.

use super::Text;
use crate::log::Value;
use crate::sid::Sid;
use ahash::RandomState;
use std::collections::{HashMap, HashSet};

/// Bytes of texts that are kept to be shared; beyond, all are forgotten. Those of a busy month take some 3 MiB.
const MOST_KEPT: usize = 16 << 20;

/// Texts so far, and what they came from.
#[derive(Debug, Default)]
pub(super) struct Texts {
    all: HashSet<Text, RandomState>,
    plain: Memo<Text>,
    trimmed: Memo<Text>,
    lists: Memo<Text>,
    sids: Memo<Sid>,
    kept: usize,
}

/// What bytes of a chunk say.
type Memo<T> = HashMap<Box<[u8]>, Option<T>, RandomState>;

impl Texts {
    /// Forgets what takes too much space.
    pub(super) fn limit(&mut self) {
        if self.kept > MOST_KEPT {
            *self = Texts::default();
        }
    }

    /// The one shared copy of a text.
    pub(super) fn text(&mut self, text: &str) -> Text {
        match self.all.get(text) {
            Some(shared) => shared.clone(),
            None => {
                let shared = Text::from(text);
                self.kept += text.len();
                self.all.insert(shared.clone());
                shared
            }
        }
    }

    /// A text as it stands; `None` where Windows wrote `-` for absent.
    pub(super) fn present(&mut self, value: &Value<'_>) -> Option<Text> {
        self.known(value, |texts| &mut texts.plain, |text| Some(text.into()))
    }

    /// A text without the padding that Windows gives it.
    pub(super) fn trimmed(&mut self, value: &Value<'_>) -> Option<Text> {
        let trim = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        self.known(value, |texts| &mut texts.trimmed, trim)
    }

    /// The words of a list that is written over several lines, some in `%{}`.
    pub(super) fn list(&mut self, value: &Value<'_>) -> Option<Text> {
        fn word(word: &str) -> &str {
            word.strip_prefix("%{")
                .and_then(|w| w.strip_suffix('}'))
                .unwrap_or(word)
        }
        let list = |text: &str| {
            let words: Vec<&str> = text.split_whitespace().map(word).collect();
            let named = words.iter().copied().filter(|word| !word.is_empty());
            (!words.is_empty()).then(|| named.collect::<Vec<_>>().join(" "))
        };
        self.known(value, |texts| &mut texts.lists, list)
    }

    /// What `read` makes of a text that is not absent; made once of the same bytes.
    fn known(
        &mut self,
        value: &Value<'_>,
        memo: fn(&mut Texts) -> &mut Memo<Text>,
        read: impl Fn(&str) -> Option<String>,
    ) -> Option<Text> {
        let units = value.units();
        if let Some(known) = units.and_then(|units| memo(self).get(units)) {
            return known.clone();
        }
        let found = match &*value.text() {
            "" | "-" => None,
            text => read(text).map(|text| self.text(&text)),
        };
        if let Some(units) = units {
            self.kept += units.len();
            memo(self).insert(units.into(), found.clone());
        }
        found
    }

    /// A SID, if it is one.
    pub(super) fn sid(&mut self, value: &Value<'_>) -> Option<Sid> {
        let Value::Sid(bytes) = value else {
            return Sid::parse(&value.text());
        };
        if let Some(known) = self.sids.get(*bytes) {
            return known.clone();
        }
        let sid = Sid::parse(&value.text());
        self.kept += 4 * bytes.len();
        self.sids.insert((*bytes).into(), sid.clone());
        sid
    }

    /// A GUID in lower case; `None` where it is all zero, which means that there is none.
    pub(super) fn guid(&mut self, value: &Value<'_>) -> Option<Text> {
        let guid = match value {
            Value::Guid(guid) if *guid == [0; 16] => return None,
            // Hardly any comes twice.
            Value::Guid(_) => return Some(Text::from(&*value.text())),
            _ => self.trimmed(value)?.to_lowercase(),
        };
        guid.bytes()
            .any(|byte| byte.is_ascii_hexdigit() && byte != b'0')
            .then(|| self.text(&guid))
    }

    /// Domain and name of an account that is written as one text.
    pub(super) fn account_path(&mut self, value: &Value<'_>) -> (Option<Text>, Option<Text>) {
        let Some(text) = self.present(value) else {
            return (None, None);
        };
        match text.split_once('\\') {
            Some((domain, name)) => (
                self.present(&Value::Text(domain.into())),
                self.present(&Value::Text(name.into())),
            ),
            None => (None, Some(text)),
        }
    }
}

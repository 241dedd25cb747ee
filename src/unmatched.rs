//! What is said where nothing fits what was asked for: which of the options, or names, fits nothing, and what is near it.
//!
//! Sessions and events are looked through again for that, where no row came out or an option has alternatives.

use crate::nearest::nearest;
use std::collections::HashSet;
use winsessions::analysis::TimelineEvent;
use winsessions::event::{Account, Text};
use winsessions::export::account;
use winsessions::export::messages::{Level, Message, Topic};
use winsessions::filter::{Filter, Glob, came_from, is_of};
use winsessions::session::Session;

/// Options that nothing fits yet.
pub struct Unmatched {
    asked: Vec<Asked>,
    /// All of them, as they are typed.
    all: Vec<String>,
    are_parties: bool,
    seen_any: bool,
}

/// One option, or name.
struct Asked {
    said: String,
    part: Part,
    /// Names that it could have been.
    known: HashSet<String>,
}

enum Part {
    Option(Box<Filter>),
    Party(Glob),
}

impl Unmatched {
    /// Of the options of a filter, and the names of parties.
    pub fn new(filter: &Filter, parties: &[&Glob]) -> Self {
        let are_parties = !parties.is_empty();
        let parties = parties.iter().map(|&glob| Asked {
            said: glob.to_string(),
            part: Part::Party(glob.clone()),
            known: HashSet::new(),
        });
        let options = filter.parts().into_iter().map(|part| Asked {
            said: part.options().join(" "),
            part: Part::Option(Box::new(part)),
            known: HashSet::new(),
        });
        let asked: Vec<Asked> = parties.chain(options).collect();
        Unmatched {
            all: asked.iter().map(|asked| asked.said.clone()).collect(),
            asked,
            are_parties,
            seen_any: false,
        }
    }

    /// Whether everything was found to fit something: nothing else has to be looked at.
    pub fn is_done(&self) -> bool {
        self.asked.is_empty()
    }

    /// Looks at a session.
    pub fn see_session(&mut self, session: &Session) {
        let hosts = std::iter::once(&session.host).chain(&*session.host_aliases);
        let places = came_from(session).flatten();
        self.see(
            |part| match part {
                Part::Option(filter) => filter.keeps_session(session),
                Part::Party(glob) => is_of(glob, session),
            },
            hosts,
            &session.account,
            places,
        );
    }

    /// Looks at an event; `session` is the one it belongs to.
    pub fn see_event(&mut self, event: &TimelineEvent, session: Option<&Session>) {
        let record = &event.event;
        let places = [&record.source_address, &record.workstation];
        self.see(
            |part| match part {
                Part::Option(filter) => filter.keeps_event(event, session),
                Part::Party(_) => false,
            },
            [&event.host, &record.computer],
            &record.account,
            places.into_iter().flatten(),
        );
    }

    fn see<'a>(
        &mut self,
        fits: impl Fn(&Part) -> bool,
        hosts: impl IntoIterator<Item = &'a Text>,
        who: &Account,
        places: impl IntoIterator<Item = &'a Text>,
    ) {
        self.seen_any = true;
        self.asked.retain(|asked| !fits(&asked.part));
        if self.asked.is_empty() {
            return;
        }
        // A machine is known by the first label of its name, too.
        let label = |host: &'a Text| host.split('.').next().unwrap_or_default();
        let hosts: Vec<&str> = hosts.into_iter().map(label).collect();
        let places: Vec<&str> = places.into_iter().map(|place| &**place).collect();
        let account = account(who);
        for asked in &mut self.asked {
            let (of_hosts, of_accounts, of_places) = asked.part.names();
            let names = [
                (of_hosts, &hosts[..]),
                (of_accounts, &[&*account]),
                (of_places, &places),
            ];
            let names = names.into_iter().filter(|(is_asked, _)| *is_asked);
            for name in names.flat_map(|(_, names)| names) {
                if !name.is_empty() && !asked.known.contains(*name) {
                    asked.known.insert((*name).to_owned());
                }
            }
        }
    }

    /// What nothing fits; `any` says whether there is a row.
    pub fn message(&self, any: bool) -> Option<Message> {
        let words = self.words(any)?;
        Some(Message::new(Level::Info, Topic::NoMatch, words))
    }

    fn words(&self, any: bool) -> Option<String> {
        if !self.seen_any || self.all.is_empty() {
            return None;
        }
        let one_by_one = self.asked.iter().map(|asked| {
            let near = asked.near();
            match near.is_empty() {
                true => asked.said.clone(),
                false => format!("{} (near it: {})", asked.said, near.join(", ")),
            }
        });
        match (self.asked.is_empty(), any, self.all.len()) {
            (false, ..) => {
                let told: Vec<String> = one_by_one.collect();
                Some(format!("nothing fits {}", told.join(", nor ")))
            }
            (true, false, _) if self.are_parties => Some(format!(
                "no two of these were on at the same time: {}",
                self.all.join(", ")
            )),
            (true, false, 2..) => Some(format!(
                "each of these fits something, but nothing fits all of them: {}",
                self.all.join(", ")
            )),
            _ => None,
        }
    }
}

impl Part {
    /// Whether it is about names of machines, of accounts, and of places that somebody came from.
    fn names(&self) -> (bool, bool, bool) {
        match self {
            Part::Option(filter) => (
                !filter.host.is_empty(),
                !filter.account.is_empty(),
                !filter.address.is_empty(),
            ),
            Part::Party(_) => (false, true, true),
        }
    }
}

impl Asked {
    /// Names that it may have meant.
    fn near(&self) -> Vec<&str> {
        let glob = match &self.part {
            Part::Option(filter) => [&filter.host, &filter.account, &filter.address]
                .into_iter()
                .flatten()
                .next(),
            Part::Party(glob) => Some(glob),
        };
        match glob.filter(|glob| glob.is_name()) {
            Some(glob) => nearest(&glob.to_string(), self.known.iter().map(|name| &**name)),
            None => Vec::new(),
        }
    }
}

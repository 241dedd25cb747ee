//! Security identifiers, and what kind of account one denotes.
//!
//! The class of an account comes from its SID; a name is asked only where SIDs cannot tell (local or
//! domain, computer or person). Sources: [MS-DTYP] 2.4.2 for the format, Microsoft's list of
//! well-known SIDs for the prefixes.

use crate::named::named;
use crate::text::Text;
use std::collections::BTreeSet;
use std::fmt;

/// A security identifier in its text form, `S-1-5-18`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sid(Text);

impl Sid {
    /// Reads the text form; `None` if `text` is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let head = parts.next()?.eq_ignore_ascii_case("S") && parts.next()? == "1";
        let authority = parts.next()?;
        let number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let hex = authority
            .strip_prefix("0x")
            .is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_hexdigit()));
        let subs: Vec<&str> = parts.collect();
        let valid = head
            && (number(authority) || hex)
            && subs.len() <= 15
            && subs.iter().all(|s| number(s) && s.len() <= 10);
        valid.then(|| {
            let text = text.trim().to_ascii_uppercase();
            Sid(Text::from(text.replace("S-1-0X", "S-1-0x")))
        })
    }

    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is `prefix` or lies below it (`S-1-5-90` holds `S-1-5-90-0-1`).
    pub fn is_under(&self, prefix: &str) -> bool {
        self.0
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }

    /// The part that names the machine or domain of an account SID: `S-1-5-21-a-b-c` of `S-1-5-21-a-b-c-RID`.
    pub fn domain_part(&self) -> Option<&str> {
        let (domain, _) = self.0.rsplit_once('-')?;
        (self.is_under("S-1-5-21") && domain.split('-').count() == 7).then_some(domain)
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

named! {
    /// What kind of account a SID denotes.
    pub enum AccountClass {
        /// S-1-5-18: the operating system and most services.
        LocalSystem = "local-system",
        /// S-1-5-19: services with few rights, anonymous on the network.
        LocalService = "local-service",
        /// S-1-5-20: services with few rights that act as the computer on the network.
        NetworkService = "network-service",
        /// S-1-5-7: a logon without credentials.
        Anonymous = "anonymous",
        /// S-1-5-17: the web server's anonymous account.
        Iusr = "iusr",
        /// S-1-5-80-*: an account that belongs to one service.
        VirtualService = "virtual-service",
        /// S-1-5-82-*: an IIS application pool.
        AppPool = "app-pool",
        /// S-1-5-83-*: a Hyper-V virtual machine.
        VirtualMachine = "virtual-machine",
        /// S-1-5-90-*: the Desktop Window Manager.
        WindowManager = "window-manager",
        /// S-1-5-94-*: a WinRM virtual user.
        WinRm = "winrm-virtual-user",
        /// S-1-5-96-*: the user-mode font driver host.
        FontDriver = "font-driver",
        /// S-1-5-111-*: an OpenSSH virtual user.
        OpenSsh = "openssh-virtual-user",
        /// An account of this machine.
        LocalUser = "local-user",
        /// A person's account in a domain.
        DomainUser = "domain-user",
        /// S-1-12-1-*: an Entra ID account.
        EntraUser = "entra-user",
        /// A computer or group-managed service account of a domain: its name ends in `$`.
        Computer = "computer",
        /// S-1-0-0: nobody.
        Null = "null",
        /// The evidence does not tell.
        Unknown = "unknown",
    }
}

/// What is known of a machine's own identity, to tell its own accounts from a domain's.
#[derive(Debug, Clone, Default)]
pub struct OwnNames {
    /// Lower-case host names of the machine: full and first label, cut to NetBIOS length too.
    names: Vec<String>,
    /// Domain parts of SIDs that were seen with one of those names.
    sids: BTreeSet<String>,
}

impl OwnNames {
    /// Adds a name that the machine writes its records under.
    pub fn add_computer(&mut self, computer: &str) {
        let full = computer.to_lowercase();
        let label = full.split('.').next().unwrap_or_default().to_owned();
        // NetBIOS names, which SIDs are shown with, hold 15 characters.
        let netbios: String = label.chars().take(15).collect();
        for name in [full, label, netbios] {
            if !name.is_empty() && !self.names.contains(&name) {
                self.names.push(name);
            }
        }
    }

    /// Learns the machine's own SID from an account shown with one of its names.
    pub fn learn(&mut self, sid: &Sid, domain: &str) {
        if let Some(part) = sid.domain_part()
            && self.is_own_name(domain)
            && !self.sids.contains(part)
        {
            self.sids.insert(part.to_owned());
        }
    }

    /// Whether `domain` is one of the machine's names.
    pub fn is_own_name(&self, domain: &str) -> bool {
        self.names.contains(&domain.to_lowercase())
    }
}

impl AccountClass {
    /// The class of an account, from its SID and, for local or domain, its name's domain.
    pub fn of(sid: Option<&Sid>, name: Option<&str>, domain: Option<&str>, own: &OwnNames) -> Self {
        use AccountClass::*;
        let Some(sid) = sid else { return Unknown };
        let exact = match sid.as_str() {
            "S-1-0-0" => Some(Null),
            "S-1-5-7" => Some(Anonymous),
            "S-1-5-17" => Some(Iusr),
            "S-1-5-18" => Some(LocalSystem),
            "S-1-5-19" => Some(LocalService),
            "S-1-5-20" => Some(NetworkService),
            _ => None,
        };
        let below = [
            ("S-1-5-80", VirtualService),
            ("S-1-5-82", AppPool),
            ("S-1-5-83", VirtualMachine),
            ("S-1-5-90", WindowManager),
            ("S-1-5-94", WinRm),
            ("S-1-5-96", FontDriver),
            ("S-1-5-111", OpenSsh),
            ("S-1-12-1", EntraUser),
        ];
        if let Some(class) = exact.or_else(|| {
            below
                .iter()
                .find(|(prefix, _)| sid.is_under(prefix))
                .map(|(_, c)| *c)
        }) {
            return class;
        }
        let Some(part) = sid.domain_part() else {
            return Unknown;
        };
        let local = match domain {
            Some(domain) if !domain.eq_ignore_ascii_case("MicrosoftAccount") => {
                own.is_own_name(domain)
            }
            Some(_) => true,
            None if own.sids.contains(part) => true,
            None => return Unknown,
        };
        match (local, name) {
            (true, _) => LocalUser,
            (false, Some(name)) if name.ends_with('$') => Computer,
            (false, _) => DomainUser,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(sid: &str, name: &str, domain: &str, computer: &str) -> AccountClass {
        let mut own = OwnNames::default();
        own.add_computer(computer);
        AccountClass::of(Sid::parse(sid).as_ref(), Some(name), Some(domain), &own)
    }

    #[test]
    fn only_sids_are_sids() {
        for text in [
            "S-1-5-18",
            "S-1-5-21-1-2-3-500",
            "s-1-5-18",
            "S-1-0-0",
            "S-1-12-1-4-5-6-7",
        ] {
            assert!(Sid::parse(text).is_some(), "{text}");
        }
        for text in [
            "",
            "-",
            "S-1",
            "S-2-5-18",
            "S-1-5-",
            "S-1-5-x",
            "SYSTEM",
            "S-1-5-99999999999",
        ] {
            assert!(Sid::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn the_class_of_a_service_account_does_not_depend_on_its_localised_name() {
        assert_eq!(
            class("S-1-5-20", "SERVICE RÉSEAU", "AUTORITE NT", "pc"),
            AccountClass::NetworkService
        );
        assert_eq!(
            class("S-1-5-90-1", "DWM-1", "Window Manager", "pc"),
            AccountClass::WindowManager
        );
        assert_eq!(class("S-1-5-900-1", "x", "y", "pc"), AccountClass::Unknown);
    }

    #[test]
    fn a_domain_controllers_own_sid_does_not_make_domain_accounts_local() {
        let sid = "S-1-5-21-1-2-3-500";
        assert_eq!(
            class(sid, "Administrator", "C137", "DC01.C137.local"),
            AccountClass::DomainUser
        );
        assert_eq!(
            class(sid, "Administrator", "DC01", "DC01.C137.local"),
            AccountClass::LocalUser
        );
        assert_eq!(
            class(sid, "DC01$", "C137", "DC01.C137.local"),
            AccountClass::Computer
        );
    }

    #[test]
    fn a_local_account_whose_name_ends_in_a_dollar_is_a_user() {
        assert_eq!(
            class("S-1-5-21-1-2-3-1001", "backup$", "WS01", "WS01"),
            AccountClass::LocalUser
        );
    }

    #[test]
    fn a_microsoft_account_is_local_and_an_unnamed_domain_is_unknown_unless_the_sid_was_learnt() {
        assert_eq!(
            class(
                "S-1-5-21-1-2-3-1001",
                "a@example.com",
                "MicrosoftAccount",
                "WS01"
            ),
            AccountClass::LocalUser
        );
        let mut own = OwnNames::default();
        own.add_computer("A-VERY-LONG-COMPUTER-NAME.example.org");
        let sid = Sid::parse("S-1-5-21-1-2-3-1001").unwrap();
        assert_eq!(
            AccountClass::of(Some(&sid), Some("a"), None, &own),
            AccountClass::Unknown
        );
        own.learn(
            &Sid::parse("S-1-5-21-1-2-3-500").unwrap(),
            "A-VERY-LONG-COM",
        );
        assert_eq!(
            AccountClass::of(Some(&sid), Some("a"), None, &own),
            AccountClass::LocalUser
        );
    }
}

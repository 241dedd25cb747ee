//! The names that one which was typed may have meant.

/// How many are told.
const MOST: usize = 5;

/// Names longer than this are no slips of anything.
const LONGEST: usize = 64;

/// Of `known` those that differ from `name` by one character in three at most, or hold it, or else have a word of it; the nearest
/// first.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let name = name.to_lowercase();
    let length = name.chars().count();
    if length > LONGEST {
        return Vec::new();
    }
    let known = known.into_iter();
    let found =
        known.filter_map(|known| Some((distance(&name, known, length.div_ceil(3))?, known)));
    let mut found: Vec<(Distance, &str)> = found.collect();
    found.sort_unstable();
    found.dedup();
    if found.first().is_some_and(|first| first.0 < Distance::Word) {
        found.retain(|one| one.0 < Distance::Word);
    }
    found.truncate(MOST);
    found.into_iter().map(|(_, known)| known).collect()
}

/// How far a name is from another.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Distance {
    Strays(usize),
    Holds,
    Word,
}

/// How far a name is from another, whether that is named with its domain or not; `None` if it is too far to be meant.
fn distance(name: &str, known: &str, allowed: usize) -> Option<Distance> {
    let known = known.to_lowercase();
    let bare = known.rsplit('\\').next().filter(|bare| *bare != known);
    let strays = [Some(&*known), bare]
        .into_iter()
        .flatten()
        .filter_map(|known| strays(name, known, allowed));
    let holds = name.len() > 2 && known.contains(name);
    let is_word = |word: &&str| word.len() > 2;
    let words = |name| str::split(name, ['_', '-', ' ', '\\']).filter(is_word);
    let shares = || words(name).any(|word| words(&known).any(|known| known == word));
    let strays = strays.min().map(Distance::Strays);
    strays
        .or(holds.then_some(Distance::Holds))
        .or_else(|| shares().then_some(Distance::Word))
}

/// How many characters have to be put in, taken out or replaced to make one text of the other, if that is `allowed` at most.
fn strays(one: &str, other: &str, allowed: usize) -> Option<usize> {
    let other: Vec<char> = other.chars().take(one.len() + allowed + 1).collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (before, own) in one.chars().enumerate() {
        let mut diagonal = before;
        let mut left = before + 1;
        row[0] = left;
        for (its, up) in other.iter().zip(row.iter_mut().skip(1)) {
            let replaced = diagonal + usize::from(own != *its);
            diagonal = *up;
            left = replaced.min(diagonal + 1).min(left + 1);
            *up = left;
        }
        if row.iter().all(|strays| *strays > allowed) {
            return None;
        }
    }
    row.last().copied().filter(|strays| *strays <= allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_near_what_a_slip_makes_of_it_and_what_holds_it() {
        let known = [
            "start",
            "start_max",
            "boot",
            "account_name",
            "source_address",
        ];
        assert_eq!(nearest("strat", known), ["start"]);
        assert_eq!(nearest("account", known), ["account_name"]);
        assert_eq!(nearest("foo", known), [""; 0]);
        assert_eq!(nearest("acount_nmae", known), ["account_name"]);
        let accounts = ["CORP\\adm-carol", "CORP\\adm-dave", "CORP\\alice"];
        assert_eq!(nearest("adm-carrol", accounts), ["CORP\\adm-carol"]);
        assert_eq!(nearest("corp\\ALICA", accounts), ["CORP\\alice"]);
        assert_eq!(nearest("adm", accounts), accounts[..2]);
        assert_eq!(nearest("", known), [""; 0]);
        assert_eq!(nearest("user_name", known), ["account_name"]);
    }

    #[test]
    fn a_name_of_evidence_that_is_very_long_takes_no_time() {
        let long = "x".repeat(60_000);
        assert_eq!(nearest(&long, [&*long]), [""; 0]);
        assert_eq!(nearest("xy", [&*long]), [""; 0]);
        assert_eq!(nearest("xxx", [&*long]), [&*long]);
    }
}

//! Text that deceives: characters that a terminal acts on or does not show, and names that look like others.
//!
//! In: text from evidence. Out: what is wrong with it. Names are judged by the rules of Unicode Technical Standard 39
//! ("moderately restrictive"), and by what Windows itself never does.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};
use unicode_script::{Script, ScriptExtension};

/// Whether a terminal acts on a character or shows nothing of it: controls, formats (the marks of direction among them), line
/// and paragraph separators, what has no assigned meaning (private, unassigned), and what Unicode lets programs ignore, as
/// variation selectors and fillers. Combining marks stay visible: names need them.
pub fn acts_or_hides(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_control();
    }
    use GeneralCategory::*;
    let category = character.general_category();
    matches!(
        category,
        Control | Format | LineSeparator | ParagraphSeparator | PrivateUse | Surrogate | Unassigned
    ) || is_ignorable(character)
}

/// The Default_Ignorable_Code_Points that are letters and marks by category.
fn is_ignorable(character: char) -> bool {
    matches!(character,
        '\u{34f}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{e0100}'..='\u{e01ef}')
}

/// Why a name is perhaps made to be taken for another, or to hide: it holds a character that acts or hides, begins or ends with
/// a blank, or mixes scripts whose letters look alike. `None` for a name as people and machines have it.
pub fn suspicion(name: &str) -> Option<&'static str> {
    let is_plain = name.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let has_blank = match is_plain {
        true => name.starts_with(' ') || name.ends_with(' '),
        false => name.starts_with(char::is_whitespace) || name.ends_with(char::is_whitespace),
    };
    if has_blank {
        return Some("it begins or ends with a blank, which Windows does not add");
    }
    if is_plain {
        return None;
    }
    match () {
        () if name.contains(acts_or_hides) => Some("it holds characters that are not shown"),
        () if mixes_scripts(name) => Some("it mixes letters of scripts that look alike"),
        () => None,
    }
}

/// Scripts that a name may combine with Latin letters: those in use today, but Cyrillic and Greek, whose letters look like
/// Latin ones.
const BESIDE_LATIN: [Script; 26] = [
    Script::Arabic,
    Script::Armenian,
    Script::Bengali,
    Script::Bopomofo,
    Script::Devanagari,
    Script::Ethiopic,
    Script::Georgian,
    Script::Gujarati,
    Script::Gurmukhi,
    Script::Han,
    Script::Hangul,
    Script::Hebrew,
    Script::Hiragana,
    Script::Kannada,
    Script::Katakana,
    Script::Khmer,
    Script::Lao,
    Script::Malayalam,
    Script::Myanmar,
    Script::Oriya,
    Script::Sinhala,
    Script::Tamil,
    Script::Telugu,
    Script::Thaana,
    Script::Thai,
    Script::Tibetan,
];

/// How Japanese, Chinese and Korean are written.
const EAST_ASIAN: [&[Script]; 3] = [
    &[Script::Han, Script::Hiragana, Script::Katakana],
    &[Script::Han, Script::Bopomofo],
    &[Script::Han, Script::Hangul],
];

/// Whether a name holds letters of scripts that no language writes together.
fn mixes_scripts(name: &str) -> bool {
    // Digits, blanks, signs and combining marks belong to every script.
    if !ScriptExtension::for_str(name).is_empty() {
        return false;
    }
    let beside_latin = name
        .chars()
        .map(ScriptExtension::from)
        .filter(|scripts| !scripts.contains_script(Script::Latin));
    let one = beside_latin
        .clone()
        .fold(ScriptExtension::default(), |all, scripts| {
            all.intersection(scripts)
        });
    let is_one = BESIDE_LATIN
        .iter()
        .any(|script| one.contains_script(*script));
    let is_east_asian = EAST_ASIAN.iter().any(|together| {
        beside_latin.clone().all(|scripts| {
            let mut together = together.iter();
            together.any(|script| scripts.contains_script(*script))
        })
    });
    !is_one && !is_east_asian
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_is_judged_by_its_category() {
        let mut hidden = 0;
        for character in (0..=0x10_ffff).filter_map(char::from_u32) {
            let category = format!("{:?}", character.general_category());
            let is_letter_or_sign = !matches!(
                category.as_str(),
                "Control"
                    | "Format"
                    | "LineSeparator"
                    | "ParagraphSeparator"
                    | "PrivateUse"
                    | "Unassigned"
            );
            let found = acts_or_hides(character);
            assert_eq!(
                found,
                !is_letter_or_sign || is_ignorable(character),
                "{character:?}"
            );
            hidden += u32::from(found);
        }
        assert!(hidden > 900_000, "{hidden}: most code points mean nothing");
    }

    #[test]
    fn what_deceives_most_often_acts_or_hides_whatever_the_tables_say() {
        let ranges = [
            '\0'..='\u{1f}',
            '\u{7f}'..='\u{9f}',
            '\u{ad}'..='\u{ad}',
            '\u{34f}'..='\u{34f}',
            '\u{61c}'..='\u{61c}',
            '\u{115f}'..='\u{1160}',
            '\u{17b4}'..='\u{17b5}',
            '\u{180b}'..='\u{180f}',
            '\u{200b}'..='\u{200f}',
            '\u{2028}'..='\u{202e}',
            '\u{2060}'..='\u{206f}',
            '\u{3164}'..='\u{3164}',
            '\u{e000}'..='\u{f8ff}',
            '\u{fdd0}'..='\u{fdef}',
            '\u{fe00}'..='\u{fe0f}',
            '\u{feff}'..='\u{feff}',
            '\u{ffa0}'..='\u{ffa0}',
            '\u{fff0}'..='\u{fffb}',
            '\u{fffe}'..='\u{ffff}',
            '\u{1bca0}'..='\u{1bca3}',
            '\u{1d173}'..='\u{1d17a}',
            '\u{e0000}'..='\u{e0fff}',
            '\u{f0000}'..='\u{10ffff}',
        ];
        for character in ranges.into_iter().flatten() {
            assert!(acts_or_hides(character), "{character:?}");
        }
        for shown in " ~é\u{301}管ｱ한я\u{fffd}\u{a0}\u{3000}€🔑".chars() {
            assert!(!acts_or_hides(shown), "{shown:?}");
        }
    }

    #[test]
    fn names_as_people_and_machines_have_them_are_not_suspicious() {
        for name in [
            "",
            "Administrator",
            "SERVICE RÉSEAU",
            "Système",
            "WS-01$",
            "adm_2024.x@corp.example",
            "Администратор",
            "Иванов И.И. 2",
            "Διαχειριστής",
            "管理者",
            "佐藤さくら",
            "サトウ太郎",
            "山田　太郎",
            "関々〆ヶ崎",
            "サーバーSRV01",
            "管理员Admin",
            "관리자",
            "金관리자PC",
            "ㄅㄆ漢字",
            "محمد",
            "محمد-PC",
            "משתמש",
            "अनिल",
            "สมชาย-NB",
            "Nguyễn Văn Ánh",
            "e\u{301}ve",
            "µTorrent",
            "José º",
            "O'Brien",
        ] {
            assert!(suspicion(name).is_none(), "{name:?}");
        }
    }

    #[test]
    fn names_that_hide_something_or_mix_letters_that_look_alike_are_suspicious() {
        for name in [
            "\u{202e}nimda",
            "adm\u{200b}in",
            "admin\0",
            "a\u{9b}b",
            "admin\u{fe0f}",
            "admin ",
            " admin",
            "admin\u{a0}",
            "администрaтор",
            "аdministrator",
            "Αdmin",
            "ѕql-svc",
            "admin\u{13a0}",
            "админ管理",
            "さくら관리자",
            "x\u{e000}",
            "\u{feff}admin",
        ] {
            assert!(suspicion(name).is_some(), "{name:?}");
        }
    }
}

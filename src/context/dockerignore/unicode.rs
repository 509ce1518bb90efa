//! The names that Go's `\p{...}` knows, said in the words of the `regex` crate.
//!
//! The crate knows more names than Go (aliases of scripts, properties, ages). A pattern with one
//! of those stops a Docker build, so the names Go takes are listed here. Go 1.25 and later fold
//! letter case and drop `_`, `-` and blanks before looking a name up, and as their table of
//! scripts keeps its underscores, scripts of two words cannot be named at all.

/// Text for the inside of a bracket expression of the `regex` crate, or none for an unknown name.
pub(super) fn class_items(name: &str) -> Option<String> {
    let name = canonical(name);
    match name.as_str() {
        "Any" => return Some(r"\x{0}-\x{10FFFF}".to_owned()),
        "Ascii" => return Some(r"\x{0}-\x{7F}".to_owned()),
        "Assigned" => return Some(r"\P{Cn}".to_owned()),
        // No path holds a surrogate, and the crate has no name for them.
        "Cs" | "Surrogate" => return Some(String::new()),
        _ => {}
    }
    let category = CATEGORIES
        .iter()
        .find(|(short, long)| name == *short || long.split(' ').any(|long| name == long))
        .map(|(short, _)| format!(r"\p{{gc={short}}}"));
    category.or_else(|| SCRIPTS.split_whitespace().any(|script| name == script).then(|| format!(r"\p{{sc={name}}}")))
}

/// Go's `canonicalName`: first letter upper case, the others lower case, separators gone.
fn canonical(name: &str) -> String {
    let mut letters = name.chars().filter(|char| !matches!(char, '_' | '-' | ' '));
    let first = letters.next().map(|char| char.to_ascii_uppercase());
    first.into_iter().chain(letters.map(|char| char.to_ascii_lowercase())).collect()
}

/// General categories: short name, then the long names separated by blanks.
const CATEGORIES: &[(&str, &str)] = &[
    ("C", "Other"),
    ("Cc", "Control Cntrl"),
    ("Cf", "Format"),
    ("Cn", "Unassigned"),
    ("Co", "Privateuse"),
    ("L", "Letter"),
    ("Lc", "Casedletter"),
    ("Ll", "Lowercaseletter"),
    ("Lm", "Modifierletter"),
    ("Lo", "Otherletter"),
    ("Lt", "Titlecaseletter"),
    ("Lu", "Uppercaseletter"),
    ("M", "Mark Combiningmark"),
    ("Mc", "Spacingmark"),
    ("Me", "Enclosingmark"),
    ("Mn", "Nonspacingmark"),
    ("N", "Number"),
    ("Nd", "Decimalnumber Digit"),
    ("Nl", "Letternumber"),
    ("No", "Othernumber"),
    ("P", "Punctuation Punct"),
    ("Pc", "Connectorpunctuation"),
    ("Pd", "Dashpunctuation"),
    ("Pe", "Closepunctuation"),
    ("Pf", "Finalpunctuation"),
    ("Pi", "Initialpunctuation"),
    ("Po", "Otherpunctuation"),
    ("Ps", "Openpunctuation"),
    ("S", "Symbol"),
    ("Sc", "Currencysymbol"),
    ("Sk", "Modifiersymbol"),
    ("Sm", "Mathsymbol"),
    ("So", "Othersymbol"),
    ("Z", "Separator"),
    ("Zl", "Lineseparator"),
    ("Zp", "Paragraphseparator"),
    ("Zs", "Spaceseparator"),
];

/// Scripts of one word, in Go's spelling.
const SCRIPTS: &str = "\
    Adlam Ahom Arabic Armenian Avestan Balinese Bamum Batak Bengali Bhaiksuki Bopomofo Brahmi \
    Braille Buginese Buhid Carian Chakma Cham Cherokee Chorasmian Common Coptic Cuneiform \
    Cypriot Cyrillic Deseret Devanagari Dogra Duployan Elbasan Elymaic Ethiopic Georgian \
    Glagolitic Gothic Grantha Greek Gujarati Gurmukhi Han Hangul Hanunoo Hatran Hebrew Hiragana \
    Inherited Javanese Kaithi Kannada Katakana Kawi Kharoshthi Khmer Khojki Khudawadi Lao Latin \
    Lepcha Limbu Lisu Lycian Lydian Mahajani Makasar Malayalam Mandaic Manichaean Marchen \
    Medefaidrin Miao Modi Mongolian Mro Multani Myanmar Nabataean Nandinagari Newa Nko Nushu \
    Ogham Oriya Osage Osmanya Palmyrene Phoenician Rejang Runic Samaritan Saurashtra Sharada \
    Shavian Siddham Sinhala Sogdian Soyombo Sundanese Syriac Tagalog Tagbanwa Takri Tamil Tangsa \
    Tangut Telugu Thaana Thai Tibetan Tifinagh Tirhuta Toto Ugaritic Vai Vithkuqi Wancho Yezidi \
    Yi";

/// Every name in the tables above.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    let short = CATEGORIES.iter().map(|(short, _)| *short);
    let long = CATEGORIES.iter().flat_map(|(_, long)| long.split_whitespace());
    let special = ["Any", "ASCII", "Assigned", "Cs", "Surrogate"];
    short.chain(long).chain(SCRIPTS.split_whitespace()).chain(special)
}

//! The line of an ignore file that leaves out one path and nothing else.

use std::path::Path;

use crate::sys::OsStrExt;

/// Characters that make Docker read a pattern as a regular expression, or mean something in one.
const SPECIAL: [char; 9] = ['*', '?', '[', ']', '\\', '{', '}', '|', '^'];

/// Those of them that stand for themselves as long as nothing else makes it a regular expression.
const HARMLESS_ALONE: [char; 4] = ['{', '}', '|', '^'];

/// The line for the entry at `path`; none if an ignore file has no way to say it, or a terminal no way to show it.
pub(super) fn ignore_line(path: &Path, is_directory: bool) -> Option<String> {
    let path = speakable(path)?;
    let mut line = match path.chars().next() {
        Some('#') => "/".to_owned(),
        _ => String::new(),
    };
    if needs_escapes(path) {
        line.extend(escaped(path));
    } else {
        line.push_str(path);
    }
    if is_directory {
        line.push('/');
    }
    Some(line)
}

/// The line for everything that is called `name`, wherever it is.
pub(super) fn ignore_line_anywhere(name: &Path) -> Option<String> {
    Some("**/".chars().chain(escaped(speakable(name)?)).collect())
}

/// The path as text that a line can hold.
fn speakable(path: &Path) -> Option<&str> {
    // A pattern that is more than plain text is compared character by character, where all broken bytes are alike.
    let path = str::from_utf8(path.as_os_str().as_bytes()).ok()?;
    let is_fine = !path.is_empty() && path.trim() == path && !path.chars().any(is_unspeakable);
    is_fine.then_some(path)
}

/// Control characters end a line or do not survive being printed, marks of direction are not seen, and a byte order
/// mark is dropped by Docker's reader.
fn is_unspeakable(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
}

fn needs_escapes(path: &str) -> bool {
    path.starts_with('!')
        || path.contains(|character| SPECIAL.contains(&character) && !HARMLESS_ALONE.contains(&character))
}

fn escaped(path: &str) -> impl Iterator<Item = char> {
    path.char_indices().flat_map(|(at, character)| {
        let escape = SPECIAL.contains(&character) || at == 0 && character == '!';
        escape.then_some('\\').into_iter().chain([character])
    })
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::context::dockerignore::Matcher;

    fn line(path: &str) -> Option<String> {
        ignore_line(Path::new(path), false)
    }

    #[test]
    fn a_line_is_the_path_and_escaped_only_where_it_has_to_be() {
        assert_eq!(ignore_line(Path::new("a/target"), true).as_deref(), Some("a/target/"));
        for (path, wanted) in [
            (".env", Some(".env")),
            ("a b/c$d+(e)", Some("a b/c$d+(e)")),
            ("#x", Some("/#x")),
            ("!x", Some(r"\!x")),
            ("a!x", Some("a!x")),
            ("a{2}|^b", Some("a{2}|^b")),
            ("[id]/{x}", Some(r"\[id\]/\{x\}")),
            (r"a\b", Some(r"a\\b")),
            (" x", None),
            ("x ", None),
            ("a\nb", None),
            ("a\u{202e}b", None),
        ] {
            assert_eq!(line(path).as_deref(), wanted, "{path:?}");
        }
    }

    const PIECES: &[&str] = &[
        "a", "b", "é", "*", "**", "?", "[", "]", "\\", "{2}", "|", "^", "$", "(", ")", "+", ".", "-", "#", "!", " ",
        "\t", "\u{feff}", "&&", "~", "d",
    ];

    fn name() -> impl Strategy<Value = String> {
        vec(select(PIECES), 1..5)
            .prop_map(|pieces| pieces.concat())
            .prop_filter("no real name", |name| name != "." && name != "..")
    }

    fn path() -> impl Strategy<Value = String> {
        vec(name(), 1..4).prop_map(|names| names.join("/"))
    }

    proptest! {
        #[test]
        fn the_line_for_a_name_excludes_what_is_called_that_and_nothing_else(
            name in name(), above in path(), other in path(), before in select(&["", "*\n!**\n", "x\n!a\n!*/*\n"][..]),
        ) {
            let Some(line) = ignore_line_anywhere(Path::new(&name)) else { return Ok(()) };
            let plain = Matcher::from_file(before.as_bytes()).unwrap();
            let matcher = Matcher::from_file(format!("{before}{line}\n").as_bytes()).unwrap();
            let excluded = |path: &str| matcher.verdict(path.as_bytes()).unwrap().excluded;
            prop_assert!(excluded(&name), "{line}");
            prop_assert!(excluded(&format!("{above}/{name}")), "{line}");
            if !other.split('/').any(|part| part == name) {
                prop_assert_eq!(excluded(&other), plain.verdict(other.as_bytes()).unwrap().excluded, "{}", line);
            }
        }

        #[test]
        fn the_line_excludes_its_path_what_is_below_it_and_nothing_else(
            path in path(), other in path(), is_directory: bool, before in select(&["", "*\n!**\n", "x\n!a\n!*/*\n"][..]),
        ) {
            let Some(line) = ignore_line(Path::new(&path), is_directory) else { return Ok(()) };
            let plain = Matcher::from_file(before.as_bytes()).unwrap();
            let matcher = Matcher::from_file(format!("{before}{line}\n").as_bytes()).unwrap();
            let excluded = |path: &str| matcher.verdict(path.as_bytes()).unwrap().excluded;
            prop_assert!(excluded(&path), "{line}");
            prop_assert!(excluded(&format!("{path}/below")), "{line}");
            if !Path::new(&other).starts_with(&path) {
                prop_assert_eq!(excluded(&other), plain.verdict(other.as_bytes()).unwrap().excluded, "{}", line);
            }
        }
    }
}

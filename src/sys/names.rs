//! What can be told without Windows of how it names things. Pure.

/// Characters that no name has there; `/` and `\` separate names.
const REFUSED: [char; 8] = ['<', '>', ':', '"', '|', '?', '*', '\\'];
/// Names that are devices, whatever follows them after a dot.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];
/// Devices with a digit behind their name.
const NUMBERED: [&str; 2] = ["com", "lpt"];

/// Whether a path of names with `/` between them is found by that text and no other: `a.` is `a`, and `a:b` a part of `a`.
pub(super) fn is_plain(path: &str) -> bool {
    path.split('/').all(|name| matches!(name, "" | "." | "..") || is_name(name))
}

fn is_name(name: &str) -> bool {
    let is_refused = |character: char| character < ' ' || REFUSED.contains(&character);
    !name.contains(is_refused) && !name.ends_with(['.', ' ']) && !is_device(name)
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_lowercase();
    let is_number = |rest: &str| matches!(rest.chars().collect::<Vec<_>>()[..], ['1'..='9' | '¹' | '²' | '³']);
    DEVICES.contains(&stem.as_str()) || NUMBERED.iter().any(|name| stem.strip_prefix(name).is_some_and(is_number))
}

/// The path with `/` between its names. One that says `\\?\` is taken by its letters, and means nothing else.
pub(super) fn slashed(path: &str) -> String {
    if path.starts_with(VERBATIM) { path.to_owned() } else { path.replace('\\', "/") }
}

const VERBATIM: &str = r"\\?\";

/// The path as people and programs write it.
pub(super) fn without_prefix(path: &str) -> String {
    match path.strip_prefix(VERBATIM) {
        Some(rest) => match rest.strip_prefix(r"UNC\") {
            Some(share) => format!(r"\\{share}"),
            None => rest.to_owned(),
        },
        None => path.to_owned(),
    }
}

/// What Docker's client sends where there are no permission bits (fsutil `stat.go`, Go's `os/types_windows.go`).
pub(super) fn mode(is_read_only: bool) -> u32 {
    if is_read_only { 0o555 } else { 0o755 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_windows_would_take_for_another_is_not_plain() {
        for path in ["a", "a/b.c/größe", ".", "../x", "", ".env", "console", "com", "com0", "com10", "nulls/x", "a b"]
        {
            assert!(is_plain(path), "{path}");
        }
        for path in [
            "a:b", "C:/x", r"a\b", "a?", "a*", "a\"", "<a", "a|b", "a\n", "a.", "x /y", "con", "a/NUL", "Aux.txt",
            "com1", "LPT9.log", "com²", "con .x", "...",
        ] {
            assert!(!is_plain(path), "{path}");
        }
    }

    #[test]
    fn slashes_come_in_the_place_of_backslashes_but_not_where_they_are_letters() {
        assert_eq!(slashed(r"a\b/c"), "a/b/c");
        assert_eq!(slashed(r"\\?\C:\a"), r"\\?\C:\a");
    }

    #[test]
    fn the_prefix_of_what_is_taken_by_its_letters_is_not_shown() {
        for (path, wanted) in [(r"\\?\C:\a", r"C:\a"), (r"\\?\UNC\host\share\a", r"\\host\share\a"), (r"C:\a", r"C:\a")]
        {
            assert_eq!(without_prefix(path), wanted);
        }
    }

    #[test]
    fn all_that_can_be_written_is_0755() {
        assert_eq!([mode(false), mode(true)], [0o755, 0o555]);
    }
}

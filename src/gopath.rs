//! Go's `path/filepath` on Unix, for what moby and Kaniko decide with it: on bytes, lexically, without a look at any
//! disk. Pure.

/// The shortest path that means the same as `path` (`filepath.Clean`): no empty and no `.` components, `..` resolved where
/// there is something to resolve it against, never empty.
pub fn clean(path: &[u8]) -> Vec<u8> {
    if is_clean(path) {
        return path.to_vec();
    }
    let rooted = is_absolute(path);
    let mut components: Vec<&[u8]> = Vec::new();
    for component in path.split(|&byte| byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." if components.last().is_some_and(|&last| last != b"..") => {
                components.pop();
            }
            b".." if rooted => {}
            other => components.push(other),
        }
    }
    let joined = components.join(&b'/');
    match (rooted, joined.is_empty()) {
        (true, _) => [b"/", joined.as_slice()].concat(),
        (false, true) => b".".to_vec(),
        (false, false) => joined,
    }
}

/// Whether a path is the shortest already: most are, and it is cheap to see.
fn is_clean(path: &[u8]) -> bool {
    let components = path.strip_prefix(b"/").unwrap_or(path);
    path == b"/" || components.split(|&byte| byte == b'/').all(|part| !matches!(part, b"" | b"." | b".."))
}

/// Whether a path starts at the root (`filepath.IsAbs`).
pub fn is_absolute(path: &[u8]) -> bool {
    path.starts_with(b"/")
}

/// The parts that are not empty as one clean path (`filepath.Join`); empty if all are.
pub fn join(parts: &[&[u8]]) -> Vec<u8> {
    let parts: Vec<&[u8]> = parts.iter().copied().skip_while(|part| part.is_empty()).collect();
    if parts.is_empty() { vec![] } else { clean(&parts.join(&b'/')) }
}

/// The same path from the root, seen from `directory` (`filepath.Abs`).
pub fn absolute(path: &[u8], directory: &[u8]) -> Vec<u8> {
    if is_absolute(path) { clean(path) } else { join(&[directory, path]) }
}

/// A clean path without its last component (`filepath.Dir`).
pub fn parent(path: &[u8]) -> Vec<u8> {
    let end = path.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
    clean(&path[..end])
}

/// The components of a path, without empty ones and `.`, the first one last.
pub fn components(path: &[u8]) -> Vec<Vec<u8>> {
    let components = path.split(|&byte| byte == b'/').filter(|part| !part.is_empty() && *part != b".");
    components.rev().map(<[u8]>::to_vec).collect()
}

/// The directories above an absolute, clean path, the outermost first; without `/`.
pub fn above(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let slashes = path.iter().enumerate().skip(1).filter(|(_, byte)| **byte == b'/');
    slashes.map(|(at, _)| &path[..at])
}

/// A clean path with a slash at its end: so begins everything below it.
pub fn with_slash(directory: &[u8]) -> Vec<u8> {
    [directory.strip_suffix(b"/").unwrap_or(directory), b"/"].concat()
}

/// What stands behind the last slash (`filepath.Split`).
pub fn file_name(path: &[u8]) -> &[u8] {
    let start = path.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
    &path[start..]
}

/// What of `path` is below `directory`, both clean; `.` for the directory itself, none if it is not below.
pub fn below<'a>(path: &'a [u8], directory: &[u8]) -> Option<&'a [u8]> {
    let rest = path.strip_prefix(directory)?;
    match rest {
        [] => Some(b"."),
        [b'/', rest @ ..] => Some(rest),
        _ if directory == b"/" => Some(rest),
        _ => None,
    }
}

/// A pattern that `filepath.Match` does not understand; its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("syntax error in pattern")]
pub struct BadPattern;

/// Whether all of `name` matches `pattern` (`filepath.Match`): `*` and `?` do not match a slash, `[…]` is a class, `\`
/// takes the next character for what it is. A mistake in a pattern is found only where matching comes to it.
///
/// # Errors
/// The pattern is none, as far as it was looked at.
pub fn matches(pattern: &[u8], name: &[u8]) -> Result<bool, BadPattern> {
    let (mut pattern, mut name) = (pattern, name);
    while !pattern.is_empty() {
        let (star, chunk, rest) = scan_chunk(pattern);
        pattern = rest;
        if star && chunk.is_empty() {
            // A star at the end matches the rest, unless there is a slash in it.
            return Ok(!name.contains(&b'/'));
        }
        match match_chunk(chunk, name)? {
            // What is left of the name must not be left at the end.
            Some(left) if left.is_empty() || !pattern.is_empty() => {
                name = left;
                continue;
            }
            _ => {}
        }
        let mut found = None;
        if star {
            let mut skipped = 0;
            while skipped < name.len() && name[skipped] != b'/' {
                if let Some(left) = match_chunk(chunk, &name[skipped + 1..])?
                    && (!pattern.is_empty() || left.is_empty())
                {
                    found = Some(left);
                    break;
                }
                skipped += 1;
            }
        }
        match found {
            Some(left) => name = left,
            None => {
                // Before it says no, it checks that the rest of the pattern is one.
                while !pattern.is_empty() {
                    let (_, chunk, rest) = scan_chunk(pattern);
                    pattern = rest;
                    match_chunk(chunk, b"")?;
                }
                return Ok(false);
            }
        }
    }
    Ok(name.is_empty())
}

/// Whether stars lead, the text up to the next star, and the rest.
fn scan_chunk(pattern: &[u8]) -> (bool, &[u8], &[u8]) {
    let stars = pattern.iter().take_while(|&&byte| byte == b'*').count();
    let text = &pattern[stars..];
    let mut in_class = false;
    let mut at = 0;
    while at < text.len() {
        match text[at] {
            b'\\' => at += 1,
            b'[' => in_class = true,
            b']' => in_class = false,
            b'*' if !in_class => break,
            _ => {}
        }
        at += 1;
    }
    let at = at.min(text.len());
    (stars > 0, &text[..at], &text[at..])
}

/// What of `name` is left behind a match of `chunk`, which has no star; none if it does not match. All of the chunk is
/// looked at either way.
fn match_chunk<'a>(mut chunk: &[u8], mut name: &'a [u8]) -> Result<Option<&'a [u8]>, BadPattern> {
    let mut failed = false;
    while let [first, rest @ ..] = chunk {
        failed = failed || name.is_empty();
        match first {
            b'[' => {
                let mut letter = None;
                if !failed {
                    let (found, length) = character(name);
                    letter = Some(found);
                    name = &name[length..];
                }
                let (is_in, after) = class(rest, letter)?;
                failed = failed || !is_in;
                chunk = after;
            }
            b'?' => {
                if !failed {
                    failed = name[0] == b'/';
                    name = &name[character(name).1..];
                }
                chunk = rest;
            }
            other => {
                let (literal, after) = match (other, rest) {
                    (b'\\', [literal, after @ ..]) => (literal, after),
                    (b'\\', []) => return Err(BadPattern),
                    _ => (other, rest),
                };
                if !failed {
                    failed = *literal != name[0];
                    name = &name[1..];
                }
                chunk = after;
            }
        }
    }
    Ok((!failed).then_some(name))
}

/// Whether `letter` is in the class whose text, behind `[`, is `text`; and what follows the class.
fn class(text: &[u8], letter: Option<char>) -> Result<(bool, &[u8]), BadPattern> {
    let negated = text.first() == Some(&b'^');
    let mut text = if negated { &text[1..] } else { text };
    let mut is_in = false;
    let mut ranges = 0;
    loop {
        if text.first() == Some(&b']') && ranges > 0 {
            return Ok((is_in != negated, &text[1..]));
        }
        let (low, rest) = bound(text)?;
        text = rest;
        let mut high = low;
        if text.first() == Some(&b'-') {
            (high, text) = bound(&text[1..])?;
        }
        is_in = is_in || letter.is_some_and(|letter| (low..=high).contains(&letter));
        ranges += 1;
    }
}

/// One end of a range.
fn bound(text: &[u8]) -> Result<(char, &[u8]), BadPattern> {
    let text = match text {
        [] | [b'-' | b']', ..] => return Err(BadPattern),
        [b'\\', rest @ ..] => rest,
        _ => text,
    };
    if text.is_empty() {
        return Err(BadPattern);
    }
    let (letter, length) = character(text);
    let rest = &text[length..];
    // A byte that is no text, and a class that does not end.
    if letter == char::REPLACEMENT_CHARACTER && length == 1 || rest.is_empty() {
        return Err(BadPattern);
    }
    Ok((letter, rest))
}

/// The first character of `text`, which is not empty, and how many bytes it has; a byte that is no text counts for one.
fn character(text: &[u8]) -> (char, usize) {
    let valid = (1..=text.len().min(4)).find_map(|length| str::from_utf8(&text[..length]).ok()?.chars().next());
    valid.map_or((char::REPLACEMENT_CHARACTER, 1), |letter| (letter, letter.len_utf8()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined_and_cleaned_as_in_go() {
        for (parts, joined) in [
            (&["/a", "b/../c", ""][..], "/a/c"),
            (&["", "", "b/"], "b"),
            (&["", "/b"], "/b"),
            (&["a", "/b"], "a/b"),
            (&["/", "../x"], "/x"),
            (&["a", "../../x"], "../x"),
            (&["", ""], ""),
            (&[".", ""], "."),
        ] {
            let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
            assert_eq!(join(&parts), joined.as_bytes(), "{parts:?}");
        }
        assert_eq!(absolute(b"../x/", b"/a/b"), b"/a/x");
        assert_eq!((parent(b"/a/b"), parent(b"/a"), parent(b"a")), (b"/a".to_vec(), b"/".to_vec(), b".".to_vec()));
        assert_eq!((file_name(b"/a/b"), file_name(b"/a/"), file_name(b"a")), (&b"b"[..], &b""[..], &b"a"[..]));
    }

    #[test]
    fn what_is_below_a_directory_is_told_by_whole_components() {
        for (path, directory, rest) in [
            ("/a/b", "/a", Some("b")),
            ("/a", "/a", Some(".")),
            ("/ab", "/a", None),
            ("/a/b", "/", Some("a/b")),
            ("/", "/", Some(".")),
            ("/b", "/a", None),
        ] {
            assert_eq!(below(path.as_bytes(), directory.as_bytes()), rest.map(str::as_bytes), "{path} {directory}");
        }
    }

    /// Go's own table, `path/filepath/match_test.go`, in other words.
    #[test]
    fn patterns_match_as_in_go() {
        for (pattern, name, expected) in [
            ("abc", "abc", Ok(true)),
            ("*", "abc", Ok(true)),
            ("*c", "abc", Ok(true)),
            ("a*", "ab/c", Ok(false)),
            ("a*/b", "abc/b", Ok(true)),
            ("a*/b", "a/c/b", Ok(false)),
            ("a*b*c*d*e*/f", "axbxcxdxe/f", Ok(true)),
            ("a*b?c*x", "abxbbxdbxebxczzx", Ok(true)),
            ("a*b?c*x", "abxbbxdbxebxczzy", Ok(false)),
            ("ab[c]", "abc", Ok(true)),
            ("ab[b-d]", "abc", Ok(true)),
            ("ab[^e-g]", "abc", Ok(true)),
            ("ab[^c]", "abc", Ok(false)),
            ("a\\*b", "a*b", Ok(true)),
            ("a\\*b", "ab", Ok(false)),
            ("a?b", "a☺b", Ok(true)),
            ("a[^a]b", "a☺b", Ok(true)),
            ("a???b", "a☺b", Ok(false)),
            ("[a-ζ]*", "α", Ok(true)),
            ("*[a-ζ]", "A", Ok(false)),
            ("a?b", "a/b", Ok(false)),
            ("a*b", "a/b", Ok(false)),
            ("[\\]a]", "]", Ok(true)),
            ("[x\\-]", "-", Ok(true)),
            ("[]a]", "]", Err(BadPattern)),
            ("[-]", "-", Err(BadPattern)),
            ("[x-]", "x", Err(BadPattern)),
            ("[-x]", "x", Err(BadPattern)),
            ("[a-b-c]", "a", Err(BadPattern)),
            ("[", "a", Err(BadPattern)),
            ("[^", "a", Err(BadPattern)),
            ("[^bc", "a", Err(BadPattern)),
            ("a[", "a", Err(BadPattern)),
            ("a[", "ab", Err(BadPattern)),
            ("a[", "x", Err(BadPattern)),
            ("a/b[", "x", Err(BadPattern)),
            ("*x", "xxx", Ok(true)),
            ("**", "a", Ok(true)),
            ("a\\", "a", Err(BadPattern)),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }
}

//! The syntax check: is a pattern one that Go's `filepath.Match` accepts?
//!
//! moby/patternmatcher matches the pattern against the path `.` and looks at nothing but the
//! error. `filepath.Match` stops at the first piece that does not match, so `a\` is refused and
//! `a*\` is not. To refuse the same patterns, the check has to match in the same manner.

use super::text::split_first_char;

/// The path that moby/patternmatcher `New` tries patterns on.
const PROBE: &[u8] = b".";

/// The error of `filepath.Match`, which has only this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Malformed;

/// Whether moby/patternmatcher `New` lets `pattern` through (given without its `!`).
pub(super) fn is_well_formed(pattern: &[u8]) -> bool {
    probe(pattern).is_ok()
}

fn probe(mut pattern: &[u8]) -> Result<(), Malformed> {
    let mut name = PROBE;
    while !pattern.is_empty() {
        let (starred, chunk, rest) = split_chunk(pattern);
        pattern = rest;
        if starred && chunk.is_empty() {
            return Ok(());
        }
        match match_starred(starred, chunk, name, pattern.is_empty())? {
            Some(left) => name = left,
            // What follows is never looked at, well formed or not.
            None => return Ok(()),
        }
    }
    Ok(())
}

/// Splits off leading stars and the text up to the next star outside brackets: whether there were
/// stars, that text, the rest.
fn split_chunk(pattern: &[u8]) -> (bool, &[u8], &[u8]) {
    let stars = pattern.iter().take_while(|&&byte| byte == b'*').count();
    let pattern = pattern.get(stars..).unwrap_or_default();
    let (chunk, rest) = pattern.split_at_checked(chunk_length(pattern)).unwrap_or((pattern, b""));
    (stars > 0, chunk, rest)
}

fn chunk_length(pattern: &[u8]) -> usize {
    let mut in_brackets = false;
    let mut bytes = pattern.iter().enumerate();
    while let Some((index, byte)) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next();
            }
            b'[' => in_brackets = true,
            b']' => in_brackets = false,
            b'*' if !in_brackets => return index,
            _ => {}
        }
    }
    pattern.len()
}

/// Matches a chunk at the start of `name`, or after as many bytes as a star may swallow. Gives
/// what is left of `name`; the last chunk has to use it up.
fn match_starred<'n>(starred: bool, chunk: &[u8], name: &'n [u8], last: bool) -> Result<Option<&'n [u8]>, Malformed> {
    let longest_skip = if starred { name.len() } else { 0 };
    for skip in 0..=longest_skip {
        let rest = name.get(skip..).unwrap_or_default();
        if let Some(left) = match_chunk(chunk, rest)?
            && (left.is_empty() || !last)
        {
            return Ok(Some(left));
        }
    }
    Ok(None)
}

/// Matches a chunk, which holds no star, at the start of `name`. A mismatch does not end the
/// reading of the chunk: an error further on still counts.
fn match_chunk<'n>(mut chunk: &[u8], name: &'n [u8]) -> Result<Option<&'n [u8]>, Malformed> {
    let mut name = Some(name);
    while let Some((&first, rest)) = chunk.split_first() {
        let next = name.and_then(split_first_char);
        match first {
            b'[' => {
                let (found, after) = match_brackets(rest, next.map(|(char, _)| char))?;
                name = next.filter(|_| found).map(|(_, left)| left);
                chunk = after;
            }
            b'?' => {
                name = next.filter(|&(char, _)| char != '/').map(|(_, left)| left);
                chunk = rest;
            }
            _ => {
                let (literal, after) = match first {
                    b'\\' => rest.split_first().ok_or(Malformed)?,
                    _ => (&first, rest),
                };
                name = name.and_then(|name| name.strip_prefix(std::slice::from_ref(literal)));
                chunk = after;
            }
        }
    }
    Ok(name)
}

/// Reads a bracket expression behind its `[`: whether `wanted` is in it, and what follows its `]`.
fn match_brackets(mut chunk: &[u8], wanted: Option<char>) -> Result<(bool, &[u8]), Malformed> {
    let negated = chunk.starts_with(b"^");
    if negated {
        chunk = chunk.get(1..).unwrap_or_default();
    }
    let mut found = false;
    loop {
        let (low, rest) = bracket_char(chunk)?;
        let (high, rest) = match rest.strip_prefix(b"-") {
            Some(rest) => bracket_char(rest)?,
            None => (low, rest),
        };
        found |= wanted.is_some_and(|char| (low..=high).contains(&char));
        if let Some(rest) = rest.strip_prefix(b"]") {
            return Ok((found != negated, rest));
        }
        chunk = rest;
    }
}

/// One character inside brackets, maybe escaped. It cannot be the last thing in the chunk, which
/// has to end with the `]`.
fn bracket_char(chunk: &[u8]) -> Result<(char, &[u8]), Malformed> {
    let chunk = match chunk.first().ok_or(Malformed)? {
        b'-' | b']' => return Err(Malformed),
        b'\\' => chunk.get(1..).unwrap_or_default(),
        _ => chunk,
    };
    let (char, rest) = split_first_char(chunk).ok_or(Malformed)?;
    if rest.is_empty() {
        return Err(Malformed);
    }
    Ok((char, rest))
}

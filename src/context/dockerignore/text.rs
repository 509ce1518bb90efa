//! Go's view of a byte string: code points where the bytes are UTF-8, one U+FFFD for every byte
//! that is not.
//!
//! Rust's own lossy conversion joins several stray bytes into one replacement character, so a `?`
//! would match more than it does in Go. That is why this module exists.

use std::borrow::Cow;

/// The UTF-8 byte order mark.
pub(super) const BYTE_ORDER_MARK: &[u8] = "\u{FEFF}".as_bytes();

/// Longest UTF-8 sequence of one code point.
const LONGEST_CHAR: usize = 4;

/// `bytes` as Go's `range` over a string sees them; borrows when they are valid UTF-8.
pub(super) fn go_text(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len() + 2 * char::REPLACEMENT_CHARACTER.len_utf8());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    Cow::Owned(text)
}

/// The code point at the start of `bytes` and what follows it; none if there is no valid one.
pub(super) fn split_first_char(bytes: &[u8]) -> Option<(char, &[u8])> {
    (1..=LONGEST_CHAR.min(bytes.len())).find_map(|length| {
        let (head, rest) = bytes.split_at_checked(length)?;
        Some((single_char(head)?, rest))
    })
}

/// What precedes the last code point of `bytes`, and that code point.
fn split_last_char(bytes: &[u8]) -> Option<(&[u8], char)> {
    (1..=LONGEST_CHAR.min(bytes.len())).find_map(|length| {
        let (rest, tail) = bytes.split_at_checked(bytes.len() - length)?;
        Some((rest, single_char(tail)?))
    })
}

fn single_char(bytes: &[u8]) -> Option<char> {
    let mut chars = str::from_utf8(bytes).ok()?.chars();
    let only = chars.next()?;
    chars.next().is_none().then_some(only)
}

/// `bytes` without Unicode white space at either end (Go's `strings.TrimSpace`). A lone byte 0xA0
/// or 0x85 is no white space, only its UTF-8 form is.
pub(super) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let Some((first, rest)) = split_first_char(bytes)
        && first.is_whitespace()
    {
        bytes = rest;
    }
    while let Some((rest, last)) = split_last_char(bytes)
        && last.is_whitespace()
    {
        bytes = rest;
    }
    bytes
}

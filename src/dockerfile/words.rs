//! How the builder cuts what follows a keyword: flags first, then words that quotes hold together.

use std::ops::Range;

use super::lines::Piece;
use super::syntax::Word;

/// The words of a piece. Quotes hold them together and stay in them, as escapes do.
pub(super) fn words<'l>(piece: Piece<'l>, escape: char) -> Vec<Piece<'l>> {
    let mut words = Vec::new();
    let mut rest = piece;
    loop {
        let text = rest.text();
        let start = text.len() - text.trim_start().len();
        if start == text.len() {
            return words;
        }
        rest = rest.part(start..text.len());
        let (word, after) = first_word(rest.text(), escape);
        if word > 0 {
            words.push(rest.part(0..word));
        }
        rest = rest.part(after..rest.text().len());
    }
}

/// Where the word ends that `text` begins with, and where to go on: an escape with nothing behind it is dropped.
fn first_word(text: &str, escape: char) -> (usize, usize) {
    let mut quote = None;
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match quote {
            None if character.is_whitespace() => return (at, at),
            None if matches!(character, '\'' | '"') => quote = Some(character),
            Some(open) if character == open => quote = None,
            Some('\'') => {}
            _ if character == escape && characters.next().is_none() => return (at, text.len()),
            _ => {}
        }
    }
    (text.len(), text.len())
}

/// The flags at the start of a piece, and what follows them. Quotes and escapes are taken out of flags.
///
/// The builder reads this part byte by byte and takes each byte for a character: what is no ASCII is garbled, and may
/// end a flag.
pub(super) fn flags(piece: Piece<'_>, escape: char) -> (Vec<Word>, Piece<'_>) {
    let bytes = piece.text().as_bytes();
    let mut flags = Vec::new();
    let mut at = 0;
    loop {
        at += bytes[at..].iter().take_while(|byte| is_space(**byte)).count();
        if !bytes[at..].starts_with(b"--") {
            return (flags, piece.from(at));
        }
        let (flag, length) = first_flag(&bytes[at..], escape);
        let range = at..at + length;
        at = range.end;
        if flag == "--" {
            return (flags, piece.from(at));
        }
        flags.push(Word { text: flag, span: span(piece, range) });
    }
}

fn span(piece: Piece<'_>, range: Range<usize>) -> Range<usize> {
    piece.from(range.start).until(range.len()).span()
}

/// A flag's text, and its length in bytes.
fn first_flag(bytes: &[u8], escape: char) -> (String, usize) {
    let mut flag = String::new();
    let mut quote = None;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match quote {
            None if is_space(byte) => return (flag, at - 1),
            None if matches!(byte, b'\'' | b'"') => quote = Some(byte),
            Some(open) if byte == open => quote = None,
            _ if char::from(byte) == escape => {
                flag.extend(bytes.get(at).map(|byte| char::from(*byte)));
                at += 1;
            }
            _ => flag.push(char::from(byte)),
        }
    }
    (flag, bytes.len())
}

/// What Go calls a space, of a byte that is taken for a character.
pub(super) fn is_space(byte: u8) -> bool {
    char::from(byte).is_whitespace()
}

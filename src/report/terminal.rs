//! Makes text from elsewhere safe to print: file names, a pod's log and a server's words may carry control characters
//! that move the cursor, retitle the window or hide what follows.

/// The text without control characters. Colours (`ESC [ … m`) survive, as they harm nothing and the printer drops them
/// where they are not wanted. Bytes that are no UTF-8 become U+FFFD. Tabs stay; a carriage return that is not at the end
/// starts a new line, so that a progress bar in a log does not overwrite what stood there.
pub fn sanitise(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_end_matches(['\r', '\n']);
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        match character {
            '\x1b' => escape(&mut rest, &mut out),
            '\r' => out.push('\n'),
            '\t' | '\n' => out.push(character),
            _ if character.is_control() || is_bidirectional(character) => {}
            _ => out.push(character),
        }
    }
    // A colour that is not ended would run on into what others print.
    let last = out.rfind("\x1b[").map(|at| &out[at..]);
    if last.is_some_and(|last| !last.starts_with("\x1b[0m") && !last.starts_with("\x1b[m")) {
        out.push_str("\x1b[0m");
    }
    out
}

/// Passes a colour on and swallows every other escape sequence (ECMA-48: `ESC [`, parameters, one final byte).
fn escape(rest: &mut std::str::Chars<'_>, out: &mut String) {
    let mut ahead = rest.clone();
    if ahead.next() != Some('[') {
        return;
    }
    let mut parameters = String::new();
    for character in ahead.by_ref() {
        match character {
            '0'..='9' | ';' | ':' => parameters.push(character),
            // 8 conceals what follows.
            'm' if parameters.split([';', ':']).any(|parameter| parameter == "8") => break,
            'm' => {
                out.push_str("\x1b[");
                out.push_str(&parameters);
                out.push('m');
                break;
            }
            // Another sequence, or none at all: its end is dropped with it.
            _ => break,
        }
    }
    *rest = ahead;
}

/// Marks that reorder what follows on the screen.
fn is_bidirectional(character: char) -> bool {
    matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_and_cursor_movements_are_dropped_and_colours_kept() {
        for (given, shown) in [
            (&b"plain\n"[..], "plain"),
            (b"\x1b[36mINFO\x1b[0m[0001] x", "\x1b[36mINFO\x1b[0m[0001] x"),
            (b"a\x1b[2Kb\x1b[10;4Hc", "abc"),
            (b"\x1b]0;title\x07x", "]0;titlex"),
            (b"10%\r20%\r\n", "10%\n20%"),
            (b"bell\x07 \x00\x9f end\x1b", "bell \u{fffd} end"),
            (b"\xff\xfe", "\u{fffd}\u{fffd}"),
            ("a\u{202e}b".as_bytes(), "ab"),
            (b"\x1b[", ""),
            (b"a\x1b[8mb\x1b[1;8mc", "abc"),
            (b"\x1b[31mred", "\x1b[31mred\x1b[0m"),
        ] {
            assert_eq!(sanitise(given), shown);
        }
    }
}

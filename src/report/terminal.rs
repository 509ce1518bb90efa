//! Makes text from elsewhere safe to print: file names, a pod's log and a server's words may carry control characters
//! that move the cursor, retitle the window, write to the clipboard or hide what follows.
//!
//! What a terminal takes for more than text is in ECMA-48 (5th edition, 5.3 to 5.6) and in xterm's `ctlseqs`: C0 and C1
//! controls, escape sequences, control sequences, control strings. Nothing of it gets through but line ends, tabs and
//! colours. The tests ask a terminal's own parser.

use anstream::adapter::strip_str;

const BEL: char = '\x07';
const CAN: char = '\x18';
const SUB: char = '\x1a';
const ESC: char = '\x1b';
/// Control sequence introducer; `ESC [` is the same.
const CSI: char = '\u{9b}';
/// String terminator; `ESC \` is the same.
const ST: char = '\u{9c}';

/// Longer than any colour that a program sets.
const LONGEST_STYLE: usize = 64;

/// The text without control characters. Colours (`ESC [ … m`) survive, as they harm nothing and the printer drops them
/// where they are not wanted. Bytes that are no UTF-8 become U+FFFD. Tabs stay; a carriage return that is not at the end
/// of a line starts a new one, so that a progress bar in a log does not overwrite what stood there.
pub fn sanitise(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::with_capacity(text.len());
    let mut rest = text.trim_end_matches(['\r', '\n']);
    let mut styled = false;
    while let Some((character, after)) = split_first(rest) {
        rest = after;
        let style = match character {
            ESC => escape(&mut rest),
            CSI => control_sequence(&mut rest),
            '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => control_string(&mut rest),
            '\r' if rest.starts_with('\n') => None,
            '\r' => {
                out.push('\n');
                None
            }
            _ if character.is_control() && !matches!(character, '\t' | '\n') || is_bidirectional(character) => None,
            _ => {
                out.push(character);
                None
            }
        };
        if let Some(parameters) = style {
            out.extend(["\x1b[", parameters, "m"]);
            styled = !matches!(parameters, "" | "0");
        }
    }
    // A colour that is not ended would run on into what others print.
    if styled {
        out.push_str("\x1b[0m");
    }
    out
}

/// A name in a line of text: no control characters, no colours, no second line.
pub(super) fn sanitised_name(bytes: &[u8]) -> String {
    strip_str(&sanitise(bytes)).to_string().replace('\n', "\\n")
}

/// Takes what `ESC` introduces; a colour's parameters if it is one.
fn escape<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let (first, after) = split_first(rest)?;
    match first {
        '[' => {
            *rest = after;
            return control_sequence(rest);
        }
        'P' | 'X' | ']' | '^' | '_' => {
            *rest = after;
            return control_string(rest);
        }
        // Another character set, for example.
        ' '..='/' => {
            *rest = rest.trim_start_matches(is_intermediate);
            *rest = rest.strip_prefix(|last| matches!(last, '0'..='~')).unwrap_or(rest);
        }
        '0'..='~' => *rest = after,
        _ => {}
    }
    None
}

/// Takes a control sequence; the parameters of a colour if it is one.
fn control_sequence<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let (parameters, after) = rest.split_at(rest.find(|next| !matches!(next, '0'..='?')).unwrap_or(rest.len()));
    *rest = after.trim_start_matches(is_intermediate);
    let is_style = after.starts_with('m') && is_style(parameters);
    *rest = rest.strip_prefix(|last| matches!(last, '@'..='~')).unwrap_or(rest);
    is_style.then_some(parameters)
}

/// Takes a control string to its end: `BEL`, `ST`, or whatever makes a terminal give it up. One that does not end in its
/// line loses only its introducer, so that it cannot hide what follows.
fn control_string<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let end = rest.find(|next| matches!(next, BEL | CAN | SUB | ESC | '\n' | '\u{80}'..='\u{9f}'))?;
    let tail = &rest[end..];
    *rest = match split_first(tail)? {
        ('\n', _) => rest,
        (BEL | ST | CAN | SUB, after) => after,
        (ESC, after) => after.strip_prefix('\\').unwrap_or(tail),
        _ => tail,
    };
    None
}

fn is_intermediate(character: char) -> bool {
    matches!(character, ' '..='/')
}

/// Whether these parameters of `m` say no more than how text looks.
fn is_style(parameters: &str) -> bool {
    let mut words = parameters.split(';');
    while let Some(word) = words.next() {
        if !is_attribute(word, &mut words) {
            return false;
        }
    }
    parameters.len() <= LONGEST_STYLE
}

/// One attribute of text; a colour of many takes some of the words that follow. Nothing is concealed (8), and nothing is
/// from 10 to 20: Linux's console means its font by that.
fn is_attribute<'a>(word: &str, following: &mut impl Iterator<Item = &'a str>) -> bool {
    let mut numbers = word.split(':').map(number);
    let mut next = || following.next().and_then(number);
    match (numbers.next().flatten(), numbers.next()) {
        (Some(38 | 48 | 58), Some(Some(2 | 5))) => numbers.all(|number| number.is_some()),
        (Some(38 | 48 | 58), None) => match next() {
            Some(5) => next().is_some(),
            Some(2) => (0..3).all(|_| next().is_some()),
            _ => false,
        },
        (Some(4), Some(Some(0..=5))) => numbers.next().is_none(),
        (Some(0..=7 | 9 | 21..=25 | 27..=37 | 39..=47 | 49 | 53 | 55 | 59 | 90..=97 | 100..=107), None) => true,
        _ => false,
    }
}

/// A parameter: at most three digits, as parsers differ on larger ones; none is 0.
fn number(digits: &str) -> Option<u8> {
    match digits {
        "" => Some(0),
        _ if digits.len() > 3 || !digits.bytes().all(|digit| digit.is_ascii_digit()) => None,
        _ => digits.parse().ok(),
    }
}

fn split_first(text: &str) -> Option<(char, &str)> {
    let mut characters = text.chars();
    Some((characters.next()?, characters.as_str()))
}

/// Marks that reorder what follows on the screen.
fn is_bidirectional(character: char) -> bool {
    matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use vte::{Params, Parser, Perform};

    use super::*;

    #[test]
    fn control_characters_and_cursor_movements_are_dropped_and_colours_kept() {
        for (given, shown) in [
            (&b"plain\n"[..], "plain"),
            (b"\x1b[36mINFO\x1b[0m[0001] x", "\x1b[36mINFO\x1b[0m[0001] x"),
            (b"a\x1b[2Kb\x1b[10;4Hc\x1b[?1049hd\x1b[!pe\x1b[6 qf", "abcdef"),
            (b"10%\r20%\r\n", "10%\n20%"),
            (b"one\r\ntwo\rthree", "one\ntwo\nthree"),
            (b"bell\x07 \x00\x7f\x9f end\x1b", "bell \u{fffd} end"),
            (b"\xff\xfe", "\u{fffd}\u{fffd}"),
            ("a\u{202e}b\u{2067}c".as_bytes(), "abc"),
            (b"\x1b[", ""),
            (b"\x1b[31mred", "\x1b[31mred\x1b[0m"),
            (b"\x1b[31mred\x1b[m", "\x1b[31mred\x1b[m"),
        ] {
            assert_eq!(sanitise(given), shown, "{}", given.escape_ascii());
        }
    }

    #[test]
    fn control_strings_are_dropped_whole_and_what_does_not_end_hides_nothing() {
        for (given, shown) in [
            // The window's title, the clipboard, a link, sixel, tmux's way through.
            ("a\x1b]0;title\x07b", "ab"),
            ("a\x1b]52;c;cm0gLXJmIC8=\x1b\\b", "ab"),
            ("\x1b]8;;https://example.com\x1b\\link\x1b]8;;\x1b\\", "link"),
            ("a\x1bPq#0;2;0;0;0\x1b\\b", "ab"),
            ("a\x1bPtmux;\x1b\x1b]52;c;eA==\x07\x1b\\b", "ab"),
            ("a\x1bXb\x1b\\c\x1b^d\x1b\\e\x1b_f\x1b\\g", "aceg"),
            // The same with C1 controls.
            ("a\u{9d}0;title\u{9c}b\u{90}x\u{9c}c\u{98}x\u{9c}d\u{9e}x\x07e\u{9f}x\x1b\\f", "abcdef"),
            ("a\u{9b}2Jb\u{9b}31mc", "ab\x1b[31mc\x1b[0m"),
            // Given up.
            ("a\x1b]0;title\x18b\x1b]0;title\x1ac\x1b]0;title\x1b[1md", "abc\x1b[1md\x1b[0m"),
            ("a\u{9d}0;title\u{85}b\u{9d}c\u{9d}d\u{9c}e", "abe"),
            // Without an end.
            ("a\x1b]0;b\nc\x07d", "a0;b\ncd"),
            ("a\x1b]0;b", "a0;b"),
            ("a\u{9d}b\x1bPc", "ac"),
        ] {
            assert_eq!(sanitise(given.as_bytes()), shown, "{}", given.escape_debug());
        }
    }

    #[test]
    fn escape_sequences_that_switch_character_sets_or_reset_are_dropped() {
        for (given, shown) in [
            ("a\x1b(0b\x1b)Bc\x1b#8d\x1b%Ge\x1b Ff", "abcdef"),
            ("a\x1bcb\x1b7c\x1b8d\x1bMe\x1b=f\x1bNg", "abcdefg"),
            ("a\x1b(\nb", "a\nb"),
            ("a\x1b\u{e9}b", "a\u{e9}b"),
            ("a\x1b[3\u{e9}1mb", "a\u{e9}1mb"),
            ("a\u{85}b\u{84}c\u{9c}d", "abcd"),
        ] {
            assert_eq!(sanitise(given.as_bytes()), shown, "{}", given.escape_debug());
        }
    }

    #[test]
    fn a_style_is_kept_unless_it_conceals_or_is_none() {
        for kept in
            ["", "0", "1;4", "4:3", "38;5;8", "38:5:8", "48;2;8;8;8", "38:2::8:8:8", "58;5;1", "97", "107", "0;1;31;40"]
        {
            assert_eq!(sanitise(format!("\x1b[{kept}mx\x1b[0m").as_bytes()), format!("\x1b[{kept}mx\x1b[0m"));
        }
        for dropped in [
            "8",
            "08",
            "1;8",
            "008",
            "264",
            "4294967304",
            "38;8",
            "38;5",
            "38:8",
            "4:8",
            "4:3:8",
            "11",
            "8:1",
            "?25",
            ">4;1",
            "0;=1",
        ] {
            assert_eq!(sanitise(format!("\x1b[{dropped}mx").as_bytes()), "x", "{dropped}");
        }
        assert_eq!(sanitise(format!("\x1b[{}mx", "1;".repeat(40)).as_bytes()), "x");
    }

    /// What a terminal makes of a text.
    #[derive(Default)]
    struct Terminal {
        shown: String,
        commands: Vec<String>,
    }

    impl Perform for Terminal {
        fn print(&mut self, character: char) {
            self.shown.push(character);
        }

        fn execute(&mut self, byte: u8) {
            match byte {
                b'\n' | b'\t' => self.shown.push(byte.into()),
                _ => self.commands.push(format!("execute {byte}")),
            }
        }

        fn hook(&mut self, _: &Params, _: &[u8], _: bool, action: char) {
            self.commands.push(format!("DCS {action}"));
        }

        fn osc_dispatch(&mut self, parameters: &[&[u8]], _: bool) {
            self.commands.push(format!("OSC {parameters:?}"));
        }

        fn csi_dispatch(&mut self, parameters: &Params, intermediates: &[u8], _: bool, action: char) {
            let conceals = parameters.len() == 1 && parameters.iter().any(|parameter| parameter[0] == 8);
            if action != 'm' || !intermediates.is_empty() || conceals {
                self.commands.push(format!("CSI {parameters:?} {action}"));
            }
        }

        fn esc_dispatch(&mut self, _: &[u8], _: bool, byte: u8) {
            self.commands.push(format!("ESC {byte}"));
        }
    }

    fn asks_nothing_of_a_terminal(given: &[u8]) -> Result<(), TestCaseError> {
        let safe = sanitise(given);
        let (mut parser, mut terminal) = (Parser::new(), Terminal::default());
        parser.advance(&mut terminal, safe.as_bytes());
        parser.advance(&mut terminal, b"end");
        prop_assert_eq!(&terminal.commands, &Vec::<String>::new(), "{:?}", &safe);
        prop_assert!(terminal.shown.ends_with("end"), "it is left in the middle of nothing: {:?}", &safe);
        let controls = strip_str(&safe).to_string();
        prop_assert!(!controls.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')), "{:?}", &safe);
        prop_assert_eq!(sanitise(safe.as_bytes()), safe.trim_end_matches('\n'), "once is enough");
        Ok(())
    }

    /// Pieces of sequences in any order.
    fn pieces() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop::sample::select(vec![
            "\x1b", "[", "]", "P", "X", "^", "_", "\\", "(", "0", "8", "38;5;", "31", ";", ":", "?", "m", "H", "c",
            "\x07", "\x18", "\n", "\r", "\t", " ", "x", "é", "\u{90}", "\u{98}", "\u{9b}", "\u{9c}", "\u{9d}",
            "\u{85}", "\u{202e}",
        ]);
        prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat().into_bytes())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn any_pieces_of_sequences_ask_nothing_of_a_terminal(given in pieces()) {
            asks_nothing_of_a_terminal(&given)?;
        }

        #[test]
        fn any_bytes_ask_nothing_of_a_terminal(given in prop::collection::vec(any::<u8>(), 0..64)) {
            asks_nothing_of_a_terminal(&given)?;
        }

        #[test]
        fn text_without_controls_stays_as_it_is(given in "[a-zé \t]{0,40}") {
            prop_assert_eq!(sanitise(given.as_bytes()), given);
        }
    }
}

//! The JSON form of an instruction: an array of strings, each with its place. What is no JSON is the shell form.

use std::ops::Range;

/// How deep Go's reader goes.
const DEPTH_LIMIT: usize = 10_000;

/// Why a text is no array of strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoStrings {
    /// It is no JSON array.
    NoArray,
    /// It is one, of other things too.
    OtherElements,
}

/// The strings of the array that `text` is, with their ranges, quotes included.
pub(super) fn strings(text: &str) -> Result<Vec<(String, Range<usize>)>, NoStrings> {
    let text_start = text.len() - text.trim_start().len();
    let mut reader = Reader { text, at: text_start };
    let mut found = Vec::new();
    reader.array(&mut found).filter(|()| reader.at == text.len()).ok_or(NoStrings::NoArray)?;
    found.into_iter().collect::<Option<_>>().ok_or(NoStrings::OtherElements)
}

/// Reads values one after the other; `None` is where the text is no JSON.
struct Reader<'t> {
    text: &'t str,
    at: usize,
}

/// What is open, and so what may follow a value.
#[derive(Clone, Copy, PartialEq)]
enum Open {
    Array,
    Object,
}

type Element = Option<(String, Range<usize>)>;

impl Reader<'_> {
    fn array(&mut self, found: &mut Vec<Element>) -> Option<()> {
        self.expect("[")?;
        if self.take("]") {
            return Some(());
        }
        loop {
            self.blanks();
            found.push(match self.rest().starts_with('"') {
                true => Some(self.string()?),
                false => self.value().map(|()| None)?,
            });
            if self.take("]") {
                return Some(());
            }
            self.expect(",")?;
        }
    }

    /// Passes over a value. A stack of its own, so that no depth of brackets is too much.
    fn value(&mut self) -> Option<()> {
        let mut open = Vec::new();
        loop {
            if self.begins(&mut open)? {
                continue;
            }
            // A value has ended: so may what it is in.
            loop {
                let Some(outer) = open.last() else { return Some(()) };
                let end = if *outer == Open::Array { "]" } else { "}" };
                if self.take(end) {
                    open.pop();
                    continue;
                }
                self.expect(",")?;
                if *outer == Open::Object {
                    self.key()?;
                }
                break;
            }
        }
    }

    /// Passes over a value without parts; or over the start of one with parts, and tells so.
    fn begins(&mut self, open: &mut Vec<Open>) -> Option<bool> {
        self.blanks();
        let parts = [("[", Open::Array, "]"), ("{", Open::Object, "}")];
        if let Some((_, kind, end)) = parts.into_iter().find(|(start, ..)| self.take(start)) {
            // The array around it counts too.
            if open.len() + 2 > DEPTH_LIMIT {
                return None;
            }
            if self.take(end) {
                return Some(false);
            }
            open.push(kind);
            if kind == Open::Object {
                self.key()?;
            }
            return Some(true);
        }
        match self.rest().bytes().next()? {
            b'"' => self.string().map(drop)?,
            b'-' | b'0'..=b'9' => self.number()?,
            _ => ["true", "false", "null"].into_iter().find(|word| self.take(word)).map(drop)?,
        }
        Some(false)
    }

    fn key(&mut self) -> Option<()> {
        self.blanks();
        self.string()?;
        self.expect(":")
    }

    fn string(&mut self) -> Option<(String, Range<usize>)> {
        let start = self.at;
        self.take_here("\"").then_some(())?;
        let mut value = String::new();
        loop {
            let plain = self.rest().find(['"', '\\'])?;
            let part = &self.rest()[..plain];
            if part.bytes().any(|byte| byte < b' ') {
                return None;
            }
            value.push_str(part);
            self.at += plain;
            if self.rest().starts_with('"') {
                self.at += 1;
                return Some((value, start..self.at));
            }
            value.push(self.escape()?);
        }
    }

    fn escape(&mut self) -> Option<char> {
        let character = match self.rest().as_bytes().get(1)? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.code_point(),
            _ => return None,
        };
        self.at += 2;
        Some(character)
    }

    /// `\uXXXX`, or two of them that are a surrogate pair. Half a pair stands for nothing.
    fn code_point(&mut self) -> Option<char> {
        let first = self.code_unit()?;
        if let 0xd800..0xdc00 = first {
            let before = self.at;
            let second = if self.rest().starts_with("\\u") { self.code_unit()? } else { 0 };
            if let 0xdc00..0xe000 = second {
                return char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00));
            }
            self.at = before;
        }
        Some(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn code_unit(&mut self) -> Option<u32> {
        let digits = self.rest().get(2..6).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        let unit = u32::from_str_radix(digits, 16).ok()?;
        self.at += 6;
        Some(unit)
    }

    /// A number that Go can hold.
    fn number(&mut self) -> Option<()> {
        let start = self.at;
        self.take_here("-");
        if !self.take_here("0") {
            self.digits()?;
        }
        if self.take_here(".") {
            self.digits()?;
        }
        if self.take_here("e") || self.take_here("E") {
            let _sign = self.take_here("+") || self.take_here("-");
            self.digits()?;
        }
        self.text[start..self.at].parse::<f64>().ok().filter(|number| number.is_finite()).map(drop)
    }

    fn digits(&mut self) -> Option<()> {
        let count = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        self.at += count;
        (count > 0).then_some(())
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches([' ', '\t', '\r', '\n']).len();
    }

    fn expect(&mut self, token: &str) -> Option<()> {
        self.take(token).then_some(())
    }

    /// Passes over `token` and the blanks around it, if it is there.
    fn take(&mut self, token: &str) -> bool {
        let before = self.at;
        self.blanks();
        let taken = self.take_here(token);
        if taken {
            self.blanks();
        } else {
            self.at = before;
        }
        taken
    }

    fn take_here(&mut self, token: &str) -> bool {
        let taken = self.rest().starts_with(token);
        self.at += if taken { token.len() } else { 0 };
        taken
    }
}

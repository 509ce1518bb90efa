//! Changes of a Dockerfile's text, and the way back from the copy to the file: what is told is told of the user's file.

use std::ops::Range;

/// Replacements in a text; none of them overlap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edits(Vec<Edit>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Edit {
    range: Range<usize>,
    text: String,
}

impl Edits {
    /// Puts `text` in the place of `range` of the original, which nothing else may replace. The copy gets as many lines
    /// as the original, if that takes no more than empty ones: a line's number in the executor's words stays true.
    pub(super) fn replace(&mut self, original: &str, range: Range<usize>, mut text: String) {
        let lines = |text: &str| text.bytes().filter(|byte| *byte == b'\n').count();
        let gone = lines(original.get(range.clone()).unwrap_or_default()).saturating_sub(lines(&text));
        text.extend(std::iter::repeat_n('\n', gone));
        let at = self.0.partition_point(|edit| edit.range.start < range.start);
        self.0.insert(at, Edit { range, text });
    }

    /// Whether nothing is replaced.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether something within `range` of the original is replaced.
    pub fn touches(&self, range: &Range<usize>) -> bool {
        self.0.iter().any(|edit| edit.range.start < range.end && range.start < edit.range.end)
    }

    /// The copy.
    pub fn apply(&self, original: &str) -> String {
        let mut copy = String::with_capacity(original.len());
        let mut done = 0;
        for edit in &self.0 {
            copy.push_str(original.get(done..edit.range.start).unwrap_or_default());
            copy.push_str(&edit.text);
            done = edit.range.end;
        }
        copy + original.get(done..).unwrap_or_default()
    }

    /// What of the original a part of the copy stands for.
    pub fn original(&self, range: &Range<usize>) -> Range<usize> {
        self.position(range.start, |edit| edit.start)..self.position(range.end, |edit| edit.end)
    }

    /// A place in the original; `inside` chooses one for what is in the middle of a replacement.
    fn position(&self, at: usize, inside: impl Fn(&Range<usize>) -> usize) -> usize {
        let (mut copied, mut original) = (0, 0);
        for edit in &self.0 {
            let start = copied + (edit.range.start - original);
            let end = start + edit.text.len();
            match at {
                _ if at <= start => break,
                _ if at < end => return inside(&edit.range),
                _ => (copied, original) = (end, edit.range.end),
            }
        }
        original + at.saturating_sub(copied)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_copy_is_found_in_the_original() {
        let original = "FROM a\nCOPY <<A <<B /o\n1\nA\n2\nB\nCOPY c /c\n";
        let mut edits = Edits::default();
        edits.replace(original, 36..37, "long/c".to_owned());
        edits.replace(original, 7..30, "COPY x /o".to_owned());
        let copy = edits.apply(original);
        assert_eq!(copy, "FROM a\nCOPY x /o\n\n\n\n\nCOPY long/c /c\n");
        let at = |what: &str| copy.find(what).map(|start| start..start + what.len()).unwrap();
        assert_eq!(edits.original(&at("FROM a")), 0..6);
        assert_eq!(edits.original(&at("x /o")), 7..30);
        assert_eq!(edits.original(&at(" /c\n")), 37..41);
        assert_eq!(edits.original(&at("long/c")), 36..37);
        assert_eq!(edits.original(&at("ng")), 36..37);
        assert_eq!(&original[edits.original(&at("COPY long/c /c"))], "COPY c /c");
        assert_eq!(edits.original(&(copy.len()..copy.len())), original.len()..original.len());
        assert!(edits.touches(&(20..22)) && edits.touches(&(0..8)));
        assert!(!edits.touches(&(0..7)) && !edits.touches(&(30..36)));
    }

    #[test]
    fn without_edits_nothing_moves() {
        let edits = Edits::default();
        assert_eq!(edits.apply("FROM a"), "FROM a");
        assert_eq!(edits.original(&(2..4)), 2..4);
    }
}

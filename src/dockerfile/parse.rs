//! From text to instructions, as BuildKit's `parser` does it (v0.22.0, which Kaniko v1.24.0 uses).

use std::ops::Range;

use super::error::{ParseError, Problem};
use super::expand::{Escapes, Expansion, Quotes, Unset};
use super::go;
use super::json::{self, NoStrings};
use super::lines::{Line, Physical, Piece, continued, is_comment, without_line_end};
use super::syntax::{Arguments, Delimiter, Directive, Dockerfile, Escape, Heredoc, Instruction, Keyword, Pair, Word};
use super::words;

/// Reads a Dockerfile's syntax. Instructions that do not exist and flags nobody knows are left to
/// [`Dockerfile::stages`].
pub fn parse(text: &str) -> Result<Dockerfile, ParseError> {
    let mut parser = Parser { text, lines: Physical::new(text), directives: vec![], escape: Escape::default() };
    let mut instructions = Vec::new();
    let mut at_top = true;
    while let Some(range) = parser.next_first_line() {
        if at_top {
            at_top = parser.directive(range.clone())?;
        }
        if !is_comment(&text[range.clone()]) {
            instructions.extend(parser.instruction(range)?);
        }
    }
    let line = parser.lines.number();
    match parser.lines.too_long() {
        _ if instructions.is_empty() => {
            Err(ParseError { problem: Problem::NoInstructions, span: 0..text.len(), line: 1 })
        }
        Some(span) => Err(ParseError { problem: Problem::LineTooLong, span, line: line + 1 }),
        None => Ok(Dockerfile { directives: parser.directives, escape: parser.escape, instructions }),
    }
}

struct Parser<'t> {
    text: &'t str,
    lines: Physical<'t>,
    directives: Vec<Directive>,
    escape: Escape,
}

impl Parser<'_> {
    /// The next line without the blanks at its start, its end, and the mark that some editors begin a file with.
    fn next_first_line(&mut self) -> Option<Range<usize>> {
        let is_first = self.lines.number() == 0;
        let mut range = without_line_end(self.text, self.lines.next()?);
        if is_first && self.text.starts_with('\u{feff}') {
            range.start += '\u{feff}'.len_utf8();
        }
        let line = &self.text[range.clone()];
        Some(range.start + line.len() - line.trim_start().len()..range.end)
    }

    /// Keeps a parser directive; whether it was one, so that another may follow.
    fn directive(&mut self, range: Range<usize>) -> Result<bool, ParseError> {
        let Some((name, value)) = directive(&self.text[range.clone()]) else { return Ok(false) };
        let span = range.start..range.start + value.end;
        let problem = |problem| ParseError { problem, span: span.clone(), line: self.lines.number() };
        if self.directives.iter().any(|earlier| earlier.name == name) {
            return Err(problem(Problem::RepeatedDirective(name)));
        }
        let value = self.word_at(range.start + value.start..span.end);
        if name == "escape" {
            self.escape = match value.text.as_str() {
                "\\" => Escape::Backslash,
                "`" => Escape::Backtick,
                other => return Err(problem(Problem::EscapeDirective(other.to_owned()))),
            };
        }
        self.directives.push(Directive { name, value, span });
        Ok(true)
    }

    fn word_at(&self, span: Range<usize>) -> Word {
        Word { text: self.text[span.clone()].to_owned(), span }
    }

    /// The instruction that begins in this line, if it is not empty.
    fn instruction(&mut self, first: Range<usize>) -> Result<Option<Instruction>, ParseError> {
        let (start, number) = (first.start, self.lines.number());
        let Some((line, mut end)) = self.logical_line(first) else { return Ok(None) };
        let problem = |end| move |problem| ParseError { problem, span: start..end, line: number };
        let mut instruction = instruction(line.whole(), self.escape.character()).map_err(problem(end))?;
        if let Arguments::Trigger(trigger) = &mut instruction.arguments {
            trigger.line = number + self.text[start..trigger.span.start].matches('\n').count();
        }
        for mark in heredoc_marks(&instruction, line.whole().text()).map_err(problem(end))? {
            let (content, after) = self.heredoc(&mark);
            end = after;
            let content = content.ok_or(Problem::UnterminatedHeredoc).map_err(problem(end))?;
            instruction.heredocs.push(Heredoc { content: self.word_at(content), ..mark });
        }
        Ok(Some(Instruction { span: start..end, line: number, ..instruction }))
    }

    /// Joins the lines of an instruction; where the last of them ends.
    fn logical_line(&mut self, first: Range<usize>) -> Option<(Line, usize)> {
        let mut line = Line::default();
        let mut end = first.end;
        let mut continues = self.push(&mut line, first);
        if !continues && line.whole().is_empty() {
            return None;
        }
        while continues {
            let Some(range) = self.lines.next() else { break };
            let range = without_line_end(self.text, range);
            end = range.end;
            let text = &self.text[range.clone()];
            if !is_comment(text) && !text.trim_start().is_empty() {
                continues = self.push(&mut line, range);
            }
        }
        Some((line, end))
    }

    /// Adds a physical line; whether it is continued.
    fn push(&self, line: &mut Line, range: Range<usize>) -> bool {
        let length = continued(&self.text[range.clone()], self.escape.character());
        let end = length.map_or(range.end, |length| range.start + length);
        line.push(self.text, range.start..end);
        length.is_some()
    }

    /// The lines up to the one that ends a heredoc, unless there is none; and where the reading ended.
    fn heredoc(&mut self, mark: &Heredoc) -> (Option<Range<usize>>, usize) {
        let start = self.lines.at();
        for range in self.lines.by_ref() {
            let line = without_line_end(self.text, range.clone());
            let text = &self.text[line.clone()];
            if mark.name == if mark.strip_tabs { text.trim_start_matches('\t') } else { text } {
                return (Some(start..range.start), line.end);
            }
        }
        (None, without_line_end(self.text, start..self.lines.at()).end)
    }
}

/// The name and where the value is, if the line is a parser directive that is known.
fn directive(line: &str) -> Option<(String, Range<usize>)> {
    let is_blank = |character: char| matches!(character, '\t' | '\n' | '\u{c}' | '\r' | ' ');
    let rest = line.strip_prefix('#')?.trim_start_matches(is_blank);
    let name = &rest[..rest.bytes().take_while(u8::is_ascii_alphanumeric).count()];
    let value = rest[name.len()..].trim_start_matches(is_blank).strip_prefix('=')?;
    let name = name.to_ascii_lowercase();
    if !matches!(name.as_str(), "syntax" | "escape" | "check") || value.is_empty() {
        return None;
    }
    let trimmed = value.trim_start_matches(is_blank);
    // Of blanks alone the last one is the value: it cannot be empty.
    let start = line.len() - if trimmed.is_empty() { 1 } else { trimmed.len() };
    Some((name, start..start + trimmed.trim_end_matches(is_blank).len().max(1)))
}

/// An instruction from its line, without its heredocs; those who call know where it is.
fn instruction(line: Piece<'_>, escape: char) -> Result<Instruction, Problem> {
    let (mut instruction, rest) = head(line, escape);
    instruction.arguments = match instruction.keyword {
        Some(Keyword::Onbuild) if !rest.is_empty() => trigger(rest, escape)?,
        keyword => arguments(keyword, rest, escape)?,
    };
    Ok(instruction)
}

/// The trigger of `ONBUILD`. The builder reads a chain of them to its end before it refuses it.
fn trigger(rest: Piece<'_>, escape: char) -> Result<Arguments, Problem> {
    let (mut trigger, mut rest) = head(rest, escape);
    let mut keyword = trigger.keyword;
    while keyword == Some(Keyword::Onbuild) && !rest.is_empty() {
        let (next, after) = head(rest, escape);
        (keyword, rest) = (next.keyword, after);
    }
    let arguments = arguments(keyword, rest, escape)?;
    if trigger.keyword != Some(Keyword::Onbuild) {
        trigger.arguments = arguments;
    }
    Ok(Arguments::Trigger(Box::new(trigger)))
}

/// An instruction without arguments, and what they are read from.
fn head(line: Piece<'_>, escape: char) -> (Instruction, Piece<'_>) {
    let line = line.trim();
    let (name, rest) = line.split_once_whitespace();
    let (flags, rest) = match rest {
        Some(rest) => words::flags(rest, escape),
        None => (vec![], line.from(line.text().len())),
    };
    let keyword = Keyword::named(name.text());
    let instruction = Instruction {
        span: line.span(),
        line: 0,
        name: word(name),
        keyword,
        flags,
        arguments: Arguments::Words(vec![]),
        heredocs: vec![],
    };
    (instruction, rest.trim())
}

fn word(piece: Piece<'_>) -> Word {
    Word { text: piece.text().to_owned(), span: piece.span() }
}

/// Each instruction cuts what follows it in a way of its own.
fn arguments(keyword: Option<Keyword>, rest: Piece<'_>, escape: char) -> Result<Arguments, Problem> {
    use Keyword::{
        Add, Arg, Cmd, Copy, Entrypoint, Env, Expose, From, Healthcheck, Label, Maintainer, Onbuild, Run, Shell,
        StopSignal, User, Volume, Workdir,
    };
    let Some(keyword) = keyword.filter(|_| !rest.is_empty()) else { return Ok(Arguments::Words(vec![])) };
    let words = |pieces: Vec<Piece<'_>>| Arguments::Words(pieces.into_iter().map(word).collect());
    Ok(match keyword {
        Add | Copy | Volume => json(rest)?.unwrap_or_else(|| words(rest.split_whitespace())),
        Cmd | Entrypoint | Run | Shell => json(rest)?.unwrap_or_else(|| words(vec![rest])),
        Arg => words(words::words(rest, escape)),
        Expose | From => words(rest.split_whitespace()),
        Maintainer | StopSignal | User | Workdir => words(vec![rest]),
        Env | Label => pairs(keyword, rest, escape)?,
        Healthcheck => healthcheck(rest)?,
        Onbuild => Arguments::Words(vec![]),
    })
}

/// The JSON form, if it is that.
fn json(rest: Piece<'_>) -> Result<Option<Arguments>, Problem> {
    match json::strings(rest.text()) {
        Ok(strings) => {
            let words = strings.into_iter().map(|(text, range)| Word { text, span: rest.part(range).span() });
            Ok(Some(Arguments::Json(words.collect())))
        }
        Err(NoStrings::NoArray) => Ok(None),
        Err(NoStrings::OtherElements) => Err(Problem::OtherThanStrings),
    }
}

/// `NAME=value …`, or `NAME value` if the first word has no sign in it.
fn pairs(keyword: Keyword, rest: Piece<'_>, escape: char) -> Result<Arguments, Problem> {
    let words = words::words(rest, escape);
    let Some(first) = words.first() else { return Ok(Arguments::Words(vec![])) };
    if !first.text().contains('=') {
        let (name, value) = rest.split_once_whitespace();
        let value = value.ok_or(Problem::MissingValue(keyword))?;
        let pair = Pair { name: word(name), value: word(value), delimiter: Delimiter::Whitespace };
        return Ok(Arguments::Pairs(vec![pair]));
    }
    let pair = |piece: Piece<'_>| {
        let text = piece.text();
        let sign = text.find('=').ok_or_else(|| Problem::MissingEquals(text.to_owned()))?;
        let (name, value) = (piece.part(0..sign), piece.part(sign + 1..text.len()));
        Ok(Pair { name: word(name), value: word(value), delimiter: Delimiter::Equals })
    };
    words.into_iter().map(pair).collect::<Result<_, _>>().map(Arguments::Pairs)
}

/// A type, then a command in either form. The type ends at what is a space if bytes are taken for characters.
fn healthcheck(rest: Piece<'_>) -> Result<Arguments, Problem> {
    let bytes = rest.text().as_bytes();
    let end = bytes.iter().position(|byte| words::is_space(*byte)).unwrap_or(bytes.len());
    let next = bytes[end..].iter().position(|byte| !words::is_space(*byte)).map_or(bytes.len(), |next| end + next);
    let (kind, command) = (rest.until(end), rest.from(next));
    let kind = Word { text: go::replace_invalid(&bytes[..end]), span: kind.span() };
    if command.is_empty() {
        return Ok(Arguments::Words(vec![kind]));
    }
    Ok(match json(command)? {
        Some(Arguments::Json(words)) => Arguments::Json([vec![kind], words].concat()),
        _ => Arguments::Words(vec![kind, word(command)]),
    })
}

/// How the word of a heredoc is read, whatever the file's escape character is.
const HEREDOC: Expansion =
    Expansion { escape: Escape::Backslash, quotes: Quotes::Remove, escapes: Escapes::Remove, unset: Unset::Keep };

fn nothing(_: &str) -> Option<String> {
    None
}

/// The heredocs that a line announces, their texts still empty.
fn heredoc_marks(instruction: &Instruction, line: &str) -> Result<Vec<Heredoc>, Problem> {
    let taker = match &instruction.arguments {
        Arguments::Trigger(trigger) => trigger,
        _ => instruction,
    };
    let is_json = matches!(taker.arguments, Arguments::Json(_));
    if is_json || !taker.keyword.is_some_and(Keyword::takes_heredocs) || !line.contains("<<") {
        return Ok(vec![]);
    }
    // A line whose quotes do not fit announces none.
    let words =
        Expansion { quotes: Quotes::Keep, escapes: Escapes::Keep, ..HEREDOC }.words(line, &nothing).unwrap_or_default();
    words.iter().filter_map(|word| heredoc_mark(word).transpose()).collect()
}

/// The heredoc that a word announces, if it does.
pub(crate) fn heredoc_mark(word: &str) -> Result<Option<Heredoc>, Problem> {
    let (descriptor, rest) = word.split_at(word.bytes().take_while(u8::is_ascii_digit).count());
    let Some(rest) = rest.strip_prefix("<<") else { return Ok(None) };
    let (strip_tabs, rest) = rest.strip_prefix('-').map_or((false, rest), |rest| (true, rest));
    let rest = rest.trim_start_matches(['\t', '\n', '\u{c}', '\r', ' ']);
    if rest.is_empty() || rest.contains('<') {
        return Ok(None);
    }
    let read = |how: Expansion| how.words(rest, &nothing).map_err(Problem::HeredocWord);
    let names = read(HEREDOC)?;
    let [name] = names.as_slice() else { return Ok(None) };
    let quoted = read(Expansion { quotes: Quotes::Keep, ..HEREDOC })?;
    let [quoted] = quoted.as_slice() else { return Err(Problem::HeredocQuotes(rest.to_owned())) };
    let quotes = |word: &str| word.matches(['\'', '"']).count();
    Ok(Some(Heredoc {
        name: name.clone(),
        content: Word { text: String::new(), span: 0..0 },
        expand: quotes(name) == quotes(quoted),
        strip_tabs,
        descriptor: descriptor.parse().unwrap_or(if descriptor.is_empty() { 0 } else { u64::MAX }),
    }))
}

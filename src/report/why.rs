//! `context why`: the answers as text and as a document.

use std::path::Path;

use serde_json::{Value, json};

use super::terminal::sanitised_name;
use crate::context::dockerignore::{Dialect, Explanation, Judgement, Pattern, Pruned, Step, tested_by_executor};
use crate::context::why::{Answer, Found, Special};
use crate::sys::OsStrExt;

/// What was asked, and the answer for each path.
#[derive(Debug)]
pub struct Answers<'a> {
    /// Whose rules decide.
    pub dialect: Dialect,
    /// The ignore file, if there is one.
    pub ignore_file: Option<&'a Path>,
    /// The answers in the order of the questions.
    pub answers: Vec<Answer<'a>>,
}

impl Answers<'_> {
    /// For people: one line for each path, as typed, and what else there is to say indented below it.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for answer in &self.answers {
            text.push_str(&format!("{}: {}\n", name_of(&answer.given), self.verdict(answer)));
            let chain = self.chain(answer).into_iter();
            let notes = self.notes(answer).into_iter().map(|note| format!("note: {note}"));
            for line in chain.chain(notes) {
                text.push_str(&format!("  {line}\n"));
            }
        }
        text
    }

    /// For scripts: `schema` is `kaniko-local/context-why/v1`. Keys are always there, null where they do not apply.
    ///
    /// - `dialect`: `docker` or `kaniko`; `ignore_file`: its path or null.
    /// - `paths[]`, in the order of the arguments:
    ///   - `given`: the argument; `path`: relative to the build context, `.` for the context itself.
    ///   - `kind`: what is there: `file`, `directory`, `symlink`, `socket`, `fifo`, `device`; null for nothing.
    ///   - `excluded`: what the patterns say; `pattern` and `line`: the one that decides, null if none does.
    ///   - `sent`: whether `context ls` shows it (with `kaniko`: whether COPY can take it). Differs from `excluded` for
    ///     what is not there or cannot be sent, and for excluded directories with something below that is not:
    ///     `sent_for` is the first such path.
    ///   - `chain[] {path, pattern, line, excluded}`: the patterns that match, in the order of the file, each with what
    ///     it matches (the path or a directory above it) and what it makes of it. The last one decides.
    ///   - `pruned_at`: the directory into which Docker does not look, above the path or the path itself;
    ///     `overlooked {pattern, line}`: the exception that has no effect for that reason.
    ///   - `error`: why the executor cannot use the ignore file and includes the path.
    ///   - `other {dialect, excluded, pattern, line, sent_for, error}`: what the other dialect says. `excluded` is null
    ///     where Docker would refuse to build.
    ///
    /// Paths and patterns are text: bytes that are no UTF-8 become U+FFFD.
    pub fn json(&self) -> Value {
        json!({
            "schema": "kaniko-local/context-why/v1",
            "dialect": word(self.dialect),
            "ignore_file": self.ignore_file.map(Path::to_string_lossy),
            "paths": self.answers.iter().map(|answer| self.answer_json(answer)).collect::<Vec<_>>(),
        })
    }

    fn answer_json(&self, answer: &Answer<'_>) -> Value {
        let decided_by = deciding(&answer.judgement).map(|step| step.pattern);
        let other = deciding(&answer.other).map(|step| step.pattern);
        let docker_refuses = self.dialect == Dialect::Kaniko && answer.other.refusal().is_some();
        let pruned = pruned(answer);
        json!({
            "given": answer.given.to_string_lossy(),
            "path": if is_root(answer) { ".".into() } else { answer.path.to_string_lossy() },
            "kind": kind(&answer.found),
            "excluded": answer.judgement.excluded(),
            "sent": answer.sent(),
            "sent_for": answer.kept_below.as_ref().map(|path| path.to_string_lossy()),
            "pattern": decided_by.map(written),
            "line": decided_by.map(Pattern::line),
            "chain": steps(&answer.judgement).iter().map(step_json).collect::<Vec<_>>(),
            "pruned_at": pruned.map(|pruned| String::from_utf8_lossy(&pruned.directory)),
            "overlooked": pruned.and_then(|pruned| pruned.overlooked).map(pattern_json),
            "error": answer.judgement.refusal().map(ToString::to_string),
            "other": {
                "dialect": word(self.dialect.other()),
                "excluded": (!docker_refuses).then(|| answer.other.excluded()),
                "pattern": other.map(written),
                "line": other.map(Pattern::line),
                "sent_for": answer.other_keeps.as_ref().map(|path| path.to_string_lossy()),
                "error": answer.other.refusal().map(ToString::to_string),
            },
        })
    }

    fn verdict(&self, answer: &Answer<'_>) -> String {
        let explanation = match &answer.judgement {
            Judgement::Explained(explanation) => explanation,
            Judgement::Refused(_) => return format!("included, as Kaniko cannot use `{}`", self.ignore_file()),
        };
        match (explanation.deciding(), self.ignore_file) {
            (Some(step), _) => format!("{} {}", participle(step.pattern), self.by(step, answer)),
            (None, _) if is_root(answer) => "included, as the build context itself always is".to_owned(),
            (None, None) => "included, as there is no ignore file".to_owned(),
            (None, Some(_)) => format!("included, as nothing in `{}` excludes it", self.ignore_file()),
        }
    }

    /// The patterns that match, if it takes more than one to see how the verdict came about.
    fn chain(&self, answer: &Answer<'_>) -> Vec<String> {
        let steps = steps(&answer.judgement);
        if steps.len() < 2 {
            return vec![];
        }
        let line = |step: &Step<'_>| {
            let (file, matched) = (self.ignore_file(), sanitised_name(&step.matched));
            let verb = if step.pattern.is_exception() { "includes" } else { "excludes" };
            format!("{file}:{}: `{}` {verb} `{matched}`", step.pattern.line(), shown(step.pattern))
        };
        steps.iter().map(line).collect()
    }

    fn notes(&self, answer: &Answer<'_>) -> Vec<String> {
        let mut notes: Vec<String> = answer.judgement.refusal().map(ToString::to_string).into_iter().collect();
        if let Some(pruned) = pruned(answer)
            && let Some(exception) = pruned.overlooked
        {
            let (exception, directory) = (self.cited(exception), sanitised_name(&pruned.directory));
            notes.push(format!("{exception} has no effect: Docker does not look into `{directory}` for it"));
        }
        if let Some(kept) = &answer.kept_below {
            notes.push(format!("{} all the same, as the directory of `{}`", self.taken(), name_of(kept)));
        }
        notes.extend(self.note_on_the_other_dialect(answer));
        notes.extend(self.note_on_what_is_there(answer));
        notes
    }

    fn note_on_what_is_there(&self, answer: &Answer<'_>) -> Option<String> {
        match &answer.found {
            Found::File | Found::Directory | Found::Symlink => None,
            Found::Nothing => Some("nothing is there".to_owned()),
            Found::Special(special) => {
                let word = match special {
                    Special::Socket => "socket",
                    Special::Fifo => "FIFO",
                    Special::Device => "device",
                };
                Some(format!("it is a {word}, which is not {}", self.taken()))
            }
            Found::BelowSymlink(link) => Some(format!("`{}` is a symlink, which is not followed", name_of(link))),
            Found::Unknown { why } => Some(format!("it cannot be examined: {why}")),
        }
    }

    fn note_on_the_other_dialect(&self, answer: &Answer<'_>) -> Option<String> {
        let (mine, other) = (answer.judgement.excluded(), answer.other.excluded());
        match (self.dialect, answer.other.refusal()) {
            (Dialect::Kaniko, Some(error)) => {
                // Said already if it is why the executor cannot use the file.
                let why = answer.judgement.refusal().map_or_else(|| format!(": {error}"), |_| String::new());
                Some(format!("Docker does not build with this ignore file{why}"))
            }
            _ if mine == other => self.note_on_what_the_other_dialect_keeps(answer),
            (Dialect::Docker, _) => {
                let verb = if other { "exclude" } else { "include" };
                Some(format!("Kaniko alone would {verb} it{}", self.reason_of_the_executor(answer)))
            }
            (Dialect::Kaniko, None) => {
                let verb = if other { "excludes" } else { "includes" };
                let by = deciding(&answer.other).map_or_else(String::new, |step| format!(" {}", self.by(step, answer)));
                Some(format!("Docker {verb} it{by}"))
            }
        }
    }

    /// Both exclude a directory, and one keeps something that it holds.
    fn note_on_what_the_other_dialect_keeps(&self, answer: &Answer<'_>) -> Option<String> {
        let does = match self.dialect {
            Dialect::Docker => "Kaniko alone would copy",
            Dialect::Kaniko => "Docker sends",
        };
        match (&answer.kept_below, &answer.other_keeps) {
            (None, Some(kept)) => Some(format!("{does} some of what it holds, `{}` for example", name_of(kept))),
            (Some(_), None) => Some(format!("{does} nothing of what it holds")),
            (None, None) | (Some(_), Some(_)) => None,
        }
    }

    /// Why the executor differs from Docker, as far as that can be put in a few words.
    fn reason_of_the_executor(&self, answer: &Answer<'_>) -> String {
        let path = answer.path.as_os_str().as_bytes();
        match (deciding(&answer.judgement), deciding(&answer.other), answer.other.refusal()) {
            (_, _, Some(error)) => format!(": it cannot use `{}`: {error}", self.ignore_file()),
            (Some(docker), _, _) if !tested_by_executor(docker.pattern, &docker.matched, path) => {
                format!(": it does not test `{}` on `{}`", shown(docker.pattern), sanitised_name(&docker.matched))
            }
            (_, Some(kaniko), _) => format!(" {}", self.by(kaniko, answer)),
            (_, None, _) => String::new(),
        }
    }

    /// `` by `a` (.dockerignore:1), which matches `a` ``.
    fn by(&self, step: &Step<'_>, answer: &Answer<'_>) -> String {
        let by = format!("by {}", self.cited(step.pattern));
        match *step.matched == *answer.path.as_os_str().as_bytes() {
            true => by,
            false => format!("{by}, which matches `{}`", sanitised_name(&step.matched)),
        }
    }

    /// `` `a` (.dockerignore:1) ``.
    fn cited(&self, pattern: &Pattern) -> String {
        format!("`{}` ({}:{})", shown(pattern), self.ignore_file(), pattern.line())
    }

    /// What becomes of an included file: the executor filters what COPY and ADD copy.
    fn taken(&self) -> &'static str {
        match self.dialect {
            Dialect::Docker => "sent",
            Dialect::Kaniko => "copied",
        }
    }

    fn ignore_file(&self) -> String {
        self.ignore_file.map_or_else(String::new, name_of)
    }
}

fn steps<'j, 'm>(judgement: &'j Judgement<'m>) -> &'j [Step<'m>] {
    judgement.explanation().map_or(&[], |explanation| &explanation.steps)
}

fn deciding<'j, 'm>(judgement: &'j Judgement<'m>) -> Option<&'j Step<'m>> {
    judgement.explanation().and_then(Explanation::deciding)
}

/// What Docker passes over, if the path lies below it or is itself a directory.
fn pruned<'a, 'm>(answer: &'a Answer<'m>) -> Option<&'a Pruned<'m>> {
    let pruned = answer.judgement.explanation()?.pruned.as_ref()?;
    let is_above = *pruned.directory != *answer.path.as_os_str().as_bytes();
    (is_above || answer.found == Found::Directory).then_some(pruned)
}

fn is_root(answer: &Answer<'_>) -> bool {
    answer.path.as_os_str().is_empty()
}

fn step_json(step: &Step<'_>) -> Value {
    json!({
        "path": String::from_utf8_lossy(&step.matched),
        "pattern": written(step.pattern),
        "line": step.pattern.line(),
        "excluded": !step.pattern.is_exception(),
    })
}

fn pattern_json(pattern: &Pattern) -> Value {
    json!({ "pattern": written(pattern), "line": pattern.line() })
}

fn kind(found: &Found) -> Option<&'static str> {
    match found {
        Found::File => Some("file"),
        Found::Directory => Some("directory"),
        Found::Symlink => Some("symlink"),
        Found::Special(Special::Socket) => Some("socket"),
        Found::Special(Special::Fifo) => Some("fifo"),
        Found::Special(Special::Device) => Some("device"),
        Found::Nothing | Found::BelowSymlink(_) | Found::Unknown { .. } => None,
    }
}

fn word(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Docker => "docker",
        Dialect::Kaniko => "kaniko",
    }
}

fn participle(pattern: &Pattern) -> &'static str {
    if pattern.is_exception() { "included" } else { "excluded" }
}

/// A pattern as written, without the blanks around it.
fn written(pattern: &Pattern) -> String {
    String::from_utf8_lossy(pattern.original()).trim().to_owned()
}

fn shown(pattern: &Pattern) -> String {
    sanitised_name(written(pattern).as_bytes())
}

fn name_of(path: &Path) -> String {
    sanitised_name(path.as_os_str().as_bytes())
}

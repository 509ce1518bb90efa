//! What an executor's log says of its build, read line by line from its top. Pure.
//!
//! The executor ends with one bare line or, for its arguments, context and Dockerfile, with `Error: …` and its usage, a
//! hundred lines of it (kaniko v1.24.0 `cmd/executor/main.go`, `cmd/root.go`). What it runs writes to the same log, and
//! may say anything.

use std::collections::VecDeque;
use std::ops::Range;

use anstream::adapter::strip_str;
use serde_json::Value;

use super::failure::Failure;
use super::image::Family;
use super::resolve::channel;
use super::steps;
use crate::code::Code;
use crate::dockerfile;

/// Lines of a program's output that are kept.
const OUTPUT: usize = 10;
/// Words before a line that a tool may have put there.
const MOST_WORDS: usize = 3;
/// Bytes of a line that are looked at.
const LINE: usize = 16 * 1024;

/// Beginnings of the line that it ends with, once it has its arguments.
const BARE: &[&str] = &[
    "error building image: ",
    "error pushing image: ",
    "error checking push permissions",
    "error resolving relative paths",
    "kaniko should only be run inside of a container",
];
/// The one that is told apart within a line, too.
const STAGE: &str = "error building image: error building stage: ";
/// The same, before it has them. A log that somebody has copied may have anything before it.
const FIRST: &[&str] = &["Error: error resolving ", "Error: unknown ", "Error: you must provide ", "Error: unlinkat "];

/// The lines without the usage that the executor prints after an error in its arguments, context or Dockerfile.
pub fn without_usage(lines: impl Iterator<Item = Vec<u8>>) -> impl Iterator<Item = Vec<u8>> {
    let mut lines = lines.peekable();
    let mut is_usage = false;
    std::iter::from_fn(move || {
        loop {
            let line = lines.next()?;
            let begins = line == b"Usage:" && lines.peek().is_some_and(|next| next == b"  executor [flags]");
            let goes_on = line.is_empty() || line.starts_with(b"  ") || line == b"Flags:";
            is_usage = begins || is_usage && goes_on;
            if !is_usage {
                return Some(line);
            }
        }
    })
}

/// What a log says.
#[derive(Debug, Clone, Default)]
pub struct Log {
    words: Option<(Rank, String)>,
    form: Option<Form>,
    /// Words before each line that are not the executor's.
    prefix: usize,
    runs_programs: bool,
    left_out: Option<String>,
    /// What each stage so far is unpacked for, in the order in which it built them.
    stages: Vec<String>,
    /// A `RUN` that it came to, unless a program wrote that: what is run is told next.
    announced: Option<String>,
    /// `RUN` instructions of this stage that it ran.
    ran: Vec<Ran>,
    output: VecDeque<String>,
    waits: bool,
    cleared: bool,
    cloned: bool,
    lines: usize,
}

/// How sure it is that a line is the executor's last word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// It begins as one does.
    Any,
    /// It is one of those before a build.
    Start,
    /// It is one of those of a build.
    Build,
}

/// `--log-format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Color,
    Text,
    Json,
}

/// An instruction that it came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// What its stage and those that were built before it were unpacked for, in that order: the executor says the first
    /// instruction of each stage that needs its base image.
    pub stages: Vec<String>,
    /// As the executor repeats it: on one line.
    pub text: String,
    /// How many of the same text came before it in the stage.
    pub repeated: usize,
}

impl Ran {
    /// Which of these it was, and where it is in the text of the Dockerfile. What a program writes of, as an executor in an
    /// executor does, is not in there.
    pub fn last_of<'a>(runs: &'a [Self], dockerfile: Option<&str>) -> Option<(&'a Self, Option<Range<usize>>)> {
        let found = runs.iter().rev().find_map(|ran| Some((ran, Some(ran.find(dockerfile?)?))));
        found.or_else(|| Some((runs.last()?, None)))
    }

    /// Where the instruction is in the text of the Dockerfile.
    pub fn find(&self, text: &str) -> Option<Range<usize>> {
        let file = dockerfile::parse(text).ok()?;
        let stages = file.stages(channel(Family::Upstream)).ok()?;
        let lines = steps::lines(&stages, text, file.escape);
        let stage = steps::stage_that_is_built(&lines, &self.stages)?;
        let alike = steps::alike(&lines[stage], &self.text).nth(self.repeated)?;
        // The first line of a stage is its `FROM`.
        Some(stages.stages[stage].steps.get(alike.checked_sub(1)?)?.instruction.span.clone())
    }
}

impl Log {
    /// Reads all of it.
    pub fn of(text: &str) -> Self {
        let mut log = Self::default();
        text.lines().for_each(|line| drop(log.line(line.as_bytes())));
        log
    }

    /// Reads one line, without its line end; what the executor itself says with it, if it does.
    pub fn line(&mut self, line: &[u8]) -> Option<String> {
        let line = String::from_utf8_lossy(&line[..line.len().min(LINE)]);
        let line = strip_str(&line).to_string();
        let line = self.without_prefix(without_time(line.trim()));
        self.lines += 1;
        if !line.is_empty() {
            self.waits = line.contains("To simulate EOF and exit");
        }
        match message(line) {
            // What it runs may log in another form.
            Some((form, level, message)) if *self.form.get_or_insert(form) == form => {
                self.said(&level, &message);
                Some(message)
            }
            _ => {
                self.bare(line);
                None
            }
        }
    }

    /// Without what the tool that collected the log puts before each line, as it is before the executor's first one: the
    /// names of pod and container (stern), of the step (tkn), of the stream (GitLab).
    fn without_prefix<'l>(&mut self, line: &'l str) -> &'l str {
        if self.form.is_none() {
            let starts = line.match_indices(' ').map(|(at, _)| at + 1).take(MOST_WORDS);
            self.prefix =
                starts.enumerate().find_map(|(count, at)| message(&line[at..]).map(|_| count + 1)).unwrap_or(0);
        }
        let mut rest = line;
        for _ in 0..self.prefix {
            rest = rest.split_once(' ').map_or("", |(_, rest)| rest);
        }
        rest
    }

    fn said(&mut self, level: &str, message: &str) {
        self.output.clear();
        // Nothing of its own comes after its last words: those were somebody else's.
        self.words = None;
        // A symlink that it cannot resolve ends its snapshot early (kaniko v1.24.0 `pkg/snapshot/snapshot.go`).
        if level.starts_with("err") && message.contains("Couldn't eval ") {
            self.left_out = Some(message.to_owned());
        }
        if let Some(unpacked_for) = steps::unpacked_for(message) {
            self.stages.push(unpacked_for.to_owned());
            self.ran.clear();
        }
        self.cleared |= message.starts_with("Deleting filesystem");
        if message.starts_with("RUN ") {
            self.runs_programs = true;
            self.announced = Some(message.to_owned());
        }
        // Upstream's `pkg/commands/run.go` says so right before it starts a program.
        if message.starts_with("Running: [")
            && let Some(text) = self.announced.take()
        {
            let repeated = self.ran.iter().filter(|ran| ran.text == text).count();
            self.ran.push(Ran { stages: self.stages.clone(), text, repeated });
        }
    }

    fn bare(&mut self, line: &str) {
        let Some((rank, at)) = self.last_words(line) else { return self.put_out(line) };
        // A program that ends without a line end has the executor's words on its last line.
        self.put_out(&line[..at]);
        // The usage that follows the first line says nothing; of lines that end a build, the last one does.
        if self.words.as_ref().is_none_or(|(before, _)| rank > *before || rank == Rank::Build) {
            self.words = Some((rank, line[at..].to_owned()));
        }
    }

    /// Where in a line the executor's last words begin, if they do.
    fn last_words(&self, line: &str) -> Option<(Rank, usize)> {
        let anywhere = |all: &[&str]| all.iter().filter_map(|words| line.find(words)).min();
        let at_start = |all: &[&str]| all.iter().any(|words| line.starts_with(words)).then_some(0);
        if self.runs_programs {
            return at_start(BARE).or_else(|| line.find(STAGE)).map(|at| (Rank::Build, at));
        }
        let of_build = anywhere(BARE).map(|at| (Rank::Build, at));
        let of_start = || anywhere(FIRST).map(|at| (Rank::Start, at));
        of_build.or_else(of_start).or_else(|| at_start(&["Error: "]).map(|at| (Rank::Any, at)))
    }

    fn put_out(&mut self, line: &str) {
        if line.is_empty() {
            return;
        }
        self.cloned |= line.starts_with("Counting objects: ") || line.starts_with("Enumerating objects: ");
        if self.output.len() == OUTPUT {
            self.output.pop_front();
        }
        self.output.push_back(line.to_owned());
    }

    /// The executor's last words, if it failed.
    pub fn words(&self) -> Option<&str> {
        self.words.as_ref().map(|(_, words)| words.as_str())
    }

    /// What of the context was not there, if that is what failed.
    pub fn lost_source(&self) -> Option<String> {
        let failure = Failure::read(self.words()?);
        failure.lost.filter(|_| failure.code == Code::CopySourceMissing)
    }

    /// Its word that it left files out of the image. It ends with 0 all the same.
    pub fn left_out(&self) -> Option<&str> {
        self.left_out.as_deref()
    }

    /// The `RUN` that failed is among these, if that is what failed: the last one, unless a program wrote of later ones.
    pub fn failed_runs(&self) -> &[Ran] {
        let is_run = self.words().is_some_and(|words| {
            ["waiting for process to exit: ", "starting command: "].iter().any(|step| words.contains(step))
        });
        if is_run { &self.ran } else { &[] }
    }

    /// The last lines of what is not the executor's own.
    pub fn output(&self) -> impl Iterator<Item = &str> {
        self.output.iter().map(String::as_str)
    }

    /// Whether its last line says that it waits for the end of standard input.
    pub fn waits_for_stdin(&self) -> bool {
        self.waits
    }

    /// Whether it deleted its file system before another stage.
    pub fn cleared(&self) -> bool {
        self.cleared
    }

    /// Whether it cloned a git repository.
    pub fn cloned(&self) -> bool {
        self.cloned
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.lines == 0
    }
}

/// Without the time that `kubectl logs --timestamps` puts before a line.
fn without_time(line: &str) -> &str {
    match line.split_once(' ') {
        Some((time, rest)) if time.len() >= "2026-01-01T00:00:00Z".len() && time.parse::<jiff::Timestamp>().is_ok() => {
            rest.trim_start()
        }
        _ => line,
    }
}

/// Form, level and text of a line that the executor wrote with any `--log-format`: `color`, `text` or `json`.
fn message(line: &str) -> Option<(Form, String, String)> {
    if let Some((level, rest)) = line.split_once('[')
        && matches!(level, "TRAC" | "DEBU" | "INFO" | "WARN" | "ERRO" | "FATA")
        && let Some((seconds, message)) = rest.split_once(']')
        && seconds.len() >= 4
        && seconds.bytes().all(|byte| byte.is_ascii_digit())
    {
        return Some((Form::Color, level.to_lowercase(), message.trim().to_owned()));
    }
    if line.starts_with("{\"") {
        let document: Value = serde_json::from_str(line).ok()?;
        let text = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
        let is_executors = document.as_object()?.len() == 3 && text("time").is_some();
        return is_executors.then_some((Form::Json, text("level")?, text("msg")?));
    }
    let rest = line.strip_prefix("time=\"")?.split_once("\" level=")?.1;
    let (level, message) = rest.split_once(" msg=")?;
    // Go's quoting, of which JSON knows what occurs.
    let message = serde_json::from_str(message).unwrap_or_else(|_| message.to_owned());
    Some((Form::Text, level.to_owned(), message))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// kaniko#1457.
    #[test]
    fn the_usage_is_left_out_and_a_program_that_prints_its_own_is_not_the_executor() {
        let told = |text: &str| {
            let lines = without_usage(text.lines().map(|line| line.as_bytes().to_vec()));
            lines.map(|line| String::from_utf8(line).unwrap()).collect::<Vec<_>>()
        };
        let usage = "Usage:\n  executor [flags]\n\nFlags:\n      --build-arg x   This\n  -c, --context y   That\n\n";
        assert_eq!(told(&format!("Error: x\n{usage}error: x\n  more")), ["Error: x", "error: x", "  more"]);
        let other = "Error: x\nUsage:\n  tool [flags]\n\nFlags:\n  -x   That";
        assert_eq!(told(other), other.lines().collect::<Vec<_>>());
    }

    #[test]
    fn the_first_line_counts_and_not_the_usage_after_it() {
        let words = "Error: error resolving dockerfile path: please provide a valid path to a Dockerfile within the build context with --dockerfile";
        let usage =
            "Usage:\n  executor [flags]\n\nFlags:\n      --build-arg multi-arg type   This flag allows\n\nError: x";
        assert_eq!(Log::of(&format!("{words}\n{usage}")).words(), Some(words));
        assert_eq!(Log::of(&format!("2026-11-26T21:14:17.123456789Z {words}\n{usage}")).words(), Some(words));
        assert_eq!(
            Log::of(&format!("build kaniko {words}\n{usage}")).words(),
            Some(words),
            "with another tool's prefix"
        );
        assert_eq!(
            Log::of("Error: flag needs an argument: --context").words(),
            Some("Error: flag needs an argument: --context")
        );
        assert_eq!(Log::of("").words(), None);
    }

    const STAGE_LINE: &str = "\u{1b}[36mINFO\u{1b}[0m[0000] Unpacking rootfs as cmd RUN make requires it. \n";
    const FAILED: &str = "error building image: error building stage: failed to execute command: waiting for process to exit: exit status 7";

    #[test]
    fn a_program_that_fails_is_told_with_its_instruction_and_its_last_lines() {
        let text = format!(
            "{STAGE_LINE}\u{1b}[36mINFO\u{1b}[0m[0000] RUN make   all \nINFO[0000] Running: [/bin/sh -c make   all] \nout\nError: not the executor's\n{FAILED}\n"
        );
        let log = Log::of(&text);
        assert_eq!(log.words(), Some(FAILED));
        let ran = Ran { stages: vec!["RUN make".to_owned()], text: "RUN make   all".to_owned(), repeated: 0 };
        assert_eq!(log.failed_runs(), [ran]);
        assert_eq!(log.output().collect::<Vec<_>>(), ["out", "Error: not the executor's"]);
    }

    #[test]
    fn a_program_that_ends_without_a_line_end_hides_nothing() {
        let log = Log::of(&format!("{STAGE_LINE}INFO[0000] RUN x\nfoo{FAILED}"));
        assert_eq!(log.words(), Some(FAILED));
        assert_eq!(log.output().collect::<Vec<_>>(), ["foo"]);
    }

    #[test]
    fn what_a_collector_of_logs_puts_before_each_line_is_left_out() {
        for prefix in ["kaniko-x build ", "[build] ", "2026-11-26T21:14:17.123456Z 01O ", "2026-11-26T21:14:17+01:00 "]
        {
            let lines =
                [STAGE_LINE.trim_end(), "INFO[0000] RUN x", "INFO[0000] Running: [x]", "Error: y", "foo bar", FAILED];
            let text: String = lines.iter().map(|line| format!("{prefix}{line}\n")).collect();
            let log = Log::of(&text);
            assert_eq!(log.words(), Some(FAILED), "{prefix}");
            assert_eq!(log.failed_runs().last().map(|ran| &*ran.text), Some("RUN x"), "{prefix}");
            assert_eq!(log.output().collect::<Vec<_>>(), ["Error: y", "foo bar"], "{prefix}");
        }
    }

    #[test]
    fn what_a_program_says_is_not_the_executors() {
        for text in [
            "Error: unknown flag: --foo\n",
            "{\"level\":\"error\",\"msg\":\"db down\"}\n",
            "time=\"x\" level=fatal msg=\"no database\"\n",
            "warning: Error: unknown command \"x\" for \"helm\"\n",
        ] {
            for before in [STAGE_LINE, ""] {
                let log = Log::of(&format!("{before}INFO[0000] RUN x\n{text}{FAILED}"));
                assert_eq!((log.words(), log.output().count()), (Some(FAILED), 1), "{text}");
            }
            assert_eq!(Log::of(&format!("{STAGE_LINE}INFO[0000] RUN x\n{text}")).words(), None, "{text}");
        }
        let fake = "error building image: fake\nINFO[0003] Taking snapshot of full filesystem...";
        assert_eq!(Log::of(&format!("{STAGE_LINE}INFO[0000] RUN x\n{fake}")).words(), None);
        let words = "Error: error resolving dockerfile path: please";
        assert_eq!(Log::of(&format!("Error: no cache, going on\n{words}")).words(), Some(words), "of a wrapper");
    }

    #[test]
    fn the_same_instruction_twice_is_told_apart() {
        let ran = |text: &str| format!("INFO[0000] RUN {text}\nINFO[0001] Running: [/bin/sh -c {text}]\n");
        let log = Log::of(&format!("{STAGE_LINE}{}{}{}{FAILED}", ran("x"), ran("y"), ran("x")));
        assert_eq!(log.failed_runs().last().map(|ran| ran.repeated), Some(1));
    }

    #[test]
    fn an_instruction_that_a_program_writes_of_is_not_the_executors() {
        let ran = "INFO[0000] RUN make\nINFO[0001] Running: [/bin/sh -c make]\n";
        let failed = |said: &str| Log::of(&format!("{STAGE_LINE}{ran}{said}{FAILED}"));
        let text = |log: &Log, dockerfile| Ran::last_of(log.failed_runs(), dockerfile).map(|(ran, _)| ran.text.clone());
        let said = failed("INFO[0012] RUN other\n");
        assert_eq!(text(&said, None).as_deref(), Some("RUN make"), "nothing is run after that");
        let executor = failed("INFO[0012] RUN other\nINFO[0013] Running: [/bin/sh -c other]\n");
        let dockerfile = "FROM a\nFROM b\nRUN make\n";
        assert_eq!(text(&executor, Some(dockerfile)).as_deref(), Some("RUN make"), "it is not in the Dockerfile");
        assert_eq!(text(&executor, Some("FROM a\nFROM b\nRUN z\n")).as_deref(), Some("RUN other"));
    }

    #[test]
    fn an_instruction_of_the_log_is_found_in_the_dockerfile() {
        let text = "FROM a\nRUN x\nFROM b\nRUN x\nRUN y &&  \\\n  # why\n  z\nRUN x\n";
        let (first, second) = (&["RUN x"][..], &["RUN x", "RUN x"][..]);
        for (stages, instruction, repeated, line) in [
            (first, "RUN x", 0, Some(2)),
            (second, "RUN x", 1, Some(8)),
            (second, "RUN y &&    z", 0, Some(5)),
            (&["RUN y && z"], "RUN x", 1, Some(8)),
            (second, "RUN q", 0, None),
            (&[], "RUN x", 0, None),
        ] {
            let stages = stages.iter().map(|stage| (*stage).to_owned()).collect();
            let found = Ran { stages, text: instruction.to_owned(), repeated }.find(text);
            assert_eq!(found.map(|span| text[..span.start].lines().count() + 1), line, "{instruction}");
        }
    }

    #[test]
    fn each_format_of_the_log_is_read() {
        for text in [
            "ERRO[0003] Couldn't eval /a with link /a",
            r#"{"level":"error","msg":"Couldn't eval /a with link /a","time":"2026-11-26T21:14:17Z"}"#,
            r#"time="2026-11-26T21:14:17Z" level=error msg="Couldn't eval /a with link /a""#,
        ] {
            assert_eq!(Log::of(text).left_out(), Some("Couldn't eval /a with link /a"), "{text}");
        }
        assert_eq!(Log::of("INFO[0003] Couldn't eval /a").left_out(), None);
        assert_eq!(Log::of("Couldn't eval /a").left_out(), None, "a program's words");
    }

    #[test]
    fn what_is_known_of_a_stage_and_of_standard_input_is_kept() {
        assert!(Log::of("To simulate EOF and exit, press 'Ctrl+D'\n").waits_for_stdin());
        assert!(!Log::of("To simulate EOF and exit, press 'Ctrl+D'\nINFO[0000] x").waits_for_stdin());
        assert!(Log::of("INFO[0000] Deleting filesystem...").cleared());
        assert!(Log::of("Enumerating objects: 3, done.").cloned());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read(lines: Vec<Vec<u8>>) {
            let mut log = Log::default();
            lines.iter().for_each(|line| drop(log.line(line)));
            let _ = (log.words(), log.failed_runs().len(), log.output().count());
        }
    }
}

//! Advice about what is sent: what is big and looks unintended, and what looks like a secret. Pure.
//!
//! Nothing here decides what is sent. [`secret::Suspects`] and [`unintended::candidates`] say from a listing alone what
//! has to be looked at; [`super::facts`] looks at it on disk; [`advice`] makes advice of both. Wherever something looks
//! sent on purpose (the Dockerfile names it, the ignore file takes it back in), there is no advice to leave it
//! out.

mod artifact;
mod git;
mod line;
mod mentions;
pub mod secret;
pub mod unintended;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

pub use self::artifact::{Artifact, recognise};
pub use self::git::GitignoreFile;
use self::line::{ignore_line, ignore_line_anywhere};
use self::mentions::Mentions;
pub use self::secret::{Exposed, HEAD};
use super::dockerignore::Matcher;
use super::listing::{Kind, Listing};
use crate::code::Code;
use crate::sys::OsStrExt;

/// More secrets than this that have one name get one line for all, and no more of them are printed.
pub const ALIKE: usize = 5;

/// What is known about a context besides its listing.
#[derive(Debug, Default)]
pub struct Facts {
    /// The ignore file in force, or the one that would be; none for a context to which none is applied.
    pub ignore_file: Option<IgnoreFile>,
    /// The Dockerfile's text; empty where there is none.
    pub dockerfile: Vec<u8>,
    /// The context's directory, relative to the topmost directory that a [`GitignoreFile`] is in.
    pub prefix: PathBuf,
    /// The `.gitignore` files that bear on [candidates](unintended::candidates).
    pub gitignores: Vec<GitignoreFile>,
    /// Large files that are recognised, by index of the entry.
    pub artifacts: Vec<(usize, Artifact)>,
    /// What looks like a secret.
    pub exposed: Vec<Exposed>,
    /// Whether it is on a disk that keeps no permission bits.
    pub without_modes: bool,
}

/// The file that lines are advised for.
#[derive(Debug)]
pub struct IgnoreFile {
    /// As a user would name it.
    pub path: PathBuf,
    /// Its content, if there is such a file.
    pub content: Option<Vec<u8>>,
}

/// One piece of advice. It never holds content of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// What it is about.
    pub code: Code,
    /// The entry it is about, relative to the context's root; empty if it is about all of them.
    pub path: PathBuf,
    /// The line of that file, if one is meant.
    pub line: Option<usize>,
    /// One phrase.
    pub message: String,
    /// The evidence.
    pub notes: Vec<String>,
    /// The line that leaves the entry out, if that is advised. Secrets of one name can share it.
    pub ignore_line: Option<String>,
    /// One action.
    pub help: Option<String>,
}

/// All there is to advise: secrets in archive order, those that share a line beside the first of them, then what is
/// big, the largest first, and what is so of all.
pub fn advice(listing: &Listing, facts: &Facts) -> Vec<Advice> {
    let dockerfile = String::from_utf8_lossy(&facts.dockerfile);
    let purpose = Purpose::of(facts, &dockerfile);
    let secrets = facts.exposed.iter().map(|exposed| about_secret(listing, exposed, &purpose, facts)).collect();
    let mut advice = with_shared_lines(listing, facts, secrets);
    advice.extend(unintended::advice(listing, facts, &purpose));
    advice.extend(facts.without_modes.then(about_modes));
    advice
}

/// That modes are made up, in one phrase.
pub const WITHOUT_MODES: &str = "the disk keeps no permission bits: all that is sent can be executed, `0755`";

fn about_modes() -> Advice {
    Advice {
        code: Code::ContextModes,
        path: PathBuf::new(),
        line: None,
        message: WITHOUT_MODES.to_owned(),
        notes: vec!["`docker build` does the same here; what is read-only is `0555`".to_owned()],
        ignore_line: None,
        help: None,
    }
}

fn about_secret(listing: &Listing, exposed: &Exposed, purpose: &Purpose, facts: &Facts) -> Advice {
    let path = &listing.entries[exposed.entry].path;
    let deliberate = purpose.of_path(path);
    let ignore_line = if deliberate.is_none() { ignore_line(path, false) } else { None };
    Advice {
        code: Code::ContextSecret,
        path: path.clone(),
        line: exposed.line,
        message: secret_message(listing, exposed),
        notes: deliberate.into_iter().map(str::to_owned).collect(),
        help: facts.help(ignore_line.as_deref()),
        ignore_line,
    }
}

/// Gives secrets the lines that they share, and puts them beside the first of their name.
fn with_shared_lines(listing: &Listing, facts: &Facts, secrets: Vec<Advice>) -> Vec<Advice> {
    let shared = shared_lines(listing, &secrets);
    let placed = |(index, advice): (usize, Advice)| match advice.path.file_name().and_then(|name| shared.get(name)) {
        None => (index, advice),
        Some((first, line)) => {
            (*first, Advice { help: facts.help(Some(line)), ignore_line: Some(line.clone()), ..advice })
        }
    };
    let mut secrets: Vec<(usize, Advice)> = secrets.into_iter().enumerate().map(placed).collect();
    secrets.sort_by_key(|(place, _)| *place);
    secrets.into_iter().map(|(_, advice)| advice).collect()
}

/// Names that many secrets have and nothing else that is sent: the first secret, and the line for them all.
fn shared_lines(listing: &Listing, secrets: &[Advice]) -> HashMap<OsString, (usize, String)> {
    let mut named: HashMap<&OsStr, Vec<usize>> = HashMap::new();
    for (index, advice) in secrets.iter().enumerate().filter(|(_, advice)| advice.ignore_line.is_some()) {
        named.entry(advice.path.file_name().unwrap_or_default()).or_default().push(index);
    }
    named.retain(|_, alike| alike.len() > ALIKE);
    let bearers = |name: &OsStr| listing.entries.iter().filter(|entry| entry.path.file_name() == Some(name)).count();
    named.retain(|name, alike| bearers(name) == alike.len());
    let line = |(name, alike): (&OsStr, Vec<usize>)| {
        Some((name.to_owned(), (alike[0], ignore_line_anywhere(Path::new(name))?)))
    };
    named.into_iter().filter_map(line).collect()
}

/// What looks like a secret, in one phrase.
pub fn secret_message(listing: &Listing, exposed: &Exposed) -> String {
    let path = listing.entries[exposed.entry].path.display();
    let line = exposed.line.map(|line| format!(" in line {line}")).unwrap_or_default();
    format!("`{path}` is sent and looks like a secret: {}{line}", exposed.secret.words())
}

impl Facts {
    /// How the line gets into the ignore file.
    fn help(&self, line: Option<&str>) -> Option<String> {
        let (line, file) = (line?, self.ignore_file.as_ref()?);
        let path = file.path.display();
        Some(match file.content {
            Some(_) => format!("add the line `{line}` to `{path}`"),
            None => format!("create `{path}` with the line `{line}`"),
        })
    }
}

/// What is sent on purpose, as far as it can be told.
#[derive(Debug)]
struct Purpose {
    mentions: Mentions,
    /// None without an ignore file, and for one that Docker refuses: then there is no listing either.
    matcher: Option<Matcher>,
}

impl Purpose {
    fn of(facts: &Facts, dockerfile: &str) -> Self {
        let matcher = facts.ignore_file.as_ref().and_then(|file| Matcher::from_file(file.content.as_ref()?).ok());
        Self { mentions: Mentions::of(dockerfile), matcher }
    }

    /// Why `path` is sent on purpose, if it is.
    fn of_path(&self, path: &Path) -> Option<&'static str> {
        if self.mentions.names(path) {
            return Some("the Dockerfile names it");
        }
        if self.mentions.runs_git() && path.iter().any(|name| name == ".git") {
            return Some("the Dockerfile runs git, which reads it");
        }
        self.is_taken_back(path).then_some("the ignore file takes it back in by name")
    }

    /// Whether a `!` pattern is about this very path or something below it, and not only about a directory above.
    fn is_taken_back(&self, path: &Path) -> bool {
        let Some(matcher) = &self.matcher else { return false };
        let verdict = |path: &Path| matcher.verdict(path.as_os_str().as_bytes()).ok();
        let Some(own) = verdict(path) else { return false };
        let above = path.parent().and_then(verdict).and_then(|verdict| verdict.decided_by);
        // It is sent: if it is excluded, then something below it is taken back.
        let deciding =
            own.decided_by.filter(|_| own.decided_by != above).and_then(|index| matcher.patterns().get(index));
        own.excluded || deciding.is_some_and(|pattern| says_a_name(pattern.original()))
    }
}

/// `!**` and `!*/*` take back everything and mean nothing by it.
fn says_a_name(pattern: &[u8]) -> bool {
    pattern.iter().any(|byte| !matches!(byte, b'!' | b'*' | b'/' | b'.' | b' '))
}

/// The entry as messages name it: a directory ends in a slash.
fn shown(path: &Path, kind: &Kind) -> String {
    let slash = if *kind == Kind::Directory { "/" } else { "" };
    format!("{}{slash}", path.display())
}

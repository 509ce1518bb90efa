//! What is known of an executor that somebody set up, for the rules to judge.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Finding, Severity, Span};
use crate::code::Code;
use crate::executor::files::{Follow, Found, Kind, Mount, Pod, local};
use crate::executor::flags::{self, ArgumentError, Given};
use crate::executor::resolve::{Candidate, Context, End, NO_DOCKERFILE, Outcome, Resolution, Setup, resolve};
use crate::gopath;

/// What is known.
pub struct Facts<'a> {
    /// How it is started.
    pub setup: &'a Setup<'a>,
    /// How far it comes.
    pub resolution: &'a Resolution,
    /// What of this disk it sees.
    pub mounts: &'a [Mount],
    /// Which of its paths are on this machine's disk, though the executor sees nothing of that.
    pub here: &'a [Here],
    /// Where its arguments are written, if that is in a file.
    pub places: &'a BTreeMap<usize, Span>,
}

/// A path among its arguments that is one of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Here {
    /// The flag that has it.
    pub flag: &'static str,
    /// As given, without a scheme.
    pub path: String,
    /// Where the same file is in the pod, if a mount has it.
    pub in_pod: Option<Vec<u8>>,
}

/// Directories that are looked at in search of a file.
const DIRECTORIES_LIMIT: usize = 1000;

impl Facts<'_> {
    /// The executor's own words, if it fails before it builds.
    pub fn failure(&self) -> Option<&str> {
        match &self.resolution.end {
            End::Failed(words) => Some(words.as_str()).filter(|words| words.starts_with("Error: ")),
            End::Built | End::NoBuild | End::Unknown(_) => None,
        }
    }

    /// Whether it fails because it finds no Dockerfile: the failure that most people come with.
    pub fn has_no_dockerfile(&self) -> bool {
        self.failure().is_some_and(|words| words.contains(NO_DOCKERFILE))
    }

    /// Whether it fails at the context.
    pub fn fails_at_context(&self) -> bool {
        self.failure().is_some_and(|words| words.starts_with("Error: error resolving source context: "))
    }

    /// Whether it fails at the Dockerfile.
    pub fn fails_at_dockerfile(&self) -> bool {
        self.failure().is_some_and(|words| words.starts_with("Error: error resolving dockerfile path: "))
    }

    /// Why it does not take its arguments, and which one of them.
    pub fn argument_error(&self) -> Option<(ArgumentError, &str)> {
        let error = flags::parse(self.setup.arguments, self.setup.image.family).err()?;
        let argument = self.setup.arguments.get(error.index)?;
        Some((error, argument))
    }

    /// The context, if it came so far.
    pub fn context(&self) -> Option<&Context> {
        self.resolution.context.as_ref()
    }

    /// The context, if it is a directory that has to be there: neither unpacked nor cloned.
    pub fn directory_context(&self) -> Option<&Context> {
        self.resolution.directory_context()
    }

    /// The flags whose values a look is due at: those that decide over what it fails at, or all that are given,
    /// destinations first, as a mistake there is the worst.
    pub fn suspects(&self) -> Vec<&Given> {
        let Some(flags) = &self.resolution.flags else { return vec![] };
        match self.failure() {
            None => {
                let (first, rest): (Vec<_>, Vec<_>) = flags.iter().partition(|given| given.name == "destination");
                [first, rest].concat()
            }
            Some(_) if self.fails_at_context() || self.fails_at_dockerfile() => {
                let names = ["context", "bucket", "context-sub-path", "dockerfile"];
                names.iter().filter_map(|name| flags.last(name)).collect()
            }
            Some(_) => vec![],
        }
    }

    /// Whether it would find a Dockerfile with these arguments too: of a flag, the last one counts.
    pub fn builds_with(&self, further: &[&str]) -> bool {
        let further = further.iter().map(|argument| (*argument).to_owned());
        let arguments: Vec<String> = self.setup.arguments.iter().cloned().chain(further).collect();
        let resolution = resolve(&Setup { arguments: &arguments, ..*self.setup });
        resolution.dockerfile.is_some_and(|dockerfile| dockerfile.chosen.is_some())
    }

    /// Help that names a flag, if it would find a Dockerfile with it.
    pub fn help_with(&self, flag: &str) -> Option<String> {
        self.builds_with(&[flag]).then(|| format!("use `{flag}`"))
    }

    /// How far it would come if it started in this directory.
    pub fn within(&self, directory: &str) -> Resolution {
        resolve(&Setup { working_directory: Some(directory), ..*self.setup })
    }

    /// The directory it starts in.
    pub fn directory(&self) -> &str {
        self.setup.working_directory.unwrap_or_else(|| self.setup.image.working_directory())
    }

    /// The flag that counts, if it is given.
    pub fn flag(&self, name: &str) -> Option<&Given> {
        self.resolution.flags.as_ref()?.last(name)
    }

    /// What is at a path from the root of the pod; a symlink at its end is followed.
    pub fn find(&self, path: &[u8]) -> Option<Found> {
        Pod::new(self.setup.files).find(path, b"/", Follow::All).ok()
    }

    /// What is in a file at a path from the root of the pod.
    pub fn content(&self, path: &[u8]) -> Option<Vec<u8>> {
        Pod::new(self.setup.files).content(&self.find(path)?.path)
    }

    /// A path of the executor's from the root of the pod.
    pub fn absolute(&self, path: &[u8]) -> Vec<u8> {
        gopath::absolute(path, self.directory().as_bytes())
    }

    /// The names in a directory from the root of the pod.
    pub fn names(&self, directory: &[u8]) -> Vec<Vec<u8>> {
        let pod = Pod::new(self.setup.files);
        pod.find(directory, b"/", Follow::All).map(|found| pod.names(&found.path)).unwrap_or_default()
    }

    /// Whether a directory is at a path from the root of the pod.
    pub fn is_directory(&self, path: &[u8]) -> bool {
        self.find(path).is_some_and(|found| found.kind == Kind::Directory)
    }

    /// The files of this name below a directory, the nearest first, as paths from there. Symlinks are not followed.
    pub fn files_named(&self, name: &[u8], directory: &[u8]) -> Vec<Vec<u8>> {
        let pod = Pod::new(self.setup.files);
        let mut found = vec![];
        let mut ahead = vec![vec![]];
        let mut next = 0;
        while let Some(below) = ahead.get(next).filter(|_| next < DIRECTORIES_LIMIT).cloned() {
            next += 1;
            for entry in self.names(&gopath::join(&[directory, &below])) {
                let path = gopath::join(&[&below, &entry]);
                match pod.find(&gopath::join(&[directory, &path]), b"/", Follow::NotTheLast).map(|found| found.kind) {
                    Ok(Kind::File) if entry == name => found.push(path),
                    // What others made is not what anybody means.
                    Ok(Kind::Directory) if ![&b".git"[..], b"node_modules", b"proc", b"sys"].contains(&&entry[..]) => {
                        ahead.push(path);
                    }
                    _ => {}
                }
            }
        }
        found
    }

    /// Where a path from the root of the pod is on this disk.
    pub fn local(&self, path: &[u8]) -> Option<PathBuf> {
        local(self.mounts, path)
    }

    /// An error about an argument, with the executor's own words.
    pub fn error(&self, code: Code, argument: Option<usize>, message: String) -> Finding {
        let mut finding = self.finding(code, Severity::Error, argument, message);
        finding.notes.extend(self.failure().map(|words| format!("the executor ends with `{words}`")));
        finding
    }

    /// An error with the executor's own words where it fails, a warning where it does not.
    pub fn judge(&self, code: Code, argument: Option<usize>, message: String) -> Finding {
        match self.failure() {
            Some(_) => self.error(code, argument, message),
            None => self.finding(code, Severity::Warning, argument, message),
        }
    }

    /// A finding about an argument.
    pub fn finding(&self, code: Code, severity: Severity, argument: Option<usize>, message: String) -> Finding {
        let spans = argument.and_then(|index| self.places.get(&index)).cloned().into_iter().collect();
        Finding { code, severity, message, spans, notes: vec![], help: None }
    }

    /// One line for each path where it looked for a Dockerfile.
    pub fn tried(&self) -> Vec<String> {
        let candidates = self.resolution.dockerfile.iter().flat_map(|dockerfile| &dockerfile.candidates);
        candidates.map(|candidate| self.tried_line(candidate)).collect()
    }

    fn tried_line(&self, candidate: &Candidate) -> String {
        let shown = shown(&candidate.path);
        let outcome = match candidate.outcome {
            Outcome::Missing => "not there",
            Outcome::Chosen => "built from",
            Outcome::Unusable => "there, and no file that can be read",
            Outcome::Shadowed => "there, but another one came first",
        };
        match self.local(&candidate.path) {
            Some(local) => format!("tried `{shown}`, which is `{}` here: {outcome}", local.display()),
            None => format!("tried `{shown}`: {outcome}"),
        }
    }
}

/// A path as it is printed.
pub fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

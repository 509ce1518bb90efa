//! What is known of an executor that somebody set up, for the rules to judge.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Finding, Severity, Span};
use crate::code::Code;
use crate::executor::files::{Follow, Found, Mount, Pod, local};
use crate::executor::flags::Given;
use crate::executor::resolve::{Candidate, End, Outcome, Resolution, Setup};

/// What is known.
pub struct Facts<'a> {
    /// How it is started.
    pub setup: &'a Setup<'a>,
    /// How far it comes.
    pub resolution: &'a Resolution,
    /// What of this disk it sees.
    pub mounts: &'a [Mount],
    /// Which of its paths are on this machine's disk, though the executor sees nothing of that.
    pub here: &'a [Vec<u8>],
    /// Where its arguments are written, if that is in a file.
    pub places: &'a BTreeMap<usize, Span>,
}

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
        self.failure().is_some_and(|words| words.contains("please provide a valid path to a Dockerfile"))
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

    /// The names in a directory from the root of the pod.
    pub fn names(&self, directory: &[u8]) -> Vec<Vec<u8>> {
        let pod = Pod::new(self.setup.files);
        pod.find(directory, b"/", Follow::All).map(|found| pod.names(&found.path)).unwrap_or_default()
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

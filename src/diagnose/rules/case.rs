//! A set-up for the tests of rules.

use std::collections::BTreeMap;

use super::findings;
use crate::code::Code;
use crate::diagnose::Finding;
use crate::diagnose::facts::{Facts, Here};
use crate::diagnose::finding::told::{none_of, the_one};
use crate::executor::files::Mount;
use crate::executor::files::told::Told;
use crate::executor::image::Image;
use crate::executor::resolve::{Setup, Stdin, resolve};

/// An executor with these arguments, `--no-push` too, that sees these files ([`Told::of`]).
pub(super) struct Case {
    arguments: Vec<String>,
    files: Told,
    image: Image,
    directory: Option<&'static str>,
    stdin: Stdin,
    mounts: Vec<Mount>,
    here: Vec<Here>,
    environment: BTreeMap<String, String>,
}

impl Case {
    pub(super) fn of(arguments: &[&str], files: &[&str]) -> Self {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--no-push"]).collect();
        Self::exactly(&arguments, files)
    }

    /// With no other arguments.
    pub(super) fn exactly(arguments: &[&str], files: &[&str]) -> Self {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Self {
            arguments,
            files: Told::of(files),
            image: Image::default(),
            directory: None,
            stdin: Stdin::Device,
            mounts: vec![],
            here: vec![],
            environment: BTreeMap::new(),
        }
    }

    /// Of this image, by name.
    pub(super) fn image(self, name: &str) -> Self {
        Self { image: Image::named(name), ..self }
    }

    /// Started in this directory.
    pub(super) fn directory(self, directory: &'static str) -> Self {
        Self { directory: Some(directory), ..self }
    }

    /// Somebody sends to its standard input.
    pub(super) fn streaming(self) -> Self {
        Self { stdin: Stdin::Stream, ..self }
    }

    /// With a variable in its environment.
    pub(super) fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// With a directory of this machine in the pod.
    pub(super) fn mount(mut self, local: &str, pod: &str) -> Self {
        self.mounts.push(Mount { local: local.into(), pod: pod.into() });
        self
    }

    /// With a file of these bytes in the pod.
    pub(super) fn holding(mut self, path: &str, content: Vec<u8>) -> Self {
        self.files.hold(path, content);
        self
    }

    /// With a path of this machine as a flag's value.
    pub(super) fn here(mut self, flag: &'static str, path: &str, in_pod: Option<&str>) -> Self {
        self.here.push(Here { flag, path: path.to_owned(), in_pod: in_pod.map(Into::into) });
        self
    }

    /// The one finding with this code.
    #[track_caller]
    pub(super) fn finding(&self, code: Code) -> Finding {
        the_one(&self.findings(), code)
    }

    #[track_caller]
    pub(super) fn no_finding(&self, code: Code) {
        none_of(&self.findings(), code);
    }

    /// The codes of all findings.
    pub(super) fn codes(&self) -> Vec<Code> {
        self.findings().iter().map(|finding| finding.code).collect()
    }

    fn findings(&self) -> Vec<Finding> {
        let setup = Setup {
            image: self.image,
            arguments: &self.arguments,
            working_directory: self.directory,
            environment: &self.environment,
            stdin: self.stdin,
            mounts: &[],
            files: &self.files,
        };
        findings(&Facts {
            setup: &setup,
            resolution: &resolve(&setup),
            mounts: &self.mounts,
            here: &self.here,
            places: &BTreeMap::new(),
        })
    }
}

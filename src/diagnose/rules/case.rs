//! A set-up for the tests of rules.

use std::collections::BTreeMap;

use super::findings;
use crate::code::Code;
use crate::diagnose::Finding;
use crate::diagnose::facts::Facts;
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
    here: Vec<Vec<u8>>,
}

impl Case {
    pub(super) fn of(arguments: &[&str], files: &[&str]) -> Self {
        let arguments = arguments.iter().copied().chain(["--no-push"]).map(str::to_owned).collect();
        Self {
            arguments,
            files: Told::of(files),
            image: Image::default(),
            directory: None,
            stdin: Stdin::Device,
            mounts: vec![],
            here: vec![],
        }
    }

    /// The one finding with this code.
    #[track_caller]
    pub(super) fn finding(&self, code: Code) -> Finding {
        let found = self.findings();
        let mut with_code = found.iter().filter(|finding| finding.code == code);
        match (with_code.next(), with_code.next()) {
            (Some(finding), None) => finding.clone(),
            _ => panic!("not one `{}`: {found:#?}", code.name()),
        }
    }

    #[track_caller]
    pub(super) fn no_finding(&self, code: Code) {
        let found = self.findings();
        assert!(found.iter().all(|finding| finding.code != code), "{found:#?}");
    }

    fn findings(&self) -> Vec<Finding> {
        let environment = BTreeMap::new();
        let setup = Setup {
            image: self.image,
            arguments: &self.arguments,
            working_directory: self.directory,
            environment: &environment,
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

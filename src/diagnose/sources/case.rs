//! A project for the tests of rules.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Project, findings};
use crate::code::Code;
use crate::context::as_sent;
use crate::context::dockerignore::{Dialect, Rules};
use crate::diagnose::Finding;
use crate::diagnose::finding::told::{none_of, the_one};
use crate::executor::files::told::Told;
use crate::executor::image::{Family, Image};
use crate::executor::resolve::{Setup, Stdin, resolve};

/// A Dockerfile, and the files of its context ([`Told::of`]).
pub(super) struct Case {
    dockerfile: String,
    files: Vec<String>,
    ignore: String,
    family: Family,
}

impl Case {
    pub(super) fn of(dockerfile: &str, files: &[&str]) -> Self {
        let files = files.iter().map(|file| (*file).to_owned()).collect();
        Self { dockerfile: dockerfile.to_owned(), files, ignore: String::new(), family: Family::Upstream }
    }

    pub(super) fn ignoring(mut self, ignore: &str) -> Self {
        ignore.clone_into(&mut self.ignore);
        self
    }

    pub(super) fn family(mut self, family: Family) -> Self {
        self.family = family;
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

    #[track_caller]
    pub(super) fn no_findings(&self) {
        assert_eq!(self.findings(), []);
    }

    pub(super) fn findings(&self) -> Vec<Finding> {
        let rules = Rules::from_file(self.ignore.as_bytes()).unwrap();
        let root = as_sent::root();
        let root_text = String::from_utf8(root.clone()).unwrap();
        let is_sent = |file: &&String| {
            let path = file.trim_start_matches('/').split(['=', ' ']).next().unwrap();
            !rules.judge(Dialect::Docker, path.trim_end_matches('/').as_bytes()).excluded()
        };
        let mut sent: Vec<String> =
            self.files.iter().filter(is_sent).map(|file| format!("{root_text}{file}")).collect();
        sent.push(format!("{root_text}/"));
        sent.push(format!("/kaniko/buildcontext/Dockerfile={}", self.dockerfile));
        sent.push("/kaniko/buildcontext/Dockerfile.dockerignore".to_owned());
        let told = |things: &[String]| Told::of(&things.iter().map(String::as_str).collect::<Vec<_>>());
        let (sent, disk) = (told(&sent), told(&self.files));
        let arguments = [
            format!("--context=dir://{root_text}"),
            "--dockerfile=/kaniko/buildcontext/Dockerfile".to_owned(),
            "--no-push".to_owned(),
        ];
        let resolution = resolve(&Setup {
            image: Image { family: self.family, ..Image::default() },
            arguments: &arguments,
            working_directory: None,
            environment: &BTreeMap::new(),
            stdin: Stdin::Device,
            mounts: &[],
            files: &sent,
        });
        let links: Vec<Vec<u8>> = self
            .files
            .iter()
            .filter(is_sent)
            .filter_map(|file| Some(file.split_once(" -> ")?.0.trim_start_matches('/').into()))
            .collect();
        findings(&Project {
            dockerfile: Path::new("Dockerfile"),
            text: &self.dockerfile,
            family: self.family,
            resolution: &resolution,
            ignore_file: None,
            ignore: self.ignore.as_bytes(),
            rules: &rules,
            disk: &disk,
            sent: &sent,
            root: &root,
            links: &links,
            above: None,
        })
    }
}

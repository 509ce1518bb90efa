//! A project for the tests of rules.

use std::ops::Range;
use std::path::Path;

use super::{Project, findings};
use crate::code::Code;
use crate::context::as_sent;
use crate::context::dockerignore::{Dialect, Rules};
use crate::diagnose::Finding;
use crate::diagnose::finding::told::{none_of, the_one};
use crate::executor::files::told::Told;
use crate::executor::image::{Family, Image};
use crate::executor::resolve::{Setup, resolve};
use crate::repair::Plan;

/// A Dockerfile, and the files of its context ([`Told::of`]).
pub(super) struct Case {
    dockerfile: String,
    files: Vec<String>,
    ignore: String,
    family: Family,
    place: Place,
    here: Option<&'static str>,
    empty: Vec<(&'static str, Range<usize>)>,
    argument: Option<&'static str>,
    /// Files that are no text.
    bytes: Vec<(&'static str, Vec<u8>)>,
}

/// How the executor comes to the files.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// This tool sends them.
    Sent,
    /// Somebody has mounted them at the executor's default.
    Mounted,
    /// The same, and the context is a symlink to them.
    Behind,
}

impl Case {
    pub(super) fn of(dockerfile: &str, files: &[&str]) -> Self {
        let files = files.iter().map(|file| (*file).to_owned()).collect();
        let dockerfile = dockerfile.to_owned();
        Self {
            dockerfile,
            files,
            ignore: String::new(),
            family: Family::Upstream,
            place: Place::Sent,
            here: None,
            empty: vec![],
            argument: None,
            bytes: vec![],
        }
    }

    /// With arguments that stay empty.
    pub(super) fn empty(self, empty: Vec<(&'static str, Range<usize>)>) -> Self {
        Self { empty, ..self }
    }

    /// With a file of any bytes.
    pub(super) fn holding(mut self, path: &'static str, content: Vec<u8>) -> Self {
        self.bytes.push((path, content));
        self
    }

    /// With an archive that is cut, so that nobody knows what is in it.
    pub(super) fn holding_archive(self, path: &'static str) -> Self {
        let mut header = tar::Header::new_gnu();
        header.set_path("a").unwrap();
        header.set_size(3000);
        header.set_cksum();
        self.holding(path, header.as_bytes().to_vec())
    }

    /// With one more argument of the executor.
    pub(super) fn argument(self, argument: &'static str) -> Self {
        Self { argument: Some(argument), ..self }
    }

    /// With the files in a volume, and the ignore file among them.
    pub(super) fn mounted(self) -> Self {
        Self { place: Place::Mounted, ..self }
    }

    /// The same, with a symlink to that directory as the context.
    pub(super) fn mounted_behind_a_symlink(self) -> Self {
        Self { place: Place::Behind, ..self }
    }

    /// With the files in this directory of this machine.
    pub(super) fn here(self, directory: &'static str) -> Self {
        Self { here: Some(directory), ..self }
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
        match self.place {
            Place::Sent => self.findings_of_sent(),
            Place::Mounted => self.findings_of_mounted(&[], b"/workspace"),
            Place::Behind => self.findings_of_mounted(&["--context=/c".to_owned()], b"/c"),
        }
    }

    fn findings_of_sent(&self) -> Vec<Finding> {
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
        let links: Vec<Vec<u8>> = self
            .files
            .iter()
            .filter(is_sent)
            .filter_map(|file| Some(file.split_once(" -> ")?.0.trim_start_matches('/').into()))
            .collect();
        let arguments =
            [format!("--context=dir://{root_text}"), "--dockerfile=/kaniko/buildcontext/Dockerfile".to_owned()];
        self.found(&sent, &arguments, &root, Some((self.ignore.as_bytes(), &rules)), &links)
    }

    fn findings_of_mounted(&self, arguments: &[String], root: &[u8]) -> Vec<Finding> {
        let mut mounted: Vec<String> = self.files.iter().map(|file| format!("/workspace{file}")).collect();
        mounted.push(format!("/workspace/Dockerfile={}", self.dockerfile));
        mounted.push(format!("/workspace/.dockerignore={}", self.ignore));
        mounted.push("/c -> workspace".to_owned());
        self.found(&mounted, arguments, root, None, &[])
    }

    fn found(
        &self,
        things: &[String],
        arguments: &[String],
        root: &[u8],
        ignore: Option<(&[u8], &Rules)>,
        links: &[Vec<u8>],
    ) -> Vec<Finding> {
        let told = |things: &[String]| Told::of(&things.iter().map(String::as_str).collect::<Vec<_>>());
        let mut files = told(things);
        for (path, content) in &self.bytes {
            files.hold(&(String::from_utf8_lossy(root) + *path), content.clone());
        }
        let disk = ignore.map_or_else(Told::default, |_| told(&self.files));
        let destination = "--destination=registry.example.com/any".to_owned();
        let more: Vec<String> = self.argument.map(str::to_owned).into_iter().chain([destination]).collect();
        let arguments = [arguments, &more].concat();
        let resolution = resolve(&Setup {
            image: Image { family: self.family, ..Image::default() },
            ..Setup::new(&arguments, &files)
        });
        let mounts = [b"/workspace".to_vec()];
        let none = Rules::from_file(b"").unwrap();
        let (ignore, rules) = ignore.unwrap_or((b"", &none));
        findings(&Project {
            dockerfile: Path::new("Dockerfile"),
            text: &self.dockerfile,
            family: self.family,
            resolution: &resolution,
            ignore_file: None,
            ignore,
            rules,
            disk: &disk,
            sent: &files,
            root,
            links,
            above: None,
            mounts: if self.place == Place::Sent { &[] } else { &mounts },
            here: self.here.map(Path::new),
            plan: &Plan { empty: self.empty.clone(), ..Plan::default() },
        })
    }
}

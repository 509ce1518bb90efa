//! Where the image will not be the one that `docker build` makes: both models of the same Dockerfile, over what is on disk
//! and over what is sent of it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::buildkit::{self, Asked as AskedOfDocker, Contents};
use crate::context::as_sent::{self, Inside};
use crate::context::listing::{Content as Packed, Entry, Kind, Listing};
use crate::context::scan::open;
use crate::context::unpack;
use crate::diagnose::{Finding, fidelity};
use crate::dockerfile::{self, Channel};
use crate::executor::CONTEXT_VOLUME;
use crate::executor::resolve::{End, Resolution};
use crate::gopath;
use crate::members::{Budget, Found};
use crate::repair::Plan;
use crate::rootfs::Content;
use crate::sys::{OsStrExt, Root, walked};

/// What is compared.
pub(super) struct Compared<'a> {
    /// The context's directory.
    pub disk: &'a Disk,
    /// The Dockerfile, as a user would name it.
    pub dockerfile: &'a Path,
    /// What is in it.
    pub text: &'a str,
    /// What is sent, before anything is repaired.
    pub listing: &'a Listing,
    /// What is repaired.
    pub plan: &'a Plan,
    /// What the executor does with it.
    pub resolution: &'a Resolution,
    /// Build arguments, each `KEY=VALUE`; those of the plan come on top.
    pub build_args: &'a [String],
    /// The stage that was asked for.
    pub target: Option<&'a str>,
}

/// Files up to this size are looked into whole.
const TEXT: u64 = 1 << 20;

/// The findings, if both builders get to an image; or if only the executor does.
pub(super) fn findings(compared: &Compared) -> Vec<Finding> {
    let (End::Built, Some(made)) = (&compared.resolution.end, &compared.resolution.made) else { return vec![] };
    let Ok(file) = dockerfile::parse(compared.text) else { return vec![] };
    let Ok(stages) = file.stages(Channel::Any) else { return vec![] };
    let disk = compared.disk;
    let given = compared.build_args.iter().chain(&compared.plan.build_args);
    let given = given.filter_map(|given| given.split_once('='));
    let asked = AskedOfDocker {
        given: given.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        target: compared.target,
        // What of it the executor is told is among the arguments, and what is not is told elsewhere.
        platform: None,
        context: &compared.listing.rootfs(),
        contents: disk,
    };
    let docker = match buildkit::build(&file, &asked) {
        buildkit::End::Built(built) => built,
        buildkit::End::Failed { by, words } => {
            return vec![fidelity::fails(by, &words, compared.dockerfile, compared.text, &stages, &file)];
        }
        buildkit::End::Unknown => return vec![],
    };
    let images = fidelity::Images {
        docker: &docker,
        kaniko: made,
        mounts: &as_sent::mounts(),
        original: &|at| compared.plan.edits.original(&(at..at)).start,
        same: &|theirs, ours| disk.is_same(theirs, ours),
    };
    fidelity::findings(&images, compared.dockerfile, compared.text, &stages, &file)
}

/// Where what is packed in the place of something else, or beside the context, comes from.
fn packed(plan: &Plan) -> HashMap<Vec<u8>, Content> {
    let instead = plan.replaced.iter().flat_map(|replaced| &replaced.with);
    let root = as_sent::root();
    let beside = plan.beside.iter().map(|entry| (gopath::join(&[CONTEXT_VOLUME.as_bytes(), path(entry)]), entry));
    let within = instead.map(|entry| (gopath::join(&[&root, path(entry)]), entry));
    beside.chain(within).filter_map(|(pod, entry)| Some((pod, content(entry)?))).collect()
}

fn path(entry: &Entry) -> &[u8] {
    entry.path.as_os_str().as_bytes()
}

fn content(entry: &Entry) -> Option<Content> {
    let Kind::File { content, .. } = &entry.kind else { return None };
    Some(match content {
        Packed::Disk => Content::Context(path(entry).to_vec()),
        Packed::At(path) => Content::Context(path.as_os_str().as_bytes().to_vec()),
        Packed::Memory(bytes) => match str::from_utf8(bytes) {
            Ok(text) => Content::Text(text.to_owned()),
            Err(_) => Content::Unknown,
        },
        Packed::Spooled(_) => Content::Unknown,
    })
}

/// What is in the context's files.
pub(super) struct Disk {
    root: Root,
    /// Archives that are sent without their compression.
    unpacked: Vec<Vec<u8>>,
    /// By path in the pod.
    packed: HashMap<Vec<u8>, Content>,
    /// Archives that were looked into: by path in the context.
    found: RefCell<HashMap<Vec<u8>, Found>>,
    budget: Budget,
}

impl Disk {
    /// Of a context's directory, for what is sent by this plan.
    pub(super) fn new(root: &Path, plan: &Plan) -> Option<Self> {
        let unpacked = plan.unpack.iter().map(|unpack| unpack.path.as_os_str().as_bytes().to_vec()).collect();
        Some(Self {
            root: open(root).ok()?,
            unpacked,
            packed: packed(plan),
            found: RefCell::default(),
            budget: Budget::default(),
        })
    }

    /// What the executor finds, in terms of what is on disk.
    fn real(&self, content: &Content) -> Content {
        let pod = match content {
            Content::Pod(path) => path.clone(),
            Content::Context(path) => gopath::join(&[&as_sent::root(), path]),
            other => return other.clone(),
        };
        self.packed.get(&pod).unwrap_or(content).clone()
    }

    fn is_same(&self, docker: &Content, kaniko: &Content) -> bool {
        match (docker, &self.real(kaniko)) {
            (theirs, ours) if theirs == ours => true,
            (Content::Text(theirs), Content::Text(ours)) => theirs == ours,
            (theirs, ours) => match (self.open(theirs), self.open(ours)) {
                (Some(theirs), Some(ours)) => is_same(theirs, ours),
                _ => false,
            },
        }
    }

    /// What is on disk for a file in the pod.
    fn sent(&self, pod: &[u8]) -> Content {
        let context = as_sent::root();
        self.real(&match gopath::below(pod, &context) {
            Some(path) => Content::Context(path.to_vec()),
            None => Content::Pod(pod.to_vec()),
        })
    }

    fn start_of(&self, content: &Content, bytes: usize) -> Option<Vec<u8>> {
        let mut start = Vec::new();
        self.open(content)?.take(bytes as u64).read_to_end(&mut start).ok()?;
        Some(start)
    }

    fn open(&self, content: &Content) -> Option<File> {
        let Content::Context(path) = content else { return None };
        self.root.open_file(walked(path)).ok()
    }
}

/// Whether two files hold the same.
fn is_same(mut one: File, mut other: File) -> bool {
    let size = |file: &File| file.metadata().map(|metadata| metadata.len()).ok();
    if size(&one) != size(&other) {
        return false;
    }
    let (mut first, mut second) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let Ok(read) = one.read(&mut first) else { return false };
        if other.read_exact(&mut second[..read]).is_err() || first[..read] != second[..read] {
            return false;
        }
        if read == 0 {
            return true;
        }
    }
}

impl Inside for Disk {
    /// None of an archive that is sent without its compression.
    fn start(&self, file: &[u8], bytes: usize) -> Option<Vec<u8>> {
        match self.sent(file) {
            Content::Text(text) => Some(text.into_bytes()),
            Content::Context(path) if self.unpacked.contains(&path) => None,
            content => self.start_of(&content, bytes),
        }
    }

    fn found(&self, file: &[u8]) -> Found {
        Contents::found(self, &self.sent(file))
    }
}

impl Contents for Disk {
    fn text(&self, content: &Content) -> Option<Vec<u8>> {
        if let Content::Text(text) = content {
            return Some(text.clone().into_bytes());
        }
        let mut bytes = Vec::new();
        self.open(content)?.take(TEXT).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    fn found(&self, content: &Content) -> Found {
        let path = match content {
            Content::Context(path) => path,
            Content::Text(_) => return Found::File,
            Content::Member(..) | Content::Pod(_) | Content::Unknown => return Found::Unknown,
        };
        let look = || self.open(content).map_or(Found::Unknown, |file| unpack::found(&file, &self.budget));
        self.found.borrow_mut().entry(path.clone()).or_insert_with(look).clone()
    }
}

//! Where two images of one Dockerfile differ, as data.

use std::collections::BTreeSet;

use crate::buildkit::Built;
use crate::executor::resolve::Made;
use crate::gopath;
use crate::rootfs::{Content, Id, Kind, Node, Owner, Setting};

/// What is compared.
pub struct Images<'a> {
    /// As `docker build` makes it.
    pub docker: &'a Built,
    /// As the executor makes it.
    pub kaniko: &'a Made,
    /// Where the executor's instructions are in the user's Dockerfile: it may be given a changed copy.
    pub original: &'a dyn Fn(usize) -> usize,
    /// Where something is mounted in the pod.
    pub mounts: &'a [Vec<u8>],
    /// Whether there is the same in two files.
    pub same: &'a dyn Fn(&Content, &Content) -> bool,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What of the image.
    pub subject: Subject,
    /// How it differs.
    pub what: What,
    /// The instruction that makes it so, by its place in the user's Dockerfile in bytes.
    pub by: usize,
}

/// A part of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A path in its file system.
    Path(Vec<u8>),
    /// A setting, and its name if it has one.
    Setting(Setting, String),
}

/// How images differ, as `docker build` has it and as Kaniko has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Kaniko does not have it.
    Missing,
    /// Only Kaniko has it.
    Added,
    /// Another kind of thing, another content, another symlink.
    Other(String, String),
    /// Other permission bits.
    Mode(u32, u32),
    /// Another owner.
    Owner(Owner, Owner),
    /// Another value.
    Value(String, String),
}

/// Every difference that is known, those of files first.
pub fn differences(images: &Images) -> Vec<Difference> {
    let (docker, kaniko) = (images.docker, images.kaniko);
    let mut untold: BTreeSet<usize> = docker.untold.clone();
    untold.extend(kaniko.untold.iter().map(|by| (images.original)(*by)));
    let mut found = Vec::new();
    for (path, theirs) in docker.rootfs.iter() {
        let subject = || Subject::Path(path.to_vec());
        match kaniko.rootfs.get(path) {
            // An image may have it; what is missing in it says all there is to say.
            None if theirs.is_directory() && !docker.is_known && docker.rootfs.below(path).next().is_some() => {}
            None => found.push(Difference { subject: subject(), what: What::Missing, by: theirs.by }),
            Some(ours) => {
                let by = (images.original)(ours.by);
                found.extend(of_nodes(images, path, theirs, ours).map(|what| Difference {
                    subject: subject(),
                    what,
                    by,
                }));
            }
        }
    }
    for (path, node) in kaniko.rootfs.iter() {
        if docker.rootfs.get(path).is_none() && !is_of_volume(path, node, images) && !is_of_pod(path, node, images) {
            let by = (images.original)(node.by);
            found.push(Difference { subject: Subject::Path(path.to_vec()), what: What::Added, by });
        }
    }
    found.extend(of_settings(images));
    found.retain(|difference| !untold.contains(&difference.by));
    found
}

/// What differs in a thing that both have: what matters most.
fn of_nodes(images: &Images, path: &[u8], docker: &Node, kaniko: &Node) -> Option<What> {
    let told = |node: &Node| match &node.kind {
        Kind::Directory => "a directory".to_owned(),
        Kind::File(_) => "a file".to_owned(),
        Kind::Symlink(target) => format!("a symlink to `{}`", String::from_utf8_lossy(target)),
    };
    match (&docker.kind, &kaniko.kind) {
        (Kind::File(theirs), Kind::File(ours)) if !is_known_to_differ(images, theirs, ours) => {}
        (Kind::File(theirs), Kind::File(ours)) => return Some(What::Other(content(theirs), content(ours))),
        (theirs, ours) if theirs != ours => return Some(What::Other(told(docker), told(kaniko))),
        _ => {}
    }
    // In an image there may be directories already that are made here on the way to something; what an archive names gets
    // what the archive says.
    let is_named = images.kaniko.named.contains(&(kaniko.by, path.to_vec()));
    let is_made_by_both = docker.by == (images.original)(kaniko.by);
    if docker.is_directory() && !images.docker.is_known && is_made_by_both && !is_named {
        return None;
    }
    let is_link = matches!(docker.kind, Kind::Symlink(_));
    if !is_link && docker.mode != kaniko.mode {
        return Some(What::Mode(docker.mode, kaniko.mode));
    }
    is_other(docker.owner, kaniko.owner).then_some(What::Owner(docker.owner, kaniko.owner))
}

fn is_known_to_differ(images: &Images, docker: &Content, kaniko: &Content) -> bool {
    *docker != Content::Unknown && *kaniko != Content::Unknown && !(images.same)(docker, kaniko)
}

fn content(content: &Content) -> String {
    match content {
        Content::Context(path) => format!("`{}` of the context", String::from_utf8_lossy(path)),
        Content::Member(archive, _) => format!("a file of `{}`", String::from_utf8_lossy(archive)),
        Content::Text(_) => "a text of the Dockerfile".to_owned(),
        Content::Pod(path) => format!("`{}` of the executor's own", String::from_utf8_lossy(path)),
        Content::Unknown => "a file".to_owned(),
    }
}

fn is_other(docker: Owner, kaniko: Owner) -> bool {
    let is_other = |theirs, ours| theirs != ours && theirs != Id::Unknown && ours != Id::Unknown;
    is_other(docker.user, kaniko.user) || is_other(docker.group, kaniko.group)
}

/// The executor makes an empty directory of each volume, which does no harm.
fn is_of_volume(path: &[u8], node: &Node, images: &Images) -> bool {
    node.is_directory()
        && images.kaniko.rootfs.below(path).all(|(_, node)| node.is_directory())
        && images.kaniko.settings.keys().any(|(setting, name)| {
            let volume = gopath::absolute(name.as_bytes(), b"/");
            *setting == Setting::Volume && gopath::below(&volume, path).is_some()
        })
}

/// A directory of the executor's own image, empty in ours: it comes along where a symlink leads to it.
fn is_of_pod(path: &[u8], node: &Node, images: &Images) -> bool {
    const OWN: [&[u8]; 5] = [b"/etc", b"/dev", b"/proc", b"/sys", b"/workspace"];
    node.is_directory() && OWN.contains(&path) && images.kaniko.rootfs.below(path).next().is_none()
}

fn of_settings(images: &Images) -> Vec<Difference> {
    let (docker, kaniko) = (&images.docker.settings, &images.kaniko.settings);
    let mut found = Vec::new();
    for ((setting, name), theirs) in docker {
        let subject = Subject::Setting(*setting, name.clone());
        match kaniko.get(&(*setting, name.clone())) {
            None => found.push(Difference { subject, what: What::Missing, by: theirs.by }),
            Some(ours) if ours.value != theirs.value => {
                let what = What::Value(theirs.value.clone(), ours.value.clone());
                found.push(Difference { subject, what, by: theirs.by });
            }
            Some(_) => {}
        }
    }
    for ((setting, name), ours) in kaniko {
        if !docker.contains_key(&(*setting, name.clone())) {
            let (subject, by) = (Subject::Setting(*setting, name.clone()), (images.original)(ours.by));
            found.push(Difference { subject, what: What::Added, by });
        }
    }
    found
}

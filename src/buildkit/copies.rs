//! What `COPY` and `ADD` put where: BuildKit v0.34.2 `solver/llbsolver/file/backend.go` (`docopy`) and fsutil's `copy`
//! package, which it calls. Both file systems are data here.

use std::collections::HashSet;

use super::Contents;
use super::unpack::unpack;
use crate::dockerfile::ExpandError;
use crate::gopath;
use crate::members::Found;
use crate::rootfs::{Content, DIRECTORY_MODE, Kind, Node, Owner, RootFs};

/// One source and where it goes.
pub(super) struct Request {
    /// As `cleanPath` leaves it: from the root, a slash or `/.` at its end kept.
    pub source: Vec<u8>,
    /// The same.
    pub destination: Vec<u8>,
    /// Whether the source may be a pattern and a symlink to follow; a heredoc's file is neither.
    pub is_path: bool,
    pub owner: Option<Owner>,
    /// `--chmod`, in numbers.
    pub mode: Option<u32>,
    /// Whether archives are unpacked.
    pub unpack: bool,
    /// The instruction.
    pub by: usize,
}

/// Why nothing is known, or nothing is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stop {
    /// It fails, in words that are near the builder's.
    Failed(String),
    /// It fails over a source that is not there.
    NotFound(Vec<u8>),
    /// That depends on something nobody knows.
    Unknown,
}

impl From<ExpandError> for Stop {
    fn from(error: ExpandError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<crate::rootfs::TooManyLinks> for Stop {
    fn from(error: crate::rootfs::TooManyLinks) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Copies what `request` asks for from one root to another.
pub(super) fn copy(from: &RootFs, to: &mut RootFs, request: &Request, contents: &dyn Contents) -> Result<(), Stop> {
    let sources = match request.is_path {
        true => matching(from, &request.source)?,
        false => vec![gopath::clean(&request.source)],
    };
    for source in sources {
        let (archive, members) = match found(from, &source, request, contents)? {
            (_, Found::File | Found::Hollow(_)) => {
                copy_one(from, &source, to, request)?;
                continue;
            }
            (archive, Found::Archive(members)) => (archive, members),
            (archive, Found::Unknown) => (archive, None),
        };
        let destination = to.resolve(&request.destination)?;
        make_directories(to, &destination, DIRECTORY_MODE, request.owner, request.by)?;
        match members {
            Some(members) => unpack(&members, &archive, to, &destination, request)?,
            None => return Err(Stop::Unknown),
        }
    }
    Ok(())
}

/// What a source is in fact: itself, or what its pattern matches (`ResolveWildcards`).
pub(super) fn matching(from: &RootFs, source: &[u8]) -> Result<Vec<Vec<u8>>, Stop> {
    let source = gopath::clean(source);
    let parts: Vec<&[u8]> = source.split(|&byte| byte == b'/').filter(|part| !part.is_empty()).collect();
    let Some(first) = parts.iter().position(|part| has_wildcard(part)) else { return Ok(vec![source]) };
    let directory = from.resolve(&parts[..first].join(&b'/'))?;
    let pattern = parts[first..].join(&b'/');
    // The walk ends with nothing where there is no directory, and fails where there is nothing at all.
    if directory != b"/" && from.get(&directory).is_none() {
        return Err(Stop::Failed(format!("lstat {}: no such file or directory", String::from_utf8_lossy(&directory))));
    }
    let mut matched: Vec<Vec<u8>> = Vec::new();
    let mut within: HashSet<&[u8]> = HashSet::new();
    for (path, _) in from.below(&directory) {
        // What is in a directory that matches goes with it.
        let is_within = gopath::above(path).any(|above| within.contains(above));
        let rest = gopath::below(path, &directory).unwrap_or(path);
        if !is_within && gopath::matches(&pattern, rest).unwrap_or(false) {
            within.insert(path);
            matched.push(path.to_vec());
        }
    }
    Ok(matched)
}

/// Whether there is a wildcard in it that no backslash takes the meaning from.
fn has_wildcard(part: &[u8]) -> bool {
    let mut bytes = part.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'*' | b'?' | b'[' => return true,
            _ => {}
        }
    }
    false
}

/// Whether a source is an archive, which is not copied but unpacked (`isArchivePath`); and which file of the context.
fn found(from: &RootFs, source: &[u8], request: &Request, contents: &dyn Contents) -> Result<(Vec<u8>, Found), Stop> {
    if !request.unpack {
        return Ok((vec![], Found::File));
    }
    Ok(match from.get(&from.resolve(source)?).map(|node| &node.kind) {
        Some(Kind::File(content @ Content::Context(path))) => (path.clone(), contents.found(content)),
        _ => (vec![], Found::File),
    })
}

/// `Copy` of one source.
fn copy_one(from: &RootFs, source: &[u8], to: &mut RootFs, request: &Request) -> Result<(), Stop> {
    // What is above the destination, or the destination itself if a slash or a dot is at its end.
    let above = match gopath::file_name(&request.destination) {
        b"" | b"." => request.destination.clone(),
        _ => gopath::parent(&request.destination),
    };
    let directory_mode = request.mode.map_or(DIRECTORY_MODE, |mode| mode & 0o777);
    let above = to.resolve(&above)?;
    make_directories(to, &above, directory_mode, request.owner, request.by)?;
    let destination = to.resolve(&gopath::clean(&request.destination))?;
    let followed = match request.is_path {
        true => from.resolve(source)?,
        false => source.to_vec(),
    };
    let is_directory = from.is_directory(&followed);
    if !is_directory && from.get(&followed).is_none() {
        return Err(Stop::NotFound(followed));
    }
    let target = match !is_directory && to.is_directory(&destination) {
        true => gopath::join(&[&destination, gopath::file_name(source)]),
        false => destination,
    };
    let is_new_directory = is_directory && target != b"/" && to.get(&target).is_none();
    let made = if is_new_directory { target.clone() } else { gopath::parent(&target) };
    make_directories(to, &made, directory_mode, request.owner, request.by)?;
    if !is_directory {
        return put(from, &followed, to, target, request);
    }
    if target != b"/" && !to.is_directory(&target) {
        return Err(Stop::Failed(format!("cannot copy to non-directory: {}", String::from_utf8_lossy(&target))));
    }
    for (path, _) in from.below(&followed) {
        let rest = gopath::below(path, &followed).unwrap_or(path);
        put(from, path, to, gopath::join(&[&target, rest]), request)?;
    }
    Ok(())
}

/// One thing, without what it holds.
fn put(from: &RootFs, path: &[u8], to: &mut RootFs, target: Vec<u8>, request: &Request) -> Result<(), Stop> {
    let Some(node) = from.get(path) else { return Ok(()) };
    let shown = || String::from_utf8_lossy(&target).into_owned();
    if node.is_directory() {
        if !to.is_directory(&target) && to.get(&target).is_some() {
            return Err(Stop::Failed(format!("cannot copy to non-directory: {}", shown())));
        }
    } else if to.is_directory(&target) {
        return Err(Stop::Failed(format!("cannot replace to directory {} with file", shown())));
    }
    to.put(target, changed(node, request));
    Ok(())
}

/// With the owner and the mode that are asked for (`copyFileInfo`).
fn changed(node: &Node, request: &Request) -> Node {
    Node {
        kind: node.kind.clone(),
        mode: request.mode.unwrap_or(node.mode),
        owner: request.owner.unwrap_or(node.owner),
        by: request.by,
    }
}

/// `MkdirAll`: what it makes has the mode and the owner.
pub(super) fn make_directories(
    to: &mut RootFs,
    path: &[u8],
    mode: u32,
    owner: Option<Owner>,
    by: usize,
) -> Result<(), Stop> {
    let mut here = b"/".to_vec();
    for name in path.split(|&byte| byte == b'/').filter(|name| !name.is_empty()) {
        here = gopath::join(&[&here, name]);
        match to.get(&here) {
            Some(node) if node.is_directory() => {}
            Some(_) => {
                return Err(Stop::Failed(format!("mkdir {}: not a directory", String::from_utf8_lossy(&here))));
            }
            None => {
                let mode = to.inherited(&here, mode);
                let node = Node { mode, owner: owner.unwrap_or_default(), ..Node::directory(by) };
                to.put(here.clone(), node);
            }
        }
    }
    Ok(())
}

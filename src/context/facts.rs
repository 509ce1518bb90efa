//! Looks at the disk for what [`advice`](super::advice) wants to know: heads of a few files, `.gitignore` files.
//!
//! Whatever cannot be read is not known, and no error: advice is no reason for a command to fail. No content leaves this
//! module but that of `.gitignore` files.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::advice::secret::{Suspects, judge};
use super::advice::{Artifact, Exposed, Facts, GitignoreFile, HEAD, IgnoreFile, recognise, unintended};
use super::content::Files;
use super::listing::Listing;
use super::locate::{BuildContext, TextFile};
use super::sizes::Sizes;
use crate::sys::{KEEPS_MODES, Root};

/// A longer `.gitignore` is none that somebody wrote.
const GITIGNORE_LIMIT: u64 = 1 << 20;

/// Gathers everything there is to know about `listing`, which is that of `context`.
pub fn gather(context: &BuildContext, dockerfile: Option<&TextFile>, listing: &Listing) -> Facts {
    let sizes = Sizes::of(&listing.entries);
    let candidates = unintended::candidates(listing, &sizes);
    let (prefix, gitignores) = gitignores(&context.root, listing, &candidates);
    let root = Root::open(&context.root).ok();
    let files = Files { root: root.as_ref(), spool: None };
    Facts {
        ignore_file: Some(ignore_file(context)),
        dockerfile: dockerfile.map(|file| file.content.clone()).unwrap_or_default(),
        prefix,
        gitignores,
        artifacts: artifacts(files, listing, &candidates),
        exposed: secrets(files, listing),
        without_modes: !KEEPS_MODES,
    }
}

/// Gathers what there is to know about a context that came as an archive: no ignore file is applied to it.
pub fn of_archive(files: Files<'_>, dockerfile: Option<Vec<u8>>, listing: &Listing) -> Facts {
    let candidates = unintended::candidates(listing, &Sizes::of(&listing.entries));
    Facts {
        dockerfile: dockerfile.unwrap_or_default(),
        artifacts: artifacts(files, listing, &candidates),
        exposed: secrets(files, listing),
        ..Facts::default()
    }
}

/// What of `listing` looks like a secret, in archive order.
pub fn secrets(files: Files<'_>, listing: &Listing) -> Vec<Exposed> {
    let suspects = Suspects::of(listing);
    let mut exposed = suspects.certain;
    let mut buffer = [0; HEAD];
    for (entry, rule) in suspects.to_read {
        let judged = head(files, listing, entry, &mut buffer).and_then(|head| judge(rule, head));
        exposed.extend(judged.map(|(secret, line)| Exposed { entry, secret, line }));
    }
    exposed.sort_by_key(|exposed| exposed.entry);
    exposed
}

fn ignore_file(context: &BuildContext) -> IgnoreFile {
    match &context.ignore_file {
        Some(file) => IgnoreFile { path: file.path.clone(), content: Some(file.content.clone()) },
        None => {
            let path = context.root.join(".dockerignore");
            IgnoreFile { path: path.strip_prefix(".").map(Path::to_owned).unwrap_or(path), content: None }
        }
    }
}

fn artifacts(files: Files<'_>, listing: &Listing, candidates: &[usize]) -> Vec<(usize, Artifact)> {
    let mut buffer = [0; HEAD];
    let recognised = candidates.iter().filter_map(|&index| {
        let head = head(files, listing, index, &mut buffer)?;
        Some((index, recognise(head, &listing.entries)?))
    });
    recognised.collect()
}

/// The first bytes of the file that an entry is.
fn head<'a>(files: Files<'_>, listing: &Listing, index: usize, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    let length = fill(&mut files.open(&listing.entries[index]).ok()?, buffer).ok()?;
    Some(&buffer[..length])
}

fn fill(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match from.read(&mut buffer[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}

/// The `.gitignore` files from the repository's top down to each candidate, and the way from there to the context.
fn gitignores(root: &Path, listing: &Listing, candidates: &[usize]) -> (PathBuf, Vec<GitignoreFile>) {
    if candidates.is_empty() {
        return (PathBuf::new(), vec![]);
    }
    let Ok(root) = root.canonicalize() else { return (PathBuf::new(), vec![]) };
    let top = root.ancestors().find(|directory| directory.join(".git").symlink_metadata().is_ok()).unwrap_or(&root);
    let prefix = root.strip_prefix(top).unwrap_or(Path::new("")).to_owned();
    let mut directories: BTreeSet<PathBuf> = prefix.ancestors().map(Path::to_owned).collect();
    for &index in candidates {
        directories.extend(listing.entries[index].path.ancestors().skip(1).map(|above| prefix.join(above)));
    }
    let read = |directory: PathBuf| {
        let content = gitignore(&top.join(&directory).join(".gitignore"))?;
        Some(GitignoreFile { directory, content })
    };
    (prefix.clone(), directories.into_iter().filter_map(read).collect())
}

/// Git does not follow a link of that name either.
fn gitignore(path: &Path) -> Option<Vec<u8>> {
    let found = path.symlink_metadata().ok()?;
    (found.is_file() && found.len() <= GITIGNORE_LIMIT).then(|| fs::read(path).ok())?
}

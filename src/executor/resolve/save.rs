//! What is kept of a stage for those that take files from it: kaniko v1.24.0 `pkg/executor/build.go` (`filesToSave`) and
//! `pkg/util/fs_util.go` (`CopyFileOrSymlink`).
//!
//! Before a stage's file system is deleted, what any later `COPY --from` names is copied below `/kaniko`, from where it is
//! copied a second time. The first time costs setuid bits, and everything that is called `kaniko`.

use std::collections::BTreeMap;
use std::ops::Range;

use super::copies::evaluate_symlinks;
use crate::executor::files::{Attributes, Follow, Kind, Pod};
use crate::gopath;

/// Where files of the stage with this number are kept.
pub(super) fn directory(stage: usize) -> Vec<u8> {
    format!("/kaniko/{stage}").into_bytes()
}

/// What a later stage takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    /// The source, its variables expanded.
    pub text: Vec<u8>,
    /// The instruction that takes it.
    pub by: Range<usize>,
}

/// Something that cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unkept {
    /// The executor's words, behind `could not save file: `.
    pub words: String,
    /// What it is.
    pub path: Vec<u8>,
    /// The instruction that would take it.
    pub by: Range<usize>,
}

/// What the kernel has in every container. Not all of it can be read: which file is the first that cannot be, and why, is
/// the kernel's to say.
pub(super) const OF_KERNEL: &[u8] = b"/proc";

/// Keeps what the patterns match.
///
/// # Errors
/// The first thing that cannot be kept.
pub(super) fn save(patterns: &[Pattern], stage: usize, pod: &mut Pod) -> Result<(), Unkept> {
    let mut found: BTreeMap<Vec<u8>, &Pattern> = BTreeMap::new();
    for pattern in patterns {
        let from_root = gopath::join(&[b"/", &pattern.text]);
        if gopath::matches(&from_root, OF_KERNEL) == Ok(true) {
            found.entry(OF_KERNEL.to_vec()).or_insert(pattern);
        }
        for path in glob(&from_root, pod) {
            let is_link =
                matches!(pod.find(&path, b"/", Follow::NotTheLast).map(|found| found.kind), Ok(Kind::Symlink(_)));
            if is_link && let Ok(target) = evaluate_symlinks(&path, pod) {
                found.entry(target).or_insert(pattern);
            }
            found.entry(path).or_insert(pattern);
        }
    }
    for path in [&b"/"[..], OF_KERNEL] {
        if let Some(pattern) = found.get(path) {
            let words = "copying file: …".to_owned();
            return Err(Unkept { words, path: path.to_vec(), by: pattern.by.clone() });
        }
    }
    // What is in another goes with it.
    let is_within = |path: &Vec<u8>| gopath::above(path).any(|above| found.contains_key(above));
    let to = directory(stage);
    pod.make_directory(to.clone(), Attributes { mode: 0o644, ..Attributes::DIRECTORY });
    for (path, pattern) in found.iter().filter(|(path, _)| !is_within(path)) {
        save_one(path, &gopath::join(&[&to, path]), pod).map_err(|path| Unkept {
            words: format!(
                "copying ownership: chown {}: no such file or directory",
                String::from_utf8_lossy(&gopath::join(&[&to, &path]))
            ),
            path,
            by: pattern.by.clone(),
        })?;
    }
    Ok(())
}

/// # Errors
/// A path that is left out, and missed then.
fn save_one(path: &[u8], to: &[u8], pod: &mut Pod) -> Result<(), Vec<u8>> {
    let Ok(found) = pod.find(path, b"/", Follow::NotTheLast) else { return Ok(()) };
    let attributes = pod.attributes(&found.path);
    make_above(to, pod);
    if let Kind::Symlink(target) = found.kind {
        pod.write_symlink(to.to_vec(), target);
        return Ok(());
    }
    copy(&found.path, to, &found.kind, pod)?;
    // The mode of what was named is set once more.
    pod.change(to.to_vec(), attributes);
    Ok(())
}

fn copy(path: &[u8], to: &[u8], kind: &Kind, pod: &mut Pod) -> Result<(), Vec<u8>> {
    if path.ends_with(b"/kaniko") {
        return match kind {
            Kind::Symlink(_) => Ok(()),
            _ => Err(path.to_vec()),
        };
    }
    let Attributes { mode, owner } = pod.attributes(path);
    match kind {
        Kind::Symlink(target) => pod.write_symlink(to.to_vec(), target.clone()),
        Kind::Directory => {
            pod.make_directory(to.to_vec(), Attributes { mode, owner });
            for name in pod.names(path) {
                let below = gopath::join(&[path, &name]);
                if let Ok(found) = pod.find(&below, b"/", Follow::NotTheLast) {
                    copy(&below, &gopath::join(&[to, &name]), &found.kind, pod)?;
                }
            }
        }
        // The kernel takes these bits away when the owner is set.
        _ => pod.write_file(to.to_vec(), path, Attributes { mode: without_set_id(mode), owner }),
    }
    Ok(())
}

/// A file's mode after `chown`: Linux `fs/attr.c` `setattr_should_drop_suidgid`.
fn without_set_id(mode: u32) -> u32 {
    let dropped = if mode & 0o010 == 0 { 0o4000 } else { 0o6000 };
    mode & !dropped
}

fn make_above(path: &[u8], pod: &mut Pod) {
    let above = gopath::parent(path);
    if pod.exists(&above, b"/") {
        return;
    }
    make_above(&above, pod);
    pod.make_directory(above, Attributes::DIRECTORY);
}

/// What a pattern matches, a component at a time (Go's `filepath.Glob`).
fn glob(pattern: &[u8], pod: &Pod) -> Vec<Vec<u8>> {
    let is_pattern = pattern.iter().any(|byte| b"*?[\\".contains(byte));
    if !is_pattern {
        return if pod.find(pattern, b"/", Follow::NotTheLast).is_ok() { vec![pattern.to_vec()] } else { vec![] };
    }
    let (above, name) = (gopath::parent(pattern), gopath::file_name(pattern));
    let mut found = Vec::new();
    for directory in glob(&above, pod) {
        let Ok(there) = pod.find(&directory, b"/", Follow::All) else { continue };
        if there.kind != Kind::Directory {
            continue;
        }
        let names = pod.names(&there.path).into_iter().filter(|there| gopath::matches(name, there).unwrap_or(false));
        found.extend(names.map(|name| gopath::join(&[&directory, &name])));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::files::told::Told;

    fn saved(patterns: &[&str], files: &[&str]) -> Result<Vec<String>, (String, String)> {
        let told = Told::of(files);
        let mut pod = Pod::new(&told);
        let patterns: Vec<Pattern> =
            patterns.iter().map(|pattern| Pattern { text: pattern.as_bytes().to_vec(), by: 0..1 }).collect();
        save(&patterns, 0, &mut pod)
            .map_err(|unkept| (unkept.words, String::from_utf8_lossy(&unkept.path).into_owned()))?;
        Ok(pod.written().into_iter().map(|(path, _)| String::from_utf8(path).unwrap()).collect())
    }

    #[test]
    fn what_is_named_is_kept_and_what_a_link_leads_to_as_well() {
        let files = &["/a/x", "/a/y/z", "/l -> a/x", "/kaniko/"];
        assert_eq!(
            saved(&["a/*"], files).unwrap(),
            ["/kaniko/0", "/kaniko/0/a", "/kaniko/0/a/x", "/kaniko/0/a/y", "/kaniko/0/a/y/z"]
        );
        assert_eq!(saved(&["/l"], files).unwrap(), ["/kaniko/0", "/kaniko/0/a", "/kaniko/0/a/x", "/kaniko/0/l"]);
        assert_eq!(saved(&["/gone", "/gone*"], files).unwrap(), ["/kaniko/0"]);
    }

    #[test]
    fn nothing_may_be_called_kaniko() {
        let why = saved(&["/d"], &["/d/deep/kaniko", "/kaniko/"]).unwrap_err();
        let words = "copying ownership: chown /kaniko/0/d/deep/kaniko: no such file or directory";
        assert_eq!(why, (words.to_owned(), "/d/deep/kaniko".to_owned()));
        assert!(saved(&["/d"], &["/d/kaniko -> x", "/kaniko/"]).unwrap().ends_with(&["/kaniko/0/d".to_owned()]));
    }

    /// Which file of the kernel's it stumbles over nobody knows.
    #[test]
    fn what_the_kernel_has_cannot_be_kept() {
        for (pattern, path) in [("/", "/"), ("", "/"), ("/*", "/proc"), ("pro?", "/proc")] {
            let why = saved(&["/a", pattern], &["/a", "/kaniko/"]).unwrap_err();
            assert_eq!(why, ("copying file: …".to_owned(), path.to_owned()), "{pattern}");
        }
        assert!(saved(&["/a*", "a/*"], &["/a", "/kaniko/"]).is_ok());
    }

    #[test]
    fn set_id_bits_go_but_for_what_is_named_itself() {
        assert_eq!(without_set_id(0o6755), 0o755);
        assert_eq!(without_set_id(0o6744), 0o2744);
    }
}

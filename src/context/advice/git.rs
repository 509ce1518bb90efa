//! What `.gitignore` files say about paths of the context: a hint at what is made anew elsewhere, and never more than a
//! hint. What is sent is for the ignore file alone to say, by rules that differ.

use std::path::{Path, PathBuf};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// A `.gitignore`, read.
#[derive(Debug, Clone)]
pub struct GitignoreFile {
    /// Its directory, relative to the topmost one that counts: the repository's, or the context's root.
    pub directory: PathBuf,
    /// Its content.
    pub content: Vec<u8>,
}

/// Compiled `.gitignore` files, those of deep directories last.
#[derive(Debug)]
pub(super) struct GitRules<'a> {
    /// From the topmost directory to the context's root.
    prefix: &'a Path,
    files: Vec<(&'a Path, Gitignore)>,
}

/// The pattern that ignores a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct IgnoredBy {
    pub(super) pattern: String,
    /// The file it is in, as seen from the context's root.
    pub(super) file: PathBuf,
}

impl<'a> GitRules<'a> {
    pub(super) fn new(prefix: &'a Path, files: &'a [GitignoreFile]) -> Self {
        let mut files: Vec<_> =
            files.iter().filter_map(|file| Some((file.directory.as_path(), compile(file)?))).collect();
        files.sort_by_key(|(directory, _)| directory.components().count());
        Self { prefix, files }
    }

    /// What ignores the entry at `path` or a directory above it in the context. That the context itself is ignored
    /// would say nothing about its parts.
    pub(super) fn ignores(&self, path: &Path, is_directory: bool) -> Option<IgnoredBy> {
        let whole = self.prefix.join(path);
        let mut prefixes: Vec<&Path> = path.ancestors().filter(|prefix| !prefix.as_os_str().is_empty()).collect();
        prefixes.reverse();
        prefixes.into_iter().find_map(|prefix| {
            let is_directory = is_directory || prefix != path;
            self.ignores_itself(&self.prefix.join(prefix), is_directory, &whole)
        })
    }

    fn ignores_itself(&self, path: &Path, is_directory: bool, whole: &Path) -> Option<IgnoredBy> {
        // The nearest file with an opinion has it.
        for (directory, rules) in self.files.iter().rev().filter(|(directory, _)| whole.starts_with(directory)) {
            let Ok(below) = path.strip_prefix(directory) else { continue };
            match rules.matched(below, is_directory) {
                Match::None => {}
                Match::Whitelist(_) => return None,
                Match::Ignore(glob) => {
                    let pattern = glob.original().to_owned();
                    return Some(IgnoredBy { pattern, file: self.shown(directory) });
                }
            }
        }
        None
    }

    /// The file's path from the context's root.
    fn shown(&self, directory: &Path) -> PathBuf {
        match directory.strip_prefix(self.prefix) {
            Ok(inside) => inside.join(".gitignore"),
            Err(_) => {
                let up = self.prefix.components().count().saturating_sub(directory.components().count());
                PathBuf::from("../".repeat(up)).join(".gitignore")
            }
        }
    }
}

/// Lines that git would not understand count as not there.
fn compile(file: &GitignoreFile) -> Option<Gitignore> {
    let mut builder = GitignoreBuilder::new("");
    for line in String::from_utf8_lossy(&file.content).trim_start_matches('\u{feff}').lines() {
        let _ = builder.add_line(None, line);
    }
    builder.build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(directory: &str, content: &str) -> GitignoreFile {
        GitignoreFile { directory: directory.into(), content: content.into() }
    }

    fn told(prefix: &str, files: &[GitignoreFile], path: &str) -> Option<String> {
        let ignored = GitRules::new(Path::new(prefix), files).ignores(Path::new(path), path.ends_with('/'))?;
        Some(format!("{} in {}", ignored.pattern, ignored.file.display()))
    }

    #[test]
    fn nested_files_files_above_the_context_and_exceptions_count() {
        let files = [file("", "*.log\n/out\ncache/\n"), file("svc/api", "!keep.log\nlocal\n"), file("other", "api\n")];
        for (prefix, path, wanted) in [
            ("", "x/y.log", Some("*.log in .gitignore")),
            ("", "out/", Some("/out in .gitignore")),
            ("", "x/out/", None),
            ("", "svc/api/keep.log", None),
            ("", "svc/api/local/x/", Some("local in svc/api/.gitignore")),
            ("", "local/", None),
            ("", "cache/", Some("cache/ in .gitignore")),
            ("", "cache", None),
            ("svc/api", "a/x.log", Some("*.log in ../../.gitignore")),
            ("svc/api", "local/", Some("local in .gitignore")),
            ("svc/api", "keep.log", None),
            ("out", "x", None),
        ] {
            assert_eq!(told(prefix, &files, path).as_deref(), wanted, "{prefix} {path}");
        }
    }
}

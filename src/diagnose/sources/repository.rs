//! `ADD` of a git repository. BuildKit clones it (v0.34.2 `frontend/dockerfile/dockerfile2llb/convert_copy.go`,
//! `dfgitutil.ParseGitRef`). The executors know no repository there: an address is downloaded as a file, and anything else
//! is looked for in the context (kaniko v1.24.0 `pkg/commands/add.go`, `pkg/util/command_util.go` `IsSrcRemoteFileURL`).

use super::{Project, shown};
use crate::code::Code;
use crate::diagnose::{Finding, Severity, without_secrets};
use crate::dockerfile::{Dockerfile, Keyword};
use crate::executor::resolve::{Copied, CopySource};

pub(super) fn find(project: &Project, file: &Dockerfile, copied: &Copied) -> Vec<Finding> {
    let instruction = file.instruction_at(copied.span.start);
    if instruction.is_none_or(|instruction| instruction.keyword != Some(Keyword::Add)) {
        return vec![];
    }
    let repositories = copied.sources.iter().filter_map(|source| Some((source, Repository::named(&source.typed)?)));
    repositories.map(|(source, repository)| told(project, copied, source, &repository)).collect()
}

fn told(project: &Project, copied: &Copied, source: &CopySource, repository: &Repository) -> Finding {
    let does = match (repository.is_fetched, copied.last_words()) {
        (true, _) => "the executor saves what the address answers as one file".to_owned(),
        (false, Some(words)) => format!("the executor would end with `{words}`"),
        (false, None) => "the executor fails over an address that is not of the web".to_owned(),
    };
    Finding {
        code: Code::AddRepository,
        severity: Severity::Error,
        message: format!("the repository `{}` is not cloned", without_secrets(&source.typed)),
        spans: vec![project.span(&source.span)],
        notes: vec!["docker build clones it into the image".to_owned(), without_secrets(&does)],
        help: repository.clone_to(&copied.destination),
    }
}

/// A git repository, as BuildKit takes an address apart.
struct Repository<'a> {
    address: &'a str,
    /// What is behind the `#`: a branch, a tag or a commit, and a directory behind a colon.
    reference: &'a str,
    /// Whether the executor takes it for a file to download.
    is_fetched: bool,
}

impl<'a> Repository<'a> {
    fn named(source: &'a str) -> Option<Self> {
        let (address, reference) = source.split_once('#').unwrap_or((source, ""));
        let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
        let path = rest.split('?').next().unwrap_or_default();
        let is_web = ["http", "https"].contains(&scheme);
        let is_repository = match scheme {
            "git" | "ssh" => true,
            "" => rest.starts_with("git@") && rest.contains(':'),
            _ => is_web && path.ends_with(".git"),
        };
        is_repository.then_some(Self { address, reference, is_fetched: is_web })
    }

    /// A command that does the same, where a plain name says what is wanted.
    fn clone_to(&self, destination: &[u8]) -> Option<String> {
        let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./:@~".contains(&byte));
        let destination = shown(destination);
        if !is_plain(self.address)
            || !is_plain(&destination)
            || !is_plain(self.reference)
            || self.reference.contains(':')
        {
            return Some("clone it in a `RUN` of a stage that has git, and `COPY --from` that".to_owned());
        }
        let address = without_secrets(self.address);
        let is_commit = self.reference.len() >= 7 && self.reference.bytes().all(|byte| byte.is_ascii_hexdigit());
        let command = match self.reference {
            "" => format!("git clone --depth=1 {address} {destination}"),
            commit if is_commit => {
                format!("git clone {address} {destination} && git -C {destination} checkout {commit}")
            }
            branch => format!("git clone --depth=1 --branch={branch} {address} {destination}"),
        };
        Some(format!("write `RUN {command}`, in a stage that has git"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use crate::code::Code;
    use crate::diagnose::Severity;

    #[test]
    fn a_repository_is_told_with_the_command_that_clones_it() {
        for (source, help) in [
            (
                "https://example.com/x.git",
                "write `RUN git clone --depth=1 https://example.com/x.git /x`, in a stage that has git",
            ),
            (
                "https://example.com/x.git#v1.2",
                "write `RUN git clone --depth=1 --branch=v1.2 https://example.com/x.git /x`, in a stage that has git",
            ),
            (
                "git@example.com:me/x.git#0123abcd",
                "write `RUN git clone git@example.com:me/x.git /x && git -C /x checkout 0123abcd`, in a stage that has git",
            ),
            (
                "ssh://git@example.com/x#main:docs",
                "clone it in a `RUN` of a stage that has git, and `COPY --from` that",
            ),
        ] {
            for base in ["scratch", "debian"] {
                let found = Case::of(&format!("FROM {base}\nADD {source} /x\n"), &[]).findings();
                let [finding] = &found[..] else { panic!("{source}: {found:?}") };
                assert_eq!((finding.code, finding.severity), (Code::AddRepository, Severity::Error));
                assert_eq!(finding.message, format!("the repository `{source}` is not cloned"));
                assert_eq!(finding.help.as_deref(), Some(help));
            }
        }
    }

    #[test]
    fn files_of_the_web_and_of_the_context_are_none() {
        for source in ["https://example.com/x.tar", "https://example.com/x.git/archive.zip", "x.git", "git"] {
            Case::of(&format!("FROM debian\nADD {source} /x\n"), &["/x.git", "/git"]).no_finding(Code::AddRepository);
        }
    }
}

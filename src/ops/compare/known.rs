//! What the local repository and the server tell of a git context before anything is built from it.

use std::path::Path;

use super::super::sent::SentContext;
use crate::compare::{Comparison, Content};
use crate::context::advice::Advice;
use crate::error::{Error, UsageError};
use crate::git::{
    Address, Committed, Contents, GitError, History, REMOTE, Repository, Source, Stop, Tracked, difference, remote_refs,
};
use crate::report;
use crate::request::{CompareRequest, Transport};

/// What is known of the repository before anything is built from it.
pub(super) struct Known {
    /// The repository, with the directory in it that is the context.
    address: Address,
    /// The same of one commit, if it is known which: a branch may move between two builds.
    pinned: Option<Address>,
    content: Content,
    /// What stands for the server's word, if it was not asked.
    assumed: Option<String>,
    history: Option<History>,
}

impl Known {
    /// # Errors
    /// The address names nothing that is there, or nothing with a Dockerfile.
    pub(super) fn of(
        request: &CompareRequest,
        sent: &SentContext,
        dockerfile: &Path,
        stop: &Stop,
    ) -> Result<Self, UsageError> {
        let unknown = |address: Address, why: String| Self {
            address,
            pinned: None,
            content: Content::Unknown(why),
            assumed: None,
            history: None,
        };
        let repository = match Repository::find(&request.directory, stop.clone()) {
            Ok(Some(repository)) => repository,
            Ok(None) => {
                let why = "the directory is in no git repository".to_owned();
                return Ok(Self { pinned: on_server(&request.git, stop)?, ..unknown(request.git.clone(), why) });
            }
            Err(error) => return Ok(unknown(request.git.clone(), told(&error))),
        };
        let address = within(&request.git, repository.prefix());
        let clones_submodules = has_flag(request, "recurse-submodules");
        match Self::in_repository(&repository, &address, sent, dockerfile, clones_submodules) {
            Ok(known) => known,
            Err(GitError::NotThere { address, known }) => {
                Err(UsageError::NotInRepository { address: address.to_string(), known })
            }
            Err(error) => Ok(unknown(address, told(&error))),
        }
    }

    fn in_repository(
        repository: &Repository,
        address: &Address,
        sent: &SentContext,
        dockerfile: &Path,
        clones_submodules: bool,
    ) -> Result<Result<Self, UsageError>, GitError> {
        let found = repository.commit_of(address)?;
        let commit = found.named.commit;
        let tracked = repository.committed(commit, address, dockerfile)?;
        let lacks_it = matches!(tracked, Tracked::NoDirectory | Tracked::NoDockerfile);
        // A commit that the server may not have, or that is older than what it has, is none to insist on.
        let reference = found.named.reference.as_ref().filter(|_| found.source.is_of_server() && !lacks_it);
        let pinned = reference.map(|reference| address.pinned(reference, commit));
        let history = repository.history(&found).ok();
        let without = |file: String| match found.source {
            Source::Remote => Err(UsageError::NotCommitted { file, address: address.to_string(), commit }),
            Source::Local { .. } => Ok(Content::Unknown(format!("`{file}` is not in commit {commit}"))),
        };
        let content = match tracked {
            Tracked::NoCommit => {
                Ok(Content::Unknown(format!("commit {commit} is not in the local repository: `git fetch` gets it")))
            }
            Tracked::NoDirectory => without(address.sub_path().unwrap_or(".").to_owned()),
            Tracked::NoDockerfile => without(dockerfile.display().to_string()),
            Tracked::Context(there) => {
                let there = Committed { submodules: clones_submodules, ..there };
                let contents = Contents::new(repository, sent.files())?;
                let here = repository.here()?;
                Ok(match difference(sent.listing(), &here, &there, &contents) {
                    Ok(found) => Content::Known(found),
                    Err(error) => Content::Unknown(Error::from(error).one_line()),
                })
            }
        };
        let assumed = assumed(&found.source);
        Ok(content.map(|content| Self { address: address.clone(), pinned, content, assumed, history }))
    }

    /// What is built from git.
    pub(super) fn built(&self) -> &Address {
        self.pinned.as_ref().unwrap_or(&self.address)
    }

    /// The comparison before its first run.
    pub(super) fn comparison(self, request: &CompareRequest, unintended: Vec<Advice>) -> Comparison {
        Comparison {
            context: request.directory.display().to_string(),
            commit: self.built().commit().map(|commit| commit.to_string()),
            repository: self.address.to_string(),
            tags: if request.pod.no_push { vec![] } else { request.pod.tags.iter().map(ToString::to_string).collect() },
            runs: vec![],
            content: self.content,
            assumed: self.assumed,
            unfinished: None,
            history: self.history,
            is_single_branch: has_flag(request, "single-branch"),
            has_init_container: request.pod.transport != Some(Transport::Stdin),
            forecasts: vec![],
            unintended,
        }
    }

    /// What is to be known before times are taken.
    pub(super) fn tell(&self) {
        self.address.note().iter().chain(&self.assumed).for_each(|note| report::print_note(note));
        match &self.content {
            Content::Known(content) if content.is_same() => report::print_note("both contexts have the same content"),
            Content::Known(content) => {
                report::print_note(&format!("the contexts differ, so the images will:\n{content}"));
            }
            Content::Unknown(why) => {
                report::print_note(&format!("whether both contexts have the same content is not known: {why}"));
            }
        }
    }
}

/// What is taken for the server's word where it was not asked.
fn assumed(source: &Source) -> Option<String> {
    let Source::Local { remote, why } = source else { return None };
    let of =
        remote.as_ref().map_or("the local branches count".to_owned(), |name| format!("what `{name}` had last counts"));
    Some(format!("the server was not asked from here, {of}: {}", told(why)))
}

/// Whether `--git=NAME=true` is given; the last one counts (kaniko v1.24.0 `pkg/config/args.go` `KanikoGitOptions`).
fn has_flag(request: &CompareRequest, name: &str) -> bool {
    let given = request.pod.executor_flags.iter().rev().find_map(|flag| {
        let (option, value) = flag.strip_prefix("--git=")?.split_once('=')?;
        (option == name).then_some(value)
    });
    given.is_some_and(|value| matches!(value, "1" | "t" | "T" | "true" | "TRUE" | "True"))
}

fn told(error: &GitError) -> String {
    std::iter::once(error.to_string()).chain(error.notes()).collect::<Vec<_>>().join(": ")
}

/// The commit that the server says an address names; none if it does not answer.
///
/// # Errors
/// It says that the address names nothing.
fn on_server(address: &Address, stop: &Stop) -> Result<Option<Address>, UsageError> {
    let Ok(references) = remote_refs(&address.url(), REMOTE, stop) else { return Ok(None) };
    let found = references
        .named(address)
        .ok_or_else(|| UsageError::NotInRepository { address: address.to_string(), known: references.names() })?;
    Ok(found.reference.map(|reference| address.pinned(&reference, found.commit)))
}

/// A directory of the repository is the context there, too, unless the address says otherwise.
fn within(address: &Address, prefix: &Path) -> Address {
    let prefix = prefix.to_str().filter(|prefix| address.sub_path().is_none() && !prefix.is_empty());
    prefix.and_then(|prefix| address.below(prefix).ok()).unwrap_or_else(|| address.clone())
}

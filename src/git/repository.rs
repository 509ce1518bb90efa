//! The repository that a directory is in, and those at addresses, asked through git.
//!
//! The state of a file is not asked of `git status`, which starts the filters that the repository's configuration names:
//! what is committed, in the index and ignored is listed, and [`super::difference()`] compares contents itself.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::address::Address;
use super::difference::{Committed, Here};
use super::object::ObjectId;
use super::outputs::{self, LOCAL_FORMAT, Mode, Named, References, Tree};
use super::run::{Ended, Git, GitError, Network, Process, Stop};
use crate::context::dockerignore::Rules;
use crate::sys::{self, OsStrExt};

/// Bound on what looks at files on this machine alone.
const LOCAL: Duration = Duration::from_secs(60);
/// Bound on an answer from a server.
pub const REMOTE: Duration = Duration::from_secs(15);
/// Bound on each look at a whole history.
const HISTORY: Duration = Duration::from_secs(60);
/// What git says where there is no repository with a work tree.
const NO_WORK_TREE: [&str; 3] = ["not a git repository", "must be run in a work tree", "cannot use bare repository"];

/// A repository with a work tree.
#[derive(Debug)]
pub struct Repository {
    /// The directory in it that is the build context.
    context: PathBuf,
    prefix: Vec<u8>,
    pub(super) stop: Stop,
}

/// What an address names.
#[derive(Debug)]
pub struct Resolution {
    /// The commit, and the reference to clone: that the commit is reached from a branch or a tag is not looked at.
    pub named: Named,
    /// Who says so.
    pub source: Source,
    /// The references of the repository, as far as they are known.
    pub references: References,
}

/// Who knew the references of a repository.
#[derive(Debug)]
pub enum Source {
    /// Its server.
    Remote,
    /// The local repository, which may be behind: the server was not reached from here.
    Local {
        /// The remote whose branches they are; none if they are the local repository's own.
        remote: Option<String>,
        /// Why the server was not asked.
        why: GitError,
    },
}

impl Source {
    /// Whether the server is sure to have, or once to have had, what they name.
    pub fn is_of_server(&self) -> bool {
        match self {
            Self::Remote | Self::Local { remote: Some(_), .. } => true,
            Self::Local { remote: None, .. } => false,
        }
    }
}

/// What a commit has of a build context.
#[derive(Debug)]
pub enum Tracked {
    /// The commit is not in the local repository.
    NoCommit,
    /// It has no directory where the context is.
    NoDirectory,
    /// It has no Dockerfile there.
    NoDockerfile,
    /// All of it.
    Context(Committed),
}

/// How much a clone has to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// Of a clone of all branches and tags, which is what the executor makes.
    pub all: Reachable,
    /// Of one with `--git single-branch=true`: one branch, and all tags.
    pub single_branch: Reachable,
    /// Branches and tags that are not in the local repository, and so not in the numbers.
    pub missing: usize,
    /// Whether the local repository is a shallow clone: then there is more than the numbers say.
    pub shallow: bool,
}

/// What is reached from some references.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reachable {
    /// Commits.
    pub commits: u64,
    /// Objects and bytes of a pack as it would be fetched; none if it was not packed within the time.
    pub pack: Option<Pack>,
}

/// A pack of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pack {
    /// Commits, directories, files and tags.
    pub objects: u64,
    /// As they travel: compressed, in differences to each other.
    pub bytes: u64,
}

impl Repository {
    /// The repository that the directory `context` is in; none if it is in none, or in one without a work tree. What is
    /// asked of it ends with `stop`.
    ///
    /// # Errors
    /// [`GitError::NoProgram`] where there is no git; a repository that git refuses to look at.
    pub fn find(context: &Path, stop: Stop) -> Result<Option<Self>, GitError> {
        let context = sys::real(context).map_err(|source| GitError::Run { command: "rev-parse".to_owned(), source })?;
        let repository = Self { context, prefix: vec![], stop };
        // The prefix alone would not tell: in a repository without a work tree it is empty.
        match repository.git(&["rev-parse", "--show-toplevel"]).output()? {
            Ok(_) => {}
            Err(ended) if NO_WORK_TREE.iter().any(|why| ended.said(why)) => return Ok(None),
            Err(ended) => return Err(ended.error("rev-parse")),
        }
        let mut prefix = line(repository.ask(&["rev-parse", "--show-prefix"], vec![])?);
        prefix.pop_if(|last| *last == b'/');
        sys::path(&prefix).map_err(|_| GitError::Unreadable { command: "rev-parse".to_owned() })?;
        Ok(Some(Self { prefix, ..repository }))
    }

    /// The way from its topmost directory to the build context; empty if that is the topmost directory itself.
    pub fn prefix(&self) -> &Path {
        sys::walked(&self.prefix)
    }

    /// The commit that is checked out; none before the first one.
    ///
    /// # Errors
    /// Git's.
    pub fn head(&self) -> Result<Option<ObjectId>, GitError> {
        self.id("HEAD^{commit}".as_ref())
    }

    /// The commit that an address names now; on its server, or, if that does not answer, as it was fetched last.
    ///
    /// # Errors
    /// It names none; git's.
    pub fn commit_of(&self, address: &Address) -> Result<Resolution, GitError> {
        let (references, source) = match remote_refs(&address.url(), REMOTE, &self.stop) {
            Ok(references) => (references, Source::Remote),
            Err(why) => self.local_references(address, why)?,
        };
        match references.named(address) {
            Some(named) => Ok(Resolution { named, source, references }),
            None => match source {
                Source::Remote => {
                    Err(GitError::NotThere { address: Box::new(address.clone()), known: references.names() })
                }
                // What was fetched last is not all there may be.
                Source::Local { why, .. } => Err(why),
            },
        }
    }

    fn local_references(&self, address: &Address, why: GitError) -> Result<(References, Source), GitError> {
        let remote = self.remote_at(address)?;
        let format = format!("--format={LOCAL_FORMAT}");
        let output = self.ask(&["for-each-ref", &format], vec![])?;
        let mut references = References::of_local(&output, remote.as_deref());
        if remote.is_none() {
            let branch = self.git(&["symbolic-ref", "--quiet", "HEAD"]).output()?.ok().map(line);
            references.head = branch.map(|branch| String::from_utf8_lossy(&branch).into_owned());
            if let Some(head) = self.head()? {
                references.all.insert("HEAD".to_owned(), outputs::Target { object: head, commit: head });
            }
        }
        Ok((references, Source::Local { remote, why }))
    }

    /// The name of the remote that is at an address.
    fn remote_at(&self, address: &Address) -> Result<Option<String>, GitError> {
        let names = ["config", "-z", "--get-regexp", r"^remote\..*\.url$"];
        // It fails if there are none.
        let output = self.git(&names).output()?.unwrap_or_default();
        let remotes = output.split(|byte| *byte == 0).filter_map(|setting| {
            let setting = std::str::from_utf8(setting).ok()?;
            let (key, url) = setting.split_once('\n')?;
            Some((key.strip_prefix("remote.")?.strip_suffix(".url")?, url))
        });
        Ok(remotes.into_iter().find(|(_, url)| address.is_at(url)).map(|(name, _)| name.to_owned()))
    }

    /// Whether a commit is in the local repository.
    ///
    /// # Errors
    /// Git's.
    pub fn holds(&self, commit: ObjectId) -> Result<bool, GitError> {
        Ok(self.id(format!("{commit}^{{commit}}").as_ref())?.is_some())
    }

    /// What the executor has of a commit: the files below the directory that the address names, and the ignore file for
    /// the Dockerfile at `dockerfile` in there.
    ///
    /// # Errors
    /// An ignore file that cannot be used; git's.
    pub fn committed(&self, commit: ObjectId, address: &Address, dockerfile: &Path) -> Result<Tracked, GitError> {
        let sub_path = address.sub_path().unwrap_or_default();
        if !self.holds(commit)? {
            return Ok(Tracked::NoCommit);
        }
        let Some(tree) = self.tree(commit, sub_path.as_bytes())? else { return Ok(Tracked::NoDirectory) };
        if !tree.contains_key(dockerfile.as_os_str().as_bytes()) {
            return Ok(Tracked::NoDockerfile);
        }
        let own = [dockerfile.as_os_str().as_bytes(), b".dockerignore"].concat();
        let ignore_file = [&own[..], b".dockerignore"].into_iter().find_map(|path| tree.get(path));
        let ignore_file = ignore_file.filter(|file| matches!(file.mode, Mode::File | Mode::Executable));
        let content = match ignore_file {
            Some(file) => self.ask(&["cat-file", "blob", &file.id.to_string()], vec![])?,
            None => vec![],
        };
        let ignore = Rules::from_file(&content).map_err(|why| GitError::IgnoreFile { commit, why })?;
        let git_directory = sub_path.is_empty();
        Ok(Tracked::Context(Committed { tree, ignore, git_directory, submodules: false }))
    }

    /// What git knows of the files in the build context.
    ///
    /// # Errors
    /// Git's.
    pub fn here(&self) -> Result<Here, GitError> {
        let head = match self.head()? {
            Some(head) => self.tree(head, &self.prefix)?.unwrap_or_default(),
            None => Tree::new(),
        };
        let index = self.ask(&["ls-files", "-z", "--cached"], vec![])?;
        let others = ["ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory"];
        let ignored = self.ask(&others, vec![])?;
        Ok(Here { head, index: outputs::paths(&index), ignored: outputs::paths(&ignored) })
    }

    /// The files of a commit below a directory; none if it has no such directory.
    fn tree(&self, commit: ObjectId, directory: &[u8]) -> Result<Option<Tree>, GitError> {
        let name = [commit.to_string().as_bytes(), b":", directory].concat();
        let unreadable = || GitError::Unreadable { command: "rev-parse".to_owned() };
        let Some(tree) = self.id(sys::text(&name).ok_or_else(unreadable)?)? else { return Ok(None) };
        match self.git(&["ls-tree", "-r", "-z", "--full-tree", &tree.to_string()]).output()? {
            Ok(output) => {
                let unreadable = || GitError::Unreadable { command: "ls-tree".to_owned() };
                outputs::tree(&output).map(Some).ok_or_else(unreadable)
            }
            Err(ended) if ended.said("not a tree object") => Ok(None),
            Err(ended) => Err(ended.error("ls-tree")),
        }
    }

    /// The object of that name; none if there is none.
    fn id(&self, name: &OsStr) -> Result<Option<ObjectId>, GitError> {
        let mut command = self.git(&["rev-parse", "--verify", "--quiet", "--end-of-options"]);
        command.arguments.push(name.to_owned());
        match command.output()? {
            Ok(output) => {
                let unreadable = || GitError::Unreadable { command: "rev-parse".to_owned() };
                ObjectId::parse(&line(output)).map(Some).ok_or_else(unreadable)
            }
            Err(_) => Ok(None),
        }
    }

    /// How much a clone of the repository at an address has to fetch, as far as it is in the local one.
    ///
    /// # Errors
    /// Git's; that the packs take too long is none.
    pub fn history(&self, of: &Resolution) -> Result<History, GitError> {
        let (all, one) = (of.references.tips(None), of.references.tips(Some(&of.named)));
        let missing = self.missing(&all)?;
        let shallow = line(self.ask(&["rev-parse", "--is-shallow-repository"], vec![])?) == b"true";
        let here = |tips: HashSet<ObjectId>| -> HashSet<ObjectId> { tips.difference(&missing).copied().collect() };
        let (all, one) = (here(all), here(one));
        let whole = self.reachable(&all)?;
        let single_branch = if all == one { whole } else { self.reachable(&one)? };
        Ok(History { all: whole, single_branch, missing: missing.len(), shallow })
    }

    fn missing(&self, tips: &HashSet<ObjectId>) -> Result<HashSet<ObjectId>, GitError> {
        let output = self.ask(&["cat-file", "--batch-check", "--buffer"], lines(tips))?;
        let missing = output.split(|byte| *byte == b'\n').filter_map(|line| line.strip_suffix(b" missing"));
        Ok(missing.filter_map(ObjectId::parse).collect())
    }

    fn reachable(&self, tips: &HashSet<ObjectId>) -> Result<Reachable, GitError> {
        if tips.is_empty() {
            return Ok(Reachable { commits: 0, pack: Some(Pack { objects: 0, bytes: 0 }) });
        }
        let count = line(self.ask(&["rev-list", "--count", "--stdin"], lines(tips))?);
        let count = std::str::from_utf8(&count).ok().and_then(|count| count.parse().ok());
        let commits = count.ok_or_else(|| GitError::Unreadable { command: "rev-list".to_owned() })?;
        Ok(Reachable { commits, pack: self.pack(tips)? })
    }

    /// Packs what a server would send, and keeps nothing but its size.
    fn pack(&self, tips: &HashSet<ObjectId>) -> Result<Option<Pack>, GitError> {
        let command = self.git(&["pack-objects", "--revs", "--stdout", "--delta-base-offset", "-q"]);
        let (mut bytes, mut header) = (0, Vec::new());
        let ended = Git { input: lines(tips), limit: HISTORY, ..command }.run(&mut |piece| {
            bytes += piece.len() as u64;
            header.extend(piece.iter().take(PACK_HEADER - header.len()));
        });
        match ended {
            Ok(Ended { succeeded: true, .. }) => {}
            // Not all of it is here: a partial clone.
            Ok(_) | Err(GitError::TooLong { .. }) => return Ok(None),
            Err(error) => return Err(error),
        }
        // `PACK`, its version, how many objects (gitformat-pack).
        let objects = header.get(8..PACK_HEADER).and_then(|count| count.try_into().ok()).map(u32::from_be_bytes);
        Ok(objects.map(|objects| Pack { objects: objects.into(), bytes }))
    }

    /// Of these paths in the build context those with an attribute that changes content on its way out of git.
    pub(super) fn filtered(&self, paths: &[&Path]) -> Result<HashSet<Vec<u8>>, GitError> {
        if paths.is_empty() {
            return Ok(HashSet::new());
        }
        let input: Vec<u8> = paths.iter().flat_map(|path| [path.as_os_str().as_bytes(), b"\0"].concat()).collect();
        let arguments = ["check-attr", "-z", "--stdin", "filter", "ident", "working-tree-encoding"];
        Ok(outputs::with_attribute(&self.ask(&arguments, input)?))
    }

    /// All that a command prints that is to succeed.
    fn ask(&self, arguments: &[&str], input: Vec<u8>) -> Result<Vec<u8>, GitError> {
        let command = Git { input, ..self.git(arguments) };
        let name = command.name();
        command.output()?.map_err(|ended| ended.error(&name))
    }

    fn git(&self, arguments: &[&str]) -> Git<'_> {
        let arguments = arguments.iter().map(OsString::from).collect();
        let (limit, network) = (LOCAL, Network::None);
        Git { directory: &self.context, arguments, input: vec![], limit, network, stop: &self.stop }
    }

    /// Reads objects, one after the other.
    pub(super) fn objects(&self) -> Result<Process, GitError> {
        self.git(&["cat-file", "--batch"]).start()
    }
}

/// Bytes of a pack before its first object.
const PACK_HEADER: usize = 12;

/// The references of the repository at `url`, asked of its server, with the user's own configuration and logins.
///
/// # Errors
/// It cannot be reached from here, wants a login that nobody has, or does not answer within `limit`; or it was stopped.
pub fn remote_refs(url: &str, limit: Duration, stop: &Stop) -> Result<References, GitError> {
    let failed = |source| GitError::Run { command: "ls-remote".to_owned(), source };
    let empty = tempfile::tempdir().map_err(failed)?;
    let directory = sys::real(empty.path()).map_err(failed)?;
    let above = directory.parent().unwrap_or(&directory);
    let arguments = ["ls-remote", "--symref", "--", url].map(OsString::from).to_vec();
    let network = Network::Below(above);
    let command = Git { directory: &directory, arguments, input: vec![], limit, network, stop };
    let output = command.output()?.map_err(|ended| ended.error("ls-remote"))?;
    Ok(References::of_remote(&output))
}

/// Without the line's end.
fn line(mut output: Vec<u8>) -> Vec<u8> {
    output.pop_if(|last| *last == b'\n');
    output
}

fn lines(tips: &HashSet<ObjectId>) -> Vec<u8> {
    tips.iter().flat_map(|tip| format!("{tip}\n").into_bytes()).collect()
}

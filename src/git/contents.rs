//! The contents of both sides of a comparison: files that are sent, and objects of a repository.

use std::cell::RefCell;
use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout};

use super::difference::Look;
use super::object::ObjectId;
use super::repository::Repository;
use super::run::{GitError, Process};
use crate::context::content::Files;
use crate::context::listing::{Entry, Kind};
use crate::error::ContextError;
use crate::sys::OsStrExt;

/// Files longer than this are not held in memory to be compared line by line.
const LIMIT: u64 = 16 << 20;

/// Reads files from where they are, and objects through one process of git's.
pub struct Contents<'a> {
    repository: &'a Repository,
    files: Files<'a>,
    objects: RefCell<Objects>,
}

/// `git cat-file --batch`, which answers a name with `ID TYPE SIZE`, the content, and a line's end.
struct Objects {
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    _process: Process,
}

impl<'a> Contents<'a> {
    /// The files of a listing, and the objects of a repository.
    ///
    /// # Errors
    /// Git cannot be run.
    pub fn new(repository: &'a Repository, files: Files<'a>) -> Result<Self, GitError> {
        let mut process = repository.objects()?;
        // What git complains of is that an object is not there, which its answer says, too.
        drop(process.0.stderr.take());
        let (Some(questions), Some(answers)) = (process.0.stdin.take(), process.0.stdout.take()) else {
            return Err(GitError::Unreadable { command: "cat-file".to_owned() });
        };
        let objects = Objects { questions, answers: BufReader::new(answers), _process: process };
        Ok(Self { repository, files, objects: RefCell::new(objects) })
    }

    fn open<'b>(&'b self, entry: &'b Entry) -> io::Result<Box<dyn Read + 'b>> {
        match self.repository.stop.is_stopped() {
            true => Err(io::ErrorKind::TimedOut.into()),
            false => self.files.open(entry),
        }
    }
}

impl Look for Contents<'_> {
    fn id(&self, entry: &Entry) -> Result<ObjectId, ContextError> {
        let id = match &entry.kind {
            Kind::File { size, .. } => self.open(entry).and_then(|mut content| ObjectId::of_blob(*size, &mut content)),
            Kind::Symlink { target } => {
                let mut target = target.as_os_str().as_bytes();
                ObjectId::of_blob(target.len() as u64, &mut target)
            }
            Kind::Directory => Err(io::ErrorKind::IsADirectory.into()),
        };
        id.map_err(|source| ContextError::Io { action: "read", path: entry.path.clone(), source })
    }

    fn sent(&self, entry: &Entry) -> Option<Vec<u8>> {
        if entry.kind.size() > LIMIT {
            return None;
        }
        let mut all = Vec::new();
        self.open(entry).ok()?.take(LIMIT).read_to_end(&mut all).ok()?;
        Some(all)
    }

    fn committed(&self, id: ObjectId) -> Option<Vec<u8>> {
        self.objects.borrow_mut().read(id).ok().flatten()
    }

    fn is_there(&self, path: &Path) -> bool {
        self.files.root.is_some_and(|root| root.status(path).is_ok())
    }

    fn filtered(&self, paths: &[&Path]) -> HashSet<Vec<u8>> {
        // Not to know it leaves them with what is seen: that they differ.
        self.repository.filtered(paths).unwrap_or_default()
    }
}

impl Objects {
    fn read(&mut self, id: ObjectId) -> io::Result<Option<Vec<u8>>> {
        writeln!(self.questions, "{id}")?;
        self.questions.flush()?;
        let mut about = String::new();
        self.answers.read_line(&mut about)?;
        let Some(size) = about.trim_end().rsplit(' ').next().and_then(|size| size.parse::<u64>().ok()) else {
            return Ok(None);
        };
        let mut content = Vec::new();
        if size <= LIMIT {
            self.answers.by_ref().take(size).read_to_end(&mut content)?;
        } else {
            io::copy(&mut self.answers.by_ref().take(size), &mut io::sink())?;
        }
        self.answers.read_exact(&mut [0])?;
        Ok((size <= LIMIT).then_some(content))
    }
}

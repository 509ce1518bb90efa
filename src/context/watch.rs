//! Waits until what would be sent of a build context has changed.
//!
//! Only directories that a walk enters are watched: what the ignore file keeps out costs nothing and wakes nobody. A
//! system's word that something happened to a path is taken for a change if the path is sent, or if what is sent is not
//! what it was: an editor's temporary file that is gone again is none.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use super::dockerignore::{Matcher, PathState};
use super::listing::{Entry, Kind};
use super::locate;
use super::scan::{Excluded, scan};
use crate::sys::{self, OsStrExt};

/// A change is over once nothing has happened for so long.
const QUIET: Duration = Duration::from_millis(200);
/// What does not come to rest, is looked at after this time at the latest.
const LONGEST: Duration = Duration::from_secs(2);

/// Waits for changes.
pub struct Changes {
    root: PathBuf,
    dockerfile: Option<PathBuf>,
    watcher: RecommendedWatcher,
    happened: UnboundedReceiver<notify::Result<notify::Event>>,
    watched: BTreeSet<PathBuf>,
    /// Told, and not yet looked at.
    touched: BTreeSet<PathBuf>,
    sent: Sent,
}

/// What would be sent.
#[derive(Debug, Default)]
struct Sent {
    entries: BTreeMap<PathBuf, Entry>,
    /// The Dockerfile and the ignore file, and what they are symlinks to, with what is in them.
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Sent {
    /// What of it is not what it was.
    fn differs(&self, now: &Self) -> Vec<PathBuf> {
        let paths: BTreeSet<&PathBuf> = [&self.entries, &now.entries].into_iter().flat_map(BTreeMap::keys).collect();
        let is_other = |path: &&PathBuf| self.entries.get(*path) != now.entries.get(*path);
        paths.into_iter().filter(is_other).cloned().collect()
    }
}

impl Changes {
    /// Begins to watch the directory `root`, and the Dockerfile as typed if it was.
    ///
    /// # Errors
    /// The system watches no more.
    pub fn watch(root: &Path, dockerfile: Option<&Path>) -> io::Result<Self> {
        let (tell, happened) = unbounded_channel();
        // Nobody is told any more once nobody waits.
        let watcher = notify::recommended_watcher(move |event| drop(tell.send(event))).map_err(io_error)?;
        let mut changes = Self {
            // As the system tells of them.
            root: sys::real(root)?,
            dockerfile: dockerfile.map(std::path::absolute).transpose()?,
            watcher,
            happened,
            watched: BTreeSet::new(),
            touched: BTreeSet::new(),
            sent: Sent::default(),
        };
        changes.sent = changes.look()?;
        Ok(changes)
    }

    /// Waits until what would be sent has changed since it was last told; the files that have, from the directory on.
    /// Given up and called again, it misses nothing.
    ///
    /// # Errors
    /// The system watches no more.
    pub async fn next(&mut self) -> io::Result<Vec<PathBuf>> {
        loop {
            if self.touched.is_empty() {
                let happened = self.happened.recv().await;
                self.take(happened)?;
            }
            self.come_to_rest().await?;
            let now = tokio::task::block_in_place(|| self.look())?;
            let touched = std::mem::take(&mut self.touched);
            let mut changed: Vec<PathBuf> = touched.into_iter().filter(|path| self.concerns(path, &now)).collect();
            if changed.is_empty() {
                changed = self.sent.differs(&now);
            }
            self.sent = now;
            if !changed.is_empty() {
                let relative = |path: PathBuf| path.strip_prefix(&self.root).map(Path::to_owned).unwrap_or(path);
                return Ok(changed.into_iter().map(|path| sys::slashed(relative(path))).collect());
            }
        }
    }

    async fn come_to_rest(&mut self) -> io::Result<()> {
        let rest = async {
            while let Ok(happened) = timeout(QUIET, self.happened.recv()).await {
                self.take(happened)?;
            }
            Ok(())
        };
        timeout(LONGEST, rest).await.unwrap_or(Ok(()))
    }

    fn take(&mut self, happened: Option<notify::Result<notify::Event>>) -> io::Result<()> {
        match happened {
            Some(Ok(event)) if matches!(event.kind, EventKind::Access(_)) => {}
            // An overflow names no path.
            Some(Ok(event)) if event.paths.is_empty() => drop(self.touched.insert(self.root.clone())),
            Some(Ok(event)) => self.touched.extend(event.paths),
            Some(Err(error)) => return Err(io_error(error)),
            None => return Err(io::ErrorKind::BrokenPipe.into()),
        }
        Ok(())
    }

    /// Whether something that happened to the path changes a file that is or was sent.
    fn concerns(&self, path: &Path, now: &Sent) -> bool {
        let is_file = |sent: &Sent| {
            sent.files.contains_key(path)
                || sent.entries.get(path).is_some_and(|entry| !matches!(entry.kind, Kind::Directory))
        };
        is_file(now) || is_file(&self.sent)
    }

    /// What would be sent now; directories that are new are watched from before they are looked at.
    fn look(&mut self) -> io::Result<Sent> {
        let mut sent = Sent::default();
        // A Dockerfile that is not there is waited for.
        let dockerfile = locate::dockerfile(&self.root, self.dockerfile.as_deref()).ok();
        let path = dockerfile.as_ref().map(|found| found.path.clone());
        let beside = path.as_deref().or(self.dockerfile.as_deref()).and_then(Path::parent).map(Path::to_owned);
        self.watch_one(beside.as_deref())?;
        let Ok(context) = locate::build_context(&self.root, path.as_deref()) else { return Ok(sent) };
        let ignored = context.ignore_file.as_ref().map_or(&[][..], |file| &file.content);
        // What Docker would refuse is told by the build.
        let Ok(matcher) = Matcher::from_file(ignored) else { return Ok(sent) };
        self.watch_one(Some(&self.root.clone()))?;
        for directory in entered(&self.root, &matcher) {
            self.watch_one(Some(&directory))?;
        }
        if let Ok(listing) = scan(&context, Excluded::Prune) {
            let entries = listing.entries.into_iter();
            sent.entries = entries.map(|entry| (self.root.join(&entry.path), Entry { mtime: 0, ..entry })).collect();
        }
        for file in dockerfile.into_iter().chain(context.ignore_file) {
            let path = std::path::absolute(file.path)?;
            // What a symlink leads to is written without a word of the link.
            let real = sys::real(&path).unwrap_or_else(|_| path.clone());
            self.watch_one(real.parent())?;
            sent.files.extend([(real, file.content.clone()), (path, file.content)]);
        }
        Ok(sent)
    }

    fn watch_one(&mut self, directory: Option<&Path>) -> io::Result<()> {
        let Some(directory) = directory else { return Ok(()) };
        if self.watched.contains(directory) && directory.is_dir() {
            return Ok(());
        }
        match self.watcher.watch(directory, RecursiveMode::NonRecursive) {
            Ok(()) => drop(self.watched.insert(directory.to_owned())),
            // It is gone already, and what is above it tells.
            Err(notify::Error { kind: notify::ErrorKind::PathNotFound, .. }) => {}
            Err(notify::Error { kind: notify::ErrorKind::Io(error), .. })
                if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(io_error(error)),
        }
        Ok(())
    }
}

/// The directories below `root` that a walk enters.
fn entered(root: &Path, matcher: &Matcher) -> Vec<PathBuf> {
    let mut found = Vec::new();
    enter(root, Path::new(""), &matcher.root(), &mut found);
    found
}

fn enter(root: &Path, path: &Path, state: &PathState<'_>, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(root.join(path)).into_iter().flatten().flatten() {
        let below = sys::slashed(path.join(entry.file_name()));
        let bytes = below.as_os_str().as_bytes();
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let Ok(state) = state.child(bytes) else { continue };
        if !state.may_skip_directory(bytes) {
            found.push(root.join(&below));
            enter(root, &below, &state, found);
        }
    }
}

fn io_error(error: notify::Error) -> io::Error {
    match error.kind {
        notify::ErrorKind::Io(error) => error,
        notify::ErrorKind::MaxFilesWatch => {
            io::Error::other("the system watches no more directories: see /proc/sys/fs/inotify/max_user_watches")
        }
        _ => io::Error::other(error),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Time in which a change has to be told, on a busy machine too.
    const SOON: Duration = Duration::from_secs(20);
    /// Time after which none is expected any more.
    const NEVER: Duration = Duration::from_millis(700);

    fn project() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (path, content) in [
            ("Dockerfile", "FROM scratch\nCOPY . /\n"),
            (".dockerignore", "target\n**/*.log\nvendor\n!vendor/kept\n"),
            ("src/deep/main.c", "int main;\n"),
            ("target/out", "x"),
            ("vendor/other/x", "x"),
        ] {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        directory
    }

    async fn told(changes: &mut Changes, limit: Duration) -> Option<Vec<String>> {
        let paths = timeout(limit, changes.next()).await.ok()?.unwrap();
        Some(paths.iter().map(|path| path.display().to_string()).collect())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_sent_is_told_once_it_has_changed_and_what_is_not_is_not() {
        let project = project();
        let write = |path: &str, content: &str| fs::write(project.path().join(path), content).unwrap();
        let mut changes = Changes::watch(project.path(), None).unwrap();

        for (path, content) in [("target/out", "y"), ("src/x.log", "y"), ("vendor/other/x", "y"), ("vendor/z", "y")] {
            write(path, content);
            assert_eq!(told(&mut changes, NEVER).await, None, "{path}");
        }
        for (path, content) in [("src/deep/main.c", "int other;\n"), ("src/deep/main.c", "int other;\n")] {
            write(path, content);
            assert_eq!(told(&mut changes, SOON).await.unwrap(), [path], "written anew");
        }
        write("target/a", "a");
        fs::create_dir(project.path().join("target/new")).unwrap();
        fs::rename(project.path().join("target/a"), project.path().join("target/new/a")).unwrap();
        fs::rename(project.path().join("target/new"), project.path().join("src/new")).unwrap();
        assert_eq!(told(&mut changes, SOON).await.unwrap(), ["src/new", "src/new/a"]);
        write("src/new/a", "b");
        assert_eq!(told(&mut changes, SOON).await.unwrap(), ["src/new/a"], "the new directory is watched");
        fs::remove_dir_all(project.path().join("src/new")).unwrap();
        assert_eq!(told(&mut changes, SOON).await.unwrap(), ["src/new/a"]);
        fs::create_dir(project.path().join("vendor/kept")).unwrap();
        assert_eq!(told(&mut changes, SOON).await.unwrap(), ["vendor", "vendor/kept"], "an exception's directory");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_temporary_file_of_an_editor_is_no_change_but_the_file_that_it_replaces_is() {
        let project = project();
        let mut changes = Changes::watch(project.path(), None).unwrap();
        let temporary = project.path().join("src/deep/.main.c.swp");
        fs::write(&temporary, "x").unwrap();
        fs::remove_file(&temporary).unwrap();
        assert_eq!(told(&mut changes, NEVER).await, None);
        fs::write(&temporary, "x").unwrap();
        fs::rename(&temporary, project.path().join("src/deep/main.c")).unwrap();
        assert_eq!(told(&mut changes, SOON).await.unwrap(), ["src/deep/main.c"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_dockerfile_and_the_ignore_file_are_watched_wherever_they_are() {
        let (project, elsewhere) = (project(), tempfile::tempdir().unwrap());
        let dockerfile = elsewhere.path().join("my.Dockerfile");
        let mut changes = Changes::watch(project.path(), Some(&dockerfile)).unwrap();
        fs::write(&dockerfile, "FROM scratch\n").unwrap();
        let path = dockerfile.display().to_string();
        assert_eq!(told(&mut changes, SOON).await.unwrap(), [&*path], "it was not there");
        fs::write(project.path().join(".dockerignore"), "*.log\n").unwrap();
        let changed = told(&mut changes, SOON).await.unwrap();
        assert_eq!(changed, [".dockerignore"]);
        fs::write(project.path().join("target/out"), "z").unwrap();
        assert_eq!(told(&mut changes, SOON).await.unwrap(), ["target/out"], "it is sent now");
        let real = tempfile::tempdir().unwrap();
        let real = real.path().canonicalize().unwrap().join("Dockerfile");
        fs::write(&real, "FROM scratch\n").unwrap();
        fs::remove_file(&dockerfile).unwrap();
        std::os::unix::fs::symlink(&real, &dockerfile).unwrap();
        assert_eq!(told(&mut changes, SOON).await.unwrap(), [path], "it is a symlink now");
        fs::write(&real, "FROM busybox\n").unwrap();
        assert_eq!(told(&mut changes, SOON).await.unwrap(), [real.display().to_string()]);
    }
}

//! A build context, described: what is in it, and its Dockerfile.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use flate2::write::GzEncoder;
use tempfile::TempDir;

use crate::support::oracle::Asked;

/// A context with a Dockerfile, and how it is built.
#[derive(Debug, Clone, Default)]
pub struct Case {
    /// Those above come first.
    pub things: Vec<Thing>,
    pub dockerfile: String,
    pub build_args: Vec<&'static str>,
    pub target: Option<&'static str>,
}

/// Something in a context.
#[derive(Debug, Clone)]
pub struct Thing {
    path: String,
    what: What,
    mode: u32,
    owner: (u32, u32),
}

impl std::fmt::Display for Thing {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (uid, gid) = self.owner;
        write!(formatter, "{:04o} {uid}:{gid} {:?} {:?}", self.mode, self.path, self.what)
    }
}

#[derive(Clone)]
enum What {
    Directory,
    File(Vec<u8>),
    Symlink(String),
    /// A second name: in archives alone.
    HardLink(String),
}

impl std::fmt::Debug for What {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Directory => write!(formatter, "directory"),
            Self::File(content) if content.len() > 100 => write!(formatter, "file of {} bytes", content.len()),
            Self::File(content) => write!(formatter, "file \"{}\"", content.escape_ascii()),
            Self::Symlink(target) => write!(formatter, "-> {target:?}"),
            Self::HardLink(target) => write!(formatter, "same as {target:?}"),
        }
    }
}

pub fn file(path: &str, content: impl Into<Vec<u8>>) -> Thing {
    Thing { path: path.to_owned(), what: What::File(content.into()), mode: 0o644, owner: (0, 0) }
}

pub fn directory(path: &str) -> Thing {
    Thing { path: path.to_owned(), what: What::Directory, mode: 0o755, owner: (0, 0) }
}

/// Another name of what an earlier member of an archive is.
pub fn hard_link(path: &str, target: &str) -> Thing {
    Thing { path: path.to_owned(), what: What::HardLink(target.to_owned()), mode: 0o644, owner: (0, 0) }
}

pub fn link(path: &str, target: &str) -> Thing {
    Thing { path: path.to_owned(), what: What::Symlink(target.to_owned()), mode: 0o777, owner: (0, 0) }
}

impl Thing {
    pub fn mode(self, mode: u32) -> Self {
        Self { mode, ..self }
    }

    pub fn owner(self, uid: u32, gid: u32) -> Self {
        Self { owner: (uid, gid), ..self }
    }

    /// Makes it; what another thing is in the way of is left out.
    fn lay(&self, root: &Path) {
        let path = root.join(&self.path);
        let parent = path.parent().unwrap();
        if self.path == "." {
            chown(root, Some(self.owner.0), Some(self.owner.1)).unwrap();
            return fs::set_permissions(root, fs::Permissions::from_mode(self.mode)).unwrap();
        }
        // One by one, whatever this process's umask is.
        if let Some((above, _)) = self.path.rsplit_once('/') {
            directory(above).lay(root);
        }
        if fs::symlink_metadata(&path).is_ok() {
            return;
        }
        // Nothing is written through a link.
        if !fs::canonicalize(parent).is_ok_and(|real| real.starts_with(fs::canonicalize(root).unwrap())) {
            return;
        }
        let made = match &self.what {
            What::Directory => fs::create_dir(&path),
            What::File(content) => fs::write(&path, content),
            What::Symlink(target) => symlink(target, &path),
            What::HardLink(_) => unreachable!("in archives alone"),
        };
        if made.is_err() {
            return;
        }
        if let What::Symlink(_) = self.what {
            return lchown(&path, Some(self.owner.0), Some(self.owner.1)).unwrap();
        }
        // In this order: a change of the owner takes setuid away.
        chown(&path, Some(self.owner.0), Some(self.owner.1)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(self.mode)).unwrap();
    }
}

/// A case on the disk.
pub struct Laid<'a> {
    context: PathBuf,
    case: &'a Case,
    _home: TempDir,
}

impl Case {
    pub fn lay(&self) -> Laid<'_> {
        let home = tempfile::Builder::new().prefix("case-").tempdir().unwrap();
        // Not the temporary directory itself: what is beside the context is seen by nobody.
        let context = home.path().join("context");
        fs::create_dir(&context).unwrap();
        for thing in std::iter::once(&directory(".")).chain(&self.things) {
            thing.lay(&context);
        }
        file("Dockerfile", &*self.dockerfile).lay(&context);
        Laid { context, case: self, _home: home }
    }
}

impl Laid<'_> {
    pub fn asked(&self) -> Asked<'_> {
        Asked {
            context: &self.context,
            dockerfile: "Dockerfile",
            build_args: &self.case.build_args,
            target: self.case.target,
        }
    }
}

/// Members of an archive.
pub fn archive(members: &[Thing]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for member in members {
        let mut header = tar::Header::new_ustar();
        // The name as it is: the library refuses `..`.
        header.as_mut_bytes()[..member.path.len()].copy_from_slice(member.path.as_bytes());
        header.set_mode(member.mode);
        header.set_uid(member.owner.0.into());
        header.set_gid(member.owner.1.into());
        header.set_mtime(1_700_000_000);
        let content: &[u8] = match &member.what {
            What::Directory => {
                header.set_entry_type(tar::EntryType::Directory);
                b""
            }
            What::File(content) => content,
            What::Symlink(target) => {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_link_name(target).unwrap();
                b""
            }
            What::HardLink(target) => {
                header.set_entry_type(tar::EntryType::Link);
                header.set_link_name(target).unwrap();
                b""
            }
        };
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, content).unwrap();
    }
    builder.into_inner().unwrap()
}

pub fn gzip(content: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, content).unwrap();
    gzip.finish().unwrap()
}

/// The archive, compressed as an option of bsdtar says: `--xz`.
pub fn compressed(how: &str, archive: &[u8]) -> Vec<u8> {
    let mut input = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut input, archive).unwrap();
    std::io::Seek::rewind(&mut input).unwrap();
    let mut bsdtar = Command::new("bsdtar");
    let output = bsdtar.args(["-c", how, "-f", "-", "@-"]).stdin(input).stderr(Stdio::inherit()).output();
    let output = output.expect("bsdtar is of Debian's libarchive-tools");
    assert!(output.status.success());
    output.stdout
}

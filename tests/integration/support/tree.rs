//! Build contexts on disk.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A directory that goes away with its value.
pub struct Tree(TempDir);

impl Tree {
    pub fn new() -> Self {
        Self(tempfile::Builder::new().prefix("context-").tempdir().unwrap())
    }

    /// A project in which nothing is wrong.
    pub fn small() -> Self {
        Self::new().file("Dockerfile", "FROM scratch\nCOPY x /x\n").file("x", "x\n")
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file, with the directories above it.
    #[must_use]
    pub fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.write(path, content);
        self
    }

    #[must_use]
    pub fn executable(self, path: &str, content: &str) -> Self {
        self.of_mode(path, content, 0o755)
    }

    #[must_use]
    pub fn of_mode(self, path: &str, content: &str, mode: u32) -> Self {
        let path = self.write(path, content);
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    #[must_use]
    pub fn link(self, path: &str, target: &str) -> Self {
        symlink(target, self.path().join(path)).unwrap();
        self
    }

    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Makes it a git repository with everything committed.
    pub fn commit(&self) {
        for arguments in [&["init", "-q"][..], &["add", "-A"], &["commit", "-qm", "all of it"]] {
            git(self.path(), arguments);
        }
    }
}

/// Runs git, whatever the user's configuration says; what it prints.
#[track_caller]
pub fn git(directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=n", "-c", "user.email=e", "-c", "protocol.file.allow=always"])
        .args(arguments)
        .current_dir(directory)
        .envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

/// Bytes that gzip cannot shrink: a xorshift sequence, the same each time.
pub fn incompressible(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.flatten().take(length).collect()
}

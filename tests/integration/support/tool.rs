//! The binary as a process.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// What a user's or CI's environment may hold that would change the output.
const SCRUBBED: [&str; 8] =
    ["CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "KUBECONFIG", "NO_COLOR", "RUST_BACKTRACE", "RUST_LOG", "TERM"];

/// A call of the binary.
#[must_use]
pub struct Tool(Command);

impl Tool {
    pub fn new(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kaniko-local"));
        for name in SCRUBBED {
            command.env_remove(name);
        }
        // No kubeconfig by accident.
        command.env("HOME", "/nonexistent").args(arguments).stdin(Stdio::null());
        Self(command)
    }

    pub fn within(mut self, directory: &Path) -> Self {
        self.0.current_dir(directory);
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.0.arg(argument);
        self
    }

    pub fn args(mut self, arguments: &[&str]) -> Self {
        self.0.args(arguments);
        self
    }

    pub fn run(mut self) -> Finished {
        let output = self.0.output().unwrap();
        Finished {
            code: output.status.code(),
            stdout: output.stdout,
            stderr: String::from_utf8(output.stderr).expect("standard error is text"),
        }
    }

    /// Starts it and leaves it running.
    pub fn spawn(mut self) -> Running {
        Running(self.0.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }
}

/// A call that is under way.
pub struct Running(Child);

impl Running {
    /// Sends a signal by its name without `SIG`.
    pub fn signal(&self, name: &str) {
        let kill = Command::new("kill").args(["-s", name, &self.0.id().to_string()]).status();
        assert!(kill.unwrap().success());
    }

    pub fn wait(self) -> Finished {
        let output = self.0.wait_with_output().unwrap();
        Finished {
            code: output.status.code(),
            stdout: output.stdout,
            stderr: String::from_utf8(output.stderr).expect("standard error is text"),
        }
    }
}

/// How a call ended.
#[derive(Debug)]
pub struct Finished {
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Finished {
    pub fn stdout(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("standard output is text")
    }

    /// Exit code and both outputs in one text, for snapshots.
    pub fn transcript(&self) -> String {
        format!(
            "exit code: {}\n--- stdout ---\n{}--- stderr ---\n{}",
            self.code.map_or_else(|| "none".to_owned(), |code| code.to_string()),
            self.stdout(),
            self.stderr
        )
    }

    /// Asserts success and returns the one line on standard output.
    #[track_caller]
    pub fn reference(&self) -> &str {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        let line = self.stdout().strip_suffix('\n').expect("one line");
        assert!(!line.contains('\n'), "one line: {line}");
        line
    }
}

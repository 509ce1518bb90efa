//! The binary as a process.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Seek, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::wait_for;

/// What a user's or CI's environment may hold that would change the output.
const SCRUBBED: [&str; 10] = [
    "CI",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "COLUMNS",
    "KUBECONFIG",
    "NO_COLOR",
    "RUST_BACKTRACE",
    "RUST_LOG",
    "TERM",
    "USER",
];

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

    /// A kubeconfig that names a cluster where nobody is asked.
    pub fn kubeconfig_nowhere(self) -> Self {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/integration/support/nowhere.yaml");
        self.env("KUBECONFIG", file)
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    /// What it finds on standard input.
    pub fn input(mut self, bytes: impl AsRef<[u8]>) -> Self {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes.as_ref()).unwrap();
        file.rewind().unwrap();
        self.0.stdin(file);
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

    pub fn stdout(mut self, stdout: Stdio) -> Self {
        self.0.stdout(stdout);
        self
    }

    pub fn stderr(mut self, stderr: Stdio) -> Self {
        self.0.stderr(stderr);
        self
    }

    /// Runs it with a shell's redirections, such as `>&-`; nothing is captured of what these lead elsewhere.
    pub fn redirected(self, redirections: &str) -> Self {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("exec \"$@\" {redirections}")).arg("sh");
        shell.arg(self.0.get_program()).args(self.0.get_args()).stdin(Stdio::null());
        for (name, value) in self.0.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        Self(shell)
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
        let mut child = self.0.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = Arc::new(Mutex::new(String::new()));
        let reader = std::thread::spawn({
            let (stderr, pipe) = (Arc::clone(&stderr), child.stderr.take().unwrap());
            move || {
                for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                    stderr.lock().unwrap().push_str(&(line + "\n"));
                }
            }
        });
        Running { child, stderr, reader }
    }

    /// The call as a line for a shell, with its environment.
    pub fn shell_line(&self) -> String {
        let quoted = |word: &OsStr| format!("'{}'", word.to_str().unwrap().replace('\'', "'\\''"));
        let mut line = String::new();
        line.extend(self.0.get_current_dir().map(|directory| format!("cd {} && ", quoted(directory.as_os_str()))));
        line.push_str("env");
        let (set, unset): (Vec<_>, Vec<_>) = self.0.get_envs().partition(|(_, value)| value.is_some());
        unset.iter().filter(|(name, _)| *name != "TERM").for_each(|(name, _)| line.extend([" -u ", &quoted(name)]));
        for (name, value) in set {
            line.extend([" ", &quoted(name), "=", &quoted(value.unwrap_or_default())]);
        }
        for word in std::iter::once(self.0.get_program()).chain(self.0.get_args()) {
            line.extend([" ", &quoted(word)]);
        }
        line
    }

    /// Runs it and closes its standard error after a line of it.
    pub fn run_and_stop_reading_after_a_line(mut self) -> Finished {
        let mut child = self.0.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
        let output = child.wait_with_output().unwrap();
        Finished { code: output.status.code(), stdout: output.stdout, stderr: line }
    }

    /// Runs it on a terminal of its own and returns everything that was written to it.
    pub fn run_on_a_terminal(self) -> String {
        let words = std::iter::once(self.0.get_program()).chain(self.0.get_args());
        let line: Vec<String> = words.map(|word| format!("'{}'", word.to_str().unwrap())).collect();
        let mut script = Command::new("script");
        script.args(["-qefc", &line.join(" "), "/dev/null"]).stdin(Stdio::null());
        for (name, value) in self.0.get_envs() {
            match value {
                Some(value) => script.env(name, value),
                None => script.env_remove(name),
            };
        }
        if !self.0.get_envs().any(|(name, value)| name == "TERM" && value.is_some()) {
            script.env("TERM", "xterm");
        }
        let output = script.output().expect("script is of Debian's bsdutils");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8(output.stdout).unwrap()
    }
}

/// A call that is under way.
pub struct Running {
    child: Child,
    stderr: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
}

impl Running {
    /// What it wrote to standard error so far.
    pub fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// Sends a signal by its name without `SIG`.
    pub fn signal(&self, name: &str) {
        // The shell's own: the program is in a package that not every machine has.
        let kill =
            Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &self.child.id().to_string()]).status();
        assert!(kill.unwrap().success());
    }

    /// Waits for its end, which has to come within `limit`.
    #[track_caller]
    pub fn wait_at_most(mut self, limit: Duration) -> Finished {
        let started = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            if started.elapsed() > limit {
                self.child.kill().unwrap();
                panic!("not over within {limit:?}:\n{}", self.stderr());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.wait()
    }

    pub fn wait(self) -> Finished {
        let output = self.child.wait_with_output().unwrap();
        self.reader.join().unwrap();
        let stderr = self.stderr.lock().unwrap().clone();
        Finished { code: output.status.code(), stdout: output.stdout, stderr }
    }
}

/// How a call ended.
#[derive(Debug)]
pub struct Finished {
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

/// What a call comes to once it ends with this exit code, as soon as the cluster has seen what a test has made.
#[track_caller]
pub fn ends_with(code: i32, call: impl Fn() -> Finished) -> Finished {
    let mut last = call();
    wait_for(&format!("exit code {code}"), || {
        if last.code != Some(code) {
            last = call();
        }
        last.code == Some(code)
    });
    last
}

impl Finished {
    pub fn stdout(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("standard output is text")
    }

    /// What is on standard output, as a document.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(self.stdout()).unwrap_or_else(|error| panic!("{error}: {}", self.transcript()))
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

    /// Standard error without the codes of findings: `error[upload-broken]: …` as `error: …`.
    pub fn without_codes(&self) -> String {
        let mut text = String::new();
        for line in self.stderr.split_inclusive('\n') {
            match line.strip_prefix("error[").and_then(|rest| rest.split_once("]: ")) {
                Some((_, message)) => text.extend(["error: ", message]),
                None => text.push_str(line),
            }
        }
        text
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

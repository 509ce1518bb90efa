//! The real executor, in a root directory of its own: it deletes what it finds in its.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A bound on hanging, not a measurement.
const LIMIT: Duration = Duration::from_secs(60);

/// The fork's program, where somebody has one: osscontainertools/kaniko is not on Go's module proxy, so no script
/// builds it.
pub fn fork() -> Option<PathBuf> {
    let executor = std::env::var("KANIKO_LOCAL_TEST_FORK_EXECUTOR").ok()?;
    Some(Path::new(&executor).canonicalize().unwrap())
}

/// The executor's program, as scripts/test gives it.
pub fn program() -> PathBuf {
    let executor = std::env::var("KANIKO_LOCAL_TEST_EXECUTOR").expect("run the tests with scripts/test");
    Path::new(&executor).canonicalize().unwrap()
}

/// What an executor sees as `/`.
pub struct Root(TempDir);

/// What is around an executor besides.
#[derive(Default)]
pub struct Surroundings<'a> {
    pub environment: BTreeMap<String, String>,
    /// Paths that are mounts, as a pod's volumes are: the executor leaves them alone.
    pub mounts: &'a [&'a str],
}

/// What an executor did.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code.
    pub code: Option<i32>,
    /// What it wrote to standard error.
    pub said: String,
}

impl Ran {
    /// What it wrote, without colours.
    pub fn plain(&self) -> String {
        let mut plain = String::new();
        let mut rest = &self.said[..];
        while let Some((before, after)) = rest.split_once('\u{1b}') {
            plain.push_str(before);
            rest = after.find('m').map_or("", |end| &after[end + 1..]);
        }
        plain + rest
    }
}

impl Root {
    /// As in the executor's image.
    pub fn new(executor: &Path) -> Self {
        let root = Self(tempfile::Builder::new().prefix("root-").tempdir().unwrap());
        for directory in ["kaniko", "workspace", "proc", "dev", "etc"] {
            fs::create_dir(root.path().join(directory)).unwrap();
        }
        File::create(root.path().join("dev/null")).unwrap();
        let inside = root.path().join("kaniko/executor");
        if fs::hard_link(executor, &inside).is_err() {
            fs::copy(executor, &inside).unwrap();
        }
        root
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Puts a file of the pod's there.
    pub fn place(&self, file: &str) {
        let file = self.path().join(file.trim_start_matches('/'));
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "the pod's\n").unwrap();
    }

    /// Runs it to its end in `directory`.
    pub fn run(&self, directory: &str, arguments: &[String], stdin: impl Into<Stdio>) -> Ran {
        self.run_in(&Surroundings::default(), directory, arguments, stdin)
    }

    /// The same, with more around it.
    pub fn run_in(
        &self,
        surroundings: &Surroundings<'_>,
        directory: &str,
        arguments: &[String],
        stdin: impl Into<Stdio>,
    ) -> Ran {
        let mounts: String =
            surroundings.mounts.iter().map(|path| format!("mount --bind \"$0{path}\" \"$0{path}\" && ")).collect();
        let script = format!(
            "mount -t proc proc \"$0/proc\" && {mounts} \
             exec unshare --root=\"$0\" --wd=\"$1\" /kaniko/executor \"${{@:2}}\""
        );
        let mut child = Command::new("unshare")
            .args(["--mount", "--pid", "--fork", "--kill-child", "--net", "bash", "-c", &script])
            .arg(self.path())
            .arg(directory)
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap())
            .env("USER", "root")
            .envs(&surroundings.environment)
            .stdin(stdin)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = child.stderr.take().unwrap();
        let reader = std::thread::spawn(move || {
            let mut said = Vec::new();
            let _ = pipe.read_to_end(&mut said);
            String::from_utf8_lossy(&said).into_owned()
        });
        let started = Instant::now();
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status,
                None if started.elapsed() > LIMIT => {
                    child.kill().unwrap();
                    panic!("the executor does not end: {arguments:?}");
                }
                None => std::thread::sleep(Duration::from_millis(3)),
            }
        };
        Ran { code: status.code(), said: reader.join().unwrap() }
    }
}

//! BuildKit as the oracle for the image that `docker build` makes, and Kaniko's image of the same directory: as the
//! executor alone makes it, and through this tool.

mod image;
mod kaniko;

pub use image::{Difference, Image};
pub use kaniko::{Place, Through, Tooled, alone, with_mounts};

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A bound on hanging, not a measurement.
const LIMIT: Duration = Duration::from_secs(60);

/// What is built.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub context: &'a Path,
    /// Its name in the context.
    pub dockerfile: &'a str,
    /// Each `NAME=VALUE`.
    pub build_args: &'a [&'a str],
    pub target: Option<&'a str>,
}

/// A running buildkitd. It ends with the last who uses it, and with this process.
pub struct Oracle {
    programs: PathBuf,
    home: TempDir,
    stop: Option<Sender<()>>,
    keeper: Option<JoinHandle<()>>,
}

/// What it is told: no containerd, and directories for its snapshots, as overlays want a file system of the right kind.
const CONFIG: &str = "[worker.oci]\nenabled = true\nsnapshotter = \"native\"\n[worker.containerd]\nenabled = false\n";

/// Its state is in memory and in a name space of its own, where it leaves nothing, mounts included.
const START: &str = "mount -t tmpfs -o mode=700 tmpfs \"$1/state\" && \
    exec \"$0/buildkitd\" --config \"$1/config\" --root \"$1/state\" --addr \"unix://$1/socket\" --oci-worker-net=host";

/// What kills it when the thread that started it ends, however that comes.
const TIED: [&str; 8] =
    ["--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];

impl Oracle {
    /// The one of this process.
    pub fn shared() -> Arc<Self> {
        static RUNNING: Mutex<Weak<Oracle>> = Mutex::new(Weak::new());
        // Whoever could not start it has said so.
        let mut running = RUNNING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        running.upgrade().unwrap_or_else(|| {
            let started = Arc::new(Self::start());
            *running = Arc::downgrade(&started);
            started
        })
    }

    fn start() -> Self {
        let programs = std::env::var("KANIKO_LOCAL_TEST_ORACLE").expect("run the tests with scripts/test");
        let home = tempfile::Builder::new().prefix("oracle-").tempdir().unwrap();
        std::fs::create_dir(home.path().join("state")).unwrap();
        // Base images are in the registry of the test cluster, which speaks HTTP.
        let registry = std::env::var("KANIKO_LOCAL_TEST_REGISTRY");
        let registry = registry.map_or(String::new(), |address| format!("[registry.\"{address}\"]\nhttp = true\n"));
        std::fs::write(home.path().join("config"), format!("{CONFIG}{registry}")).unwrap();
        let log = std::fs::File::create(home.path().join("log")).unwrap();
        let mut command = Command::new("setpriv");
        command.args(TIED).args(["bash", "-c", START, &programs]).arg(home.path());
        // runc is among what only root has on the path.
        let path = std::env::var("PATH").unwrap() + ":/usr/sbin:/sbin";
        command.env_clear().env("PATH", path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        // The thread that started it lives as long as it.
        let (stop, stopped) = channel::<()>();
        let (said, started) = channel();
        let keeper = std::thread::spawn(move || {
            let mut child = command.spawn().expect("setpriv is of Debian's util-linux");
            said.send(()).unwrap();
            let _ = stopped.recv();
            end(&mut child);
        });
        started.recv().unwrap();
        let oracle = Self { programs: programs.into(), home, stop: Some(stop), keeper: Some(keeper) };
        let since = Instant::now();
        while !oracle.socket().exists() {
            assert!(since.elapsed() < LIMIT, "buildkitd does not start: {}", oracle.log());
            std::thread::sleep(Duration::from_millis(10));
        }
        oracle
    }

    fn socket(&self) -> PathBuf {
        self.home.path().join("socket")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.home.path().join("log")).unwrap()
    }

    /// The image that `docker build` makes, or in BuildKit's words why there is none.
    pub fn build(&self, asked: Asked<'_>) -> Result<Image, String> {
        let out = tempfile::Builder::new().prefix("built-").suffix(".tar").tempfile().unwrap();
        let mut buildctl = Command::new(self.programs.join("buildctl"));
        let context = asked.context.display();
        buildctl
            .arg(format!("--addr=unix://{}", self.socket().display()))
            .args(["build", "--no-cache", "--progress=plain", "--frontend=dockerfile.v0"])
            .arg(format!("--local=context={context}"))
            .arg(format!("--local=dockerfile={context}"))
            .arg(format!("--opt=filename={}", asked.dockerfile))
            .args(asked.build_args.iter().map(|arg| format!("--opt=build-arg:{arg}")))
            .args(asked.target.iter().map(|target| format!("--opt=target={target}")))
            .arg(format!("--output=type=docker,compression=uncompressed,dest={}", out.path().display()))
            .env_clear()
            .stdin(Stdio::null());
        let output = finish(buildctl);
        if output.status.success() {
            return Ok(Image::of_archive(out.path()));
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("failed to solve"), "buildctl: {said}\nbuildkitd: {}", self.log());
        let why = said.lines().rev().find_map(|line| line.split_once("failed to solve: "));
        Err(why.map_or(said.as_str(), |(_, why)| why).to_owned())
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        drop(self.stop.take());
        let _ = self.keeper.take().unwrap().join();
    }
}

/// Ends the one process inside, so that the one that waits for it takes leave of it too.
fn end(unshare: &mut Child) {
    let id = unshare.id();
    let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
    let inside = children.ok().and_then(|children| Pid::from_raw(children.trim().parse().ok()?));
    match inside {
        Some(inside) => kill_process(inside, Signal::KILL).unwrap(),
        None => unshare.kill().unwrap(),
    }
    unshare.wait().unwrap();
}

/// Runs it to its end, which has to come. What it writes goes to files: nobody has to read along.
fn finish(mut command: Command) -> Output {
    let (mut stdout, mut stderr) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
    command.stdout(stdout.try_clone().unwrap()).stderr(stderr.try_clone().unwrap());
    let mut child = command.spawn().unwrap();
    let status = wait(&mut child);
    let read = |file: &mut std::fs::File| {
        let mut bytes = Vec::new();
        std::io::Seek::rewind(file).unwrap();
        std::io::Read::read_to_end(file, &mut bytes).unwrap();
        bytes
    };
    Output { status, stdout: read(&mut stdout), stderr: read(&mut stderr) }
}

fn wait(child: &mut Child) -> std::process::ExitStatus {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if started.elapsed() > LIMIT {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("buildctl does not end");
        }
        std::thread::sleep(Duration::from_millis(3));
    }
}

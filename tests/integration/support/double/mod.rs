//! A small API server with real sockets and real processes, for what no cluster does on demand: a cut at exactly this
//! byte, an old protocol, a status that gets lost, a refusal of just this request.
//!
//! It serves what the tool asks for and nothing else. The receiver's scripts run as they run in a pod, but for the
//! volume's path; the executor is played: where it takes the context itself, it reads gzip and tar as Kaniko does.

mod http;
mod pod;
mod websocket;

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;

use serde_json::{Value, json};

use super::tool::Tool;
use super::tree::Tree;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ask {
    Create,
    List,
    Watch,
    Delete,
    Log,
    Exec,
    Attach,
    Events,
    Secret,
    Namespace,
    /// Which rights there are.
    Review,
    /// Who asks.
    Who,
    /// To create a pod, and not to.
    Try,
    ReadSecret,
    Nodes,
}

/// What goes wrong, and when.
#[derive(Clone, Debug)]
pub struct Fault {
    /// With which request.
    pub ask: Ask,
    /// With the requests of these numbers, counted from 0.
    pub from: usize,
    pub to: usize,
    pub what: What,
}

impl Fault {
    /// With the first request of a kind.
    pub fn once(ask: Ask, what: What) -> Self {
        Self::nth(ask, 0, what)
    }

    /// With the request of this number, counted from 0.
    pub fn nth(ask: Ask, number: usize, what: What) -> Self {
        Self { ask, from: number, to: number + 1, what }
    }

    /// With every request of a kind.
    pub fn always(ask: Ask, what: What) -> Self {
        Self { ask, from: 0, to: usize::MAX, what }
    }
}

/// What goes wrong.
#[derive(Clone, Debug)]
pub enum What {
    /// The request is refused; with so many seconds in `Retry-After`.
    Status(u16, Option<u64>),
    /// The request is refused in these words.
    Says(u16, &'static str),
    /// It is answered so.
    Answers(Value),
    /// It is done, and then answered so.
    DoneBut(u16),
    /// The connection is closed without an answer.
    NoAnswer,
    /// It is done, and then the connection is closed without an answer.
    DoneUnanswered,
    /// Nothing is answered, and the connection stays open.
    Silent,
    /// The token of this request has run out: it is refused from now on, whatever it is shown for.
    TokenExpires,
    /// A pod of that name was made by somebody else a moment before.
    Taken,
    /// Something that is no answer.
    Garbage(&'static [u8]),
    /// After so many bytes: of the client's once upgraded, of ours in a watch or log.
    CutAt(usize),
    /// The same, with a reset instead of an orderly end.
    ResetAt(usize),
    /// From that byte of the client's on nothing more is read, and nothing is closed.
    StallAt(usize),
    /// At that byte of the client's our side of the connection is closed, the other stays open.
    HalfCloseAt(usize),
    /// At that byte of the client's the server says success, though nobody has seen the rest.
    SuccessAt(usize),
    /// At that byte the process is killed.
    KillAt(usize),
    /// Only `v4.channel.k8s.io` is spoken.
    OldProtocol,
    /// All is done, and the connection closed without a status.
    NoStatus,
    /// All is done, and the connection reset in the middle of the status.
    ResetInStatus,
    /// Messages that no server sends come first.
    Messages(&'static [&'static [u8]]),
    /// Bytes that need be no messages come first.
    Raw(&'static [u8]),
}

/// What becomes of the pod without anybody's doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It builds.
    Builds,
    /// Its init container's image has no shell.
    NoShell,
    /// Its init container's image cannot be pulled.
    NoImage,
    /// Somebody deletes it while it waits for its context.
    DeletedEarly,
    /// It is evicted while it waits for its context.
    EvictedEarly,
    /// It makes room for another while it waits for its context: it is marked as deleted, and still there.
    PreemptedEarly,
    /// The kernel ends the executor.
    OutOfMemory,
    /// It is evicted while the executor runs.
    Evicted,
    /// Somebody deletes it while the executor runs.
    Deleted,
    /// The executor ends with 0 and leaves no digest.
    NoDigest,
}

/// An executor that was started.
pub struct Started {
    /// The directory that is its `/kaniko/buildcontext`.
    pub volume: PathBuf,
    pub arguments: Vec<String>,
    pub environment: BTreeMap<String, String>,
}

/// The cluster's nodes are of this architecture.
pub fn nodes(architecture: &str) -> Fault {
    let info = json!({
        "architecture": architecture, "operatingSystem": "linux", "bootID": "", "containerRuntimeVersion": "",
        "machineID": "", "kernelVersion": "", "kubeProxyVersion": "", "kubeletVersion": "", "osImage": "", "systemUUID": "",
    });
    let node = json!({"metadata": {}, "status": {"nodeInfo": info}});
    Fault::always(Ask::Nodes, What::Answers(json!({"metadata": {}, "items": [node]})))
}

/// A running double; its threads end with the test's process.
pub struct Double {
    address: SocketAddr,
    world: Arc<World>,
    home: Tree,
}

/// Everything there is.
struct World {
    state: Mutex<State>,
    changed: Condvar,
    faults: Vec<Fault>,
    fate: Fate,
    log: Vec<Vec<u8>>,
    /// Where the volumes of pods are.
    volumes: PathBuf,
}

#[derive(Default)]
struct State {
    version: u64,
    pods: BTreeMap<String, Value>,
    /// Versions at which pods went.
    deleted: Vec<(u64, Value)>,
    asked: BTreeMap<Ask, usize>,
    /// Ends of the client's messages, in bytes since the upgrade, of the first stream.
    boundaries: Vec<usize>,
    /// Lines of the executor's log, with their times.
    logged: Vec<(String, Vec<u8>)>,
    log_ended: bool,
    /// The pod that was built from.
    built: Option<String>,
    /// The same, with its `spec`.
    started: Option<(String, Value)>,
    stdin: BTreeMap<String, pod::Stdin>,
    /// Values of `Authorization` that have run out.
    expired: Vec<String>,
    /// Names of the Secrets that are there, and of pods that own them.
    secrets: Vec<String>,
}

impl Double {
    pub fn start(faults: Vec<Fault>) -> Self {
        Self::with(faults, Fate::Builds, (0..5).map(|line| format!("line {line}").into_bytes()).collect())
    }

    /// With a pod of this fate, whose executor writes these lines.
    pub fn with(faults: Vec<Fault>, fate: Fate, log: Vec<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let home = Tree::new();
        let volumes = home.path().join("volumes");
        fs::create_dir(&volumes).unwrap();
        let state = Mutex::default();
        let world = Arc::new(World { state, changed: Condvar::new(), faults, fate, log, volumes });
        thread::spawn({
            let world = Arc::clone(&world);
            move || {
                for client in listener.incoming().flatten() {
                    let world = Arc::clone(&world);
                    thread::spawn(move || http::serve(&world, client));
                }
            }
        });
        Self { address, world, home }
    }

    /// `build` of `tree` against it.
    pub fn build(&self, tree: &Tree) -> Tool {
        self.build_as(&json!({"token": "any"}), tree)
    }

    /// The same, of an archive on standard input.
    pub fn build_on_stdin(&self) -> Tool {
        let file = self.kubeconfig(&json!({"token": "any"}));
        Tool::new(&["build", "-t", "r.example.com/app", "-"]).env("KUBECONFIG", file)
    }

    /// The same, as this user of a kubeconfig.
    pub fn build_as(&self, user: &Value, tree: &Tree) -> Tool {
        let file = self.kubeconfig(user);
        Tool::new(&["build", "-t", "r.example.com/app"]).arg(tree.path()).env("KUBECONFIG", file)
    }

    /// `check --ask-cluster` of `tree` against it.
    pub fn check(&self, tree: &Tree) -> Tool {
        let file = self.kubeconfig(&json!({"token": "any"}));
        Tool::new(&["check", "--ask-cluster"]).within(tree.path()).env("KUBECONFIG", file)
    }

    /// Any call against it.
    pub fn call(&self, arguments: &[&str]) -> Tool {
        Tool::new(arguments).env("KUBECONFIG", self.kubeconfig(&json!({"token": "any"})))
    }

    fn kubeconfig(&self, user: &Value) -> PathBuf {
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "double",
            "clusters": [{"name": "double", "cluster": {"server": format!("http://{}", self.address)}}],
            "users": [{"name": "user", "user": user}],
            "contexts": [{"name": "double", "context": {"cluster": "double", "user": "user", "namespace": "ns"}}],
        });
        self.home.write("config", kubeconfig.to_string())
    }

    /// A directory of its own, for the tests' programs.
    pub fn home(&self) -> &Tree {
        &self.home
    }

    /// What the executor was given, by path; none if it never started.
    pub fn built_from(&self) -> Option<BTreeMap<PathBuf, Vec<u8>>> {
        let pod = self.world.state().built.clone()?;
        let volume = self.world.volumes.join(pod);
        let mut files = BTreeMap::new();
        collect(&volume, &volume, &mut files);
        Some(files)
    }

    /// What the executor had to go by; none if it did not start since this was last asked.
    pub fn executor(&self) -> Option<Started> {
        let (name, spec) = self.world.state().started.take()?;
        let container = &spec["containers"][0];
        let environment = container["env"].as_array().unwrap().iter();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Some(Started {
            volume: self.world.volumes.join(name),
            // As the kubelet gives them.
            arguments: pod::strings(&container["args"]).iter().map(|word| word.replace("$$", "$")).collect(),
            environment: environment.map(|set| (text(&set["name"]), text(&set["value"]))).collect(),
        })
    }

    /// Names of the pods that are there.
    pub fn pods(&self) -> Vec<String> {
        self.world.state().pods.keys().cloned().collect()
    }

    /// How often something was asked for.
    pub fn asked(&self, ask: Ask) -> usize {
        self.world.state().asked.get(&ask).copied().unwrap_or_default()
    }

    /// Ends of the client's messages in the first stream.
    pub fn boundaries(&self) -> Vec<usize> {
        self.world.state().boundaries.clone()
    }
}

/// Regular files below `directory`; the receiver's own marks, which begin with a dot at the top, are none.
fn collect(root: &Path, directory: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        let relative = path.strip_prefix(root).unwrap().to_owned();
        let is_mark = directory == root && entry.file_name().to_string_lossy().starts_with('.');
        match entry.file_type().unwrap() {
            kind if kind.is_dir() && !is_mark => collect(root, &path, files),
            kind if kind.is_file() && !is_mark => drop(files.insert(relative, fs::read(&path).unwrap())),
            _ => {}
        }
    }
}

impl World {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Counts a request and tells what goes wrong with it.
    fn asked(&self, ask: Ask) -> Option<What> {
        let mut state = self.state();
        let count = state.asked.entry(ask).or_default();
        let number = *count;
        *count += 1;
        let strikes = |fault: &&Fault| fault.ask == ask && (fault.from..fault.to).contains(&number);
        self.faults.iter().find(strikes).map(|fault| fault.what.clone())
    }

    /// Changes a pod, if it is still there, and tells everybody who watches.
    fn change(&self, name: &str, change: impl FnOnce(&mut Value)) {
        let mut state = self.state();
        state.version += 1;
        let version = state.version;
        if let Some(pod) = state.pods.get_mut(name) {
            change(pod);
            pod["metadata"]["resourceVersion"] = json!(version.to_string());
        }
        self.changed.notify_all();
    }

    /// Puts a pod under the name of this one that is somebody else's.
    fn take(&self, pod: &Value) {
        let mut state = self.state();
        state.version += 1;
        let name = pod["metadata"]["name"].as_str().unwrap().to_owned();
        let version = state.version.to_string();
        let theirs = json!({
            "metadata": {"name": name, "namespace": "ns", "uid": "theirs", "resourceVersion": version},
            "spec": {"containers": []},
        });
        state.pods.insert(name, theirs);
    }

    fn delete(&self, name: &str) -> bool {
        let mut state = self.state();
        state.version += 1;
        let version = state.version;
        let found = state.pods.remove(name);
        if let Some(mut pod) = found.clone() {
            pod["metadata"]["resourceVersion"] = json!(version.to_string());
            state.deleted.push((version, pod));
        }
        state.stdin.remove(name);
        state.secrets.retain(|owner| owner != name);
        self.changed.notify_all();
        found.is_some()
    }
}

//! A pod's life: its containers as real processes, but for the executor.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use flate2::read::MultiGzDecoder;
use serde_json::{Value, json};

use super::{Fate, World};

/// How long the node takes for each of its steps.
const STEP: Duration = Duration::from_millis(20);
/// When something becomes of a pod that waits for its context.
const EARLY: Duration = Duration::from_millis(300);

/// The standard input of a container that waits for its one client; dropped with it.
pub(super) type Stdin = SyncSender<Vec<u8>>;

/// The pod as it was created; none if there is one of that name.
pub(super) fn create(world: &Arc<World>, mut pod: Value) -> Option<Value> {
    let name = pod["metadata"]["name"].as_str().unwrap().to_owned();
    {
        let mut state = world.state();
        if state.pods.contains_key(&name) {
            return None;
        }
        state.version += 1;
        pod["metadata"]["uid"] = json!(format!("uid-of-{name}"));
        pod["metadata"]["namespace"] = json!("ns");
        pod["metadata"]["resourceVersion"] = json!(state.version.to_string());
        pod["status"] = json!({"phase": "Pending"});
        state.pods.insert(name.clone(), pod.clone());
        world.changed.notify_all();
    }
    std::fs::create_dir(world.volumes.join(&name)).unwrap();
    thread::spawn({
        let (world, pod) = (Arc::clone(world), pod.clone());
        move || live(&world, &name, &pod)
    });
    Some(pod)
}

/// A command of the pod, where the volume is a directory of this machine.
pub(super) fn command(volume: &Path, words: &[String]) -> Command {
    let volume = volume.to_str().unwrap();
    let mut command = Command::new("sh");
    // Kubernetes halves them.
    let words = words.iter().map(|word| word.replace("$$", "$"));
    command.args(words.skip(1).map(|word| if word == "/kaniko/buildcontext" { volume.to_owned() } else { word }));
    command
}

pub(super) fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(|word| word.as_str().unwrap().to_owned()).collect()
}

fn container(name: &str, state: Value) -> Value {
    json!([{"name": name, "image": "i", "imageID": "", "ready": false, "restartCount": 0, "state": state}])
}

fn live(world: &Arc<World>, name: &str, pod: &Value) {
    let volume = world.volumes.join(name);
    thread::sleep(STEP);
    let runs =
        || world.change(name, |pod| pod["status"]["containerStatuses"] = container("kaniko", json!({"running": {}})));
    let receiver = &pod["spec"]["initContainers"][0];
    if receiver.is_object() {
        if received(world, name, receiver, &volume) != Some(0) {
            return;
        }
        thread::sleep(STEP);
        runs();
    } else {
        let input = offer(world, name);
        runs();
        if let Err(said) =
            unpack(Chunks { input, rest: Vec::new() }, &volume, &strings(&pod["spec"]["containers"][0]["args"]))
        {
            log(world, format!("Error: {said}").as_bytes());
            log(world, b"Usage:");
            return end(world, name, &json!({"terminated": {"exitCode": 1, "reason": "Error"}}));
        }
    }
    build(world, name);
}

/// The exit code of the init container that takes the context; none if it does not end by itself.
fn received(world: &Arc<World>, name: &str, receiver: &Value, volume: &Path) -> Option<i32> {
    let tell = |state: Value| {
        world.change(name, |pod| pod["status"]["initContainerStatuses"] = container("receive-context", state));
    };
    match world.fate {
        Fate::NoShell => {
            tell(
                json!({"terminated": {"exitCode": 128, "reason": "StartError", "message": "exec: \"sh\": executable file not found in $PATH"}}),
            );
            return None;
        }
        Fate::NoImage => {
            tell(json!({"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}));
            return None;
        }
        _ => {}
    }
    let mut command = command(volume, &strings(&receiver["command"]));
    let takes_stdin = receiver["stdin"] == true;
    command.stdin(if takes_stdin { Stdio::piped() } else { Stdio::null() }).stdout(Stdio::null());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    if let Some(stdin) = child.stdin.take() {
        pour(offer(world, name), stdin);
    }
    tell(json!({"running": {}}));
    let mut strikes = Some(Instant::now() + EARLY);
    let code = loop {
        if strikes.is_some_and(|time| time <= Instant::now()) {
            strikes = None;
            strike(world, name);
        }
        if let Some(status) = child.try_wait().unwrap() {
            break status.code().unwrap_or(137);
        }
        if !world.state().pods.contains_key(name) {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        thread::sleep(Duration::from_millis(5));
    };
    let mut said = String::new();
    let _ = child.stderr.take().unwrap().read_to_string(&mut said);
    let reason = if code == 0 { "Completed" } else { "Error" };
    tell(json!({"terminated": {"exitCode": code, "reason": reason, "message": said}}));
    Some(code)
}

/// What becomes of a pod that waits for its context.
fn strike(world: &World, name: &str) {
    match world.fate {
        Fate::DeletedEarly => {
            world.delete(name);
        }
        Fate::EvictedEarly => world.change(name, |pod| evict(pod, "The node was low on resource: memory.")),
        Fate::PreemptedEarly => world.change(name, |pod| {
            pod["metadata"]["deletionTimestamp"] = json!("2026-01-02T03:04:05Z");
            pod["status"]["conditions"] = json!([{
                "type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler",
                "message": "making room for another pod",
            }]);
        }),
        _ => {}
    }
}

fn evict(pod: &mut Value, message: &str) {
    pod["status"]["reason"] = json!("Evicted");
    pod["status"]["message"] = json!(message);
}

fn build(world: &Arc<World>, name: &str) {
    {
        let mut state = world.state();
        state.built = Some(name.to_owned());
        state.started = state.pods.get(name).map(|pod| (name.to_owned(), pod["spec"].clone()));
    }
    for line in &world.log {
        log(world, line);
        thread::sleep(Duration::from_millis(2));
    }
    let ended = match world.fate {
        Fate::OutOfMemory => json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}}),
        Fate::NoDigest => json!({"terminated": {"exitCode": 0, "reason": "Completed", "message": "none"}}),
        Fate::Evicted => {
            let message = "The node was low on resource: ephemeral-storage.";
            return world.change(name, |pod| evict(pod, message));
        }
        Fate::Deleted => {
            world.delete(name);
            return;
        }
        _ => {
            let digest = format!("sha256:{}", "0a".repeat(32));
            json!({"terminated": {"exitCode": 0, "reason": "Completed", "message": digest}})
        }
    };
    end(world, name, &ended);
}

fn end(world: &World, name: &str, ended: &Value) {
    world.state().log_ended = true;
    world.change(name, |pod| pod["status"]["containerStatuses"] = container("kaniko", ended.clone()));
}

fn log(world: &World, line: &[u8]) {
    let now = jiff::Timestamp::now().to_string();
    world.state().logged.push((now, line.to_vec()));
    world.changed.notify_all();
}

/// Offers standard input to the one client that may come.
fn offer(world: &World, name: &str) -> Receiver<Vec<u8>> {
    let (sender, receiver) = sync_channel(1);
    world.state().stdin.insert(name.to_owned(), sender);
    receiver
}

/// Passes input on until the client is gone, and closes it then.
fn pour(input: Receiver<Vec<u8>>, mut stdin: impl std::io::Write + Send + 'static) {
    thread::spawn(move || {
        for chunk in input {
            if stdin.write_all(&chunk).is_err() {
                return;
            }
        }
    });
}

/// What a client sends, as a reader.
struct Chunks {
    input: Receiver<Vec<u8>>,
    rest: Vec<u8>,
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.rest.is_empty() {
            self.rest = self.input.recv().unwrap_or_default();
        }
        let count = self.rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.rest[..count]);
        self.rest.drain(..count);
        Ok(count)
    }
}

/// The executor's `tar://stdin`, and its look for the Dockerfile (kaniko v1.24.0 `pkg/buildcontext/tar.go`,
/// `cmd/executor/cmd/root.go`). What Go's readers report, flate2 and tar report too.
fn unpack(input: Chunks, volume: &Path, args: &[String]) -> Result<(), String> {
    let mut archive = tar::Archive::new(MultiGzDecoder::new(input));
    let cut = |_| "error resolving source context: unexpected EOF".to_owned();
    for entry in archive.entries().map_err(cut)? {
        entry.map_err(cut)?.unpack_in(volume).map_err(cut)?;
    }
    let dockerfile = args.iter().find_map(|arg| arg.strip_prefix("--dockerfile=/kaniko/buildcontext/")).unwrap();
    if volume.join(dockerfile).exists() {
        return Ok(());
    }
    let said = "please provide a valid path to a Dockerfile within the build context with --dockerfile";
    Err(format!("error resolving dockerfile path: {said}"))
}

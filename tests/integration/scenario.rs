//! The story of `scripts/scenario flink` as a test: a Flink job that Maven builds inside Kaniko, from a directory with a
//! change that nobody committed and from the commit, each run to see what it prints.

use std::path::{Path, PathBuf};
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use serde_json::{Value, json};

use crate::support::cluster::{FlinkImages, Namespace, flink_images, from, registry};
use crate::support::double::Double;
use crate::support::tool::Tool;
use crate::support::tree::Tree;
use crate::support::wait_at_most;

const JOB: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/flink-job");
const SOURCE: &str = "src/main/java/com/example/words/Text.java";
const PORT: u16 = 8080;
/// On a busy machine; each takes less than half a minute on an idle one.
const PATIENCE: Duration = Duration::from_secs(300);

#[test]
#[ignore = "needs the test cluster and Flink's images: scripts/test"]
fn a_flink_job_is_built_with_its_uncommitted_change_and_from_git_without_it() {
    let namespace = Namespace::new();
    let images = flink_images();
    let servers = start_servers(&namespace, &images);
    let job = job_with_a_commit();
    let source = std::fs::read_to_string(job.path().join(SOURCE)).unwrap();
    job.write(SOURCE, source.replace("has no more", "has nothing uncommitted"));

    let arguments = build_args(&images, &servers);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let local = namespace.build(&job).args(&arguments).run();
    assert_shows(&run_job(&namespace, "from-directory", local.reference()), "word uncommitted 1", "word more 1");

    let from_git = build_from_git(&namespace, &servers, &arguments);
    assert_shows(&run_job(&namespace, "from-commit", &from_git), "word more 1", "word uncommitted 1");

    namespace.delete_pods();
    namespace.assert_empty_soon();
}

/// Starts the servers of git and of Maven's repository; their address.
fn start_servers(namespace: &Namespace, images: &FlinkImages) -> String {
    create(
        namespace,
        "servers",
        json!({
            "image": images.servers,
            "command": ["/bin/busybox", "httpd", "-f", "-p", PORT.to_string(), "-h", "/srv"],
            "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
        }),
    );
    let address = || {
        let status = pod(namespace, "servers").status?;
        let is_ready = status.conditions?.iter().any(|one| one.type_ == "Ready" && one.status == "True");
        status.pod_ip.filter(|_| is_ready)
    };
    wait_at_most(PATIENCE, "the servers are ready", || address().is_some());
    format!("{}:{PORT}", address().unwrap())
}

/// The job as somebody has checked it out.
fn job_with_a_commit() -> Tree {
    let job = Tree::new();
    for path in files_below(Path::new(JOB)) {
        let name = path.strip_prefix(JOB).unwrap().to_str().unwrap();
        if !name.starts_with("target/") {
            job.write(name, std::fs::read(&path).unwrap());
        }
    }
    job.commit();
    job
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

fn build_args(images: &FlinkImages, servers: &str) -> [String; 3] {
    [
        format!("--build-arg=MAVEN_IMAGE={}", images.maven),
        format!("--build-arg=FLINK_IMAGE={}", images.flink),
        format!("--build-arg=MAVEN_MIRROR=http://{servers}/maven2"),
    ]
}

/// Builds the commit in a Kaniko pod of nobody's; the image's name.
fn build_from_git(namespace: &Namespace, servers: &str, build_args: &[&str]) -> String {
    let destination = format!("{}/{}:from-git", registry(), namespace.name);
    let context = format!("--context=git://{servers}/cgi-bin/git/flink-job.git#refs/heads/main");
    let destination_flag = format!("--destination={destination}");
    let arguments = [&[context.as_str(), destination_flag.as_str()], build_args].concat();
    let executor = json!({
        "image": "gcr.io/kaniko-project/executor:v1.24.0",
        "args": arguments,
        "env": [{"name": "GIT_PULL_METHOD", "value": "http"}],
    });
    create(namespace, "from-git", executor);
    log_when_done(namespace, "from-git");
    destination
}

/// What the job prints.
fn run_job(namespace: &Namespace, name: &str, image: &str) -> String {
    let command = ["/opt/flink/bin/flink", "run", "-t", "local", "/opt/flink/usrlib/words.jar"];
    create(namespace, name, json!({"image": image, "command": command}));
    log_when_done(namespace, name)
}

#[track_caller]
fn assert_shows(output: &str, line: &str, other: &str) {
    assert!(output.lines().any(|told| told == line), "{line} is not in:\n{output}");
    assert!(output.lines().all(|told| told != other), "{other} is in:\n{output}");
}

fn create(namespace: &Namespace, name: &str, container: Value) {
    let mut container = container;
    container["name"] = json!(name);
    namespace.create(&from::<Pod>(json!({
        "metadata": {"name": name},
        "spec": {"restartPolicy": "Never", "automountServiceAccountToken": false, "containers": [container]},
    })));
}

#[track_caller]
fn pod(namespace: &Namespace, name: &str) -> Pod {
    namespace.pods().into_iter().find(|pod| pod.name_any() == name).expect("a pod that was created")
}

/// What a pod has said when it has succeeded.
#[track_caller]
fn log_when_done(namespace: &Namespace, name: &str) -> String {
    let phase = || pod(namespace, name).status.and_then(|status| status.phase).unwrap_or_default();
    wait_at_most(PATIENCE, "the pod has ended", || ["Succeeded", "Failed"].contains(&phase().as_str()));
    let log = namespace.log(name);
    assert_eq!(phase(), "Succeeded", "{log}");
    log
}

/// The builds that docs/flink.md tells of are those of `scripts/scenario flink --levers`; here their flags are looked
/// at, and the other commands run.
#[test]
fn the_commands_of_the_documentation_are_ones_that_the_tool_takes() {
    let documentation = include_str!("../../docs/flink.md");
    let job = job_with_a_commit();
    for example in ["maven-cache.yaml", "maven-cache-claim.yaml"] {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(example);
        job.write(&format!("examples/{}", example.file_name().unwrap().display()), std::fs::read(&example).unwrap());
    }
    let mut commands: Vec<Vec<&str>> = vec![];
    for line in documentation.lines().filter_map(|line| line.strip_prefix("$ kaniko-local ")) {
        let command = line.split(" #").next().unwrap_or_default();
        commands.push(command.split_whitespace().collect());
    }
    assert!(commands.len() >= 6, "{commands:?}");
    for mut command in commands {
        // The same flags, and no cluster.
        if command[0] == "build" {
            command[0] = "manifest";
        }
        let finished = Tool::new(&command).within(job.path()).run();
        assert_eq!(finished.code, Some(0), "{command:?}: {}", finished.transcript());
    }
}

#[test]
fn a_build_with_a_cache_and_little_memory_is_told_what_that_may_come_to() {
    let job = job_with_a_commit();
    for (flags, is_told) in [
        (&["--cache-repo=r.example.com/team/cache", "--memory=512Mi"][..], true),
        (&["--cache-repo=r.example.com/team/cache", "--memory=2Gi"], false),
        (&["--cache-repo=r.example.com/team/cache", "--memory=512Mi", "--", "--compressed-caching=false"], false),
        (&["--memory=512Mi"], false),
    ] {
        let double = Double::start(vec![]);
        let finished = double.build(&job).args(flags).run();
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        let told = "advice[memory-for-cache]: a memory limit of `512Mi` is little for the layer cache";
        assert_eq!(finished.stderr.contains(told), is_told, "{flags:?}: {}", finished.stderr);
        let is_cached = flags[0].starts_with("--cache-repo");
        assert_eq!(finished.stderr.contains("advice[dependencies-uncached]"), is_cached, "{}", finished.stderr);
    }
    let double = Double::start(vec![]);
    let quiet = double.build(&job).args(&["-q", "--cache-repo=r.example.com/team/cache", "--memory=512Mi"]).run();
    assert_eq!((quiet.code, quiet.stderr.as_str()), (Some(0), ""));
}

//! What strikes one build and nobody else: its pod ends, its outputs are closed, its disk fails, it is killed. Whatever
//! happens: an exit code and words that name it, no image at the tag or the right one, and nothing left in the cluster.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::cluster::{Namespace, base_image, running_containers, server};
use crate::support::image::Image;
use crate::support::proxy::{Fault, Proxy};
use crate::support::tool::{Finished, Running, Tool};
use crate::support::tree::{Tree, incompressible};
use crate::support::wait_for;

/// Bytes that are uploaded: more than is packed ahead of the connection.
const CONTENT: usize = 60_000_000;
/// Where uploads are struck, in bytes on the wire: whatever came before them, the archive is under way.
const MIDDLE: usize = 6_000_000;
/// More than an eviction is provoked with.
const MOST: usize = 50_000_000;
/// The executor without a shell, which is no image for the receiver.
const NO_SHELL: &str = "gcr.io/kaniko-project/executor:v1.24.0";
/// A bound on hanging, not a measurement.
const SOON: Duration = Duration::from_secs(90);

/// A build whose upload is struck.
struct Upload {
    namespace: Namespace,
    proxy: Proxy,
    tree: Tree,
    elsewhere: Tree,
    kubeconfig: PathBuf,
}

impl Upload {
    fn new(fault: Fault) -> Self {
        let proxy = Proxy::start(&server(), fault);
        let (namespace, elsewhere) = (Namespace::new(), Tree::new());
        let kubeconfig = namespace.kubeconfig_through(&proxy, elsewhere.path());
        let tree = Tree::new()
            .file("Dockerfile", "FROM scratch\nCOPY noise z-last /\n")
            .file("noise", incompressible(CONTENT))
            .file("z-last", "as it was\n");
        Self { namespace, proxy, tree, elsewhere, kubeconfig }
    }

    /// A pod template that makes the context's volume this `emptyDir`.
    fn context_volume(&self, empty_dir: &Value) -> String {
        let template = json!({"spec": {"volumes": [{"name": "context", "emptyDir": empty_dir}]}});
        self.elsewhere.write("template", template.to_string()).to_str().unwrap().to_owned()
    }

    fn build(&self) -> Tool {
        self.namespace.build(&self.tree).env("KUBECONFIG", &self.kubeconfig)
    }

    /// Starts it and returns when the fault has struck.
    fn start(&self) -> Running {
        self.start_with(&[])
    }

    fn start_with(&self, flags: &[&str]) -> Running {
        let running = self.build().args(flags).spawn();
        self.proxy.wait_until_struck();
        running
    }

    /// Nothing was built, and nothing is left.
    #[track_caller]
    fn assert_nothing(&self) {
        assert!(Image::at(&self.namespace.destination()).is_none());
        self.namespace.assert_empty_soon();
    }
}

/// A build on the base image that runs `script`.
fn running(script: &str) -> Tree {
    Tree::new()
        .file("Dockerfile", format!("FROM {}\nCOPY x /x\nRUN {script}\n", base_image()))
        .file("x", "byte-exact\n")
}

#[track_caller]
fn assert_failed(finished: &Finished, code: i32, words: &[&str]) {
    assert_eq!((finished.code, finished.stdout()), (Some(code), ""), "{}", finished.stderr);
    for words in words {
        assert!(finished.without_codes().contains(words), "no {words:?} in:\n{}", finished.stderr);
    }
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_pod_deleted_during_the_upload_ends_it_with_3() {
    let upload = Upload::new(Fault::Stall(MIDDLE));
    let running = upload.start();
    upload.namespace.delete_pods();
    let finished = running.wait_at_most(SOON);
    assert_failed(&finished, 3, &["was ended by the cluster: Deleted\nnote: somebody deleted it\n"]);
    upload.assert_nothing();
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_pod_deleted_gracefully_during_the_build_ends_it_with_3() {
    let namespace = Namespace::new();
    let tree = running("sleep 600");
    let running = namespace.build(&tree).spawn();
    wait_for("the build goes on", || running.stderr().contains("RUN sleep 600"));
    namespace.delete_pods_gracefully();
    let finished = running.wait_at_most(SOON);
    assert_failed(&finished, 3, &["was ended by the cluster: Deleted\nnote: somebody deleted it\n"]);
    assert!(Image::at(&namespace.destination()).is_none());
    namespace.assert_empty_soon();
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_pod_evicted_for_its_disk_during_the_build_ends_it_with_3() {
    let namespace = Namespace::new();
    namespace.limit_containers(&json!({"ephemeral-storage": "20Mi"}));
    let tree = running("head -c 60000000 /dev/zero >/fat && sleep 600");
    let finished = namespace.build(&tree).spawn().wait_at_most(2 * SOON);
    assert_failed(&finished, 3, &["was ended by the cluster: Evicted\nnote: ", "ephemeral"]);
    assert!(Image::at(&namespace.destination()).is_none());
    namespace.assert_empty_soon();
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_pod_evicted_for_its_disk_during_the_upload_ends_it_with_3() {
    let upload = Upload::new(Fault::Stall(MOST));
    upload.namespace.limit_containers(&json!({"ephemeral-storage": "8Mi"}));
    let finished = upload.start().wait_at_most(2 * SOON);
    assert_failed(&finished, 3, &["was ended by the cluster: Evicted\nnote: ", "ephemeral"]);
    upload.assert_nothing();
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_context_larger_than_the_volumes_limit_ends_it_with_3() {
    let upload = Upload::new(Fault::Stall(MOST));
    let template = upload.context_volume(&json!({"sizeLimit": "8Mi"}));
    let finished = upload.start_with(&["--pod-template", &template]).wait_at_most(2 * SOON);
    assert_failed(&finished, 3, &["was ended by the cluster: Evicted\nnote: ", "exceeds the limit \"8Mi\""]);
    upload.assert_nothing();
}

/// A volume in memory is a file system of its own: it is full at once.
#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_full_volume_ends_it_with_3_and_the_words_of_the_system() {
    let upload = Upload::new(Fault::None);
    let template = upload.context_volume(&json!({"medium": "Memory", "sizeLimit": "8Mi"}));
    let finished = upload.build().args(&["--pod-template", &template]).spawn().wait_at_most(SOON);
    assert_failed(&finished, 3, &["error: receiver in the pod refused the upload\n", "No space left on device"]);
    upload.assert_nothing();
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_build_that_eats_all_memory_ends_it_with_1_and_the_limit() {
    let namespace = Namespace::new();
    namespace.limit_containers(&json!({"memory": "96Mi"}));
    let tree = running("tail /dev/zero");
    let finished = namespace.build(&tree).spawn().wait_at_most(SOON);
    assert_failed(&finished, 1, &["error: build failed: executor was out of memory\nnote: its memory limit is 96Mi\n"]);
    assert!(Image::at(&namespace.destination()).is_none());
    namespace.assert_empty_soon();
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_helper_image_without_a_shell_is_told_and_done_without() {
    let namespace = Namespace::new();
    let tree = running("true");
    let finished = namespace.build(&tree).args(&["--helper-image", NO_SHELL]).spawn().wait_at_most(SOON);
    assert_eq!(Image::pull(finished.reference()).text("x"), "byte-exact\n");
    assert!(
        finished.stderr.contains("\ncontainer `receive-context` ended with 128: StartError: "),
        "{}",
        finished.stderr
    );
    assert!(finished.stderr.contains("; trying another pod, with `stdin`\n"), "{}", finished.stderr);
    namespace.assert_empty_soon();
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_helper_image_without_a_shell_ends_an_exec_with_3_and_the_runtimes_words() {
    let namespace = Namespace::new();
    let tree = running("true");
    let finished =
        namespace.build(&tree).args(&["--helper-image", NO_SHELL, "--transport", "exec"]).spawn().wait_at_most(SOON);
    let words =
        ["error: container `receive-context` ended with 128: StartError\n", "exec: \"sh\": executable file not found"];
    assert_failed(&finished, 3, &words);
    assert!(Image::at(&namespace.destination()).is_none());
    namespace.assert_empty_soon();
}

/// The first asks the tool to clean up, which it cannot: the API server does not answer.
#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_second_interrupt_ends_it_though_the_pod_cannot_be_deleted() {
    let upload = Upload::new(Fault::Stall(MIDDLE));
    let running = upload.start_with(&["--timeout", "20s"]);
    upload.proxy.fall_silent();
    running.signal("INT");
    std::thread::sleep(Duration::from_secs(2));
    running.signal("INT");
    let finished = running.wait_at_most(Duration::from_secs(5));
    assert_failed(&finished, 130, &["error: interrupted\n", "; the pod may still be there, delete it with `kubectl "]);
    // As is said: it is there. And it ends by itself.
    upload.namespace.ended_pod(SOON);
    upload.namespace.delete_pods();
    upload.assert_nothing();
}

/// The proxy keeps the connection open, so the pod hears nothing of it: as when a machine loses its power.
#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn killed_during_the_upload_it_leaves_a_pod_that_ends_by_itself_without_an_image() {
    let ways = ["exec", "attach", "stdin"];
    let uploads = ways.map(|transport| {
        let upload = Upload::new(Fault::Stall(MIDDLE));
        let running = upload.start_with(&["--timeout", "20s", "--transport", transport]);
        running.signal("KILL");
        assert_eq!(running.wait().code, None);
        upload
    });
    for (transport, upload) in ways.into_iter().zip(uploads) {
        let status = upload.namespace.ended_pod(SOON).status.unwrap();
        assert_eq!(status.reason.as_deref(), Some("DeadlineExceeded"), "{transport}: {status:?}");
        upload.namespace.delete_pods();
        upload.assert_nothing();
    }
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn killed_during_the_build_it_leaves_the_right_image_and_a_pod_that_has_ended() {
    let namespace = Namespace::new();
    let tree = running("sleep 3");
    let running = namespace.build(&tree).spawn();
    wait_for("the build goes on", || running.stderr().contains("RUN sleep 3"));
    running.signal("KILL");
    assert_eq!(running.wait().code, None);
    let pod = namespace.ended_pod(SOON);
    assert_eq!(pod.status.as_ref().unwrap().phase.as_deref(), Some("Succeeded"), "{:?}", running_containers(&pod));
    assert_eq!(Image::at(&namespace.destination()).expect("an image").text("x"), "byte-exact\n");
    namespace.delete_pods();
    namespace.assert_empty_soon();
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_result_that_cannot_be_written_ends_it_with_1_and_is_still_in_the_metadata_file() {
    let namespace = Namespace::new();
    let tree = running("true");
    let elsewhere = Tree::new();
    let metadata = elsewhere.path().join("metadata.json");
    let finished = namespace.build(&tree).arg("--metadata-file").arg(&metadata).redirected(">/dev/full").run();
    assert_failed(&finished, 1, &["error: cannot write standard output\nnote: No space left on device"]);
    let metadata: serde_json::Value = serde_json::from_slice(&std::fs::read(metadata).unwrap()).unwrap();
    let digest = metadata["containerimage.digest"].as_str().unwrap();
    let image = Image::pull(&format!("{}@{digest}", namespace.destination()));
    assert_eq!(image.text("x"), "byte-exact\n");
    namespace.assert_empty_soon();
}

/// Who closes an output, or goes away from it, does not want to read it.
#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn outputs_that_nobody_reads_keep_no_image_from_being_built() {
    let namespace = Namespace::new();
    let tree = running("true");
    let nobody = || Stdio::from(std::io::pipe().unwrap().1);
    let all = [
        namespace.build(&tree).redirected(">&- 2>&-"),
        namespace.build(&tree).redirected(">/dev/null 2>/dev/full"),
        namespace.build(&tree).stdout(nobody()).stderr(nobody()),
    ];
    for (count, build) in all.into_iter().enumerate() {
        let destination = format!("{}-{count}", namespace.destination());
        let finished = build.args(&["-t", &destination]).run();
        assert_eq!(finished.code, Some(0), "{count}: {}", finished.stderr);
        assert_eq!(Image::at(&destination).expect("an image").text("x"), "byte-exact\n");
        namespace.assert_empty_soon();
    }
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_file_that_vanishes_during_the_upload_ends_it_with_1() {
    let upload = Upload::new(Fault::Hold(MIDDLE));
    let running = upload.start();
    std::fs::remove_file(upload.tree.path().join("z-last")).unwrap();
    upload.proxy.go_on();
    assert_failed(&running.wait_at_most(SOON), 1, &["error: cannot read `z-last`\nnote: No such file or directory"]);
    upload.assert_nothing();
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_file_that_shrinks_during_the_upload_ends_it_with_1() {
    let upload = Upload::new(Fault::Hold(MIDDLE));
    let running = upload.start();
    upload.tree.write("noise", "short");
    upload.proxy.go_on();
    assert_failed(&running.wait_at_most(SOON), 1, &["error: `noise` shrank while it was packed\n"]);
    upload.assert_nothing();
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_disk_that_cannot_be_read_ends_it_with_1() {
    let namespace = Namespace::new();
    let library = Tree::new();
    let broken_disk = compile_broken_disk(library.path());
    for size in [100, 30_000_000] {
        let tree = running("true").file("a", incompressible(10_000_000)).file("bad-sector", incompressible(size));
        let finished = namespace.build(&tree).env("LD_PRELOAD", &broken_disk).spawn().wait_at_most(SOON);
        assert_failed(&finished, 1, &["error: cannot read `bad-sector`\nnote: Input/output error"]);
        assert!(Image::at(&namespace.destination()).is_none());
        namespace.assert_empty_soon();
    }
}

fn compile_broken_disk(directory: &Path) -> PathBuf {
    let library = directory.join("eio.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/integration/support/eio.c");
    let compiler = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).status();
    assert!(compiler.expect("Rust needs a C compiler to link").success());
    library
}

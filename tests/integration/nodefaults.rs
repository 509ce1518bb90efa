//! What strikes the node and the way to it. These tests are alone with the cluster and come one after another: see
//! `scripts/test`. A cluster of the user's own is left alone.

use std::time::Duration;

use crate::compare;
use crate::support::cluster::{Namespace, base_image};
use crate::support::image::Image;
use crate::support::node::Node;
use crate::support::tool::{Finished, Running};
use crate::support::tree::{Tree, incompressible};
use crate::support::wait_for;

/// What is uploaded, in bytes, and how fast the link is meanwhile: ten seconds.
const NOISE: usize = 20_000_000;
const MEGABITS: u32 = 16;
/// A bound on hanging, not a measurement.
const LIMIT: Duration = Duration::from_secs(180);

/// A build over a slow link.
struct Upload {
    namespace: Namespace,
    noise: Vec<u8>,
    tree: Tree,
}

impl Upload {
    fn new() -> Self {
        let noise = incompressible(NOISE);
        let tree = Tree::new().file("Dockerfile", "FROM scratch\nCOPY noise /\n").file("noise", &noise);
        Self { namespace: Namespace::new(), noise, tree }
    }

    /// Starts it and returns in the middle of the upload.
    fn start(&self, node: &Node, flags: &[&str]) -> Running {
        node.slow_link(MEGABITS);
        let running = self.namespace.build(&self.tree).args(flags).spawn();
        wait_for("a line tells that the upload is under way", || running.stderr().contains("\nuploading: "));
        running
    }

    fn assert_right_image(&self, finished: &Finished) {
        assert!(Image::pull(finished.reference()).content("noise") == self.noise);
        self.namespace.assert_empty_soon();
    }
}

/// The upload was under way, and a right image comes of it.
fn upload_survives(strike: impl FnOnce(&Node)) -> Finished {
    upload_with_survives(&[], strike)
}

fn upload_with_survives(flags: &[&str], strike: impl FnOnce(&Node)) -> Finished {
    let node = Node::take();
    let upload = Upload::new();
    let running = upload.start(&node, flags);
    strike(&node);
    node.plug_in();
    let finished = running.wait_at_most(LIMIT);
    upload.assert_right_image(&finished);
    finished
}

/// The same, and its connection broke.
fn upload_is_tried_again(strike: impl FnOnce(&Node)) {
    let finished = upload_survives(strike);
    assert!(finished.stderr.contains(", attempt 2\n"), "{}", finished.stderr);
}

/// A build that counts aloud for so long.
struct Counting {
    namespace: Namespace,
    tree: Tree,
    to: u32,
}

impl Counting {
    fn new(seconds: u32) -> Self {
        let to = 10 * seconds;
        let script = format!("for i in $(seq 1 {to}); do echo counted $i; sleep 0.1; done");
        let dockerfile = format!("FROM {}\nCOPY x /x\nRUN {script}\n", base_image());
        let tree = Tree::new().file("Dockerfile", dockerfile).file("x", "byte-exact\n");
        Self { namespace: Namespace::new(), tree, to }
    }

    fn start(&self) -> Running {
        let running = self.namespace.build(&self.tree).spawn();
        wait_for("it counts", || running.stderr().contains("\ncounted 10\n"));
        running
    }

    fn assert_right_image(&self, finished: &Finished) {
        assert_eq!(Image::pull(finished.reference()).text("x"), "byte-exact\n");
        let counted: Vec<&str> = finished.stderr.lines().filter_map(|line| line.strip_prefix("counted ")).collect();
        let expected: Vec<String> = (1..=self.to).map(|count| count.to_string()).collect();
        assert_eq!(counted, expected, "each line once: {}", finished.stderr);
        self.namespace.assert_empty_soon();
    }
}

/// The build was under way, a right image comes of it, and each line of its log is told once.
fn build_survives(seconds: u32, strike: impl FnOnce(&Node)) {
    let node = Node::take();
    let counting = Counting::new(seconds);
    let running = counting.start();
    strike(&node);
    counting.assert_right_image(&running.wait_at_most(LIMIT));
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn an_api_server_stopped_for_10_s_during_the_upload_delays_the_image() {
    upload_is_tried_again(|node| node.restart("kube-apiserver", 10));
}

/// The executor's input cannot be taken up again.
#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn an_api_server_stopped_for_10_s_during_an_upload_to_the_executor_takes_another_pod() {
    let finished = upload_with_survives(&["--transport", "stdin"], |node| node.restart("kube-apiserver", 10));
    assert!(finished.stderr.contains("; trying another pod, with `stdin`\n"), "{}", finished.stderr);
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn an_api_server_that_hangs_for_10_s_during_the_upload_delays_the_image() {
    upload_survives(|node| node.pause("kube-apiserver", 10));
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn an_api_server_stopped_for_10_s_during_the_build_goes_unnoticed() {
    build_survives(15, |node| node.restart("kube-apiserver", 10));
}

/// The build ends while nobody can be asked about it.
#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_build_that_ends_while_the_api_server_is_stopped_is_told_of_afterwards() {
    build_survives(5, |node| node.restart("kube-apiserver", 10));
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn an_api_server_that_hangs_for_10_s_during_the_build_goes_unnoticed() {
    build_survives(5, |node| node.pause("kube-apiserver", 10));
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_kubelet_restarted_during_the_upload_delays_the_image() {
    upload_is_tried_again(|node| node.restart("kubelet", 1));
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_kubelet_restarted_during_the_build_goes_unnoticed() {
    build_survives(8, |node| node.restart("kubelet", 3));
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_containerd_restarted_during_the_upload_delays_the_image() {
    upload_is_tried_again(|node| node.restart("containerd", 1));
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_containerd_restarted_during_the_build_goes_unnoticed() {
    build_survives(8, |node| node.restart("containerd", 3));
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_link_down_for_5_s_during_the_upload_delays_the_image() {
    upload_survives(|node| node.unplug_for(5));
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_link_down_for_5_s_during_the_build_goes_unnoticed() {
    build_survives(10, |node| node.unplug_for(5));
}

/// Nobody can delete the pod then: it ends by itself.
#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_link_down_for_good_ends_the_upload_in_time_and_the_pod_at_its_deadline() {
    let node = Node::take();
    let upload = Upload::new();
    let running = upload.start(&node, &["--timeout", "20s"]);
    node.unplug();
    let finished = running.wait_at_most(LIMIT);
    assert_eq!((finished.code, finished.stdout()), (Some(124), ""), "{}", finished.stderr);
    assert!(finished.stderr.contains("error[deadline]: not done within 20s\n"), "{}", finished.stderr);
    assert!(finished.stderr.contains("; the pod may still be there, delete it with `kubectl "), "{}", finished.stderr);
    node.plug_in();
    let pod = upload.namespace.ended_pod(Duration::from_secs(30));
    assert_eq!(pod.status.unwrap().reason.as_deref(), Some("DeadlineExceeded"));
    assert!(Image::at(&upload.namespace.destination()).is_none());
    upload.namespace.delete_pods();
    upload.namespace.assert_empty_soon();
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_slow_link_takes_what_is_computed_for_it() {
    let node = Node::take();
    compare::a_slow_link_takes_what_is_computed_for_it(|rate| node.slow_link(rate), || node.plug_in());
}

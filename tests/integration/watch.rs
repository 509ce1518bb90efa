//! `build --watch`: what is sent has changed, so it is built anew.

use std::time::Duration;

use insta::assert_snapshot;

use crate::support::cluster::{Namespace, base_image, server};
use crate::support::proxy::{Fault, Proxy};
use crate::support::tool::{Running, Tool};
use crate::support::tree::Tree;
use crate::support::wait_at_most;

/// As long as a build may take on a busy machine.
const LONG: Duration = Duration::from_secs(120);

fn tree(run: &str) -> Tree {
    Tree::new()
        .file("Dockerfile", format!("FROM {}\nCOPY . /src\nRUN {run}\n", base_image()))
        .file(".dockerignore", "**/*.log\n")
        .file("src/word", "one\n")
}

#[track_caller]
fn wait_for_text(running: &Running, words: &str, times: usize) {
    let seen = || running.stderr().matches(words).count() >= times;
    wait_at_most(LONG, &format!("{times} times {words}: {}", running.stderr()), seen);
}

#[track_caller]
fn interrupted(running: Running) -> String {
    running.signal("INT");
    let finished = running.wait_at_most(Duration::from_secs(30));
    assert_eq!(finished.code, Some(130), "{}", finished.stderr);
    finished.stdout().to_owned()
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_change_of_what_is_sent_is_built_and_what_is_ignored_is_not() {
    let namespace = Namespace::new();
    let tree = tree("cat /src/src/word");
    let running = namespace.build(&tree).args(&["--watch"]).spawn();
    wait_for_text(&running, "waiting for a change", 1);

    tree.write("src/some.log", "not sent\n");
    std::thread::sleep(Duration::from_secs(2));
    assert!(!running.stderr().contains("note: changed"), "{}", running.stderr());

    tree.write("src/word", "two\n");
    wait_for_text(&running, "waiting for a change", 2);
    let text = running.stderr();
    assert!(text.contains("note: changed: `src/word`\n") && text.contains("\ntwo\n"), "{text}");

    // A build that fails ends nothing.
    tree.write("Dockerfile", format!("FROM {}\nCOPY gone /\n", base_image()));
    wait_for_text(&running, "waiting for a change", 3);
    assert!(running.stderr().contains("error[copy-source-missing]"), "{}", running.stderr());

    let references = interrupted(running);
    assert_eq!(references.lines().count(), 2, "{references}");
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_change_gives_up_the_build_that_runs_and_leaves_no_pod_of_it() {
    let namespace = Namespace::new();
    let tree = tree("grep -q two /src/src/word || sleep 300");
    let running = namespace.build(&tree).args(&["--watch"]).spawn();
    wait_for_text(&running, "Running: [/bin/sh", 1);
    tree.write("src/word", "two\n");
    wait_for_text(&running, "waiting for a change", 1);
    let text = running.stderr();
    assert_eq!(text.matches(" deleted\n").count(), 2, "{text}");
    assert!(!text.contains("error"), "{text}");
    assert_eq!(interrupted(running).lines().count(), 1);
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_build_that_runs_ends_before_the_next_if_that_is_wanted() {
    let namespace = Namespace::new();
    let tree = tree("cat /src/src/word; sleep 3");
    let running = namespace.build(&tree).args(&["--watch=finish"]).spawn();
    wait_for_text(&running, "Running: [/bin/sh", 1);
    tree.write("src/word", "two\n");
    wait_for_text(&running, "waiting for a change", 1);
    assert_eq!(interrupted(running).lines().count(), 2);
}

#[test]
fn standard_input_cannot_be_watched() {
    let tool = |arguments: &[&str]| Tool::new(&["build", "--watch", "-t", "r.example/app"]).args(arguments);
    let context = tool(&["-"]).input("FROM scratch\n").run();
    assert_snapshot!(context.transcript(), @r"
    exit code: 2
    --- stdout ---
    --- stderr ---
    error: what comes from standard input cannot be watched: it is there once
    help: unpack it into a directory, and name that
    ");
    assert_eq!(tool(&["-f", "-", "."]).input("FROM scratch\n").run().code, Some(2));
}

/// The pod of a build that is given up cannot be deleted: the API server does not answer.
#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_signal_that_comes_while_a_build_is_given_up_ends_the_watch() {
    let namespace = Namespace::new();
    let tree = tree("sleep 300");
    let (proxy, elsewhere) = (Proxy::start(&server(), Fault::None), Tree::new());
    let kubeconfig = namespace.kubeconfig_through(&proxy, elsewhere.path());
    let running = namespace.build(&tree).args(&["--watch"]).env("KUBECONFIG", kubeconfig).spawn();
    wait_for_text(&running, "Running: [/bin/sh", 1);
    proxy.fall_silent();
    tree.write("src/word", "two\n");
    std::thread::sleep(Duration::from_secs(3));
    running.signal("INT");
    let finished = running.wait_at_most(Duration::from_secs(10));
    assert_eq!(finished.code, Some(130), "{}", finished.stderr);
    assert!(finished.stderr.contains("; the pod may still be there, delete it with `kubectl "), "{}", finished.stderr);
    assert!(!finished.stderr.contains("note: changed"), "{}", finished.stderr);
    namespace.delete_pods();
}

//! Builds in a real cluster, as a user who may do what README.md's Role grants and nothing else. Each image is pulled
//! and compared byte for byte.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::cluster::{Namespace, Rights, base_image, pods_of_the_tool, registry, running_containers, server};
use crate::support::image::{Image, Node};
use crate::support::proxy::{Fault, Proxy};
use crate::support::tree::{Tree, incompressible};
use crate::support::wait_for;

/// Runs last, by name: see `scripts/test`.
mod afterwards {
    #[test]
    #[ignore = "needs the test cluster: scripts/test"]
    fn no_pod_of_the_tool_is_left() {
        assert_eq!(super::pods_of_the_tool(), Vec::<String>::new());
    }
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_scratch_image_holds_exactly_the_sent_context() {
    let namespace = Namespace::new();
    let noise = incompressible(3_000_000);
    let tree = Tree::new()
        .file("Dockerfile", "FROM scratch\nCOPY . /c\n")
        .file(".dockerignore", "*.log\nnode_modules\n!keep.log\n")
        .file("noise", &noise)
        .file("a/b/c/text", "deep\n")
        .file("empty", "")
        .file("größe/ñ", "names that are no ASCII\n")
        .file(&format!("{}/x", "long/".repeat(40)), "a path of more than 200 bytes\n")
        .file(&format!("{}.txt", "n".repeat(180)), "a name of more than 100 bytes\n")
        .file("drop.log", "ignored")
        .file("keep.log", "brought back")
        .file("node_modules/x/y", "ignored");
    let finished = namespace.build(&tree).run();
    let reference = finished.reference();
    assert!(reference.starts_with(&format!("{}@sha256:", namespace.destination())), "{reference}");

    let image = Image::pull(reference);
    let long = format!("{}x", "long/".repeat(40));
    let name = format!("{}.txt", "n".repeat(180));
    let expected = BTreeMap::from([
        (".dockerignore", &b"*.log\nnode_modules\n!keep.log\n"[..]),
        ("Dockerfile", b"FROM scratch\nCOPY . /c\n"),
        ("a/b/c/text", b"deep\n"),
        ("empty", b""),
        ("größe/ñ", b"names that are no ASCII\n"),
        ("keep.log", b"brought back"),
        (long.as_str(), b"a path of more than 200 bytes\n"),
        (name.as_str(), b"a name of more than 100 bytes\n"),
        ("noise", &noise),
    ]);
    assert_eq!(image.files_below("c").keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    assert!(image.files_below("c") == expected);
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_run_on_a_base_image_sees_the_context_and_the_build_arguments() {
    let namespace = Namespace::new();
    let base = base_image();
    let tree = Tree::new().file("input", "uncommon words\n").file(
        "Dockerfile",
        "ARG BASE\nFROM $BASE\nARG TEXT\nCOPY input /in\nRUN tr a-z A-Z </in >/out && printf %s \"$TEXT\" >/text\nLABEL a=b\n",
    );
    let finished = namespace
        .build(&tree)
        .arg("--build-arg")
        .arg(format!("BASE={base}"))
        // Kubernetes would expand $(container) and halve $$ if the Pod did not escape them.
        .arg("--build-arg")
        .arg("TEXT=$(container) $$ 'x'")
        .arg("--label")
        .arg("team=blue")
        .run();
    let image = Image::pull(finished.reference());
    assert_eq!(image.text("out"), "UNCOMMON WORDS\n");
    assert_eq!(image.text("text"), "$(container) $$ 'x'");
    assert_eq!(image.config["config"]["Labels"], json!({"a": "b", "team": "blue"}));
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_stage_copies_from_another() {
    let namespace = Namespace::new();
    let dockerfile = format!(
        "FROM {} AS build\nCOPY src /src\nRUN cat /src/* >/all\nFROM scratch AS part\nCOPY --from=build /src/1 /1\n\
         FROM scratch\nCOPY --from=build /all /all\n",
        base_image()
    );
    let tree = Tree::new().file("Dockerfile", dockerfile).file("src/1", "one\n").file("src/2", "two\n");
    let image = Image::pull(namespace.build(&tree).run().reference());
    assert_eq!(image.paths(), ["all"]);
    assert_eq!(image.text("all"), "one\ntwo\n");

    let image = Image::pull(namespace.build(&tree).arg("--target").arg("part").run().reference());
    assert_eq!(image.paths(), ["1"]);
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_dockerfile_elsewhere_is_found_with_its_own_ignore_file() {
    let namespace = Namespace::new();
    let tree = Tree::new()
        .file("deploy/Dockerfile", "FROM scratch\nCOPY . /c\n")
        .file("deploy/Dockerfile.dockerignore", "deploy\n.dockerignore\n")
        .file(".dockerignore", "app\n")
        .file("Dockerfile", "FROM nowhere/that-is-not-used\n")
        .file("app/main", "main\n");
    let destination = namespace.destination();
    let finished = namespace
        .tool(&["build", "--insecure", "-f", "deploy/Dockerfile", "-t", &destination])
        .within(tree.path())
        .run();
    let image = Image::pull(finished.reference());
    assert_eq!(image.files_below("c").into_keys().collect::<Vec<_>>(), ["Dockerfile", "app/main"]);
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_dockerfile_outside_of_the_context_is_built_from() {
    let namespace = Namespace::new();
    let outside = Tree::new().file("build/Dockerfile.prod", "FROM scratch\nCOPY . /c\n");
    let tree = Tree::new().file("x", "x\n");
    let finished = namespace.build(&tree).arg("-f").arg(outside.path().join("build/Dockerfile.prod")).run();
    let image = Image::pull(finished.reference());
    assert_eq!(image.files_below("c"), BTreeMap::from([("x", &b"x\n"[..])]));
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_context_of_50_000_files_arrives_whole() {
    let namespace = Namespace::new();
    let tree = Tree::new().file("Dockerfile", "FROM scratch\nCOPY files /files\n");
    let mut expected = BTreeMap::new();
    for file in 0..50_000 {
        let path = format!("{:02}/{:02}/{file}", file % 50, file / 50 % 40);
        let content = format!("content of {file}\n");
        tree.write(&format!("files/{path}"), &content);
        expected.insert(path, content);
    }
    let finished = namespace.build(&tree).run();
    let image = Image::pull(finished.reference());
    let found = image.files_below("files");
    assert_eq!(found.len(), expected.len());
    assert!(expected.iter().all(|(path, content)| found.get(path.as_str()) == Some(&content.as_bytes())));
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn uncommitted_changes_are_built() {
    let namespace = Namespace::new();
    let tree = Tree::new().file("Dockerfile", "FROM scratch\nCOPY app /app\n").file("app", "committed\n");
    tree.commit();
    tree.write("app", "changed and not committed\n");
    let image = Image::pull(namespace.build(&tree).run().reference());
    assert_eq!(image.text("app"), "changed and not committed\n");
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn exec_bits_and_symlinks_are_kept_and_owners_are_root() {
    let namespace = Namespace::new();
    let tree = Tree::new()
        .file("Dockerfile", "FROM scratch\nCOPY d /d\n")
        .file("d/plain", "plain\n")
        .executable("d/run", "#!/bin/sh\n")
        .link("d/link", "run")
        .link("d/dangling", "../nowhere")
        .link("d/long", &"far/".repeat(40));
    if runs_as_root() {
        std::os::unix::fs::chown(tree.path().join("d/plain"), Some(1234), Some(1234)).unwrap();
    }
    let image = Image::pull(namespace.build(&tree).run().reference());
    assert!(matches!(image.node("d/run"), Node::File { mode: 0o755, uid: 0, .. }), "{:?}", image.node("d/run"));
    assert!(matches!(image.node("d/plain"), Node::File { mode: 0o644, uid: 0, .. }), "{:?}", image.node("d/plain"));
    assert_eq!(*image.node("d/link"), Node::Link { target: "run".into() });
    assert_eq!(*image.node("d/dangling"), Node::Link { target: "../nowhere".into() });
    assert_eq!(*image.node("d/long"), Node::Link { target: "far/".repeat(40) });
}

fn runs_as_root() -> bool {
    std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self").unwrap()) == 0
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn every_destination_is_pushed_and_printed() {
    let namespace = Namespace::new();
    let tree = Tree::new().file("Dockerfile", "FROM scratch\nCOPY x /x\n").file("x", "x");
    let (first, second) = (namespace.destination(), format!("{}/{}/second", registry(), namespace.name));
    let metadata = tree.path().join("metadata.json");
    let finished = namespace
        .tool(&["build", "-q", "--insecure", "-t", &first, "-t", &second, "--metadata-file"])
        .arg(&metadata)
        .arg(tree.path())
        .run();
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert_eq!(finished.stderr, "", "a quiet build says nothing else");
    let lines: Vec<&str> = finished.stdout().lines().collect();
    let [one, two] = lines[..] else { panic!("{lines:?}") };
    assert!(one.starts_with(&format!("{first}@sha256:")) && two.starts_with(&format!("{second}@sha256:")), "{lines:?}");
    assert_eq!(Image::pull(one).paths(), Image::pull(two).paths());

    let digest = one.split_once('@').unwrap().1;
    let metadata: serde_json::Value = serde_json::from_slice(&fs::read(metadata).unwrap()).unwrap();
    assert_eq!(metadata["containerimage.digest"], json!(digest));
    assert_eq!(metadata["image.name"], json!(format!("{first},{second}")));
    let phases = metadata["kaniko-local.phases"].as_array().unwrap();
    let names: Vec<&str> = phases.iter().map(|span| span["phase"].as_str().unwrap()).collect();
    for phase in ["start", "context", "base", "step", "push"] {
        assert!(names.contains(&phase), "{phase} is not in {names:?}");
    }
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn without_a_push_the_digest_alone_is_printed() {
    let namespace = Namespace::new();
    let tree = Tree::new().file("Dockerfile", "FROM scratch\nCOPY x /x\n").file("x", "x");
    let finished = namespace.tool(&["build", "--no-push"]).arg(tree.path()).run();
    assert!(finished.reference().starts_with("sha256:"), "{}", finished.stdout());
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn another_helper_image_and_no_compression_work_too() {
    let namespace = Namespace::new();
    let noise = incompressible(5_000_000);
    let tree = Tree::new().file("Dockerfile", "FROM scratch\nCOPY noise /\n").file("noise", &noise);
    let finished = namespace.build(&tree).args(&["--compression", "none", "--helper-image", &base_image()]).run();
    assert!(Image::pull(finished.reference()).content("noise") == noise);
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_failing_run_ends_with_1_and_its_output_on_stderr() {
    let namespace = Namespace::new();
    let dockerfile = format!("FROM {}\nRUN echo this line tells why && exit 7\n", base_image());
    let tree = Tree::new().file("Dockerfile", dockerfile);
    let finished = namespace.build(&tree).run();
    assert_eq!((finished.code, finished.stdout()), (Some(1), ""), "{}", finished.stderr);
    assert!(finished.stderr.lines().any(|line| line == "this line tells why"), "{}", finished.stderr);
    let at = format!("note: at {}/Dockerfile:2: RUN echo this line tells why && exit 7", tree.path().display());
    let told = format!("error[run-failed]: build failed: executor ended with 7\n{at}\nnote: error building image:");
    assert!(finished.stderr.contains(&told), "{}", finished.stderr);
    assert!(namespace.pods().is_empty());

    let quiet = namespace.build(&tree).arg("-q").run();
    assert_eq!(quiet.code, Some(1));
    assert!(quiet.stderr.contains("this line tells why"), "a quiet build that fails shows its log: {}", quiet.stderr);
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn ctrl_c_in_the_middle_of_an_upload_deletes_the_pod() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let namespace = Namespace::new();
        let tree =
            Tree::new().file("Dockerfile", "FROM scratch\nCOPY noise /\n").file("noise", incompressible(20_000_000));
        let proxy = Proxy::start(&server(), Fault::Stall(5_000_000));
        let elsewhere = Tree::new();
        let kubeconfig = namespace.kubeconfig_through(&proxy, elsewhere.path());
        let running = namespace.build(&tree).env("KUBECONFIG", kubeconfig).spawn();
        proxy.wait_until_struck();
        assert_eq!(namespace.pods().len(), 1);
        wait_for("a line tells how far it is", || running.stderr().contains("\nuploading: "));
        running.signal(signal);
        let finished = running.wait();
        assert_eq!((finished.code, finished.stdout()), (Some(code), ""), "{}", finished.stderr);
        assert!(namespace.pods().is_empty(), "{}", finished.stderr);
    }
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn ctrl_c_during_the_build_deletes_the_pod() {
    let namespace = Namespace::new();
    let tree = Tree::new().file("Dockerfile", format!("FROM {}\nRUN sleep 600\n", base_image()));
    let running = namespace.build(&tree).spawn();
    wait_for("the executor runs", || namespace.pods().iter().any(|pod| running_containers(pod) == ["kaniko"]));
    wait_for("the log is told while the build goes on", || running.stderr().contains("RUN sleep 600"));
    assert!(running.stderr().contains("\nwaiting for container `receive-context`"), "{}", running.stderr());
    running.signal("INT");
    let finished = running.wait();
    assert_eq!((finished.code, finished.stdout()), (Some(130), ""), "{}", finished.stderr);
    assert!(namespace.pods().is_empty(), "{}", finished.stderr);
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn connections_that_break_during_the_build_lose_and_repeat_no_line() {
    let namespace = Namespace::new();
    let script = "for i in $(seq 1 60); do echo counted $i; sleep 0.1; done";
    let tree = Tree::new().file("Dockerfile", format!("FROM {}\nRUN {script}\n", base_image()));
    let proxy = Proxy::start(&server(), Fault::None);
    let elsewhere = Tree::new();
    let kubeconfig = namespace.kubeconfig_through(&proxy, elsewhere.path());
    let running = namespace.build(&tree).env("KUBECONFIG", kubeconfig).spawn();
    for line in ["counted 15", "counted 35"] {
        wait_for(line, || running.stderr().lines().any(|told| told == line));
        proxy.break_connections();
    }
    let finished = running.wait();
    finished.reference();
    let counted: Vec<&str> = finished.stderr.lines().filter_map(|line| line.strip_prefix("counted ")).collect();
    let expected: Vec<String> = (1..=60).map(|count| count.to_string()).collect();
    assert_eq!(counted, expected);
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn what_cannot_be_written_and_flags_that_the_executor_does_not_take_end_it_before_a_pod_exists() {
    let namespace = Namespace::new();
    let tree = Tree::small();
    for (arguments, words) in [
        (&["--metadata-file", "/nowhere/x"][..], "error: cannot write `/nowhere/x`"),
        (&["--", "--no-such-flag"], "error[unknown-flag]: no flag `--no-such-flag` in "),
        (&["--", "--push-retry=x"], "error[executor-arguments]: the executor does not start: invalid argument"),
    ] {
        let finished = namespace.build(&tree).args(arguments).run();
        assert_eq!(finished.code, Some(1), "{}", finished.transcript());
        assert!(finished.stderr.contains(words), "{}", finished.stderr);
        assert!(!finished.stderr.contains("pod: "), "{}", finished.stderr);
    }
    let metadata = tree.path().join("metadata.json");
    let gone = namespace.build(&tree).args(&["-f", "gone", "--metadata-file"]).arg(&metadata).run();
    assert_eq!(gone.code, Some(2), "{}", gone.transcript());
    assert!(!metadata.exists(), "nothing is left of the attempt");
}

/// As a terminal does that is closed, and wrappers that pass Ctrl-C on.
#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_signal_that_comes_twice_at_once_leaves_no_pod() {
    let namespace = Namespace::new();
    let tree = Tree::new().file("Dockerfile", format!("FROM {}\nRUN sleep 600\n", base_image()));
    let running = namespace.build(&tree).spawn();
    wait_for("the build goes on", || running.stderr().contains("RUN sleep 600"));
    running.signal("INT");
    running.signal("INT");
    let finished = running.wait();
    assert_eq!(finished.code, Some(130), "{}", finished.stderr);
    assert!(namespace.pods().is_empty(), "{}", finished.stderr);
}

/// The executor stops its snapshot at a link that it cannot resolve, and ends with 0.
#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn an_image_from_which_the_executor_left_files_out_is_no_success() {
    let namespace = Namespace::new();
    let tree = Tree::new()
        .file("Dockerfile", "FROM scratch\nCOPY . /c/\n")
        .link("loop", "loop")
        .file("zzz", "missing from the image");
    let finished = namespace.build(&tree).args(&["--no-check"]).run();
    assert_eq!((finished.code, finished.stdout()), (Some(1), ""), "{}", finished.stderr);
    assert!(finished.stderr.contains("error[image-incomplete]: image is incomplete"), "{}", finished.stderr);
    assert!(finished.stderr.contains("Couldn't eval /c/loop"), "{}", finished.stderr);
}

/// The connection is cut inside the archive: the pod sees a clean end of input.
#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_cut_upload_ends_with_3_and_the_executor_is_never_started() {
    let namespace = Namespace::new();
    let tree = Tree::new().file("Dockerfile", "FROM scratch\nCOPY noise /\n").file("noise", incompressible(20_000_000));
    let proxy = Proxy::start(&server(), Fault::Cut(8_000_000));
    let elsewhere = Tree::new();
    let kubeconfig = namespace.kubeconfig_through(&proxy, elsewhere.path());
    // A guard of the test's own keeps the pod: what became of it is read after the tool has deleted it.
    let guard = json!({"metadata": {"finalizers": ["kaniko-local.test/keep"]}});
    let running = namespace.build(&tree).env("KUBECONFIG", kubeconfig).spawn();
    wait_for("there is a pod", || !namespace.pods().is_empty());
    namespace.patch_pod(&guard);
    let finished = running.wait();
    assert_eq!((finished.code, finished.stdout()), (Some(3), ""), "{}", finished.stderr);
    assert!(finished.stderr.contains("error[upload-broken]: upload broke off after "), "{}", finished.stderr);

    let pods = namespace.pods();
    let [pod] = &pods[..] else { panic!("{pods:?}") };
    assert!(pod.metadata.deletion_timestamp.is_some(), "the tool has deleted it");
    let status = pod.status.as_ref().unwrap();
    let executor = &status.container_statuses.as_ref().unwrap()[0];
    assert_eq!(executor.started, Some(false), "{executor:?}");
    let state = executor.state.as_ref().unwrap();
    let never_ran =
        state.waiting.is_some() || state.terminated.as_ref().is_some_and(|ended| ended.started_at.is_none());
    assert!(never_ran && executor.container_id.is_none(), "{executor:?}");
    namespace.patch_pod(&json!({"metadata": {"finalizers": null}}));
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_user_without_rights_is_told_the_clusters_own_words() {
    let namespace = Namespace::with(Rights::None, json!({}));
    let tree = Tree::new().file("Dockerfile", "FROM scratch\n");
    let finished = namespace.build(&tree).run();
    assert_eq!(finished.code, Some(3), "{}", finished.stderr);
    let words = format!(
        "note: pods is forbidden: User \"dev\" cannot create resource \"pods\" in API group \"\" in the namespace \"{}\"",
        namespace.name
    );
    assert!(finished.stderr.contains(&words), "{}", finished.stderr);
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn without_the_right_to_read_logs_the_build_goes_on_with_a_warning() {
    let namespace = Namespace::with(Rights::Without("pods/log"), json!({}));
    let tree = Tree::new().file("Dockerfile", "FROM scratch\nCOPY x /x\n").file("x", "x");
    let finished = namespace.build(&tree).run();
    finished.reference();
    assert!(
        finished.stderr.contains("warning: the build goes on, but its log cannot be read: "),
        "{}",
        finished.stderr
    );
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn what_keeps_a_pod_from_starting_is_told_while_it_is_waited_for() {
    let namespace = Namespace::new();
    let tree = Tree::new().file("Dockerfile", "FROM scratch\n");
    let running = namespace.build(&tree).args(&["--registry-secret", "no-such-secret"]).spawn();
    wait_for("the missing Secret is named", || running.stderr().contains("secret \"no-such-secret\" not found"));
    running.signal("INT");
    assert_eq!(running.wait().code, Some(130));

    let late = namespace.build(&tree).args(&["--registry-secret", "no-such-secret", "--timeout", "12s"]).run();
    assert_eq!(late.code, Some(124), "{}", late.stderr);
    let end = late.stderr.split_once("error[deadline]: not done within 12s\n").expect("it names the time").1;
    assert!(end.starts_with("note: FailedMount: ") && end.contains("no-such-secret"), "{end}");
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn on_a_terminal_waiting_and_upload_are_redrawn_in_place() {
    let namespace = Namespace::new();
    let tree =
        Tree::new().file("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n").file("noise", incompressible(30_000_000));
    let screen = namespace.build(&tree).run_on_a_terminal();
    assert!(screen.contains("waiting for container `receive-context`"), "{screen}");
    assert!(screen.contains("uploading ") && screen.contains("\x1b[K"), "{screen}");
    assert!(screen.contains("uploaded: 28.61 MiB as "), "{screen}");
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn an_unschedulable_pod_ends_at_once_with_the_schedulers_words() {
    let namespace = Namespace::new();
    // The tool asks for nothing, so the namespace's default decides.
    namespace.limit_containers(&json!({"cpu": "900"}));
    let tree = Tree::new().file("Dockerfile", "FROM scratch\n");
    let finished = namespace.build(&tree).run();
    assert_eq!(finished.code, Some(3), "{}", finished.stderr);
    assert!(
        finished.stderr.contains("is unschedulable\nnote: 0/") && finished.stderr.contains("Insufficient cpu"),
        "{}",
        finished.stderr
    );
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn an_image_that_cannot_be_pulled_ends_it_with_the_kubelets_words() {
    let namespace = Namespace::new();
    let tree = Tree::new().file("Dockerfile", "FROM scratch\n");
    let image = format!("{}/no/such:image", registry());
    let finished = namespace.build(&tree).args(&["--transport", "exec", "--helper-image", &image]).run();
    assert_eq!(finished.code, Some(3), "{}", finished.stderr);
    let title =
        format!("error[image-pull]: image `{image}` of container `receive-context` cannot be pulled: ImagePullBackOff");
    assert!(finished.stderr.contains(&title), "{}", finished.stderr);
    assert!(finished.stderr.contains("not found"), "{}", finished.stderr);
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_build_that_takes_too_long_ends_with_124_and_its_pod_is_deleted() {
    let namespace = Namespace::new();
    let tree = Tree::new().file("Dockerfile", format!("FROM {}\nRUN sleep 600\n", base_image()));
    let started = Instant::now();
    let finished = namespace.build(&tree).arg("--timeout").arg("8s").run();
    assert_eq!(finished.code, Some(124), "{}", finished.stderr);
    assert!(started.elapsed() < Duration::from_secs(60), "a build that was cut short");
    assert!(namespace.pods().is_empty(), "{}", finished.stderr);
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_pod_deleted_by_somebody_else_ends_the_build() {
    let namespace = Namespace::new();
    let tree = Tree::new().file("Dockerfile", format!("FROM {}\nRUN sleep 600\n", base_image()));
    let running = namespace.build(&tree).spawn();
    wait_for("there is a pod", || !namespace.pods().is_empty());
    namespace.delete_pods();
    let finished = running.wait();
    assert_eq!(finished.code, Some(3), "{}", finished.stderr);
    assert!(finished.stderr.contains("was ended by the cluster: Deleted"), "{}", finished.stderr);
}

/// Where a pod finds its service account, there is this namespace's: the tool finds its cluster by that alone.
#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn without_a_kubeconfig_the_service_account_of_the_pod_is_used() {
    let namespace = Namespace::new();
    let tree = Tree::new().file("Dockerfile", "FROM scratch\nCOPY x /x\n").file("x", "from within\n");
    let account = Tree::new();
    namespace.write_service_account(account.path());
    let (host, port) = server().rsplit_once(':').map(|(host, port)| (host.to_owned(), port.to_owned())).unwrap();
    let script = "mount -t tmpfs none /run && mkdir -p /var/run/secrets/kubernetes.io && \
                  cp -r \"$0\" /var/run/secrets/kubernetes.io/serviceaccount && exec \"$@\"";
    let output = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-c", script])
        .arg(account.path())
        .args([env!("CARGO_BIN_EXE_kaniko-local"), "build", "--insecure", "-t", &namespace.destination()])
        .arg(tree.path())
        .env_remove("KUBECONFIG")
        .env("HOME", "/nonexistent")
        .env("KUBERNETES_SERVICE_HOST", host)
        .env("KUBERNETES_SERVICE_PORT", port)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let image = Image::pull(String::from_utf8(output.stdout).unwrap().trim_end());
    assert_eq!(image.text("x"), "from within\n");
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_context_from_standard_input_builds_the_image_of_the_directory() {
    let namespace = Namespace::new();
    let tree = Tree::new()
        .file("deploy/Dockerfile", "FROM scratch\nCOPY a /a\nCOPY link large /d/\n")
        .file("a/b", "from the archive\n")
        .file("large", incompressible(2_000_000))
        .link("link", "a/b");
    let archive = Command::new("tar").args(["-C", tree.path().to_str().unwrap(), "-czf", "-", "."]).output().unwrap();
    let finished = namespace.build_from("-").args(&["-f", "deploy/Dockerfile"]).input(archive.stdout).run();
    let image = Image::pull(finished.reference());
    assert_eq!(image.files_below("a")["b"], b"from the archive\n");
    assert_eq!(image.files_below("d")["large"], incompressible(2_000_000));
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_dockerfile_from_standard_input_is_built_in_a_directory_or_in_none() {
    let namespace = Namespace::new();
    // The ignore file is the context's own, and the Dockerfile is not in the context.
    let tree = Tree::new().file("Dockerfile", "broken").file(".dockerignore", "drop\nDockerfile\n");
    let tree = tree.file("drop", "").file("keep", "kept\n");
    let finished = namespace.build(&tree).args(&["-f", "-"]).input("FROM scratch\nCOPY . /c\n").run();
    let image = Image::pull(finished.reference());
    let names: Vec<_> = image.files_below("c").into_keys().collect();
    assert_eq!(names, [".dockerignore", "keep"]);

    let alone =
        namespace.build_from("-").input(format!("FROM {}\nRUN mkdir /d && echo alone > /d/said\n", base_image())).run();
    assert_eq!(Image::pull(alone.reference()).files_below("d")["said"], b"alone\n");
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_run_that_fails_after_a_stage_that_is_skipped_is_told_with_its_own_line() {
    let base = base_image();
    let namespace = Namespace::new();
    let tree = Tree::new().file(
        "Dockerfile",
        format!(
            "FROM {base} AS unused\nRUN echo unused\nFROM {base} AS build\nRUN echo same\n\
             FROM {base}\nCOPY --from=build /etc/passwd /p\nRUN echo same\nRUN exit 3\n"
        ),
    );
    let finished = namespace.build(&tree).run();
    assert_eq!(finished.code, Some(1), "{}", finished.stderr);
    assert!(finished.stderr.contains("repaired 1 difference"), "the first stage is skipped: {}", finished.stderr);
    assert!(finished.stderr.contains("Dockerfile:8: RUN exit 3\n"), "{}", finished.stderr);
}

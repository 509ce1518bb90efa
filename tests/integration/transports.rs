//! The ways of a context into its pod, each in a real cluster: what arrives is the same, and what breaks begins anew or
//! is named.

use std::collections::BTreeMap;

use serde_json::json;

use crate::support::cluster::{Namespace, Rights, base_image, registry, server};
use crate::support::image::Image;
use crate::support::proxy::{Fault, Proxy};
use crate::support::tree::{Tree, incompressible};
use crate::support::wait_for;

const TRANSPORTS: [&str; 3] = ["exec", "attach", "stdin"];

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn every_transport_gives_the_same_image_at_every_compression() {
    let namespace = Namespace::new();
    let noise = incompressible(3_000_000);
    let text = "some text\n".repeat(200_000);
    let tree = Tree::new()
        .file("Dockerfile", "FROM scratch\nCOPY . /c\n")
        .file(".dockerignore", "drop\nDockerfile\n")
        // Where an executor without a Dockerfile would look a second time.
        .file("kaniko/buildcontext/Dockerfile", "FROM nowhere/that-is-not-used\n")
        .file("noise", &noise)
        .file("text", &text)
        .file("drop", "ignored")
        .link("link", "text");
    let expected = BTreeMap::from([
        (".dockerignore", &b"drop\nDockerfile\n"[..]),
        ("kaniko/buildcontext/Dockerfile", b"FROM nowhere/that-is-not-used\n"),
        ("noise", &noise),
        ("text", text.as_bytes()),
    ]);
    let mut images = Vec::new();
    for (transport, compression) in
        TRANSPORTS.iter().flat_map(|transport| ["auto", "none"].map(|compression| (transport, compression)))
    {
        let finished = namespace.build(&tree).args(&["--transport", transport, "--compression", compression]).run();
        let image = Image::pull(finished.reference());
        assert!(image.files_below("c") == expected, "{transport} {compression}");
        images.push(image);
    }
    assert!(images.iter().all(|image| image.nodes() == images[0].nodes()), "modes, owners and links are the same too");
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn where_exec_is_forbidden_the_context_is_attached() {
    let namespace = Namespace::with(Rights::Without("pods/exec"), json!({}));
    let tree = Tree::new().file("Dockerfile", "FROM scratch\nCOPY x /x\n").file("x", "attached\n");
    let finished = namespace.build(&tree).run();
    assert_eq!(Image::pull(finished.reference()).text("x"), "attached\n");
    assert!(finished.stderr.contains("; trying another pod, with `attach`\n"), "{}", finished.stderr);

    let asked_for = namespace.build(&tree).args(&["--transport", "exec"]).run();
    assert_eq!(asked_for.code, Some(3), "{}", asked_for.stderr);
    assert!(asked_for.stderr.contains("cannot get resource \"pods/exec\""), "{}", asked_for.stderr);
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn without_the_right_to_attach_exec_is_enough() {
    let namespace = Namespace::with(Rights::Without("pods/attach"), json!({}));
    let tree = Tree::new().file("Dockerfile", "FROM scratch\nCOPY x /x\n").file("x", "by exec\n");
    assert_eq!(Image::pull(namespace.build(&tree).run().reference()).text("x"), "by exec\n");
    let finished = namespace.build(&tree).args(&["--transport", "stdin"]).run();
    assert_eq!(finished.code, Some(3), "{}", finished.stderr);
    assert!(finished.stderr.contains("cannot attach to pod `kaniko-context-"), "{}", finished.stderr);
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn where_no_helper_image_runs_the_executor_takes_the_context_itself() {
    let namespace = Namespace::new();
    let tree = Tree::new().file("Dockerfile", "FROM scratch\nCOPY x /x\n").file("x", "by itself\n");
    // The executor's image has no shell.
    let executor = "gcr.io/kaniko-project/executor:v1.24.0";
    for helper in [format!("{}/no/such:image", registry()), executor.to_owned()] {
        let finished = namespace.build(&tree).args(&["--helper-image", &helper]).run();
        assert_eq!(Image::pull(finished.reference()).text("x"), "by itself\n", "{helper}");
        assert!(finished.stderr.contains("; trying another pod, with `stdin`\n"), "{}", finished.stderr);
        assert!(namespace.pods().is_empty(), "{}", finished.stderr);
    }
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn an_upload_that_breaks_begins_anew_and_the_image_is_right() {
    for transport in TRANSPORTS {
        let namespace = Namespace::new();
        let noise = incompressible(20_000_000);
        let tree = Tree::new().file("Dockerfile", "FROM scratch\nCOPY noise /\n").file("noise", &noise);
        let proxy = Proxy::start(&server(), Fault::CutOnce(8_000_000));
        let elsewhere = Tree::new();
        let kubeconfig = namespace.kubeconfig_through(&proxy, elsewhere.path());
        let finished = namespace.build(&tree).args(&["--transport", transport]).env("KUBECONFIG", kubeconfig).run();
        assert!(Image::pull(finished.reference()).content("noise") == noise, "{transport}");
        let told = if transport == "exec" { ", attempt 2\n" } else { "; trying another pod, with " };
        assert!(finished.stderr.contains(told), "{transport}: {}", finished.stderr);
        assert!(namespace.pods().is_empty(), "{transport}: {}", finished.stderr);
    }
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn an_executor_that_got_nothing_but_a_cut_context_builds_nothing() {
    let namespace = Namespace::new();
    let tree = Tree::new().file("Dockerfile", "FROM scratch\nCOPY noise /\n").file("noise", incompressible(20_000_000));
    let proxy = Proxy::start(&server(), Fault::Cut(8_000_000));
    let elsewhere = Tree::new();
    let kubeconfig = namespace.kubeconfig_through(&proxy, elsewhere.path());
    let finished = namespace.build(&tree).args(&["--transport", "stdin"]).env("KUBECONFIG", kubeconfig).run();
    assert_eq!((finished.code, finished.stdout()), (Some(3), ""), "{}", finished.stderr);
    assert!(finished.stderr.contains("error[upload-broken]: upload broke off"), "{}", finished.stderr);
    assert!(!Image::exists(&namespace.destination()));
    assert!(namespace.pods().is_empty(), "{}", finished.stderr);
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_pod_is_kept_when_asked_for_and_the_commands_to_see_and_delete_it_are_printed() {
    let namespace = Namespace::new();
    let tree = Tree::new().file("Dockerfile", format!("FROM {}\nRUN exit 7\n", base_image()));
    let kept = namespace.build(&tree).args(&["--keep", "on-failure"]).run();
    assert_eq!(kept.code, Some(1), "{}", kept.stderr);
    let pods = namespace.pods();
    let [pod] = &pods[..] else { panic!("{pods:?}\n{}", kept.stderr) };
    let name = pod.metadata.name.as_ref().unwrap();
    let kubectl = format!("kubectl --context dev -n {}", namespace.name);
    for line in [
        format!("note: pod `{name}` is kept\n"),
        format!("  look inside: {kubectl} logs {name} --all-containers\n"),
        format!("  delete it: {kubectl} delete pod {name}\n"),
    ] {
        assert!(kept.stderr.contains(&line), "{line}{}", kept.stderr);
    }
    namespace.delete_pods();

    let good = Tree::new().file("Dockerfile", "FROM scratch\nCOPY x /\n").file("x", "");
    assert_eq!(namespace.build(&good).args(&["--keep", "on-failure"]).run().code, Some(0));
    assert!(namespace.pods().is_empty());
    assert_eq!(namespace.build(&good).args(&["--keep", "always"]).run().code, Some(0));
    assert_eq!(namespace.pods().len(), 1);
    namespace.delete_pods();

    let endless = Tree::new().file("Dockerfile", format!("FROM {}\nRUN sleep 600\n", base_image()));
    let running = namespace.build(&endless).args(&["--keep", "always"]).spawn();
    wait_for("the build goes on", || running.stderr().contains("RUN sleep 600"));
    running.signal("INT");
    let interrupted = running.wait();
    assert_eq!(interrupted.code, Some(130), "{}", interrupted.stderr);
    assert!(interrupted.stderr.contains(" exec -it kaniko-context-"), "{}", interrupted.stderr);
    namespace.delete_pods();
}

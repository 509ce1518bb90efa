//! A registry that wants a password and has a certificate of a private authority: each way to its login, in a real
//! cluster.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::cluster::{Namespace, Rights, TlsRegistry, base_image, from, tls_registry};
use crate::support::image::Image;
use crate::support::tool::Tool;
use crate::support::tree::Tree;
use crate::support::wait_for;

fn small() -> Tree {
    Tree::new().file("Dockerfile", "FROM scratch\nCOPY x /x\n").file("x", "x")
}

/// `build` that pushes to the registry; `home` is where its `.docker` is.
fn build(namespace: &Namespace, registry: &TlsRegistry, tree: &Tree, home: &Path) -> Tool {
    let destination = format!("{}/{}:v1", registry.address, namespace.name);
    namespace.tool(&["-vv", "build", "-t", &destination]).arg(tree.path()).env("HOME", home)
}

fn trusted(tool: Tool, registry: &TlsRegistry) -> Tool {
    tool.arg("--registry-ca").arg(&registry.authority)
}

/// `config.json` with the password, and one of another registry that is nobody's business.
fn config(registry: &TlsRegistry) -> Value {
    json!({"auths": {
        &registry.address: {"username": registry.user, "password": registry.password},
        "other.example.com": {"username": "other", "password": "other-secret"},
    }})
}

fn assert_gone(namespace: &Namespace) {
    wait_for("the Secret went with the pod", || namespace.secrets().is_empty());
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn the_login_of_this_machine_pushes_and_pulls_and_only_what_is_needed_travels() {
    let (namespace, registry) = (Namespace::new(), tls_registry());
    let home = Tree::new().file(".docker/config.json", config(&registry).to_string());
    // What RUN sees is what travelled.
    let dockerfile = format!(
        "ARG BASE={}\nFROM ${{BASE}}\nRUN ! grep -q other /kaniko/.docker/config.json && ls /kaniko/registry-ca\n",
        registry.base_image
    );
    let tree = Tree::new().file("Dockerfile", dockerfile);
    for transport in ["exec", "attach", "stdin"] {
        let build = build(&namespace, &registry, &tree, home.path()).args(&["--transport", transport]);
        let finished = trusted(build, &registry).run();
        let reference = finished.reference();
        assert!(reference.starts_with(&format!("{}/{}:v1@sha256:", registry.address, namespace.name)), "{reference}");
        for secret in [&registry.password, "other-secret"] {
            assert!(!finished.stderr.contains(secret), "{transport}: {}", finished.stderr);
        }
        assert_gone(&namespace);
    }
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn no_login_and_no_certificate_gets_into_an_image() {
    let (namespace, registry) = (Namespace::new(), tls_registry());
    let home = Tree::new().file(".docker/config.json", config(&registry).to_string());
    let dockerfile = format!("FROM {}\nRUN cp /kaniko/registry-ca/ca.crt /seen\nCOPY x /x\n", registry.base_image);
    let tree = Tree::new().file("Dockerfile", dockerfile).file("x", "x");
    for snapshot in ["full", "redo"] {
        let flags = ["--", &format!("--snapshot-mode={snapshot}"), "--single-snapshot"];
        let build = trusted(namespace.build(&tree).env("HOME", home.path()), &registry).args(&flags);
        let image = Image::pull(build.run().reference());
        assert!(image.text("seen").contains("BEGIN CERTIFICATE"), "it was there while it was built");
        let paths = image.paths();
        assert!(!paths.iter().any(|path| path.contains("kaniko") || path.contains("config.json")), "{paths:?}");
    }
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_credential_helper_gives_the_login() {
    let (namespace, registry) = (Namespace::new(), tls_registry());
    let answer = json!({"ServerURL": registry.address, "Username": registry.user, "Secret": registry.password});
    let home = Tree::new()
        .file(".docker/config.json", json!({"credsStore": "fake"}).to_string())
        .executable("bin/docker-credential-fake", &format!("#!/bin/sh\nread -r server\ncat <<END\n{answer}\nEND\n"));
    let path = format!("{}:{}", home.path().join("bin").display(), std::env::var("PATH").unwrap());
    let finished = trusted(build(&namespace, &registry, &small(), home.path()).env("PATH", path), &registry).run();
    finished.reference();
    assert!(!finished.stderr.contains(&registry.password), "{}", finished.stderr);
    assert_gone(&namespace);
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_secret_that_is_there_gives_the_login() {
    let (namespace, registry) = (Namespace::new(), tls_registry());
    let nowhere = Path::new("/nonexistent");
    let refused = trusted(build(&namespace, &registry, &small(), nowhere), &registry).run();
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(refused.stderr.contains("UNAUTHORIZED"), "{}", refused.stderr);

    let config = config(&registry);
    namespace.create(&from::<k8s_openapi::api::core::v1::Secret>(json!({
        "metadata": {"name": "push"},
        "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": config.to_string()},
    })));
    let finished =
        trusted(build(&namespace, &registry, &small(), nowhere).args(&["--registry-secret", "push"]), &registry).run();
    finished.reference();
    wait_for("the tool's own Secret is gone and the other is not", || namespace.secrets() == ["push"]);
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_wrong_password_and_a_certificate_that_is_not_trusted_fail_the_build() {
    let (namespace, registry) = (Namespace::new(), tls_registry());
    let wrong = json!({"auths": {&registry.address: {"username": registry.user, "password": "wrong-password"}}});
    let home = Tree::new().file(".docker/config.json", wrong.to_string());
    let refused = trusted(build(&namespace, &registry, &small(), home.path()), &registry).run();
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("UNAUTHORIZED") && !refused.stderr.contains("wrong-password"),
        "{}",
        refused.stderr
    );

    let distrusted = build(&namespace, &registry, &small(), home.path()).run();
    assert_eq!(distrusted.code, Some(1), "{}", distrusted.stderr);
    assert!(distrusted.stderr.contains("x509: certificate signed by unknown authority"), "{}", distrusted.stderr);
    assert!(distrusted.stderr.contains("help: trust it with `--registry-ca FILE`"), "{}", distrusted.stderr);
    assert_gone(&namespace);
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn the_secret_goes_with_the_pod_even_if_the_tool_is_killed() {
    let (namespace, registry) = (Namespace::new(), tls_registry());
    let home = Tree::new().file(".docker/config.json", config(&registry).to_string());
    let tree = Tree::new().file("Dockerfile", format!("FROM {}\nRUN sleep 600\n", base_image()));
    let running = trusted(build(&namespace, &registry, &tree, home.path()), &registry).spawn();
    wait_for("the build goes on", || running.stderr().contains("RUN sleep 600"));
    assert_eq!(namespace.secrets().len(), 1);
    running.signal("KILL");
    assert_eq!(running.wait().code, None);
    namespace.delete_pods();
    assert_gone(&namespace);
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn without_the_right_to_make_secrets_only_a_build_that_needs_one_is_refused() {
    let namespace = Namespace::with(Rights::Without("secrets"), json!({}));
    let registry = tls_registry();
    let home = Tree::new().file(".docker/config.json", config(&registry).to_string());
    namespace.build(&small()).env("HOME", home.path()).run().reference();

    let refused = build(&namespace, &registry, &small(), home.path()).run();
    assert_eq!(refused.code, Some(3), "{}", refused.stderr);
    assert!(refused.stderr.contains("cannot create resource \"secrets\""), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("help: name a Secret that is there: `--registry-secret NAME`"),
        "{}",
        refused.stderr
    );
    assert!(namespace.pods().is_empty(), "{}", refused.stderr);
}

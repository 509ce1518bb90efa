//! `check DIRECTORY`: what a plain set-up of Kaniko would make of it, where that is not what `build` does.

use std::os::unix::net::UnixListener;

use crate::support::tool::{Finished, Tool};
use crate::support::tree::Tree;

fn check(tree: &Tree, arguments: &[&str]) -> Finished {
    Tool::new(&["check"]).args(arguments).within(tree.path()).run()
}

/// One piece of advice with this code, and nothing that ends a script.
#[track_caller]
fn assert_advice<'a>(finished: &'a Finished, code: &str, message: &str) -> &'a str {
    let stdout = finished.stdout();
    assert!(stdout.starts_with(&format!("advice[{code}]: {message}\n")), "{finished:?}");
    assert_eq!(stdout.matches("]: ").count(), 1, "{stdout}");
    assert!(stdout.contains("; with `kaniko-local build` it is no matter\n"), "{stdout}");
    assert_eq!(finished.code, Some(0), "{finished:?}");
    stdout
}

#[track_caller]
fn assert_silent(finished: &Finished) {
    assert_eq!((finished.code, finished.stdout()), (Some(0), ""), "{finished:?}");
}

fn node(ignore: &str) -> Tree {
    Tree::new()
        .file("Dockerfile", "FROM node\nCOPY . /app\n")
        .file(".dockerignore", ignore)
        .file("index.js", "")
        .file("node_modules/a/b.js", "")
}

/// kaniko#2248.
#[test]
fn a_pattern_that_keeps_out_less_there() {
    let finished = check(&node("*.log\n**/node_modules\n"), &[]);
    let stdout = assert_advice(&finished, "ignore-pattern-weaker", "`**/node_modules` keeps out less than with Docker");
    assert!(
        stdout.contains("  --> .dockerignore:2:1\n") && stdout.contains("copies `node_modules/a/b.js`"),
        "{stdout}"
    );
    assert!(stdout.contains("help: add the line `**/node_modules/**` below it\n"), "{stdout}");
}

#[test]
fn patterns_that_mean_the_same_and_what_is_not_copied() {
    for ignore in ["node_modules\n", "**/node_modules/**\n", "**/node_modules\n**/node_modules/**\n", "*\n!index.js\n"]
    {
        assert_silent(&check(&node(ignore), &[]));
    }
    let other = node("**/node_modules\n").file("Dockerfile", "FROM node\nCOPY index.js /app/\n");
    assert_silent(&check(&other, &[]));
}

/// kaniko#1599.
#[test]
fn a_socket_that_is_not_sent() {
    let tree = Tree::new().file("Dockerfile", "FROM alpine\nCOPY . /app\n").file("run/a", "");
    let _socket = UnixListener::bind(tree.path().join("run/app.sock")).unwrap();
    assert_advice(&check(&tree, &[]), "context-special-file", "`run/app.sock` is a socket, which cannot be copied");
    assert_silent(&check(&tree.file("Dockerfile", "FROM alpine\nCOPY run/a /a\n"), &[]));
}

fn two_directories() -> Tree {
    Tree::new()
        .file("docker/Dockerfile", "FROM scratch\nCOPY x /x\n")
        .file("app/x", "")
        .file("app/deploy/Dockerfile", "FROM scratch\n")
}

#[test]
fn a_dockerfile_that_is_not_in_the_directory() {
    let tree = two_directories();
    let finished = check(&tree, &["app", "-f", "docker/Dockerfile"]);
    let stdout = assert_advice(&finished, "dockerfile-missing", "no Dockerfile at `docker/Dockerfile`");
    assert!(stdout.contains("--context=dir:///workspace` and `--dockerfile=docker/Dockerfile`"), "{stdout}");
    let tree = two_directories().link("app/Dockerfile", "../docker/Dockerfile");
    let message = "no Dockerfile can be read at `/workspace/Dockerfile`: it is a symlink to `../docker/Dockerfile`, which leads \
                   nowhere";
    assert_advice(&check(&tree, &["app"]), "dockerfile-unusable", message);
}

#[test]
fn a_dockerfile_in_the_directory_has_a_name_there() {
    let tree = two_directories();
    let absolute = tree.path().join("app/deploy/Dockerfile");
    for typed in
        ["app/deploy/Dockerfile", "deploy/Dockerfile", "app/../app/deploy/Dockerfile", absolute.to_str().unwrap()]
    {
        assert_silent(&check(&tree, &["app", "-f", typed]));
    }
}

/// `build` takes it without `-f`, as `docker build` does.
#[test]
fn a_dockerfile_with_a_small_letter() {
    let tree = Tree::new().file("dockerfile", "FROM scratch\n");
    let finished = check(&tree, &[]);
    assert!(finished.stdout().starts_with("advice[dockerfile-letter-case]: "), "{finished:?}");
    assert_silent(&check(&tree, &["-f", "dockerfile"]));
}

#[test]
fn a_command_that_writes_to_the_volume() {
    let tree = Tree::new().file("Dockerfile", "FROM node\nWORKDIR /workspace\nCOPY . .\nRUN npm ci\n");
    let message = "what `RUN` writes to `/workspace` is not in the image";
    assert_advice(&check(&tree, &[]), "run-in-mount", message);
}

#[test]
fn what_fails_everywhere_is_told_alone() {
    let tree = node("**/node_modules\n").file("Dockerfile", "FROM node\nCOPY . /app\nCOPY nothing /\n");
    let finished = check(&tree, &[]);
    assert!(finished.stdout().starts_with("error[copy-source-missing]: "), "{finished:?}");
    assert!(!finished.stdout().contains("advice["), "{finished:?}");
}

#[test]
fn what_is_said_to_be_mounted_has_to_be_here() {
    let tree = Tree::new().file("Dockerfile", "FROM scratch\n").file("pod.yaml", "kind: Pod\n");
    for arguments in [
        &["check", "--mount=.:/workspace", "--mount=nowhere:/cache", "--", "--no-push"][..],
        &["check", "--mount=nowhere:/workspace", "--manifest=pod.yaml"],
        &["explain", "--mount=nowhere:/workspace", "pod/x"],
    ] {
        let finished = Tool::new(arguments).within(tree.path()).run();
        assert_eq!((finished.code, finished.stdout()), (Some(2), ""), "{finished:?}");
        assert!(
            finished.stderr.starts_with("error: `nowhere` of `--mount` cannot be read\nnote: No such file"),
            "{finished:?}"
        );
    }
}

#[test]
fn a_symlink_that_leads_to_itself_is_looked_for_in_a_volume() {
    let tree = Tree::new()
        .file("Dockerfile", "FROM scratch\nCOPY links /links\n")
        .file("links/a", "")
        .link("links/self", "self");
    let executor = |tree: &Tree| {
        let finished = check(tree, &["--", "--context=dir:///workspace", "--no-push"]);
        finished.stdout().lines().next().unwrap_or_default().to_owned()
    };
    assert_eq!(executor(&tree), "error[symlink-loop]: `links/self` is a symlink that leads to itself");
    let ignored = tree.file(".dockerignore", "links/self\n");
    assert_eq!(executor(&ignored), "");
    let elsewhere = ignored.file(".dockerignore", "").file("Dockerfile", "FROM scratch\nCOPY links/a /\n");
    assert_eq!(executor(&elsewhere), "");
}

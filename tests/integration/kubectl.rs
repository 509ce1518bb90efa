//! The tool as a plugin of kubectl: the same binary under the name that kubectl looks for.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::tree::Tree;

/// A directory for PATH with the plugin and what completes it.
fn installed() -> Tree {
    let tree = Tree::new();
    let completer = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/krew/kubectl_complete-kaniko_local");
    for (name, file) in [
        ("kubectl-kaniko_local", Path::new(env!("CARGO_BIN_EXE_kaniko-local"))),
        ("kubectl_complete-kaniko_local", completer.as_path()),
    ] {
        std::os::unix::fs::symlink(file, tree.path().join(name)).unwrap();
    }
    tree
}

/// Runs what is installed there, as kubectl does: by its whole path.
fn run(program: &str, arguments: &[&str], directory: &Path) -> Output {
    let installed = installed();
    let path = std::env::join_paths(
        [PathBuf::from(installed.path())].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    Command::new(installed.path().join(program))
        .args(arguments)
        .env("PATH", path.unwrap())
        .env("HOME", "/nonexistent")
        .env_remove("KUBECONFIG")
        .current_dir(directory)
        .output()
        .unwrap()
}

fn plugin(arguments: &[&str]) -> (Option<i32>, String) {
    let output = run("kubectl-kaniko_local", arguments, Tree::new().path());
    (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

/// What kubectl reads when the last of these words is completed.
#[track_caller]
fn completed(words: &[&str], directory: &Path) -> Vec<String> {
    let output = run("kubectl_complete-kaniko_local", words, directory);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn help_usage_and_hints_of_the_plugin_are_in_the_words_that_were_typed() {
    let (code, help) = plugin(&["build", "--help"]);
    assert_eq!(code, Some(0));
    assert!(help.contains("\nUsage: kubectl kaniko-local build [OPTIONS]"), "{help}");
    assert!(help.contains("\n  kubectl kaniko-local build -t registry.example.com/team/app:dev\n"), "{help}");
    assert!(help.contains("\n  tar -c app Dockerfile | kubectl kaniko-local build - -t "), "{help}");

    let (code, refused) = plugin(&["build", "--no-such-flag"]);
    assert_eq!(code, Some(2));
    assert!(refused.contains("is no flag of `kubectl kaniko-local build`"), "{refused}");

    let (code, failed) = plugin(&["explain"]);
    assert_eq!(code, Some(2));
    assert!(failed.contains("help: name the pod, `kubectl kaniko-local explain pod/NAME`"), "{failed}");

    assert_eq!(plugin(&["--version"]), plugin(&["version"]));
}

#[test]
fn no_help_of_the_plugin_tells_to_type_the_bare_name() {
    let commands: [&[&str]; 9] = [
        &[],
        &["build"],
        &["check"],
        &["explain"],
        &["compare"],
        &["manifest"],
        &["context", "ls"],
        &["context", "why"],
        &["completions"],
    ];
    for command in commands {
        let (_, help) = plugin(&[command, &["--help"]].concat());
        let without = help.replace("kubectl kaniko-local", "");
        assert!(!without.contains("kaniko-local "), "{command:?}: {help}");
    }
}

#[test]
fn kubectl_is_told_what_completes_with_descriptions_and_how_the_shell_goes_on() {
    let tree = Tree::new().file("Dockerfile", "FROM scratch AS base\nFROM base AS build\n").file("service/main.c", "");
    let completed = |words: &[&str]| completed(words, tree.path());
    assert_eq!(completed(&["build", "--target", "b"]), ["base", "build", ":4"]);
    assert_eq!(completed(&["build", "ser"]), ["service/", ":6"]);
    assert_eq!(completed(&["build", "--no-such"]), [":4"]);
    let commands = completed(&[""]);
    let build = "build\tBuild an image in the cluster from a local directory and push it";
    assert!(commands.contains(&build.to_owned()) && commands.last().unwrap() == ":4", "{commands:?}");
    assert!(completed(&["check", "--ask"])[0].starts_with("--ask-cluster\t"));
}

//! What a shell completes, in a real bash; the other shells' lines call the tool in the same way.

use std::path::Path;
use std::process::Command;

use crate::support::tool::Tool;
use crate::support::tree::Tree;

/// What bash offers for the last of these words, in this directory.
#[track_caller]
fn offered(words: &[&str], directory: &Path, kubeconfig: &Path) -> Vec<String> {
    let tool = Path::new(env!("CARGO_BIN_EXE_kaniko-local"));
    let path = format!("{}:{}", tool.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let script = "source <(kaniko-local completions bash)
        COMP_WORDS=(kaniko-local \"$@\"); COMP_CWORD=$#; COMP_TYPE=9
        _clap_complete_kaniko_local kaniko-local \"${COMP_WORDS[$#]}\" \"${COMP_WORDS[$# - 1]}\"
        printf '%s\\n' \"${COMPREPLY[@]}\"";
    let output = Command::new("bash")
        .args(["-c", script, "bash"])
        .args(words)
        .env("PATH", path)
        .env("HOME", "/nonexistent")
        .env("KUBECONFIG", kubeconfig)
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(|line| line.trim_end().to_owned()).collect()
}

#[test]
fn commands_flags_stages_and_kube_contexts_are_completed() {
    let dockerfile = "FROM scratch AS base\nFROM base AS build\nFROM build\n";
    let tree = Tree::new().file("Dockerfile", dockerfile);
    let nowhere = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/support/nowhere.yaml");
    let offered = |words: &[&str]| offered(words, tree.path(), &nowhere);
    assert_eq!(offered(&["ch"]), ["check"]);
    assert!(offered(&["build", "--meta"]).contains(&"--metadata-file".to_owned()));
    assert_eq!(offered(&["build", "--target", ""]), ["base", "build"]);
    assert_eq!(offered(&["build", "--target", "ba"]), ["base"]);
    assert_eq!(offered(&["build", "--fidelity", ""]), ["repair", "warn", "off"]);
    assert_eq!(offered(&["check", "--context", ""]), ["nowhere"]);
}

#[test]
fn a_completion_without_kubeconfig_dockerfile_or_cluster_offers_nothing_and_says_nothing() {
    let tree = Tree::new();
    let gone = tree.path().join("no-kubeconfig");
    for flag in ["--context", "--namespace", "--cluster", "--user", "--target"] {
        assert_eq!(offered(&["build", flag, ""], tree.path(), &gone), [""; 1], "{flag}");
    }
}

#[test]
fn each_shell_gets_lines_that_call_the_tool() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let finished = Tool::new(&["completions", shell]).run();
        assert_eq!(finished.code, Some(0), "{}", finished.transcript());
        assert!(finished.stdout().contains("COMPLETE") && finished.stdout().contains("kaniko-local"), "{shell}");
    }
    assert_eq!(Tool::new(&["completions", "csh"]).run().code, Some(2));
}

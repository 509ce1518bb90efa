//! The binary without a cluster: what is printed, where, and the exit code.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::tool::{Finished, Tool};
use crate::support::tree::Tree;

/// Compares a whole transcript with the recorded one; what differs from run to run is replaced.
macro_rules! assert_transcript {
    ($name:literal, $finished:expr) => {
        insta::with_settings!({filters => vec![
            (r"/tmp/[A-Za-z0-9._/-]*context-[A-Za-z0-9]+", "[CONTEXT]"),
            (r"kaniko-context-[a-z0-9]{6}", "kaniko-[CONTEXT]"),
            (r"-[0-9a-f]{8}\b", "-[NONCE]"),
            (r"\bk[0-9a-f]{15}\b", "[NONCE]"),
            (r"kaniko-local \d+\.\d+\.\d+", "kaniko-local [VERSION]"),
        ], prepend_module_to_snapshot => false}, {
            insta::assert_snapshot!($name, $finished.transcript());
        })
    };
}
pub(crate) use assert_transcript;

fn small() -> Tree {
    Tree::new().file("Dockerfile", "FROM scratch\nCOPY . /\n").file("x", "x\n")
}

pub fn run_in(tree: &Tree, arguments: &[&str]) -> Finished {
    Tool::new(arguments).within(tree.path()).run()
}

#[test]
fn help_of_build() {
    assert_transcript!("help_build", Tool::new(&["build", "--help"]).run());
}

#[test]
fn help_of_the_tool() {
    assert_transcript!("help", Tool::new(&["--help"]).run());
}

#[test]
fn no_destination() {
    assert_transcript!("no_destination", run_in(&small(), &["build"]));
}

#[test]
fn a_destination_that_is_no_reference() {
    assert_transcript!("reference", run_in(&small(), &["build", "-t", "https://registry.example.com/App"]));
}

#[test]
fn a_build_context_that_does_not_exist() {
    let tree = Tree::new().file("Service/Dockerfile", "FROM scratch\n");
    assert_transcript!("no_context", run_in(&tree, &["context", "ls", "service"]));
}

#[test]
fn a_build_context_that_is_a_file() {
    assert_transcript!("context_is_a_file", run_in(&small(), &["context", "ls", "Dockerfile"]));
}

#[test]
fn a_missing_dockerfile_lists_what_looks_like_one() {
    let tree = Tree::new().file("deploy/Dockerfile", "").file("docker/prod.Dockerfile", "").file(".git/Dockerfile", "");
    assert_transcript!("no_dockerfile", with_kubeconfig(&tree, &["build", "-t", "app"]));
}

#[test]
fn a_named_dockerfile_that_is_a_directory() {
    let tree = Tree::new().file("deploy/Dockerfile", "");
    assert_transcript!("dockerfile_is_a_directory", with_kubeconfig(&tree, &["build", "-t", "app", "-f", "deploy"]));
}

#[test]
fn a_flag_of_the_executor_that_the_tool_sets_itself() {
    let arguments = ["build", "-t", "app", "--", "--context=dir:///workspace"];
    assert_transcript!("reserved_flag", run_in(&small(), &arguments));
}

#[test]
fn an_unknown_flag() {
    assert_transcript!("unknown_flag", run_in(&small(), &["build", "--dockerfil", "x"]));
}

#[test]
fn no_kubeconfig() {
    assert_transcript!("no_kubeconfig", run_in(&small(), &["build", "-t", "app"]));
}

const KUBECONFIG: &str = r#"{"apiVersion": "v1", "kind": "Config", "current-context": "home",
    "clusters": [{"name": "home", "cluster": {"server": "https://127.0.0.1:1"}}],
    "users": [{"name": "me", "user": {"token": "a-secret-token"}}],
    "contexts": [{"name": "home", "context": {"cluster": "home", "user": "me"}}, {"name": "work", "context": {"cluster": "home", "user": "me"}}]}"#;

fn with_kubeconfig(tree: &Tree, arguments: &[&str]) -> Finished {
    let elsewhere = Tree::new();
    let kubeconfig = elsewhere.write("config", KUBECONFIG);
    Tool::new(arguments).within(tree.path()).env("KUBECONFIG", kubeconfig).run()
}

#[test]
fn a_kube_context_that_does_not_exist() {
    assert_transcript!("no_kube_context", with_kubeconfig(&small(), &["build", "-t", "app", "--context", "prod"]));
}

#[test]
fn a_directory_given_as_kube_context() {
    let tree = Tree::new().file("app/Dockerfile", "FROM scratch\n");
    assert_transcript!("context_mixed_up", with_kubeconfig(&tree, &["build", "-t", "app", "--context", "./app"]));
}

/// As people type in their first minute, who know `docker build` and kubectl.
#[test]
fn what_is_mistaken_for_something_else_is_told_with_what_to_type() {
    let tree = small().file("app.tar", "").file("api/x", "");
    let repository = "https://git.example.com/team/app.git";
    for (arguments, help) in [
        (&["build", "Dockerfile", "-t", "app"][..], "a Dockerfile is named by `-f Dockerfile`"),
        (&["build", "app.tar", "-t", "app"], "an archive is read from standard input: `- < app.tar`"),
        (&["build", repository, "-t", "app"], "clone it, and name the directory"),
        (&["build", "-t", "app", "--push"], "leave it out: an image is pushed to each `-t`"),
        (
            &["build", "-t", "app", "--secret", "id=a"],
            "mount a Secret into the container `kaniko` with `--pod-template FILE`: a RUN finds it there",
        ),
        (
            &["manifest", "-t", "app", "--platform", "linux/amd64,linux/arm64"],
            "it takes one platform; Kaniko builds one",
        ),
        (&["check", "--platform", "linux/amd64,linux/arm64"], "it takes one platform; Kaniko builds one"),
        (&["explain", "kaniko-app-9b0dba99"], "a pod is `kaniko-local explain pod/kaniko-app-9b0dba99`"),
        (&["explain", "build.log"], "a log is `kaniko-local explain --log build.log`"),
        (&["explain", "job/build"], "the log of a job: `kubectl logs job/build | kaniko-local explain --log -`"),
        (
            &["explain", "services/api"],
            "name the pod, `kaniko-local explain pod/NAME`, or its log, `kaniko-local explain --log FILE`",
        ),
        (
            &["build", "-t", "app", "--context", "api"],
            "`--context` names a kube context; the build context is an argument of its own: `kaniko-local build api`",
        ),
    ] {
        // Without a kubeconfig.
        let finished = run_in(&tree, arguments);
        assert_eq!(finished.code, Some(2), "{}", finished.transcript());
        assert_eq!(finished.stderr.lines().last(), Some(&*format!("help: {help}")), "{}", finished.transcript());
    }
}

#[test]
fn a_cluster_that_is_unreachable_ends_with_3_and_shows_no_secret() {
    let finished = with_kubeconfig(&small(), &["-vv", "build", "-t", "app"]);
    assert!(!finished.stderr.contains("a-secret-token"), "{}", finished.stderr);
    assert_transcript!("unreachable", with_kubeconfig(&small(), &["build", "-t", "app"]));
}

#[test]
fn a_bad_pattern_is_refused_with_file_line_and_text() {
    let tree = small().file(".dockerignore", "# fine\ntarget\n[a\n");
    assert_transcript!("bad_pattern", run_in(&tree, &["context", "ls"]));
}

#[test]
fn the_manifest_as_yaml() {
    let arguments =
        ["manifest", "-t", "registry.example.com/app:dev", "-f", "deploy/Dockerfile", "--registry-secret", "push"];
    let tree = Tree::new().file("deploy/Dockerfile", "FROM scratch\n");
    let directory = tree.path().join("app");
    fs::create_dir(&directory).unwrap();
    assert_transcript!("manifest", Tool::new(&arguments).within(tree.path()).arg(directory).run());
}

#[test]
fn logins_and_certificates_that_cannot_be_used_are_named_and_not_shown() {
    let tree = small()
        .file("broken.json", "{\"auths\": {\"a\": {\"auth\": hush}}}")
        .file("helper.json", "{\"credsStore\": \"fake\"}")
        .file("damaged.pem", "-----BEGIN CERTIFICATE-----\nMIIBojCCAUmg\n-----END CERTIFICATE-----\n")
        .file("key.pem", "-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----\n")
        .executable("bin/docker-credential-fake", "#!/bin/sh\necho hush\necho the keychain is locked >&2\nexit 1\n");
    let elsewhere = Tree::new();
    let kubeconfig = elsewhere.write("config", KUBECONFIG);
    let path = format!("{}:{}", tree.path().join("bin").display(), std::env::var("PATH").unwrap());
    let build = |arguments: &[&str]| {
        let tool = Tool::new(&["build", "-t", "r.example.com/app"]).args(arguments).within(tree.path());
        let finished = tool.env("KUBECONFIG", &kubeconfig).env("PATH", &path).run();
        assert!(!finished.stderr.contains("hush"), "{}", finished.stderr);
        finished
    };
    assert_transcript!("auth_broken", build(&["--registry-auth", "broken.json"]));
    assert_transcript!("auth_missing", build(&["--registry-auth", "no.json"]));
    assert_transcript!("auth_helper", build(&["--registry-auth", "helper.json"]));
    assert_transcript!("auth_twice", build(&["--registry-auth", "local", "--registry-secret", "push"]));
    assert_transcript!("ca_key", build(&["--registry-ca", "key.pem"]));
    assert_transcript!("ca_damaged", build(&["--registry-ca", "damaged.pem"]));
}

/// Among them what a Docker that was uninstalled leaves behind.
#[test]
fn a_helper_without_a_login_is_no_error_and_one_that_is_missing_or_hangs_is_named() {
    let tree = small()
        .file("none.json", "{\"credsStore\": \"none\"}")
        .file("gone.json", "{\"credHelpers\": {\"r.example.com\": \"gone\"}}")
        .executable("bin/docker-credential-none", "#!/bin/sh\necho credentials not found in native keychain\nexit 1\n");
    let path = format!("{}:{}", tree.path().join("bin").display(), std::env::var("PATH").unwrap());
    let build = |file: &str| {
        let tool = Tool::new(&["build", "-t", "r.example.com/app", "--registry-auth", file]).within(tree.path());
        tool.kubeconfig_nowhere().env("PATH", &path).run()
    };
    let none = build("none.json");
    assert!(none.without_codes().contains("error: cluster at "), "it gets as far as the cluster: {}", none.stderr);
    assert_transcript!("auth_helper_gone", build("gone.json"));
}

#[test]
#[ignore = "takes half a minute: scripts/test"]
fn a_helper_that_hangs_is_given_up_after_30_seconds() {
    let tree = small()
        .file("hangs.json", "{\"credsStore\": \"hangs\"}")
        .executable("bin/docker-credential-hangs", "#!/bin/sh\nexec sleep 600\n");
    let path = format!("{}:{}", tree.path().join("bin").display(), std::env::var("PATH").unwrap());
    let tool = Tool::new(&["build", "-t", "r.example.com/app", "--registry-auth", "hangs.json"]).within(tree.path());
    let started = Instant::now();
    assert_transcript!("auth_helper_hangs", tool.kubeconfig_nowhere().env("PATH", path).run());
    assert!((30..60).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
}

#[test]
fn a_manifest_shows_no_login_and_asks_no_helper() {
    let tree = small()
        .file("config.json", "{\"auths\": {\"r.example.com\": {\"auth\": \"aHVzaDpodXNo\"}}, \"credsStore\": \"fake\"}")
        .executable("bin/docker-credential-fake", "#!/bin/sh\ntouch asked\nexit 1\n");
    let path = format!("{}:{}", tree.path().join("bin").display(), std::env::var("PATH").unwrap());
    let arguments = ["-vv", "manifest", "-t", "r.example.com/app", "--registry-auth", "config.json"];
    let finished = Tool::new(&arguments).within(tree.path()).env("PATH", path).run();
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert!(!finished.transcript().contains("aHVzaDpodXNo") && !finished.transcript().contains("hush"));
    assert!(!tree.path().join("asked").exists());
}

/// The example in docs/pod.md.
fn documented_template() -> &'static str {
    let document = include_str!("../../docs/pod.md");
    let blocks = document.split("```yaml\n").filter_map(|rest| Some(rest.split_once("\n```")?.0));
    blocks.into_iter().find(|yaml| yaml.contains("name: kaniko\n")).expect("docs/pod.md has a pod template")
}

#[test]
fn a_pod_template_is_merged_over_the_pod() {
    let tree = small().file("app/Dockerfile", "").file("pod.yaml", documented_template());
    let arguments = ["manifest", "-t", "app", "--transport", "stdin", "--pod-template", "pod.yaml", "app"];
    assert_transcript!("manifest_template", run_in(&tree, &arguments));
}

#[test]
fn a_pod_template_that_cannot_be_used_is_refused_with_the_field_and_the_reason() {
    let container = |fields: &str| format!("spec: {{containers: [{{name: kaniko, {fields}}}]}}\n");
    let tree = small()
        .file("typo.yaml", "spec: {tolerationss: []}\n")
        .file("type.yaml", "metadata: {annotations: {sidecar.istio.io/inject: false}}\n")
        .file("kind.yaml", "apiVersion: v1\nkind: PodTemplate\n")
        .file("syntax.yaml", "spec: {\n")
        .file("directive.yaml", "spec: {$setElementOrder/containers: [{name: kaniko}]}\n")
        .file("no-key.yaml", "spec: {volumes: [{emptyDir: {}}]}\n")
        .file("breaks.yaml", container("args: [--no-push]"))
        .file("hides.yaml", container("volumeMounts: [{name: cache, mountPath: /kaniko}]"))
        .file("deadline.yaml", "spec: {activeDeadlineSeconds: 60}\n")
        .file("privileged.yaml", container("securityContext: {privileged: true}"));
    let manifest = |template: &str| run_in(&tree, &["manifest", "-t", "app", "--pod-template", template]);
    assert_transcript!("template_typo", manifest("typo.yaml"));
    assert_transcript!("template_type", manifest("type.yaml"));
    assert_transcript!("template_kind", manifest("kind.yaml"));
    assert_transcript!("template_syntax", manifest("syntax.yaml"));
    assert_transcript!("template_directive", manifest("directive.yaml"));
    assert_transcript!("template_no_key", manifest("no-key.yaml"));
    assert_transcript!("template_breaks", manifest("breaks.yaml"));
    assert_transcript!("template_hides", manifest("hides.yaml"));
    assert_transcript!("template_deadline", manifest("deadline.yaml"));
    assert_transcript!("template_privileged", manifest("privileged.yaml"));
    assert_transcript!("template_missing", manifest("no.yaml"));
}

#[test]
fn quantities_that_are_none_are_refused_with_how_to_write_them() {
    let manifest = |flag: &str, typed: &str| run_in(&small(), &["manifest", "-t", "app", flag, typed]);
    assert_transcript!("quantity", manifest("--memory", "2GB"));
    assert_transcript!("quantity_of_bytes", manifest("--memory", "512m"));
    assert_transcript!("quantity_of_cpu", manifest("--cpu", "two"));
}

#[test]
fn the_manifest_as_json_is_the_same_pod() {
    let finished = Tool::new(&["manifest", "-o", "json", "-n", "builds", "-t", "app", "--build-arg", "A=$(B)"]).run();
    let pod: Value = serde_json::from_slice(&finished.stdout).unwrap();
    assert_eq!(pod["kind"], "Pod");
    assert_eq!(pod["metadata"]["namespace"], "builds");
    let arguments = pod["spec"]["containers"][0]["args"].as_array().unwrap();
    assert!(arguments.contains(&Value::from("--build-arg=A=$$(B)")), "{arguments:?}");
}

#[test]
fn the_version_for_people_and_for_scripts() {
    assert_eq!(Tool::new(&["version"]).run().stdout(), concat!("kaniko-local ", env!("CARGO_PKG_VERSION"), "\n"));
    let document: Value = serde_json::from_slice(&Tool::new(&["version", "-o", "json"]).run().stdout).unwrap();
    assert_eq!(document["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(document["schema"], "kaniko-local/version/v1");
}

fn ignoring() -> Tree {
    Tree::new()
        .file("Dockerfile", "FROM scratch\n")
        .file(".dockerignore", "node_modules\n*.log\n!keep.log\n")
        .file("a.log", "12345")
        .file("keep.log", "1")
        .file("src/main", "1234")
        .executable("src/run", "#!/bin/sh\n")
        .link("src/link", "main")
        .file("node_modules/x/y", "1234567")
}

#[test]
fn context_ls_shows_what_is_sent() {
    assert_transcript!("context_ls", run_in(&ignoring(), &["context", "ls"]));
    assert_transcript!("context_ls_json", run_in(&ignoring(), &["context", "ls", "-o", "json"]));
    let nul = run_in(&ignoring(), &["context", "ls", "-0"]);
    assert!(nul.stdout().starts_with(".dockerignore\0Dockerfile\0keep.log\0src/\0"), "{:?}", nul.stdout());
}

#[test]
fn context_ls_obeys_the_dockerfiles_own_ignore_file() {
    let tree = ignoring().file("deploy/Dockerfile", "").file("deploy/Dockerfile.dockerignore", "*\n!src\n");
    let finished = run_in(&tree, &["context", "ls", "-f", "deploy/Dockerfile"]);
    assert_eq!(finished.stdout(), "src/\nsrc/link\nsrc/main\nsrc/run\n");
}

#[test]
fn help_of_context_ls() {
    assert_transcript!("help_context_ls", Tool::new(&["context", "ls", "--help"]).run());
}

#[test]
fn context_ls_shows_what_is_left_out_and_what_is_large() {
    let tree = ignoring().file("src/data/large", "x".repeat(5000)).file("node_modules/z", "x".repeat(3000));
    let run = |arguments: &[&str]| Tool::new(&["context", "ls"]).args(arguments).within(tree.path()).run();
    assert_transcript!("context_ls_excluded", run(&["--excluded"]));
    assert_transcript!("context_ls_sort_size", run(&["--sort", "size"]));
    assert_transcript!("context_ls_excluded_sort_size", run(&["--excluded", "--sort", "size"]));
    assert_transcript!("context_ls_all_json", run(&["--excluded", "--sort", "size", "-o", "json"]));
    assert_eq!(run(&["-0", "--excluded"]).stdout(), "a.log\0node_modules/\0");
    let sizes = run(&["-0", "--sort", "size"]);
    let records: Vec<_> = sizes.stdout().split('\0').take(3).collect();
    assert_eq!(records, ["5014\tsrc/", "5000\tsrc/data/", "5000\tsrc/data/large"]);
}

/// A crate whose ignore file forgot something.
pub(crate) fn careless() -> Tree {
    let tree = Tree::new()
        .file("Dockerfile", "FROM rust AS build\nCOPY . .\nRUN cargo build\nCOPY --from=build /target/app /\n")
        .file(".dockerignore", "*.log\n")
        .file(".gitignore", "/target\n.env\n")
        .file("Cargo.toml", "[package]\n")
        .file("src/main.rs", "fn main() {}\n")
        .file(".env", "DATABASE_PASSWORD=hunter2hunter2\n")
        .file(".npmrc", "registry=https://registry.example.com\n//registry.example.com/:_authToken=npm_hunter2\n")
        .file("deploy/tls.pem", format!("-----BEGIN PRIVATE KEY-----\n{}\n", "hunter2hunter2".repeat(4)))
        .file("deploy/ca.pem", "-----BEGIN CERTIFICATE-----\nMIIBhTCCASugAwIBAgIQ\n");
    (0..2).for_each(|n| drop(tree.write(&format!("target/debug/{n}"), "")));
    File::options().write(true).open(tree.path().join("target/debug/1")).unwrap().set_len(30 << 20).unwrap();
    tree
}

#[test]
fn context_ls_advises_about_secrets_and_what_looks_unintended() {
    assert_transcript!("context_ls_advice", run_in(&careless(), &["context", "ls", "--sort", "size"]));
    let json = run_in(&careless(), &["context", "ls", "-o", "json"]);
    assert_eq!(json.stderr, "");
    let document: Value = serde_json::from_slice(&json.stdout).unwrap();
    insta::with_settings!({prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!("context_ls_advice_json", format!("{:#}", document["advice"]));
    });
}

#[test]
fn an_archive_on_standard_input_gets_advice_too_but_no_ignore_file() {
    let tree = careless();
    let packed = run_in(&tree, &["context", "pack", "--compression", "none"]).stdout;
    let finished = Tool::new(&["context", "ls", "-"]).input(packed).run();
    let secrets = finished.stderr.matches("looks like a secret").count();
    assert_eq!((secrets, finished.stderr.matches("looks unintended").count()), (3, 1), "{}", finished.stderr);
    assert!(!finished.stderr.contains("help:") && !finished.transcript().contains("hunter2"), "{}", finished.stderr);
}

#[test]
fn no_content_of_a_secret_is_ever_shown() {
    let tree = careless();
    for arguments in [&[][..], &["-o", "json"], &["-0"], &["--excluded"], &["-vv"], &["-vv", "-o", "json"]] {
        let finished = Tool::new(&["context", "ls"]).args(arguments).within(tree.path()).run();
        assert!(!finished.transcript().contains("hunter2"), "{}", finished.transcript());
        assert!(finished.transcript().contains("looks like a secret"), "{}", finished.transcript());
    }
    let finished = with_kubeconfig(&tree, &["-vv", "build", "-t", "app", "--timeout", "2s"]);
    assert!(!finished.stderr.contains("hunter2"), "{}", finished.stderr);
}

#[test]
fn build_tells_of_secrets_before_it_sends_them_unless_it_is_to_be_quiet() {
    let tree = (0..5).fold(Tree::new().file("Dockerfile", "FROM scratch\n"), |tree, number| {
        tree.file(&format!("{number}/id_rsa"), "-----BEGIN OPENSSH PRIVATE KEY-----\n")
    });
    let notes = |flags: &[&str]| -> Vec<String> {
        let finished = with_kubeconfig(&tree, &[&["build", "-t", "app", "--timeout", "2s"], flags].concat());
        let lines = finished.stderr.lines().filter(|line| line.contains("secret") || line.contains("more"));
        lines.map(|line| line.split(" is sent and").next().unwrap().to_owned()).collect()
    };
    let expected = [
        "note: `0/id_rsa`",
        "note: `1/id_rsa`",
        "note: `2/id_rsa`",
        "note: and 2 more: `kaniko-local context ls` tells them",
    ];
    assert_eq!(notes(&[]), expected);
    assert_eq!(notes(&["-q"]), Vec::<String>::new());
}

#[test]
fn many_secrets_of_one_name_are_told_in_a_few_lines_with_one_help() {
    let tree = Tree::new().file("Dockerfile", "FROM x\n").file("web/.env.production", "VITE_TITLE=My App\n");
    (0..300).for_each(|n| drop(tree.write(&format!("svc{n:03}/.env"), "API_TOKEN=hunter2hunter2\n")));
    assert_transcript!("context_ls_many_secrets", {
        let mut finished = run_in(&tree, &["context", "ls", "-0"]);
        finished.stdout.clear();
        finished
    });
    tree.write(".dockerignore", "**/.env\n");
    assert_eq!(run_in(&tree, &["context", "ls"]).stderr, "context: 3 files, 33 B\n");
}

#[test]
fn a_context_that_follows_the_advice_is_without_it_and_without_the_advice() {
    let tree = careless();
    let advised = |finished: &Finished| -> Vec<String> {
        let lines = finished.stderr.lines().filter_map(|line| line.strip_prefix("help: add the line `"));
        lines.map(|line| line.split('`').next().unwrap().to_owned()).collect()
    };
    let before = run_in(&tree, &["context", "ls"]);
    let lines = advised(&before);
    assert_eq!(lines, [".env", ".npmrc", "deploy/tls.pem", "target/"]);
    tree.write(".dockerignore", format!("*.log\n{}\n", lines.join("\n")));
    let after = run_in(&tree, &["context", "ls"]);
    let left =
        [".dockerignore", ".gitignore", "Cargo.toml", "Dockerfile", "deploy/", "deploy/ca.pem", "src/", "src/main.rs"];
    assert_eq!(after.stdout().lines().collect::<Vec<_>>(), left);
    assert_eq!(after.stderr, "context: 6 files, 202 B\n");
}

#[test]
fn gitignore_files_above_the_context_count_and_a_copy_by_name_is_respected() {
    let repository = Tree::new().file(".git/HEAD", "").file(".gitignore", "*.sql\n").file("svc/Dockerfile", "FROM x\n");
    let dump = repository.write("svc/data/dump.sql", "");
    File::options().write(true).open(dump).unwrap().set_len(20 << 20).unwrap();
    let finished = run_in(&repository, &["context", "ls", "svc"]);
    assert_transcript!("context_ls_gitignore_above", finished);
    repository.write("svc/Dockerfile", "FROM x\nCOPY data/dump.sql /\n");
    assert_eq!(run_in(&repository, &["context", "ls", "svc"]).stderr, "context: 2 files, 20.00 MiB\n");
}

#[test]
fn a_secret_is_not_looked_for_behind_a_link_or_in_a_fifo() {
    let elsewhere = Tree::new().file("key", "-----BEGIN PRIVATE KEY-----\naaaaaaaaaaaaaaaaaaaaaaaaaaaa\n");
    let tree = small().link("tls.pem", elsewhere.path().join("key").to_str().unwrap());
    assert!(Command::new("mkfifo").arg(tree.path().join("fifo.pem")).status().unwrap().success());
    assert_eq!(
        run_in(&tree, &["context", "ls"]).stderr,
        "note: `fifo.pem` is a socket, FIFO or device and is not sent\ncontext: 2 files, 24 B\n"
    );
}

#[test]
fn help_of_explain() {
    assert_transcript!("help_explain", Tool::new(&["explain", "--help"]).run());
}

#[test]
fn help_of_check() {
    assert_transcript!("help_check", Tool::new(&["check", "--help"]).run());
}

#[test]
fn check_tells_of_a_context_what_context_ls_and_build_would() {
    assert_transcript!("check_advice", run_in(&careless(), &["check"]));
    assert_transcript!("check_nothing", run_in(&small(), &["check"]));
    let broken = Tree::new().file("deploy/Dockerfile", "FROM scratch\n").file(".dockerignore", "x\n[a\n");
    assert_transcript!("check_errors", run_in(&broken, &["check"]));
    assert_eq!(run_in(&broken, &["check", "nowhere"]).code, Some(2), "that is no finding");
}

#[test]
fn check_reads_an_archive_too() {
    let packed = run_in(&careless(), &["context", "pack", "--compression", "none"]).stdout;
    let finished = Tool::new(&["check", "-"]).input(&packed).run();
    assert_eq!((finished.code, finished.stdout().matches("advice[").count()), (Some(0), 4), "{}", finished.stdout());
    let cut = Tool::new(&["check", "-"]).input(&packed[..packed.len() / 2]).run();
    assert_eq!(cut.code, Some(1));
    assert!(cut.stdout().starts_with("error[context-archive]: "), "{}", cut.stdout());
}

const MANIFESTS: &str = "\
apiVersion: batch/v1
kind: CronJob
metadata:
  name: nightly
spec:
  jobTemplate:
    spec:
      template:
        spec:
          hostPID: true
          volumes:
            - name: docker
              hostPath: { path: /var/run/docker.sock }
            - name: cache
              hostPath: { path: /mnt/cache }
          containers:
            - name: kaniko
              image: gcr.io/kaniko-project/executor:v1.24.0
              securityContext:
                privileged: true
                capabilities: { add: [SYS_ADMIN, CHOWN] }
---
kind: Pod
metadata: { name: database }
spec: { hostPID: true, containers: [{ name: db, image: postgres }] }
";

#[test]
fn check_warns_of_manifests_that_give_kaniko_too_much() {
    let tree =
        Tree::new().file("ci/build.yaml", MANIFESTS).file("none.yaml", "kind: Pod\n").file("helm.yaml", "a: {{ b }}\n");
    assert_transcript!("check_manifest", run_in(&tree, &["check", "--manifest", "ci/build.yaml"]));
    assert_transcript!("check_manifest_json", run_in(&tree, &["check", "--manifest", "ci/build.yaml", "-o", "json"]));
    assert_transcript!("check_manifest_none", run_in(&tree, &["check", "--manifest", "none.yaml"]));
    assert_transcript!("check_manifest_template", run_in(&tree, &["check", "--manifest", "helm.yaml"]));
    assert_transcript!("check_manifest_missing", run_in(&tree, &["check", "--manifest", "nowhere.yaml"]));
    let piped = Tool::new(&["check", "--manifest", "-"]).input(MANIFESTS).run();
    assert_eq!((piped.code, piped.stdout().matches("--> -:").count()), (Some(0), 4), "{}", piped.stdout());
    assert_eq!(run_in(&tree, &["check", "--manifest", "-", "ci"]).code, Some(2));
}

#[test]
fn check_judges_the_arguments_of_an_executor() {
    let tree = small();
    let fine = run_in(&tree, &["check", "--", "--context=dir:///workspace", "--no-push"]);
    assert_eq!(fine.transcript(), "exit code: 0\n--- stdout ---\n--- stderr ---\ncheck: no findings\n");
    let warned = run_in(&tree, &["check", "--", "--context=dir://workspace", "--no-push"]);
    assert_eq!((warned.code, warned.stdout().contains("warning[context-two-slashes]: ")), (Some(0), true));
    let json = run_in(&tree, &["check", "-o", "json", "--", "--context=/c", "--dockerfile=dockerfile", "--no-push"]);
    let document: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((json.code, &document["findings"][0]["code"]), (Some(1), &"dockerfile-letter-case".into()));
    assert_eq!(document["findings"].as_array().map(Vec::len), Some(1));
}

/// `check` looks whether a path is one of this machine; what a mount has is there by another name.
#[test]
fn check_knows_a_path_of_this_machine() {
    let tree = small().file("empty/x", "");
    let here = tree.path().canonicalize().unwrap();
    let context = format!("--context=dir://{}", here.display());
    let sent = run_in(&tree, &["check", "--mount=empty:/workspace", "--", &context, "--no-push"]);
    let title = format!("error[path-of-this-machine]: `{}` is on this machine, not in the pod\n", here.display());
    assert!(sent.stdout().starts_with(&title), "{}", sent.stdout());
    assert!(sent.stdout().ends_with(&format!("help: send it: `kaniko-local build {}`\n", here.display())));
    let mounted = run_in(&tree, &["check", "--mount=.:/c", "--", &context, "--no-push"]);
    assert!(mounted.stdout().ends_with("help: use `--context=dir:///c`\n"), "{}", mounted.stdout());
}

/// What the tool itself makes is what it asks of others.
#[test]
fn check_finds_nothing_in_the_tools_own_pods() {
    for security in ["default", "hardened"] {
        let pod = run_in(&small(), &["manifest", "-t", "registry.example.com/a/b", "--security", security]);
        let checked = Tool::new(&["check", "--manifest", "-"]).input(&pod.stdout).run();
        assert_eq!(checked.transcript(), "exit code: 0\n--- stdout ---\n--- stderr ---\ncheck: no findings\n");
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    let tree = Tree::new();
    (0..3000).for_each(|file| drop(tree.write(&format!("some/long/directory/name/file-{file:08}"), "")));
    let mut tool = Command::new(env!("CARGO_BIN_EXE_kaniko-local"))
        .args(["context", "ls"])
        .arg(tree.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(tool.stdout.take());
    let output = tool.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), stderr.as_ref()), (Some(0), "context: 3,000 files, 0 B\n"));
}

#[test]
fn the_same_tree_gives_the_same_bytes() {
    let tree = ignoring();
    let pack =
        |directory: &Path, context: &str| Tool::new(&["context", "pack", context]).within(directory).run().stdout;
    let here = pack(tree.path(), ".");
    assert!(here.len() > 100);
    assert!(here == pack(tree.path(), "."));
    assert!(here == pack(Path::new("/"), tree.path().to_str().unwrap()), "from another working directory");
}

#[test]
fn a_sparse_file_is_packed_as_plain_data() {
    let tree = Tree::new();
    File::create(tree.path().join("sparse")).unwrap().set_len(3_000_000).unwrap();
    let packed = run_in(&tree, &["context", "pack", "--compression", "none"]);
    assert_eq!(packed.stdout.len(), 512 + 3_000_320 + 1024);
    assert_eq!(packed.stdout[156], b'0', "a regular entry");
}

/// A build context as an archive, made by GNU tar.
fn tarball(tree: &Tree, flags: &str) -> Vec<u8> {
    let output = Command::new("tar").args(["-C", tree.path().to_str().unwrap(), flags, "-", "."]).output().unwrap();
    assert!(output.status.success());
    output.stdout
}

#[test]
fn an_archive_on_standard_input_is_packed_as_the_unpacked_tree_would_be() {
    let tree = Tree::new()
        .file("Dockerfile", "FROM scratch\n")
        .file("large", "some text\n".repeat(200_000))
        .file(&format!("{}x", "long/".repeat(40)), "")
        .link("a-link", "large");
    let tree = tree.file(".git/x", "y").file("b/c", "d");
    let expected = run_in(&tree, &["context", "pack"]);
    for flags in ["-cf", "-czf"] {
        let packed = Tool::new(&["context", "pack", "-"]).input(tarball(&tree, flags)).run();
        assert_eq!((packed.code, packed.stderr.as_str()), (Some(0), ""));
        assert!(packed.stdout == expected.stdout, "{flags}");
    }
}

#[test]
fn context_ls_of_an_archive_shows_all_of_it_as_docker_ignores_nothing_there() {
    let listed = Tool::new(&["context", "ls", "-"]).input(tarball(&ignoring(), "-czf")).run();
    let expected = ".dockerignore\nDockerfile\na.log\nkeep.log\nnode_modules/\nnode_modules/x/\nnode_modules/x/y\n\
                    src/\nsrc/link\nsrc/main\nsrc/run\n";
    assert_eq!((listed.code, listed.stdout()), (Some(0), expected));
}

#[test]
fn an_archive_without_its_end_is_refused() {
    let whole = tarball(&small(), "-cf");
    let end = whole.iter().rposition(|byte| *byte != 0).unwrap() / 512 * 512 + 512;
    assert_transcript!("archive_cut_off", Tool::new(&["context", "ls", "-"]).input(&whole[..end]).run());
}

#[test]
fn sparse_entries_of_an_archive_are_refused_in_every_format() {
    let tree = Tree::new();
    File::create(tree.path().join("sparse")).unwrap().set_len(3_000_000).unwrap();
    for format in ["gnu", "posix"] {
        let mut tar = Command::new("tar");
        let archive =
            tar.args(["-S", "--format", format, "-cf", "-", "-C"]).arg(tree.path()).arg(".").output().unwrap();
        let listed = Tool::new(&["context", "ls", "-"]).input(archive.stdout).run();
        let said = "error[context-archive]: the build context on standard input cannot be used\n\
                    note: `sparse` is a sparse entry: pack it without `--sparse`\n";
        assert_eq!((listed.code, listed.stderr.as_str()), (Some(1), said), "{format}");
    }
}

#[test]
fn standard_input_that_is_compressed_otherwise() {
    let finished = Tool::new(&["build", "-", "-t", "app"]).input(b"\xfd7zXZ\0...").kubeconfig_nowhere().run();
    assert_transcript!("stdin_xz", finished);
}

#[test]
fn an_archive_without_a_dockerfile_lists_what_looks_like_one() {
    let tree = Tree::new().file("deploy/Dockerfile.api", "FROM scratch\n").file("x", "");
    let input = tarball(&tree, "-cf");
    assert_transcript!(
        "archive_without_dockerfile",
        Tool::new(&["build", "-", "-t", "app"]).input(input).kubeconfig_nowhere().run()
    );
}

#[test]
fn a_dockerfile_on_standard_input_that_is_not_the_one_named() {
    let tool = Tool::new(&["build", "-", "-f", "api/Dockerfile", "-t", "app"]).input("FROM scratch\n");
    assert_transcript!("stdin_is_dockerfile", tool.kubeconfig_nowhere().run());
}

#[test]
fn context_and_dockerfile_both_on_standard_input() {
    assert_transcript!("stdin_twice", Tool::new(&["build", "-", "-f", "-", "-t", "app"]).run());
}

#[test]
fn empty_standard_input() {
    assert_transcript!("stdin_empty", Tool::new(&["build", "-f", "-", "-t", "app"]).kubeconfig_nowhere().run());
}

#[test]
fn what_was_there_survives_a_pack_that_fails() {
    let tree = Tree::new().file("a", "x").file(".dockerignore", "[a\n");
    let elsewhere = Tree::new().file("old.tgz", "precious").link("link", "old.tgz");
    for output in ["old.tgz", "link", "new.tgz"] {
        let archive = elsewhere.path().join(output);
        for context in [tree.path(), Path::new("/nonexistent")] {
            let packed = Tool::new(&["context", "pack", "-o"]).arg(&archive).arg(context).run();
            assert_ne!(packed.code, Some(0));
        }
    }
    assert_eq!(fs::read(elsewhere.path().join("link")).unwrap(), b"precious");
    assert_eq!(names_in(elsewhere.path()), ["link", "old.tgz"]);
}

#[test]
fn an_archive_takes_the_place_that_a_link_leads_to() {
    let elsewhere = Tree::new().file("old.tgz", "old").link("link", "old.tgz");
    let packed = Tool::new(&["context", "pack", "-o"]).arg(elsewhere.path().join("link")).arg(small().path()).run();
    assert_eq!((packed.code, packed.stderr.as_str()), (Some(0), ""));
    assert!(fs::read(elsewhere.path().join("old.tgz")).unwrap().starts_with(b"\x1f\x8b"));
    assert!(elsewhere.path().join("link").is_symlink());
    assert_eq!(names_in(elsewhere.path()), ["link", "old.tgz"]);
}

#[test]
fn the_dockerfile_and_the_ignore_file_cannot_be_the_archive() {
    let tree = small().file(".dockerignore", "x\n");
    assert_transcript!("pack_into_dockerfile", run_in(&tree, &["context", "pack", "-o", "Dockerfile"]));
    assert_eq!(run_in(&tree, &["context", "pack", "-o", "./.dockerignore"]).code, Some(2));
    assert_eq!(fs::read(tree.path().join(".dockerignore")).unwrap(), b"x\n");
}

#[test]
fn a_signal_leaves_nothing_of_an_archive() {
    // Endless, as far as this test is concerned.
    let tree = Tree::new();
    File::create(tree.path().join("large")).unwrap().set_len(1 << 40).unwrap();
    let elsewhere = Tree::new();
    let tool = Tool::new(&["context", "pack", "-o"]).arg(elsewhere.path().join("archive")).arg(tree.path());
    let running = tool.spawn();
    let started = Instant::now();
    while names_in(elsewhere.path()).is_empty() {
        assert!(started.elapsed() < Duration::from_secs(20), "nothing is written");
        std::thread::sleep(Duration::from_millis(10));
    }
    running.signal("TERM");
    let finished = running.wait();
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(143), "error: terminated\n"));
    assert_eq!(names_in(elsewhere.path()), Vec::<String>::new());
}

fn names_in(directory: &Path) -> Vec<String> {
    let names = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn a_dockerfile_named_for_an_archive_has_to_be_in_it() {
    let listed = Tool::new(&["context", "ls", "-", "-f", "nope"]).input(tarball(&small(), "-cf")).run();
    assert_eq!(listed.code, Some(2), "{}", listed.stderr);
}

#[test]
fn a_socket_brings_no_excluded_directory_along() {
    let tree = Tree::new().file(".dockerignore", "*\n!**/keep\n").file("b/x", "");
    let _socket = std::os::unix::net::UnixListener::bind(tree.path().join("b/keep")).unwrap();
    let listed = run_in(&tree, &["context", "ls"]);
    assert_eq!(listed.stdout(), "");
    assert!(
        listed.stderr.contains("note: `b/keep` is a socket, FIFO or device and is not sent\n"),
        "{}",
        listed.stderr
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let tree = small();
    let secret = tree.write("private/key", "x");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o000)).unwrap();
    // Root reads everything, so the test asks as somebody else.
    let mut open = fs::metadata(tree.path()).unwrap().permissions();
    open.set_mode(0o755);
    fs::set_permissions(tree.path(), open).unwrap();
    let tool = Tree::new();
    fs::set_permissions(tool.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let binary = tool.path().join("kaniko-local");
    // By another process: a program that was open for writing here may still be so in what another test has just forked.
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_kaniko-local")).arg(&binary).status();
    assert!(copied.unwrap().success());
    let mut command = Command::new(binary);
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        std::os::unix::process::CommandExt::uid(&mut command, 65534);
    }
    let output = command.args(["context", "pack", "-o", "/dev/null"]).arg(tree.path()).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert_eq!(stderr, "error[context-unreadable]: cannot read `private/key`\nnote: Permission denied (os error 13)\n");
}

#[test]
fn an_archive_inside_the_context_is_not_packed_into_itself() {
    let tree = small();
    let pack = || run_in(&tree, &["context", "pack", "-o", "context.tar.gz"]);
    let first = (pack(), fs::read(tree.path().join("context.tar.gz")).unwrap());
    let second = (pack(), fs::read(tree.path().join("context.tar.gz")).unwrap());
    assert_eq!((first.0.code, second.0.code), (Some(0), Some(0)), "{}", second.0.stderr);
    assert!(second.0.stderr.contains("is the archive itself and is not packed"), "{}", second.0.stderr);
    assert!(first.1 == second.1);
}

#[test]
fn a_kubeconfig_that_cannot_be_parsed_is_named_without_its_tokens() {
    let tree = small();
    let elsewhere = Tree::new();
    let text =
        "apiVersion: v1\nkind: Config\nusers:\n- name: a\n  user:\n    token: a-secret-token\n     password: another\n";
    let kubeconfig = elsewhere.write("config", text);
    let finished = Tool::new(&["build", "-t", "app"]).within(tree.path()).env("KUBECONFIG", kubeconfig).run();
    assert_eq!(finished.code, Some(2));
    assert!(finished.stderr.contains("note: it cannot be parsed: line 7 column 14"), "{}", finished.stderr);
    assert!(!finished.stderr.contains("secret") && !finished.stderr.contains("another"), "{}", finished.stderr);
}

#[test]
fn a_credential_plugin_that_fails_is_named_without_its_output() {
    let tree = small();
    let elsewhere = Tree::new();
    let plugin = "{\"apiVersion\": \"client.authentication.k8s.io/v1\", \"interactiveMode\": \"Never\", \
                  \"command\": \"sh\", \"args\": [\"-c\", \"echo a-secret-token; echo expired >&2; exit 3\"]}";
    let kubeconfig = elsewhere.write(
        "config",
        KUBECONFIG.replace(r#""user": {"token": "a-secret-token"}"#, &format!("\"user\": {{\"exec\": {plugin}}}")),
    );
    let finished = Tool::new(&["build", "-t", "app"]).within(tree.path()).env("KUBECONFIG", kubeconfig).run();
    assert_eq!(finished.code, Some(2), "{}", finished.stderr);
    let told = "note: credential plugin `sh` failed with exit status: 3\n  expired\n";
    assert!(finished.stderr.contains(told) && !finished.stderr.contains("secret"), "{}", finished.stderr);
}

#[test]
fn a_user_that_the_kubeconfig_does_not_have_is_no_anonymous_one() {
    let finished = with_kubeconfig(&small(), &["build", "-t", "app", "--user", "nobody"]);
    assert_eq!(finished.code, Some(2));
    assert!(finished.stderr.contains("it has no user `nobody`; there are: me"), "{}", finished.stderr);
}

#[test]
fn an_ignore_file_that_is_a_fifo_is_refused_and_not_waited_for() {
    let tree = small();
    let made = Command::new("mkfifo").arg(tree.path().join(".dockerignore")).status();
    assert!(made.unwrap().success());
    let finished = run_in(&tree, &["context", "ls"]);
    assert_eq!(finished.code, Some(1));
    assert_eq!(finished.stderr, "error[context-unreadable]: cannot read `.dockerignore`\nnote: not a regular file\n");
}

#[test]
fn of_several_kubeconfigs_some_may_be_missing() {
    let (tree, elsewhere) = (small(), Tree::new());
    let there = elsewhere.write("config", KUBECONFIG);
    let list = format!("/missing:{}", there.display());
    let tool = || Tool::new(&["build", "-t", "app", "--context", "prod"]).within(tree.path());
    let finished = tool().env("KUBECONFIG", list).run();
    assert!(finished.stderr.contains("note: there are: `home` and `work`"), "{}", finished.stderr);
    let finished = tool().env("KUBECONFIG", "/missing:/missing-too").run();
    assert!(finished.stderr.contains("note: cannot read `/missing`: "), "{}", finished.stderr);
}

/// The arguments of the platform have the values that `build` gives them for it.
#[test]
fn check_takes_the_platform_without_a_cluster() {
    let tree = Tree::new().file("Dockerfile", "FROM scratch\nARG TARGETARCH\nCOPY bin-$TARGETARCH /bin\n");
    let tree = tree.file("bin-arm64", "x\n");
    let arm = run_in(&tree, &["check", "--platform", "linux/arm64"]);
    assert_eq!((arm.code, arm.stdout()), (Some(0), ""), "{}", arm.transcript());
    let unsaid = run_in(&tree, &["check"]);
    assert_eq!(unsaid.code, Some(1));
    assert!(unsaid.stdout().contains("bin-amd64"), "{}", unsaid.transcript());
    let setup = run_in(&tree, &["check", "--platform", "linux/arm64", "--", "--no-push"]);
    assert_eq!(setup.code, Some(2), "an executor's own arguments say it: {}", setup.transcript());
}

/// It copies nothing, and nothing of the executor's comes into the image: Docker's way is given to it.
#[test]
fn a_pattern_that_matches_nothing_is_told_once() {
    let tree = Tree::new().file("Dockerfile", "FROM scratch\nCOPY a /a\nCOPY opt* /o/\n").file("a", "");
    for (fidelity, code) in
        [("repair", "copy-pattern-unmatched"), ("warn", "image-holds-executor"), ("off", "image-holds-executor")]
    {
        let finished = run_in(&tree, &["check", "-o", "json", "--fidelity", fidelity]);
        let findings = finished.json()["findings"].as_array().unwrap().clone();
        let codes: Vec<&str> = findings.iter().map(|finding| finding["code"].as_str().unwrap()).collect();
        assert_eq!(codes, [code], "--fidelity {fidelity}");
    }
}

/// What the repairs give, an executor that is called without them does not have.
#[test]
fn a_source_of_a_stage_that_docker_skips_is_missed_only_without_the_repairs() {
    for last in ["COPY a /a", "LABEL a=b"] {
        let dockerfile = format!("FROM scratch AS unused\nCOPY gone /gone\nFROM scratch\n{last}\n");
        let tree = Tree::new().file("Dockerfile", &dockerfile).file("a", "");
        let finished = run_in(&tree, &["check"]);
        assert_eq!((finished.code, finished.stdout()), (Some(0), ""), "{}", finished.transcript());
        for unrepaired in [&["check", "--fidelity", "off"][..], &["check", "--", "--no-push", "--context=/workspace"]] {
            let finished = run_in(&tree, unrepaired);
            assert_eq!(finished.code, Some(1));
            assert!(finished.stdout().contains("docker build skips it"), "{}", finished.transcript());
        }
    }
}

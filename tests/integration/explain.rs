//! Set-ups that people come with (`fixtures/documents`), in a real cluster with the real executor: what `check` says
//! before, what `explain` says after, and that `build` makes an image of the same directory.

use std::path::{Path, PathBuf};
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use serde_json::{Value, json};

use crate::support::cluster::{Namespace, Rights, base_image, from, registry, tls_registry};
use crate::support::tool::Tool;
use crate::support::tree::Tree;
use crate::support::{wait_at_most, wait_for};

const PATIENCE: Duration = Duration::from_secs(60);

/// A set-up in a namespace that allows directories of nodes.
struct Document {
    namespace: Namespace,
    text: String,
    files: tempfile::TempDir,
}

impl Document {
    /// The fixture of this name, for a directory of the node.
    fn new(name: &str, node: &Path) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/documents").join(format!("{name}.yaml"));
        let mut text = std::fs::read_to_string(path).unwrap();
        let address = registry();
        for (variable, value) in
            [("NODE_DIRECTORY", node.to_str().unwrap()), ("REGISTRY_ADDRESS", address.rsplit_once(':').unwrap().0)]
        {
            text = text.replace(variable, value);
        }
        if text.contains("TLS_REGISTRY") {
            text = text.replace("TLS_REGISTRY", &tls_registry().address);
        }
        let text = text.replace("REGISTRY", &address);
        Self { namespace: Namespace::with(Rights::Documented, json!({})), text, files: tempfile::tempdir().unwrap() }
    }

    fn file(&self) -> PathBuf {
        let file = self.files.path().join("pod.yaml");
        std::fs::write(&file, &self.text).unwrap();
        file
    }

    /// The codes that `check` finds.
    fn checked(&self, arguments: &[&str]) -> Vec<String> {
        let tool = Tool::new(&["check", "-o", "json"]).args(arguments).arg("--manifest").arg(self.file());
        codes(&tool.run().json()["findings"])
    }

    fn apply(&self) {
        self.namespace.create(&serde_saphyr::from_str::<Pod>(&self.text).unwrap());
    }

    /// Applies it and waits for its end.
    fn ended(&self) -> &Self {
        self.apply();
        self.namespace.ended_pod(PATIENCE);
        self
    }

    /// The document of `explain`, and the same as text.
    fn explained(&self, arguments: &[&str]) -> (Value, String) {
        let explain = || self.namespace.tool(&["explain", "pod/kaniko"]).args(arguments);
        let text = explain().run();
        let document = explain().args(&["-o", "json"]).run();
        assert_eq!((document.code, text.code), (Some(1), Some(1)), "{}", text.transcript());
        (document.json(), text.stdout().to_owned())
    }

    /// The causes as `code confidence`.
    fn causes(&self, arguments: &[&str]) -> Vec<String> {
        let (document, text) = self.explained(arguments);
        let causes = document["builds"][0]["causes"].as_array().unwrap_or_else(|| panic!("{text}"));
        causes
            .iter()
            .map(|cause| format!("{} {}", cause["code"].as_str().unwrap(), cause["confidence"].as_str().unwrap()))
            .collect()
    }
}

impl Drop for Document {
    fn drop(&mut self) {
        self.namespace.delete_pods();
    }
}

fn codes(findings: &Value) -> Vec<String> {
    findings.as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}

fn snapshot(name: &str, text: &str) {
    insta::with_settings!({prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!(name, text);
    });
}

fn project() -> Tree {
    Tree::new().file("Dockerfile", "FROM scratch\nCOPY app /app\n").file("app", "app\n")
}

/// The same directory, built with this tool.
fn assert_builds(document: &Document, tree: &Tree, arguments: &[&str]) {
    document.namespace.build(tree).args(arguments).run().reference();
}

const WELL_KNOWN: &str = "Error: error resolving dockerfile path: please provide a valid path to a Dockerfile within the build context with --dockerfile";

/// Kaniko's own tutorial with a local directory: the node has nothing there.
#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn the_tutorials_pod_looks_on_the_node() {
    let node = tempfile::tempdir().unwrap();
    let document = Document::new("tutorial", node.path());
    assert_eq!(document.checked(&[]), ["context-on-node", "context-two-slashes"]);
    assert_eq!(document.ended().causes(&[]), ["context-on-node likely", "context-two-slashes likely"]);
    let (_, text) = document.explained(&[]);
    assert!(text.contains(WELL_KNOWN), "{text}");
    assert_builds(&document, &project(), &[]);
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn two_slashes_are_relative() {
    let tree = Tree::new().file("app/Dockerfile", "FROM scratch\nCOPY app /app\n").file("app/app", "app\n");
    let document = Document::new("two-slashes", tree.path());
    let mount = format!("--mount={}:/workspace", tree.path().display());
    assert_eq!(document.checked(&[&mount]), ["context-two-slashes"]);
    assert_eq!(document.ended().causes(&[&mount])[0], "context-two-slashes certain");
    document.namespace.build_from(tree.path().join("app")).run().reference();
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn an_empty_volume_holds_no_dockerfile() {
    let document = Document::new("empty-volume", Path::new("/"));
    assert_eq!(document.checked(&[]), ["context-volume-empty"]);
    assert_eq!(document.ended().causes(&[]), ["context-volume-empty certain"]);
    assert_builds(&document, &project(), &[]);
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_path_of_this_machine_is_not_in_the_pod() {
    let document = Document::new("nothing-mounted", Path::new("/"));
    assert_eq!(document.checked(&[]), ["context-not-mounted"]);
    assert_eq!(document.ended().causes(&[]), ["context-not-mounted certain"]);
    assert_builds(&document, &project(), &[]);
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn letter_case_counts() {
    let tree = Tree::new().file("DockerFile", "FROM scratch\nCOPY app /app\n").file("app", "app\n");
    let document = Document::new("letter-case", tree.path());
    let mount = format!("--mount={}:/workspace", tree.path().display());
    assert_eq!(document.checked(&[&mount]), ["dockerfile-letter-case"]);
    assert_eq!(document.ended().causes(&[&mount])[0], "dockerfile-letter-case certain");
    let file = tree.path().join("DockerFile");
    assert_builds(&document, &tree, &["-f", file.to_str().unwrap()]);
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_sub_path_does_not_count_for_a_plain_path() {
    let tree = Tree::new().file("app/Dockerfile", "FROM scratch\nCOPY app /app\n").file("app/app", "app\n");
    let document = Document::new("sub-path", tree.path());
    let context = tree.path().to_str().unwrap();
    assert_eq!(document.checked(&[&format!("--mount={context}:/workspace")]), ["sub-path-ignored"]);
    let file = format!("-f={context}/app/Dockerfile");
    assert_eq!(document.ended().causes(&[context, &file])[0], "sub-path-ignored certain");
    document.namespace.build_from(tree.path().join("app")).run().reference();
}

/// The executor builds the Dockerfile of the directory where it starts, and misses its files.
#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_dockerfile_where_the_executor_starts_goes_first() {
    let tree = Tree::new()
        .file("Dockerfile", "FROM scratch\nCOPY other /other\n")
        .file("other", "other\n")
        .file("app/Dockerfile", "FROM scratch\nCOPY app /app\n")
        .file("app/app", "app\n");
    let document = Document::new("shadowed", tree.path());
    let mount = format!("--mount={}:/workspace", tree.path().display());
    assert!(document.checked(&[&mount]).contains(&"dockerfile-shadowed".to_owned()));
    let causes = document.ended().causes(&[&mount]);
    assert!(causes.iter().any(|cause| cause.starts_with("dockerfile-shadowed ")), "{causes:?}");
    document.namespace.build_from(tree.path().join("app")).run().reference();
}

fn archive(tree: &Tree, arguments: &[&str]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let tar = std::process::Command::new("tar")
        .args(["-czf"])
        .arg(directory.path().join("context.tar.gz"))
        .current_dir(tree.path())
        .args(arguments)
        .status();
    assert!(tar.unwrap().success());
    directory
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn an_archive_with_a_directory_around_it_has_no_dockerfile_at_its_top() {
    let tree = Tree::new().file("app/Dockerfile", "FROM scratch\nCOPY app /app\n").file("app/app", "app\n");
    let node = archive(&tree, &["app"]);
    let document = Document::new("archive", node.path());
    let mounts = [
        &format!("--mount={}:/workspace", node.path().display()),
        &*format!("--mount={}:/kaniko/buildcontext", tree.path().display()),
    ];
    assert_eq!(document.checked(&mounts), ["archive-top-directory"]);
    assert_eq!(document.ended().causes(&mounts)[0], "archive-top-directory certain");
    document.namespace.build_from(tree.path().join("app")).run().reference();
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_dockerfile_that_the_ignore_file_names_is_lost_with_a_plain_archiver() {
    let tree = project().file(".dockerignore", "*.log\nDockerfile\n");
    let node = archive(&tree, &["--exclude-from=.dockerignore", "."]);
    let document = Document::new("archive", node.path());
    assert_eq!(document.ended().causes(&[tree.path().to_str().unwrap()]), ["dockerfile-missing likely"]);
    let (_, text) = document.explained(&[tree.path().to_str().unwrap()]);
    assert!(text.contains(".dockerignore:2 excludes it"), "{text}");
    assert_builds(&document, &tree, &[]);
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn standard_input_has_to_be_asked_for() {
    let document = Document::new("no-stdin", Path::new("/"));
    assert_eq!(document.checked(&[]), ["no-stdin"]);
    assert_eq!(document.ended().causes(&[]), ["no-stdin certain"]);
    assert_builds(&document, &project(), &["--transport", "stdin"]);
}

/// The container may have any name.
#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn the_executors_container_is_found_by_what_it_runs() {
    let mut document = Document::new("empty-volume", Path::new("/"));
    document.text = document.text.replace("    - name: kaniko\n", "    - name: builder\n");
    let (found, text) = document.ended().explained(&[]);
    assert_eq!(found["builds"][0]["container"], "builder");
    assert!(text.starts_with("container builder of pod kaniko in namespace "), "{text}");
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn memory_that_runs_out_is_told_with_the_limit() {
    let tree = Tree::new()
        .file("Dockerfile", "FROM scratch\nCOPY noise /noise\n")
        .file("noise", crate::support::tree::incompressible(60_000_000));
    let document = Document::new("out-of-memory", tree.path());
    assert_eq!(document.ended().causes(&[]), ["executor-oom-killed certain"]);
    let (_, text) = document.explained(&[]);
    assert!(text.contains("its memory limit is 24Mi"), "{text}");
    assert!(text.contains("help: raise `resources.limits.memory` of container `kaniko`"), "{text}");
    assert_builds(&document, &tree, &[]);
}

mod tls_registry_of_others {
    use super::*;

    fn logged_in() -> tempfile::TempDir {
        let registry = tls_registry();
        let home = tempfile::tempdir().unwrap();
        let login = json!({"username": registry.user, "password": registry.password});
        let config = json!({"auths": {registry.address: login}}).to_string();
        std::fs::write(home.path().join("config.json"), config).unwrap();
        home
    }

    fn assert_builds(document: &Document, tree: &Tree) {
        let registry = tls_registry();
        let home = logged_in();
        let destination = format!("{}/{}:v1", registry.address, document.namespace.name);
        let build = document.namespace.tool(&["build", "-t", &destination, "--registry-ca"]);
        let build = build.arg(registry.authority).arg(tree.path()).env("DOCKER_CONFIG", home.path());
        build.run().reference();
    }

    #[test]
    #[ignore = "needs the test cluster: scripts/test"]
    fn a_registry_that_wants_a_login() {
        let tree = project();
        let document = Document::new("registry-login", tree.path());
        assert_eq!(document.ended().causes(&[]), ["registry-unauthorized certain"]);
        assert_builds(&document, &tree);
    }

    #[test]
    #[ignore = "needs the test cluster: scripts/test"]
    fn a_registry_of_an_authority_that_nobody_knows() {
        let tree = project();
        let document = Document::new("registry-authority", tree.path());
        assert_eq!(document.ended().causes(&[]), ["registry-unknown-authority certain"]);
        assert_builds(&document, &tree);
    }
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_registry_that_speaks_plain_http() {
    let tree = project();
    let document = Document::new("registry-http", tree.path());
    assert_eq!(document.ended().causes(&[]), ["registry-plain-http certain"]);
    assert_builds(&document, &tree, &[]);
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_command_that_fails_is_found_in_the_dockerfile() {
    let text = "ARG BASE\nFROM $BASE\nRUN true\nRUN echo 'Error: on the way' \\\n  && exit 7\n";
    let tree = Tree::new().file("Dockerfile", text);
    let document = Document::new("failing-run", tree.path());
    let context = tree.path().to_str().unwrap();
    assert_eq!(document.ended().causes(&[context]), ["run-failed certain"]);
    let (found, text) = document.explained(&[context]);
    let span = &found["builds"][0]["causes"][0]["spans"][0];
    assert_eq!((span["line"].as_u64(), span["end_line"].as_u64()), (Some(4), Some(5)), "{text}");
    assert!(text.contains("Error: on the way"), "{text}");

    let build = document.namespace.build(&tree).args(&["--build-arg", &format!("BASE={}", base_image())]);
    let failed = build.args(&["--keep", "always", "--", "--insecure-pull"]).run();
    assert_eq!(failed.code, Some(1), "{}", failed.stderr);
    assert!(failed.stderr.contains("error[run-failed]"), "{}", failed.stderr);
    assert!(failed.stderr.contains("Dockerfile:4: RUN echo"), "{}", failed.stderr);
    let kept = document.namespace.pods().into_iter().map(|pod| pod.name_any()).find(|name| name != "kaniko").unwrap();
    let explained = document.namespace.tool(&["explain", "-o", "json"]).arg(format!("pod/{kept}")).run().json();
    assert_eq!(explained["builds"][0]["causes"][0]["code"], "run-failed");
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn flags_in_the_place_of_the_program_are_told() {
    let tree = project();
    let document = Document::new("flags-as-command", tree.path());
    assert_eq!(document.checked(&[])[0], "flags-as-command");
    document.apply();
    wait_at_most(PATIENCE, "the runtime refuses", || {
        let status = document.namespace.pods().pop().and_then(|pod| pod.status?.container_statuses?.pop()?.state);
        status.is_some_and(|state| state.terminated.is_some())
    });
    assert_eq!(document.causes(&[])[0], "flags-as-command certain");
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn what_succeeded_or_still_runs_did_not_fail() {
    let tree = Tree::new().file("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n");
    let document = Document::new("letter-case", tree.path());
    document.ended();
    let explained = document.namespace.tool(&["explain", "pod/kaniko"]).run();
    assert_eq!(explained.code, Some(0), "{}", explained.transcript());
    assert!(explained.stdout().ends_with(": succeeded\n"), "{}", explained.transcript());

    let missing = document.namespace.tool(&["explain", "pod/nobody"]).run();
    assert_eq!(missing.code, Some(2), "{}", missing.transcript());
}

/// The executor's standard input stays open, and it waits for ever.
#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn an_executor_that_waits_for_the_end_of_its_input_is_told() {
    let mut document = Document::new("no-stdin", Path::new("/"));
    document.text = document.text.replace("      args:\n", "      stdin: true\n      args:\n");
    assert_eq!(document.checked(&[]), ["stdin-stays-open"]);
    document.apply();
    wait_for("the executor waits", || document.namespace.tool(&["explain", "pod/kaniko"]).run().code == Some(1));
    assert_eq!(document.causes(&[])[0], "stdin-stays-open certain");
}

/// Not "file not found", but the line that keeps it out: the ignore file that the executor does not obey, and a packer
/// does.
#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_mount_of_the_context_is_looked_into_for_what_was_lost() {
    let tree = Tree::new()
        .file("Dockerfile", "FROM scratch\nCOPY app /app\n")
        .file(".dockerignore", "app\n")
        .file("app", "app\n");
    let node = Tree::new().file("Dockerfile", "FROM scratch\nCOPY app /app\n");
    let document = Document::new("letter-case", node.path());
    let mount = format!("--mount={}:/workspace", tree.path().display());
    document.ended();
    assert_eq!(document.causes(&[&mount])[0], "copy-source-ignored certain");
    assert_eq!(document.causes(&[tree.path().to_str().unwrap()])[0], "copy-source-ignored certain");
}

/// It is not among those that run side by side.
#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn an_executor_in_an_init_container_is_explained() {
    let mut document = Document::new("empty-volume", Path::new("/"));
    let others = format!("  containers:\n    - name: after\n      image: {}\n  initContainers:\n", base_image());
    document.text = document.text.replace("  containers:\n", &others);
    let (found, text) = document.ended().explained(&[]);
    assert_eq!(found["builds"][0]["container"], "kaniko", "{text}");
    assert!(text.contains(WELL_KNOWN), "{text}");
}

/// A token in an address gets into no document.
#[test]
fn secrets_among_arguments_are_not_repeated() {
    let token = "glpat-0123456789";
    let git = format!("--context=git://https://oauth2:{token}@example.com/a/b.git");
    for form in ["text", "json", "sarif"] {
        let arguments = ["check", "-o", form, "--", &git, &format!("--build-arg TOKEN={token}"), "--no-push"];
        let finished = Tool::new(&arguments).run();
        assert!(!finished.stdout().contains(token), "{}", finished.transcript());
        assert!(!finished.stderr.contains(token), "{}", finished.transcript());
    }
    let log = format!("Error: error resolving source context: https://oauth2:{token}@example.com/a: EOF\n");
    let explained = Tool::new(&["explain", "--log", "-"]).input(log).run();
    assert!(explained.stdout().contains("https://***@example.com/a"), "{}", explained.transcript());
}

/// Templates with a git context, as teams had them: the repository is cloned, so nothing is told of its files; with a
/// path instead, the mistake is.
#[test]
fn templates_with_a_git_context_are_fine_until_the_context_is_a_directory() {
    let check = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/documents").join(name);
        codes(&Tool::new(&["check", "-o", "json", "--manifest"]).arg(path).run().json()["findings"])
    };
    assert_eq!(check("git-template.yaml"), Vec::<String>::new());
    assert_eq!(check("local-template.yaml"), ["context-not-mounted", "sub-path-ignored"]);
}

#[test]
fn a_log_is_read_from_a_file_and_from_standard_input() {
    let log = format!("{WELL_KNOWN}\nUsage:\n  executor [flags]\n");
    let explained = Tool::new(&["explain", "--log", "-"]).input(&log).run();
    assert_eq!(explained.code, Some(1), "{}", explained.transcript());
    snapshot("explain_log", explained.stdout());
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("build.log");
    std::fs::write(&file, &log).unwrap();
    assert_eq!(Tool::new(&["explain", "--log"]).arg(&file).run().stdout(), explained.stdout());
    let missing = Tool::new(&["explain", "--log"]).arg(directory.path().join("nowhere")).run();
    assert_eq!(missing.code, Some(2), "{}", missing.transcript());
}

/// Not "file not found", but the line that keeps it out.
#[test]
fn with_the_build_context_a_lost_file_is_told_with_the_line_that_excludes_it() {
    let log = "error building image: error building stage: failed to get files used from context: failed to get fileinfo \
               for /workspace/src/App.java: lstat /workspace/src/App.java: no such file or directory\n";
    let tree = Tree::new()
        .file("Dockerfile", "FROM scratch\nCOPY src/App.java /\n")
        .file("src/App.java", "class App {}\n")
        .file(".dockerignore", "*.md\n\n**/*.java\n");
    let explained = Tool::new(&["explain", "--log", "-", "."]).input(log).within(tree.path()).run();
    assert_eq!(explained.code, Some(1), "{}", explained.transcript());
    snapshot("explain_ignored", explained.stdout());
}

#[test]
fn neither_a_pod_nor_a_log_is_a_mistake_with_a_hint() {
    for arguments in [&["explain"][..], &["explain", "kaniko"], &["explain", "pod/"], &["explain", "pod/a", ".", "x"]] {
        let finished = Tool::new(arguments).run();
        assert_eq!(finished.code, Some(2), "{}", finished.transcript());
    }
    snapshot("explain_nothing", &Tool::new(&["explain", "kaniko"]).run().transcript());
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_pod_without_kaniko_has_nothing_to_explain() {
    let namespace = Namespace::new();
    let container = json!({"name": "a", "image": base_image(), "command": ["true"]});
    let pod = json!({"metadata": {"name": "other"}, "spec": {"restartPolicy": "Never", "containers": [container]}});
    namespace.create(&from::<Pod>(pod));
    let explained = namespace.tool(&["explain", "pod/other"]).run();
    assert_eq!((explained.code, explained.stdout()), (Some(0), ""), "{}", explained.transcript());
    assert!(explained.stderr.contains("no container of pod `other` runs Kaniko"), "{}", explained.stderr);
    namespace.delete_pods();
}

//! Every example in the help of every command, and every command in a document, is run as it stands but for names that
//! cannot exist; or it is in a table with the reason why not. What is shown below a command is what it prints.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use clap::CommandFactory;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kaniko_local::cli::Cli;
use serde_json::{Value, json};

use crate::documents::documents;
use crate::support::cluster::{Namespace, base_image, from, registry};
use crate::support::git_server::GitServer;
use crate::support::tool::Tool;
use crate::support::tree::{Tree, git};
use crate::support::{wait_at_most, wait_for};

/// A command that somebody may copy.
#[derive(Clone)]
struct Example {
    /// The help or the document that it is in.
    from: String,
    command: String,
    /// What is shown below it, if anything is.
    shown: Vec<String>,
}

/// Commands of documents that are not run here: how they begin, and why.
const NOT_RUN: [(&str, &str); 4] = [
    ("scripts/", "the project's own, run by hand and by .ci/run"),
    ("cargo ", "the same"),
    ("kubectl apply -f examples/maven-cache-claim.yaml", "it needs a volume of the cluster: scripts/scenario flink"),
    ("kaniko-local build -t registry.example.com/team/words:dev --pod-template examples/", "the same; scenario.rs"),
];

impl Example {
    /// A line without what is said of it behind a `#`.
    fn new(from: &str, line: &str) -> Self {
        let command = line.split(" #").next().unwrap().trim().to_owned();
        Self { from: from.to_owned(), command, shown: vec![] }
    }

    fn is_run(&self) -> bool {
        !NOT_RUN.iter().any(|(start, _)| self.command.starts_with(start))
    }

    fn needs_a_cluster(&self) -> bool {
        let asks =
            ["kubectl ", "kaniko-local build", "kaniko-local compare", "kaniko-local explain pod/", "--ask-cluster"];
        asks.iter().any(|part| self.command.contains(part))
    }

    /// How it ends: what is about a failure ends as the failure is meant to.
    fn code(&self) -> i32 {
        match &*self.command {
            explain if explain.contains("kaniko-local explain") => 1,
            watch if watch.contains("--watch") => 130,
            // Pods that have failed are found fault with.
            "kubectl get pods -o yaml | kaniko-local check --manifest -" => 1,
            _ => 0,
        }
    }
}

/// The words of every command, those that only have subcommands too.
fn commands() -> Vec<Vec<String>> {
    fn below(command: &clap::Command, words: &[String], found: &mut Vec<Vec<String>>) {
        found.push(words.to_vec());
        for subcommand in command.get_subcommands().filter(|subcommand| subcommand.get_name() != "help") {
            below(subcommand, &[words, &[subcommand.get_name().to_owned()]].concat(), found);
        }
    }
    let mut found = vec![];
    below(&Cli::command(), &[], &mut found);
    found
}

fn help(words: &[String]) -> String {
    let words: Vec<&str> = words.iter().map(String::as_str).chain(["--help"]).collect();
    Tool::new(&words).run().stdout().to_owned()
}

/// The block under `Examples:`, and what is shown of a command behind a prompt, with its output.
fn examples(words: &[String]) -> Vec<Example> {
    let (help, from) = (help(words), format!("kaniko-local {} --help", words.join(" ")));
    let block = |first: &dyn Fn(&str) -> bool| {
        let lines: Vec<String> = help.lines().skip_while(|line| !first(line)).map(str::to_owned).collect();
        lines.into_iter().take_while(|line| !line.is_empty()).collect::<Vec<_>>()
    };
    let mut examples: Vec<Example> =
        block(&|line| line == "Examples:").iter().skip(1).map(|line| Example::new(&from, line)).collect();
    if let [command, shown @ ..] = &*block(&|line| line.starts_with("  $ ")) {
        let shown = shown.iter().map(|line| line.strip_prefix("  ").unwrap_or(line).to_owned()).collect();
        examples.push(Example { shown, ..Example::new(&from, &command[4..]) });
    }
    examples
}

fn all_examples() -> Vec<Example> {
    commands().iter().flat_map(|words| examples(words)).collect()
}

/// A document's commands: lines with a prompt in what a console shows, and all lines for a shell.
fn commands_of(from: &str, document: &str) -> Vec<Example> {
    let mut form: Option<&str> = None;
    let mut found: Vec<Example> = vec![];
    for line in document.lines() {
        match (line.trim_start().strip_prefix("```"), form) {
            (Some(word), None) => form = Some(word),
            (Some(_), Some(_)) => form = None,
            (None, Some("console")) => match line.strip_prefix("$ ") {
                Some(command) => found.push(Example::new(from, command)),
                None => found.last_mut().expect("output is below a command").shown.push(line.to_owned()),
            },
            (None, Some("sh" | "bash" | "shell")) if !line.is_empty() => found.push(Example::new(from, line)),
            (None, _) => {}
        }
    }
    found
}

fn all_commands_of_documents() -> Vec<Example> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let documents = documents();
    let commands = documents.iter().flat_map(|path| {
        let from = path.strip_prefix(root).unwrap().display().to_string();
        commands_of(&from, &std::fs::read_to_string(path).unwrap())
    });
    commands.collect()
}

#[test]
fn every_command_has_examples_of_one_form() {
    for words in commands() {
        let help = help(&words);
        let lines = help.lines().skip_while(|line| *line != "Examples:").skip(1);
        let lines: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
        assert!(!lines.is_empty(), "{words:?} has no examples");
        for line in lines {
            let (command, said) = line.split_once("   # ").unwrap_or((line.trim_end(), "said"));
            let said = said.trim_start_matches(['#', ' ']);
            let command = command.trim_end().strip_prefix("  ").unwrap_or_default();
            let is_whole = !command.is_empty() && !command.starts_with(' ') && !command.contains("  ");
            assert!(is_whole && command.contains("kaniko-local ") && !said.is_empty(), "{words:?}: {line}");
            assert!(line.len() <= 100, "{words:?}: a line that is wrapped cannot be copied: {line}");
        }
    }
}

#[test]
fn every_command_of_a_document_can_be_copied_and_every_reason_not_to_run_one_is_needed() {
    let commands = all_commands_of_documents();
    for example in commands.iter().filter(|example| example.is_run()) {
        let Example { from, command, .. } = example;
        let is_known = command.contains("kaniko-local ") || command.starts_with("kubectl ");
        assert!(is_known, "{from}: `{command}` is not run: NOT_RUN wants the reason");
        assert!(!command.contains('…'), "{from}: `{command}` leaves something out");
    }
    for (start, reason) in NOT_RUN {
        assert!(commands.iter().any(|example| example.command.starts_with(start)), "no `{start}…`: {reason}");
    }
}

#[test]
fn examples_that_need_no_cluster_do_what_they_say() {
    let stage = Stage::new("registry.example.com/busybox");
    let run = stage.run_all(
        &[all_examples(), all_commands_of_documents()].concat(),
        |example| example.shown.is_empty() && !example.needs_a_cluster(),
        &Names::default(),
    );
    assert!(run > 25, "{run}");
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn examples_of_help_that_need_the_cluster_do_what_they_say() {
    let run = Cluster::new().run_all(&all_examples(), Example::needs_a_cluster);
    assert!(run > 15, "{run}");
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn commands_of_documents_that_need_the_cluster_do_what_they_say() {
    let known: BTreeSet<String> = all_examples().into_iter().map(|example| example.command).collect();
    let is_new =
        |example: &Example| example.needs_a_cluster() && example.shown.is_empty() && !known.contains(&example.command);
    let run = Cluster::new().run_all(&all_commands_of_documents(), is_new);
    assert!(run > 15, "{run}");
}

/// The ignore file that the help of `context why` tells of.
#[test]
fn what_help_shows_below_a_command_is_what_it_prints() {
    let project = Tree::new().file(".dockerignore", "*\n!docs\ndocs/*.tmp\n").file("docs/a.tmp", "");
    let examples: Vec<Example> = all_examples().into_iter().filter(|example| !example.shown.is_empty()).collect();
    assert!(!examples.is_empty());
    for example in examples {
        let (code, printed) = run(&example.command, project.path(), &[]);
        assert_eq!(
            (code, printed.lines().collect::<Vec<_>>()),
            (Some(0), example.shown.iter().map(|line| &**line).collect())
        );
    }
}

/// The project of `scripts/demo`.
#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn what_documents_show_below_a_build_is_what_it_prints() {
    let home = Tree::new();
    let project = home.path().join("greeter");
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/demo");
    for entry in std::fs::read_dir(fixture).unwrap().map(|entry| entry.unwrap()) {
        let copy = format!("greeter/{}", entry.file_name().display());
        home.write(&copy, std::fs::read(entry.path()).unwrap());
    }
    home.write("greeter/greeting.txt", "hello from a change that was never committed, made at 12:00:00\n");
    let namespace = Namespace::new();
    let elsewhere = Tree::new();
    let kubeconfig = namespace.kubeconfig_of_dev(elsewhere.path());
    let names = [
        ("10.97.0.2:5000/library/busybox:1", base_image()),
        ("10.97.0.2:5000/demo", format!("{}/{}/demo", registry(), namespace.name)),
        ("in namespace default", format!("in namespace {}", namespace.name)),
    ];
    let here = |text: &str| names.iter().fold(text.to_owned(), |text, (name, by)| text.replace(name, by));
    let shown: Vec<Example> =
        all_commands_of_documents().into_iter().filter(|example| !example.shown.is_empty()).collect();
    assert!(!shown.is_empty());
    for example in shown {
        let environment = [("KUBECONFIG", kubeconfig.to_str().unwrap())];
        let (code, printed) = run(&format!("{} 2>&1", here(&example.command)), &project, &environment);
        assert_eq!(code, Some(0), "{}: {}\n{printed}", example.from, example.command);
        assert_like(&example.shown.iter().map(|line| here(line)).collect::<Vec<_>>(), &printed);
    }
}

/// What is shown, up to numbers, and to what `…` stands for: some lines, or the rest of one.
#[track_caller]
fn assert_like(shown: &[String], printed: &str) {
    let mut lines = printed.lines();
    let mut may_skip = false;
    for wanted in shown {
        if wanted == "…" {
            may_skip = true;
            continue;
        }
        let is_it = |line: &str| match wanted.strip_suffix('…') {
            Some(start) => line.starts_with(start),
            None => without_numbers(line) == without_numbers(wanted),
        };
        let found = if may_skip { lines.any(is_it) } else { lines.next().is_some_and(is_it) };
        assert!(found, "`{wanted}` is not where it is shown:\n{printed}");
        may_skip = false;
    }
    assert_eq!(lines.next(), None, "more than is shown:\n{printed}");
}

/// Numbers in decimal and hexadecimal digits as `0`, and amounts in bytes.
fn without_numbers(line: &str) -> String {
    let mut text = String::new();
    for word in line.split_inclusive(|character: char| !character.is_ascii_alphanumeric()) {
        let (word, end) = word.split_at(word.trim_end_matches(|end: char| !end.is_ascii_alphanumeric()).len());
        let is_number =
            word.bytes().all(|byte| byte.is_ascii_hexdigit()) && word.bytes().any(|byte| byte.is_ascii_digit());
        match word {
            "KiB" | "MiB" => text.push('B'),
            _ if is_number && text.ends_with("0.") => text.truncate(text.len() - 1),
            _ if is_number => text.push('0'),
            word => text.push_str(word),
        }
        text.push_str(end);
    }
    text
}

#[test]
fn numbers_are_no_difference_and_words_are() {
    assert_eq!(without_numbers("1.13 KiB as 666 B in 0.1 s"), without_numbers("374 B as 665 B in 2 s"));
    assert_eq!(without_numbers("pod-22a73087 deleted"), without_numbers("pod-5f36e713 deleted"));
    assert_ne!(without_numbers("in 1 s"), without_numbers("in 1 min"));
}

/// What names in examples are in a test, as the registry is nowhere and the git server is not either.
#[derive(Default)]
struct Names {
    /// Names of a cluster: none where none is asked.
    of_cluster: Vec<(&'static str, String)>,
}

impl Names {
    fn of(namespace: &Namespace, git: &str) -> Self {
        let repository = format!("{}/{}", registry(), namespace.name);
        let here = format!("-n {}", namespace.name);
        let of_cluster = vec![
            ("registry.example.com", repository.clone()),
            ("10.0.0.5:5000", repository),
            ("https://git.example.com/team/", format!("{git}/")),
            ("https://git.example.com", git.to_owned()),
            ("secret generic git-login", "secret generic another-login".to_owned()),
            ("-n builds", here.clone()),
            ("-n ci", here),
            // It has no end of its own.
            ("--watch", "--watch & sleep 15; kill -s INT $!; wait $!".to_owned()),
            // Once is enough to see that it runs.
            ("--runs 5", "--runs 1".to_owned()),
        ];
        Self { of_cluster }
    }

    fn replace(&self, command: &str) -> String {
        // Debian's `man` is more than a test needs.
        let everywhere = [("man -l -", "groff -man -Tutf8")].map(|(name, by)| (name, by.to_owned()));
        let mut line = command.to_owned();
        for (name, by) in everywhere.iter().chain(&self.of_cluster) {
            line = line.replace(name, by);
        }
        match line.contains("--runs") {
            true => line,
            false => line.replace("kaniko-local compare", "kaniko-local compare --runs 1"),
        }
    }
}

/// Runs a line in a shell, in the project, and tells its exit code with all that it printed.
fn run(line: &str, project: &Path, environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let programs = Path::new(env!("CARGO_BIN_EXE_kaniko-local")).parent().unwrap();
    let path = std::env::join_paths(
        [programs.to_owned()].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let mut shell = Command::new("bash");
    // What comes before a `head` may be told that nobody reads on.
    shell.args(["-o", "pipefail", "-c", line]).current_dir(project).env("PATH", path.unwrap());
    for name in ["KUBECONFIG", "NO_COLOR", "CI", "RUST_LOG"] {
        shell.env_remove(name);
    }
    shell.env("HOME", project.join("home")).envs(environment.to_vec());
    let output = shell.output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// A project that has all that the examples name.
struct Stage {
    project: Tree,
    environment: Vec<(&'static str, String)>,
}

const BUILD_LOG: &str = "INFO[0000] Unpacking rootfs as cmd RUN make requires it.\nINFO[0001] RUN make\n\
    INFO[0001] Running: [/bin/sh -c make]\nmake: *** No rule\nerror building image: error building stage: failed to \
    execute command: waiting for process to exit: exit status 2\n";

impl Stage {
    /// Committed, on the branches that the examples name.
    fn new(base: &str) -> Self {
        let dockerfile = format!("FROM {base}\nARG VERSION=0\nCOPY . /app/\nRUN test -d /app\n");
        let pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "kaniko"},
            "spec": {"containers": [{
                "name": "kaniko",
                "image": "gcr.io/kaniko-project/executor:v1.24.0",
                "args": ["--context=git://git.example.com/app.git", "--no-push"],
            }]},
        });
        let project = Tree::new()
            .file("Dockerfile", &dockerfile)
            .file("layers.Dockerfile", &dockerfile)
            .file(".dockerignore", ".git\nnode_modules\nhome\n*.html\n*.tgz\n*.json*\n")
            .file("app/main.go", "// TODO: all of it\n")
            .file("src/main.go", "package main\n")
            .file("node_modules/x/index.js", "x\n")
            .file("services/api/main.go", "package main\n")
            .file("services/api/Dockerfile", &dockerfile)
            .file("deploy/Dockerfile", &dockerfile)
            .file("api/Dockerfile", &dockerfile)
            .file("pod.yaml", serde_json::to_string(&pod).unwrap())
            .file("build.log", BUILD_LOG)
            .file("token.txt", "not-needed")
            .file("home/.config/fish/config.fish", "");
        project.commit();
        git(project.path(), &["branch", "-M", "main"]);
        git(project.path(), &["branch", "dev"]);
        Self { project, environment: vec![] }
    }

    /// Runs each that is wanted, the same one once; how many.
    #[track_caller]
    #[expect(clippy::print_stdout, reason = "with `--nocapture`, the list of what is run")]
    fn run_all(&self, examples: &[Example], is_wanted: impl Fn(&Example) -> bool, names: &Names) -> usize {
        let mut done = BTreeSet::new();
        let environment: Vec<(&str, &str)> = self.environment.iter().map(|(name, value)| (*name, &**value)).collect();
        for example in examples.iter().filter(|example| example.is_run() && is_wanted(example)) {
            if !done.insert(&example.command) {
                continue;
            }
            let line = names.replace(&example.command);
            let (code, printed) = run(&line, self.project.path(), &environment);
            assert_eq!(code, Some(example.code()), "{}: {}\nas {line}\n{printed}", example.from, example.command);
            println!("{}\t{}", example.from, example.command);
        }
        done.len()
    }
}

/// A container of Kaniko that fails over the Dockerfile.
fn failing() -> Value {
    json!({
        "restartPolicy": "Never",
        "containers": [{
            "name": "kaniko",
            "image": "gcr.io/kaniko-project/executor:v1.24.0",
            "args": ["--context=dir:///workspace", "--dockerfile=Dockerfile", "--no-push"],
        }],
    })
}

/// A cluster that has all that the examples name.
struct Cluster {
    stage: Stage,
    names: Names,
    namespace: Namespace,
    /// The repositories that are served, and the kubeconfig.
    _elsewhere: Tree,
}

impl Cluster {
    fn new() -> Self {
        let (namespace, mut stage, elsewhere) = (Namespace::new(), Stage::new(&base_image()), Tree::new());
        let bare = elsewhere.path().join("app.git");
        git(stage.project.path(), &["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
        let server = GitServer::start(elsewhere.path(), None);
        let names = Names::of(&namespace, &format!("http://{}", server.address));
        namespace.create(&from::<Secret>(json!({
            "metadata": {"name": "git-login"},
            "stringData": {"GIT_USERNAME": "somebody", "GIT_PASSWORD": "not-needed"},
        })));
        namespace.create(&from::<Secret>(json!({
            "metadata": {"name": "push"},
            "type": "kubernetes.io/dockerconfigjson",
            "stringData": {".dockerconfigjson": "{\"auths\": {}}"},
        })));
        namespace.create(&from::<Pod>(json!({"metadata": {"name": "kaniko"}, "spec": failing()})));
        let job = json!({"metadata": {"name": "build"}, "spec": {"backoffLimit": 0, "template": {"spec": failing()}}});
        namespace.create(&from::<Job>(job));
        let has_failed = |pod: &Pod| pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Failed");
        let have_failed = || namespace.pods().iter().filter(|pod| has_failed(pod)).count() == 2;
        wait_at_most(Duration::from_secs(120), "two pods have failed", have_failed);
        let kubeconfig = namespace.kubeconfig_of_dev(elsewhere.path()).to_str().unwrap().to_owned();
        stage.environment = vec![("KUBECONFIG", kubeconfig), ("KANIKO_LOCAL_INSECURE", "true".to_owned())];
        Self { stage, names, namespace, _elsewhere: elsewhere }
    }

    #[track_caller]
    fn run_all(&self, examples: &[Example], is_wanted: impl Fn(&Example) -> bool) -> usize {
        self.stage.run_all(examples, is_wanted, &self.names)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.namespace.delete::<Job>("build");
        self.namespace.delete_pods();
        if !std::thread::panicking() {
            // Of a job they stay until its controller has let go of them.
            wait_for("no pods are left", || self.namespace.pods().is_empty());
        }
    }
}

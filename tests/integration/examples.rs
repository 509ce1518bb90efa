//! Every example in the help of every command, and every command in a document, is run as it stands but for names that
//! cannot exist; or it is in a table with the reason why not.

use std::path::Path;
use std::process::Command;

use clap::CommandFactory;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kaniko_local::cli::Cli;
use serde_json::{Value, json};

use crate::support::cluster::{Namespace, base_image, from, registry};
use crate::support::git_server::GitServer;
use crate::support::tool::Tool;
use crate::support::tree::{Tree, git};
use crate::support::wait_at_most;

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

/// The lines under `Examples`, without what is said of them.
fn examples(words: &[String]) -> Vec<String> {
    let words: Vec<&str> = words.iter().map(String::as_str).chain(["--help"]).collect();
    let help = Tool::new(&words).run().stdout().to_owned();
    let lines = help.lines().skip_while(|line| !line.starts_with("Examples")).skip(1);
    let lines = lines.take_while(|line| line.starts_with("  "));
    lines.map(|line| line.trim().split("   ").next().unwrap().to_owned()).collect()
}

/// Names that cannot exist, and what a test has instead.
struct Names {
    namespace: String,
    git: String,
}

impl Names {
    fn replace(&self, example: &str) -> String {
        let repository = format!("{}/{}", registry(), self.namespace);
        let mut line = example.to_owned();
        for (name, by) in [
            ("registry.example.com", &*repository),
            ("10.0.0.5:5000", &repository),
            ("-t r/app", &format!("-t {repository}/app")),
            ("https://git.example.com", &self.git),
            ("https://git.ci", &self.git),
            ("http://git.ci", &self.git),
            ("-n builds", &format!("-n {}", self.namespace)),
            ("-n ci", &format!("-n {}", self.namespace)),
            // Debian's own `man` is more than a test needs.
            ("man -l -", "groff -man -Tutf8"),
            // Shells that a test machine has not.
            ("source <(kaniko-local completions zsh)", "kaniko-local completions zsh >/dev/null"),
            ("| source", ">/dev/null"),
            ("| Out-String | Invoke-Expression", ">/dev/null"),
            ("~/.local", "home/.local"),
            // One is there already.
            ("generic git-login", "generic another-login"),
            ("/team/app.git", "/app.git"),
            ("#main:services/api services/api", "#main:api api"),
            // What is left out of a document.
            ("--git https://…", &format!("--git {}/app.git", self.git)),
            ("-t …", &format!("-t {repository}/app")),
            // It has no end of its own.
            (
                "kaniko-local build -t",
                if example.contains("--watch") {
                    "timeout --preserve-status -s INT 20 kaniko-local build -t"
                } else {
                    "kaniko-local build -t"
                },
            ),
        ] {
            line = line.replace(name, by);
        }
        match line.contains("--runs") {
            true => line,
            // Once is enough to see that it runs.
            false => line.replace("kaniko-local compare", "kaniko-local compare --runs 1"),
        }
    }
}

const BUILD_LOG: &str = "INFO[0000] Unpacking rootfs as cmd RUN make requires it.\nINFO[0001] RUN make\n\
    INFO[0001] Running: [/bin/sh -c make]\nmake: *** No rule\nerror building image: error building stage: failed to \
    execute command: waiting for process to exit: exit status 2\n";

/// A project that has all that the examples name, committed on the branches that they name.
fn project() -> Tree {
    let base = base_image();
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
    let tree = Tree::new()
        .file("Dockerfile", &dockerfile)
        .file(".dockerignore", ".git\nnode_modules\nhome\ntoken.txt\n*.html\n*.tgz\n*.jsonl\n")
        .file("app/main.go", "// TODO: all of it\n")
        .file("src/main.go", "package main\n")
        .file("node_modules/x/index.js", "x\n")
        .file("services/api/main.go", "package main\n")
        .file("deploy/Dockerfile", &dockerfile)
        .file("api/Dockerfile", &dockerfile)
        .file("pod.yaml", serde_json::to_string(&pod).unwrap())
        .file("build.log", BUILD_LOG)
        .file("token.txt", "not needed\n");
    tree.commit();
    git(tree.path(), &["branch", "-M", "main"]);
    git(tree.path(), &["branch", "dev"]);
    tree
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

/// Runs a line in a shell, in the project, and tells its exit code with all that it printed.
fn run(line: &str, project: &Path, environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let programs = Path::new(env!("CARGO_BIN_EXE_kaniko-local")).parent().unwrap();
    let path = std::env::join_paths(
        [programs.to_owned()].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let mut shell = Command::new("bash");
    shell.args(["-o", "pipefail", "-c", line]).current_dir(project).env("PATH", path.unwrap());
    shell.env("HOME", project.join("home")).env_remove("KUBECONFIG").env_remove("NO_COLOR").envs(environment.to_vec());
    let output = shell.output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// What an example ends with: those of failures end as they are meant to.
fn expected(example: &str) -> i32 {
    match example {
        explain if explain.contains("kaniko-local explain") => 1,
        watch if watch.contains("--watch") => 130,
        // Pods that have failed are found fault with.
        "kubectl get pods -o yaml | kaniko-local check --manifest -" => 1,
        _ => 0,
    }
}

/// Commands of documents that are not run here: how they begin, and why.
const NOT_RUN: [(&str, &str); 7] = [
    ("scripts/", "the project's own, run by hand and by .ci/run"),
    ("cargo ", "the same"),
    ("kaniko-local build --insecure -t 10.97.0.2:5000/demo:dev", "scripts/demo runs it"),
    ("kubectl apply -f examples/maven-cache-claim.yaml", "it needs a volume of the cluster: scripts/scenario flink"),
    ("kaniko-local build -t registry.example.com/team/words:dev --pod-template examples/", "the same"),
    (
        "kaniko-local build -t registry.example.com/team/words:dev --cache-repo registry.example.com/team/words-cache -f",
        "the Flink job's: scripts/scenario flink",
    ),
    ("kaniko-local check --cache-repo registry.example.com/team/words-cache", "the same"),
];

/// A document's commands: lines with a prompt in what a console shows, and all lines for a shell.
fn commands_of(document: &str) -> Vec<String> {
    let mut form: Option<&str> = None;
    let mut commands = vec![];
    for line in document.lines() {
        match (line.strip_prefix("```"), form) {
            (Some(word), None) => form = Some(word),
            (Some(_), Some(_)) => form = None,
            (None, Some("console")) => commands.extend(line.strip_prefix("$ ")),
            (None, Some("sh" | "bash")) => commands.push(line),
            (None, _) => {}
        }
    }
    commands
        .iter()
        .map(|command| command.split(" #").next().unwrap().trim().to_owned())
        .filter(|c| !c.is_empty())
        .collect()
}

/// The documents, each with its commands.
fn documents() -> Vec<(String, Vec<String>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files =
        [root.to_owned(), root.join("docs")].into_iter().flat_map(|directory| std::fs::read_dir(directory).unwrap());
    let files = files.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "md"));
    let mut documents: Vec<_> = files
        .map(|path| {
            let commands = commands_of(&std::fs::read_to_string(&path).unwrap());
            (path.strip_prefix(root).unwrap().display().to_string(), commands)
        })
        .collect();
    documents.sort();
    documents
}

#[test]
fn every_command_has_examples() {
    let none: Vec<_> = commands().into_iter().filter(|words| examples(words).is_empty()).collect();
    assert_eq!(none, Vec::<Vec<String>>::new());
}

#[test]
fn every_reason_not_to_run_a_command_of_a_document_is_one_that_is_needed() {
    let commands: Vec<String> = documents().into_iter().flat_map(|(_, commands)| commands).collect();
    for (start, _) in NOT_RUN {
        assert!(commands.iter().any(|command| command.starts_with(start)), "{start}");
    }
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn every_command_of_the_documents_runs_or_stands_in_the_table_of_those_that_do_not() {
    let stage = Stage::new();
    let mut count = 0;
    let mut seen = std::collections::BTreeSet::new();
    for (document, commands) in documents() {
        for command in commands {
            if NOT_RUN.iter().any(|(start, _)| command.starts_with(start)) || !seen.insert(command.clone()) {
                continue;
            }
            stage.run(&document, &command);
            count += 1;
        }
    }
    assert!(count > 25, "{count}");
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn every_example_of_every_commands_help_does_what_it_says() {
    let stage = Stage::new();
    let mut count = 0;
    for words in commands() {
        for example in examples(&words) {
            stage.run(&format!("help of {words:?}"), &example);
            count += 1;
        }
    }
    assert!(count > 30, "{count}");
}

/// All that the examples name.
struct Stage {
    names: Names,
    project: Tree,
    kubeconfig: String,
    namespace: Namespace,
    _served: Tree,
}

impl Stage {
    fn new() -> Self {
        let (namespace, project, served) = (Namespace::new(), project(), Tree::new());
        git(project.path(), &["clone", "-q", "--bare", ".", served.path().join("app.git").to_str().unwrap()]);
        let server = GitServer::start(served.path(), None);
        let names = Names { namespace: namespace.name.clone(), git: format!("http://{}", server.address) };
        for name in ["login", "git-login"] {
            namespace.create(&from::<Secret>(json!({
                "metadata": {"name": name},
                "stringData": {"GIT_USERNAME": "somebody", "GIT_PASSWORD": "not-needed"},
            })));
        }
        namespace.create(&from::<Secret>(json!({
            "metadata": {"name": "push"},
            "type": "kubernetes.io/dockerconfigjson",
            "stringData": {".dockerconfigjson": "{\"auths\": {}}"},
        })));
        namespace.create(&from::<Pod>(json!({"metadata": {"name": "kaniko"}, "spec": failing()})));
        let job = json!({"metadata": {"name": "build"}, "spec": {"backoffLimit": 0, "template": {"spec": failing()}}});
        namespace.create(&from::<Job>(job));
        let has_ended = |pod: &Pod| pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Failed");
        let ended = || namespace.pods().iter().filter(|pod| has_ended(pod)).count() == 2;
        wait_at_most(std::time::Duration::from_secs(120), "two pods have failed", ended);
        let kubeconfig = namespace.kubeconfig_of_dev(served.path()).to_str().unwrap().to_owned();
        Self { names, project, kubeconfig, namespace, _served: served }
    }

    #[track_caller]
    fn run(&self, from: &str, example: &str) {
        let line = self.names.replace(example);
        let environment = [("KUBECONFIG", &*self.kubeconfig), ("KANIKO_LOCAL_INSECURE", "true")];
        let (code, printed) = run(&line, self.project.path(), &environment);
        assert_eq!(code, Some(expected(example)), "{from}: {example}\nas {line}\n{printed}");
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.namespace.delete::<Job>("build");
            self.namespace.delete::<Pod>("kaniko");
            wait_at_most(std::time::Duration::from_secs(60), "no pod is left", || self.namespace.pods().is_empty());
        }
    }
}

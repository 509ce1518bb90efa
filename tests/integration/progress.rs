//! `--progress`: on a real terminal of any size, for readers that go away, and as documents for programs.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use insta::assert_snapshot;
use jsonschema::Validator;
use serde_json::{Value, json};

use crate::support::cluster::{Namespace, base_image, registry};
use crate::support::screen::Screen;
use crate::support::tool::{Finished, Tool};
use crate::support::tree::Tree;

/// Two stages, of which the first says something and takes its time.
fn two_stages() -> Tree {
    let base = base_image();
    Tree::new().file("src/main.c", "int main;\n").file(
        "Dockerfile",
        format!(
            "FROM {base} AS build\nENV A=b\nCOPY src /src\n\
             RUN seq 8 | sed 's/^/compiling part /'; sleep 4; echo compiled\n\
             FROM {base}\nCOPY --from=build /src /app\n"
        ),
    )
}

fn failing() -> Tree {
    let dockerfile =
        format!("FROM {}\nRUN sleep 1; seq 9; sleep 1; echo 'no such thing' >&2; sleep 1; exit 3\n", base_image());
    Tree::new().file("Dockerfile", dockerfile)
}

/// Without what differs from run to run: times, sizes of what is packed, names and digests.
fn steady(namespace: &Namespace, text: &str) -> String {
    let replace =
        |text: String, pattern: &str, by: &str| regex::Regex::new(pattern).unwrap().replace_all(&text, by).into_owned();
    let text = replace(text.to_owned(), r"/tmp/context-\w+", "CONTEXT");
    let text = text.replace(&namespace.name, "NAMESPACE").replace(&registry(), "REGISTRY");
    let text = replace(text, r"kaniko-context-[\w-]+", "POD");
    let text = replace(text, r"\[\d{4}\]", "[SECONDS]");
    let text = replace(text, r"sha256:[0-9a-f]+(\n?[0-9a-f]+)*", "DIGEST");
    let text = replace(text, r"(?m)^[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] +", "~ ");
    let text = replace(text, r"\d+\.\d s", "TIME");
    let text = replace(text, r"(?m)^([✓✗~-]) +TIME", "$1 TIME");
    let text = replace(text, r"[\d.]+ [KM]?i?B", "SIZE");
    replace(text, r"time: .*(\n.*TIME)*", "time: TIMES")
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_terminal_shows_what_is_over_with_its_time_and_what_goes_on_with_its_last_lines() {
    let namespace = Namespace::new();
    let tree = two_stages();
    let screen = Screen::start(&namespace.build(&tree), 100, 40);
    let during = screen.wait_for("compiling part 8");
    assert_snapshot!("terminal_during", steady(&namespace, &during));
    assert_snapshot!("terminal_after", steady(&namespace, &screen.wait_for_its_end()));
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn of_a_step_that_failed_a_terminal_shows_all_that_it_said() {
    let namespace = Namespace::new();
    let tree = failing();
    let screen = Screen::start(&namespace.build(&tree), 100, 40);
    assert_snapshot!("terminal_failed", steady(&namespace, &screen.wait_for_its_end()));
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn what_goes_on_takes_a_row_for_each_of_its_lines_on_the_narrowest_terminal() {
    let namespace = Namespace::new();
    let tree = two_stages();
    let screen = Screen::start(&namespace.build(&tree), 28, 60);
    let during = screen.wait_for("compiling pa");
    let live: Vec<&str> = during.lines().skip_while(|line| !line.contains("4/4]")).collect();
    assert_eq!(live.len(), 6, "{during}");
    let after = screen.wait_for_its_end();
    assert_eq!(after.matches("compiling pa").count(), 0, "{after}");
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_terminal_that_is_made_narrower_and_wider_keeps_each_line_once() {
    let namespace = Namespace::new();
    let tree = two_stages();
    let screen = Screen::start(&namespace.build(&tree), 120, 40);
    screen.wait_for("compiling part 8");
    for columns in [70, 140] {
        screen.resize(columns);
        std::thread::sleep(Duration::from_millis(500));
    }
    let after = screen.wait_for_its_end();
    let push = &*format!("push {}", registry());
    for once in ["context: ", "[build 1/4]", "[build 4/4]", "[stage-1 2/2]", push, "built in", "exit code: 0"] {
        assert_eq!(after.matches(once).count(), 1, "{once}:\n{after}");
    }
    assert!(!after.contains("compiling part 8"), "{after}");
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn ctrl_c_on_a_terminal_says_what_was_stopped_and_leaves_no_pod() {
    let namespace = Namespace::new();
    let tree = two_stages();
    let screen = Screen::start(&namespace.build(&tree), 100, 40);
    screen.wait_for("compiling part 8");
    screen.press("C-c");
    let after = screen.wait_for_its_end();
    assert!(after.contains("exit code: 130"), "{after}");
    assert!(after.lines().any(|line| line.starts_with('-') && line.contains("[build 4/4] RUN seq 8")), "{after}");
    assert!(!after.contains("compiling part 8"), "{after}");
    namespace.assert_empty_soon();
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn no_color_takes_the_colours_and_nothing_else_from_a_terminal() {
    let namespace = Namespace::new();
    let tree = two_stages();
    let build = || namespace.build(&tree);
    let colours = |tool: Tool| {
        let screen = Screen::start(&tool, 100, 40);
        let text = screen.wait_for_its_end();
        assert!(text.contains("✓") && text.contains("[stage-1 2/2]"), "{text}");
        screen.coloured().contains('\x1b')
    };
    assert!(colours(build()));
    assert!(!colours(build().env("NO_COLOR", "1")));
    assert!(!colours(build().args(&["--color", "never"])));
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_dumb_terminal_and_one_of_ci_get_lines() {
    let namespace = Namespace::new();
    let base = base_image();
    let tree = Tree::new().file("Dockerfile", format!("FROM {base}\nRUN true\n"));
    for (name, value) in [("TERM", "dumb"), ("CI", "true")] {
        let text = namespace.build(&tree).env(name, value).run_on_a_terminal();
        assert!(text.contains("\nbuilding\r\n"), "{text}");
        assert!(!text.contains('✓') && !text.contains("\x1b[K"), "{text}");
    }
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_view_that_is_asked_for_where_no_terminal_is_has_only_what_stays() {
    let namespace = Namespace::new();
    let tree = two_stages();
    let finished = namespace.build(&tree).args(&["--progress", "tty"]).run();
    finished.reference();
    let rows: Vec<&str> = finished.stderr.lines().filter(|line| !line.starts_with(['✓', ' '])).collect();
    assert_eq!(rows, Vec::<&str>::new(), "{}", finished.stderr);
    assert!(finished.stderr.contains("[stage-1 2/2]"), "{}", finished.stderr);
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_build_goes_on_when_nobody_reads_its_progress_any_more() {
    let namespace = Namespace::new();
    for how in ["plain", "tty", "json"] {
        let finished = namespace.build(&two_stages()).args(&["--progress", how]).run_and_stop_reading_after_a_line();
        assert!(finished.reference().contains("@sha256:"), "{how}");
    }
}

static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
    let schema: Value = serde_json::from_str(include_str!("../../docs/progress.schema.json")).unwrap();
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
});

/// The documents on standard error, each of which has to be what the schema takes.
#[track_caller]
fn documents(finished: &Finished) -> Vec<Value> {
    let document = |line: &str| {
        let document: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let complaints: Vec<String> = SCHEMA.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(complaints.is_empty(), "{complaints:?}: {line}");
        document
    };
    finished.stderr.lines().map(document).collect()
}

fn names(documents: &[Value]) -> Vec<&str> {
    documents.iter().map(|document| document["event"].as_str().unwrap()).collect()
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn programs_get_each_event_as_a_document_and_the_result_on_standard_output() {
    let namespace = Namespace::new();
    let finished = namespace.build(&two_stages()).args(&["--progress", "json", "-v"]).run();
    assert!(finished.reference().contains("@sha256:"));
    let documents = documents(&finished);

    let mut order = names(&documents);
    let said: BTreeSet<&str> = order.iter().copied().collect();
    assert!(said.is_superset(&BTreeSet::from(["verbose", "waiting", "log"])), "{said:?}");
    order.retain(|name| !["verbose", "waiting", "log", "upload-progress"].contains(name));
    let mut expected = vec!["scanned", "pod-created", "scheduled", "upload-started", "uploaded", "building"];
    // Four of one stage, one between them, two of the other, and the push.
    expected.extend(["step-started", "step-ended"].repeat(8));
    expected.extend(["built", "timed", "pod-deleted", "finished"]);
    assert_eq!(order, expected);

    let compiled = documents.iter().find(|document| document["line"] == "compiled").unwrap();
    let run = json!({
        "text": "RUN seq 8 | sed 's/^/compiling part /'; sleep 4; echo compiled",
        "stage": "build",
        "number": 4,
        "of": 4,
    });
    assert_eq!(compiled["step"], run);
    let ended = documents.iter().find(|document| document["event"] == "step-ended" && document["step"] == run).unwrap();
    assert!((4.0..8.0).contains(&ended["seconds"].as_f64().unwrap()), "{ended}");
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_layer_from_the_cache_is_told_as_such() {
    let namespace = Namespace::new();
    let cache = format!("{}/{}/cache", registry(), namespace.name);
    let build = || namespace.build(&two_stages()).args(&["--progress", "json", "--cache-repo", &cache]).run();
    let cached = |finished: &Finished| {
        let documents = documents(finished);
        let cached = documents.iter().filter(|document| document["cached"] == true);
        cached.map(|document| document["step"]["number"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(cached(&build()), Vec::<Value>::new());
    assert_eq!(cached(&build()), [json!(4)]);
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn programs_get_the_error_as_a_document_too() {
    let namespace = Namespace::new();
    let finished = namespace.build(&failing()).args(&["--progress", "json"]).run();
    assert_eq!(finished.code, Some(1));
    let documents = documents(&finished);
    let names = names(&documents);
    let started = names.iter().filter(|name| **name == "step-started").count();
    let ended = names.iter().filter(|name| **name == "step-ended").count();
    assert_eq!((started, ended), (2, 1), "the last one failed: {names:?}");
    let [.., error, finished] = &documents[..] else { panic!("{documents:?}") };
    assert_eq!((&error["event"], &error["code"]), (&json!("error"), &json!("run-failed")));
    assert_eq!((&finished["event"], &finished["exit_code"]), (&json!("finished"), &json!(1)));
}

#[test]
fn programs_get_findings_and_usage_errors_as_documents_before_a_pod_exists() {
    let build = |tree: &Tree| {
        let arguments = ["build", "--progress", "json", "-t", "registry.example.com/app"];
        Tool::new(&arguments).kubeconfig_nowhere().within(tree.path()).run()
    };
    let missing = build(&Tree::new().file("Dockerfile", "FROM scratch\nCOPY gone /\n"));
    let documents_of_it = documents(&missing);
    assert_eq!(names(&documents_of_it), ["scanned", "finding", "error", "finished"]);
    assert_eq!(documents_of_it[1]["code"], "copy-source-missing");
    assert_eq!(documents_of_it[3]["exit_code"], 1);
    assert_eq!(missing.stdout(), "");

    let no_dockerfile = documents(&build(&Tree::new()));
    assert_eq!(names(&no_dockerfile), ["error", "finished"]);
    assert_eq!(no_dockerfile[1]["exit_code"], 2);
}

/// The text of a picture without numbers, and without the line of times, which has what took long. Sorted: what is written
/// to standard output and to standard error in a pod may come in either order.
fn steady_lines(picture: &str) -> Vec<String> {
    let volatile = regex::Regex::new(r"<[^>]*>|[0-9a-f]{8,}|\d+|[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]|[KM]iB|\bB\b| +").unwrap();
    let mut lines: Vec<String> = picture.lines().map(|line| volatile.replace_all(line, "").into_owned()).collect();
    lines.retain(|line| !line.starts_with("time:"));
    lines.sort_unstable();
    lines
}

/// A picture of a terminal in the documents: what a real call left on a real terminal.
///
/// It is made anew only if more than its numbers has changed.
#[track_caller]
fn assert_picture(name: &str, command: &str, screen: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pictures").join(name).with_extension("svg");
    let text = format!("$ \x1b[1m{command}\x1b[0m\n{screen}");
    let picture = anstyle_svg::Term::new().render_svg(&text);
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    if steady_lines(&before) == steady_lines(&picture) {
        return;
    }
    if std::env::var("INSTA_UPDATE").as_deref() == Ok("always") {
        std::fs::write(&path, picture).unwrap();
    } else {
        panic!("{} is not what the terminal shows: INSTA_UPDATE=always writes it\n{screen}", path.display());
    }
}

/// A project as one has it, and names as one has them.
fn project(dockerfile: &str) -> (Tree, std::path::PathBuf) {
    let tree = Tree::new()
        .file("greeter/Dockerfile", dockerfile)
        .file("greeter/.dockerignore", "target\n")
        .file("greeter/src/Greeter.java", "class Greeter {}\n".repeat(40))
        .file("greeter/src/compile.sh", COMPILE);
    let directory = tree.path().join("greeter");
    (tree, directory)
}

fn as_one_has_it(namespace: &Namespace, text: &str) -> String {
    let destination = namespace.destination();
    let base = base_image();
    text.replace(&destination, "registry.example.com/team/greeter:dev")
        .replace(destination.trim_end_matches(":v1"), "registry.example.com/team/greeter")
        .replace(&base, "registry.example.com/java:21")
        .replace(&namespace.name, "builds")
}

const COMPILE: &str = "for class; do echo \"compiling $class.java\"; [ $class != Greting ] || exit 1; done; sleep 3\n";
const BUILD: &str = "kaniko-local build -t registry.example.com/team/greeter:dev";

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn the_pictures_in_the_documents_are_what_a_terminal_shows() {
    let namespace = Namespace::new();
    let base = base_image();
    let build = |directory: &Path| {
        let destination = namespace.destination();
        let tool = namespace.tool(&["build", "--insecure", "-t", &destination]).within(directory);
        Screen::start(&tool, 140, 40)
    };
    let picture = |name: &str, screen: &Screen| {
        let text = screen.coloured();
        let shown: String =
            text.lines().filter(|line| !line.starts_with("exit code: ")).map(|line| format!("{line}\n")).collect();
        assert_picture(name, BUILD, &as_one_has_it(&namespace, &shown));
    };
    let (_tree, directory) = project(&format!(
        "FROM {base} AS build\nCOPY src /src\nRUN sh src/compile.sh Greeter Greeting Farewell\nFROM {base}\nCOPY --from=build /src /app\nCMD [\"/app\"]\n"
    ));
    let screen = build(&directory);
    screen.wait_for("compiling Farewell");
    std::thread::sleep(Duration::from_millis(1500));
    picture("build-during", &screen);
    screen.wait_for_its_end();
    picture("build", &screen);

    let (_tree, directory) = project(&format!("FROM {base} AS build\nCOPY src /src\nRUN sh src/compile.sh Greting\n"));
    let screen = build(&directory);
    screen.wait_for_its_end();
    picture("failed", &screen);
}

/// The set-up of Kaniko's tutorial with a directory that is mounted elsewhere.
#[test]
#[ignore = "needs tmux: scripts/test"]
fn the_picture_of_the_famous_error_is_what_a_terminal_shows() {
    let (_tree, directory) = project("FROM scratch\nCOPY src /src\n");
    let arguments =
        ["check", "--mount", ".:/workspace", "--", "--context=dir://workspace", "--dockerfile=dockerfile", "--no-push"];
    let screen = Screen::start(&Tool::new(&arguments).within(&directory), 120, 40);
    screen.wait_for_its_end();
    let text = screen.coloured();
    let shown: String =
        text.lines().filter(|line| !line.starts_with("exit code: ")).map(|line| format!("{line}\n")).collect();
    assert_picture("check", &format!("kaniko-local {}", arguments.join(" ")), &shown);
}

//! `context why` as a process.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

use serde_json::Value;

use crate::process::assert_transcript;
use crate::support::tool::{Finished, Tool};
use crate::support::tree::Tree;

/// A context with an ignore file that has something of everything.
fn service() -> Tree {
    let ignore_file = "# what the image does not need
node_modules
**/node_modules
*.log
!keep.log
vendor
!vendor/keep
  /docs/
!docs
docs/*.tmp
";
    Tree::new()
        .file(".dockerignore", ignore_file)
        .file("Dockerfile", "FROM scratch\n")
        .file("src/app.go", "")
        .file("node_modules/x/y.js", "")
        .file("web/ui/node_modules/x.js", "")
        .file("debug.log", "")
        .file("keep.log", "")
        .file("vendor/keep/f", "")
        .file("vendor/drop", "")
        .file("docs/guide", "")
        .file("docs/a.tmp", "")
        .link("link", "src")
}

fn why_in(tree: &Tree, arguments: &[&str]) -> Finished {
    Tool::new(&["context", "why"]).args(arguments).within(tree.path()).run()
}

fn document(finished: &Finished) -> Value {
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    serde_json::from_slice(&finished.stdout).unwrap()
}

#[test]
fn help() {
    assert_transcript!("help_context_why", Tool::new(&["context", "why", "--help"]).run());
}

#[test]
fn each_path_has_its_pattern_and_line() {
    let paths = [
        "src/app.go",
        "./node_modules/x/y.js",
        "web/ui/node_modules/",
        "web/ui/node_modules/x.js",
        "debug.log",
        "keep.log",
        "vendor",
        "vendor/keep/f",
        "vendor/drop",
        "docs/guide",
        "docs/a.tmp",
        ".dockerignore",
        ".",
    ];
    assert_transcript!("context_why", why_in(&service(), &paths));
}

#[test]
fn what_is_not_there_or_cannot_be_sent_is_said() {
    let tree = service();
    let _socket = UnixListener::bind(tree.path().join("agent.sock")).unwrap();
    assert_transcript!("context_why_not_there", why_in(&tree, &["src/new.go", "new.log", "agent.sock", "link/app.go"]));
}

#[test]
fn the_executors_own_filter_is_the_other_dialect() {
    let paths = [
        "--dialect",
        "kaniko",
        "web/ui/node_modules/x.js",
        "web/ui/node_modules",
        "node_modules",
        "docs/a.tmp",
        "src/app.go",
    ];
    assert_transcript!("context_why_kaniko", why_in(&service(), &paths));
}

#[test]
fn an_exception_that_dockers_walk_overlooks_is_named() {
    let tree = Tree::new().file(".dockerignore", "*\n!src/*/**\n").file("src/a/x", "");
    assert_transcript!("context_why_overlooked", why_in(&tree, &["src/a/x"]));
}

#[test]
fn as_json() {
    let paths = ["-o", "json", "./web/ui/node_modules/x.js", "vendor", "src/new.go"];
    assert_transcript!("context_why_json", why_in(&service(), &paths));
}

#[test]
fn the_keys_of_the_document_are_always_there() {
    let tree = Tree::new().file("a", "").file("d/x", "").file(".dockerignore", "*\n!d/x/y/**\n");
    let finished = why_in(&tree, &["-o", "json", "a", "d", "d/x", "nothing", "."]);
    let document = document(&finished);
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&document), ["dialect", "ignore_file", "paths", "schema"]);
    let wanted = [
        "chain",
        "error",
        "excluded",
        "given",
        "kind",
        "line",
        "other",
        "overlooked",
        "path",
        "pattern",
        "pruned_at",
        "sent",
        "sent_for",
    ];
    for path in document["paths"].as_array().unwrap() {
        assert_eq!(keys(path), wanted);
        assert_eq!(keys(&path["other"]), ["dialect", "error", "excluded", "line", "pattern", "sent_for"]);
    }
    assert_eq!(document["paths"][4]["path"], ".");
}

#[test]
fn an_ignore_file_that_docker_refuses_is_an_error() {
    let tree = Tree::new().file(".dockerignore", "node_modules\n[a\n").file("x", "");
    assert_transcript!("context_why_refused", why_in(&tree, &["x", "node_modules"]));
}

#[test]
fn an_ignore_file_that_the_executor_cannot_use_excludes_nothing() {
    let tree = Tree::new().file(".dockerignore", "node_modules\n[a\n").file("x", "");
    let arguments = ["--dialect", "kaniko", "x", "node_modules"];
    assert_transcript!("context_why_refused_kaniko", why_in(&tree, &arguments));
    let document = document(&why_in(&tree, &["-o", "json", "--dialect", "kaniko", "x"]));
    assert_eq!(document["paths"][0]["error"], "line 2: malformed pattern `[a`");
    assert_eq!(document["paths"][0]["excluded"], false);
    assert_eq!(document["paths"][0]["other"]["excluded"], Value::Null);
}

#[test]
fn a_pattern_that_only_one_dialect_tests_is_refused_by_that_one() {
    // The last pattern is tested on what the others have not excluded.
    let tree = Tree::new().file(".dockerignore", "**/a\n.dockerignore\n[b-a]\n").file("a/b/c", "");
    assert_transcript!("context_why_refused_by_one", why_in(&tree, &["a/b/c"]));
    tree.write("x", "");
    assert_transcript!("context_why_refused_elsewhere", why_in(&tree, &["a/b/c"]));
}

#[test]
fn without_an_ignore_file_everything_is_included() {
    let tree = Tree::new().file("x", "");
    assert_eq!(why_in(&tree, &["x"]).stdout(), "x: included, as there is no ignore file\n");
    assert_eq!(document(&why_in(&tree, &["x", "-o", "json"]))["ignore_file"], Value::Null);
}

#[test]
fn the_dockerfiles_own_ignore_file_is_named() {
    let tree = service().file("deploy/Dockerfile", "").file("deploy/Dockerfile.dockerignore", "*\n!src\n");
    let finished = why_in(&tree, &["-f", "deploy/Dockerfile", "keep.log"]);
    assert_eq!(finished.stdout(), "keep.log: excluded by `*` (deploy/Dockerfile.dockerignore:1)\n");
}

#[test]
fn paths_are_taken_from_the_current_directory_or_from_the_context() {
    let tree = service();
    let ask = |directory: &str, arguments: &[&str]| {
        let finished = Tool::new(&["context", "why"]).args(arguments).within(&tree.path().join(directory)).run();
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        finished.stdout().to_owned()
    };
    assert_eq!(
        ask("vendor", &["-C", "..", "drop"]),
        "drop: excluded by `vendor` (../.dockerignore:6), which matches `vendor`\n"
    );
    assert_eq!(
        ask("vendor", &["-C", "..", "../debug.log"]),
        "../debug.log: excluded by `*.log` (../.dockerignore:4)\n"
    );
    let above = tree.path().parent().unwrap();
    let context = tree.path().file_name().unwrap().to_str().unwrap();
    for typed in ["debug.log", &format!("{context}/debug.log"), &tree.path().join("debug.log").display().to_string()] {
        let finished = Tool::new(&["context", "why", "-C", context, typed]).within(above).run();
        assert_eq!(finished.stdout(), format!("{typed}: excluded by `*.log` ({context}/.dockerignore:4)\n"));
    }
}

#[test]
fn a_path_outside_of_the_context_is_a_usage_error() {
    assert_transcript!("context_why_outside", why_in(&service(), &["src", "../x"]));
    assert_eq!(why_in(&service(), &["/"]).code, Some(2));
    assert_eq!(why_in(&service(), &["-C", "src", "../Dockerfile"]).code, Some(2));
}

#[test]
fn no_path_is_a_usage_error() {
    assert_transcript!("context_why_no_path", why_in(&service(), &[]));
    assert_eq!(why_in(&service(), &[""]).code, Some(2));
}

#[test]
fn names_cannot_forge_lines_or_colours() {
    let name = "a\nb: included\x1b[31m\x1b[2J.log";
    let tree = service();
    tree.write(name, "");
    let finished = why_in(&tree, &[name]);
    assert_eq!(finished.stdout(), "a\\nb: included.log: excluded by `*.log` (.dockerignore:4)\n");
    assert_eq!(document(&why_in(&tree, &["-o", "json", name]))["paths"][0]["path"], name);
}

#[test]
fn names_need_not_be_utf8() {
    let tree = Tree::new().file(".dockerignore", b"caf\xe9\n");
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9");
    fs::write(tree.path().join(Path::new(name)), "").unwrap();
    let finished = Tool::new(&["context", "why"]).arg(name).within(tree.path()).run();
    assert_eq!(finished.stdout(), "caf\u{fffd}: excluded by `caf\u{fffd}` (.dockerignore:1)\n");
}

#[test]
fn the_answers_are_those_of_context_ls() {
    let tree = service();
    let listed = Tool::new(&["context", "ls"]).within(tree.path()).run().stdout().to_owned();
    let everything = ["Dockerfile", "src", "src/app.go", "node_modules", "node_modules/x/y.js", "web/ui/node_modules"];
    let more =
        ["web", "debug.log", "keep.log", "vendor", "vendor/keep", "vendor/keep/f", "vendor/drop", "docs/a.tmp", "link"];
    let finished = why_in(&tree, &[&["-o", "json"][..], &everything, &more].concat());
    for path in document(&finished)["paths"].as_array().unwrap() {
        let name = path["path"].as_str().unwrap();
        let shown = listed.lines().any(|line| line.trim_end_matches('/') == name);
        assert_eq!(path["sent"], shown, "{name}");
    }
}

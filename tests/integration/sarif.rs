//! `check -o sarif` against the schema of SARIF 2.1.0 (`fixtures/sarif`).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::process::{careless, run_in};
use crate::support::tool::{Finished, Tool};
use crate::support::tree::Tree;

static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
    let mut schema: Value = serde_json::from_str(include_str!("../../fixtures/sarif/sarif-schema-2.1.0.json")).unwrap();
    // Its pattern has a bracket too many, which not every reader of patterns takes; the tool writes no language.
    for owner in ["run", "toolComponent"] {
        schema["definitions"][owner]["properties"]["language"].as_object_mut().unwrap().remove("pattern").unwrap();
    }
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
});

/// What the schema has to say against a document.
fn complaints(document: &Value) -> Vec<String> {
    SCHEMA.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// The results in what was written, which has to be what the schema takes.
#[track_caller]
pub fn results(finished: &Finished) -> Vec<Value> {
    let document: Value = serde_json::from_slice(&finished.stdout).unwrap_or_else(|_| panic!("{finished:?}"));
    assert_eq!(complaints(&document), Vec::<String>::new(), "{document:#}");
    document["runs"][0]["results"].as_array().unwrap().clone()
}

fn uris(results: &[Value]) -> Vec<&str> {
    let locations = results.iter().flat_map(|result| result["locations"].as_array().unwrap());
    locations.map(|location| location["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap()).collect()
}

/// A document that is written by hand, and wrong: the schema is one that tells.
#[test]
fn the_schema_tells_what_is_wrong() {
    let document = |level: &str, uri: &str, line: i32| {
        json!({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}, "results": [{
            "level": level,
            "message": {"text": "x"},
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": line}}}],
        }]}]})
    };
    assert_eq!(complaints(&document("note", "a%20b", 1)), Vec::<String>::new());
    for wrong in [document("advice", "a", 1), document("note", "a b", 1), document("note", "a", 0)] {
        assert_eq!(complaints(&wrong).len(), 1, "{wrong}");
    }
}

#[test]
fn no_findings_are_a_run_without_results() {
    let tree = Tree::new().file("Dockerfile", "FROM scratch\nCOPY x /x\n").file("x", "x\n");
    let finished = run_in(&tree, &["check", "-o", "sarif"]);
    assert_eq!((finished.code, results(&finished)), (Some(0), vec![]));
    let document: Value = serde_json::from_slice(&finished.stdout).unwrap();
    let driver = &document["runs"][0]["tool"]["driver"];
    assert_eq!((driver["name"].as_str(), &driver["rules"]), (Some("kaniko-local"), &json!([])));
}

#[test]
fn what_is_found_in_a_dockerfile_has_its_place() {
    let tree = Tree::new().file("api/Dockerfile", "FROM scratch\nCOPY größe missing /x/\n").file("api/größe", "");
    let finished = run_in(&tree, &["check", "api", "-o", "sarif"]);
    let [result] = &results(&finished)[..] else { panic!("{finished:?}") };
    assert_eq!(finished.code, Some(1));
    assert_eq!((result["ruleId"].as_str(), result["level"].as_str()), (Some("copy-source-missing"), Some("error")));
    let location = &result["locations"][0]["physicalLocation"];
    assert_eq!(location["artifactLocation"]["uri"], "api/Dockerfile");
    assert_eq!(
        location["region"],
        json!({"startLine": 2, "startColumn": 12, "endLine": 2, "endColumn": 19}),
        "columns count characters"
    );
}

#[test]
fn what_is_about_no_line_is_about_a_file() {
    let empty = run_in(&Tree::new().file("x", ""), &["check", "-o", "sarif"]);
    assert_eq!((empty.code, uris(&results(&empty))), (Some(1), vec!["Dockerfile"]));
    let advice = results(&run_in(&careless(), &["check", "-o", "sarif"]));
    assert!(!advice.is_empty() && advice.iter().all(|result| result["level"] == "note"), "{advice:#?}");
    assert_eq!(uris(&advice).len(), advice.len(), "each has one place: {advice:#?}");
}

#[test]
fn manifests_and_arguments_are_told_too() {
    let tree = Tree::new().file("ci/pod ü.yaml", "kind: Pod\nspec: {hostPID: true, containers: [{name: kaniko, image: gcr.io/kaniko-project/executor, securityContext: {privileged: true}}]}\n");
    let file = results(&run_in(&tree, &["check", "--manifest", "ci/pod ü.yaml", "-o", "sarif"]));
    assert!(!file.is_empty() && uris(&file).iter().all(|uri| *uri == "ci/pod%20%C3%BC.yaml"), "{file:#?}");
    let text = std::fs::read(tree.path().join("ci/pod ü.yaml")).unwrap();
    let piped = results(&Tool::new(&["check", "--manifest", "-", "-o", "sarif"]).input(text).run());
    assert_eq!((piped.len(), uris(&piped)), (file.len(), vec![]), "standard input is no file");
    let arguments =
        ["check", "-o", "sarif", "--", "--destination=r.example.com/a:${TAG}", "--dockerfile=https://x.example/d"];
    let executor = results(&run_in(&tree, &arguments));
    let texts: Vec<&str> = executor.iter().map(|result| result["message"]["text"].as_str().unwrap()).collect();
    assert!(texts.iter().any(|text| text.contains("${{TAG}}")), "{texts:?}");
}

/// Names with anything in them that a file system takes.
#[test]
fn names_with_any_bytes_and_texts_with_any_characters() {
    let tree = Tree::new();
    let context = tree.path().join(OsStr::from_bytes(b"\xff\n\"\\ %20[a](b){0}\x1b]"));
    std::fs::create_dir(&context).unwrap();
    std::fs::write(context.join("Dockerfile"), "FROM scratch\nCOPY [\"\\u0001\\\"\u{202e}[x](1){0}\", \"/x\"]\n")
        .unwrap();
    let finished = Tool::new(&["check", "-o", "sarif"]).arg(context.file_name().unwrap()).within(tree.path()).run();
    let found = results(&finished);
    assert_eq!(uris(&found), ["%FF%0A%22%5C%20%2520%5Ba%5D%28b%29%7B0%7D%1B%5D/Dockerfile"], "{found:#?}");
    let text = found[0]["message"]["text"].as_str().unwrap();
    assert!(!text.contains("](") && text.contains("[x] (1){{0}}"), "{text}");
    let outside = Tool::new(&["check", "-o", "sarif"]).arg(&context).within(Path::new("/")).run();
    assert!(uris(&results(&outside))[0].starts_with("file:///"), "{outside:?}");
}

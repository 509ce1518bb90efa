//! Findings as SARIF 2.1.0, the form that editors and code hosts show findings in.
//!
//! Sections are those of the OASIS standard.

use std::path::{Component, Path, PathBuf};

use serde_json::{Value, json};

use crate::code::Code;
use crate::diagnose::{Finding, Place, Severity, Span};
use crate::sys::{OsStrExt, slashed};

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// `check -o sarif`. With each finding comes the file that it is about where no span says so: GitHub refuses a whole
/// document if one of its results has no location (github/codeql-action#1738).
pub fn check_sarif(findings: &[(Finding, Option<PathBuf>)]) -> Value {
    let mut codes: Vec<Code> = findings.iter().map(|(finding, _)| finding.code).collect();
    codes.sort_unstable();
    codes.dedup();
    let rules: Vec<Value> = codes.iter().map(|code| rule(*code)).collect();
    let results: Vec<Value> =
        findings.iter().map(|(finding, about)| result(finding, about.as_deref(), &codes)).collect();
    let mut driver = json!({
        "name": env!("CARGO_PKG_NAME"),
        "version": env!("CARGO_PKG_VERSION"),
        "rules": rules,
    });
    if let Some(uri) = option_env!("CARGO_PKG_REPOSITORY").filter(|uri| !uri.is_empty()) {
        driver["informationUri"] = json!(uri);
    }
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": driver },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn rule(code: Code) -> Value {
    json!({ "id": code.name(), "shortDescription": { "text": message(code.about()) } })
}

fn result(finding: &Finding, about: Option<&Path>, codes: &[Code]) -> Value {
    let level = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Advice => "note",
    };
    let mut locations: Vec<Value> = finding.spans.iter().filter_map(of_span).collect();
    if finding.spans.is_empty() {
        locations.extend(about.and_then(uri).map(|uri| location(&uri, None)));
    }
    json!({
        "ruleId": finding.code.name(),
        "ruleIndex": codes.binary_search(&finding.code).ok(),
        "level": level,
        "message": { "text": message(&told(finding)) },
        "locations": locations,
    })
}

/// Title, evidence and action, as they are told elsewhere.
fn told(finding: &Finding) -> String {
    let mut text = finding.message.clone();
    finding.notes.iter().for_each(|note| text.push_str(&format!("\nnote: {note}")));
    text.extend(finding.help.iter().map(|help| format!("\nhelp: {help}")));
    text
}

/// In a message braces stand for arguments (3.11.5), and `[text](target)` is a link (3.11.6): whoever chose the name of a
/// file is not to choose where a click leads.
fn message(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}").replace("](", "] (")
}

fn of_span(span: &Span) -> Option<Value> {
    Some(location(&uri(&span.file)?, Some(span.place)))
}

fn location(uri: &str, place: Option<Place>) -> Value {
    let mut physical = json!({ "artifactLocation": { "uri": uri } });
    match place {
        None => {}
        // No more than the line is known, and so it is all of the line.
        Some(place) if place == Place::start_of(place.line) => physical["region"] = json!({ "startLine": place.line }),
        Some(Place { line, column, end_line, end_column }) => {
            physical["region"] =
                json!({ "startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column });
        }
    }
    json!({ "physicalLocation": physical })
}

/// A URI reference (3.10); none for standard input, which nobody can look at later.
fn uri(file: &Path) -> Option<String> {
    if file == Path::new("-") {
        return None;
    }
    let path: PathBuf = slashed(file.components().filter(|part| *part != Component::CurDir).collect());
    let scheme = match path.is_absolute() {
        true if path.as_os_str().as_bytes().starts_with(b"/") => "file://",
        // A drive.
        true => "file:///",
        false => "",
    };
    let escaped = path.as_os_str().as_bytes().iter().map(|byte| match byte {
        // A colon in front of the first slash would end a scheme: it is escaped like all that need not stand as it is.
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => char::from(*byte).to_string(),
        byte => format!("%{byte:02X}"),
    });
    Some(std::iter::once(scheme.to_owned()).chain(escaped).collect())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn paths_become_uri_references_whatever_bytes_they_have() {
        for (path, wanted) in [
            (&b"Dockerfile"[..], "Dockerfile"),
            (b"./api/./Dockerfile", "api/Dockerfile"),
            (b"../api/Dockerfile", "../api/Dockerfile"),
            (b"/srv/app/Dockerfile", "file:///srv/app/Dockerfile"),
            (b"a b/100%/x#y?z", "a%20b/100%25/x%23y%3Fz"),
            (b"c:x/y", "c%3Ax/y"),
            ("größe".as_bytes(), "gr%C3%B6%C3%9Fe"),
            (b"\xff\n\"\\", "%FF%0A%22%5C"),
        ] {
            assert_eq!(uri(Path::new(OsStr::from_bytes(path))).as_deref(), Some(wanted));
        }
        assert_eq!(uri(Path::new("-")), None);
    }

    #[test]
    fn a_message_has_no_placeholders_and_no_links() {
        assert_eq!(message("`${TAG}` and `{0}`"), "`${{TAG}}` and `{{0}}`");
        assert_eq!(message("[here](https://evil.example) [a] (b)"), "[here] (https://evil.example) [a] (b)");
    }

    #[test]
    fn a_rule_is_there_once_and_each_result_names_it() {
        let finding = |code, severity, spans| Finding {
            code,
            severity,
            message: "a `b`".to_owned(),
            spans,
            notes: vec!["c".to_owned()],
            help: Some("d".to_owned()),
        };
        let span = |place| Span { file: "Dockerfile".into(), place };
        let place = Place { line: 2, column: 3, end_line: 4, end_column: 5 };
        let about = Some(PathBuf::from("api/Dockerfile"));
        let found = [
            (finding(Code::SymlinkLoop, Severity::Advice, vec![span(Place::start_of(7))]), about.clone()),
            (finding(Code::DockerfileSyntax, Severity::Error, vec![span(place)]), about.clone()),
            (finding(Code::SymlinkLoop, Severity::Warning, vec![]), about),
            (finding(Code::NoKaniko, Severity::Warning, vec![]), None),
        ];
        let document = check_sarif(&found);
        let run = &document["runs"][0];
        let ids: Vec<&str> = run["tool"]["driver"]["rules"]
            .as_array()
            .unwrap()
            .iter()
            .map(|rule| rule["id"].as_str().unwrap())
            .collect();
        assert_eq!(ids, ["dockerfile-syntax", "symlink-loop", "no-kaniko"]);
        let results = run["results"].as_array().unwrap();
        for (result, (finding, _)) in results.iter().zip(&found) {
            let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!((result["ruleId"].as_str(), ids[index]), (Some(finding.code.name()), finding.code.name()));
            assert_eq!(result["message"]["text"], "a `b`\nnote: c\nhelp: d");
        }
        let levels: Vec<&str> = results.iter().map(|result| result["level"].as_str().unwrap()).collect();
        assert_eq!(levels, ["note", "error", "warning", "warning"]);
        let places: Vec<&Value> = results.iter().map(|result| &result["locations"][0]["physicalLocation"]).collect();
        assert_eq!(places[0]["region"], json!({"startLine": 7}));
        assert_eq!(places[1]["region"], json!({"startLine": 2, "startColumn": 3, "endLine": 4, "endColumn": 5}));
        assert_eq!(*places[2], json!({"artifactLocation": {"uri": "api/Dockerfile"}}));
        assert_eq!(results[3]["locations"], json!([]));
    }
}

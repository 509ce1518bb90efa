//! Every recorded answer of the upstream code, see `fixtures/dockerignore/README.md`.

use serde_json::Value;

use super::super::parse::{ListedPattern, parse};
use super::super::{Dialect, IgnoreError, Judgement, Matcher, Rules, Verdict};
use super::tree::{Skip, Tree};

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/dockerignore/", $name))
    };
}

const PAIRS: &str = fixture!("dockerignore.jsonl");
const QUIRKS: &str = fixture!("dockerignore-quirks.jsonl");
const ERRORS: &str = fixture!("dockerignore-errors.jsonl");
const PARSE: &str = fixture!("dockerignore-parse.jsonl");
const TREES: &str = fixture!("dockerignore-trees.jsonl");

#[test]
fn pairs_from_other_projects_get_dockers_answer() {
    check_rows(PAIRS, 853, judge_pair);
}

#[test]
fn quirks_get_dockers_answer() {
    check_rows(QUIRKS, 166, judge_pair);
}

#[test]
fn lists_that_docker_refuses_are_refused_at_the_same_stage() {
    check_rows(ERRORS, 57, judge_refusal);
}

#[test]
fn pairs_from_other_projects_get_the_executors_answer() {
    check_rows(PAIRS, 853, judge_pair_as_executor);
}

#[test]
fn quirks_get_the_executors_answer() {
    check_rows(QUIRKS, 166, judge_pair_as_executor);
}

#[test]
fn lists_that_docker_refuses_exclude_nothing_for_the_executor() {
    check_rows(ERRORS, 57, judge_failing_open);
}

#[test]
fn ignore_files_are_read_as_docker_reads_them() {
    check_rows(PARSE, 73, judge_reading);
}

#[test]
fn trees_yield_the_context_that_buildkit_sends() {
    check_rows(TREES, 64, judge_tree);
}

/// Runs `judge` on each row; it gives what is wrong. All failures are shown together.
fn check_rows(rows: &str, expected: usize, judge: impl Fn(&Value) -> Result<(), String>) {
    let mut count = 0;
    let mut failures = Vec::new();
    for (index, line) in rows.lines().enumerate() {
        count += 1;
        let row: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("row {}: {error}", index + 1));
        if let Err(failure) = judge(&row) {
            failures.push(format!("row {}: {failure}\n  {line}", index + 1));
        }
    }
    assert_eq!(count, expected, "number of rows");
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
}

fn text<'r>(row: &'r Value, field: &str) -> Result<&'r str, String> {
    row[field].as_str().ok_or_else(|| format!("no text in {field}"))
}

fn texts<'r>(row: &'r Value, field: &str) -> Result<Vec<&'r str>, String> {
    let list = row[field].as_array().ok_or_else(|| format!("no list in {field}"))?;
    let texts: Option<Vec<_>> = list.iter().map(Value::as_str).collect();
    texts.ok_or_else(|| format!("not only texts in {field}"))
}

/// How a list of patterns reaches the matcher.
#[derive(Debug, Clone, Copy)]
enum Via {
    File,
    New,
}

impl Via {
    fn of(row: &Value) -> Result<Vec<Self>, String> {
        match text(row, "via")? {
            "file" => Ok(vec![Self::File]),
            "new" => Ok(vec![Self::New]),
            "both" => Ok(vec![Self::File, Self::New]),
            other => Err(format!("unknown via: {other}")),
        }
    }

    fn listed(self, patterns: &[&str]) -> Result<Vec<ListedPattern>, IgnoreError> {
        match self {
            Self::File => parse(patterns.join("\n").as_bytes()),
            Self::New => Ok(patterns
                .iter()
                .enumerate()
                .map(|(index, pattern)| ListedPattern::new(index + 1, pattern.as_bytes()))
                .collect()),
        }
    }
}

fn judge_pair(row: &Value) -> Result<(), String> {
    let patterns = texts(row, "patterns")?;
    let path = text(row, "path")?;
    let wanted = row["excluded_walk"].as_bool().ok_or("no answer")?;
    for via in Via::of(row)? {
        let verdict = via
            .listed(&patterns)
            .and_then(|listed| Matcher::new(&listed))
            .and_then(|matcher| matcher.verdict(path.as_bytes()))
            .map_err(|error| format!("{via:?}: {error}"))?;
        if verdict.excluded != wanted {
            return Err(format!("{via:?}: {verdict:?}"));
        }
    }
    Ok(())
}

fn judge_pair_as_executor(row: &Value) -> Result<(), String> {
    let patterns = texts(row, "patterns")?;
    let path = text(row, "path")?.as_bytes();
    let wanted = row["excluded_kaniko"].as_bool().ok_or("no answer")?;
    for via in Via::of(row)? {
        let matcher =
            via.listed(&patterns).and_then(|listed| Matcher::new(&listed)).map_err(|error| error.to_string())?;
        let explanation = matcher.explain_as_executor(path).map_err(|error| error.to_string())?;
        if explanation.excluded() != wanted {
            return Err(format!("{via:?}: {explanation:?}"));
        }
    }
    Ok(())
}

fn judge_failing_open(row: &Value) -> Result<(), String> {
    let file = texts(row, "patterns")?.join("\n");
    let rules = Rules::from_file(file.as_bytes()).map_err(|error| error.to_string())?;
    let path = text(row, "path")?;
    match rules.judge(Dialect::Kaniko, path.as_bytes()) {
        judgement if judgement.excluded() => Err(format!("{judgement:?}")),
        Judgement::Refused(_) => Ok(()),
        // No pattern is tested on the context itself.
        Judgement::Explained(_) if path == "." => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

fn judge_refusal(row: &Value) -> Result<(), String> {
    let patterns = texts(row, "patterns")?;
    let path = text(row, "path")?;
    for via in Via::of(row)? {
        let stage = stage_of_refusal(via, &patterns, path);
        if stage != text(row, "error")? {
            return Err(format!("{via:?}: {stage}"));
        }
    }
    Ok(())
}

fn stage_of_refusal(via: Via, patterns: &[&str], path: &str) -> &'static str {
    let Ok(listed) = via.listed(patterns) else {
        return "parse";
    };
    let Ok(matcher) = Matcher::new(&listed) else {
        return "new";
    };
    match matcher.verdict(path.as_bytes()) {
        Err(_) => "match",
        Ok(Verdict { .. }) => "not refused",
    }
}

fn judge_reading(row: &Value) -> Result<(), String> {
    let file = ignore_file(row)?;
    let listed = match (parse(&file), row["patterns"].is_null() && row["error"].is_string()) {
        (Ok(listed), false) => listed,
        (Err(IgnoreError::LineTooLong { .. }), true) => return Ok(()),
        (result, _) => return Err(format!("{result:?}")),
    };
    let wanted = match row["patterns_lossy_utf8"] {
        Value::Null => texts(row, "patterns")?,
        _ => texts(row, "patterns_lossy_utf8")?,
    };
    let wanted: Vec<String> = wanted.iter().map(|pattern| expand(row, pattern)).collect();
    let read: Vec<_> = listed.iter().map(|listed| String::from_utf8_lossy(listed.text())).collect();
    if read != wanted {
        return Err(format!("{read:?}"));
    }
    if Matcher::new(&listed).is_err() != row["compile_error"].as_bool().ok_or("no answer")? {
        return Err("compiles differently".to_owned());
    }
    Ok(())
}

/// The ignore file of a row, in whichever form it is given.
fn ignore_file(row: &Value) -> Result<Vec<u8>, String> {
    if let Some(encoded) = row["text_b64"].as_str() {
        return Ok(from_base64(encoded));
    }
    if row["text_template"].is_string() {
        return Ok(expand(row, text(row, "text_template")?).into_bytes());
    }
    Ok(text(row, "text")?.as_bytes().to_vec())
}

fn expand(row: &Value, template: &str) -> String {
    let letters = row["text_repeat"]["x"].as_u64().and_then(|count| usize::try_from(count).ok());
    template.replace("{X}", &"x".repeat(letters.unwrap_or_default()))
}

fn from_base64(encoded: &str) -> Vec<u8> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    let (mut buffer, mut bits) = (0_usize, 0);
    for digit in encoded.chars().filter_map(|char| DIGITS.find(char)) {
        buffer = (buffer << 6 | digit) & 0xFFFF;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.extend(u8::try_from(buffer >> bits & 0xFF));
        }
    }
    bytes
}

fn judge_tree(row: &Value) -> Result<(), String> {
    let tree = Tree::new(texts(row, "tree")?);
    let matcher = Matcher::from_file(text(row, "ignore_file")?.as_bytes());
    for skip in [Skip::Nothing, Skip::Allowed] {
        let sent = match &matcher {
            Ok(matcher) => tree.context(matcher, skip),
            Err(error) => Err(error.clone()),
        };
        match sent {
            Err(_) if row["error"] == true => {}
            Ok(sent) if row["error"].is_null() && sent == texts(row, "buildkit")? => {}
            other => return Err(format!("{skip:?}: {other:?}")),
        }
    }
    Ok(())
}

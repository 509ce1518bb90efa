//! Dockerfiles as this program reads them and as BuildKit does.

use std::fs;
use std::path::{Path, PathBuf};

use kaniko_local::dockerfile::Channel;
use serde_json::{Map, Value, json};

use crate::support::buildkit::{answer, ask, settled, without_chance};
use crate::support::dockerfiles::{Chance, dockerfile, word_request};

const CHANNELS: [(Channel, &str); 2] = [(Channel::Stable, "stable"), (Channel::Labs, "labs")];

#[test]
fn dockerfiles_and_words_are_read_as_recorded_of_buildkit() {
    let corpus = corpus();
    let recorded = rows(&fixtures().join("answers.jsonl"));
    assert_eq!((corpus.len(), recorded.len()), (494, 494), "see fixtures/dockerfiles/README.md");
    let mut differences = Vec::new();
    for ((name, request), recorded) in corpus.iter().zip(recorded) {
        assert_eq!(recorded["name"], *name);
        for (channel, key) in CHANNELS {
            // What both channels say is there once.
            let theirs = recorded.get(key).unwrap_or(&recorded["stable"]);
            differences.extend(difference(channel, request, theirs.clone()));
        }
    }
    assert_none(differences);
}

#[test]
#[ignore = "needs Go, as the test cluster does: scripts/test"]
fn what_is_recorded_is_what_buildkit_says() {
    let (names, requests): (Vec<_>, Vec<_>) = corpus().into_iter().unzip();
    let answers = CHANNELS.map(|(channel, _)| ask(channel, &requests).into_iter().map(without_chance));
    let [stable, labs] = answers.map(Iterator::collect::<Vec<_>>);
    let rows = names.iter().zip(stable.into_iter().zip(labs)).map(|(name, (stable, labs))| {
        let mut row = Map::from_iter([("name".to_owned(), json!(name)), ("stable".to_owned(), stable.clone())]);
        if labs != stable {
            row.insert("labs".into(), labs);
        }
        format!("{}\n", Value::Object(row))
    });
    let (now, file) = (rows.collect::<String>(), fixtures().join("answers.jsonl"));
    if std::env::var_os("KANIKO_LOCAL_RECORD").is_some() {
        fs::write(file, now).unwrap();
    } else {
        assert!(fs::read_to_string(file).unwrap() == now, "KANIKO_LOCAL_RECORD=1 records it anew");
    }
}

/// How many are made up; a longer run is `KANIKO_LOCAL_DOCKERFILES=200000`.
fn count() -> u64 {
    std::env::var("KANIKO_LOCAL_DOCKERFILES").ok().map_or(2_000, |count| count.parse().unwrap())
}

#[test]
#[ignore = "needs Go, as the test cluster does: scripts/test"]
fn made_up_dockerfiles_are_read_as_buildkit_reads_them() {
    for channel in [Channel::Stable, Channel::Labs] {
        assert_all_agree(channel, |chance| json!({ "dockerfile": dockerfile(chance) }));
    }
}

#[test]
#[ignore = "needs Go, as the test cluster does: scripts/test"]
fn made_up_words_are_expanded_as_buildkit_expands_them() {
    assert_all_agree(Channel::Stable, word_request);
}

/// Shows a few of those that differ.
fn assert_all_agree(channel: Channel, make: impl Fn(&mut Chance) -> Value) {
    const BATCH: u64 = 20_000;
    let mut differences = Vec::new();
    for start in (0..count()).step_by(BATCH as usize) {
        let requests: Vec<Value> =
            (start..(start + BATCH).min(count())).map(|seed| make(&mut Chance::new(seed))).collect();
        let answers = ask(channel, &requests);
        assert_eq!(requests.len(), answers.len());
        for (request, theirs) in requests.iter().zip(answers) {
            differences.extend(difference(channel, request, theirs));
        }
    }
    assert_none(differences);
}

fn difference(channel: Channel, request: &Value, theirs: Value) -> Option<String> {
    let (ours, theirs) = (settled(answer(channel, request)), settled(theirs));
    (ours != theirs).then(|| format!("{request}\nours:   {ours}\ntheirs: {theirs}\n"))
}

#[track_caller]
fn assert_none(mut differences: Vec<String>) {
    differences.sort_by_key(String::len);
    let (count, shown) = (differences.len(), &differences[..differences.len().min(12)]);
    assert!(count == 0, "{count} differ, the shortest:\n{}", shown.join("\n"));
}

/// Names and requests: each file, each quirk, each word.
fn corpus() -> Vec<(String, Value)> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(fixtures().join("files")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let of_file = |path: PathBuf| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, json!({ "dockerfile": fs::read_to_string(&path).unwrap() }))
    };
    let named = |key: &'static str| move |row: Value| (row[key].as_str().unwrap().to_owned(), row);
    let quirks = rows(&fixtures().join("quirks.jsonl")).into_iter().map(named("name"));
    let words = rows(&fixtures().join("words.jsonl")).into_iter().map(named("word"));
    files.into_iter().map(of_file).chain(quirks).chain(words).collect()
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/dockerfiles")
}

fn rows(file: &Path) -> Vec<Value> {
    fs::read_to_string(file).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

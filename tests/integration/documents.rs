//! Links of the documents lead somewhere, and commands that their text names are such.

use std::path::{Path, PathBuf};

use clap::CommandFactory;
use clap::error::ErrorKind;
use kaniko_local::cli::Cli;

/// README.md and its like, and those in docs.
pub fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let directories = [root.to_owned(), root.join("docs")];
    let entries = directories.into_iter().flat_map(|directory| std::fs::read_dir(directory).unwrap());
    let mut documents: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    documents.sort();
    documents
}

/// Its lines that are not in fences.
fn prose(document: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(document).unwrap();
    let mut is_fenced = false;
    let lines = text.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        is_fenced ^= is_fence;
        !is_fenced && !is_fence
    });
    lines.map(str::to_owned).collect()
}

/// The anchor that code hosts give a heading.
fn anchor(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = heading.chars().filter(|letter| letter.is_alphanumeric() || [' ', '-', '_'].contains(letter));
    kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

#[test]
fn every_link_of_a_document_leads_to_a_file_that_is_there_and_to_a_heading_in_it() {
    let mut count = 0;
    for document in documents() {
        let text = prose(&document).join("\n");
        for target in text.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0)) {
            if target.contains("://") {
                continue;
            }
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let path = match file {
                "" => document.clone(),
                file => document.parent().unwrap().join(file),
            };
            assert!(path.exists(), "{}: no `{target}`", document.display());
            let is_there = || prose(&path).iter().any(|line| line.starts_with('#') && anchor(line) == heading);
            assert!(heading.is_empty() || is_there(), "{}: no heading `{target}`", document.display());
            count += 1;
        }
    }
    assert!(count > 30, "{count}");
}

/// Not those in fences, which are run. Some are not whole: `build -t`.
#[test]
fn every_command_that_a_text_names_is_one_that_the_tool_takes_with_flags_that_it_has() {
    let mut count = 0;
    for document in documents() {
        let text = prose(&document).join(" ");
        let quoted = text.split('`').skip(1).step_by(2);
        for (_, words) in quoted.filter_map(|quoted| quoted.split_once("kaniko-local ")) {
            let words = words.split(['<', '>', '|', ')']).next().unwrap_or_default();
            let typed = std::iter::once("kaniko-local").chain(words.split_whitespace());
            let refused = Cli::command().try_get_matches_from(typed).err().map(|error| error.kind());
            let is_known = !matches!(refused, Some(ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand));
            assert!(is_known, "{}: `kaniko-local {words}`", document.display());
            count += 1;
        }
    }
    assert!(count > 40, "{count}");
}

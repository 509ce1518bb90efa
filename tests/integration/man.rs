//! Pages of the manual, as roff reads them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::process::assert_transcript;
use crate::support::tool::Tool;
use crate::support::tree::Tree;

/// All pages, by the names of their files.
fn written(directory: &Path) -> Vec<(String, PathBuf)> {
    let finished = Tool::new(&["man", "--output-dir"]).arg(directory).run();
    assert_eq!(finished.code, Some(0), "{}", finished.transcript());
    let mut pages: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.path()))
        .collect();
    pages.sort();
    pages
}

/// The commands that a help lists.
fn commands(words: &[&str]) -> Vec<String> {
    let help = Tool::new(&[words, &["--help"]].concat()).run().stdout().to_owned();
    let Some((_, list)) = help.split_once("\nCommands:\n") else { return vec![] };
    let lines = list.lines().take_while(|line| !line.is_empty()).filter(|line| !line.starts_with("   "));
    lines.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn every_command_has_a_page_and_roff_has_nothing_to_say_about_it() {
    let tree = Tree::new();
    let directory = tree.path().join("man/man1");
    let pages = written(&directory);
    let mut expected = vec!["kaniko-local.1".to_owned()];
    for command in commands(&[]) {
        let below = commands(&[&command]).into_iter().map(|below| format!("kaniko-local-{command}-{below}.1"));
        expected.extend(below.chain([format!("kaniko-local-{command}.1")]));
    }
    expected.sort();
    assert!(expected.len() > 10, "{expected:?}");
    assert_eq!(pages.iter().map(|(name, _)| name).collect::<Vec<_>>(), expected.iter().collect::<Vec<_>>());

    for (name, path) in pages {
        let groff =
            Command::new("groff").args(["-man", "-Tutf8", "-ww"]).arg(&path).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8(groff.stderr).unwrap();
        assert!(groff.status.success() && said.is_empty(), "{name}: {said}");
        let words = name.trim_end_matches(".1").trim_start_matches("kaniko-local").trim_start_matches('-');
        let printed =
            Tool::new(&["man"]).args(&words.split('-').filter(|word| !word.is_empty()).collect::<Vec<_>>()).run();
        assert_eq!(printed.stdout(), fs::read_to_string(&path).unwrap(), "{name}");
    }
}

#[test]
fn a_page_has_exit_codes_and_examples_in_sections_of_their_own() {
    assert_transcript!("man_context_why", Tool::new(&["man", "context", "why"]).run());
    let page = Tool::new(&["man", "build"]).run();
    assert!(page.stdout().contains("\n.SH \"EXIT STATUS\"\n.TP\n\\fB0\\fR\nthe image is built and pushed\n"));
}

#[test]
fn there_is_no_page_on_what_is_no_command() {
    assert_transcript!("man_no_command", Tool::new(&["man", "context", "list"]).run());
}

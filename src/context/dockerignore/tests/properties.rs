//! Laws that hold for any patterns and any tree.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::{Dialect, Judgement, Matcher, Rules};
use super::tree::{Skip, Tree};

/// Pieces of patterns that people write.
const ORDINARY: &[&str] = &[
    "a", "b", "ab", "x.go", "*", "**", "?", "/", "/a", "b/", "**/", "/**", "/*", "*.go", "[ab]", "[^a]", "\\a", ".",
    "..", "+", "é",
];

/// Pieces that mean something else to a regular expression, or nothing at all.
const ODD: &[&str] = &[
    "a",
    "b",
    "*",
    "**/",
    "/*",
    "/**",
    "/",
    "?",
    "{2}",
    "{0}",
    "{",
    "}",
    "|",
    "^",
    "\\",
    "\\d",
    "\\Q",
    "\\E",
    "\\pL",
    "\\b",
    "\\B",
    "\\x61",
    "[",
    "]",
    "[a-b]",
    "[b-a]",
    "[[:alpha:]]",
    "[*]",
    "-",
    "&&",
    "\u{FEFF}",
    "$",
    "(",
    ")",
    "#",
    " ",
    "!",
    "\r",
];

const NAMES: &[&str] = &["a", "b", "ab", "aa", "x.go", "é", "a|b", "-", "+"];

fn ignore_file(pieces: &'static [&'static str]) -> impl Strategy<Value = String> {
    let pattern = (prop_oneof![2 => Just(""), 1 => Just("!")], vec(select(pieces), 1..6))
        .prop_map(|(sign, pieces)| format!("{sign}{}", pieces.concat()));
    let line = prop_oneof![1 => Just("*".to_owned()), 6 => pattern];
    vec(line, 1..7).prop_map(|lines| lines.join("\n"))
}

fn any_ignore_file() -> impl Strategy<Value = String> {
    prop_oneof![ignore_file(ORDINARY), ignore_file(ODD)]
}

fn tree() -> impl Strategy<Value = Vec<String>> {
    vec(vec(select(NAMES), 1..5).prop_map(|components| components.join("/")), 1..20)
}

fn tree_of(paths: &[String]) -> Tree {
    Tree::new(paths.iter().map(String::as_str))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn passing_over_directories_no_exception_reaches_never_changes_the_context(
        file in any_ignore_file(),
        paths in tree(),
    ) {
        if let Ok(matcher) = Matcher::from_file(file.as_bytes()) {
            let tree = tree_of(&paths);
            prop_assert_eq!(
                tree.context(&matcher, Skip::Unreachable),
                tree.context(&matcher, Skip::Nothing)
            );
        }
    }

    #[test]
    fn passing_over_more_directories_than_buildkit_never_changes_the_context(
        file in any_ignore_file(),
        paths in tree(),
    ) {
        if let Ok(matcher) = Matcher::from_file(file.as_bytes()) {
            let tree = tree_of(&paths);
            prop_assert_eq!(tree.context(&matcher, Skip::Allowed), tree.context(&matcher, Skip::AsBuildKit));
        }
    }

    #[test]
    fn judging_a_path_alone_agrees_with_the_walk(file in any_ignore_file(), paths in tree()) {
        if let Ok(matcher) = Matcher::from_file(file.as_bytes())
            && let Ok(sent) = tree_of(&paths).context(&matcher, Skip::Nothing)
        {
            let listed = |form: &String| sent.contains(form);
            for path in &paths {
                let Ok(verdict) = matcher.verdict(path.as_bytes()) else { continue };
                // An excluded directory may be there for the sake of its entries.
                let sent = listed(path) || (!verdict.excluded && listed(&format!("{path}/")));
                prop_assert_eq!(sent, !verdict.excluded, "{}", path);
            }
        }
    }

    #[test]
    fn an_explanation_is_what_the_walk_does(file in any_ignore_file(), paths in tree()) {
        if let Ok(matcher) = Matcher::from_file(file.as_bytes())
            && let Ok(sent) = tree_of(&paths).context(&matcher, Skip::Allowed)
        {
            for path in &paths {
                let Ok(explanation) = matcher.explain(path.as_bytes()) else { continue };
                let listed = |form: &String| sent.contains(form);
                let sent = listed(path) || (!explanation.excluded() && listed(&format!("{path}/")));
                prop_assert_eq!(sent, !explanation.excluded(), "{}: {:?}", path, explanation);
                if explanation.pruned.is_none() {
                    let decided_by = matcher.verdict(path.as_bytes()).ok().and_then(|verdict| verdict.decided_by);
                    let line = explanation.deciding().map(|step| step.pattern.line());
                    prop_assert_eq!(line, decided_by.map(|index| matcher.patterns()[index].line()));
                }
            }
        }
    }

    #[test]
    fn each_step_of_the_executor_changes_the_verdict(file in any_ignore_file(), paths in tree()) {
        let Ok(rules) = Rules::from_file(file.as_bytes()) else { return Ok(()) };
        for path in &paths {
            let Judgement::Explained(explanation) = rules.judge(Dialect::Kaniko, path.as_bytes()) else { continue };
            for (index, step) in explanation.steps.iter().enumerate() {
                prop_assert_eq!(step.pattern.is_exception(), index % 2 == 1);
                let matched = String::from_utf8_lossy(&step.matched).into_owned();
                prop_assert!(*path == matched || path.starts_with(&(matched + "/")));
            }
        }
    }

    #[test]
    fn any_bytes_are_read_compiled_and_matched_without_a_panic(
        file in vec(any::<u8>(), 0..60),
        path in vec(any::<u8>(), 0..20),
    ) {
        if let Ok(matcher) = Matcher::from_file(&file) {
            let _ = matcher.verdict(&path);
            let _ = matcher.root().may_skip_directory(&path);
        }
    }
}

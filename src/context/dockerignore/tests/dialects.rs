//! Explanations in both dialects, and where the two differ.

use super::super::{Dialect, Explanation, IgnoreError, Judgement, Rules, tested_by_executor};

fn rules(patterns: &[&str]) -> Rules {
    Rules::from_file(patterns.join("\n").as_bytes()).unwrap_or_else(|error| panic!("{patterns:?}: {error}"))
}

/// The steps as `line matched`, then the verdict, then what is passed over.
fn told(explanation: &Explanation<'_>) -> String {
    let steps: String = explanation
        .steps
        .iter()
        .map(|step| format!("{} {}, ", step.pattern.line(), String::from_utf8_lossy(&step.matched)))
        .collect();
    let verdict = if explanation.excluded() { "excluded" } else { "included" };
    let pruned = explanation.pruned.as_ref().map_or_else(String::new, |pruned| {
        let overlooked = pruned.overlooked.map_or_else(String::new, |pattern| format!(" despite {}", pattern.line()));
        format!(", pruned at {}{overlooked}", String::from_utf8_lossy(&pruned.directory))
    });
    format!("{steps}{verdict}{pruned}")
}

#[track_caller]
fn check(dialect: Dialect, table: &[(&[&str], &str, &str)]) {
    for (patterns, path, wanted) in table {
        match rules(patterns).judge(dialect, path.as_bytes()) {
            Judgement::Explained(explanation) => assert_eq!(told(&explanation), *wanted, "{patterns:?} on {path}"),
            refused => panic!("{patterns:?} on {path}: {refused:?}"),
        }
    }
}

#[test]
fn docker_tells_every_pattern_that_matched_on_the_way_down() {
    check(
        Dialect::Docker,
        &[
            (&[], "a/b", "included"),
            (&["x"], "a/b", "included"),
            (&["a"], "a/b", "1 a, excluded, pruned at a"),
            (&["a"], "a", "1 a, excluded, pruned at a"),
            (&["*", "!a"], "a/b", "1 a, 2 a, included"),
            (
                &["*", "!docs", "docs/*.tmp"],
                "docs/a.tmp",
                "1 docs, 2 docs, 3 docs/a.tmp, excluded, pruned at docs/a.tmp",
            ),
            (&["a", "!a/b/c"], "a/b/c/d", "1 a, 2 a/b/c, included"),
            (&["a", "!a/b/c"], "a/b", "1 a, excluded"),
            // An exception before what it excepts.
            (&["!a", "*"], "a", "2 a, excluded, pruned at a"),
            // Tried on the entry before the pattern that its directory hands down.
            (&["**/*.log", "logs", "!**/keep"], "logs/a.log", "1 logs/a.log, 2 logs, excluded"),
            // The walk ends at `logs`, so the first pattern has no part in it.
            (&["**/*.log", "logs"], "logs/a.log", "2 logs, excluded, pruned at logs"),
            // Nothing to exclude: the exception is not tried.
            (&["!a"], "a", "included"),
            (&["*"], "", "included"),
        ],
    );
}

#[test]
fn docker_names_the_exception_that_its_walk_overlooks() {
    check(
        Dialect::Docker,
        &[
            (&["*", "!src/*/**"], "src/a/x", "1 src, excluded, pruned at src/a despite 2"),
            (&["*", "!a{2}/*"], "aa/x", "1 aa, excluded, pruned at aa despite 2"),
            (&["*", "!src/*/**"], "src/x", "1 src, excluded, pruned at src/x"),
        ],
    );
}

#[test]
fn the_executor_tests_only_one_of_the_directories_above() {
    check(
        Dialect::Kaniko,
        &[
            (&["node_modules"], "node_modules/a/b", "1 node_modules, excluded"),
            (&["**/node_modules"], "node_modules", "1 node_modules, excluded"),
            (&["**/node_modules"], "node_modules/a", "included"),
            (&["**/node_modules"], "a/node_modules/b/c", "1 a/node_modules, excluded"),
            (&["**/node_modules"], "a/b/node_modules/c", "included"),
            (&["**/node_modules/**"], "a/b/node_modules/c", "1 a/b/node_modules/c, excluded"),
            (&["a/*"], "a/b/c/d", "1 a/b, excluded"),
            (&["**", "!**/keep"], "a/b/keep/f", "1 a/b/keep/f, excluded"),
        ],
    );
}

#[test]
fn the_executor_tells_every_pattern_that_changed_the_verdict() {
    check(
        Dialect::Kaniko,
        &[
            (&["*", "!docs", "docs/*.tmp"], "docs/a.tmp", "1 docs, 2 docs, 3 docs/a.tmp, excluded"),
            (&["*", "!docs", "docs/*.tmp"], "docs/a", "1 docs, 2 docs, included"),
            (&["a", "a/b", "!a/b"], "a/b", "1 a, 3 a/b, included"),
        ],
    );
}

#[test]
fn the_executor_cleans_paths_and_never_excludes_the_context_itself() {
    check(
        Dialect::Kaniko,
        &[
            (&["**"], "", "included"),
            (&["**"], ".", "included"),
            (&["**"], "a/..", "included"),
            (&["a/b"], "./a//b/", "1 a/b, excluded"),
            (&["*"], "../a", "1 .., excluded"),
        ],
    );
}

#[test]
fn the_executor_applies_its_patterns_to_each_path_alone() {
    // Docker hands the match of `a` down and does not try `!a` on it.
    check(Dialect::Docker, &[(&["a/b", "!a"], "a/b", "1 a/b, excluded, pruned at a/b")]);
    check(Dialect::Kaniko, &[(&["a/b", "!a"], "a/b", "1 a/b, 2 a, included")]);
    // BuildKit does not look into `src`; the executor sees the file.
    check(Dialect::Kaniko, &[(&["*", "!src/*/**"], "src/a/x", "1 src, 2 src/a/x, included")]);
}

#[test]
fn what_the_executor_cannot_use_excludes_nothing() {
    let refused = |patterns: &[&str], dialect, path: &str| {
        let rules = rules(patterns);
        let judgement = rules.judge(dialect, path.as_bytes());
        assert!(!judgement.excluded());
        judgement.refusal().map(|why| why.to_string().split(':').next().unwrap_or_default().to_owned())
    };
    // A list that is not even compiled.
    assert_eq!(refused(&["a", "[b"], Dialect::Kaniko, "a").as_deref(), Some("line 2"));
    assert_eq!(refused(&["a", "!"], Dialect::Kaniko, "x").as_deref(), Some("line 2"));
    assert_eq!(refused(&["a", "!"], Dialect::Docker, "x").as_deref(), Some("line 2"));
    // A pattern that is not tested on this path does no harm to it.
    assert_eq!(refused(&["a", "![b-a]"], Dialect::Kaniko, "a").as_deref(), Some("line 2"));
    assert_eq!(refused(&["a", "![b-a]"], Dialect::Kaniko, "b"), None);
    // Docker does not come to `a/x`; the executor is asked about it.
    assert_eq!(refused(&["a", "a/x", "!a/[b-a]"], Dialect::Kaniko, "a/x").as_deref(), Some("line 3"));
}

#[test]
fn a_line_that_nobody_can_read_is_an_error_in_both_dialects() {
    let file = [b"a\n".as_slice(), &[b'x'; 65_536]].concat();
    assert!(matches!(Rules::from_file(&file), Err(IgnoreError::LineTooLong { line: 2, .. })));
}

#[test]
fn which_directories_the_executor_tests_a_pattern_on() {
    let rules = rules(&["**/c"]);
    let judgement = rules.judge(Dialect::Docker, b"a/b/c/d/e");
    let Some(step) = judgement.explanation().and_then(Explanation::deciding) else { panic!("{judgement:?}") };
    let tested = |part: &str| tested_by_executor(step.pattern, part.as_bytes(), b"a/b/c/d/e");
    assert_eq!(["a", "a/b", "a/b/c", "a/b/c/d", "a/b/c/d/e"].map(tested), [false, true, false, false, true]);
    assert_eq!(step.matched, b"a/b/c");
}

//! What surprises people, one case a line: each table reads as the rule it shows.

use super::super::parse::{ListedPattern, parse};
use super::super::{IgnoreError, Matcher, RegexpError, Verdict};
use super::tree::{Skip, Tree};

fn matcher(patterns: &[&str]) -> Matcher {
    Matcher::from_file(patterns.join("\n").as_bytes()).unwrap_or_else(|error| panic!("{patterns:?}: {error}"))
}

fn verdict(patterns: &[&str], path: &str) -> Verdict {
    matcher(patterns).verdict(path.as_bytes()).unwrap_or_else(|error| panic!("{patterns:?} on {path}: {error}"))
}

/// Checks a table of patterns, path, and whether the path is excluded.
fn check(table: &[(&[&str], &str, bool)]) {
    for (patterns, path, excluded) in table {
        assert_eq!(verdict(patterns, path).excluded, *excluded, "{patterns:?} on {path}");
    }
}

#[test]
fn the_last_pattern_that_matches_decides() {
    check(&[
        (&["*", "!a"], "a", false),
        (&["!a", "*"], "a", true),
        (&["*.md", "!README*.md", "README-secret.md"], "README-secret.md", true),
        (&["*.md", "README-secret.md", "!README*.md"], "README-secret.md", false),
    ]);
}

#[test]
fn a_pattern_covers_everything_below_what_it_matches() {
    check(&[
        (&["docs"], "docs/guide/index.html", true),
        (&["docs", "!docs/guide"], "docs/guide/index.html", false),
        (&["docs", "!docs/guide"], "docs/other", true),
    ]);
}

#[test]
fn patterns_start_at_the_root() {
    check(&[
        (&["node_modules"], "app/node_modules", false),
        (&["**/node_modules"], "app/node_modules/x/y", true),
        (&["/node_modules"], "node_modules", true),
        (&["*/temp"], "a/temp", true),
        (&["*/temp"], "temp", false),
    ]);
}

#[test]
fn a_trailing_slash_does_not_mean_directories_only() {
    check(&[(&["build/"], "build", true), (&["build/"], "build/x", true)]);
}

#[test]
fn an_exception_not_tried_on_a_directory_does_not_save_its_entries() {
    check(&[
        // Nothing excluded `a` when `!a` came up, so it was not tried, and it does not match `a/b`.
        (&["a/b", "!a"], "a/b", true),
        (&["a", "!a"], "a/b", false),
    ]);
}

#[test]
fn a_repeated_pattern_not_tried_on_a_directory_does_not_exclude_its_entries() {
    check(&[
        (&["foo", "!foo/bar", "foo"], "foo/bar", false),
        (&["*", "!a/b", "*"], "a/b", false),
        // `**` matches the entry itself, so here the repetition counts.
        (&["**", "!a/b", "**"], "a/b", true),
    ]);
}

#[test]
fn dot_and_parent_patterns_match_nothing() {
    check(&[(&["."], "a", false), (&["../a"], "a", false), (&["/"], "a", false)]);
}

#[test]
fn double_stars_need_no_slash_beside_them() {
    check(&[
        (&["**foo"], "barfoo", true),
        (&["**foo*"], "barfoo1", false),
        (&["foo**"], "foobar/x", true),
        (&["foo/**"], "foo", false),
        (&["a**/b"], "ab", true),
        (&["**/foo"], "afoo", false),
    ]);
}

#[test]
fn bars_and_braces_are_alive_once_there_is_a_wildcard() {
    check(&[
        (&["a|b"], "a|b", true),
        (&["a|b*"], "anything at all", true),
        (&["x{2}*"], "xx", true),
        (&["*.{js,ts}"], "a.js", false),
        (&["*.{js,ts}"], "a.{js,ts}", true),
    ]);
}

#[test]
fn brackets_can_match_a_slash_and_negate_with_a_caret_only() {
    check(&[(&["x[^a]y"], "x/y", true), (&["[!a]"], "a", true), (&["[!a]"], "b", false), (&["[a&&b]"], "&", true)]);
}

#[test]
fn escapes_keep_the_meaning_they_have_in_go() {
    check(&[
        (&[r"\*"], "*", true),
        (&[r"\*"], "a", false),
        (&[r"\d"], "5", true),
        (&[r"\d"], "٥", false),
        (&[r"\w\w"], "_9", true),
        (&[r"\w"], "é", false),
        (&[r"\p{Greek}*"], "αx", true),
        (&[r"a*\"], "ab$", true),
    ]);
}

#[test]
fn stray_bytes_are_one_unknown_character_each_to_a_wildcard_and_themselves_otherwise() {
    let excluded = |pattern: &[u8], path: &[u8]| {
        let matcher = Matcher::new(&[ListedPattern::new(1, pattern)]);
        matcher.and_then(|matcher| matcher.verdict(path)).map(|verdict| verdict.excluded)
    };
    assert_eq!(excluded(b"a??", b"a\xE2\x82"), Ok(true));
    assert_eq!(excluded(b"a?", b"a\xE2\x82"), Ok(false));
    assert_eq!(excluded(b"\xFF*", b"\xFEx"), Ok(true));
    assert_eq!(excluded(b"\xFF", b"\xFE"), Ok(false));
    assert_eq!(excluded(b"\xFF", b"\xFF"), Ok(true));
}

#[test]
fn a_verdict_names_the_pattern_that_decided() {
    let matcher = matcher(&["# all", "*", "", "!docs ", "docs/*.tmp"]);
    let root = matcher.root();
    let line = |path: &str| {
        path.match_indices('/')
            .map(|(end, _)| &path[..end])
            .chain([path])
            .try_fold(root.clone(), |state, prefix| state.child(prefix.as_bytes()))
            .map(|state| state.verdict().decided_by.map(|index| &matcher.patterns()[index]))
            .map(|pattern| pattern.map(|pattern| (pattern.line(), pattern.original())))
    };
    assert_eq!(line("src"), Ok(Some((2, b"*".as_slice()))));
    assert_eq!(line("docs/a"), Ok(Some((4, b"!docs ".as_slice()))));
    assert_eq!(line("docs/a.tmp"), Ok(Some((5, b"docs/*.tmp".as_slice()))));
    assert_eq!(verdict(&["a"], "b"), Verdict { excluded: false, decided_by: None });
}

#[test]
fn lists_longer_than_an_inline_set_keep_their_bits() {
    let mut patterns: Vec<String> = (0..1000).map(|number| format!("dir{number}")).collect();
    patterns.push("!dir999/keep".to_owned());
    let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
    assert_eq!(verdict(&patterns, "dir999/x/y").decided_by, Some(999));
    assert_eq!(verdict(&patterns, "dir999/keep/y").decided_by, Some(1000));
}

#[test]
fn lines_are_counted_with_comments_and_blank_ones() {
    let listed = parse(b"\xEF\xBB\xBF# first\r\n\r\n  /a/ \r\n!  b/../c\n");
    let lines = listed.map(|listed| {
        let line = |listed: &ListedPattern| (listed.line(), listed.original().to_vec(), listed.text().to_vec());
        listed.iter().map(line).collect::<Vec<_>>()
    });
    let wanted = vec![(3, b"  /a/ ".to_vec(), b"a".to_vec()), (4, b"!  b/../c".to_vec(), b"!c".to_vec())];
    assert_eq!(lines, Ok(wanted));
}

#[test]
fn errors_name_the_line_and_the_pattern() {
    let message = |file: &[u8], path: &[u8]| {
        let result = Matcher::from_file(file).and_then(|matcher| matcher.verdict(path));
        result.map_err(|error| error.to_string())
    };
    let refused = |text: &str| Err(text.to_owned());
    assert_eq!(message(b"a\n! \n", b"x"), refused("line 2: `!` without a pattern"));
    assert_eq!(message(b"\na[\n", b"x"), refused("line 2: malformed pattern `a[`"));
    assert_eq!(
        message(b"#\n*{2}\n", b"x"),
        refused("line 2: pattern `*{2}` cannot be evaluated: a repetition such as `{2}` follows another repetition"),
    );
    let long = [b"a\n".as_slice(), &[b'x'; 65_536]].concat();
    assert_eq!(message(&long, b"x"), refused("line 2 has 65536 bytes, more than the 65535 that Docker reads"),);
}

#[test]
fn a_bad_exception_that_is_never_tried_does_no_harm() {
    assert_eq!(verdict(&["![b-a]"], "a"), Verdict { excluded: false, decided_by: None });
    let tried = matcher(&["a", "![b-a]"]).verdict(b"a");
    let wanted = IgnoreError::BadRegexp { line: 2, pattern: "![b-a]".to_owned(), reason: RegexpError::InvalidRange };
    assert_eq!(tried, Err(wanted));
}

#[test]
fn reasons_for_refusal_are_told_apart() {
    let cases = [
        ("a*[", RegexpError::UnclosedClass),
        (r"\y", RegexpError::InvalidEscape),
        (r"\1", RegexpError::InvalidEscape),
        ("a*|{2}", RegexpError::MissingRepeatArgument),
        ("a{1001}*", RegexpError::InvalidRepeatCount),
        ("a{2,1}*", RegexpError::InvalidRepeatCount),
        (r"\p{Grek}*", RegexpError::InvalidRange),
        // Go folds names before it looks them up, and so loses the scripts of two words.
        (r"\p{Old_Italic}*", RegexpError::InvalidRange),
        (r"\pL{1000}\pL{1000}\pL{1000}\pL{1000}*", RegexpError::TooLarge),
    ];
    for (pattern, wanted) in cases {
        match matcher(&[pattern]).verdict(b"a") {
            Err(IgnoreError::BadRegexp { reason, .. }) => assert_eq!(reason, wanted, "{pattern}"),
            other => panic!("{pattern}: {other:?}"),
        }
    }
}

#[test]
fn every_class_name_that_go_knows_compiles() {
    let names = super::super::unicode::names();
    let mut count = 0;
    for name in names {
        for pattern in [format!(r"\p{{{name}}}*"), format!(r"[^a\P{{{name}}}]*")] {
            let matcher = Matcher::from_file(pattern.as_bytes());
            let judged = matcher.and_then(|matcher| matcher.verdict(b"x"));
            assert!(judged.is_ok(), "{pattern}: {judged:?}");
        }
        count += 1;
    }
    assert!(count > 150, "{count} names");
}

/// The directories a walk looks into.
#[test]
fn an_excluded_directory_is_passed_over_unless_an_exception_may_lie_below() {
    let cases: [(&[&str], &str, bool); 12] = [
        (&["target"], "target", true),
        (&["target"], "src", false),
        (&["*", "!src/main.rs"], "src", false),
        (&["*", "!src/main.rs"], "target", true),
        (&["*", "!src/**"], "src", false),
        (&["*", "!src/**"], "target", true),
        // BuildKit looks into every directory for the sake of these.
        (&["target", "*.md", "!README*.md"], "target", true),
        (&["*", "!src/**/*.rs"], "target", true),
        (&["*", "!src/**/*.rs"], "src", false),
        (&["*", "!**/*.rs"], "target", false),
        (&["*", "!a*/b"], "ax", false),
        // The bad exception is tried on `a/x`, and Docker stops there.
        (&["a/x", "![b-a]", "a"], "a", false),
    ];
    for (patterns, directory, wanted) in cases {
        let matcher = matcher(patterns);
        let skip =
            matcher.root().child(directory.as_bytes()).map(|state| state.may_skip_directory(directory.as_bytes()));
        assert_eq!(skip, Ok(wanted), "{patterns:?} on {directory}");
    }
}

/// BuildKit takes the exceptions here for plain paths, less than they match.
#[test]
fn files_that_buildkit_overlooks_are_overlooked() {
    let cases: [(&[&str], &str, &[&str]); 3] = [
        (&["*", "!src/*/**"], "src/a/x", &["src/", "src/a/", "src/a/x"]),
        (&["*", "!a{2}/*"], "aa/x", &["aa/", "aa/x"]),
        (&["*", "!a|b/*"], "c/b/x", &["c/", "c/b/", "c/b/x"]),
    ];
    for (patterns, path, without_skipping) in cases {
        let matcher = matcher(patterns);
        let tree = Tree::new([path]);
        let context = |skip| tree.context(&matcher, skip).unwrap_or_default();
        assert_eq!(context(Skip::Nothing), without_skipping, "{patterns:?}");
        assert_eq!(context(Skip::Allowed), [""; 0], "{patterns:?}");
    }
}

#[test]
fn an_exception_for_top_level_files_does_not_open_other_directories() {
    let matcher = matcher(&["node_modules", "*.md", "!README*.md"]);
    let files: Vec<String> = (0..100).map(|number| format!("node_modules/p{number}/index.js")).collect();
    let tree = Tree::new(files.iter().map(String::as_str).chain(["README.md", "CHANGES.md"]));
    assert_eq!(tree.context(&matcher, Skip::Allowed), Ok(vec!["README.md".to_owned()]));
    assert_eq!(tree.judged(&matcher, Skip::Allowed), Ok(3));
    assert_eq!(tree.judged(&matcher, Skip::AsBuildKit), Ok(203));
}

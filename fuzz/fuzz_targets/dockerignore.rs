//! Any ignore file and any paths: parser and matcher neither panic nor hang, and what they say fits together.
//!
//! Input: an ignore file, a NUL, then paths, each ended by a NUL.
#![no_main]

use kaniko_local::context::dockerignore::{Dialect, Judgement, Matcher, Rules};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut parts = input.split(|byte| *byte == 0);
    let file = parts.next().unwrap_or_default();
    let compiled = Matcher::from_file(file);
    let Ok(rules) = Rules::from_file(file) else {
        assert!(compiled.is_err(), "one reader refuses what the other takes");
        return;
    };
    let paths = parts.filter(|path| is_walked(path)).take(8);
    match &compiled {
        Ok(matcher) => paths.for_each(|path| judge(matcher, &rules, path)),
        Err(_) => paths.for_each(|path| {
            assert!(matches!(rules.judge(Dialect::Docker, path), Judgement::Refused(_)));
            assert!(matches!(rules.judge(Dialect::Kaniko, path), Judgement::Refused(_)));
        }),
    }
});

/// Whether a walk may come by such a path.
fn is_walked(path: &[u8]) -> bool {
    path.len() < 4096 && path.split(|byte| *byte == b'/').all(|name| !matches!(name, b"" | b"." | b".."))
}

fn judge(matcher: &Matcher, rules: &Rules, path: &[u8]) {
    let _ = rules.judge(Dialect::Kaniko, path);
    let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at).chain([path.len()]);
    let mut state = matcher.root();
    // A directory below which, by proof, everything is excluded.
    let mut barren = false;
    let mut skipped = false;
    for end in ends {
        let Some(prefix) = path.get(..end) else { return };
        match state.child(prefix) {
            Ok(child) => state = child,
            Err(_) => {
                assert!(matcher.verdict(path).is_err());
                return;
            }
        }
        assert!(!barren || state.verdict().excluded, "pruning changed the result");
        barren |= state.verdict().excluded && state.no_exception_reaches_below(prefix);
        if state.may_skip_directory(prefix) {
            skipped |= end < path.len();
        }
    }
    let verdict = matcher.verdict(path);
    assert_eq!(verdict, Ok(state.verdict()), "step by step and at once");
    let deciding = state.verdict().decided_by.map(|index| &matcher.patterns()[index]);
    assert_eq!(deciding.is_some_and(|pattern| !pattern.is_exception()), state.verdict().excluded);
    // The explanation is that of a walk, which does not come to what is below a directory it passes over.
    let Judgement::Explained(explanation) = rules.judge(Dialect::Docker, path) else {
        panic!("refused when explained");
    };
    assert_eq!(explanation.excluded(), skipped || state.verdict().excluded);
}

//! Any text as a Dockerfile: reading it neither panics nor hangs, and what it gives lies within the text.
#![no_main]

use std::ops::Range;

use kaniko_local::diagnose::Place;
use kaniko_local::dockerfile::{
    Channel, Dockerfile, Escape, Escapes, Expansion, Instruction, ParseError, Quotes, Unset, parse,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let dockerfile = match parse(text) {
        Ok(dockerfile) => dockerfile,
        Err(error) => return check_error(text, &error),
    };
    assert!(!dockerfile.instructions.is_empty());
    check_spans(text, &dockerfile);
    for channel in [Channel::Stable, Channel::Labs, Channel::Any] {
        match dockerfile.stages(channel) {
            Ok(stages) => {
                let target = stages.target(None);
                assert_eq!(target, stages.stages.len().checked_sub(1));
                let bases: Vec<_> = stages.stages.iter().map(|stage| stage.base.text.clone()).collect();
                let needed = target.map(|target| stages.needed(target, &bases));
                assert!(needed.is_none_or(|needed| needed.last().copied() == target));
            }
            Err(error) => check_error(text, &error),
        }
    }
    dockerfile.instructions.iter().for_each(|instruction| expand(instruction, dockerfile.escape));
});

fn check_error(text: &str, error: &ParseError) {
    assert_eq!(error.line, Place::in_text(text, &error.span).line);
    assert!(text.get(error.span.clone()).is_some() && !error.to_string().is_empty());
}

fn check_spans(text: &str, dockerfile: &Dockerfile) {
    let mut end = 0;
    for instruction in &dockerfile.instructions {
        let span = &instruction.span;
        assert!(end <= span.start && span.end <= text.len());
        end = span.end;
        let words = [&instruction.name].into_iter().chain(&instruction.flags).chain(instruction.arguments.words());
        assert!(words.into_iter().all(|word| is_part(text, span, &word.span)));
        assert!(instruction.heredocs.iter().all(|heredoc| is_part(text, span, &heredoc.content.span)));
    }
}

fn is_part(text: &str, whole: &Range<usize>, part: &Range<usize>) -> bool {
    whole.start <= part.start && part.end <= whole.end && text.get(part.clone()).is_some()
}

fn expand(instruction: &Instruction, escape: Escape) {
    let plain = Expansion::new(escape);
    let kept = Expansion { quotes: Quotes::Keep, escapes: Escapes::Keep, unset: Unset::Keep, ..plain };
    for word in instruction.arguments.words() {
        let variables = |name: &str| (name.len() % 2 == 1).then(|| word.text.chars().take(64).collect());
        let _ = plain.word(&word.text, &variables);
        let _ = kept.words(&word.text, &variables);
    }
}

//! What recorded answers cannot say: where things are, what stages are made of, and that no input is too much.

use std::ops::Range;

use proptest::prelude::{Strategy, any, prop, prop_oneof, proptest};

use super::{
    Arguments, Channel, Command, CopyOption, Dockerfile, Escape, Expansion, Keyword, Origin, ParseError, Problem,
    Source, parse,
};
use crate::diagnose::Place;

fn parsed(text: &str) -> Dockerfile {
    parse(text).unwrap()
}

/// Why a builder does not take it.
fn refusal(text: &str) -> ParseError {
    parse(text).and_then(|dockerfile| dockerfile.stages(Channel::Stable).map(drop)).unwrap_err()
}

/// Every part of the file that has a span, in order.
fn parts(text: &str) -> Vec<&str> {
    let of = |span: &Range<usize>| &text[span.clone()];
    let mut parts = Vec::new();
    for instruction in &parsed(text).instructions {
        parts.extend([of(&instruction.span), of(&instruction.name.span)]);
        parts.extend(instruction.flags.iter().map(|flag| of(&flag.span)));
        match &instruction.arguments {
            Arguments::Pairs(pairs) => {
                parts.extend(pairs.iter().flat_map(|pair| [of(&pair.name.span), of(&pair.value.span)]));
            }
            Arguments::Trigger(trigger) => parts.push(of(&trigger.span)),
            words => parts.extend(words.words().iter().map(|word| of(&word.span))),
        }
        parts.extend(instruction.heredocs.iter().map(|heredoc| of(&heredoc.content.span)));
    }
    parts
}

#[test]
fn every_part_of_an_instruction_has_its_span() {
    for (text, wanted) in [
        ("FROM a AS b\n", &["FROM a AS b", "FROM", "a", "AS", "b"][..]),
        (
            "  copy --from=b  --chown=\"1 2\" x y ",
            &["copy --from=b  --chown=\"1 2\" x y ", "copy", "--from=b", "--chown=\"1 2\"", "x", "y"],
        ),
        ("\u{feff}FROM größe\r\n", &["FROM größe", "FROM", "größe"]),
        ("ENV A=1 B='2 3'", &["ENV A=1 B='2 3'", "ENV", "A", "1", "B", "'2 3'"]),
        ("ENV A  b c", &["ENV A  b c", "ENV", "A", "b c"]),
        ("CMD [ \"a\\n\", \"b\" ]", &["CMD [ \"a\\n\", \"b\" ]", "CMD", "\"a\\n\"", "\"b\""]),
        ("HEALTHCHECK CMD [\"a\"]", &["HEALTHCHECK CMD [\"a\"]", "HEALTHCHECK", "CMD", "\"a\""]),
        ("ONBUILD  RUN x", &["ONBUILD  RUN x", "ONBUILD", "RUN x"]),
        ("RUN", &["RUN", "RUN"]),
        ("FROM a\n  \\\n", &["FROM a", "FROM", "a", "\\", ""]),
        ("RUN <<A <<B\n1\nA\nB\nRUN x", &["RUN <<A <<B\n1\nA\nB", "RUN", "<<A <<B", "1\n", "", "RUN x", "RUN", "x"]),
    ] {
        assert_eq!(parts(text), wanted, "{text}");
    }
}

#[test]
fn a_word_over_several_lines_spans_what_is_in_between() {
    let text = "COPY a\\\n# comment\nb \\\n\n  /c\\\n";
    assert_eq!(parts(text), ["COPY a\\\n# comment\nb \\\n\n  /c\\", "COPY", "a\\\n# comment\nb", "/c"]);
    assert_eq!(parsed(text).instructions[0].arguments.words()[0].text, "ab");
}

#[test]
fn a_trigger_on_a_line_of_its_own_has_that_line() {
    let Arguments::Trigger(trigger) = &parsed("ONBUILD \\\n # comment\n RUN x").instructions[0].arguments else {
        panic!()
    };
    assert_eq!((trigger.line, trigger.keyword), (3, Some(Keyword::Run)));
}

#[test]
fn a_directive_has_its_span_and_its_value_too() {
    let text = "\u{feff} # escape = ` \nFROM a\n";
    let dockerfile = parsed(text);
    let [directive] = &dockerfile.directives[..] else { panic!("{dockerfile:?}") };
    assert_eq!((directive.name.as_str(), dockerfile.escape), ("escape", Escape::Backtick));
    assert_eq!((&text[directive.span.clone()], &text[directive.value.span.clone()]), ("# escape = `", "`"));
}

#[test]
fn an_error_is_in_the_builders_words_and_has_its_place() {
    for (text, message, at) in [
        (
            "FROM a\n\nCPY a b",
            "dockerfile parse error on line 3: unknown instruction: CPY (did you mean COPY?)",
            "CPY a b",
        ),
        ("FROM a\nENV A", "ENV must have two arguments", "ENV A"),
        ("ENV A=1", "no build stage in current context", "ENV A=1"),
        ("FROM a\nRUN <<EOF\nx\n", "unterminated heredoc", "RUN <<EOF\nx"),
        ("# x\n", "file with no instructions", "# x\n"),
        ("#syntax=a\n # escape=x\nFROM a", "invalid escape token 'x' does not match ` or \\", "# escape=x"),
    ] {
        let error = refusal(text);
        assert_eq!((error.to_string().as_str(), &text[error.span.clone()]), (message, at));
        assert_eq!(error.line, Place::in_text(text, &error.span).line, "{text}");
    }
}

#[test]
fn a_suggestion_has_the_case_of_what_was_typed() {
    for (typed, meant) in
        [("CPY", "COPY"), ("cpy", "copy"), ("Cpy", "copy"), ("VOLUMES", "VOLUME"), ("EXPOES", "EXPOSE")]
    {
        let wanted = format!("unknown instruction: {typed} (did you mean {meant}?)");
        assert!(refusal(&format!("FROM a\n{typed} x")).to_string().ends_with(&wanted));
    }
    assert!(refusal("FROM a\nINCLUDE x").to_string().ends_with("unknown instruction: INCLUDE"));
    assert!(refusal("FROM a\nCOPY --form=b c d").to_string().ends_with("unknown flag: --form (did you mean from?)"));
}

#[test]
fn a_line_has_at_most_65535_bytes_without_its_end() {
    let filler = "x".repeat(65_534);
    for accepted in [format!("FROM a\n#{filler}\nRUN y\n"), format!("FROM a\n#{filler}")] {
        assert!(parse(&accepted).is_ok());
    }
    for (refused, problem) in [
        (format!("FROM a\n#{filler}x\nRUN y\n"), Problem::LineTooLong),
        (format!("FROM a\n#{filler}x"), Problem::LineTooLong),
        (format!("#{filler}x\nFROM a\n"), Problem::NoInstructions),
        (format!("FROM a\nRUN <<EOF\n{filler}xx\nEOF\n"), Problem::UnterminatedHeredoc),
        (format!("FROM a\nRUN x \\\n{filler}xx\n"), Problem::LineTooLong),
    ] {
        assert_eq!(parse(&refused).unwrap_err().problem, problem);
    }
}

#[test]
fn flags_that_nobody_knows_are_passed_over_where_any_may_come() {
    let dockerfile = parsed("FROM a\nCOPY --parents --new=x --from=b c d\n");
    assert!(dockerfile.stages(Channel::Stable).is_err() && dockerfile.stages(Channel::Labs).is_err());
    let stages = dockerfile.stages(Channel::Any).unwrap();
    let Command::Copy(copy) = &stages.stages[0].steps[0].command else { panic!("{stages:?}") };
    assert_eq!(copy.from.as_ref().unwrap().text, "b");
    assert!(copy.options.contains(&CopyOption::Parents));
}

#[test]
fn a_copy_tells_paths_from_texts_in_their_order() {
    let dockerfile = parsed("FROM a\nCOPY x <<-EOF y /z/\n\tline\n\tEOF\n");
    let stages = dockerfile.stages(Channel::Stable).unwrap();
    let Command::Copy(copy) = &stages.stages[0].steps[0].command else { panic!("{stages:?}") };
    let sources: Vec<String> = copy
        .sources
        .iter()
        .map(|source| match source {
            Source::Path(word) => word.text.clone(),
            Source::Heredoc(file) => file.content().into_owned(),
        })
        .collect();
    assert_eq!((sources.join(","), copy.destination.text.as_str()), ("x,line\n,y".to_owned(), "/z/"));
}

const STAGES: &str = "FROM image AS one\nFROM two AS two\nFROM ONE AS three\nCOPY --from=0 a b\n\
                      RUN --mount=type=bind,from=Two,target=/x y\nFROM scratch\nCOPY --from=4 a b\nCOPY --from=three a b\n\
                      FROM one AS last\n";

#[test]
fn what_files_come_from_is_an_earlier_stage_or_an_image() {
    let dockerfile = parsed(STAGES);
    let stages = dockerfile.stages(Channel::Stable).unwrap();
    let image = |name: &str| Origin::Image(name.to_owned());
    for (index, from, wanted) in [
        (2, "0", Origin::Stage(0)),
        (2, "TWO", Origin::Stage(1)),
        (2, "2", image("2")),
        (2, "three", image("three")),
        (3, "image", image("image")),
    ] {
        assert_eq!(stages.origin(index, from), wanted, "{from} in {index}");
    }
    assert_eq!(stages.base(1, "two"), image("two"), "a stage is not its own base");
    assert_eq!(stages.base(2, "ONE"), Origin::Stage(0));
    assert_eq!(stages.base(2, "0"), image("0"), "FROM takes no numbers");
}

#[test]
fn a_target_needs_what_it_builds_on_and_copies_from() {
    let dockerfile = parsed(STAGES);
    let stages = dockerfile.stages(Channel::Stable).unwrap();
    let bases: Vec<String> = stages.stages.iter().map(|stage| stage.base.text.clone()).collect();
    let needed = |target: Option<&str>| {
        let target = stages.target(target).unwrap();
        Vec::from_iter(stages.needed(target, &bases))
    };
    assert_eq!(needed(None), [0, 4]);
    assert_eq!(needed(Some("Three")), [0, 1, 2]);
    assert_eq!(needed(Some("one")), [0]);
    assert_eq!(Vec::from_iter(stages.needed(3, &bases)), [0, 1, 2, 3]);
    assert_eq!(stages.target(Some("none")), None);
}

#[test]
fn every_keyword_is_known_in_any_case() {
    for keyword in Keyword::ALL {
        assert_eq!(Keyword::named(keyword.name()), Some(*keyword));
        assert_eq!(Keyword::named(&keyword.name().to_lowercase()), Some(*keyword));
    }
}

#[test]
fn variables_within_variables_end_somewhere() {
    let expand = |depth: usize| {
        let word = format!("{}x{}", "${a:-".repeat(depth), "}".repeat(depth));
        Expansion::new(Escape::Backslash).word(&word, &|_| None)
    };
    assert_eq!(expand(99).unwrap(), "x");
    assert!(expand(100_000).is_err());
}

#[test]
fn no_depth_and_no_length_is_too_much() {
    const MANY: usize = 1 << 20;
    for unit in
        ["ONBUILD ", "[", "\\\n", "a\\\n", "\\\n# x\n", "<<A ", "${x:-", "\"", "'", "--x ", "A=1 ", "\"a\",", "\u{a0}"]
    {
        for start in ["", "FROM a\nRUN ", "FROM a\nENV ", "FROM a\nCOPY [", "FROM a\nONBUILD RUN <<A "] {
            let text = format!("{start}{}", unit.repeat(MANY / unit.len()));
            let _ = parse(&text).map(|dockerfile| dockerfile.stages(Channel::Stable).map(drop));
        }
    }
}

/// Text near what has a meaning.
fn near_a_dockerfile() -> impl Strategy<Value = String> {
    let token = prop_oneof![
        prop::sample::select(vec![
            "FROM a\n",
            "COPY ",
            "RUN ",
            "ENV ",
            "ONBUILD ",
            "HEALTHCHECK ",
            "LABEL ",
            "# escape=`\n",
            "--from=",
            "<<EOF",
            "EOF\n",
            "\\\n",
            "`\n",
            "[\"",
            "\"]",
            "\"",
            "'",
            "${x",
            "${x:-",
            "}",
            "$",
            "\n",
            "\r\n",
            " ",
            "\u{a0}",
            "=",
            "--",
            "\\u00",
            "é",
        ])
        .prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(token, 0..40).prop_map(|tokens| tokens.concat())
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in near_a_dockerfile()) {
        if let Ok(dockerfile) = parse(&text) {
            let _ = dockerfile.stages(Channel::Labs).map(drop);
        }
    }

    #[test]
    fn no_word_makes_it_panic(word in near_a_dockerfile()) {
        let _ = Expansion::new(Escape::Backslash).words(&word, &|name| (name == "x").then(|| word.clone()));
    }
}

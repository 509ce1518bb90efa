//! BuildKit's view of Dockerfiles, by its own packages (`buildkit/main.go`), and this program's view in the same form.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use kaniko_local::diagnose::Place;
use kaniko_local::dockerfile::{
    self, Arg, Arguments, Channel, Copy, CopyOption, Dockerfile, Escape, Escapes, Expansion, Instruction, ParseError,
    Quotes, Source, Stages, Step, Unset,
};
use serde_json::{Map, Value, json};

/// Asks BuildKit; the answers are in the order of the requests.
pub fn ask(channel: Channel, requests: &[Value]) -> Vec<Value> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/integration/support/buildkit");
    let tags = match channel {
        Channel::Stable | Channel::Any => "",
        Channel::Labs => "dfparents,dfexcludepatterns,dfrunsecurity",
    };
    let mut go = Command::new("go");
    go.args(["run", "-tags", tags, "."]).current_dir(directory).stdin(Stdio::piped()).stdout(Stdio::piped());
    // What is said of a NUL in a word.
    let mut child = go.stderr(Stdio::null()).spawn().expect("Go is installed");
    let mut input = child.stdin.take().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let answers = std::thread::scope(|scope| {
        scope.spawn(move || {
            for request in requests {
                writeln!(input, "{request}").unwrap();
            }
        });
        lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect()
    });
    assert!(child.wait().unwrap().success());
    answers
}

/// This program's answer to the same request.
pub fn answer(channel: Channel, request: &Value) -> Value {
    match request.get("word") {
        Some(word) => expanded(word.as_str().unwrap(), request),
        None => view(channel, request["dockerfile"].as_str().unwrap()),
    }
}

fn expanded(word: &str, request: &Value) -> Value {
    let of = |key: &str| request.get(key).and_then(Value::as_str).unwrap_or_default();
    let variables: BTreeMap<String, String> = request
        .get("variables")
        .map(|variables| serde_json::from_value(variables.clone()).unwrap())
        .unwrap_or_default();
    let how = Expansion {
        escape: if of("escape") == "`" { Escape::Backtick } else { Escape::Backslash },
        quotes: match of("quotes") {
            "keep" => Quotes::Keep,
            "ignore" => Quotes::Ignore,
            _ => Quotes::Remove,
        },
        escapes: if of("escapes") == "keep" { Escapes::Keep } else { Escapes::Remove },
        unset: if of("unset") == "keep" { Unset::Keep } else { Unset::Empty },
    };
    let lookup = |name: &str| variables.get(name).cloned();
    match how.word(word, &lookup).and_then(|whole| Ok((whole, how.words(word, &lookup)?))) {
        Ok((whole, words)) => object([("word", json!(whole)), ("words", json!(words))]),
        Err(error) => json!({ "error": error.to_string() }),
    }
}

fn view(channel: Channel, text: &str) -> Value {
    let dockerfile = match dockerfile::parse(text) {
        Ok(dockerfile) => dockerfile,
        Err(error) => return refusal(text, &error),
    };
    assert_spans(text, &dockerfile);
    let instructions: Vec<Value> = dockerfile.instructions.iter().map(|part| syntax(text, part)).collect();
    let mut view = Map::new();
    view.insert("escape".into(), json!(dockerfile.escape.character()));
    view.insert("instructions".into(), json!(instructions));
    let rest = match dockerfile.stages(channel) {
        Ok(stages) => built(&stages),
        Err(error) => refusal(text, &error),
    };
    if let Value::Object(rest) = rest {
        view.extend(rest);
    }
    Value::Object(view)
}

fn refusal(text: &str, error: &ParseError) -> Value {
    assert!(text.get(error.span.clone()).is_some(), "{error:?}");
    assert_eq!(Place::in_text(text, &error.span).line, error.line, "{error:?}");
    json!({ "error": error.to_string(), "line": error.line })
}

/// Every span is one of the text, in order, and within what it is a part of.
fn assert_spans(text: &str, dockerfile: &Dockerfile) {
    let mut end = 0;
    for instruction in &dockerfile.instructions {
        let span = instruction.span.clone();
        assert!(end <= span.start && text.get(span.clone()).is_some(), "{instruction:?}");
        end = span.end;
        let (flags, words) = (&instruction.flags, instruction.arguments.words());
        let mut within = span.start;
        for word in std::iter::once(&instruction.name).chain(flags).chain(words) {
            assert!(within <= word.span.start && word.span.end <= span.end, "{word:?} in {instruction:?}");
            assert!(text.get(word.span.clone()).is_some(), "{word:?}");
            within = word.span.end;
        }
        for heredoc in &instruction.heredocs {
            assert_eq!(text[heredoc.content.span.clone()], heredoc.content.text);
        }
    }
}

/// An object without what Go leaves out: what is empty, zero or false.
fn object<const N: usize>(entries: [(&str, Value); N]) -> Value {
    let is_there = |value: &Value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::Array(array) => !array.is_empty(),
        _ => true,
    };
    entries.into_iter().filter(|(_, value)| is_there(value)).map(|(key, value)| (key.to_owned(), value)).collect()
}

fn syntax(text: &str, instruction: &Instruction) -> Value {
    let place = Place::in_text(text, &instruction.span);
    assert_eq!(place.line, instruction.line);
    let flags: Vec<&str> = instruction.flags.iter().map(|flag| flag.text.as_str()).collect();
    let words: Vec<&str> = match &instruction.arguments {
        Arguments::Pairs(pairs) => pairs
            .iter()
            .flat_map(|pair| {
                let sign = match pair.delimiter {
                    dockerfile::Delimiter::Equals => "=",
                    dockerfile::Delimiter::Whitespace => "",
                };
                [pair.name.text.as_str(), pair.value.text.as_str(), sign]
            })
            .collect(),
        arguments => arguments.words().iter().map(|word| word.text.as_str()).collect(),
    };
    let heredocs: Vec<Value> = instruction
        .heredocs
        .iter()
        .map(|heredoc| {
            json!({
                "name": heredoc.name, "content": heredoc.content.text, "expand": heredoc.expand,
                "chomp": heredoc.strip_tabs, "descriptor": heredoc.descriptor,
            })
        })
        .collect();
    let trigger = match &instruction.arguments {
        Arguments::Trigger(trigger) => {
            let mut trigger = syntax(text, trigger);
            // BuildKit knows no lines of it.
            trigger["lines"] = json!([0, 0]);
            trigger
        }
        _ => Value::Null,
    };
    object([
        ("lines", json!([place.line, place.end_line])),
        ("name", json!(instruction.name.text)),
        ("flags", json!(flags)),
        ("words", json!(words)),
        ("json", json!(matches!(instruction.arguments, Arguments::Json(_)))),
        ("heredocs", json!(heredocs)),
        ("trigger", trigger),
    ])
}

fn built(stages: &Stages<'_>) -> Value {
    let of_stages: Vec<Value> = stages
        .stages
        .iter()
        .map(|stage| {
            object([
                ("base", json!(stage.base.text)),
                ("name", json!(stage.name.as_ref().map(|name| &name.text))),
                ("platform", text_of(stage.platform.as_ref())),
                ("commands", json!(stage.steps.iter().map(command).collect::<Vec<_>>())),
            ])
        })
        .collect();
    object([("meta_args", args(&stages.meta_args)), ("stages", json!(of_stages))])
}

/// BuildKit does not tell an empty flag from one that is not there.
fn text_of(word: Option<&dockerfile::Word>) -> Value {
    word.filter(|word| !word.text.is_empty()).map_or(Value::Null, |word| json!(word.text))
}

fn command(step: &Step<'_>) -> Value {
    use dockerfile::Command;
    let name = ("name", json!(step.instruction.name.text));
    match &step.command {
        Command::Add(copy) | Command::Copy(copy) => object([name, ("copy", copied(copy))]),
        Command::Run(mounts) => {
            let from: Vec<&str> = mounts.iter().map(|mount| mount.from.as_deref().unwrap_or_default()).collect();
            object([name, ("mounts", json!(from))])
        }
        Command::Arg(declared) => object([name, ("args", args(declared))]),
        Command::Env(pairs) => {
            let pairs: Vec<&str> = pairs.iter().flat_map(|pair| [&*pair.name.text, &*pair.value.text]).collect();
            object([name, ("pairs", json!(pairs))])
        }
        Command::Other => object([name]),
    }
}

fn copied(copy: &Copy<'_>) -> Value {
    let paths: Vec<&str> = copy
        .sources
        .iter()
        .filter_map(|source| match source {
            Source::Path(word) => Some(word.text.as_str()),
            Source::Heredoc(_) => None,
        })
        .collect();
    let files: Vec<Value> = copy
        .sources
        .iter()
        .filter_map(|source| match source {
            Source::Path(_) => None,
            Source::Heredoc(file) => {
                Some(json!({ "name": file.name, "content": file.content(), "expand": file.expand }))
            }
        })
        .collect();
    let exclude: Vec<&str> = copy.exclude.iter().map(|word| word.text.as_str()).collect();
    let is_on = |option| json!(copy.options.contains(&option));
    object([
        ("sources", json!(paths)),
        ("files", json!(files)),
        ("destination", json!(copy.destination.text)),
        ("from", text_of(copy.from.as_ref())),
        ("chown", text_of(copy.chown.as_ref())),
        ("chmod", text_of(copy.chmod.as_ref())),
        ("checksum", text_of(copy.checksum.as_ref())),
        ("exclude", json!(exclude)),
        ("link", is_on(CopyOption::Link)),
        ("parents", is_on(CopyOption::Parents)),
        ("keep_git_dir", is_on(CopyOption::KeepGitDir)),
    ])
}

fn args(args: &[Arg]) -> Value {
    args.iter().map(|arg| object([("name", json!(arg.name)), ("default", json!(arg.default))])).collect()
}

/// Of several names that are as near as each other BuildKit suggests any: which one is taken out.
pub fn without_chance(mut answer: Value) -> Value {
    if let Some((error, _)) = answer["error"].as_str().and_then(|error| error.split_once(" (did you mean ")) {
        answer["error"] = json!(format!("{error} (did you mean …?)"));
    }
    answer
}

/// Takes out of an answer of BuildKit's what is chance, and what this program has no use for.
pub fn settled(mut answer: Value) -> Value {
    for instruction in answer.get_mut("instructions").and_then(Value::as_array_mut).into_iter().flatten() {
        settle(instruction);
    }
    answer = without_chance(answer);
    // Before the first instruction it counts lines from 0, or gives the last.
    let top = ["only one ", "invalid escape token", "file with no instructions", "dockerfile line greater"];
    if top.iter().any(|start| answer["error"].as_str().is_some_and(|error| error.starts_with(start))) {
        answer["line"] = Value::Null;
    }
    answer
}

fn settle(instruction: &mut Value) {
    let name = instruction["name"].as_str().unwrap().to_lowercase();
    let is_known = dockerfile::Keyword::ALL.iter().any(|keyword| keyword.name().eq_ignore_ascii_case(&name));
    let fields = instruction.as_object_mut().unwrap();
    if !is_known {
        fields.remove("words");
    }
    if let Some(trigger) = fields.get_mut("trigger") {
        // A chain of ONBUILD, which is refused in any case.
        trigger.as_object_mut().unwrap().remove("trigger");
        settle(trigger);
    }
}

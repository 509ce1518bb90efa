//! The executor's command line, read as the executor reads it.
//!
//! Facts: kaniko v1.24.0 `cmd/executor/cmd/root.go` and `pkg/config`; cobra 1.9.1 `Command.Find`, which looks for a
//! sub-command before any flag is understood; pflag 1.0.6 `FlagSet.parseArgs`. What they say is what users paste, so it
//! is theirs to the letter.

use super::image::Family;
use crate::dockerfile::go::{parse_bool, parse_duration, quote};

/// What a flag takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// Any text; the last one counts.
    Text,
    /// `true` or `false`, only after a `=`; `true` without.
    Bool,
    /// A whole number.
    Int,
    /// A duration as Go writes them.
    Duration,
    /// Any text, as often as it is given.
    List,
    /// `KEY=VALUE`, as often as it is given.
    Pairs,
    /// `KEY=VALUE;KEY=VALUE`, as often as it is given, or nothing.
    PairLists,
    /// `branch=…`, `single-branch=BOOL` and others.
    Git,
    /// `gzip` or `zstd`.
    Compression,
}

/// A flag of the executor.
#[derive(Debug, Clone, Copy)]
struct Flag {
    name: &'static str,
    short: Option<char>,
    takes: Takes,
}

const fn flag(name: &'static str, takes: Takes) -> Flag {
    Flag { name, short: None, takes }
}

const fn short(name: &'static str, short: char, takes: Takes) -> Flag {
    Flag { name, short: Some(short), takes }
}

/// Flags of every family.
const COMMON: &[Flag] = &[
    flag("azure-container-registry-config", Takes::Text),
    short("bucket", 'b', Takes::Text),
    flag("build-arg", Takes::List),
    flag("cache", Takes::Bool),
    flag("cache-copy-layers", Takes::Bool),
    flag("cache-dir", Takes::Text),
    flag("cache-repo", Takes::Text),
    flag("cache-run-layers", Takes::Bool),
    flag("cache-ttl", Takes::Duration),
    flag("cleanup", Takes::Bool),
    flag("compressed-caching", Takes::Bool),
    flag("compression", Takes::Compression),
    flag("compression-level", Takes::Int),
    short("context", 'c', Takes::Text),
    flag("context-sub-path", Takes::Text),
    flag("custom-platform", Takes::Text),
    flag("customPlatform", Takes::Text),
    short("destination", 'd', Takes::List),
    flag("digest-file", Takes::Text),
    short("dockerfile", 'f', Takes::Text),
    flag("force", Takes::Bool),
    flag("force-build-metadata", Takes::Bool),
    flag("git", Takes::Git),
    flag("ignore-path", Takes::List),
    flag("ignore-var-run", Takes::Bool),
    flag("image-download-retry", Takes::Int),
    flag("image-fs-extract-retry", Takes::Int),
    flag("image-name-tag-with-digest-file", Takes::Text),
    flag("image-name-with-digest-file", Takes::Text),
    flag("insecure", Takes::Bool),
    flag("insecure-pull", Takes::Bool),
    flag("insecure-registry", Takes::List),
    flag("kaniko-dir", Takes::Text),
    flag("label", Takes::List),
    flag("log-format", Takes::Text),
    flag("log-timestamp", Takes::Bool),
    flag("no-push", Takes::Bool),
    flag("no-push-cache", Takes::Bool),
    flag("oci-layout-path", Takes::Text),
    flag("push-ignore-immutable-tag-errors", Takes::Bool),
    flag("push-retry", Takes::Int),
    flag("registry-certificate", Takes::Pairs),
    flag("registry-client-cert", Takes::Pairs),
    flag("registry-map", Takes::PairLists),
    flag("registry-mirror", Takes::List),
    flag("reproducible", Takes::Bool),
    flag("single-snapshot", Takes::Bool),
    flag("skip-default-registry-fallback", Takes::Bool),
    flag("skip-push-permission-check", Takes::Bool),
    flag("skip-tls-verify", Takes::Bool),
    flag("skip-tls-verify-pull", Takes::Bool),
    flag("skip-tls-verify-registry", Takes::List),
    flag("skip-unused-stages", Takes::Bool),
    flag("snapshot-mode", Takes::Text),
    flag("snapshotMode", Takes::Text),
    flag("tar-path", Takes::Text),
    flag("tarPath", Takes::Text),
    flag("target", Takes::Text),
    flag("use-new-run", Takes::Bool),
    short("verbosity", 'v', Takes::Text),
    flag("whitelist-var-run", Takes::Bool),
];

/// Flags that only the forks have (osscontainertools/kaniko v1.28.3; chainguard-dev/kaniko has `--annotation`).
const OF_FORK: &[Flag] = &[
    flag("annotation", Takes::List),
    flag("credential-helpers", Takes::List),
    flag("dryrun", Takes::Bool),
    flag("image-format", Takes::Text),
    flag("materialize", Takes::Bool),
    flag("pre-cleanup", Takes::Bool),
    flag("preserve-context", Takes::Bool),
    flag("secret", Takes::List),
];
const OF_CHAINGUARD: &[Flag] = &[flag("annotation", Takes::List)];

/// Sub-commands, those that cobra adds included.
const SUB_COMMANDS: &[&str] = &["version", "help", "completion", "__complete", "__completeNoDesc"];
const SUB_COMMANDS_OF_FORK: &[&str] = &["login", "push"];

/// The families whose executor has a flag of this name.
pub fn families_with(name: &str) -> Vec<Family> {
    Family::all().filter(|&family| Table { family }.long(name).is_some()).collect()
}

/// The names of a family's flags.
pub fn names(family: Family) -> impl Iterator<Item = &'static str> {
    Table { family }.flags().map(|flag| flag.name)
}

/// Whether a flag takes no value from the argument behind it.
pub fn is_switch(name: &str, family: Family) -> bool {
    is_bool(Table { family }.long(name))
}

/// A flag as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Its name, without dashes.
    pub name: &'static str,
    /// Its value; `true` for a switch without one.
    pub value: String,
    /// Which argument it stands in, from 0.
    pub index: usize,
}

/// The flags of a command line that the executor takes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags(Vec<Given>);

/// What a command line asks the executor for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// To build.
    Build(Flags),
    /// Something else, which it does: help, its version.
    Other(String),
}

/// Why the executor does not take its arguments: its own words, behind `Error: `, and the argument they are about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct ArgumentError {
    /// Its words.
    pub text: String,
    /// Which argument they are about, from 0.
    pub index: usize,
}

impl Flags {
    /// The value that counts: the last one.
    pub fn last(&self, name: &str) -> Option<&Given> {
        self.0.iter().rfind(|given| given.name == name)
    }

    /// The text that counts, or what the executor takes without one.
    pub fn text<'a>(&'a self, name: &str, default: &'a str) -> &'a str {
        self.last(name).map_or(default, |given| &given.value)
    }

    /// Whether a switch is on that is off unless it is given.
    pub fn is_on(&self, name: &str) -> bool {
        self.last(name).is_some_and(|given| parse_bool(&given.value) == Some(true))
    }

    /// Every value, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |given| given.name == name).map(|given| given.value.as_str())
    }

    /// Every flag, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Given> {
        self.0.iter()
    }
}

/// Reads the arguments of an executor of `family`.
///
/// # Errors
/// The executor would end with `Error: ` and this text.
pub fn parse(arguments: &[String], family: Family) -> Result<Command, ArgumentError> {
    let table = Table { family };
    if let Some((index, word)) = table.first_positional(arguments) {
        let is_known = SUB_COMMANDS.contains(&word) || family == Family::Fork && SUB_COMMANDS_OF_FORK.contains(&word);
        if is_known {
            return Ok(Command::Other(word.to_owned()));
        }
        let text = format!("unknown command {} for \"executor\"", quote(word));
        return Err(ArgumentError { text, index });
    }
    table.parse(arguments)
}

struct Table {
    family: Family,
}

/// An argument without its dashes, and what follows.
struct Rest<'a> {
    arguments: &'a [String],
    next: usize,
}

impl<'a> Rest<'a> {
    fn take(&mut self) -> Option<&'a str> {
        let argument = self.arguments.get(self.next)?;
        self.next += 1;
        Some(argument)
    }

    fn left(&self) -> usize {
        self.arguments.len() - self.next
    }
}

impl Table {
    fn flags(&self) -> impl Iterator<Item = &'static Flag> + use<> {
        let further: &[Flag] = match self.family {
            Family::Upstream => &[],
            Family::Fork => OF_FORK,
            Family::Chainguard => OF_CHAINGUARD,
        };
        COMMON.iter().chain(further)
    }

    fn long(&self, name: &str) -> Option<&'static Flag> {
        self.flags().find(|flag| flag.name == name)
    }

    fn short(&self, letter: char) -> Option<&'static Flag> {
        self.flags().find(|flag| flag.short == Some(letter))
    }

    /// The first argument that cobra takes for a sub-command: it knows which flags take a value, and takes those that it
    /// does not know for such (`stripFlags`).
    fn first_positional<'a>(&self, arguments: &'a [String]) -> Option<(usize, &'a str)> {
        let mut rest = Rest { arguments, next: 0 };
        while let Some(argument) = rest.take() {
            if argument == "--" {
                return None;
            }
            let takes_next = match argument.strip_prefix('-') {
                Some(_) if argument.contains('=') => false,
                Some(flag) => match (flag.strip_prefix('-'), single(flag)) {
                    (Some(name), _) => !is_bool(self.long(name)),
                    (None, Some(letter)) => !is_bool(self.short(letter)),
                    (None, None) => false,
                },
                None if argument.is_empty() => false,
                None => return Some((rest.next - 1, argument)),
            };
            if takes_next {
                if rest.left() <= 1 {
                    return None;
                }
                rest.next += 1;
            }
        }
        None
    }

    fn parse(&self, arguments: &[String]) -> Result<Command, ArgumentError> {
        let mut given = Vec::new();
        let mut rest = Rest { arguments, next: 0 };
        while let Some(argument) = rest.take() {
            let index = rest.next - 1;
            let error = |text| ArgumentError { text, index };
            let flag = match argument.strip_prefix('-') {
                Some("-") => break,
                Some(long) if long.starts_with('-') => self.long_flag(argument, &mut rest, index),
                Some(letters) if !letters.is_empty() => self.short_flag(letters, &mut rest, index),
                // What stands between flags has been taken for a sub-command before, or is let pass.
                _ => continue,
            };
            match flag.map_err(error)? {
                Some(flag) => given.push(flag),
                None => return Ok(Command::Other("help".to_owned())),
            }
        }
        Ok(Command::Build(Flags(given)))
    }

    /// None for `--help`.
    fn long_flag(&self, argument: &str, rest: &mut Rest, index: usize) -> Result<Option<Given>, String> {
        let text = &argument[2..];
        if text.is_empty() || text.starts_with(['-', '=']) {
            return Err(format!("bad flag syntax: {argument}"));
        }
        let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
        let Some(flag) = self.long(name) else {
            // It is a switch like others, which a value can turn off.
            return match (name, value.map(parse_bool)) {
                ("help", None | Some(Some(true))) => Ok(None),
                _ => Err(format!("unknown flag: --{name}")),
            };
        };
        let value = match value {
            Some(value) => value,
            None if flag.takes == Takes::Bool => "true",
            None => rest.take().ok_or_else(|| format!("flag needs an argument: {argument}"))?,
        };
        flag.check(value)?;
        Ok(Some(Given { name: flag.name, value: value.to_owned(), index }))
    }

    /// None for `-h`.
    fn short_flag(&self, letters: &str, rest: &mut Rest, index: usize) -> Result<Option<Given>, String> {
        let mut after = letters.chars();
        let Some((letter, flag)) = after.next().and_then(|letter| Some((letter, self.short(letter)?))) else {
            if letters.starts_with('h') {
                return Ok(None);
            }
            // pflag looks at bytes.
            let byte = char::from(letters.as_bytes()[0]);
            return Err(format!("unknown shorthand flag: {byte:?} in -{letters}"));
        };
        // Every one of them takes a text, so no other flag can follow in the same argument.
        let after = after.as_str();
        let value = match after.strip_prefix('=') {
            Some(value) if !value.is_empty() => value,
            _ if !after.is_empty() => after,
            _ => rest.take().ok_or_else(|| format!("flag needs an argument: {letter:?} in -{letters}"))?,
        };
        Ok(Some(Given { name: flag.name, value: value.to_owned(), index }))
    }
}

fn single(text: &str) -> Option<char> {
    let mut letters = text.chars();
    letters.next().filter(|letter| letters.next().is_none() && letter.is_ascii())
}

fn is_bool(flag: Option<&Flag>) -> bool {
    flag.is_some_and(|flag| flag.takes == Takes::Bool)
}

impl Flag {
    fn check(&self, value: &str) -> Result<(), String> {
        let pair = |text: &str| match text.contains('=') {
            true => Ok(()),
            false => Err(format!("invalid argument value. expect key=value, got {text}")),
        };
        let switch = |text: &str| match parse_bool(text) {
            Some(_) => Ok(()),
            None => Err(format!("strconv.ParseBool: parsing {}: invalid syntax", quote(text))),
        };
        let result = match self.takes {
            Takes::Text | Takes::List => Ok(()),
            Takes::Bool => switch(value),
            Takes::Int => match value.parse::<i64>() {
                Ok(_) => Ok(()),
                Err(_) => Err(format!("strconv.ParseInt: parsing {}: invalid syntax", quote(value))),
            },
            Takes::Duration => duration(value),
            Takes::Pairs => pair(value),
            Takes::PairLists if value.is_empty() => Ok(()),
            Takes::PairLists => value.split(';').try_for_each(pair),
            Takes::Compression if ["gzip", "zstd"].contains(&value) => Ok(()),
            Takes::Compression => Err("must be either \"gzip\" or \"zstd\"".to_owned()),
            Takes::Git => match value.split_once('=') {
                None => Err(format!("invalid git flag, must be in the key=value format: {value}")),
                Some(("single-branch" | "recurse-submodules" | "insecure-skip-tls", value)) => switch(value),
                Some(_) => Ok(()),
            },
        };
        result.map_err(|why| {
            let name = match self.short {
                Some(letter) => format!("-{letter}, --{}", self.name),
                None => format!("--{}", self.name),
            };
            format!("invalid argument {} for {} flag: {why}", quote(value), quote(&name))
        })
    }
}

/// A length of time, as Go's `time.ParseDuration` takes it; the error is its own.
fn duration(text: &str) -> Result<(), String> {
    parse_duration(text).map(drop).map_err(|why| why.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Command, String> {
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        parse(&arguments, Family::Upstream).map_err(|error| error.text)
    }

    fn values(arguments: &[&str]) -> Vec<(&'static str, String)> {
        match read(arguments) {
            Ok(Command::Build(flags)) => flags.0.into_iter().map(|given| (given.name, given.value)).collect(),
            other => panic!("{arguments:?}: {other:?}"),
        }
    }

    #[test]
    fn values_may_stand_behind_an_equals_sign_or_in_the_next_argument() {
        for arguments in [
            &["--context=dir:///x"][..],
            &["--context", "dir:///x"],
            &["-c", "dir:///x"],
            &["-cdir:///x"],
            &["-c=dir:///x"],
        ] {
            assert_eq!(values(arguments), [("context", "dir:///x".to_owned())], "{arguments:?}");
        }
        assert_eq!(
            values(&["--no-push", "--cache=false"]),
            [("no-push", "true".to_owned()), ("cache", "false".to_owned())]
        );
    }

    #[test]
    fn the_value_of_a_switch_is_taken_for_a_sub_command() {
        for (arguments, word) in [
            (&["--cache", "true"][..], "true"),
            (&["/kaniko/executor", "--no-push"], "/kaniko/executor"),
            (&["–context=/x"], "–context=/x"),
            (&["--no-push", "x", "--unknown"], "x"),
        ] {
            assert_eq!(read(arguments), Err(format!("unknown command \"{word}\" for \"executor\"")), "{arguments:?}");
        }
    }

    /// cobra looks for a sub-command only where more than one argument follows a flag with a value.
    #[test]
    fn a_last_argument_behind_a_flag_with_a_value_is_that_value() {
        assert_eq!(values(&["--dockerfile", "x"]), [("dockerfile", "x".to_owned())]);
        assert_eq!(read(&["--dockerfile", "x", "y"]), Err("unknown command \"y\" for \"executor\"".to_owned()));
        assert_eq!(values(&["--no-push", "--", "x"]), [("no-push", "true".to_owned())]);
    }

    #[test]
    fn what_it_does_not_take_is_told_in_its_words() {
        for (arguments, text) in [
            (&["--registry-certificate jfrog.local.com"][..], "unknown flag: --registry-certificate jfrog.local.com"),
            (&["--preserve-context"], "unknown flag: --preserve-context"),
            (&["--unknown=x"], "unknown flag: --unknown"),
            (&["--context"], "flag needs an argument: --context"),
            (&["-c"], "flag needs an argument: 'c' in -c"),
            (&["-x"], "unknown shorthand flag: 'x' in -x"),
            (&["--=x"], "bad flag syntax: --=x"),
            (&["---x"], "bad flag syntax: ---x"),
            (
                &["--no-push=maybe"],
                "invalid argument \"maybe\" for \"--no-push\" flag: strconv.ParseBool: parsing \"maybe\": invalid syntax",
            ),
            (
                &["--push-retry=x"],
                "invalid argument \"x\" for \"--push-retry\" flag: strconv.ParseInt: parsing \"x\": invalid syntax",
            ),
            (
                &["--cache-ttl=1d"],
                "invalid argument \"1d\" for \"--cache-ttl\" flag: time: unknown unit \"d\" in duration \"1d\"",
            ),
            (
                &["--registry-certificate=a"],
                "invalid argument \"a\" for \"--registry-certificate\" flag: invalid argument value. expect key=value, got a",
            ),
        ] {
            assert_eq!(read(arguments), Err(text.to_owned()), "{arguments:?}");
        }
    }

    #[test]
    fn help_and_version_build_nothing() {
        for (arguments, command) in [(&["--help"][..], "help"), (&["-h"], "help"), (&["version"], "version")] {
            assert_eq!(read(arguments), Ok(Command::Other(command.to_owned())), "{arguments:?}");
        }
    }

    #[test]
    fn flags_of_the_fork_are_the_forks() {
        let arguments = ["--preserve-context".to_owned(), "--secret=id=x".to_owned()];
        assert!(parse(&arguments, Family::Fork).is_ok());
        assert!(parse(&arguments, Family::Chainguard).is_err());
        assert_eq!(families_with("annotation"), [Family::Fork, Family::Chainguard]);
        assert_eq!(families_with("preserve-context"), [Family::Fork]);
        assert!(families_with("dockerfle").is_empty());
    }

    #[test]
    fn a_switch_takes_no_value_from_the_next_argument() {
        assert!(is_switch("no-push", Family::Upstream));
        assert!(!is_switch("context", Family::Upstream) && !is_switch("unknown", Family::Upstream));
        assert!(
            names(Family::Fork).any(|name| name == "dryrun") && names(Family::Upstream).all(|name| name != "dryrun")
        );
    }

    #[test]
    fn durations_are_those_of_go() {
        for text in ["0", "6h", "1h30m", "1.5h", "-3s", "100ms", ".5s"] {
            assert_eq!(duration(text), Ok(()), "{text}");
        }
        for (text, why) in [
            ("", "time: invalid duration \"\""),
            ("h", "time: invalid duration \"h\""),
            ("6", "time: missing unit in duration \"6\""),
            ("1h30", "time: missing unit in duration \"1h30\""),
            ("1d", "time: unknown unit \"d\" in duration \"1d\""),
        ] {
            assert_eq!(duration(text), Err(why.to_owned()));
        }
    }
}

//! Words of a command line that are none, told as everything else is: clap knows what is wrong, and this says it in the
//! words of this tool, with one thing to do about it. Pure.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use strsim::damerau_levenshtein;

use crate::error::UsageError;
use crate::executor::flags::families_with;
use crate::words;

/// Flags of `docker build`, and what there is here: by their letters they would be taken for others.
const DOCKERS_FLAGS: [(&str, &str); 15] = [
    ("--push", "leave it out: an image is pushed to each `-t`"),
    ("--load", "leave it out, and fetch the image by the reference that is printed: `docker pull`"),
    ("--pull", "leave it out: base images are always asked for anew"),
    ("--rm", "leave it out: of a build nothing is left"),
    ("--force-rm", "leave it out: of a build nothing is left"),
    ("--builder", "leave it out: it is built in the cluster"),
    ("--build-context", "put it into the build context: Kaniko has one"),
    ("--network", "leave it out: a RUN has the pod's network"),
    ("--provenance", "leave it out: Kaniko makes no attestations"),
    ("--sbom", "leave it out: Kaniko makes no attestations"),
    ("--iidfile", "the digest is on standard output and in `--metadata-file FILE`"),
    ("--cache-from", "layers are cached in a repository: `--cache-repo registry.example.com/team/cache`"),
    ("--cache-to", "layers are cached in a repository: `--cache-repo registry.example.com/team/cache`"),
    ("--secret", "mount a Secret into the container `kaniko` with `--pod-template FILE`: a RUN finds it there"),
    ("--ssh", "mount a Secret into the container `kaniko` with `--pod-template FILE`: a RUN finds it there"),
];

/// Commands that hand what is after `--` to an executor.
const FOR_EXECUTOR: [&str; 4] = ["build", "check", "compare", "manifest"];

/// What is wrong; none if clap says it best, as with its help.
pub fn mistake(error: &clap::Error) -> Option<UsageError> {
    let command = command(error);
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let typed = text(error, ContextKind::InvalidSubcommand)?;
            let meant = first(error, ContextKind::SuggestedSubcommand);
            Some(UsageError::UnknownCommand { typed, command, meant })
        }
        ErrorKind::UnknownArgument => Some(unknown_argument(error, command)),
        ErrorKind::MissingRequiredArgument => {
            let missing = texts(error, ContextKind::InvalidArg);
            (!missing.is_empty()).then_some(UsageError::MissingArgument { missing, command })
        }
        ErrorKind::ArgumentConflict => {
            let one = text(error, ContextKind::InvalidArg)?;
            let other = first(error, ContextKind::PriorArg)?;
            Some(UsageError::Conflict { one, other })
        }
        ErrorKind::TooManyValues => {
            let flag = text(error, ContextKind::InvalidArg)?;
            let value = text(error, ContextKind::InvalidValue)?;
            Some(UsageError::NoValueWanted { flag, value })
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let flag = text(error, ContextKind::InvalidArg)?;
            let value = text(error, ContextKind::InvalidValue).unwrap_or_default();
            let known = texts(error, ContextKind::ValidValue);
            let meant = first(error, ContextKind::SuggestedValue)
                .or_else(|| words::nearest(&value, known.iter().map(String::as_str)).map(str::to_owned));
            let why = std::error::Error::source(error).map(ToString::to_string);
            Some(UsageError::FlagValue { flag, value, known, meant, why })
        }
        _ => None,
    }
}

fn unknown_argument(error: &clap::Error, command: String) -> UsageError {
    let typed = text(error, ContextKind::InvalidArg).unwrap_or_default();
    let typed = typed.split('=').next().unwrap_or_default().to_owned();
    if let Some((flag, here)) = DOCKERS_FLAGS.into_iter().find(|(flag, _)| *flag == typed) {
        return UsageError::DockersFlag { flag, here };
    }
    if !typed.starts_with('-') {
        return UsageError::OneMore { typed, command };
    }
    let name = typed.trim_start_matches('-');
    let hands_on = command.split(' ').next_back().is_some_and(|last| FOR_EXECUTOR.contains(&last));
    if hands_on && !families_with(name).is_empty() {
        return UsageError::ExecutorsFlag { flag: typed, command };
    }
    // By clap's measure `--server` is like `--user`.
    let is_near = |meant: &String| damerau_levenshtein(meant, &typed) <= 2 || meant.starts_with(&typed);
    let meant = first(error, ContextKind::SuggestedArg).filter(is_near);
    UsageError::UnknownFlag { typed, command, meant }
}

/// The words of the command, out of `Usage: kaniko-local build [OPTIONS] …`.
fn command(error: &clap::Error) -> String {
    let usage = error.get(ContextKind::Usage).map(|usage| anstream::adapter::strip_str(&usage.to_string()).to_string());
    let usage = usage.unwrap_or_default();
    let words = usage.trim_start_matches("Usage:").split_whitespace();
    let words: Vec<&str> = words.take_while(|word| !word.starts_with(['[', '<', '-'])).collect();
    if words.is_empty() { "kaniko-local".to_owned() } else { words.join(" ") }
}

fn texts(error: &clap::Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        _ => vec![],
    }
}

fn first(error: &clap::Error, kind: ContextKind) -> Option<String> {
    texts(error, kind).into_iter().next()
}

fn text(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;
    use crate::error::Error;

    /// The message, the notes and the help.
    fn told(typed: &[&str]) -> String {
        let words = std::iter::once("kaniko-local").chain(typed.iter().copied());
        let error = Cli::command().try_get_matches_from(words).unwrap_err();
        let error = Error::from(mistake(&error).unwrap_or_else(|| panic!("{error}")));
        let lines = [vec![error.to_string()], error.notes(), error.help().into_iter().collect()];
        lines.concat().join("\n")
    }

    #[test]
    fn a_command_or_a_flag_that_there_is_not_is_told_with_the_one_that_was_meant() {
        for (typed, wanted) in [
            (&["chck"][..], "`chck` is no command of `kaniko-local`\nwrite `check`"),
            (&["frobnicate"], "`frobnicate` is no command of `kaniko-local`\n`kaniko-local --help` lists them"),
            (&["context", "lss"], "`lss` is no command of `kaniko-local context`\nwrite `ls`"),
            (&["build", "--tagg", "x"], "`--tagg` is no flag of `kaniko-local build`\nwrite `--tag`"),
            (
                &["context", "ls", "--frobnicate"],
                "`--frobnicate` is no flag of `kaniko-local context ls`\n`kaniko-local context ls --help` lists them",
            ),
            (
                &["build", "--push"],
                "`--push` is a flag of `docker build`, and none of this tool\nleave it out: an image is pushed to each `-t`",
            ),
        ] {
            assert_eq!(told(typed), wanted);
        }
    }

    #[test]
    fn a_flag_that_only_looks_a_little_like_another_is_not_taken_for_it() {
        for typed in ["--server", "--image", "--squash"] {
            assert!(told(&["build", typed, "x"]).ends_with("\n`kaniko-local build --help` lists them"), "{typed}");
        }
        assert_eq!(told(&["build", "--name", "x"]), "`--name` is no flag of `kaniko-local build`\nwrite `--namespace`");
        assert!(told(&["build", "--network", "host"]).ends_with("leave it out: a RUN has the pod's network"));
    }

    #[test]
    fn a_flag_of_the_executor_is_told_with_its_place() {
        assert_eq!(
            told(&["build", "--skip-tls-verify=true"]),
            "`--skip-tls-verify` is a flag of the executor\nwrite it after `--`: `kaniko-local build … -- --skip-tls-verify`"
        );
        assert!(told(&["explain", "--cleanup"]).starts_with("`--cleanup` is no flag of `kaniko-local explain`"));
    }

    #[test]
    fn what_is_missing_too_much_or_no_value_is_told_by_its_name() {
        for (typed, wanted) in [
            (
                &["compare", "-t", "r.example/a"][..],
                "`kaniko-local compare` wants `--git <URL[#REF[:DIR]]>`\n`kaniko-local compare --help` has examples",
            ),
            (
                &["build", ".", "."],
                "`.` is one argument more than `kaniko-local build` takes\n`kaniko-local build --help` has examples",
            ),
            (
                &["check", "-o", "jsn"],
                "`jsn` is no value for `--output <text|json|sarif>`\nthere are: `text`, `json` and `sarif`\nwrite `json`",
            ),
            (&["build", "--insecure=true"], "`--insecure` takes no value\nleave `=true` out"),
            (
                &["build", "--timeout=1s", "--timeout=2s"],
                "`--timeout <DURATION>` is given twice\nleave one of them out",
            ),
            (&["build", "-t"], "`--tag <REF>` wants a value\nwrite it with one: `--tag <REF>`"),
            (
                &["build", "-t", "r/a", "--registry-auth=none", "--registry-secret=x"],
                "`--registry-auth <local|none|FILE>` and `--registry-secret <NAME>` do not go together\nleave one of them out",
            ),
        ] {
            assert_eq!(told(typed), wanted);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_command_line_makes_it_fail(words in proptest::collection::vec("(build|check|context|-{0,2}[a-z=\\PC]{0,9})", 0..5)) {
            if let Err(error) = Cli::command().try_get_matches_from(std::iter::once("kaniko-local".to_owned()).chain(words)) {
                let _ = mistake(&error);
            }
        }
    }
}

//! Quotes that are part of a value: no shell takes them off (kaniko#917).

use crate::code::Code;
use crate::diagnose::facts::Facts;
use crate::diagnose::{Finding, Severity};

/// Where a value that matters, or a whole argument, is in quotes.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    let (index, argument, meant) = match facts.argument_error() {
        Some((error, argument)) => match (unquoted(argument), argument.split_once('=')) {
            (Some(inner), _) => (error.index, argument.to_owned(), inner.to_owned()),
            (None, Some((flag, value))) => (error.index, argument.to_owned(), format!("{flag}={}", unquoted(value)?)),
            (None, None) => return None,
        },
        None => facts.suspects().into_iter().find_map(|given| {
            let (name, inner) = (given.name, unquoted(&given.value)?);
            Some((given.index, format!("--{name}={}", given.value), format!("--{name}={inner}")))
        })?,
    };
    let mut finding =
        facts.judge(Code::QuotedValue, Some(index), format!("the quotes in `{argument}` are taken literally"));
    if meant.starts_with("--destination=") {
        // A name has no quotes.
        finding.severity = Severity::Error;
    }
    Some(finding.with_help(Some(format!("use `{meant}`"))))
}

/// What is between quotes, if there are any around it.
pub(super) fn unquoted(text: &str) -> Option<&str> {
    ['"', '\''].into_iter().find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote))
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;

    #[test]
    fn quotes_around_a_value_belong_to_it() {
        let case = Case::of(&["--context=dir:///c", "--dockerfile=\"docker/Dockerfile\""], &["/c/docker/Dockerfile"]);
        let finding = case.finding(Code::QuotedValue);
        assert_eq!(finding.help.as_deref(), Some("use `--dockerfile=docker/Dockerfile`"));
        assert_eq!(finding.severity, Severity::Error);
        let builds = Case::of(&["--build-arg='A=b'"], &["/workspace/Dockerfile"]).finding(Code::QuotedValue);
        assert_eq!(builds.severity, Severity::Warning);
        let pushes = Case::of(&["--destination='r.example.com/ab'"], &["/workspace/Dockerfile"]);
        assert_eq!(pushes.finding(Code::QuotedValue).severity, Severity::Error);
    }

    #[test]
    fn so_do_those_around_an_argument() {
        for (argument, meant) in
            [("\"--context=dir:///c\"", "use `--context=dir:///c`"), ("--cache=\"true\"", "use `--cache=true`")]
        {
            let finding = Case::of(&[argument], &["/c/Dockerfile"]).finding(Code::QuotedValue);
            assert_eq!(finding.help.as_deref(), Some(meant));
        }
    }

    #[test]
    fn quotes_within_a_value_and_in_what_is_not_at_fault_are_let_be() {
        Case::of(&["--build-arg=A=\"b\""], &["/workspace/Dockerfile"]).no_finding(Code::QuotedValue);
        Case::of(&["--label='a=b'", "--dockerfile=x"], &["/workspace/y"]).no_finding(Code::QuotedValue);
        Case::of(&["--context=/it's"], &["/it's/Dockerfile"]).no_finding(Code::QuotedValue);
    }
}

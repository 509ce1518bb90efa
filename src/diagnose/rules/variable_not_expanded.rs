//! `${VAR}`, `$(pwd)` or `~` in an argument: there is no shell that would expand it (kaniko#702,
//! EmbarkStudios/k8s-buildkite-plugin#13).

use crate::code::Code;
use crate::diagnose::facts::Facts;
use crate::diagnose::{Finding, Severity};

/// Flags whose values name a place: what looks like a variable there is one.
const PLACES: [&str; 9] = [
    "context",
    "context-sub-path",
    "dockerfile",
    "bucket",
    "destination",
    "cache-repo",
    "cache-dir",
    "digest-file",
    "tar-path",
];

/// In what names a place.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    let suspects = facts.suspects().into_iter().filter(|given| PLACES.contains(&given.name));
    let (given, variable) = suspects.into_iter().find_map(|given| Some((given, variable(&given.value)?)))?;
    let message = format!("`{variable}` in `--{}` is not expanded", given.name);
    let mut finding = facts.judge(Code::VariableNotExpanded, Some(given.index), message);
    if given.name == "destination" {
        // No name has such letters.
        finding.severity = Severity::Error;
    }
    let why = "a pod has no shell: Kubernetes expands `$(NAME)` of its own `env`, and nothing else".to_owned();
    let name = variable.trim_matches(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let help = facts.setup.environment.contains_key(name).then(|| format!("use `$({name})`"));
    Some(finding.because([why]).with_help(help))
}

/// What a shell would expand.
pub(super) fn variable(value: &str) -> Option<&str> {
    if let Some(at) = value.find('$') {
        let text = &value[at..];
        let close = match text.as_bytes().get(1) {
            Some(b'{') => '}',
            Some(b'(') => ')',
            Some(letter) if letter.is_ascii_alphabetic() || *letter == b'_' => {
                let is_of_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
                let end = text[1..].find(|letter| !is_of_name(letter)).map_or(text.len(), |end| end + 1);
                return Some(&text[..end]);
            }
            _ => return None,
        };
        return text.find(close).map(|end| &text[..=end]);
    }
    if let Some(at) = value.find('`') {
        let end = value[at + 1..].find('`')?;
        return Some(&value[at..at + end + 2]);
    }
    let path = value.split_once("://").map_or(value, |(_, path)| path);
    (path == "~" || path.starts_with("~/")).then_some("~")
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;

    #[test]
    fn what_a_shell_would_expand_is_found() {
        for (value, expected) in [
            ("/c/${DIR}/x", Some("${DIR}")),
            ("$DIR/x", Some("$DIR")),
            ("dir://$(pwd)", Some("$(pwd)")),
            ("r.example.com/app:`git rev-parse HEAD`", Some("`git rev-parse HEAD`")),
            ("~/app", Some("~")),
            ("dir://~/app", Some("~")),
            ("/c/a~b", None),
            ("/c/US$", None),
            ("/c/$5", None),
            ("/c/${DIR", None),
        ] {
            assert_eq!(variable(value), expected, "{value}");
        }
    }

    #[test]
    fn a_variable_is_a_directory_of_that_name() {
        let finding = Case::of(&["--context=dir:///${DIR}"], &["/c/Dockerfile"]).finding(Code::VariableNotExpanded);
        assert_eq!((finding.message.as_str(), finding.help), ("`${DIR}` in `--context` is not expanded", None));
        let known = Case::of(&["--context=dir:///${DIR}"], &["/c/Dockerfile"]).variable("DIR", "c");
        assert_eq!(known.finding(Code::VariableNotExpanded).help.as_deref(), Some("use `$(DIR)`"));
    }

    #[test]
    fn no_name_of_an_image_has_one() {
        let case = Case::of(&["--destination=r.example.com/ab:$TAG"], &["/workspace/Dockerfile"]);
        assert_eq!(case.finding(Code::VariableNotExpanded).severity, Severity::Error);
    }

    #[test]
    fn what_the_dockerfile_expands_is_let_be() {
        Case::of(&["--build-arg=A=$B"], &["/workspace/Dockerfile"]).no_finding(Code::VariableNotExpanded);
    }
}

//! A destination that is no name of an image: with a scheme, an empty part where a variable was, upper-case letters
//! (kaniko#702).

use super::quoted_value::unquoted;
use super::variable_not_expanded::variable;
use crate::code::Code;
use crate::diagnose::facts::Facts;
use crate::diagnose::{Finding, Severity};
use crate::executor::flags::Given;
use crate::reference::{Reference, ReferenceError};

/// The first one; those that another rule knows better are passed over.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    let all = facts.resolution.flags.as_ref()?.iter().filter(|given| given.name == "destination");
    let mut all = all.filter(|given| unquoted(&given.value).is_none() && variable(&given.value).is_none());
    all.find_map(|given| Some(of(facts, given, &given.value.parse::<Reference>().err()?)))
}

fn of(facts: &Facts, given: &Given, why: &ReferenceError) -> Finding {
    let typed = &given.value;
    let message = format!("`{typed}` names no image: {why}");
    let finding = facts.finding(Code::DestinationMalformed, severity(facts, why), Some(given.index), message);
    let fixed = match why {
        ReferenceError::Scheme { scheme } => typed.get(scheme.len() + 3..).map(str::to_owned),
        ReferenceError::UpperCase => Some(lower_case(typed)),
        _ => None,
    };
    let fixed = fixed.filter(|fixed| fixed.parse::<Reference>().is_ok());
    let words = words(typed, why).map(|words| format!("the executor says `{words}`"));
    finding.because(words).with_help(fixed.map(|fixed| format!("use `--destination={fixed}`")))
}

/// The executor reads each name at the end, even if it pushes nothing. Some that it takes no registry does.
fn severity(facts: &Facts, why: &ReferenceError) -> Severity {
    let is_of_name = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "._-".contains(letter);
    let pushes = facts.resolution.flags.as_ref().is_none_or(|flags| !flags.is_on("no-push"));
    match why {
        // It pushes, though perhaps not to where anybody wants it.
        ReferenceError::Localhost => Severity::Warning,
        ReferenceError::Tag { tag } if tag.is_empty() => Severity::Warning,
        ReferenceError::Scheme { .. } if !pushes => Severity::Warning,
        ReferenceError::Component { component } if component.chars().all(is_of_name) && !pushes => Severity::Warning,
        _ => Severity::Error,
    }
}

/// What the executor says, as far as it is the same for all.
fn words(typed: &str, why: &ReferenceError) -> Option<String> {
    match why {
        ReferenceError::Scheme { scheme } => Some(format!("creating push check transport for {scheme}: failed")),
        ReferenceError::UpperCase | ReferenceError::Digest => {
            Some("getting tag for destination: repository can only contain the characters".to_owned())
        }
        ReferenceError::Component { component } if component.is_empty() => {
            Some(format!("checking push permission for \"{typed}\""))
        }
        _ => None,
    }
}

/// With the repository in lower case; a tag may have capital letters.
fn lower_case(typed: &str) -> String {
    match typed.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => format!("{}:{tag}", name.to_lowercase()),
        _ => typed.to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;

    fn case(destination: &str) -> Case {
        Case::exactly(&[&format!("--destination={destination}")], &["/workspace/Dockerfile"])
    }

    #[test]
    fn what_is_no_name_cannot_be_pushed() {
        for (destination, help) in [
            ("https://r.example.com/app", Some("use `--destination=r.example.com/app`")),
            ("r.example.com/Team/app:V1", Some("use `--destination=r.example.com/team/app:V1`")),
            ("/team/app", None),
            ("r.example.com//app", None),
            ("", None),
        ] {
            let finding = case(destination).finding(Code::DestinationMalformed);
            assert_eq!((finding.severity, finding.help.as_deref()), (Severity::Error, help), "{destination}");
        }
    }

    #[test]
    fn what_only_a_registry_refuses_is_a_warning_where_nothing_is_pushed() {
        for (destination, severity) in [
            ("https://r.example.com/app", Severity::Warning),
            ("r.example.com//app", Severity::Warning),
            ("r.example.com/Team/app", Severity::Error),
            ("r.example.com/my app", Severity::Error),
        ] {
            let case = Case::of(&["--destination", destination], &["/workspace/Dockerfile"]);
            assert_eq!(case.finding(Code::DestinationMalformed).severity, severity, "{destination}");
        }
    }

    #[test]
    fn each_of_several_is_looked_at() {
        let arguments = ["--destination=r.example.com/ab", "--destination=http://r.example.com/ab"];
        let finding = Case::exactly(&arguments, &["/workspace/Dockerfile"]).finding(Code::DestinationMalformed);
        assert!(finding.message.starts_with("`http://r.example.com/ab`"), "{}", finding.message);
    }

    #[test]
    fn what_the_executor_would_push_all_the_same_is_a_warning() {
        for destination in ["localhost/app", "r.example.com/app:"] {
            let finding = case(destination).finding(Code::DestinationMalformed);
            assert_eq!(finding.severity, Severity::Warning, "{destination}");
        }
    }

    #[test]
    fn names_are_fine_and_variables_have_a_rule_of_their_own() {
        for destination in ["r.example.com:5000/team/app:V1.0", "team/app", "r.example.com/ab:${TAG}", "'team/app'"] {
            case(destination).no_finding(Code::DestinationMalformed);
        }
    }
}

//! A path of this machine in an argument: the pod has another disk (kaniko#359, apache/camel-k#226, kaniko#3031).

use crate::code::Code;
use crate::diagnose::Finding;
use crate::diagnose::facts::{Facts, Here, shown};
use crate::gopath;

/// Where the executor fails for want of it. A relative path counts only if a mount has the file elsewhere: others are
/// here by chance.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    (facts.has_no_dockerfile() || facts.fails_at_context()).then_some(())?;
    let counts = |here: &&Here| {
        let is_asked_for = here.flag == "context" || facts.has_no_dockerfile();
        is_asked_for && (gopath::is_absolute(here.path.as_bytes()) || help(facts, here).is_some())
    };
    let here = facts.here.iter().find(counts)?;
    let argument = facts.flag(here.flag).map(|given| given.index);
    let message = format!("`{}` is on this machine, not in the pod", here.path);
    let finding = facts.error(Code::PathOfThisMachine, argument, message);
    let why = here.in_pod.as_ref().map(|path| format!("in the pod it is `{}`", shown(path)));
    Some(finding.because(why).with_help(help(facts, here)))
}

/// The path in the pod if that helps; else the way to bring the context there.
fn help(facts: &Facts, here: &Here) -> Option<String> {
    if let Some(path) = &here.in_pod {
        let scheme = if here.flag == "context" { "dir://" } else { "" };
        return facts.help_with(&format!("--{}={scheme}{}", here.flag, shown(path)));
    }
    let given = facts.flag(here.flag)?;
    match here.flag {
        "context" if given.value.starts_with("tar://") => {
            Some(format!("send it: `kaniko-local build - < {}`", here.path))
        }
        "context" => Some(format!("send it: `kaniko-local build {}`", here.path)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;

    #[test]
    fn a_directory_of_this_machine_has_to_be_sent() {
        let case = Case::of(&["--context=dir:///home/me/app"], &["/workspace/"]).here("context", "/home/me/app", None);
        let finding = case.finding(Code::PathOfThisMachine);
        assert_eq!(finding.message, "`/home/me/app` is on this machine, not in the pod");
        assert_eq!(finding.help.as_deref(), Some("send it: `kaniko-local build /home/me/app`"));
        let archive = Case::of(&["--context=tar:///a.tgz"], &[]).here("context", "/a.tgz", None);
        let help = archive.finding(Code::PathOfThisMachine).help;
        assert_eq!(help.as_deref(), Some("send it: `kaniko-local build - < /a.tgz`"));
    }

    #[test]
    fn what_is_mounted_has_another_path_there() {
        let arguments = ["--context=dir:///c", "--dockerfile=app/Dockerfile"];
        let case = Case::of(&arguments, &["/c/Dockerfile"]).here("dockerfile", "app/Dockerfile", Some("/c/Dockerfile"));
        let finding = case.finding(Code::PathOfThisMachine);
        assert_eq!(finding.help.as_deref(), Some("use `--dockerfile=/c/Dockerfile`"));
        assert_eq!(finding.notes[0], "in the pod it is `/c/Dockerfile`");
    }

    #[test]
    fn a_relative_path_may_be_here_by_chance() {
        let arguments = ["--context=dir:///c", "--dockerfile=docker/Dockerfile"];
        let case = Case::of(&arguments, &["/c/x"]).here("dockerfile", "docker/Dockerfile", None);
        case.no_finding(Code::PathOfThisMachine);
    }

    #[test]
    fn a_dockerfile_is_not_asked_for_before_there_is_a_context() {
        let arguments = ["--context=tar:///a", "--dockerfile=/home/me/Dockerfile"];
        let case = Case::of(&arguments, &["/a=0123456789 no gzip"]).here("dockerfile", "/home/me/Dockerfile", None);
        case.no_finding(Code::PathOfThisMachine);
    }

    #[test]
    fn where_it_builds_nobody_asks() {
        let case = Case::of(&["--context=/home/me"], &["/workspace/Dockerfile"]).here("context", "/home/me", None);
        case.no_finding(Code::PathOfThisMachine);
    }
}

//! A `.dockerignore` beside a Dockerfile in a sub-directory: the executor reads the context's own, or one that has the
//! Dockerfile's name (kaniko#1451).

use crate::code::Code;
use crate::diagnose::facts::{Facts, shown};
use crate::diagnose::{Finding, Severity};
use crate::gopath;

/// Where there is one, and nothing has the Dockerfile's name.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    let context = facts.context().filter(|_| facts.failure().is_none())?;
    let dockerfile = facts.resolution.dockerfile.as_ref()?;
    let chosen = dockerfile.chosen.as_ref().filter(|_| dockerfile.ignore_file.is_none())?;
    let directory = gopath::parent(chosen);
    let unread = gopath::join(&[&directory, b".dockerignore"]);
    // Symlinks may lead to the context's root, too.
    let is_root = facts.find(&directory) == facts.find(&context.absolute);
    (!is_root && facts.find(&unread).is_some()).then_some(())?;
    let given = facts.flag("dockerfile").map(|given| given.index);
    let message = format!("`{}` is not read", shown(&unread));
    let finding = facts.finding(Code::IgnoreFileUnread, Severity::Warning, given, message);
    let read = match &facts.resolution.ignore_file {
        Some(read) => format!("`{}` is, the build context's own", shown(read)),
        None => format!(
            "it is neither in the build context's root, `{}`, nor named after the Dockerfile",
            shown(&context.absolute)
        ),
    };
    let counts = "under the name in the help its patterns count from the build context's root".to_owned();
    let name = |path: &[u8]| facts.local(path).map_or_else(|| shown(path), |local| local.display().to_string());
    let renamed = [chosen, &b".dockerignore"[..]].concat();
    let help = format!("rename it: `mv {} {}`", name(&unread), name(&renamed));
    Some(finding.because([read, counts]).with_help(Some(help)))
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;

    const ARGUMENTS: [&str; 2] = ["--context=/c", "--dockerfile=sub/Dockerfile"];

    #[test]
    fn one_beside_the_dockerfile_needs_its_name() {
        let case = Case::of(&ARGUMENTS, &["/c/sub/Dockerfile", "/c/sub/.dockerignore"]).mount("app", "/c");
        let finding = case.finding(Code::IgnoreFileUnread);
        assert_eq!(finding.message, "`/c/sub/.dockerignore` is not read");
        let help = "rename it: `mv app/sub/.dockerignore app/sub/Dockerfile.dockerignore`";
        assert_eq!(finding.help.as_deref(), Some(help));
        let both = Case::of(&ARGUMENTS, &["/c/sub/Dockerfile", "/c/sub/.dockerignore", "/c/.dockerignore"]);
        assert_eq!(both.finding(Code::IgnoreFileUnread).notes[0], "`/c/.dockerignore` is, the build context's own");
    }

    #[test]
    fn the_contexts_own_and_one_with_that_name_are_read() {
        Case::of(&["--context=/c"], &["/c/Dockerfile", "/c/.dockerignore"]).no_finding(Code::IgnoreFileUnread);
        let link = ["/c/Dockerfile", "/c/.dockerignore", "/d -> c"];
        Case::of(&["--context=/d", "--dockerfile=/c/Dockerfile"], &link).no_finding(Code::IgnoreFileUnread);
        let named = ["/c/sub/Dockerfile", "/c/sub/.dockerignore", "/c/sub/Dockerfile.dockerignore"];
        Case::of(&ARGUMENTS, &named).no_finding(Code::IgnoreFileUnread);
    }
}

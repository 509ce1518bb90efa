//! A Dockerfile whose name differs in letter case only: on the disks of macOS and Windows it is found (kaniko#1755,
//! kaniko#2630).

use crate::code::Code;
use crate::diagnose::Finding;
use crate::diagnose::facts::{Facts, shown};
use crate::gopath;

/// Only where no Dockerfile is found.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    let dockerfile = facts.resolution.dockerfile.as_ref().filter(|_| facts.has_no_dockerfile())?;
    let (directory, name) = dockerfile.candidates.iter().find_map(|candidate| {
        let directory = gopath::parent(&candidate.path);
        let wanted = gopath::file_name(&candidate.path);
        let name = facts.names(&directory).into_iter().find(|name| name.eq_ignore_ascii_case(wanted))?;
        Some((directory, name))
    })?;
    let given = facts.flag("dockerfile");
    let message = format!("no Dockerfile at `{}`: letter case counts", dockerfile.given);
    let mut finding = facts.error(Code::DockerfileLetterCase, given.map(|given| given.index), message);
    let there = shown(&gopath::join(&[&directory, &name]));
    finding.notes.insert(0, format!("there is `{there}`"));
    let above = dockerfile.given.rfind('/').map_or("", |slash| &dockerfile.given[..=slash]);
    finding.help = Some(format!("use `--dockerfile={above}{}`", shown(&name)));
    Some(finding)
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;

    #[test]
    fn a_name_that_differs_in_letter_case_is_found() {
        let finding = Case::of(&["--context=dir:///c"], &["/c/dockerfile"]).finding(Code::DockerfileLetterCase);
        assert_eq!(finding.help.as_deref(), Some("use `--dockerfile=dockerfile`"));
        let below =
            Case::of(&["--context=/c", "--dockerfile=deploy/Dockerfile.Native"], &["/c/deploy/DockerFile.native"]);
        let help = below.finding(Code::DockerfileLetterCase).help;
        assert_eq!(help.as_deref(), Some("use `--dockerfile=deploy/DockerFile.native`"));
    }

    #[test]
    fn another_name_is_not() {
        Case::of(&["--context=dir:///c"], &["/c/Dockerfile.dev"]).no_finding(Code::DockerfileLetterCase);
        Case::of(&["--context=dir:///c"], &["/c/Dockerfile", "/c/dockerfile"]).no_finding(Code::DockerfileLetterCase);
    }
}

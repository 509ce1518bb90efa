//! No Dockerfile, for no reason that another rule knows.

use crate::code::Code;
use crate::diagnose::Finding;
use crate::diagnose::facts::{Facts, shown};
use crate::diagnose::near::nearest;
use crate::executor::resolve::Dockerfile;
use crate::gopath;

/// Wherever no Dockerfile is found.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    let dockerfile = facts.resolution.dockerfile.as_ref().filter(|_| facts.has_no_dockerfile())?;
    let given = facts.flag("dockerfile");
    let message = format!("no Dockerfile at `{}`", dockerfile.given);
    let finding = facts.error(Code::DockerfileMissing, given.map(|given| given.index), message);
    let elsewhere = elsewhere(facts, dockerfile);
    let mut notes = facts.tried();
    if elsewhere.len() > 1 {
        let all: Vec<String> = elsewhere.iter().take(SHOWN).map(|path| format!("`{path}`")).collect();
        notes.push(format!("below the build context there are {}", all.join(", ")));
    }
    let meant = slip(facts, dockerfile).or_else(|| elsewhere.first().filter(|_| elsewhere.len() == 1).cloned());
    let help = meant.and_then(|meant| facts.help_with(&format!("--dockerfile={meant}")));
    Some(finding.because(notes).with_help(help))
}

/// Files elsewhere that are named.
const SHOWN: usize = 5;

/// The path with another name at its end, if one is there that is near.
fn slip(facts: &Facts, dockerfile: &Dockerfile) -> Option<String> {
    let above = dockerfile.given.rfind('/').map_or("", |slash| &dockerfile.given[..=slash]);
    dockerfile.candidates.iter().find_map(|candidate| {
        let names = facts.names(&gopath::parent(&candidate.path));
        Some(format!("{above}{}", shown(&nearest(gopath::file_name(&candidate.path), names)?)))
    })
}

/// The files below the build context that have the same name, as paths from there.
fn elsewhere(facts: &Facts, dockerfile: &Dockerfile) -> Vec<String> {
    let name = gopath::file_name(dockerfile.given.as_bytes());
    let found = facts.context().map(|context| facts.files_named(name, &context.absolute)).unwrap_or_default();
    found.iter().map(|path| shown(path)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;

    #[test]
    fn each_path_that_was_tried_is_told() {
        let case = Case::of(&["--context=dir:///c", "--dockerfile=deploy/x"], &["/c/Dockerfile"]);
        let finding = case.finding(Code::DockerfileMissing);
        assert_eq!(finding.message, "no Dockerfile at `deploy/x`");
        assert_eq!(
            finding.notes,
            [
                "tried `/workspace/deploy/x`: not there",
                "tried `/c/deploy/x`: not there",
                "the executor ends with `Error: error resolving dockerfile path: please provide a valid path to a Dockerfile within the build context with --dockerfile`",
            ]
        );
    }

    #[test]
    fn a_slip_or_the_only_file_of_that_name_is_what_is_meant() {
        for (given, files, help) in [
            ("Dockerfle", &["/c/Dockerfile"][..], Some("use `--dockerfile=Dockerfile`")),
            ("docker/Dockerfile", &["/c/Dockerfile"], Some("use `--dockerfile=Dockerfile`")),
            ("Dockerfile", &["/c/a/b/Dockerfile"], Some("use `--dockerfile=a/b/Dockerfile`")),
            ("Dockerfile", &["/c/a/Dockerfile", "/c/b/Dockerfile"], None),
            ("Dockerfile", &["/c/node_modules/x/Dockerfile"], None),
            ("Dockerfile", &["/c/Dockerfile.dev"], None),
        ] {
            let case = Case::of(&["--context=dir:///c", "--dockerfile", given], files);
            assert_eq!(case.finding(Code::DockerfileMissing).help.as_deref(), help, "{given} {files:?}");
        }
        let two =
            Case::of(&["--context=dir:///c"], &["/c/a/Dockerfile", "/c/b/Dockerfile"]).finding(Code::DockerfileMissing);
        assert_eq!(two.notes[2], "below the build context there are `a/Dockerfile`, `b/Dockerfile`");
    }

    #[test]
    fn one_that_is_there_is_fine() {
        Case::of(&["--context=dir:///c"], &["/c/Dockerfile"]).no_finding(Code::DockerfileMissing);
    }
}

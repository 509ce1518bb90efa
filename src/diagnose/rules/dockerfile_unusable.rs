//! What is at the Dockerfile's path is no file that can be read: a directory, a symlink that leads nowhere, something
//! below a file (kaniko#626, kaniko#1111).

use crate::code::Code;
use crate::diagnose::Finding;
use crate::diagnose::facts::{Facts, shown};
use crate::executor::files::{Errno, Follow, Kind, Pod};
use crate::executor::resolve::Outcome;
use crate::gopath;

/// Only where the executor fails to copy it.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    facts.failure().filter(|words| words.contains("dockerfile path: copying dockerfile: "))?;
    let dockerfile = facts.resolution.dockerfile.as_ref()?;
    let taken = dockerfile.candidates.iter().find(|candidate| candidate.outcome == Outcome::Unusable)?;
    let pod = Pod::new(facts.setup.files);
    let why = match (pod.find(&taken.path, b"/", Follow::All), pod.find(&taken.path, b"/", Follow::NotTheLast)) {
        (Ok(found), _) if found.kind == Kind::Directory => "it is a directory".to_owned(),
        (Ok(_), _) => "it is a socket".to_owned(),
        (Err(Errno::Loop), _) => "it is a symlink that leads back to itself".to_owned(),
        (Err(_), Ok(found)) => match found.kind {
            Kind::Symlink(target) => format!("it is a symlink to `{}`, which leads nowhere", shown(&target)),
            _ => return None,
        },
        (Err(_), Err(_)) => "what it is below is no directory".to_owned(),
    };
    let message = format!("no Dockerfile can be read at `{}`: {why}", shown(&taken.path));
    let finding = facts.error(Code::DockerfileUnusable, facts.flag("dockerfile").map(|given| given.index), message);
    let inside = shown(&gopath::join(&[dockerfile.given.as_bytes(), b"Dockerfile"]));
    let help = facts.help_with(&format!("--dockerfile={inside}"));
    Some(finding.because(facts.tried()).with_help(help))
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;

    #[test]
    fn what_is_there_instead_is_told() {
        for (dockerfile, files, why, help) in [
            ("Dockerfile", &["/c/Dockerfile -> ../x"][..], "it is a symlink to `../x`, which leads nowhere", None),
            ("Dockerfile", &["/c/Dockerfile -> Dockerfile"], "it is a symlink that leads back to itself", None),
            ("docker", &["/c/docker/Dockerfile"], "it is a directory", Some("use `--dockerfile=docker/Dockerfile`")),
            ("docker", &["/c/docker/x"], "it is a directory", None),
            ("", &["/c/Dockerfile"], "it is a directory", Some("use `--dockerfile=Dockerfile`")),
            ("x/Dockerfile", &["/c/x"], "what it is below is no directory", None),
        ] {
            let dockerfile = format!("--dockerfile={dockerfile}");
            let finding =
                Case::of(&["--context=/c", &dockerfile], files).directory("/c").finding(Code::DockerfileUnusable);
            assert!(finding.message.ends_with(why), "{}", finding.message);
            assert_eq!(finding.help.as_deref(), help, "{dockerfile}");
        }
    }

    #[test]
    fn a_symlink_to_a_file_is_fine() {
        Case::of(&["--context=/c"], &["/c/Dockerfile -> x", "/c/x"]).no_finding(Code::DockerfileUnusable);
        Case::of(&["--context=/c"], &["/c/x"]).no_finding(Code::DockerfileUnusable);
    }
}

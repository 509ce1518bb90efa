//! A source whose name differs in letter case only: the disks of macOS and Windows find it, the pod's does not.

use super::{Lost, Project, shown};
use crate::code::Code;
use crate::diagnose::Finding;
use crate::gopath;

/// Only where every component is there but for letter case.
pub(super) fn find(lost: &Lost) -> Option<Finding> {
    let there = alike(lost.project, lost.path.as_ref()?)?;
    let message = format!("no `{}` in the build context: letter case counts", lost.source.typed);
    let mut finding = lost.error(Code::CopySourceLetterCase, message);
    finding.notes.insert(0, format!("there is `{}`", shown(&there)));
    finding.help = Some(format!("write `{}`", shown(&there)));
    Some(finding)
}

fn alike(project: &Project, path: &[u8]) -> Option<Vec<u8>> {
    let mut here: Vec<u8> = Vec::new();
    for component in path.split(|&byte| byte == b'/') {
        let names = project.sent.names(&gopath::join(&[project.root, &here]));
        let name = names
            .iter()
            .find(|name| *name == component)
            .or_else(|| names.iter().find(|name| name.eq_ignore_ascii_case(component)))?;
        here = gopath::join(&[&here, name]);
    }
    Some(here)
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use crate::code::Code;

    #[test]
    fn the_name_that_is_there_is_told() {
        let finding =
            Case::of("FROM scratch\nCOPY SRC/main.rs /\n", &["/src/Main.rs"]).finding(Code::CopySourceLetterCase);
        assert_eq!(finding.help.as_deref(), Some("write `src/Main.rs`"));
    }

    #[test]
    fn another_name_is_not_alike() {
        Case::of("FROM scratch\nCOPY src/main.c /\n", &["/src/main.rs"]).no_finding(Code::CopySourceLetterCase);
    }
}

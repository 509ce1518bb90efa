//! A file whose name begins with `.wh.`: in a layer of an image that says that what follows is deleted, and `.wh..wh..opq`
//! that all beside it is (OCI image specification, `layer.md`). Neither builder gives it another name (tried with BuildKit
//! v0.34.2 and kaniko v1.24.0).

use super::{Project, shown};
use crate::code::Code;
use crate::diagnose::{Finding, Severity};
use crate::executor::resolve::{Copied, WHITEOUT};
use crate::gopath;

/// Paths that are named.
const NAMED: usize = 3;

pub(super) fn find(project: &Project, copied: &Copied) -> Option<Finding> {
    let (first, more) = copied.taken.whiteouts.split_first()?;
    let mut notes: Vec<String> = copied.taken.whiteouts.iter().take(NAMED).map(|path| deleted(path)).collect();
    if more.len() >= NAMED {
        notes.push(format!("and {} more", more.len() + 1 - NAMED));
    }
    Some(Finding {
        code: Code::CopyWhiteout,
        severity: Severity::Warning,
        message: format!("`{}` will not be in the image: its name says that something is deleted", shown(first)),
        spans: vec![project.span(&copied.span)],
        notes,
        help: Some("give it another name, or keep it out of the build context".to_owned()),
    })
}

fn deleted(path: &[u8]) -> String {
    const OPAQUE: &[u8] = b".wh..wh..opq";
    let (name, above) = (gopath::file_name(path), gopath::parent(path));
    match name.strip_prefix(WHITEOUT) {
        Some(rest) if name != OPAQUE => {
            format!("`{}` of what is below this layer is gone with it", shown(&gopath::join(&[&above, rest])))
        }
        _ => format!("all in `{}` of what is below this layer is gone with it", shown(&above)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use crate::code::Code;

    #[test]
    fn a_name_that_deletes_is_told() {
        let files = ["/d/.wh.b", "/d/e/.wh..wh..opq", "/d/c", "/.white"];
        let finding = Case::of("FROM debian\nCOPY d /o\n", &files).finding(Code::CopyWhiteout);
        assert_eq!(finding.spans[0].place.line, 2);
        assert_eq!(finding.message, "`/o/.wh.b` will not be in the image: its name says that something is deleted");
        assert_eq!(
            finding.notes,
            [
                "`/o/b` of what is below this layer is gone with it",
                "all in `/o/e` of what is below this layer is gone with it",
            ]
        );
        let mut archive = tar::Builder::new(Vec::new());
        archive.append_data(&mut tar::Header::new_gnu(), "e/.wh.b", &b""[..]).unwrap();
        let archive = archive.into_inner().unwrap();
        let unpacked = Case::of("FROM debian\nADD t.tar /o\n", &[]).holding("/t.tar", archive);
        let notes = unpacked.finding(Code::CopyWhiteout).notes;
        assert_eq!(notes, ["`/o/e/b` of what is below this layer is gone with it"]);
        Case::of("FROM scratch\nCOPY d/c /.wh.x\n", &files).finding(Code::CopyWhiteout);
        Case::of("FROM scratch\nCOPY d/.wh.b /x\nCOPY d/c .white /o/\n", &files).no_findings();
    }
}

//! Several sources, and a destination that does not end in a slash (kaniko#2946): Docker refuses it too, the executor
//! unless the image has such a directory.

use super::Project;
use crate::code::Code;
use crate::diagnose::{Finding, Severity};
use crate::executor::resolve::Copied;

pub(super) fn find(project: &Project, copied: &Copied) -> Option<Finding> {
    let words = copied.last_words().filter(|words| words.contains("destination must be a directory"))?;
    let destination = super::shown(&copied.destination);
    Some(Finding {
        code: Code::CopyDestination,
        severity: if copied.all_known { Severity::Error } else { Severity::Warning },
        message: format!("several files go to `{destination}`, which is not said to be a directory"),
        spans: vec![project.span(&copied.span)],
        notes: vec![format!("the executor would end with `{words}`")],
        help: Some(format!("end it with a slash: `{destination}/`")),
    })
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use crate::code::Code;
    use crate::diagnose::Severity;

    #[test]
    fn a_destination_of_several_sources_has_to_end_in_a_slash() {
        let files = ["/a", "/b"];
        let finding = Case::of("FROM scratch\nCOPY a b /out\n", &files).finding(Code::CopyDestination);
        assert_eq!(
            (finding.severity, finding.help.as_deref()),
            (Severity::Error, Some("end it with a slash: `/out/`"))
        );
        // It may be there.
        let finding = Case::of("FROM maven:3\nCOPY a b /out\n", &files).finding(Code::CopyDestination);
        assert_eq!(finding.severity, Severity::Warning);
    }

    #[test]
    fn one_that_does_is_fine() {
        Case::of("FROM scratch\nCOPY a b /out/\n", &["/a", "/b"]).no_findings();
    }
}

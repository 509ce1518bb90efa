//! A socket or a FIFO that is copied (kaniko#1599, kaniko#272, osscontainertools#948): the executor opens it as it does a
//! file, which fails for a socket and waits for a FIFO's writer (seen with v1.24.0, and with the fork up to v1.28.3). Only
//! in a context that is mounted: they are not sent.

use super::{Project, ignore_help, shown};
use crate::code::Code;
use crate::diagnose::{Finding, Severity};
use crate::executor::files::Kind;
use crate::executor::image::Way;
use crate::executor::resolve::Copied;

/// The first one of an instruction: it comes to no other.
pub(super) fn find(project: &Project, copied: &Copied) -> Option<Finding> {
    let (path, kind) = copied.taken.special.first()?;
    let name = shown(path);
    let (message, why) = match kind {
        Kind::Socket => (
            format!("`{name}` is a socket, which cannot be copied"),
            copied.last_words().map(|words| format!("the executor would end with `{words}`")),
        ),
        _ => (
            format!("`{name}` is a FIFO, for whose writer the executor waits"),
            Some("the executor opens it as it does a file, and says nothing while it waits".to_owned()),
        ),
    };
    Some(Finding {
        code: Code::ContextSpecialFile,
        // A later fork passes over them.
        severity: if project.family.has(Way::SparesSpecialFiles) { Severity::Warning } else { Severity::Error },
        message,
        spans: vec![project.span(&copied.span)],
        notes: why.into_iter().collect(),
        help: ignore_help(project, path),
    })
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use crate::code::Code;
    use crate::diagnose::Severity;
    use crate::executor::image::Family;

    const COPY: &str = "FROM alpine\nCOPY . /app\n";

    #[test]
    fn a_socket_fails_whatever_the_image_holds() {
        let case = Case::of(COPY, &["/a", "/run/app.sock (socket)"]).mounted();
        let finding = case.finding(Code::ContextSpecialFile);
        assert_eq!((finding.severity, finding.spans[0].place.line), (Severity::Error, 2));
        assert_eq!(finding.message, "`run/app.sock` is a socket, which cannot be copied");
        let words = "failed to execute command: copying dir: open /workspace/run/app.sock: no such device or address";
        assert_eq!(
            finding.notes,
            [format!("the executor would end with `error building image: error building stage: {words}`")]
        );
        assert_eq!(finding.help.as_deref(), Some("add `run/app.sock` to `.dockerignore`"));
        assert_eq!(case.family(Family::Fork).finding(Code::ContextSpecialFile).severity, Severity::Warning);
    }

    #[test]
    fn a_fifo_is_waited_for() {
        let finding = Case::of(COPY, &["/p (fifo)"]).mounted().finding(Code::ContextSpecialFile);
        assert_eq!(finding.message, "`p` is a FIFO, for whose writer the executor waits");
    }

    #[test]
    fn one_that_is_not_copied_does_no_harm() {
        let files = ["/run/app.sock (socket)", "/src/p (fifo)", "/src/a"];
        Case::of("FROM alpine\nCOPY src/a /a\n", &files).mounted().no_findings();
        Case::of(COPY, &files).mounted().ignoring("run\n**/p\n").no_findings();
    }
}

//! A source that leads out of the build context. The executor joins `..` and looks beside the context (kaniko#1381);
//! BuildKit cuts it off at the context's root.

use super::{Lost, shown};
use crate::code::Code;
use crate::diagnose::Finding;
use crate::gopath;

/// Only for a path with `..` that leaves the context.
pub(super) fn find(lost: &Lost) -> Option<Finding> {
    if lost.path.is_some() {
        return None;
    }
    let message = format!("`{}` is outside of the build context", lost.source.typed);
    let mut finding = lost.error(Code::CopySourceOutside, message);
    finding.notes.insert(0, "only what is below the build context is sent".to_owned());
    // Docker cuts the way out off.
    let inside = gopath::join(&[b"/", &lost.source.path]);
    let inside = inside.strip_prefix(b"/").unwrap_or(&inside);
    finding.help = (!inside.is_empty() && lost.project.is_sent(inside))
        .then(|| format!("write `{}`: Docker takes it for that", shown(inside)));
    Some(finding)
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use crate::code::Code;

    #[test]
    fn a_path_that_leaves_the_context_is_outside() {
        let case = Case::of("FROM scratch\nCOPY ../shared /\n", &["/shared"]);
        let finding = case.finding(Code::CopySourceOutside);
        assert_eq!(finding.spans[0].place.line, 2);
        assert_eq!(finding.help.as_deref(), Some("write `shared`: Docker takes it for that"));
    }

    /// There it would find the Dockerfile that is built, and not the user's.
    #[test]
    fn what_lies_beside_the_context_in_the_pod_is_not_what_is_meant() {
        for source in ["..", "../Dockerfile"] {
            Case::of(&format!("FROM scratch\nCOPY {source} /x/\n"), &["/a"]).finding(Code::CopySourceOutside);
        }
    }

    #[test]
    fn one_that_comes_back_is_not() {
        Case::of("FROM scratch\nCOPY a/../b /\n", &["/b", "/a/"]).no_findings();
    }
}

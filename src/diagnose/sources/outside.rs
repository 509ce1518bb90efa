//! A source that leads out of the build context. The executor joins `..` and looks beside the context (kaniko#1381);
//! BuildKit cuts it off at the context's root.

use super::Lost;
use crate::code::Code;
use crate::diagnose::Finding;

/// Only for a path with `..` that leaves the context.
pub(super) fn find(lost: &Lost) -> Option<Finding> {
    if lost.path.is_some() {
        return None;
    }
    let message = format!("`{}` is outside of the build context", lost.source.typed);
    let mut finding = lost.error(Code::CopySourceOutside, message);
    finding.notes.insert(0, "only what is below the build context is sent".to_owned());
    Some(finding)
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use crate::code::Code;

    #[test]
    fn a_path_that_leaves_the_context_is_outside() {
        let case = Case::of("FROM scratch\nCOPY ../shared /\n", &["/shared"]);
        assert_eq!(case.finding(Code::CopySourceOutside).spans[0].place.line, 2);
    }

    #[test]
    fn one_that_comes_back_is_not() {
        Case::of("FROM scratch\nCOPY a/../b /\n", &["/b", "/a/"]).no_findings();
    }
}

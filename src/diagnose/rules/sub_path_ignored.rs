//! `--context-sub-path` counts only behind a scheme (kaniko#1381, osscontainertools/kaniko#1026).

use crate::code::Code;
use crate::diagnose::Finding;
use crate::diagnose::facts::Facts;
use crate::executor::resolve::Source;

/// Where it builds all the same, or would build with a scheme.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    let sub_path = facts.flag("context-sub-path").filter(|given| !given.value.is_empty())?;
    let context = facts.context().filter(|context| context.source == Source::Path)?;
    let meant = format!("--context=dir://{}", context.given);
    let helps = facts.builds_with(&[&meant]);
    (helps || facts.failure().is_none()).then_some(())?;
    let message = format!("`--context-sub-path={}` does not count", sub_path.value);
    let finding = facts.judge(Code::SubPathIgnored, Some(sub_path.index), message);
    let why = format!("it does only behind a scheme, and `{}` has none", context.given);
    Some(finding.because([why]).with_help(helps.then(|| format!("use `{meant}`"))))
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;
    use crate::diagnose::Severity;

    #[test]
    fn a_path_without_a_scheme_has_no_parts() {
        let arguments = ["--context=/c", "--context-sub-path=sub"];
        let finding = Case::of(&arguments, &["/c/sub/Dockerfile"]).finding(Code::SubPathIgnored);
        assert_eq!((finding.severity, finding.help.as_deref()), (Severity::Error, Some("use `--context=dir:///c`")));
        let builds = Case::of(&arguments, &["/c/sub/x", "/c/Dockerfile"]).finding(Code::SubPathIgnored);
        assert_eq!(builds.severity, Severity::Warning);
    }

    #[test]
    fn where_it_would_not_help_something_else_is_wrong() {
        Case::of(&["--context=/c", "--context-sub-path=sub"], &["/c/x"]).no_finding(Code::SubPathIgnored);
        let arguments = ["--context=dir:///c", "--context-sub-path=sub"];
        Case::of(&arguments, &["/c/sub/Dockerfile"]).no_finding(Code::SubPathIgnored);
    }
}

//! The context comes over standard input, and that is `/dev/null` or a terminal (kaniko#1139, kaniko#1289).

use crate::code::Code;
use crate::diagnose::Finding;
use crate::diagnose::facts::Facts;

/// Only where the executor finds a device there.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    facts.failure().filter(|words| words.contains("no data found.. don't forget"))?;
    let message = "`tar://stdin` gets nothing: standard input is a device".to_owned();
    let finding = facts.error(Code::NoStdin, facts.flag("context").map(|given| given.index), message);
    let why = "without `stdin: true` it is `/dev/null`, with `tty: true` a terminal".to_owned();
    let help = "give the container `stdin: true` and `stdinOnce: true`, and no `tty`".to_owned();
    Some(finding.because([why]).with_help(Some(help)))
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;

    #[test]
    fn a_device_is_no_stream() {
        assert!(Case::of(&["--context=tar://stdin"], &[]).finding(Code::NoStdin).help.is_some());
    }

    #[test]
    fn where_somebody_sends_it_is_fine() {
        Case::of(&["--context=tar://stdin"], &[]).streaming().no_finding(Code::NoStdin);
        Case::of(&["--context=dir:///c"], &["/c/Dockerfile"]).no_finding(Code::NoStdin);
    }
}

//! v1.9.0 loses the name of a bucket (kaniko#2200, kaniko#2212).

use crate::code::Code;
use crate::diagnose::facts::Facts;
use crate::diagnose::{Finding, Severity};
use crate::executor::image::{Family, Version};

const BROKEN: Version = Version(1, 9, 0);

/// Only for that release.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    let image = facts.setup.image;
    (image.version == Some(BROKEN) && image.family == Family::Upstream).then_some(())?;
    let flags = [facts.flag("bucket"), facts.flag("context")].into_iter().flatten();
    let mut buckets = flags.filter_map(|given| {
        let words = match given.value.split_once("://") {
            Some(("s3", _)) => "minimum field size of 1, GetObjectInput.Bucket",
            Some(("gs", _)) => "storage: bucket name is empty",
            None if given.name == "bucket" && !given.value.is_empty() => "storage: bucket name is empty",
            _ => return None,
        };
        Some((given, words))
    });
    let (given, words) = buckets.next()?;
    let message = format!("the executor {BROKEN} loses the bucket of `{}`", given.value);
    let finding = facts.finding(Code::BucketRegression, Severity::Error, Some(given.index), message);
    let help = "use the image `gcr.io/kaniko-project/executor:v1.9.1`, or a later one".to_owned();
    Some(finding.because([format!("it ends with `{words}`")]).with_help(Some(help)))
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;

    fn case(arguments: &[&str], version: &str) -> Case {
        Case::of(arguments, &[]).image(&format!("gcr.io/kaniko-project/executor:{version}"))
    }

    #[test]
    fn that_release_gets_nothing_from_a_bucket() {
        for (arguments, words) in [
            (&["--context=s3://b/c.tgz"][..], "it ends with `minimum field size of 1, GetObjectInput.Bucket`"),
            (&["--context=gs://b/c.tgz"], "it ends with `storage: bucket name is empty`"),
            (&["--context=", "--bucket=b"], "it ends with `storage: bucket name is empty`"),
        ] {
            assert_eq!(case(arguments, "v1.9.0-debug").finding(Code::BucketRegression).notes, [words]);
        }
    }

    #[test]
    fn other_releases_do_and_other_contexts_are_fine() {
        case(&["--context=s3://b/c.tgz"], "v1.9.1").no_finding(Code::BucketRegression);
        case(&["--context=s3://b/c.tgz"], "latest").no_finding(Code::BucketRegression);
        case(&["--context=git://h/r"], "v1.9.0").no_finding(Code::BucketRegression);
    }
}

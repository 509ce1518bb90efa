//! A Dockerfile from the web: whatever the server answers is built, an error page too.

use crate::code::Code;
use crate::diagnose::facts::Facts;
use crate::diagnose::{Finding, Severity};

/// Wherever `--dockerfile` is an address.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    let given = facts.flag("dockerfile")?;
    let is_url = ["http://", "https://"].iter().any(|scheme| given.value.starts_with(scheme));
    (is_url && facts.failure().is_none()).then_some(())?;
    let message = format!("whatever `{}` answers is taken for the Dockerfile", given.value);
    let finding = facts.finding(Code::DockerfileUrl, Severity::Advice, Some(given.index), message);
    let words = "error building image: parsing dockerfile: dockerfile parse error on line 1: unknown instruction:";
    let why = format!("at a page for people or a login the executor ends with `{words}`");
    Some(finding.because([why]).with_help(raw(&given.value).map(|raw| format!("use `--dockerfile={raw}`"))))
}

/// The address of the file itself, where that of its page is given.
fn raw(page: &str) -> Option<String> {
    let of_github = || {
        let (repository, path) = page.strip_prefix("https://github.com/")?.split_once("/blob/")?;
        Some(format!("https://raw.githubusercontent.com/{repository}/{path}"))
    };
    let of_gitlab = || page.contains("/-/blob/").then(|| page.replacen("/-/blob/", "/-/raw/", 1));
    of_github().or_else(of_gitlab)
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;

    #[test]
    fn what_a_server_answers_is_not_looked_at() {
        for (url, help) in [
            (
                "https://github.com/o/r/blob/main/Dockerfile",
                Some("use `--dockerfile=https://raw.githubusercontent.com/o/r/main/Dockerfile`"),
            ),
            (
                "https://gitlab.com/o/r/-/blob/main/Dockerfile",
                Some("use `--dockerfile=https://gitlab.com/o/r/-/raw/main/Dockerfile`"),
            ),
            ("http://x.example.com/Dockerfile", None),
        ] {
            let finding = Case::of(&["--dockerfile", url], &["/workspace/x"]).finding(Code::DockerfileUrl);
            assert_eq!((finding.severity, finding.help.as_deref()), (Severity::Advice, help), "{url}");
        }
    }

    #[test]
    fn a_path_is_no_address() {
        Case::of(&["--dockerfile=httpd/Dockerfile"], &["/workspace/httpd/Dockerfile"]).no_finding(Code::DockerfileUrl);
    }
}

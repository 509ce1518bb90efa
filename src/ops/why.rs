//! `context why`: which pattern keeps a path back, or takes it along.

use super::sent::without_dockerfile;
use crate::context::dockerignore::{Dialect, IgnoreError, Rules};
use crate::context::scan::{Excluded, ignore_error, scan};
use crate::context::why::{answer, within};
use crate::error::Error;
use crate::report;
use crate::request::WhyRequest;

/// Form of the answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhyForm {
    /// A line for each path, and what else there is to say indented below it.
    Text,
    /// A document.
    Json,
}

/// Says of each path whether it is sent and why.
///
/// # Errors
/// A path outside of the build context; an ignore file that cannot be used; standard output cannot be written.
pub fn why(request: &WhyRequest, form: WhyForm) -> Result<(), Error> {
    let root = &request.directory;
    let context = without_dockerfile(root, &request.dockerfile)?;
    let paths = request.paths.iter().map(|typed| within(root, typed)).collect::<Result<Vec<_>, _>>()?;
    let ignore_file = context.ignore_file.as_ref();
    let refused = |error: IgnoreError| ignore_error(ignore_file.map(|file| &*file.path), &error);
    let content = ignore_file.map_or(&b""[..], |file| &file.content);
    let rules = Rules::from_file(content).map_err(refused)?;
    if request.dialect == Dialect::Docker && rules.may_fail() {
        // Docker would stop at whatever path makes it test the pattern.
        scan(&context, Excluded::Prune)?;
    }
    let answers =
        request.paths.iter().zip(paths).map(|(typed, path)| answer(root, &rules, request.dialect, typed, path));
    let answers = answers.collect::<Result<Vec<_>, _>>().map_err(refused)?;
    let answers =
        report::Answers { dialect: request.dialect, ignore_file: ignore_file.map(|file| &*file.path), answers };
    let document = match form {
        WhyForm::Text => answers.text(),
        WhyForm::Json => format!("{:#}\n", answers.json()),
    };
    report::write_stdout(document.as_bytes())
}

//! A symlink that leads to itself. Upstream's executor ends its snapshot at such a link and calls the build a success,
//! with everything behind it missing from the image; the fork's fails. Other links do no harm, those to nothing included.

use super::{Project, shown};
use crate::code::Code;
use crate::diagnose::{Finding, Severity};
use crate::executor::files::{Errno, Follow, Pod};
use crate::gopath;

/// For links that a `COPY` or `ADD` takes.
pub(super) fn find(project: &Project) -> Vec<Finding> {
    let pod = Pod::new(project.sent);
    let is_loop =
        |link: &&Vec<u8>| pod.find(&gopath::join(&[project.root, link]), b"/", Follow::All) == Err(Errno::Loop);
    project.links.iter().filter(is_loop).filter_map(|link| told(project, link)).collect()
}

fn told(project: &Project, link: &[u8]) -> Option<Finding> {
    let copied = project.resolution.copied.iter().find(|copied| {
        copied.failure.is_none() && copied.sources.iter().any(|source| takes(&source.path, source.is_pattern(), link))
    })?;
    let name = shown(link);
    Some(Finding {
        code: Code::SymlinkLoop,
        severity: Severity::Error,
        message: format!("`{name}` is a symlink that leads to itself"),
        spans: vec![project.span(&copied.span)],
        notes: vec![
            "the executor would say `Couldn't eval` of it, and leave out of the image whatever comes after".to_owned(),
            "it would end with success all the same".to_owned(),
        ],
        help: Some(format!("remove it, or add `{name}` to `{}`", project.ignore_file().display())),
    })
}

/// Whether a source is the link or a directory that it is in.
pub(super) fn takes(source: &[u8], is_pattern: bool, link: &[u8]) -> bool {
    let mut above = gopath::join(&[b"/", link]);
    loop {
        if is(source, is_pattern, &above) {
            return true;
        }
        if above == b"/" {
            return false;
        }
        above = gopath::parent(&above);
    }
}

/// Whether a source is a path of the context.
pub(super) fn is(source: &[u8], is_pattern: bool, path: &[u8]) -> bool {
    let (source, path) = (gopath::join(&[b"/", source]), gopath::join(&[b"/", path]));
    path == source || is_pattern && gopath::matches(&source, &path) == Ok(true)
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use crate::code::Code;

    #[test]
    fn a_link_that_leads_to_itself_is_told_where_it_is_copied() {
        for (dockerfile, files) in [
            ("FROM scratch\nCOPY . /\n", &["/d/self -> self"][..]),
            ("FROM scratch\nCOPY d /d\n", &["/d/self -> self"]),
            ("FROM scratch\nCOPY d/* /d/\n", &["/d/self -> ../d/self"]),
        ] {
            let finding = Case::of(dockerfile, files).finding(Code::SymlinkLoop);
            assert_eq!(finding.spans[0].place.line, 2);
            assert_eq!(finding.help.as_deref(), Some("remove it, or add `d/self` to `.dockerignore`"));
        }
        let both = Case::of("FROM scratch\nCOPY . /\n", &["/a -> b", "/b -> a"]).findings();
        assert_eq!(both.iter().map(|finding| finding.code).collect::<Vec<_>>(), [Code::SymlinkLoop; 2]);
    }

    #[test]
    fn other_links_and_what_is_not_copied_are_fine() {
        Case::of("FROM scratch\nCOPY e /\n", &["/d/self -> self", "/e/f"]).no_findings();
        Case::of("FROM scratch\nCOPY . /\n", &["/d/gone -> no", "/d/up -> ../d", "/d/abs -> /etc"]).no_findings();
        Case::of("FROM scratch\nCOPY . /\n", &["/self -> self"]).ignoring("self\n").no_findings();
    }
}

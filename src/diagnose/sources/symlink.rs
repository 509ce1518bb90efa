//! A source that is a symlink itself (kaniko#1382, kaniko#1737, kaniko#915): Docker copies what it leads to, the executor
//! copies the symlink, and where that leads in the image is another matter (kaniko v1.24.0 `pkg/commands/copy.go`
//! `CopySymlink`; the fork does the same). Symlinks within a directory that is copied stay symlinks with both.

use super::{Project, shown};
use crate::code::Code;
use crate::diagnose::{Finding, Severity};
use crate::executor::files::{Follow, Found, Kind, Pod};
use crate::executor::resolve::{Copied, TakenLink, There};
use crate::gopath;

/// For symlinks that lead to something of the context, and not to the same in the image.
pub(super) fn find(project: &Project, copied: &Copied) -> Vec<Finding> {
    copied.taken.links.iter().filter_map(|link| told(project, copied, link)).collect()
}

fn told(project: &Project, copied: &Copied, link: &TakenLink) -> Option<Finding> {
    // One that leads to nothing is none that Docker would take.
    let meant = link.meant.as_ref().filter(|_| link.there != There::Same)?;
    // The context's root may be one itself.
    let root = Pod::new(project.sent).find(project.root, b"/", Follow::All).ok()?;
    let target = gopath::below(&meant.path, &root.path)?;
    let (name, placed) = (shown(&link.path), shown(&link.placed));
    let leads = shown(&gopath::absolute(&link.says, &gopath::parent(&link.placed)));
    let (severity, image) = match link.there {
        There::Nothing => {
            (Severity::Error, format!("in the image `{placed}` would lead to `{leads}`, which is not there"))
        }
        There::Same | There::Unknown => (Severity::Warning, format!("in the image `{placed}` would lead to `{leads}`")),
    };
    Some(Finding {
        code: Code::CopySourceSymlink,
        severity,
        message: format!("`{name}` is copied as a symlink, not followed"),
        spans: vec![project.span_of(copied, &link.path)],
        notes: vec![image, format!("Docker copies what it leads to, `{}`", shown(target))],
        help: help(copied, link, target, meant),
    })
}

/// Another source, if it puts the same where Docker does.
fn help(copied: &Copied, link: &TakenLink, target: &[u8], meant: &Found) -> Option<String> {
    let is_named = copied.sources.iter().any(|source| !source.is_pattern() && gopath::clean(&source.path) == link.path);
    let keeps_name = gopath::file_name(&link.placed) == gopath::file_name(target)
        || gopath::file_name(&link.placed) != gopath::file_name(&link.path);
    let target = shown(target);
    match () {
        () if link.path == b"." => Some(format!("use `--context=dir://{}`", shown(&meant.path))),
        () if !is_named => None,
        // Of a directory its entries are copied.
        () if meant.kind == Kind::Directory || keeps_name => Some(format!("write `{target}` as the source")),
        () if copied.sources.len() == 1 => {
            Some(format!("write `{target}` as the source and `{}` as the destination", shown(&link.placed)))
        }
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use crate::code::Code;
    use crate::diagnose::Severity;

    #[test]
    fn a_symlink_is_not_what_it_leads_to() {
        let files = ["/conf/v2.yaml", "/conf/current.yaml -> v2.yaml"];
        let finding = Case::of("FROM scratch\nCOPY conf/current.yaml /etc/\n", &files).finding(Code::CopySourceSymlink);
        assert_eq!((finding.severity, finding.spans[0].place.column), (Severity::Error, 6));
        assert_eq!(
            finding.notes,
            [
                "in the image `/etc/current.yaml` would lead to `/etc/v2.yaml`, which is not there",
                "Docker copies what it leads to, `conf/v2.yaml`"
            ]
        );
        let help = "write `conf/v2.yaml` as the source and `/etc/current.yaml` as the destination";
        assert_eq!(finding.help.as_deref(), Some(help));
        // An image may hold it, and a stage may be built upon.
        for dockerfile in [
            "FROM alpine\nCOPY conf/current.yaml /etc/x\n",
            "FROM scratch AS a\nCOPY conf/cur* /etc/x\nFROM scratch\nCOPY --from=a / /\n",
        ] {
            let finding = Case::of(dockerfile, &files).finding(Code::CopySourceSymlink);
            assert_eq!(finding.severity, Severity::Warning);
            assert_eq!(finding.notes[0], "in the image `/etc/x` would lead to `/etc/v2.yaml`");
        }
    }

    #[test]
    fn a_directory_behind_one_is_copied_by_docker() {
        let finding = Case::of("FROM alpine\nCOPY current /app/\n", &["/releases/7/a", "/current -> releases/7"])
            .finding(Code::CopySourceSymlink);
        assert_eq!(finding.notes[0], "in the image `/app/current` would lead to `/app/releases/7`");
        assert_eq!(finding.help.as_deref(), Some("write `releases/7` as the source"));
    }

    /// Of all that is in it nothing is copied.
    #[test]
    fn the_contexts_root_may_be_one() {
        let finding =
            Case::of("FROM alpine\nCOPY . /app\n", &["/a"]).mounted_behind_a_symlink().finding(Code::CopySourceSymlink);
        assert_eq!(finding.message, "`.` is copied as a symlink, not followed");
        assert_eq!(finding.help.as_deref(), Some("use `--context=dir:///workspace`"));
        Case::of("FROM alpine\nCOPY a /app\n", &["/a"]).mounted_behind_a_symlink().no_findings();
    }

    #[test]
    fn one_that_leads_to_the_same_in_the_image_is_fine() {
        let files = ["/lib.so.1", "/lib.so -> lib.so.1"];
        Case::of("FROM alpine\nCOPY lib.so lib.so.1 /lib/\n", &files).no_findings();
        Case::of("FROM alpine\nCOPY lib.so* /lib/\n", &files).no_findings();
        Case::of("FROM scratch\nCOPY lib.so /lib/\nCOPY lib.so.1 /lib/\n", &files).no_findings();
        let directory = ["/releases/7/a", "/current -> releases/7"];
        Case::of("FROM alpine\nCOPY current /app/\nCOPY releases /app/releases\n", &directory).no_findings();
    }

    #[test]
    fn others_are_as_with_docker() {
        // In a directory.
        Case::of("FROM alpine\nCOPY . /app\n", &["/d/a", "/d/b -> a", "/e -> d"]).no_findings();
        // On the way.
        Case::of("FROM alpine\nCOPY e/a /app\n", &["/d/a", "/e -> d"]).no_findings();
        // To nothing: Docker takes none of these.
        Case::of("FROM alpine\nCOPY l /etc/localtime\n", &["/l -> /usr/share/zoneinfo/UTC"]).no_findings();
        // Of an archive `ADD` takes what is in it.
        Case::of("FROM alpine\nADD l /\n", &["/l -> a.tar.gz"]).holding_archive("/a.tar.gz").no_findings();
    }
}

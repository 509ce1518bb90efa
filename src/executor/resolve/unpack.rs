//! What `ADD` makes of an archive's members: kaniko v1.24.0 `pkg/util/fs_util.go` (`UnTar`, `ExtractFile`).
//!
//! There is no root of its own: symlinks are followed, `..` is taken out of names by their text alone, and what the
//! executor leaves alone is passed over.

use super::copies::{make_all, make_directories};
use super::path_error;
use super::snapshot::Ignored;
use crate::executor::files::{Attributes, Errno, Follow, Kind, Origin, Pod};
use crate::gopath;
use crate::members::{Hollow, Kind as MemberKind, Member, Members};

/// Where a member goes.
pub(super) fn path(member: &Member, destination: &[u8]) -> Vec<u8> {
    gopath::join(&[destination, &gopath::clean(&member.name)])
}

/// The members of what is compressed and holds no archive.
///
/// # Errors
/// The executor's words for what Go's reader makes of it; what the decoders say is told in brief.
pub(super) fn nothing(hollow: Hollow) -> Result<Members, String> {
    Err(match hollow {
        Hollow::Empty => return Ok([].into()),
        Hollow::Short => CUT,
        Hollow::NoHeader => NO_HEADER,
        Hollow::Broken => BROKEN,
    }
    .to_owned())
}

/// What it says of a file without an archive: what is in it is shorter than a header.
pub const CUT: &str = "unexpected EOF";
/// What is in it is no header.
pub const NO_HEADER: &str = "archive/tar: invalid tar header";
/// It has no decoder for it.
pub const UNREADABLE: &str = "path does not lead to local tar archive";
/// Near to what it says where it cannot be decompressed.
pub const BROKEN: &str = "it cannot be decompressed";

/// Unpacks the members of `archive`, a file of the pod, into `destination`, and gives the paths that it takes a snapshot
/// of.
///
/// # Errors
/// The executor's words, behind `unpacking local tar: `.
pub(super) fn unpack(
    members: &[Member],
    archive: &[u8],
    destination: &[u8],
    ignored: &[Ignored],
    pod: &mut Pod,
) -> Result<Vec<Vec<u8>>, String> {
    let is_ignored = |path: &[u8]| ignored.iter().any(|ignored| ignored.covers(path));
    let heeds_ignored = destination == b"/" || !is_ignored(destination);
    let mut made = Vec::new();
    for (number, member) in members.iter().enumerate() {
        let path = path(member, destination);
        made.push(path.clone());
        if heeds_ignored && is_ignored(&path) {
            continue;
        }
        let attributes = Attributes { mode: member.mode, owner: member.owner };
        match &member.kind {
            MemberKind::File => {
                make_parent(&path, pod)?;
                let place = free(&path, pod)?;
                pod.write_original(place, Origin::Member(archive.to_vec(), number), attributes);
            }
            MemberKind::Directory => make_directories(&path, member.mode, Some(member.owner), pod)?,
            MemberKind::Symlink(target) => {
                make_all(&gopath::parent(&path), Attributes::DIRECTORY, pod)?;
                let place = free(&path, pod)?;
                pod.write_symlink(place, target.clone());
            }
            MemberKind::HardLink(target) => {
                if is_ignored(&gopath::absolute(target, b"/")) {
                    continue;
                }
                make_all(&gopath::parent(&path), Attributes::DIRECTORY, pod)?;
                let place = free(&path, pod)?;
                link(&gopath::join(&[destination, target]), place, pod)?;
            }
            MemberKind::Special | MemberKind::Comment => {}
        }
    }
    Ok(made)
}

/// How it ends over a path that leads through a file.
pub(super) const PANIC: &str = "runtime error: invalid memory address or nil pointer dereference";

/// A file asks for the directory above it in another way than others do, and does not expect a file there.
fn make_parent(path: &[u8], pod: &mut Pod) -> Result<(), String> {
    let parent = gopath::parent(path);
    match pod.find(&parent, b"/", Follow::All) {
        Ok(found) if found.kind == Kind::Directory => Ok(()),
        Ok(_) | Err(Errno::NoEntry) => make_all(&parent, Attributes::DIRECTORY, pod).map(drop),
        Err(_) => Err(PANIC.to_owned()),
    }
}

/// A thing's own place, where nothing is any more.
fn free(path: &[u8], pod: &mut Pod) -> Result<Vec<u8>, String> {
    let above = pod.find(&gopath::parent(path), b"/", Follow::All).map_err(|why| path_error("open", path, why))?;
    let place = gopath::join(&[&above.path, gopath::file_name(path)]);
    if pod.exists(&place, b"/") {
        pod.remove(place.clone());
    }
    Ok(place)
}

/// Another name for what is there: the same content, with what it has by then.
fn link(target: &[u8], place: Vec<u8>, pod: &mut Pod) -> Result<(), String> {
    let failed = |why: &str| {
        let (target, place) = (String::from_utf8_lossy(target), String::from_utf8_lossy(&place));
        format!("link {target} {place}: {why}")
    };
    let found = pod.find(target, b"/", Follow::NotTheLast).map_err(|why| failed(&why.to_string()))?;
    match found.kind {
        Kind::Directory => return Err(failed("operation not permitted")),
        Kind::Symlink(says) => pod.write_symlink(place, says),
        Kind::File | Kind::Fifo | Kind::Socket | Kind::Device => {
            let attributes = pod.attributes(&found.path);
            pod.write_file(place, &found.path, attributes);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::files::Written;
    use crate::executor::files::told::Told;
    use crate::executor::resolve::snapshot;
    use crate::members::told;

    /// What `members` come to, unpacked to a directory of a pod.
    fn unpacked(destination: &str, members: &[&str]) -> Result<String, String> {
        let files = Told::of(&["/o/there=x", "/o/l -> /t", "/t/"]);
        let mut pod = Pod::new(&files);
        let ignored = snapshot::ignored(&[], true);
        unpack(&told::members(members), b"/c/t.tar", destination.as_bytes(), &ignored, &mut pod)?;
        let text = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
        let lines = pod.written().into_iter().map(|(path, written)| match written {
            Written::Gone => format!("{} gone\n", text(&path)),
            Written::NewDirectory => format!("{}/\n", text(&path)),
            Written::File(Origin::Member(_, number)) => format!("{}={number}\n", text(&path)),
            Written::File(_) => format!("{}=?\n", text(&path)),
            Written::Symlink(target) => format!("{} -> {}\n", text(&path), text(&target)),
        });
        Ok(lines.collect())
    }

    #[test]
    fn symlinks_that_are_there_are_followed_and_dots_lead_out() {
        assert_eq!(unpacked("/o", &["l/", "l/f", "there"]).unwrap(), "/o/there=2\n/t/f=1\n");
        assert_eq!(unpacked("/o", &["../up"]).unwrap(), "/up=0\n");
    }

    #[test]
    fn what_is_left_alone_is_passed_over_but_not_where_the_destination_is_left_alone() {
        assert_eq!(unpacked("/", &["var/run/pid", "var/lib"]).unwrap(), "/var/\n/var/lib=1\n");
        assert_eq!(unpacked("/var/run", &["pid"]).unwrap(), "/var/\n/var/run/\n/var/run/pid=0\n");
    }

    #[test]
    fn a_second_name_is_a_copy_and_has_to_be_of_something() {
        assert_eq!(unpacked("/o", &["f", "g = f"]).unwrap(), "/o/f=0\n/o/g=0\n");
        assert_eq!(unpacked("/o", &["g = f"]).unwrap_err(), "link /o/f /o/g: no such file or directory");
    }
}

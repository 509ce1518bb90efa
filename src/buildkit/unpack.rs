//! What `ADD` makes of an archive's members: moby's go-archive v0.2.0 `archive.go` (`Unpack`, `createTarFile`), which
//! BuildKit v0.34.2 calls with the destination as its root (`solver/llbsolver/file/unpack.go`).

use super::copies::{Request, Stop};
use crate::gopath;
use crate::members::{Kind as MemberKind, Member};
use crate::rootfs::{Content, DIRECTORY_MODE, Follow, Kind, Node, Owner, RootFs};

/// Symlinks that the kernel follows in one path.
const LINKS: usize = 40;

/// Unpacks the members of `archive`, a file of the context, into the directory at `destination`, which is clean and
/// without symlinks.
pub(super) fn unpack(
    members: &[Member],
    archive: &[u8],
    to: &mut RootFs,
    destination: &[u8],
    request: &Request,
) -> Result<(), Stop> {
    let mut unpacking = Unpacking { to, root: destination, request };
    for (number, member) in members.iter().enumerate() {
        if member.kind != MemberKind::Comment {
            unpacking.member(member, Content::Member(archive.to_vec(), number))?;
        }
    }
    Ok(())
}

struct Unpacking<'a> {
    to: &'a mut RootFs,
    root: &'a [u8],
    request: &'a Request,
}

/// Why a path leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nowhere {
    NoEntry,
    /// Something is in the way.
    Blocked,
    /// There are too many symlinks in it.
    Circle,
}

impl Nowhere {
    /// In the kernel's words.
    fn words(self) -> &'static str {
        match self {
            Self::NoEntry => "no such file or directory",
            Self::Blocked => "not a directory",
            Self::Circle => "too many levels of symbolic links",
        }
    }
}

impl Unpacking<'_> {
    fn member(&mut self, member: &Member, content: Content) -> Result<(), Stop> {
        let name = gopath::clean(&member.name);
        let path = gopath::join(&[b"/", &name]);
        let parent = gopath::join(&[b"/", &gopath::parent(&name)]);
        if self.find(&parent, Follow::NotTheLast) == Err(Nowhere::NoEntry) {
            self.make_all(&parent)?;
        }
        if let Ok(there) = self.find(&path, Follow::NotTheLast) {
            let is_directory = self.to.is_directory(&there);
            if is_directory && name == b"." {
                return Ok(());
            }
            if !(is_directory && member.kind == MemberKind::Directory) {
                if there == self.root {
                    return Err(Stop::Unknown);
                }
                self.to.remove(&there);
            }
        }
        let place = self.place(&path)?;
        let owner = self.request.owner.unwrap_or(member.owner);
        let node = |kind| Node { kind, mode: member.mode, owner, by: self.request.by };
        match &member.kind {
            MemberKind::Directory => self.to.put(place, node(Kind::Directory)),
            MemberKind::File => self.to.put(place, node(Kind::File(content))),
            MemberKind::Symlink(target) => self.to.put(place, node(Kind::Symlink(target.clone()))),
            MemberKind::Special => self.to.put(place, node(Kind::File(Content::Unknown))),
            MemberKind::HardLink(target) => self.link(target, place, member.mode, owner)?,
            MemberKind::Comment => {}
        }
        Ok(())
    }

    /// Both names are of one thing, and get what the second says.
    fn link(&mut self, target: &[u8], place: Vec<u8>, mode: u32, owner: Owner) -> Result<(), Stop> {
        let failed = |why: &str| Stop::Failed(format!("link {}: {why}", String::from_utf8_lossy(target)));
        let there = self
            .find(&gopath::join(&[b"/", target]), Follow::NotTheLast)
            .map_err(|_| failed("no such file or directory"))?;
        let Some(node) = self.to.get_mut(&there).filter(|node| !node.is_directory()) else {
            return Err(failed("operation not permitted"));
        };
        node.owner = owner;
        if !matches!(node.kind, Kind::Symlink(_)) {
            node.mode = mode;
        }
        let linked = Node { by: self.request.by, ..node.clone() };
        self.to.put(place, linked);
        Ok(())
    }

    /// Follows a path as the kernel does, in a root of its own.
    fn find(&self, path: &[u8], follow: Follow) -> Result<Vec<u8>, Nowhere> {
        let mut links = 0;
        let mut here = self.root.to_vec();
        let mut ahead = gopath::components(path);
        while let Some(name) = ahead.pop() {
            if name == b".." {
                here = if here == self.root { here } else { gopath::parent(&here) };
                continue;
            }
            if !self.to.is_directory(&here) {
                return Err(Nowhere::Blocked);
            }
            let next = gopath::join(&[&here, &name]);
            match self.to.get(&next).map(|node| &node.kind) {
                None => return Err(Nowhere::NoEntry),
                Some(Kind::Symlink(target)) if follow == Follow::All || !ahead.is_empty() => {
                    links += 1;
                    if links > LINKS {
                        return Err(Nowhere::Circle);
                    }
                    if gopath::is_absolute(target) {
                        here = self.root.to_vec();
                    }
                    ahead.extend(gopath::components(target));
                }
                Some(_) => here = next,
            }
        }
        Ok(here)
    }

    /// Where something is made: in the directory above it, wherever that is.
    fn place(&self, path: &[u8]) -> Result<Vec<u8>, Stop> {
        if path == b"/" {
            return Ok(self.root.to_vec());
        }
        let why = match self.find(&gopath::parent(path), Follow::All) {
            Ok(directory) if self.to.is_directory(&directory) => {
                return Ok(gopath::join(&[&directory, gopath::file_name(path)]));
            }
            Ok(_) => Nowhere::Blocked,
            Err(why) => why,
        };
        Err(Stop::Failed(format!("open {}: {}", String::from_utf8_lossy(path), why.words())))
    }

    /// What is made on the way is root's, whatever is asked for.
    fn make_all(&mut self, path: &[u8]) -> Result<(), Stop> {
        let mut here = b"/".to_vec();
        for name in path.split(|&byte| byte == b'/').filter(|name| !name.is_empty()) {
            here = gopath::join(&[&here, name]);
            match self.find(&here, Follow::All) {
                Ok(there) if self.to.is_directory(&there) => {}
                Err(Nowhere::NoEntry) if self.find(&here, Follow::NotTheLast) == Err(Nowhere::NoEntry) => {
                    let place = self.place(&here)?;
                    let mode = self.to.inherited(&place, DIRECTORY_MODE);
                    self.to.put(place, Node { mode, ..Node::directory(self.request.by) });
                }
                found => {
                    // A symlink that leads to nothing is in the way, too.
                    let why = found.err().filter(|why| *why == Nowhere::Circle).unwrap_or(Nowhere::Blocked);
                    let path = String::from_utf8_lossy(&here);
                    return Err(Stop::Failed(format!("mkdir {path}: {}", why.words())));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;
    use crate::members::told;
    use crate::rootfs::Id;

    /// What is in the image after `members` were unpacked into `/o`, over symlinks and directories that were there.
    fn unpacked(there: &[(&str, Option<&str>)], members: &[&str], owner: Option<Owner>) -> Result<String, Stop> {
        let mut rootfs = RootFs::default();
        for (path, target) in [("/o", None)].iter().chain(there) {
            let kind = target.map_or(Kind::Directory, |target| Kind::Symlink(target.into()));
            rootfs.put(path.as_bytes().to_vec(), Node { kind, ..Node::directory(0) });
        }
        let request = Request {
            source: vec![],
            destination: b"/o".to_vec(),
            is_path: true,
            owner,
            mode: None,
            unpack: true,
            by: 1,
        };
        unpack(&told::members(members), b"t.tar", &mut rootfs, b"/o", &request)?;
        let mut text = String::new();
        for (path, node) in rootfs.iter().filter(|(path, _)| *path != b"/o") {
            let what = match &node.kind {
                Kind::Directory => "/".to_owned(),
                Kind::Symlink(target) => format!(" -> {}", String::from_utf8_lossy(target)),
                Kind::File(Content::Member(_, number)) => format!("={number}"),
                Kind::File(_) => "=?".to_owned(),
            };
            write!(text, "{}{what}", String::from_utf8_lossy(path)).unwrap();
            if let (Id::Known(user), Id::Known(group)) = (node.owner.user, node.owner.group)
                && (user, group) != (0, 0)
            {
                write!(text, " {user}:{group}").unwrap();
            }
            text.push('\n');
        }
        Ok(text)
    }

    #[track_caller]
    fn gives(there: &[(&str, Option<&str>)], members: &[&str], expected: &str) {
        assert_eq!(unpacked(there, members, None).unwrap(), expected);
    }

    #[test]
    fn members_are_put_below_the_destination_with_what_they_say() {
        gives(
            &[],
            &["./ | 700 5:5", "d/ | 755 7:8", "d/f | 644 7:8", "x/y"],
            "/o/d/ 7:8\n/o/d/f=2 7:8\n/o/x/\n/o/x/y=3\n",
        );
    }

    #[test]
    fn dots_do_not_lead_out_of_the_destination() {
        gives(&[], &["../up", "/../../also"], "/o/also=1\n/o/up=0\n");
        gives(&[], &["l -> ../../..", "l/f"], "/o/f=1\n/o/l -> ../../..\n");
        gives(&[("/t", None)], &["l -> /t", "t/", "l/f"], "/o/l -> /t\n/o/t/\n/o/t/f=2\n/t/\n");
    }

    #[test]
    fn a_directory_takes_the_place_of_a_symlink_and_a_file_that_of_a_directory() {
        gives(
            &[("/o/l", Some("/t")), ("/o/t", None), ("/o/t/x", None)],
            &["l/", "l/f", "t"],
            "/o/l/\n/o/l/f=1\n/o/t=2\n",
        );
    }

    #[test]
    fn a_second_name_is_the_same_thing_with_what_it_says_last() {
        gives(&[], &["f | 600 7:8", "d/g = f"], "/o/d/\n/o/d/g=0\n/o/f=0\n");
        assert!(matches!(unpacked(&[], &["g = f"], None), Err(Stop::Failed(_))));
        assert!(matches!(unpacked(&[], &["d/", "g = d"], None), Err(Stop::Failed(_))));
    }

    #[test]
    fn chown_changes_members_and_not_what_is_made_on_the_way() {
        let made = unpacked(&[], &["d/f | 644 7:8"], Some(Owner::new(1, 2))).unwrap();
        assert_eq!(made, "/o/d/\n/o/d/f=0 1:2\n");
    }

    #[test]
    fn what_is_in_a_file_cannot_be() {
        assert!(matches!(unpacked(&[], &["f", "f/g"], None), Err(Stop::Failed(_))));
        assert!(matches!(unpacked(&[], &["l -> gone", "l/g/h"], None), Err(Stop::Failed(_))));
        for (members, why) in [
            (&["l -> gone", "l/g"][..], "open /l/g: no such file or directory"),
            (&["l -> l", "l/g"], "open /l/g: too many levels of symbolic links"),
            (&["f", "l -> f", "l/g"], "open /l/g: not a directory"),
        ] {
            assert_eq!(unpacked(&[], members, None), Err(Stop::Failed(why.to_owned())));
        }
    }
}

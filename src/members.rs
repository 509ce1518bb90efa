//! What is in an archive that `ADD` unpacks: its members as data. Nothing is unpacked here.
//!
//! Both builders read archives with Go's `archive/tar`, and differ in what they make of the members.

use std::io::{self, Read, Seek, SeekFrom};
use std::rc::Rc;

use tar::{Archive, Entry, EntryType};

use crate::rootfs::Owner;

/// A member of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name as it is written.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u32,
    /// Whose it is.
    pub owner: Owner,
}

/// What a member is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file.
    File,
    /// A symlink, and what it says.
    Symlink(Vec<u8>),
    /// Another name of what an earlier member is, by that one's name.
    HardLink(Vec<u8>),
    /// A device or a FIFO.
    Special,
    /// Nothing but a word about the archive: a global header, as `git archive` writes it.
    Comment,
}

/// The members of an archive, in their order.
pub type Members = Rc<[Member]>;

/// What a file is to `ADD`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A file like others.
    File,
    /// An archive; without its members if nobody knows them.
    Archive(Option<Members>),
    /// Nobody knows.
    Unknown,
}

/// No more is kept of an archive.
const MEMBERS: usize = 100_000;
/// No more is read of one: of those that are compressed all is read, of others headers and long names.
const BYTES: usize = 128 << 20;

/// The members of an archive on disk, whose contents are passed over; none if it is broken, too long to look into, or has
/// members that not everybody can read.
pub fn of_file(archive: impl Read + Seek) -> Option<Members> {
    let mut archive = Archive::new(Bounded { inner: archive, left: BYTES });
    let mut end = 0;
    let members = all(archive.entries_with_seek().ok()?, &mut end)?;
    // Contents are passed over, be they there or not.
    (archive.into_inner().seek(SeekFrom::End(0)).ok()? >= end).then_some(members)
}

/// The same of an archive that is decompressed on the way.
pub fn of_stream(archive: impl Read) -> Option<Members> {
    all(Archive::new(Bounded { inner: archive, left: BYTES }).entries().ok()?, &mut 0)
}

/// Fails where too much is read: an archive may claim anything.
struct Bounded<R> {
    inner: R,
    left: usize,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(count).ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(count)
    }
}

impl<R: Seek> Seek for Bounded<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

/// The members, and where the content of the last one ends.
fn all<'a, R: Read + 'a>(entries: impl Iterator<Item = io::Result<Entry<'a, R>>>, end: &mut u64) -> Option<Members> {
    let mut members = Vec::new();
    for entry in entries {
        if members.len() == MEMBERS {
            return None;
        }
        let entry = entry.ok()?;
        *end = entry.raw_file_position().checked_add(entry.size())?;
        members.push(member(&entry)?);
    }
    Some(members.into())
}

fn member<R: Read>(entry: &Entry<'_, R>) -> Option<Member> {
    let header = entry.header();
    let name = entry.path_bytes().into_owned();
    let target = || entry.link_name_bytes().map(|target| target.into_owned());
    let kind = match header.entry_type() {
        EntryType::Directory => Kind::Directory,
        // The oldest form has no type for directories.
        EntryType::Regular if header.as_bytes()[156] == 0 && name.ends_with(b"/") => Kind::Directory,
        EntryType::Regular => Kind::File,
        EntryType::Symlink => Kind::Symlink(target()?),
        EntryType::Link => Kind::HardLink(target()?),
        EntryType::Char | EntryType::Block | EntryType::Fifo => Kind::Special,
        EntryType::XGlobalHeader => Kind::Comment,
        _ => return None,
    };
    let id = |id: io::Result<u64>| u32::try_from(id.ok()?).ok();
    let owner = Owner::new(id(header.uid())?, id(header.gid())?);
    Some(Member { name, kind, mode: header.mode().ok()? & 0o7777, owner })
}

/// Members, described in a line each: for tests.
#[cfg(test)]
pub(crate) mod told {
    use super::{Kind, Member};
    use crate::rootfs::Owner;

    /// `name/`, `name -> target`, `name = target` for a second name, or a file; ` | MODE UID:GID` behind it, if it is not
    /// the usual one.
    pub(crate) fn members(lines: &[&str]) -> Vec<Member> {
        lines.iter().map(|line| member(line)).collect()
    }

    fn member(line: &str) -> Member {
        let (line, like) = line.split_once(" | ").unwrap_or((line, ""));
        let (name, kind) = match (line.split_once(" -> "), line.split_once(" = ")) {
            (Some((name, target)), _) => (name, Kind::Symlink(target.into())),
            (_, Some((name, target))) => (name, Kind::HardLink(target.into())),
            _ if line.ends_with('/') => (line, Kind::Directory),
            _ => (line, Kind::File),
        };
        let (mode, owner) = like.split_once(' ').unwrap_or((if line.ends_with('/') { "755" } else { "644" }, "0:0"));
        let (user, group) = owner.split_once(':').unwrap();
        Member {
            name: name.into(),
            kind,
            mode: u32::from_str_radix(mode, 8).unwrap(),
            owner: Owner::new(user.parse().unwrap(), group.parse().unwrap()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn archive(members: &[(&str, EntryType, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, kind, target) in members {
            let mut header = tar::Header::new_ustar();
            header.set_path(name).unwrap();
            header.set_entry_type(*kind);
            header.set_mode(0o4755);
            header.set_uid(7);
            header.set_gid(8);
            header.set_size(0);
            if !target.is_empty() {
                header.set_link_name(target).unwrap();
            }
            header.as_mut_bytes()[156] = kind.as_byte() * u8::from(*name != "old/");
            header.set_cksum();
            builder.append(&header, &b""[..]).unwrap();
        }
        builder.into_inner().unwrap()
    }

    #[test]
    fn members_are_told_with_kind_mode_and_owner() {
        let archive = archive(&[
            ("d/", EntryType::Directory, ""),
            ("d/f", EntryType::Regular, ""),
            ("old/", EntryType::Regular, ""),
            ("s", EntryType::Symlink, "../x"),
            ("h", EntryType::Link, "d/f"),
            ("p", EntryType::Fifo, ""),
            ("pax_global_header", EntryType::XGlobalHeader, ""),
        ]);
        let kinds = [
            ("d/", Kind::Directory),
            ("d/f", Kind::File),
            ("old/", Kind::Directory),
            ("s", Kind::Symlink(b"../x".to_vec())),
            ("h", Kind::HardLink(b"d/f".to_vec())),
            ("p", Kind::Special),
            ("pax_global_header", Kind::Comment),
        ];
        let members = of_file(Cursor::new(&archive)).unwrap();
        let expected =
            kinds.map(|(name, kind)| Member { name: name.into(), kind, mode: 0o4755, owner: Owner::new(7, 8) });
        assert_eq!(members[..], expected);
        assert_eq!(of_stream(&archive[..]), Some(members));
    }

    #[test]
    fn no_more_is_read_than_a_bound_whatever_an_archive_claims() {
        let long = |size: u64| {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(EntryType::GNULongName);
            header.set_size(size);
            header.set_cksum();
            header.as_bytes().to_vec()
        };
        // A name of 1 TiB, and zeros without end.
        let endless = || Cursor::new(long(1 << 40)).chain(io::repeat(0));
        assert_eq!(of_stream(endless()), None);
    }

    #[test]
    fn what_cannot_be_read_to_its_end_is_not_known() {
        let whole = archive(&[("a", EntryType::Regular, ""), ("b", EntryType::Regular, "")]);
        assert_eq!(of_stream(&whole[..]).unwrap().len(), 2);
        assert_eq!(of_stream(&whole[..700]), None);
        let mut cut = archive(&[("a", EntryType::Regular, "")])[..512].to_vec();
        let mut header = tar::Header::from_byte_slice(&cut).clone();
        header.set_size(3000);
        header.set_cksum();
        cut[..512].copy_from_slice(header.as_bytes());
        cut.resize(512 + 2000, b'x');
        assert_eq!((of_file(Cursor::new(&cut)), of_stream(&cut[..])), (None, None));
        assert_eq!(of_stream(&b"no archive at all, but longer than a header is".repeat(20)[..]), None);
        assert_eq!(of_stream(&archive(&[("sparse", EntryType::GNUSparse, "")])[..]), None);
    }
}

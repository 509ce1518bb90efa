//! What is in an archive that `ADD` unpacks: its members as data. Nothing is unpacked here.
//!
//! Both builders read archives with Go's `archive/tar`, and differ in what they make of the members.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::rc::Rc;

use tar::{EntryType, Header, PaxExtensions};

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
    /// A compressed file without an archive in it. To Docker it is a file like others.
    Hollow(Hollow),
    /// An archive; without its members if nobody knows them.
    Archive(Option<Members>),
    /// Nobody knows.
    Unknown,
}

/// What is in a compressed file in the place of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hollow {
    /// Nothing, or zeros: to a reader of archives, one without members.
    Empty,
    /// Less than a header.
    Short,
    /// Something else.
    NoHeader,
    /// It cannot be decompressed.
    Broken,
}

/// No more is kept of an archive.
const MEMBERS: usize = 100_000;
/// No more is read of all archives together: of those that are compressed all is read, of others headers and long names.
const BYTES: usize = 256 << 20;
/// No long name is longer (Go `archive/tar` `maxSpecialFileSize`).
const SPECIAL: u64 = 1 << 20;
const BLOCK: usize = 512;
const ZEROS: [u8; BLOCK] = [0; BLOCK];

/// How much may still be read of archives.
#[derive(Debug)]
pub struct Budget(Cell<usize>);

impl Default for Budget {
    fn default() -> Self {
        Self(Cell::new(BYTES))
    }
}

/// The members of an archive on disk, whose contents are passed over; none if it is broken, too long to look into, or has
/// members that not everybody can read.
pub fn of_file(archive: impl Read + Seek, budget: &Budget) -> Option<Members> {
    let mut bounded = Bounded { inner: archive, budget };
    let members = all(&mut bounded, |archive, bytes| archive.inner.seek_relative(i64::try_from(bytes).ok()?).ok())?;
    // Contents are passed over, be they there or not.
    let at = bounded.inner.stream_position().ok()?;
    (bounded.inner.seek(SeekFrom::End(0)).ok()? >= at).then_some(members)
}

/// The same of an archive that is decompressed on the way.
pub fn of_stream(archive: impl Read, budget: &Budget) -> Option<Members> {
    let pass = |archive: &mut Bounded<_>, bytes| {
        (io::copy(&mut archive.take(bytes), &mut io::sink()).ok()? == bytes).then_some(())
    };
    all(&mut Bounded { inner: archive, budget }, pass)
}

/// Fails where too much is read: an archive may claim anything.
struct Bounded<'b, R> {
    inner: R,
    budget: &'b Budget,
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.budget.0.get();
        let count = self.inner.read(&mut buffer[..])?;
        self.budget.0.set(left.saturating_sub(count));
        if count > left { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(count) }
    }
}

/// What stands before a header and is about it.
#[derive(Default)]
struct Before {
    name: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    pax: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// All members, as Go reads them (Go 1.24 `archive/tar` `Reader.next`); `pass` goes over contents.
fn all<R: Read>(archive: &mut R, pass: impl Fn(&mut R, u64) -> Option<()>) -> Option<Members> {
    let mut members = Vec::new();
    let mut before = Before::default();
    while let Some(header) = header(archive)? {
        if members.len() == MEMBERS {
            return None;
        }
        let kind = header.entry_type();
        let said = match before.number(b"size")? {
            Some(size) => size,
            None => number(&header, 124..136, header.entry_size())?,
        };
        // What has no content has none, whatever its header says.
        let size = if has_content(kind) { said } else { 0 };
        match kind {
            EntryType::GNULongName => before.name = Some(until_nul(content(archive, size)?)),
            EntryType::GNULongLink => before.target = Some(until_nul(content(archive, size)?)),
            EntryType::XHeader => before.pax = records(&content(archive, size)?)?,
            _ => {
                members.push(member(&header, &std::mem::take(&mut before))?);
                pass(archive, size)?;
            }
        }
        // The last block need not be filled up.
        let pad = size.next_multiple_of(BLOCK as u64) - size;
        io::copy(&mut archive.take(pad), &mut io::sink()).ok()?;
    }
    Some(members.into())
}

fn has_content(kind: EntryType) -> bool {
    use EntryType::{Block, Char, Directory, Fifo, Link, Symlink};
    ![Link, Symlink, Char, Block, Directory, Fifo].contains(&kind)
}

/// The next header; none inside at the end, none at all if it is broken.
fn header(archive: &mut impl Read) -> Option<Option<Header>> {
    let Some(block) = block(archive)? else { return Some(None) };
    if block == ZEROS {
        let second = self::block(archive)?;
        return second.is_none_or(|second| second == ZEROS).then_some(None);
    }
    let header = Header::from_byte_slice(&block).clone();
    let summed = |byte: fn(u8) -> i64| {
        let bytes = block.iter().enumerate().map(|(at, value)| if (148..156).contains(&at) { b' ' } else { *value });
        bytes.map(byte).sum::<i64>()
    };
    let said = i64::from(header.cksum().ok()?);
    let is_right = said == summed(i64::from) || said == summed(|byte| i64::from(byte.cast_signed()));
    is_right.then_some(Some(header))
}

/// A whole block; none inside at the end, none at all if it is cut.
fn block(archive: &mut impl Read) -> Option<Option<[u8; BLOCK]>> {
    let mut block = Vec::with_capacity(BLOCK);
    archive.take(BLOCK as u64).read_to_end(&mut block).ok()?;
    if block.is_empty() { Some(None) } else { Some(Some(block.try_into().ok()?)) }
}

fn content(archive: &mut impl Read, size: u64) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    (size <= SPECIAL).then_some(())?;
    archive.take(size).read_to_end(&mut content).ok()?;
    (content.len() as u64 == size).then_some(content)
}

fn until_nul(mut name: Vec<u8>) -> Vec<u8> {
    name.truncate(name.iter().position(|&byte| byte == 0).unwrap_or(name.len()));
    name
}

/// What a header of the POSIX form says of the next; none if it is of a file with holes, which is read in another way.
fn records(text: &[u8]) -> Option<BTreeMap<Vec<u8>, Vec<u8>>> {
    let mut records = BTreeMap::new();
    for record in PaxExtensions::new(text) {
        let record = record.ok()?;
        if record.key_bytes().starts_with(b"GNU.sparse.") {
            return None;
        }
        records.insert(record.key_bytes().to_vec(), record.value_bytes().to_vec());
    }
    // What is said to be empty is as if it were not said.
    records.retain(|_, value: &mut Vec<u8>| !value.is_empty());
    Some(records)
}

impl Before {
    /// A number that is said for the next header; none inside if it is not.
    fn number(&self, key: &[u8]) -> Option<Option<u64>> {
        match self.pax.get(key) {
            None => Some(None),
            Some(said) => Some(Some(str::from_utf8(said).ok()?.parse().ok()?)),
        }
    }
}

fn member(header: &Header, before: &Before) -> Option<Member> {
    let pax = |key: &[u8]| before.pax.get(key).cloned();
    let name = before.name.clone().or_else(|| pax(b"path")).unwrap_or_else(|| header.path_bytes().into_owned());
    let linked = || header.link_name_bytes().map(Cow::into_owned);
    let target = || before.target.clone().or_else(|| pax(b"linkpath")).or_else(linked);
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
    let id = |key: &[u8], of_header: Option<u64>| u32::try_from(before.number(key)?.or(of_header)?).ok();
    let user = id(b"uid", number(header, 108..116, header.uid()))?;
    let group = id(b"gid", number(header, 116..124, header.gid()))?;
    let mode = number(header, 100..108, header.mode().map(u64::from))?;
    Some(Member { name, kind, mode: u32::try_from(mode).ok()? & 0o7777, owner: Owner::new(user, group) })
}

/// A number of a header; a field that is left blank is 0.
fn number(header: &Header, field: Range<usize>, said: io::Result<u64>) -> Option<u64> {
    let is_blank = header.as_bytes()[field].iter().all(|byte| [0, b' '].contains(byte));
    if is_blank { Some(0) } else { said.ok() }
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
        let members = of_file(Cursor::new(&archive), &Budget::default()).unwrap();
        let expected =
            kinds.map(|(name, kind)| Member { name: name.into(), kind, mode: 0o4755, owner: Owner::new(7, 8) });
        assert_eq!(members[..], expected);
        assert_eq!(of_stream(&archive[..], &Budget::default()), Some(members));
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
        assert_eq!(of_stream(endless(), &Budget::default()), None);
    }

    #[test]
    fn what_cannot_be_read_to_its_end_is_not_known() {
        let whole = archive(&[("a", EntryType::Regular, ""), ("b", EntryType::Regular, "")]);
        assert_eq!(of_stream(&whole[..], &Budget::default()).unwrap().len(), 2);
        assert_eq!(of_stream(&whole[..700], &Budget::default()), None);
        let mut cut = archive(&[("a", EntryType::Regular, "")])[..512].to_vec();
        let mut header = tar::Header::from_byte_slice(&cut).clone();
        header.set_size(3000);
        header.set_cksum();
        cut[..512].copy_from_slice(header.as_bytes());
        cut.resize(512 + 2000, b'x');
        assert_eq!(
            (of_file(Cursor::new(&cut), &Budget::default()), of_stream(&cut[..], &Budget::default())),
            (None, None)
        );
        assert_eq!(
            of_stream(&b"no archive at all, but longer than a header is".repeat(20)[..], &Budget::default()),
            None
        );
        assert_eq!(of_stream(&archive(&[("sparse", EntryType::GNUSparse, "")])[..], &Budget::default()), None);
    }

    #[test]
    fn numbers_that_are_left_blank_are_zeros() {
        let mut header = Header::new_ustar();
        header.set_path("a").unwrap();
        header.set_cksum();
        let members = of_stream(&header.as_bytes()[..], &Budget::default()).unwrap();
        assert_eq!(members[0], Member { name: b"a".into(), kind: Kind::File, mode: 0, owner: Owner::ROOT });
    }

    #[test]
    fn a_bound_is_for_all_archives_together() {
        let whole = archive(&[("a", EntryType::Regular, "")]);
        let budget = Budget(Cell::new(whole.len() + 600));
        assert!(of_stream(&whole[..], &budget).is_some());
        assert_eq!(of_stream(&whole[..], &budget), None);
    }

    /// Go passes over no content of what has none.
    #[test]
    fn a_second_name_has_no_content_whatever_its_size_says() {
        let mut link = archive(&[("f", EntryType::Regular, ""), ("h", EntryType::Link, "f")]);
        let mut header = Header::from_byte_slice(&link[512..1024]).clone();
        header.set_size(3000);
        header.set_cksum();
        link.truncate(512);
        link.extend_from_slice(header.as_bytes());
        link.extend(archive(&[("after", EntryType::Regular, "")]));
        for members in [of_file(Cursor::new(&link), &Budget::default()), of_stream(&link[..], &Budget::default())] {
            let names: Vec<Vec<u8>> = members.unwrap().iter().map(|member| member.name.clone()).collect();
            assert_eq!(names, [&b"f"[..], b"h", b"after"]);
        }
    }

    #[test]
    fn long_names_and_numbers_stand_before_a_header() {
        let mut builder = tar::Builder::new(Vec::new());
        let long = "d/".repeat(90) + "f";
        let header = |kind, size| {
            let mut header = Header::new_gnu();
            header.set_entry_type(kind);
            header.set_mode(0o644);
            header.set_uid(1);
            header.set_gid(1);
            header.set_size(size);
            header
        };
        builder.append_data(&mut header(EntryType::Regular, 3), &long, &b"abc"[..]).unwrap();
        builder.append_link(&mut header(EntryType::Symlink, 0), "l", &long).unwrap();
        builder.append_pax_extensions([("uid", &b"70000"[..]), ("path", b"other"), ("linkpath", b"")]).unwrap();
        builder.append_data(&mut header(EntryType::Regular, 3), "name", &b"abc"[..]).unwrap();
        let archive = builder.into_inner().unwrap();
        let members = of_stream(&archive[..], &Budget::default()).unwrap();
        let plain = |name: &str, kind| Member { name: name.into(), kind, mode: 0o644, owner: Owner::new(1, 1) };
        let expected = [
            plain(&long, Kind::File),
            plain("l", Kind::Symlink(long.clone().into())),
            Member { owner: Owner::new(70_000, 1), ..plain("other", Kind::File) },
        ];
        assert_eq!(members[..], expected);
        assert_eq!(of_file(Cursor::new(&archive), &Budget::default()), Some(members));
    }
}

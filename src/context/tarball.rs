//! A build context that comes as a tar archive: what is in it, and where the bytes of each file are. Pure, given
//! something that reads.
//!
//! The archive is never unpacked. Its entries are listed as a walk over the unpacked tree would list them, in the same
//! order and with every directory, so that everything behind the listing is the same for both. It may come from
//! anywhere: whatever leads out of the context, lies below a file, or cannot be told whole is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use tar::{Archive, Entry as Found, EntryType};

use super::listing::{Content, Entry, Kind, Listing};
use crate::sys::{self, OsStrExt};

/// Bytes in one record of a tar archive.
pub(super) const RECORD: usize = 512;

/// Why an archive is no build context.
#[derive(Debug, thiserror::Error)]
pub enum TarballError {
    /// The file that it is kept in cannot be read.
    #[error("it cannot be read")]
    Read(#[source] io::Error),
    /// What should be the header of an entry is none. What it is instead is not said: it may be a file's content.
    #[error("it is no tar archive{}", .after.as_ref().map(|path| format!(" after `{}`", path.display())).unwrap_or_default())]
    NoHeader {
        /// The entry before it.
        after: Option<PathBuf>,
    },
    /// It ends before its end.
    #[error("it is cut off: the end of the archive is missing")]
    CutOff,
    /// A name or a link target that no file system takes: too long, empty, or with a NUL in it. Readers cut it in
    /// different places.
    #[error("`{}` has {what}", .path.display())]
    Unspeakable {
        /// The entry, as much of it as can be shown.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
    /// An entry named `../x`.
    #[error("`{}` leads out of the build context", .0.display())]
    LeadsOut(PathBuf),
    /// A path below something that is no directory.
    #[error("`{}` lies below `{}`, which is no directory", path.display(), above.display())]
    BelowNoDirectory {
        /// The path.
        path: PathBuf,
        /// What is above it.
        above: PathBuf,
    },
    /// A hard link to something that does not come before it.
    #[error("`{}` is a hard link to `{}`, and no such file comes before it", path.display(), target.display())]
    LinkToNothing {
        /// The link.
        path: PathBuf,
        /// What it links to.
        target: PathBuf,
    },
    /// A kind of entry that is no file.
    #[error("`{}` is a {kind}", path.display())]
    Unsupported {
        /// The entry.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
    },
}

/// Whether `head`, the first bytes of something, is the beginning of a tar archive: a header with the right checksum, or
/// the end that is all of an empty archive.
pub fn is_archive(head: &[u8]) -> bool {
    let Some(record) = head.get(..RECORD) else { return false };
    let header = tar::Header::from_byte_slice(record);
    // The checksum is computed as if its own eight bytes were blanks.
    let sum: u32 =
        record.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) }).sum();
    header.cksum().is_ok_and(|said| said == sum) || record.iter().all(|byte| *byte == 0)
}

/// Lists an archive. A path that comes twice is what it was the last time, as when unpacking.
///
/// # Errors
/// What makes it unfit for a build context.
pub fn list(archive: impl Read + Seek) -> Result<Listing, TarballError> {
    let mut archive = Archive::new(archive);
    let mut tarball = Tarball::default();
    let mut end = Some(0);
    for found in archive.entries_with_seek().map_err(|error| tarball.broken(error))? {
        let mut found = found.map_err(|error| tarball.broken(error))?;
        tarball.entry(&mut found)?;
        let size = found.size().checked_next_multiple_of(RECORD as u64);
        end = size.and_then(|size| found.raw_file_position().checked_add(size));
    }
    ends_at(archive.into_inner(), end.ok_or(TarballError::CutOff)?)?;
    tarball.listing()
}

/// A cut between two entries looks like an end, but for the two records of zeros that every writer ends with. Some are
/// content with one; but what follows it is more zeros, or nothing.
fn ends_at(mut archive: impl Read + Seek, end: u64) -> Result<(), TarballError> {
    archive.seek(SeekFrom::Start(end)).map_err(|_| TarballError::CutOff)?;
    let mut records = Vec::new();
    archive.take(2 * RECORD as u64).read_to_end(&mut records).map_err(TarballError::Read)?;
    match records.iter().all(|byte| *byte == 0) {
        true if records.len() >= RECORD => Ok(()),
        true => Err(TarballError::CutOff),
        false => Err(TarballError::NoHeader { after: None }),
    }
}

/// What was found so far.
#[derive(Debug, Default)]
struct Tarball {
    /// By path: its order is that of a walk.
    entries: BTreeMap<PathBuf, Entry>,
    special: BTreeSet<PathBuf>,
    /// The entry before.
    last: Option<PathBuf>,
}

impl Tarball {
    fn entry(&mut self, found: &mut Found<'_, impl Read>) -> Result<(), TarballError> {
        let name = found.path_bytes().into_owned();
        let path = inside(&name)?;
        self.last = Some(path.clone());
        has_plain_size(found, &path)?;
        let kind = match found.header().entry_type() {
            // What git and others say about the whole archive.
            EntryType::XGlobalHeader => return Ok(()),
            EntryType::Char | EntryType::Block | EntryType::Fifo => {
                self.entries.remove(&path);
                self.special.insert(path);
                return Ok(());
            }
            EntryType::Directory => Kind::Directory,
            // The oldest archives know no other sign.
            EntryType::Regular if name.ends_with(b"/") => Kind::Directory,
            EntryType::Regular | EntryType::Continuous => {
                refuse_sparse(found, &path)?;
                Kind::File { size: found.size(), content: Content::Spooled(found.raw_file_position()) }
            }
            EntryType::Symlink => Kind::Symlink { target: link(found, &path)? },
            EntryType::Link => self.linked(found, &path)?,
            EntryType::GNUSparse => return Err(TarballError::Unsupported { path, kind: SPARSE }),
            _ => return Err(TarballError::Unsupported { path, kind: "kind of entry that no build context has" }),
        };
        let mode = found.header().mode().unwrap_or(0o644) & 0o7777;
        // Tar writes times before 1970 as huge ones.
        let mtime = found.header().mtime().ok().filter(|time| i64::try_from(*time).is_ok()).unwrap_or(0);
        self.special.remove(&path);
        // The root is there anyway.
        if !path.as_os_str().is_empty() {
            self.entries.insert(path.clone(), Entry { path, kind, mode, mtime });
        }
        Ok(())
    }

    /// A hard link is another file with the same bytes, as on disk.
    fn linked(&self, found: &Found<'_, impl Read>, path: &Path) -> Result<Kind, TarballError> {
        let target = inside(link(found, path)?.as_os_str().as_bytes())?;
        match self.entries.get(&target) {
            Some(Entry { kind: kind @ (Kind::File { .. } | Kind::Symlink { .. }), .. }) => Ok(kind.clone()),
            _ => Err(TarballError::LinkToNothing { path: path.to_owned(), target }),
        }
    }

    /// All of it, with the directories that nobody named.
    fn listing(mut self) -> Result<Listing, TarballError> {
        let paths: Vec<PathBuf> = self.entries.keys().cloned().collect();
        for path in &paths {
            for above in path.ancestors().skip(1).take_while(|above| !above.as_os_str().is_empty()) {
                match self.entries.get(above).map(|entry| &entry.kind) {
                    // Those above it are seen to when its own turn comes.
                    Some(Kind::Directory) => break,
                    Some(_) => {
                        let (path, above) = (path.clone(), above.to_owned());
                        return Err(TarballError::BelowNoDirectory { path, above });
                    }
                    None => {
                        let mut directory = Entry::made_directory("");
                        directory.path = above.to_owned();
                        self.entries.insert(above.to_owned(), directory);
                    }
                }
            }
        }
        let special = self.special.into_iter().collect();
        Ok(Listing { entries: self.entries.into_values().collect(), special, ..Listing::default() })
    }

    /// The reader's own words quote what it takes for a header, which may be a secret.
    fn broken(&self, error: io::Error) -> TarballError {
        match (error.raw_os_error(), error.kind()) {
            (Some(_), _) => TarballError::Read(error),
            (None, io::ErrorKind::UnexpectedEof) => TarballError::CutOff,
            (None, _) => TarballError::NoHeader { after: self.last.clone() },
        }
    }
}

const SPARSE: &str = "sparse entry: pack it without `--sparse`";

/// GNU tar's newer sparse entries look like files of another name, with a map at their head.
fn refuse_sparse(found: &mut Found<'_, impl Read>, path: &Path) -> Result<(), TarballError> {
    let extensions = found.pax_extensions().map_err(TarballError::Read)?;
    let (mut sparse, mut path) = (false, path.to_owned());
    for extension in extensions.into_iter().flatten().flatten() {
        sparse |= extension.key_bytes().starts_with(b"GNU.sparse.");
        if extension.key_bytes() == b"GNU.sparse.name" {
            path = inside(extension.value_bytes())?;
        }
    }
    if sparse { Err(TarballError::Unsupported { path, kind: SPARSE }) } else { Ok(()) }
}

/// A size that everybody reads alike: the header's, in 64 bits, or the extension's, in digits.
fn has_plain_size(found: &mut Found<'_, impl Read>, path: &Path) -> Result<(), TarballError> {
    let field = &found.header().as_old().size;
    // Base 256: the value is in the last eight of twelve bytes.
    let mut plain = field[0] & 0x80 == 0 || field[..4] == [0x80, 0, 0, 0];
    let size = found.size();
    let extensions = found.pax_extensions().map_err(TarballError::Read)?;
    let refuse = |what| Err(TarballError::Unspeakable { path: path.to_owned(), what });
    for extension in extensions.into_iter().flatten() {
        match extension {
            Ok(extension) if extension.key_bytes() == b"size" => {
                plain &= extension.value().ok().and_then(|value| value.parse().ok()) == Some(size);
            }
            Ok(_) => {}
            Err(_) => return refuse("an extended header that is none"),
        }
    }
    if plain { Ok(()) } else { refuse("a size that is none") }
}

fn link(found: &Found<'_, impl Read>, path: &Path) -> Result<PathBuf, TarballError> {
    let target = found.link_name_bytes().unwrap_or_default();
    let refuse = |what| Err(TarballError::Unspeakable { path: path.to_owned(), what });
    match speakable(&target) {
        Err(what) => refuse(what),
        Ok(()) if target.is_empty() => refuse("an empty link target"),
        Ok(()) => sys::path(&target).map(Path::to_owned).or_else(refuse),
    }
}

/// Longest path that Linux takes (`PATH_MAX`).
const LONGEST_PATH: usize = 4096;

fn speakable(name: &[u8]) -> Result<(), &'static str> {
    if name.len() > LONGEST_PATH {
        Err("a name or a link target longer than 4096 bytes")
    } else if name.contains(&0) {
        Err("a NUL in its name or its link target")
    } else {
        Ok(())
    }
}

/// A name as a path below the context's root; empty for the root itself.
///
/// # Errors
/// It leads out of the context, or is no name.
pub fn inside(name: &[u8]) -> Result<PathBuf, TarballError> {
    let name = speakable(name).and_then(|()| sys::path(name)).map_err(|what| {
        let shown = name.iter().take(80).copied().take_while(|byte| *byte != 0).collect::<Vec<_>>();
        TarballError::Unspeakable { path: sys::told(&shown).into_owned(), what }
    })?;
    let mut path = PathBuf::new();
    for component in name.components() {
        match component {
            Component::Normal(part) => path.push(part),
            Component::CurDir | Component::RootDir => {}
            Component::ParentDir | Component::Prefix(_) => return Err(TarballError::LeadsOut(name.to_owned())),
        }
    }
    Ok(sys::slashed(path))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use tar::{Builder, Header};

    use super::*;

    /// One entry a tuple: name, kind, content or link target.
    fn archive(entries: &[(&str, EntryType, &str)]) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        for (name, kind, value) in entries {
            let mut header = Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_mode(0o755);
            // Written raw: the crate would not write names that lead out.
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            let content = match kind {
                EntryType::Symlink | EntryType::Link => {
                    header.as_old_mut().linkname[..value.len()].copy_from_slice(value.as_bytes());
                    ""
                }
                _ => value,
            };
            header.set_size(content.len() as u64);
            header.set_cksum();
            builder.append(&header, content.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn listed(entries: &[(&str, EntryType, &str)]) -> Result<Vec<String>, String> {
        let bytes = archive(entries);
        let listing = list(Cursor::new(&bytes)).map_err(|error| error.to_string())?;
        let describe = |entry: &Entry| {
            let what = match &entry.kind {
                Kind::Directory => "/".to_owned(),
                Kind::Symlink { target } => format!(" -> {}", target.display()),
                Kind::File { size, content: Content::Spooled(at) } => {
                    format!(" = {}", std::str::from_utf8(&bytes[*at as usize..(at + size) as usize]).unwrap())
                }
                other => panic!("{other:?}"),
            };
            format!("{}{what}", entry.path.display())
        };
        Ok(listing.entries.iter().map(describe).collect())
    }

    use EntryType::{Directory, Fifo, Link, Regular, Symlink, XGlobalHeader};

    #[test]
    fn entries_come_in_the_order_of_a_walk_with_every_directory() {
        let entries = [
            ("pax", XGlobalHeader, "15 comment=git\n"),
            ("./", Directory, ""),
            ("./b/c/d", Regular, "deep"),
            ("/a-b", Regular, "x"),
            ("a/z", Regular, "z"),
            ("a/", Directory, ""),
            ("link", Symlink, "./a//../b"),
            ("old/", Regular, ""),
        ];
        let expected = ["a/", "a/z = z", "a-b = x", "b/", "b/c/", "b/c/d = deep", "link -> ./a//../b", "old/"];
        assert_eq!(listed(&entries).unwrap(), expected);
    }

    #[test]
    fn a_hard_link_is_a_file_with_the_same_bytes() {
        let entries = [("a", Regular, "content"), ("b", Link, "./a")];
        assert_eq!(listed(&entries).unwrap(), ["a = content", "b = content"]);
    }

    #[test]
    fn a_path_that_comes_twice_is_what_it_was_last() {
        let entries = [("a", Regular, "first"), ("b", Link, "a"), ("./a", Regular, "second")];
        assert_eq!(listed(&entries).unwrap(), ["a = second", "b = first"]);
    }

    #[test]
    fn what_no_context_can_hold_is_refused_by_name() {
        for (entries, why) in [
            (vec![("../x", Regular, "")], "`../x` leads out of the build context"),
            (vec![("a/../../x", Regular, "")], "`a/../../x` leads out of the build context"),
            (vec![("a", Regular, ""), ("a/b", Regular, "")], "`a/b` lies below `a`, which is no directory"),
            (vec![("a", Symlink, "/etc"), ("a/b/c", Regular, "")], "`a/b/c` lies below `a`, which is no directory"),
            (vec![("b", Link, "a"), ("a", Regular, "")], "`b` is a hard link to `a`, and no such file comes before it"),
            (
                vec![("d", Directory, ""), ("b", Link, "d")],
                "`b` is a hard link to `d`, and no such file comes before it",
            ),
            (vec![("l", Symlink, "")], "`l` has an empty link target"),
            (vec![("b", Link, "../../etc/passwd")], "`../../etc/passwd` leads out of the build context"),
            (vec![("v", EntryType::new(b'V'), "")], "`v` is a kind of entry that no build context has"),
        ] {
            assert_eq!(listed(&entries).unwrap_err(), why);
        }
    }

    #[test]
    fn names_that_readers_cut_in_different_places_are_refused() {
        let named = |kind: EntryType, name: &[u8]| {
            let mut builder = Builder::new(Vec::new());
            let mut header = Header::new_gnu();
            header.set_entry_type(kind);
            header.set_size(name.len() as u64);
            header.set_cksum();
            builder.append(&header, name).unwrap();
            let mut file = Header::new_gnu();
            file.as_old_mut().name[0] = b'f';
            file.set_entry_type(Symlink);
            file.as_old_mut().linkname[0] = b't';
            file.set_size(0);
            file.set_cksum();
            builder.append(&file, &b""[..]).unwrap();
            list(Cursor::new(builder.into_inner().unwrap())).map(drop).map_err(|error| error.to_string())
        };
        let (long_name, long_link) = (EntryType::GNULongName, EntryType::GNULongLink);
        assert_eq!(named(long_name, b"a/b"), Ok(()));
        assert_eq!(
            named(long_name, b"sub/..\0/evil").unwrap_err(),
            "`sub/..` has a NUL in its name or its link target"
        );
        assert_eq!(named(long_link, b"x\0y").unwrap_err(), "`f` has a NUL in its name or its link target");
        assert_eq!(
            named(EntryType::XHeader, b"12 path=\0xy\n").unwrap_err(),
            "`` has a NUL in its name or its link target"
        );
        let deep = "d/".repeat(20_000);
        let said = named(long_name, deep.as_bytes()).unwrap_err();
        assert!(said.ends_with("has a name or a link target longer than 4096 bytes") && said.len() < 200, "{said}");
    }

    #[test]
    fn a_size_that_misleads_is_refused_and_no_content_is_quoted() {
        let secret = "DB_PASSWORD=hunter2\n".repeat(30);
        let mut bytes = archive(&[("a", Regular, &secret), ("b", Regular, "")]);
        let mut refused = |field: &[u8; 12]| {
            bytes[124..136].copy_from_slice(field);
            let mut header = Header::from_byte_slice(&bytes[..512]).clone();
            header.set_cksum();
            bytes[..512].copy_from_slice(header.as_bytes());
            list(Cursor::new(&bytes)).unwrap_err().to_string()
        };
        assert_eq!(refused(b"00000000000\0"), "it is no tar archive after `a`");
        assert_eq!(refused(b"\x80\0\0\x01\0\0\0\0\0\0\0\0"), "`a` has a size that is none");
        assert_eq!(refused(b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"), "it is no tar archive");
        assert!(!refused(b"not a number").contains("hunter2"));
    }

    #[test]
    fn times_before_1970_are_the_beginning_of_time() {
        let mut bytes = archive(&[("a", Regular, "")]);
        bytes[136..148].copy_from_slice(&[0xff; 12]);
        let mut header = Header::from_byte_slice(&bytes[..512]).clone();
        header.set_cksum();
        bytes[..512].copy_from_slice(header.as_bytes());
        assert_eq!(list(Cursor::new(&bytes)).unwrap().entries[0].mtime, 0);
    }

    #[test]
    fn what_comes_after_a_lone_record_of_zeros_is_not_passed_over() {
        let (first, second) = (archive(&[("a", Regular, "")]), archive(&[("b", Regular, "")]));
        let bytes = [&first[..first.len() - 512], &second].concat();
        assert_eq!(list(Cursor::new(&bytes)).unwrap_err().to_string(), "it is no tar archive");
        assert!(list(Cursor::new(&first[..first.len() - 512])).is_ok());
    }

    #[test]
    fn a_device_in_the_place_of_a_file_takes_its_place() {
        let listing = list(Cursor::new(archive(&[("a", Regular, ""), ("a", Fifo, "")]))).unwrap();
        assert_eq!((listing.entries.len(), listing.special.len()), (0, 1));
        let listing = list(Cursor::new(archive(&[("a", Fifo, ""), ("a", Regular, "")]))).unwrap();
        assert_eq!((listing.entries.len(), listing.special.len()), (1, 0));
    }

    #[test]
    fn devices_are_told_apart() {
        let listing = list(Cursor::new(archive(&[("pipe", Fifo, ""), ("a", Regular, "")]))).unwrap();
        assert_eq!(listing.special, [Path::new("pipe")]);
        assert_eq!(listing.entries.len(), 1);
    }

    #[test]
    fn an_archive_cut_anywhere_is_refused() {
        let zeros = "\0".repeat(700);
        let whole =
            archive(&[("a", Regular, "content"), ("z", Regular, &zeros), ("d", Directory, ""), ("l", Symlink, "a")]);
        assert!(list(Cursor::new(&whole)).is_ok());
        for length in 0..whole.len() - 1024 + 512 {
            assert!(list(Cursor::new(&whole[..length])).is_err(), "{length} of {}", whole.len());
        }
    }

    #[test]
    fn an_archive_is_told_from_a_dockerfile_by_its_first_bytes() {
        assert!(is_archive(&archive(&[("a", Regular, "x")])));
        assert!(is_archive(&archive(&[])));
        assert!(!is_archive(b"FROM scratch\n"));
        assert!(!is_archive("# a Dockerfile longer than a record\n".repeat(40).as_bytes()));
    }
}

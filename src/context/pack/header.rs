//! Header blocks of a tar archive, field by field. Pure.
//!
//! The convenience calls of the `tar` crate follow symlinks, write sparse entries that Kaniko skips in silence, normalise
//! link targets, and copy a growing file past its header's size. Long names and link targets travel as GNU `L` and `K`
//! records and sizes from 8 GiB on in base 256, not as PAX records: busybox's tar, which unpacks in the pod, passes over
//! PAX (busybox 1.35 `get_header_tar.c`), and everything that reads PAX reads these too.

use tar::{EntryType, Header};

use super::buffer::Buffer;
use crate::context::listing::{Entry, Kind};
use crate::context::tarball::RECORD;
use crate::sys::OsStrExt;

/// What ends an archive.
pub(super) const END: [u8; 2 * RECORD] = [0; 2 * RECORD];
/// Bytes of a name or a link target that fit its header field.
const SHORT: usize = 100;

/// Bytes of zeros after content of `size` bytes.
pub(super) fn padding(size: u64) -> usize {
    let over = (size % RECORD as u64) as usize;
    if over == 0 { 0 } else { RECORD - over }
}

/// Bytes that [`write()`] writes for `entry` below a prefix of so many bytes.
pub(super) fn length(entry: &Entry, prefix: usize) -> usize {
    let slash = usize::from(entry.kind == Kind::Directory);
    let name = prefix + entry.path.as_os_str().len() + slash;
    RECORD + long_length(name) + long_length(target(entry).len())
}

fn long_length(value: usize) -> usize {
    if value <= SHORT { 0 } else { RECORD + value + 1 + padding(value as u64 + 1) }
}

/// Writes the header of `entry` into `out`, its name behind `prefix`.
pub(super) fn write(entry: &Entry, prefix: &[u8], out: &mut Buffer) {
    let path = entry.path.as_os_str().as_bytes();
    let (kind, slash) = match entry.kind {
        Kind::Directory => (EntryType::Directory, &b"/"[..]),
        Kind::File { .. } => (EntryType::Regular, &b""[..]),
        Kind::Symlink { .. } => (EntryType::Symlink, &b""[..]),
    };
    let name = [prefix, path, slash].concat();
    let target = target(entry);
    write_long(EntryType::GNULongLink, target, out);
    write_long(EntryType::GNULongName, &name, out);
    let mut header = header(&name, kind, entry.kind.size(), target);
    header.set_mode(entry.mode);
    header.set_mtime(entry.mtime);
    header.set_cksum();
    out.extend(header.as_bytes());
}

fn target(entry: &Entry) -> &[u8] {
    match &entry.kind {
        Kind::Symlink { target } => target.as_os_str().as_bytes(),
        Kind::Directory | Kind::File { .. } => b"",
    }
}

/// A record that holds the name or the target of the entry after it, ended by NUL as GNU tar does; nothing if it fits.
fn write_long(kind: EntryType, value: &[u8], out: &mut Buffer) {
    if value.len() <= SHORT {
        return;
    }
    let size = value.len() as u64 + 1;
    let mut header = header(b"././@LongLink", kind, size, b"");
    header.set_mode(0o644);
    header.set_cksum();
    out.extend(header.as_bytes());
    out.extend(value);
    out.zeros(1 + padding(size));
}

/// A GNU header for root's file: `uid` and `gid` are 0 as in Docker, which sends no owners.
fn header(name: &[u8], kind: EntryType, size: u64, target: &[u8]) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    let fields = header.as_old_mut();
    copy(&mut fields.name, name);
    copy(&mut fields.linkname, target);
    header
}

fn copy(field: &mut [u8], value: &[u8]) {
    let length = value.len().min(field.len());
    field[..length].copy_from_slice(&value[..length]);
}

//! Looks into compressed files of a context: what they are compressed with, and whether an archive is in them; and takes
//! the compression away. Memory is bounded, whatever a file claims.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bzip2::bufread::MultiBzDecoder;
use flate2::read::MultiGzDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::content::{Files, Part};
use super::listing::Entry;
use super::tarball::RECORD;
use crate::executor::archive::{Held, held};
use crate::executor::files::START;
use crate::members::{self, Budget, Found, Hollow};
use crate::repair::{Compressed, Compression, Contents};
use crate::sys::FileExt;

/// Memory for what `xz -9` makes, twice.
const XZ_MEMORY_KIB: u32 = 256 << 10;

/// The window of `zstd --long`.
const ZSTD_WINDOW: u64 = 128 << 20;

/// What is looked at to find the first header of an archive. Headers may be preceded by long names.
const HEAD: u64 = 1 << 20;

/// Nobody has a larger archive in a build context. What is in it takes room here, and in the pod.
pub const LIMIT: u64 = 8 << 30;

/// Magic numbers, as moby looks for them (go-archive v0.2.0 `compression`).
const MAGIC: [(&[u8], Compression); 4] = [
    (b"\x1f\x8b\x08", Compression::Gzip),
    (b"BZh", Compression::Bzip2),
    (b"\xfd7zXZ\0", Compression::Xz),
    (b"\x28\xb5\x2f\xfd", Compression::Zstd),
];

impl Contents for Files<'_> {
    fn compressed(&self, entry: &Entry) -> Option<Compressed> {
        let mut head = Vec::new();
        self.open(entry).ok()?.take(8).read_to_end(&mut head).ok()?;
        let (_, by) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic))?;
        Some(Compressed { by: *by, holds_archive: holds_archive(self.open(entry).ok()?, *by) })
    }
}

/// What a file is to `ADD`, the members of an archive with it, as far as there is budget to read them.
pub fn found(file: &File, budget: &Budget) -> Found {
    look(file, budget).unwrap_or(Found::Unknown)
}

fn look(file: &File, budget: &Budget) -> io::Result<Found> {
    let from_start = |mut file: &File| file.rewind();
    let mut start = Vec::new();
    from_start(file)?;
    file.take(START as u64).read_to_end(&mut start)?;
    from_start(file)?;
    let Some((_, by)) = MAGIC.iter().find(|(magic, _)| start.starts_with(magic)) else {
        return Ok(match held(&start) {
            Held::Nothing => Found::File,
            _ => Found::Archive(members::of_file(BufReader::new(file), budget)),
        });
    };
    let holds_archive = holds_archive(Box::new(file), *by);
    from_start(file)?;
    let decoded = decoder(Box::new(file), *by);
    Ok(match holds_archive {
        None => Found::Unknown,
        Some(false) => Found::Hollow(hollow(decoded)),
        Some(true) => Found::Archive(calm(|| Ok(members::of_stream(decoded, budget)))?),
    })
}

/// What is there in the place of an archive.
fn hollow(decoded: impl Read) -> Hollow {
    let mut start = Vec::new();
    let ended = calm(|| decoded.take(2 * RECORD as u64).read_to_end(&mut start));
    let (first, second) = start.split_at(start.len().min(RECORD));
    let are_zeros = |bytes: &[u8]| bytes.iter().all(|&byte| byte == 0);
    match ended {
        _ if first.len() == RECORD && !are_zeros(first) => Hollow::NoHeader,
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Hollow::Broken,
        Err(_) => Hollow::Short,
        Ok(_) if start.is_empty() || start.len() == RECORD => Hollow::Empty,
        Ok(_) if start.len() < 2 * RECORD => Hollow::Short,
        Ok(_) if are_zeros(second) => Hollow::Empty,
        Ok(_) => Hollow::NoHeader,
    }
}

/// Whether moby finds an archive in it (BuildKit v0.34.2 `solver/llbsolver/file/unpack.go` `isArchivePath`: the first
/// header can be read); none if that is not known.
fn holds_archive(source: Box<dyn Read + '_>, by: Compression) -> Option<bool> {
    let decoded = decoder(source, by);
    let mut counted = Counted { inner: decoded.take(HEAD), count: 0 };
    let first = calm(|| {
        let mut archive = tar::Archive::new(&mut counted);
        Ok(matches!(archive.entries()?.next(), Some(Ok(_))))
    });
    match first {
        Ok(true) => Some(true),
        Ok(false) | Err(_) if counted.count >= HEAD => None,
        Ok(false) | Err(_) => Some(false),
    }
}

/// Writes what is in a compressed file to the end of another, and says where it is and how long.
///
/// # Errors
/// It cannot be read or is broken, it is too long, or it cannot be written.
pub fn decode(files: Files<'_>, entry: &Entry, by: Compression, mut out: &File) -> io::Result<(u64, u64)> {
    let decoded = decoder(files.open(entry)?, by);
    let start = out.seek(SeekFrom::End(0))?;
    let mut size = 0;
    let ended = calm(|| copy(decoded.take(LIMIT + 1), out, &mut size));
    if size > LIMIT {
        return Err(io::Error::other("it is too long"));
    }
    match ended {
        Ok(()) => Ok((start, size)),
        // Nobody reads on behind the end of an archive; programs fill up their last block.
        Err(error) if is_about_rest(&error) && is_whole(out, start..start + size)? => Ok((start, size)),
        Err(error) => Err(error),
    }
}

fn copy(mut from: impl Read, mut to: &File, size: &mut u64) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 17];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                to.write_all(&buffer[..count])?;
                *size += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Whether there is an archive up to the record of zeros that ends it.
fn is_whole(file: &File, range: Range<u64>) -> io::Result<bool> {
    let start = range.start;
    let mut end = 0;
    for entry in tar::Archive::new(Part::new(file, range)).entries()?.raw(true) {
        let Ok(entry) = entry else { return Ok(false) };
        end = entry.raw_file_position() + entry.size().next_multiple_of(RECORD as u64);
    }
    let mut record = [1; RECORD];
    Ok(file.read_exact_at(&mut record, start + end).is_ok() && record == [0; RECORD])
}

/// A decoder that panics over what it reads has no more to say than one that fails.
fn calm<T>(read: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err(io::Error::other("it cannot be decoded")))
}

fn decoder<'a>(source: Box<dyn Read + 'a>, by: Compression) -> Box<dyn Read + 'a> {
    let source = BufReader::with_capacity(1 << 16, source);
    match by {
        Compression::Gzip => Box::new(MultiGzDecoder::new(source)),
        Compression::Bzip2 => Box::new(MultiBzDecoder::new(source)),
        Compression::Xz => Box::new(XzReader::new_mem_limit(source, true, XZ_MEMORY_KIB)),
        Compression::Zstd => Box::new(Frames::new(source)),
    }
}

struct Counted<R> {
    inner: R,
    count: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.count += count as u64;
        Ok(count)
    }
}

/// All frames of a zstd file, one after another.
struct Frames<R> {
    source: R,
    decoder: FrameDecoder,
    is_within: bool,
    /// Whether one is behind us, and intact.
    has_frame: bool,
}

/// What follows whole frames and is none.
#[derive(Debug, thiserror::Error)]
#[error("something follows that is not zstd")]
struct Rest;

fn is_about_rest(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Rest>())
}

impl<R: Read> Frames<R> {
    fn new(source: R) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(ZSTD_WINDOW);
        Self { source, decoder, is_within: false, has_frame: false }
    }

    /// Whether there is another frame; those that hold nothing are passed over.
    fn begin(&mut self) -> io::Result<bool> {
        loop {
            let mut magic = Vec::new();
            if self.source.by_ref().take(4).read_to_end(&mut magic)? == 0 {
                return Ok(false);
            }
            let is_skipped = magic.len() == 4 && magic[0] & 0xf0 == 0x50 && magic[1..] == [0x2a, 0x4d, 0x18];
            if !is_skipped {
                return match self.decoder.init(magic.chain(&mut self.source)) {
                    Ok(()) => Ok(true),
                    Err(_) if self.has_frame => Err(io::Error::other(Rest)),
                    Err(error) => Err(io::Error::other(error)),
                };
            }
            let mut length = [0; 4];
            self.source.read_exact(&mut length)?;
            let wanted = u64::from(u32::from_le_bytes(length));
            if io::copy(&mut self.source.by_ref().take(wanted), &mut io::sink())? < wanted {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn is_intact(&self) -> bool {
        match (self.decoder.get_checksum_from_data(), self.decoder.get_calculated_checksum()) {
            (Some(said), Some(is)) => said == is,
            _ => true,
        }
    }
}

impl<R: Read> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.is_within {
                if !self.begin()? {
                    return Ok(0);
                }
                self.is_within = true;
            }
            match self.decoder.read(buffer)? {
                0 if buffer.is_empty() => return Ok(0),
                0 if !self.decoder.is_finished() => {
                    let some = BlockDecodingStrategy::UptoBytes(1 << 17);
                    self.decoder.decode_blocks(&mut self.source, some).map_err(io::Error::other)?;
                }
                0 if !self.is_intact() => return Err(io::ErrorKind::InvalidData.into()),
                0 => (self.is_within, self.has_frame) = (false, true),
                count => return Ok(count),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    /// What a program makes of bytes.
    fn piped(program: &str, arguments: &[&str], bytes: &[u8]) -> Vec<u8> {
        let mut input = tempfile::tempfile().unwrap();
        input.write_all(bytes).unwrap();
        input.rewind().unwrap();
        let output = Command::new(program).args(arguments).stdin(Stdio::from(input)).output();
        output.unwrap_or_else(|error| panic!("{program}: {error}")).stdout
    }

    fn archive() -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        let content = b"content ".repeat(40_000);
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, "a/b", &content[..]).unwrap();
        archive.into_inner().unwrap()
    }

    fn compressed(bytes: &[u8]) -> Option<Compressed> {
        Files::default().compressed(&Entry::made("x", bytes.to_vec()))
    }

    fn decoded(bytes: &[u8], by: Compression) -> io::Result<Vec<u8>> {
        let mut out = tempfile::tempfile().unwrap();
        out.write_all(b"before").unwrap();
        let (start, size) = decode(Files::default(), &Entry::made("x", bytes.to_vec()), by, &out)?;
        assert_eq!(start, 6);
        let mut all = Vec::new();
        out.seek(SeekFrom::Start(start)).unwrap();
        out.read_to_end(&mut all).unwrap();
        assert_eq!(all.len() as u64, size);
        Ok(all)
    }

    const PROGRAMS: [(&str, &[&str], Compression); 5] = [
        ("gzip", &["-c"], Compression::Gzip),
        ("bzip2", &["-c"], Compression::Bzip2),
        ("xz", &["-c", "-9"], Compression::Xz),
        ("xz", &["-c", "--block-size=65536", "--check=sha256"], Compression::Xz),
        ("zstd", &["-c", "-19", "--long=27"], Compression::Zstd),
    ];

    #[test]
    fn an_archive_is_told_from_what_is_none() {
        for (program, arguments, by) in PROGRAMS {
            let says = |bytes: &[u8]| compressed(&piped(program, arguments, bytes));
            assert_eq!(says(&archive()), Some(Compressed { by, holds_archive: Some(true) }), "{program}");
            for none in [&b"text"[..], b"", &[0; 2048], &b"text ".repeat(9_000)] {
                assert_eq!(says(none), Some(Compressed { by, holds_archive: Some(false) }), "{program}");
            }
        }
        assert_eq!(compressed(&archive()), None);
        assert_eq!(compressed(b""), None);
        // Broken behind the magic number.
        assert_eq!(
            compressed(b"\x1f\x8b\x08 and no more"),
            Some(Compressed { by: Compression::Gzip, holds_archive: Some(false) })
        );
    }

    #[test]
    fn what_is_in_the_place_of_an_archive_is_told_apart() {
        let found = |bytes: &[u8]| {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(bytes).unwrap();
            super::found(&file, &Budget::default())
        };
        for (program, arguments, _) in PROGRAMS {
            for (bytes, expected) in [
                (&b""[..], Hollow::Empty),
                (b"text", Hollow::Short),
                (&[0; 511], Hollow::Short),
                (&[0; 512], Hollow::Empty),
                (&[0; 2048], Hollow::Empty),
                (&b"text ".repeat(200), Hollow::NoHeader),
                (&[&[0; 512][..], &[1; 512]].concat(), Hollow::NoHeader),
            ] {
                let is = found(&piped(program, arguments, bytes));
                assert_eq!(is, Found::Hollow(expected), "{program}, {} bytes", bytes.len());
            }
            let twice = piped(program, arguments, &piped("gzip", &["-c"], &[7; 200_000]));
            assert!(matches!(found(&twice), Found::Hollow(Hollow::Short | Hollow::NoHeader)));
            let Found::Archive(Some(members)) = found(&piped(program, arguments, &archive())) else {
                panic!("{program}");
            };
            assert_eq!(members.len(), 1, "{program}");
        }
        assert_eq!(found(b"\x1f\x8b\x08"), Found::Hollow(Hollow::Short));
        assert_eq!(found(b"BZh9 and no more of it"), Found::Hollow(Hollow::Broken));
        assert_eq!(found(b"text"), Found::File);
    }

    #[test]
    fn what_programs_compress_is_decoded() {
        for (program, arguments, by) in PROGRAMS {
            let once = piped(program, arguments, &archive());
            assert!(once.len() < archive().len());
            assert_eq!(decoded(&once, by).unwrap(), archive(), "{program}");
            // Several files in one.
            assert_eq!(
                decoded(&[&once[..], &once].concat(), by).unwrap(),
                [archive(), archive()].concat(),
                "{program}"
            );
        }
        let skipped = [&b"\x5f\x2a\x4d\x18\x03\0\0\0abc"[..], &piped("zstd", &["-c"], b"text")].concat();
        assert_eq!(decoded(&skipped, Compression::Zstd).unwrap(), b"text");
    }

    /// bsdtar writes whole blocks where it does not write to a file.
    #[test]
    fn what_follows_an_archive_in_zstd_is_no_matter() {
        let once = piped("zstd", &["-c"], &archive());
        let filled = [&once[..], &[0; 512]].concat();
        assert_eq!(decoded(&filled, Compression::Zstd).unwrap(), archive());
        // An archive that ends in the middle is none.
        let half = [piped("zstd", &["-c"], &archive()[..1024]), vec![0; 512]].concat();
        assert!(decoded(&half, Compression::Zstd).is_err());
        let without_end = &archive()[..archive().len() - 1024];
        assert!(decoded(&[piped("zstd", &["-c"], without_end), vec![0; 512]].concat(), Compression::Zstd).is_err());
    }

    #[test]
    fn what_is_broken_is_an_error() {
        for (program, arguments, by) in PROGRAMS {
            let whole = piped(program, arguments, &archive());
            for cut in [1, 4, 8, 20, whole.len() / 2, whole.len() - 1] {
                assert!(decoded(&whole[..cut], by).is_err(), "{program} cut at {cut}");
            }
            for at in (6..whole.len()).step_by(7) {
                let mut broken = whole.clone();
                broken[at] ^= 0x55;
                // Never anything else without an error; some bits mean nothing.
                assert!(decoded(&broken, by).is_ok_and(|all| all == archive()) || decoded(&broken, by).is_err());
            }
        }
    }

    #[test]
    fn memory_is_bounded_whatever_a_file_claims() {
        // A window of 3.75 TiB.
        let window = b"\x28\xb5\x2f\xfd\x00\xff\x01\0\0";
        assert!(decoded(window, Compression::Zstd).is_err());
        let large = piped("xz", &["-c", "--lzma2=dict=512MiB"], b"text");
        assert!(decoded(&large, Compression::Xz).is_err());
    }
}

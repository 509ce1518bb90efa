//! Archives of made-up entries over real files.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::symlink;
use std::path::Path;

use proptest::prelude::*;

use super::blocks::BLOCK;
use super::level::CHEAPEST;
use super::*;
use crate::context::listing::{Content, Kind};
use crate::sys::Root;

fn file(path: &str, size: u64) -> Entry {
    Entry { path: path.into(), kind: Kind::File { size, content: Content::Disk }, mode: 0o644, mtime: 7 }
}

fn pack(root: &Path, entries: Vec<Entry>, compression: Compression, threads: usize) -> Result<(Vec<u8>, u64), Error> {
    let mut out = Vec::new();
    let packing = Packing { threads: NonZero::new(threads).unwrap(), ..Packing::new(compression) };
    let root = Root::open(root).unwrap();
    let archive = Archive {
        files: Files { root: Some(&root), spool: None },
        directory: Some("in"),
        extra: vec![Entry::made("last", "the end")],
    };
    let mut content = 0;
    let count = archive
        .write(entries.into_iter(), |entry| Some(Ok(entry)), &mut out, packing, &mut |bytes| content += bytes)?;
    let read: u64 = read(&out, compression).values().map(|content| content.len() as u64).sum();
    assert_eq!(content, read, "what was told is what is there");
    Ok((out, count))
}

/// Names and contents, read by another implementation, to the end of the archive.
fn read(archive: &[u8], compression: Compression) -> BTreeMap<String, Vec<u8>> {
    let mut plain = Vec::new();
    match compression {
        Compression::None => plain.extend_from_slice(archive),
        _ => drop(flate2::read::MultiGzDecoder::new(archive).read_to_end(&mut plain).unwrap()),
    }
    assert!(plain.ends_with(&[0; 1024]) && plain.len() % 512 == 0);
    let mut contents = BTreeMap::new();
    for entry in tar::Archive::new(&plain[..]).entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        contents.insert(String::from_utf8(entry.path_bytes().into_owned()).unwrap(), content);
    }
    contents
}

/// Files of these sizes, each with bytes of its own.
fn files(sizes: &[usize]) -> (tempfile::TempDir, Vec<Entry>) {
    let root = tempfile::tempdir().unwrap();
    let entries = sizes.iter().enumerate().map(|(index, size)| {
        // Some names are longer than a header holds.
        let name = format!("{index:04}{}", "-long".repeat(index % 40));
        fs::write(root.path().join(&name), content(index, *size)).unwrap();
        file(&name, *size as u64)
    });
    let entries = entries.collect();
    (root, entries)
}

fn content(index: usize, size: usize) -> Vec<u8> {
    (0..size).map(|at| (at * (index + 3) % 251) as u8 ^ (at >> 9) as u8).collect()
}

fn named(result: Result<(Vec<u8>, u64), Error>) -> String {
    result.unwrap_err().one_line()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn all_files_come_out_as_they_went_in_and_threads_do_not_show(
        sizes in prop::collection::vec(
            prop_oneof![
                0..2_000_usize,
                Just(BLOCK - 512), Just(BLOCK - 1024), Just(BLOCK), Just(BLOCK + 1),
                BLOCK - 2_000..BLOCK + 2_000,
                1..3 * BLOCK,
            ],
            0..30,
        ),
    ) {
        let (root, entries) = files(&sizes);
        let (alone, count) = pack(root.path(), entries.clone(), Compression::None, 1).unwrap();
        prop_assert_eq!(count, sizes.len() as u64 + 2);
        let contents = read(&alone, Compression::None);
        prop_assert_eq!(contents.len(), sizes.len() + 2);
        for (index, entry) in entries.iter().enumerate() {
            let name = format!("in/{}", entry.path.display());
            prop_assert!(contents[&name] == content(index, sizes[index]), "{}", name);
        }
        for threads in [2, 5] {
            let (together, _) = pack(root.path(), entries.clone(), Compression::None, threads).unwrap();
            prop_assert!(alone == together);
        }
        let compressed = |threads| pack(root.path(), entries.clone(), Compression::Gzip(1), threads).unwrap().0;
        let gzip = compressed(1);
        prop_assert!(gzip == compressed(4));
        prop_assert!(read(&gzip, Compression::Gzip(1)) == contents);
    }
}

#[test]
fn a_block_has_the_size_that_was_planned_and_never_more_than_its_share() {
    let (root, entries) = files(&[10, BLOCK, 3 * BLOCK + 7, 0, 511, BLOCK - 1500, 40, 700_000, 1]);
    let members = entries.into_iter().map(|entry| Ok(Member { entry, inside: true }));
    let root = Root::open(root.path()).unwrap();
    let layout = fill::Layout { files: Files { root: Some(&root), spool: None }, prefix: b"in/" };
    let mut sizes = Vec::new();
    for block in Blocks::new(members, 3) {
        let (block, mut out) = (block.unwrap(), buffer::Buffer::default());
        layout.fill(&block, &mut out).unwrap();
        assert_eq!(out.as_slice().len(), block.size);
        sizes.push(block.size);
    }
    // Padding may go over the edge.
    assert!(sizes.len() == 8 && sizes.iter().all(|size| *size < BLOCK + 512), "{sizes:?}");
}

#[test]
fn a_file_that_grew_has_the_bytes_it_had() {
    for size in [1_000, BLOCK + 1_000] {
        let (root, entries) = files(&[size]);
        fs::write(root.path().join(&entries[0].path), content(0, size + 5_000)).unwrap();
        let (archive, _) = pack(root.path(), entries, Compression::None, 2).unwrap();
        assert!(read(&archive, Compression::None)["in/0000"] == content(0, size));
    }
}

#[test]
fn a_file_that_shrank_is_named() {
    for size in [1_000, 2 * BLOCK] {
        let (root, entries) = files(&[10, size, 10]);
        fs::write(root.path().join(&entries[1].path), content(0, size - 400)).unwrap();
        let said = named(pack(root.path(), entries, Compression::Gzip(1), 2));
        let expected =
            format!("`0001-long` shrank while it was packed: {size} bytes when listed, {} when read", size - 400);
        assert!(said.starts_with(&expected), "{said}");
    }
}

#[test]
fn a_file_that_vanished_is_named() {
    for size in [1_000, 2 * BLOCK] {
        let (root, entries) = files(&[10, size]);
        fs::remove_file(root.path().join(&entries[1].path)).unwrap();
        let said = named(pack(root.path(), entries, Compression::None, 2));
        assert!(said.starts_with("cannot read `0001-long`: No such file"), "{said}");
    }
}

#[test]
fn what_is_no_file_any_more_is_named_and_not_followed_nor_waited_for() {
    let (root, entries) = files(&[10, 10]);
    let path = root.path().join(&entries[1].path);
    fs::remove_file(&path).unwrap();
    symlink("/etc/passwd", &path).unwrap();
    assert!(named(pack(root.path(), entries.clone(), Compression::None, 2)).starts_with("cannot read `0001-long`"));
    fs::remove_file(&path).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let said = named(pack(root.path(), entries, Compression::None, 2));
    assert_eq!(said, "cannot read `0001-long`: it is no regular file any more");
}

#[test]
fn an_error_of_the_walk_comes_after_the_blocks_that_were_whole() {
    let (root, entries) = files(&[BLOCK, 100]);
    let failure = ContextError::Shrank { path: "walk".into(), expected: 1, read: 0 };
    let entries = entries.into_iter().map(Ok).chain([Err(failure)]);
    let root = Root::open(root.path()).unwrap();
    let archive = Archive { files: Files { root: Some(&root), spool: None }, directory: None, extra: vec![] };
    let packing = Packing { threads: NonZero::new(3).unwrap(), ..Packing::new(Compression::None) };
    let mut out = Vec::new();
    let result = archive.write(entries, Some, &mut out, packing, &mut |_| {});
    assert!(matches!(result, Err(Error::Context(ContextError::Shrank { path, .. })) if path == Path::new("walk")));
    assert_eq!(out.len(), BLOCK);
}

#[test]
fn auto_compresses_more_while_the_reader_is_slow() {
    struct Slow(Vec<u8>);
    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            std::thread::sleep(std::time::Duration::from_millis(60));
            self.0.extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let text = include_str!("../dockerignore/tests/surprises.rs").repeat(10);
    let entries = |count| (0..count).map(|index| Entry::made(&format!("{index}"), text.clone().into_bytes()));
    let write = |out: &mut dyn Write, compression| {
        let archive = Archive { files: Files::default(), directory: None, extra: vec![] };
        archive
            .write(entries(150), |entry| Some(Ok(entry)), &mut { out }, Packing::new(compression), &mut |_| {})
            .unwrap();
    };
    let (mut slow, mut fixed) = (Slow(Vec::new()), Vec::new());
    write(&mut slow, Compression::Auto);
    write(&mut fixed, Compression::Gzip(CHEAPEST));
    assert!(slow.0.len() < fixed.len(), "{} against {}", slow.0.len(), fixed.len());
    assert!(read(&slow.0, Compression::Auto) == read(&fixed, Compression::Auto));
}

#[test]
fn content_in_memory_may_be_larger_than_a_block() {
    let bytes = content(1, 3 * BLOCK + 5);
    let archive = Archive { files: Files::default(), directory: None, extra: vec![] };
    let mut out = Vec::new();
    let entries = [Entry::made("large", bytes.clone())].into_iter();
    let packing = Packing::new(Compression::None);
    archive.write(entries, |entry| Some(Ok(entry)), &mut out, packing, &mut |_| {}).unwrap();
    assert!(read(&out, Compression::None)["large"] == bytes);
}

#[test]
fn a_reader_that_goes_away_ends_the_packing() {
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::BrokenPipe)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    // Endless: only the reader can end it.
    let entries = std::iter::repeat_with(|| Ok(Entry::made("x", vec![1; 100_000])));
    let archive = Archive { files: Files::default(), directory: None, extra: vec![] };
    let result = archive.write(entries, Some, &mut Full(3 * BLOCK), Packing::new(Compression::None), &mut |_| {});
    assert!(matches!(result, Err(Error::Output { .. })));
}

#[test]
fn sizes_from_8_gib_on_fit_a_header() {
    let size = 20 << 30;
    let mut out = buffer::Buffer::default();
    let entry = file("large", size);
    header::write(&entry, b"", &mut out);
    assert_eq!(out.as_slice().len(), header::length(&entry, 0));
    let read = tar::Header::from_byte_slice(out.as_slice());
    assert_eq!(read.size().unwrap(), size);
    assert!(out.as_slice()[124] & 0x80 != 0, "base 256");
}

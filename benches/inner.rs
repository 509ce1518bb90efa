//! The inner parts without the disk: `cargo bench`. Whole commands beside their peers are `scripts/bench`'s.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]

use std::io::{self, Cursor};

use bytes::Bytes;
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use kaniko_local::context::Compression;
use kaniko_local::context::content::Files;
use kaniko_local::context::dockerignore::Matcher;
use kaniko_local::context::listing::Entry;
use kaniko_local::context::pack::{Archive, Packing};
use kaniko_local::context::tarball;

fn main() {
    divan::main();
}

/// Every pattern has to be tried on every path, and no directory can be passed over.
const HOSTILE: &[u8] =
    b"**/*.log\n**/*.py[co]\n**/generated/**\n**/cache-?/*\n*/*/build/**\n!**/keep-*.log\n!*/*/build/x-*\n";

/// Judges the paths of a tree of 100 directories with 100 files each, as a walk does.
#[divan::bench]
fn matching(bencher: Bencher<'_, '_>) {
    let matcher = Matcher::from_file(HOSTILE).unwrap();
    let paths: Vec<(String, Vec<String>)> = (0..100)
        .map(|directory| {
            let directory = format!("module-{directory}");
            let files = (0..100).map(|file| format!("{directory}/source-{file}.java")).collect();
            (directory, files)
        })
        .collect();
    bencher.counter(ItemsCount::new(10_100_usize)).bench(|| {
        let root = matcher.root();
        for (directory, files) in &paths {
            let state = root.child(directory.as_bytes()).unwrap();
            for file in files {
                black_box(state.child(file.as_bytes()).unwrap().verdict());
            }
        }
    });
}

/// Files of 8 KiB of source text, 16 MiB in all.
fn sources() -> Vec<Entry> {
    let text = include_str!("../src/cluster/session.rs").as_bytes();
    let content = |number: usize| -> Bytes {
        text.iter().copied().cycle().skip(number * 977 % text.len()).take(8 * 1024).collect::<Vec<u8>>().into()
    };
    (0..2048).map(|number| Entry::made(&format!("src/file-{number}.rs"), content(number))).collect()
}

fn pack(entries: Vec<Entry>, compression: Compression, out: &mut impl io::Write) {
    let archive = Archive { files: Files::default(), directory: None, extra: vec![] };
    let packing = Packing::new(compression);
    archive.write(entries.into_iter(), |entry| Some(Ok(entry)), out, packing, &mut |_| {}).unwrap();
}

/// Packs from memory, with all threads.
#[divan::bench(args = [0, 1, 3, 6, 9])]
fn packing(bencher: Bencher<'_, '_>, level: u8) {
    let compression = if level == 0 { Compression::None } else { Compression::Gzip(level) };
    bencher
        .counter(BytesCount::new(16_u64 << 20))
        .with_inputs(sources)
        .bench_local_values(|entries| pack(entries, compression, &mut io::sink()));
}

/// Lists an archive of 2,048 entries.
#[divan::bench]
fn listing_an_archive(bencher: Bencher<'_, '_>) {
    let mut archive = Vec::new();
    pack(sources(), Compression::None, &mut archive);
    bencher.counter(ItemsCount::new(2048_usize)).bench(|| tarball::list(Cursor::new(&archive)).unwrap());
}

//! Why `tar://stdin` needs no proof before the build: the real executor, given the beginning of a context, however much
//! of it, builds nothing or all of it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Mutex;

use flate2::read::{GzDecoder, MultiGzDecoder};
use flate2::write::GzEncoder;
use kaniko_local::context::Compression;
use kaniko_local::context::content::Files;
use kaniko_local::context::listing::Entry;
use kaniko_local::context::pack::{Archive, Packing};
use kaniko_local::executor::{CONTEXT_DIRECTORY, ContextPlace};

use crate::support::executor::{self, Root};

fn place() -> ContextPlace {
    ContextPlace::stdin("k0123456789abcde")
}

/// A small archive, as `build` sends it. It holds a Dockerfile where an executor that misses its own looks again.
fn archive() -> Vec<u8> {
    let place = place();
    let dockerfile = "FROM scratch\nCOPY a b /c/\n";
    let entries = [
        Entry::made("Dockerfile", "FROM scratch\nCOPY a /c/\n"),
        Entry::made("a", "content of a"),
        Entry::made("b", "content of b"),
        Entry::made_directory("kaniko"),
        Entry::made_directory("kaniko/buildcontext"),
        Entry::made("kaniko/buildcontext/Dockerfile", "FROM scratch\nCOPY a /c/\n"),
    ];
    let extra = vec![Entry::made(&place.dockerfile_ignore(), ""), Entry::made(place.dockerfile(), dockerfile)];
    let mut out = Vec::new();
    Archive { files: Files::default(), directory: Some(CONTEXT_DIRECTORY), extra }
        .write(entries.into_iter(), |entry| Some(Ok(entry)), &mut out, Packing::new(Compression::Gzip(9)), &mut |_| {})
        .unwrap();
    out
}

/// The same, with a gzip member for each record of the archive: cuts between members fall between entries, too.
fn members(archive: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    MultiGzDecoder::new(archive).read_to_end(&mut plain).unwrap();
    let member = |record: &[u8]| {
        let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(record).unwrap();
        gzip.finish().unwrap()
    };
    plain.chunks(512).flat_map(member).collect()
}

/// What the executor made of it.
struct Built {
    /// Paths of files in the image; none if it built nothing.
    files: Option<BTreeSet<String>>,
    said: String,
}

fn build(executor: &Path, context: &[u8]) -> Built {
    let root = Root::new(executor);
    let mut input = tempfile::tempfile().unwrap();
    input.write_all(context).unwrap();
    std::io::Seek::rewind(&mut input).unwrap();
    let arguments = [
        "--force".to_owned(),
        "--no-push".to_owned(),
        "--tar-path=/kaniko/image.tar".to_owned(),
        "--destination=cut/cut".to_owned(),
        "--context=tar://stdin".to_owned(),
        format!("--context-sub-path={CONTEXT_DIRECTORY}"),
        format!("--dockerfile=/kaniko/buildcontext/{}", place().dockerfile()),
    ];
    let ran = root.run("/workspace", &arguments, input);
    let files = (ran.code == Some(0)).then(|| files(&root.path().join("kaniko/image.tar")));
    Built { files, said: ran.said }
}

fn files(image: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in tar::Archive::new(File::open(image).unwrap()).entries().unwrap() {
        let entry = entry.unwrap();
        if entry.path().unwrap().to_string_lossy().ends_with(".tar.gz") {
            for file in tar::Archive::new(GzDecoder::new(entry)).entries().unwrap() {
                let file = file.unwrap();
                if file.header().entry_type().is_file() {
                    found.insert(file.path().unwrap().to_string_lossy().trim_start_matches('/').to_owned());
                }
            }
        }
    }
    found
}

#[test]
#[ignore = "needs root and the executor: scripts/test"]
fn a_context_on_standard_input_cut_at_any_byte_builds_nothing_or_all_of_it() {
    let executor = executor::program();
    let all = BTreeSet::from(["c/a".to_owned(), "c/b".to_owned()]);
    let whole = archive();
    for context in [members(&whole), whole] {
        let next = Mutex::new(0..=context.len());
        let built = Mutex::new(0);
        let work = || {
            while let Some(cut) = { next.lock().unwrap().next() } {
                let outcome = build(&executor, &context[..cut]);
                let said = &outcome.said;
                match outcome.files {
                    Some(files) => {
                        assert_eq!(files, all, "cut at {cut} of {}: {said}", context.len());
                        *built.lock().unwrap() += 1;
                    }
                    // What the tool takes for an upload that broke.
                    None => assert!(
                        said.lines().any(|line| kaniko_local::executor::is_about_context(line.trim())),
                        "cut at {cut} of {}: {said}",
                        context.len()
                    ),
                }
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(work);
            scope.spawn(work);
        });
        let built = built.into_inner().unwrap();
        assert!(built >= 1 && built < context.len() / 2, "{built} of {}", context.len());
    }
}

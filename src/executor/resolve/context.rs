//! The build context: kaniko v1.24.0 `cmd/executor/cmd/root.go` `resolveSourceContext`, `pkg/buildcontext`.

use std::io::Read;

use flate2::read::MultiGzDecoder;

use super::{Start, Stdin, Stop, UNPACKED, Unknown, path_error};
use crate::executor::files::{Errno, Follow, Kind};
use crate::executor::flags::Flags;
use crate::gopath;

/// What `--context` comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// As given, or the executor's default.
    pub given: String,
    /// What kind of context that is to the executor.
    pub source: Source,
    /// The directory that `COPY` and `ADD` take from, as the executor has it while it looks for the Dockerfile: relative
    /// to its working directory unless it starts with a slash.
    pub root: Vec<u8>,
    /// The same from the root of the pod, as it has it while it builds.
    pub absolute: Vec<u8>,
}

/// A kind of context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A path without a scheme. Nobody looks whether it exists, and `--context-sub-path` is ignored.
    Path,
    /// `dir://`.
    Directory,
    /// `tar://stdin`.
    Stdin,
    /// `tar://` and a path.
    Archive(Vec<u8>),
    /// `git://`, a bucket, or a web server.
    Remote,
}

const DEFAULT: &str = "/workspace/";

pub(super) fn resolve(start: &Start, flags: &Flags) -> Result<Context, Stop> {
    let given = flags.text("context", DEFAULT);
    let bucket = flags.text("bucket", "");
    let context = |source, root: Vec<u8>| {
        // Relative roots are made absolute before it changes to `/`, the empty one is not.
        let directory = if root.is_empty() { b"/" } else { start.directory };
        let absolute = gopath::absolute(&root, directory);
        Context { given: given.to_owned(), source, root, absolute }
    };
    if given.is_empty() && bucket.is_empty() {
        let why =
            "please specify a path to the build context with the --context flag or a bucket with the --bucket flag";
        return Err(failed(why));
    }
    if !given.is_empty() && !given.contains("://") {
        return Ok(context(Source::Path, given.as_bytes().to_vec()));
    }
    // A bucket takes the place of what was given, a Google one unless it says otherwise.
    let named = match bucket {
        "" => given.to_owned(),
        _ if bucket.contains("://") => bucket.to_owned(),
        _ => format!("gs://{bucket}"),
    };
    let source = source(&named)?;
    unpack(start, &source)?;
    let root = match &source {
        Source::Directory => after_scheme(&named).into_bytes(),
        _ => format!("{UNPACKED}/").into_bytes(),
    };
    match flags.text("context-sub-path", "") {
        "" => Ok(context(source, root)),
        sub_path => {
            let root = gopath::join(&[&root, sub_path.as_bytes()]);
            // Only what is not there is a failure.
            if start.pod.find(&root, start.directory, Follow::All) != Err(Errno::NoEntry) {
                return Ok(context(source, root));
            }
            Err(match unknown(start, &source) {
                Some(unknown) => Stop::Unknown(unknown),
                None => failed(&path_error("stat", &root, Errno::NoEntry)),
            })
        }
    }
}

/// The directory before `--context-sub-path`, from the root of the pod.
pub(super) fn directory(flags: &Flags, from: &[u8]) -> Option<Vec<u8>> {
    let (given, bucket) = (flags.text("context", DEFAULT), flags.text("bucket", ""));
    let root = match source(if bucket.is_empty() { given } else { bucket }) {
        _ if !given.is_empty() && !given.contains("://") => given.to_owned(),
        Ok(Source::Directory) => after_scheme(given),
        Ok(_) => UNPACKED.to_owned(),
        Err(_) => return None,
    };
    Some(gopath::absolute(root.as_bytes(), from))
}

/// Why what is in a context cannot be known, if so: nobody told what was unpacked, or will be.
pub(super) fn unknown(start: &Start, source: &Source) -> Option<Unknown> {
    match source {
        Source::Path | Source::Directory => None,
        Source::Remote => Some(Unknown::Remote),
        Source::Stdin | Source::Archive(_) => {
            (!start.pod.exists(UNPACKED.as_bytes(), b"/")).then_some(Unknown::Archive)
        }
    }
}

fn failed(why: &str) -> Stop {
    Stop::Failed(format!("error resolving source context: {why}"))
}

/// Which kind of context it is.
fn source(named: &str) -> Result<Source, Stop> {
    let rest = after_scheme(named);
    match named.split_once("://").map_or(named, |(scheme, _)| scheme) {
        "dir" => Ok(Source::Directory),
        "tar" if rest == "stdin" => Ok(Source::Stdin),
        "tar" => Ok(Source::Archive(rest.into_bytes())),
        "git" | "gs" | "s3" | "https" => Ok(Source::Remote),
        _ => {
            let known = "gs://, dir://, tar://, s3://, git://, https://";
            Err(failed(&format!("unknown build context prefix provided, please use one of the following: {known}")))
        }
    }
}

/// What stands behind the first `://`, to the end of the next one (Go's `strings.SplitAfter`, of whose pieces the second
/// is taken).
fn after_scheme(text: &str) -> String {
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    match rest.find("://") {
        Some(at) => rest[..at + 3].to_owned(),
        None => rest.to_owned(),
    }
}

/// What gzip begins with, deflate named.
const GZIP: [u8; 3] = [0x1f, 0x8b, 8];
const TAR_BLOCK: usize = 512;

/// The first block of what is compressed; less if there is no more, none if it cannot be decompressed.
fn start_of(compressed: &[u8]) -> Option<Vec<u8>> {
    let mut start = Vec::new();
    MultiGzDecoder::new(compressed).take(TAR_BLOCK as u64).read_to_end(&mut start).ok()?;
    Some(start)
}

/// What may fail while the context is unpacked, as far as it can be told from here.
fn unpack(start: &Start, source: &Source) -> Result<(), Stop> {
    let path = match source {
        Source::Stdin if start.setup.stdin == Stdin::Device => {
            return Err(failed("no data found.. don't forget to add the '--interactive, -i' flag"));
        }
        Source::Path | Source::Directory | Source::Remote | Source::Stdin => return Ok(()),
        Source::Archive(path) => path,
    };
    let error = |operation, why| failed(&path_error(operation, path, why));
    let found = start.pod.find(path, start.directory, Follow::All).map_err(|why| error("open", why))?;
    match found.kind {
        Kind::Directory => return Err(error("read", Errno::IsADirectory)),
        Kind::Socket => return Err(error("open", Errno::NoDevice)),
        Kind::File | Kind::Fifo | Kind::Device | Kind::Symlink(_) => {}
    }
    match start.pod.content(&found.path).as_deref() {
        Some([]) => Err(failed("EOF")),
        Some(content) if content.len() < 10 => Err(failed("unexpected EOF")),
        Some(content) if content.starts_with(&GZIP) => match start_of(content) {
            // What was compressed once more is no tar archive, and may be shorter than a header of one.
            Some(inner) if inner.starts_with(&GZIP) && inner.len() < TAR_BLOCK => Err(failed("unexpected EOF")),
            Some(inner) if inner.starts_with(&GZIP) => Err(failed("archive/tar: invalid tar header")),
            Some(_) | None => Ok(()),
        },
        Some(_) => Err(failed("gzip: invalid header")),
        None => Err(Stop::Unknown(Unknown::Archive)),
    }
}

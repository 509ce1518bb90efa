//! The packed context, unpacked by everything that may meet it.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};
use walkdir::WalkDir;

use crate::support::tool::Tool;
use crate::support::tree::{Tree, incompressible};

/// Each is given the archive's path and an empty directory.
const EXTRACTORS: [&str; 4] = [
    "tar -xzf \"$0\" -C \"$1\"",
    "bsdtar -xzpf \"$0\" -C \"$1\"",
    "busybox tar -xzf \"$0\" -C \"$1\"",
    // From 3.14 on Python takes away setuid bits and links that lead out, unless it is told that the archive is trusted.
    r#"python3 -c 'import sys, tarfile; trust = {"filter": "fully_trusted"} if hasattr(tarfile, "data_filter") else {}; tarfile.open(sys.argv[1]).extractall(sys.argv[2], **trust)' "$0" "$1""#,
];

/// Go's `archive/tar` and `compress/gzip`, which the executor reads archives with.
const GO: &str = concat!("go run '", env!("CARGO_MANIFEST_DIR"), "/tests/integration/support/untar.go' \"$0\" \"$1\"");

#[test]
fn a_packed_context_is_unpacked_alike_by_gnu_tar_bsdtar_busybox_and_python() {
    assert_unpacked_alike(&EXTRACTORS);
}

#[test]
#[ignore = "needs Go, as the test cluster does: scripts/test"]
fn a_packed_context_is_unpacked_alike_by_go() {
    assert_unpacked_alike(&[GO]);
}

fn assert_unpacked_alike(extractors: &[&str]) {
    let tree = odd();
    let elsewhere = Tree::new();
    for compression in ["none", "gzip:1", "gzip:6", "auto"] {
        let archive = elsewhere.path().join("context.tar.gz");
        pack(tree.path(), compression, &archive);
        for extractor in extractors {
            // Only gzip is said with a flag.
            let extractor = if compression == "none" { &extractor.replace("-xz", "-x") } else { *extractor };
            let target = tempfile::tempdir().unwrap();
            let script = Command::new("sh").args(["-c", extractor]).arg(&archive).arg(target.path()).status();
            assert!(script.unwrap().success(), "{extractor}");
            assert_same(tree.path(), target.path(), extractor);
        }
    }
}

/// A context with everything that an archive may stumble over.
fn odd() -> Tree {
    let long = "directory-with-a-long-name/".repeat(8);
    let tree = Tree::new()
        .file("Dockerfile", "FROM scratch\n")
        .file("noise", incompressible(3_000_000))
        .file("text", "some text\n".repeat(200_000))
        .file("empty", "")
        .file("größe/日本", "names that are no ASCII")
        .file("new\nline", "a newline in a name")
        .file(&format!("{long}file"), "a long path")
        .file(&"n".repeat(255), "a long name")
        .executable("run", "#!/bin/sh\n")
        .link("link", "./run//../run")
        .link("long-link", &"../far/".repeat(40));
    let name = std::ffi::OsStr::from_bytes(b"no-utf8-\xff\xfe");
    fs::write(tree.path().join(name), "bytes that are no UTF-8").unwrap();
    fs::hard_link(tree.path().join("text"), tree.path().join("the same text")).unwrap();
    fs::set_permissions(tree.path().join("noise"), fs::Permissions::from_mode(0o4750)).unwrap();
    tree
}

fn pack(context: &Path, compression: &str, archive: &PathBuf) {
    let packed = Tool::new(&["context", "pack", "--compression", compression, "-o"]).arg(archive).within(context).run();
    assert_eq!((packed.code, packed.stderr.as_str()), (Some(0), ""));
}

/// Compares names, kinds, permissions, times of files to the second, link targets and contents.
#[track_caller]
fn assert_same(left: &Path, right: &Path, what: &str) {
    let describe = |root: &Path| -> Vec<String> {
        let entries = WalkDir::new(root).min_depth(1).sort_by_file_name().into_iter().map(Result::unwrap);
        entries
            .map(|entry| {
                let (path, metadata) = (entry.path(), entry.metadata().unwrap());
                let name = path.strip_prefix(root).unwrap();
                if entry.path_is_symlink() {
                    return format!("{name:?} -> {:?}", fs::read_link(path).unwrap());
                }
                if metadata.is_dir() {
                    // busybox leaves a directory the time at which its last entry was unpacked.
                    return format!("{name:?} {:o}", metadata.mode());
                }
                let digest = Sha256::digest(fs::read(path).unwrap());
                format!("{name:?} {:o} {} {:x?}", metadata.mode(), metadata.mtime(), &digest[..8])
            })
            .collect()
    };
    assert_eq!(describe(left), describe(right), "{what}");
}

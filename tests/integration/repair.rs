//! Differences to `docker build` that `build` repairs: what it sends and asks, given to the real executor.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::cluster::{Namespace, base_image};
use crate::support::double::{Double, Started, nodes};
use crate::support::executor::{self, Root};
use crate::support::image::{Image, Node};
use crate::support::tool::{Finished, Tool};
use crate::support::tree::Tree;

/// A build whose executor is the real one.
struct Built {
    /// What the tool did.
    tool: Finished,
    /// The image, or the executor's words.
    image: Result<Image, String>,
}

impl Built {
    #[track_caller]
    fn image(&self) -> &Image {
        self.image.as_ref().unwrap_or_else(|said| panic!("{said}"))
    }

    /// The line that tells what is repaired.
    fn told(&self) -> Option<&str> {
        self.tool.stderr.lines().find(|line| line.contains("to docker build"))
    }
}

fn build(tree: &Tree, arguments: &[&str]) -> Built {
    let double = Double::start(vec![nodes("amd64")]);
    let tool = double.build(tree).args(arguments).run();
    let image = match double.executor() {
        Some(started) => run(&started, arguments.contains(&"--transport=stdin")),
        None => Err(tool.stderr.clone()),
    };
    Built { tool, image }
}

/// Runs the executor as the pod does, but for the registry.
fn run(started: &Started, on_stdin: bool) -> Result<Image, String> {
    let root = Root::new(&executor::program());
    let place = root.path().join("kaniko/buildcontext");
    let mut stdin = Stdio::null();
    if on_stdin {
        let archive = root.path().join("kaniko/context.tar.gz");
        let tar = Command::new("tar").arg("-C").arg(&started.volume).arg("-czf").arg(&archive).arg(".").status();
        assert!(tar.unwrap().success());
        stdin = fs::File::open(&archive).unwrap().into();
        fs::remove_file(&archive).unwrap();
    } else {
        let copy = Command::new("cp").arg("-a").arg(&started.volume).arg(&place).status();
        assert!(copy.unwrap().success());
    }
    let is_ours = |given: &&String| !given.starts_with("--destination=") && !given.starts_with("--digest-file=");
    let mut arguments: Vec<String> = started.arguments.iter().filter(is_ours).cloned().collect();
    arguments.extend(
        ["--force", "--no-push", "--tar-path=/kaniko/image.tar", "--destination=repair/repair"].map(Into::into),
    );
    let ran = root.run("/workspace", &arguments, stdin);
    match ran.code {
        Some(0) => Ok(Image::of_tar(&root.path().join("kaniko/image.tar"))),
        _ => Err(ran.said),
    }
}

fn busybox() -> Vec<u8> {
    fs::read(["/bin/busybox", "/usr/bin/busybox"].into_iter().find(|path| Path::new(path).exists()).unwrap()).unwrap()
}

#[test]
#[ignore = "needs root and the executor: scripts/test"]
fn the_platforms_arguments_are_given_in_from_and_in_stages() {
    let dockerfile = "FROM scratch AS s-amd64\nCOPY a /amd64\nFROM scratch AS s-arm64\nCOPY a /arm64\n\
        FROM s-$TARGETARCH\nARG TARGETPLATFORM TARGETVARIANT\nCOPY a /$TARGETPLATFORM$TARGETVARIANT/a\nARG TARGETSTAGE\nLABEL s=$TARGETSTAGE\n";
    let tree = Tree::new().file("Dockerfile", dockerfile).file("a", "text");
    let built = build(&tree, &[]);
    assert_eq!(built.image().files_below("linux").keys().collect::<Vec<_>>(), [&"amd64/a"]);
    assert!(built.image().paths().contains(&"amd64"));
    assert_eq!(built.image().config["config"]["Labels"]["s"], "default");
    assert!(built.told().unwrap().contains("`TARGETARCH` is `amd64`"), "{}", built.tool.stderr);
    let other = build(&tree, &["--platform=linux/arm64"]);
    assert!(other.image().paths().contains(&"linux/arm64/a") && other.image().paths().contains(&"arm64"));
    let off = build(&tree, &["--fidelity=off"]);
    assert!(off.image.is_err() && off.told().is_none(), "{}", off.tool.stderr);
}

#[test]
#[ignore = "needs root and the executor: scripts/test"]
fn stages_that_are_not_used_are_not_built() {
    let dockerfile = "FROM scratch AS used\nCOPY a /a\nFROM scratch AS unused\nCOPY --from=used /gone /a\nFROM scratch\nCOPY --from=used /a /b\n";
    let tree = Tree::new().file("Dockerfile", dockerfile).file("a", "text");
    let built = build(&tree, &[]);
    assert_eq!(built.image().text("b"), "text");
    assert!(built.told().unwrap().contains("a stage that is not used is skipped"));
    let off = build(&tree, &["--fidelity=off"]);
    assert!(off.image.is_err(), "{:?}", off.told());
}

/// In a shell of its own: `/bin/sh` is busybox.
fn with_shell(dockerfile: &str) -> Tree {
    let tree = Tree::new().file("Dockerfile", format!("FROM scratch\nCOPY bin /bin\n{dockerfile}"));
    let path = tree.write("bin/busybox", busybox());
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    tree.link("bin/sh", "busybox").link("bin/cat", "busybox").link("bin/env", "busybox")
}

#[test]
#[ignore = "needs root and the executor: scripts/test"]
fn files_in_the_dockerfile_are_in_the_image_and_nowhere_else() {
    let dockerfile = "FROM scratch\nENV A=1\nWORKDIR /w\nCOPY --chmod=600 <<EOF /o\n$A \\$A \"${B:-b}\"\nEOF\n\
        COPY . /all/\nCOPY <<-'ONE' a <<TWO d/\n\t$A\nONE\ntwo\nTWO\nADD <<EOF sub/\nadd\nEOF\n";
    let tree = Tree::new().file("Dockerfile", dockerfile).file("a", "text").file("inline/1/EOF", "the user's");
    for transport in ["exec", "stdin"] {
        let built = build(&tree, &[&*format!("--transport={transport}")]);
        let image = built.image();
        assert_eq!(image.text("o"), "1 $A \"b\"\n");
        assert!(matches!(image.node("o"), Node::File { mode: 0o600, uid: 0, .. }));
        let of_w = image.files_below("w");
        let text = |path: &str| str::from_utf8(of_w[path]).unwrap();
        assert_eq!([text("d/ONE"), text("d/TWO"), text("d/a"), text("sub/EOF")], ["$A\n", "two\n", "text", "add\n"]);
        let all: Vec<_> = image.files_below("all").into_keys().collect();
        assert_eq!(all, ["Dockerfile", "a", "inline/1/EOF"]);
        assert_eq!(image.paths().iter().filter(|path| path.contains("inline")).count(), 3);
        assert!(built.told().unwrap().contains("repaired 3 differences"), "{}", built.tool.stderr);
    }
    let off = build(&tree, &["--fidelity=off", "--no-check"]);
    assert!(off.image.unwrap_err().contains("resolved envs is empty"));
}

#[test]
#[ignore = "needs root and the executor: scripts/test"]
fn texts_are_run() {
    let dockerfile = "ENV A=1\nARG B=2\nUSER 5:5\nUSER 0\nRUN <<EOF\n# a comment\nset -eu\necho \"$A$B\" 'it'\\''s' \\\n  on > /one\n\nEOF\n\
        RUN cat <<X - <<-'Y' > /two\n$A\nX\n\t$A\n\tY\n\
        RUN <<'PY'\n#!/bin/sh -e\necho script > /three\nPY\n\
        SHELL [\"/bin/busybox\", \"env\", \"C=3\", \"/bin/sh\", \"-c\"]\nRUN <<EOF\necho $C > /four\nEOF\n";
    let built = build(&with_shell(dockerfile), &[]);
    let image = built.image();
    assert_eq!(image.text("one"), "12 it's on\n");
    assert_eq!(image.text("two"), "$A\n");
    assert_eq!([image.text("three"), image.text("four")], ["script\n", "3\n"]);
    assert_eq!(image.paths().iter().filter(|path| path.contains("inline") || path.contains("kaniko")).count(), 0);
    assert!(built.told().unwrap().contains("repaired 4 differences"), "{}", built.tool.stderr);
}

/// Whose shell it is, the image says.
#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn texts_are_run_and_copied_on_a_base_image() {
    let namespace = Namespace::new();
    let dockerfile = format!(
        "FROM {} AS b\nARG TARGETARCH\nRUN <<EOF\nset -e\nA='it'\\''s'\necho \"$A\" \"$TARGETARCH\" >/one\nEOF\n\
         RUN <<EOF\n#!/bin/sh\necho script >/two\nEOF\nUSER 5\nRUN cat <<EOF >/tmp/three\n$TARGETARCH\nEOF\n\
         FROM b\nENV A=1\nCOPY <<EOF /four\n$A\nEOF\n",
        base_image()
    );
    let tree = Tree::new().file("Dockerfile", dockerfile);
    let finished = namespace.build(&tree).args(&["--platform=linux/amd64"]).run();
    let image = Image::pull(finished.reference());
    let texts = ["one", "two", "tmp/three", "four"].map(|path| image.text(path));
    assert_eq!(texts, ["it's amd64\n", "script\n", "amd64\n", "1\n"]);
    assert!(!image.paths().iter().any(|path| path.contains("inline")));
}

#[test]
#[ignore = "needs root and the executor: scripts/test"]
fn symlinks_that_are_named_are_followed_within_the_context() {
    let dockerfile = "FROM scratch\nCOPY l /o\nCOPY --chmod=600 c/g* x /g/\nCOPY ld /d/\nADD etc/hosts /hosts\nCOPY kept /kept\nCOPY kept/k k\n";
    let tree = Tree::new()
        .file("Dockerfile", dockerfile)
        .executable("releases/7/run", "run it")
        .file("releases/7/a", "a of 7")
        .file("x", "x")
        .file("conf/hosts", "the context's")
        .file("kept/a", "a")
        .file("c/z", "z");
    let tree = tree
        .link("l", "releases/7/run")
        .link("c/g1", "../x")
        .link("ld", "/releases/7")
        .link("releases/7/b", "a")
        .link("etc", "/conf")
        .link("kept/l", "/gone")
        .link("kept/k", "a");
    let built = build(&tree, &[]);
    let image = built.image();
    assert!(matches!(image.node("o"), Node::File { mode: 0o755, content, .. } if content == b"run it"));
    assert!(matches!(image.node("g/g1"), Node::File { mode: 0o600, content, .. } if content == b"x"));
    let of_d: Vec<_> = image.paths().into_iter().filter(|path| path.starts_with("d/")).collect();
    assert_eq!(of_d, ["d/a", "d/b", "d/run"]);
    assert_eq!(image.node("d"), &Node::Directory { mode: 0o755 });
    assert_eq!(image.node("d/b"), &Node::Link { target: "a".to_owned() });
    assert_eq!(image.text("hosts"), "the context's");
    assert_eq!(image.node("kept/l"), &Node::Link { target: "/gone".to_owned() });
    assert_eq!((image.node("kept/k"), image.text("k")), (&Node::Link { target: "a".to_owned() }, "a"));
    assert!(built.told().unwrap().contains("repaired 5 differences"), "{}", built.tool.stderr);
    assert!(!built.tool.stderr.contains("copy-source-symlink"), "{}", built.tool.stderr);
    let off = build(&tree, &["--fidelity=off", "--no-check"]);
    assert!(off.image.is_err(), "{}", off.tool.stderr);
}

/// Nobody has it at hand: what it is given is all there is to see.
#[test]
fn the_forks_switches_are_in_its_environment() {
    let tree = Tree::new().file("Dockerfile", "FROM scratch\nUSER 5\nCOPY a /a\n").file("a", "a");
    let manifest = |arguments: &[&str]| {
        let tool = Tool::new(&["manifest", "--no-push", "-o", "json"]).args(arguments).within(tree.path()).run();
        let pod: Value = serde_json::from_str(tool.stdout()).unwrap();
        pod["spec"]["containers"][0]["env"]
            .as_array()
            .unwrap()
            .iter()
            .map(|set| set["name"].clone())
            .collect::<Vec<_>>()
    };
    let fork = "--executor-image=ghcr.io/osscontainertools/kaniko:v1.28.3";
    assert_eq!(manifest(&[fork]), ["container", "FF_KANIKO_COPY_AS_ROOT"]);
    assert_eq!(manifest(&[fork, "--fidelity=off"]), ["container"]);
    assert_eq!(manifest(&[]), ["container"]);
    let double = Double::start(vec![]);
    double.build(&tree).args(&[fork]).run();
    assert_eq!(double.executor().unwrap().environment["FF_KANIKO_COPY_AS_ROOT"], "1");
}

/// What a program makes of bytes.
fn piped(program: &str, bytes: &[u8]) -> Vec<u8> {
    let mut input = tempfile::tempfile().unwrap();
    input.write_all(bytes).unwrap();
    std::io::Seek::rewind(&mut input).unwrap();
    Command::new(program).arg("-c").stdin(input).output().unwrap().stdout
}

#[test]
#[ignore = "needs root and the executor: scripts/test"]
fn compressed_files_are_copied_and_archives_unpacked_whatever_they_are_compressed_with() {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(4);
    header.set_mode(0o640);
    archive.append_data(&mut header, "in/side", &b"text"[..]).unwrap();
    let archive = archive.into_inner().unwrap();
    let dockerfile =
        "FROM scratch\nADD --chmod=600 dump.gz /dump\nADD t.tar.xz /xz/\nADD d/t.tar.zst plain.xz t.tar.gz /more/\n";
    let dump = piped("gzip", b"no archive");
    let tree = Tree::new()
        .file("Dockerfile", dockerfile)
        .file("dump.gz", &dump)
        .file("plain.xz", piped("xz", b"no archive"))
        .file("t.tar.gz", piped("gzip", &archive))
        .file("t.tar.xz", piped("xz", &archive))
        .file("d/t.tar.zst", piped("zstd", &archive));
    for transport in ["exec", "stdin"] {
        let built = build(&tree, &[&*format!("--transport={transport}")]);
        let image = built.image();
        assert!(matches!(image.node("dump"), Node::File { mode: 0o600, .. }));
        assert_eq!(image.content("dump"), dump);
        assert_eq!(image.content("more/plain.xz"), piped("xz", b"no archive"));
        for path in ["xz/in/side", "more/in/side"] {
            assert!(matches!(image.node(path), Node::File { mode: 0o640, content, .. } if content == b"text"));
        }
        assert_eq!(image.paths().iter().filter(|path| path.contains("t.tar")).count(), 0);
        assert!(built.told().unwrap().contains("repaired 4 differences"), "{}", built.tool.stderr);
    }
    let of_archive = Command::new("tar").arg("-C").arg(tree.path()).args(["-c", "."]).output().unwrap().stdout;
    let double = Double::start(vec![]);
    let tool = double.build_on_stdin().input(of_archive).run();
    let image = double.executor().map(|started| run(&started, false));
    assert_eq!(image.unwrap_or(Err(tool.stderr)).unwrap().text("xz/in/side"), "text");
    let off = build(&tree, &["--fidelity=off"]);
    assert!(off.image.unwrap_err().contains("unpacking local tar"));
}

#[test]
#[ignore = "needs root and the executor: scripts/test"]
fn a_directory_that_is_a_source_hands_on_no_mode() {
    let dockerfile = "FROM scratch\nCOPY d /o\nCOPY e/ /p/\nCOPY t /t\n";
    let tree = Tree::new().file("Dockerfile", dockerfile).file("d/a", "a").file("e/s/b", "b").file("t/s/c", "c");
    for (path, mode) in [("d", 0o700), ("e", 0o2750), ("e/s", 0o700), ("t/s", 0o711)] {
        fs::set_permissions(tree.path().join(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    let built = build(&tree, &[]);
    let modes = ["o", "p", "p/s", "t", "t/s"].map(|path| match built.image().node(path) {
        Node::Directory { mode } => *mode,
        other => panic!("{path} is {other:?}"),
    });
    assert_eq!(modes, [0o755, 0o755, 0o700, 0o755, 0o711]);
    assert!(built.told().unwrap().contains("repaired 2 differences"), "{}", built.tool.stderr);
}

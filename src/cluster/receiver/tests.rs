//! The scripts as the pod runs them: under busybox's shell with nothing but busybox's tools, and, since a helper image
//! may be another one, under this machine's `sh`.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use flate2::write::GzEncoder;

use super::*;

/// A directory with busybox's tools and no others; made once.
fn busybox() -> &'static Path {
    static TOOLS: OnceLock<tempfile::TempDir> = OnceLock::new();
    let tools = TOOLS.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        let installed = Command::new("busybox").args(["--install", "-s"]).arg(directory.path()).status();
        assert!(installed.expect("busybox is needed: scripts/test installs it").success());
        directory
    });
    tools.path()
}

#[derive(Clone, Copy, Debug)]
enum Shell {
    Busybox,
    Host,
}

impl Shell {
    fn command(self, script: &[String], volume: &Path) -> Command {
        let mut command = match self {
            Self::Busybox => {
                let mut command = Command::new(busybox().join("sh"));
                command.env("PATH", busybox());
                command
            }
            Self::Host => Command::new("sh"),
        };
        // The volume's path is the only thing that differs from the pod.
        let mut script = script.to_vec();
        assert_eq!(std::mem::replace(&mut script[4], volume.to_str().unwrap().to_owned()), CONTEXT_VOLUME);
        command.args(&script[1..]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

const ENTRIES: u64 = 5;

const GZIP: Compression = Compression::Gzip(1);

/// A small archive, as `build` sends it.
fn archive(compression: Compression) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut add = |name: &str, kind, content: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(0o755);
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, name, content).unwrap();
    };
    add("context/", tar::EntryType::Directory, b"");
    add("context/a", tar::EntryType::Regular, b"content of a");
    add("context/new\nline", tar::EntryType::Regular, b"x");
    add("Dockerfile", tar::EntryType::Regular, b"FROM scratch\n");
    add("Dockerfile.dockerignore", tar::EntryType::Regular, b"");
    let plain = tar.into_inner().unwrap();
    match compression {
        Compression::None => plain,
        Compression::Auto => unreachable!("no test sends it"),
        Compression::Gzip(level) => {
            let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::new(level.into()));
            gzip.write_all(&plain).unwrap();
            gzip.finish().unwrap()
        }
    }
}

/// What goes to the receiver. A plain archive is framed at its records, so that cuts fall on entries too.
fn stream(nonce: &Nonce, compression: Compression, entries: u64) -> Vec<u8> {
    let frame = if compression == Compression::None { 512 } else { 64 };
    let mut framing = Framing::default();
    let mut stream = Vec::new();
    for frame in archive(compression).chunks(frame) {
        stream.extend_from_slice(framing.header(frame).as_bytes());
        stream.extend_from_slice(frame);
    }
    stream.extend_from_slice(framing.end_marker(nonce, entries).as_bytes());
    stream
}

struct Received {
    volume: tempfile::TempDir,
    output: Output,
}

impl Received {
    fn released(&self, nonce: &Nonce) -> bool {
        self.file(&format!(".whole-{}", nonce.as_str())).exists()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.volume.path().join(name)
    }

    fn code(&self) -> i32 {
        self.output.status.code().unwrap()
    }

    fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }
}

fn receive(shell: Shell, nonce: &Nonce, compression: Compression, input: &[u8]) -> Received {
    let volume = tempfile::tempdir().unwrap();
    let script = receive_command(nonce, compression);
    let mut child = shell.command(&script, volume.path()).spawn().unwrap();
    // It may end before it has read everything: that is for the assertions to judge.
    let _ = child.stdin.take().unwrap().write_all(input);
    Received { output: child.wait_with_output().unwrap(), volume }
}

#[test]
fn a_whole_upload_is_released_and_nothing_else_is_left_behind() {
    for shell in [Shell::Busybox, Shell::Host] {
        let nonce = Nonce::random();
        let received = receive(shell, &nonce, GZIP, &stream(&nonce, GZIP, ENTRIES));
        assert_eq!(received.code(), 0, "{shell:?}: {}", received.stderr());
        let replies: Vec<_> = received
            .output
            .stdout
            .split_inclusive(|byte| *byte == b'\n')
            .map(|line| Reply::parse(line, &nonce))
            .collect();
        assert_eq!(replies, [Some(Reply::Ready), Some(Reply::Whole)]);
        assert_eq!(fs::read(received.file("context/a")).unwrap(), b"content of a");
        let mut left: Vec<_> = fs::read_dir(received.volume.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        let whole = format!(".whole-{}", nonce.as_str());
        assert_eq!(left, [whole.as_str(), "Dockerfile", "Dockerfile.dockerignore", "context"]);
    }
}

/// Where to cut: at every byte, or, in an archive of thousands, around every frame's end and at some between.
fn cuts(stream: &[u8]) -> Vec<usize> {
    if stream.len() < 2000 {
        return (0..stream.len()).collect();
    }
    let ends = stream.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at);
    let mut cuts: Vec<usize> = ends.flat_map(|end| [end, end + 1]).chain((0..stream.len()).step_by(211)).collect();
    cuts.retain(|cut| *cut < stream.len());
    cuts
}

#[test]
fn an_upload_cut_anywhere_is_never_released() {
    for (shell, compression) in
        [(Shell::Busybox, GZIP), (Shell::Busybox, Compression::None), (Shell::Host, Compression::None)]
    {
        let nonce = Nonce::random();
        let stream = stream(&nonce, compression, ENTRIES);
        for cut in cuts(&stream) {
            let received = receive(shell, &nonce, compression, &stream[..cut]);
            let case = format!("{shell:?} {compression:?} cut at {cut} of {}: {}", stream.len(), received.stderr());
            assert!(!received.released(&nonce), "{case}");
            assert_eq!(received.code(), 75, "{case}");
            assert!(!received.file("context").exists() && !received.file("Dockerfile").exists(), "{case}");
        }
    }
}

#[test]
fn an_upload_with_any_byte_changed_is_never_released() {
    let nonce = Nonce::random();
    let stream = stream(&nonce, GZIP, ENTRIES);
    for at in (0..stream.len()).step_by(3) {
        let mut changed = stream.clone();
        changed[at] ^= 0x08;
        let received = receive(Shell::Busybox, &nonce, GZIP, &changed);
        assert!(!received.released(&nonce), "changed at {at} of {}", stream.len());
    }
}

#[test]
fn the_end_marker_of_another_upload_releases_nothing() {
    let (nonce, other) = (Nonce::random(), Nonce::random());
    let received = receive(Shell::Busybox, &nonce, GZIP, &stream(&other, GZIP, ENTRIES));
    assert!(!received.released(&nonce) && !received.released(&other));
    assert_eq!((received.code(), received.stderr().as_str()), (65, "end marker is of another upload\n"));
}

#[test]
fn a_wrong_count_of_entries_releases_nothing() {
    let nonce = Nonce::random();
    let received = receive(Shell::Busybox, &nonce, GZIP, &stream(&nonce, GZIP, ENTRIES + 1));
    assert!(!received.released(&nonce));
    assert_eq!((received.code(), received.stderr().as_str()), (65, "sent 6 entries, unpacked 5\n"));
}

#[test]
fn a_missing_frame_releases_nothing() {
    let nonce = Nonce::random();
    let whole = stream(&nonce, GZIP, ENTRIES);
    let line = whole.iter().position(|byte| *byte == b'\n').unwrap();
    let second = &whole[line + 1 + 64..];
    let received = receive(Shell::Busybox, &nonce, GZIP, second);
    assert!(!received.released(&nonce));
}

/// While input waits to be read the exit code may not reach the other side; this reply does.
#[test]
fn a_receiver_that_gives_up_says_so_while_the_input_is_still_open() {
    let tools = tempfile::tempdir().unwrap();
    let tar = tools.path().join("tar");
    fs::write(&tar, "#!/bin/sh\nhead -c 1000 >/dev/null\nexit 9\n").unwrap();
    fs::set_permissions(&tar, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let nonce = Nonce::random();
    let volume = tempfile::tempdir().unwrap();
    let path = format!("{}:{}", tools.path().display(), std::env::var("PATH").unwrap());
    let mut child = Shell::Host
        .command(&receive_command(&nonce, Compression::None), volume.path())
        .env("PATH", path)
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let frame = vec![b'\n'; 1 << 20];
    let mut framing = Framing::default();
    let mut written = 0;
    for _ in 0..64 {
        let sent = stdin.write_all(framing.header(&frame).as_bytes()).and_then(|()| stdin.write_all(&frame));
        if sent.is_err() {
            break;
        }
        written += 1;
    }
    assert!(written < 64, "it went on reading what it could not use");
    let output = child.wait_with_output().unwrap();
    let last = output.stdout.split(|byte| *byte == b'\n').filter_map(|line| Reply::parse(line, &nonce)).next_back();
    assert_eq!(last, Some(Reply::Failed(74)));
    assert!(String::from_utf8_lossy(&output.stderr).contains("tar ended with 9"));
    drop(stdin);
}

#[test]
fn a_volume_that_cannot_be_written_is_named() {
    let nonce = Nonce::random();
    let script = receive_command(&nonce, GZIP);
    let output = Shell::Busybox.command(&script, Path::new("/nowhere")).output().unwrap();
    assert_eq!(output.status.code(), Some(74));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write to /nowhere"));
}

fn wait_for_context(volume: &Path, nonce: &Nonce, idle_seconds: &str) -> Child {
    let mut script = wait_command(nonce);
    script[6] = idle_seconds.to_owned();
    Shell::Busybox.command(&script, volume).spawn().unwrap()
}

/// The exit code, if it ends within five seconds.
fn ended(mut child: Child) -> Option<i32> {
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(5) {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    None
}

#[test]
fn the_waiter_ends_when_its_own_upload_is_released() {
    let (nonce, other) = (Nonce::random(), Nonce::random());
    let volume = tempfile::tempdir().unwrap();
    let mut waiter = wait_for_context(volume.path(), &nonce, "60");
    fs::write(volume.path().join(format!(".whole-{}", other.as_str())), "").unwrap();
    std::thread::sleep(Duration::from_millis(400));
    assert!(waiter.try_wait().unwrap().is_none(), "another upload's release counts for nothing");
    fs::write(volume.path().join(format!(".whole-{}", nonce.as_str())), "").unwrap();
    assert_eq!(ended(waiter), Some(0));
}

#[test]
fn the_waiter_ends_by_itself_when_no_upload_comes() {
    let nonce = Nonce::random();
    let volume = tempfile::tempdir().unwrap();
    assert_eq!(ended(wait_for_context(volume.path(), &nonce, "1")), Some(75));
}

#[test]
fn the_waiter_does_not_end_while_an_upload_is_under_way() {
    let nonce = Nonce::random();
    let volume = tempfile::tempdir().unwrap();
    fs::create_dir(volume.path().join(format!(".part-{}", nonce.as_str()))).unwrap();
    assert_eq!(ended(wait_for_context(volume.path(), &nonce, "1")), None, "five times as long as without an upload");
}

#[test]
fn replies_of_another_upload_and_noise_are_no_replies() {
    let nonce = Nonce::random();
    let own = format!("ready {}\n", nonce.as_str());
    assert_eq!(Reply::parse(own.as_bytes(), &nonce), Some(Reply::Ready));
    assert_eq!(Reply::parse(own.as_bytes(), &Nonce::random()), None);
    for noise in [&b""[..], b"\n", b"ready", b"whole 0", b"\xff\xfe \n"] {
        assert_eq!(Reply::parse(noise, &nonce), None);
    }
}

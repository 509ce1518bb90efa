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

/// A small archive, as `build` sends it.
fn archive() -> Vec<u8> {
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
    tar.into_inner().unwrap()
}

/// What travels of one coding, or of both in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frames {
    Gzip,
    Plain,
    Mixed,
}

/// What goes to the receiver. Frames are cut at the records of the archive, so that cuts fall on entries too.
fn stream(attempt: &Attempt, frames: Frames, entries: u64) -> Vec<u8> {
    let mut framing = Framing::default();
    let mut stream = Vec::new();
    let record = if frames == Frames::Plain { 512 } else { 2048 };
    for (number, records) in archive().chunks(record).enumerate() {
        let (coding, frame) = match frames {
            Frames::Mixed if number % 2 == 0 => (Coding::Plain, records.to_vec()),
            Frames::Plain => (Coding::Plain, records.to_vec()),
            Frames::Mixed | Frames::Gzip => {
                let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::new(9));
                gzip.write_all(records).unwrap();
                (Coding::Gzip, gzip.finish().unwrap())
            }
        };
        stream.extend_from_slice(framing.header(coding, &frame).as_bytes());
        stream.extend_from_slice(&frame);
    }
    stream.extend_from_slice(framing.end_marker(attempt, entries).as_bytes());
    stream
}

struct Received {
    volume: tempfile::TempDir,
    output: Output,
}

impl Received {
    fn released(&self, attempt: &Attempt) -> bool {
        self.file(&format!(".whole-{}", attempt.nonce.as_str())).exists()
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

fn receive(shell: Shell, attempt: &Attempt, input: &[u8]) -> Received {
    receive_into(tempfile::tempdir().unwrap(), shell, attempt, input)
}

fn receive_into(volume: tempfile::TempDir, shell: Shell, attempt: &Attempt, input: &[u8]) -> Received {
    let script = receive_command(attempt);
    let mut child = shell.command(&script, volume.path()).spawn().unwrap();
    // It may end before it has read everything: that is for the assertions to judge.
    let _ = child.stdin.take().unwrap().write_all(input);
    Received { output: child.wait_with_output().unwrap(), volume }
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = entries.collect();
    names.sort();
    names
}

fn replies(output: &Output, attempt: &Attempt) -> Vec<Option<Reply>> {
    output.stdout.split_inclusive(|byte| *byte == b'\n').map(|line| Reply::parse(line, attempt)).collect()
}

#[test]
fn a_whole_upload_is_released_and_nothing_else_is_left_behind() {
    for (shell, frames) in [
        (Shell::Busybox, Frames::Gzip),
        (Shell::Busybox, Frames::Plain),
        (Shell::Busybox, Frames::Mixed),
        (Shell::Host, Frames::Mixed),
    ] {
        let attempt = Nonce::random().attempt(1);
        let received = receive(shell, &attempt, &stream(&attempt, frames, ENTRIES));
        assert_eq!(received.code(), 0, "{shell:?} {frames:?}: {}", received.stderr());
        assert_eq!(replies(&received.output, &attempt), [Some(Reply::Ready), Some(Reply::Whole)]);
        assert_eq!(fs::read(received.file("context/a")).unwrap(), b"content of a");
        let nonce = attempt.nonce.as_str();
        let own = [".claim", ".progress", ".whole"].map(|name| format!("{name}-{nonce}"));
        let expected: Vec<&str> =
            own.iter().map(String::as_str).chain(["Dockerfile", "Dockerfile.dockerignore", "context"]).collect();
        assert_eq!(names(received.volume.path()), expected);
    }
}

/// What a server does that has not noticed yet that the connection is dead.
#[test]
fn an_attempt_beside_one_that_hangs_is_released_alone_and_the_other_changes_nothing_any_more() {
    let nonce = Nonce::random();
    let (first, second) = (nonce.attempt(1), nonce.attempt(2));
    let volume = tempfile::tempdir().unwrap();
    let mut hanging = Shell::Busybox.command(&receive_command(&first), volume.path()).spawn().unwrap();
    let mut input = hanging.stdin.take().unwrap();
    let whole = stream(&first, Frames::Mixed, ENTRIES);
    let (early, late) = whole.split_at(whole.len() / 2);
    input.write_all(early).unwrap();

    let received = receive_into(volume, Shell::Busybox, &second, &stream(&second, Frames::Mixed, ENTRIES));
    assert_eq!(received.code(), 0, "{}", received.stderr());
    fs::write(received.file("context/a"), "the executor is at work").unwrap();
    input.write_all(late).unwrap();
    drop(input);
    let output = hanging.wait_with_output().unwrap();
    assert_eq!(replies(&output, &first).last(), Some(&Some(Reply::Whole)), "it learns that the context is there");
    assert_eq!(fs::read(received.file("context/a")).unwrap(), b"the executor is at work");
}

#[test]
fn an_attempt_after_the_release_is_told_so_at_once() {
    let nonce = Nonce::random();
    let received = receive(Shell::Busybox, &nonce.attempt(1), &stream(&nonce.attempt(1), Frames::Gzip, ENTRIES));
    let again = receive_into(received.volume, Shell::Busybox, &nonce.attempt(2), b"");
    assert_eq!((again.code(), replies(&again.output, &nonce.attempt(2))), (0, vec![Some(Reply::Whole)]));
}

#[test]
fn nothing_of_a_cut_attempt_is_in_the_next() {
    let nonce = Nonce::random();
    let cut = stream(&nonce.attempt(1), Frames::Plain, ENTRIES);
    let volume = receive(Shell::Busybox, &nonce.attempt(1), &cut[..cut.len() - 10]).volume;
    fs::write(volume.path().join("stray"), "").unwrap();
    let received =
        receive_into(volume, Shell::Busybox, &nonce.attempt(2), &stream(&nonce.attempt(2), Frames::Gzip, ENTRIES));
    assert_eq!(received.code(), 0, "{}", received.stderr());
    assert_eq!(names(&received.file("context")), ["a", "new\nline"]);
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
    for (shell, frames) in
        [(Shell::Busybox, Frames::Gzip), (Shell::Busybox, Frames::Plain), (Shell::Host, Frames::Mixed)]
    {
        let attempt = Nonce::random().attempt(1);
        let stream = stream(&attempt, frames, ENTRIES);
        for cut in cuts(&stream) {
            let received = receive(shell, &attempt, &stream[..cut]);
            let case = format!("{shell:?} {frames:?} cut at {cut} of {}: {}", stream.len(), received.stderr());
            assert!(!received.released(&attempt), "{case}");
            assert_eq!(received.code(), 75, "{case}");
            assert!(!received.file("context").exists() && !received.file("Dockerfile").exists(), "{case}");
        }
    }
}

#[test]
fn an_upload_with_any_byte_changed_is_never_released() {
    for frames in [Frames::Gzip, Frames::Plain] {
        let attempt = Nonce::random().attempt(1);
        let stream = stream(&attempt, frames, ENTRIES);
        let step = stream.len() / 300 + 1;
        for at in (0..stream.len()).step_by(step) {
            let mut changed = stream.clone();
            changed[at] ^= 0x08;
            let received = receive(Shell::Busybox, &attempt, &changed);
            assert!(!received.released(&attempt), "{frames:?} changed at {at} of {}", stream.len());
        }
    }
}

#[test]
fn the_end_marker_of_another_upload_releases_nothing() {
    let (attempt, other) = (Nonce::random().attempt(1), Nonce::random().attempt(1));
    let received = receive(Shell::Busybox, &attempt, &stream(&other, Frames::Gzip, ENTRIES));
    assert!(!received.released(&attempt) && !received.released(&other));
    assert_eq!((received.code(), received.stderr().as_str()), (65, "end marker is of another upload\n"));
}

#[test]
fn a_wrong_count_of_entries_releases_nothing() {
    let attempt = Nonce::random().attempt(1);
    let received = receive(Shell::Busybox, &attempt, &stream(&attempt, Frames::Gzip, ENTRIES + 1));
    assert!(!received.released(&attempt));
    assert_eq!((received.code(), received.stderr().as_str()), (65, "sent 6 entries, unpacked 5\n"));
}

#[test]
fn a_missing_frame_releases_nothing() {
    let attempt = Nonce::random().attempt(1);
    let whole = stream(&attempt, Frames::Plain, ENTRIES);
    let line = whole.iter().position(|byte| *byte == b'\n').unwrap();
    let second = &whole[line + 1 + 512..];
    let received = receive(Shell::Busybox, &attempt, second);
    assert!(!received.released(&attempt));
}

/// While input waits to be read the exit code may not reach the other side; this reply does.
#[test]
fn a_receiver_that_gives_up_says_so_while_the_input_is_still_open() {
    let tools = tempfile::tempdir().unwrap();
    let tar = tools.path().join("tar");
    fs::write(&tar, "#!/bin/sh\nhead -c 1000 >/dev/null\nexit 9\n").unwrap();
    fs::set_permissions(&tar, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let attempt = Nonce::random().attempt(1);
    let volume = tempfile::tempdir().unwrap();
    let path = format!("{}:{}", tools.path().display(), std::env::var("PATH").unwrap());
    let mut child = Shell::Host.command(&receive_command(&attempt), volume.path()).env("PATH", path).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let frame = vec![b'\n'; 1 << 20];
    let mut framing = Framing::default();
    let mut written = 0;
    for _ in 0..64 {
        let sent =
            stdin.write_all(framing.header(Coding::Plain, &frame).as_bytes()).and_then(|()| stdin.write_all(&frame));
        if sent.is_err() {
            break;
        }
        written += 1;
    }
    assert!(written < 64, "it went on reading what it could not use");
    let output = child.wait_with_output().unwrap();
    assert_eq!(replies(&output, &attempt).last(), Some(&Some(Reply::Failed(74))));
    assert!(String::from_utf8_lossy(&output.stderr).contains("tar ended with 9"));
    drop(stdin);
}

#[test]
fn a_volume_that_cannot_be_written_is_named() {
    let script = receive_command(&Nonce::random().attempt(1));
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
fn the_waiter_does_not_end_while_frames_arrive_and_ends_when_they_stop() {
    let nonce = Nonce::random();
    let volume = tempfile::tempdir().unwrap();
    let mut waiter = wait_for_context(volume.path(), &nonce, "1");
    for frame in 0..15 {
        fs::write(volume.path().join(format!(".progress-{}", nonce.as_str())), format!("{frame}\n")).unwrap();
        std::thread::sleep(Duration::from_millis(200));
        assert!(waiter.try_wait().unwrap().is_none(), "after {frame} frames");
    }
    assert_eq!(ended(waiter), Some(75));
}

/// The init container whose own standard input is the upload.
fn wait_and_receive(attempt: &Attempt, input: &[u8]) -> Received {
    let volume = tempfile::tempdir().unwrap();
    let mut child = Shell::Busybox.command(&wait_and_receive_command(attempt), volume.path()).spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(input);
    Received { output: child.wait_with_output().unwrap(), volume }
}

#[test]
fn a_waiter_that_receives_ends_as_its_upload_does() {
    let attempt = Nonce::random().attempt(1);
    let whole = stream(&attempt, Frames::Mixed, ENTRIES);
    let received = wait_and_receive(&attempt, &whole);
    assert_eq!((received.code(), received.released(&attempt)), (0, true), "{}", received.stderr());
    assert_eq!(fs::read(received.file("context/a")).unwrap(), b"content of a");
    assert!(received.output.stdout.is_empty(), "the container's log has nothing but its complaints");
    for cut in [0, 1, whole.len() / 2, whole.len() - 1] {
        let received = wait_and_receive(&attempt, &whole[..cut]);
        assert_eq!((received.code(), received.released(&attempt)), (75, false), "cut at {cut}");
        assert!(received.stderr().ends_with("upload was cut off\n"), "cut at {cut}: {}", received.stderr());
    }
}

#[test]
fn replies_of_another_upload_and_noise_are_no_replies() {
    let nonce = Nonce::random();
    let attempt = nonce.attempt(1);
    let own = format!("ready {}\n", attempt.name);
    assert_eq!(Reply::parse(own.as_bytes(), &attempt), Some(Reply::Ready));
    assert_eq!(Reply::parse(own.as_bytes(), &nonce.attempt(2)), None);
    for noise in [&b""[..], b"\n", b"ready", b"whole 0", b"\xff\xfe \n"] {
        assert_eq!(Reply::parse(noise, &attempt), None);
    }
}

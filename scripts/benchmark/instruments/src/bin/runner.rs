//! Runs one pipeline, reads and throws away what comes out of it, and tells what it cost, as JSON on standard output:
//! `runner PROGRAM ARGUMENT… [| PROGRAM ARGUMENT…]…`, with each `|` an argument of its own.
//!
//! This is a small program of its own because the kernel counts the memory that the *starting* process has resident
//! towards the peak of what it starts (`ru_maxrss` survives exec): started from an interpreter, everything seems to
//! need what the interpreter needs. And it starts, reads and waits without one between the clock and what is measured.

use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};
use std::time::Instant;

/// A pipe holds 64 KiB, so one read never brings more.
const BUFFER: usize = 64 * 1024;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let stages: Vec<&[String]> = arguments.split(|argument| argument == "|").collect();
    if stages.iter().any(|stage| stage.is_empty()) {
        eprintln!("usage: runner PROGRAM ARGUMENT... [| PROGRAM ARGUMENT...]...");
        return ExitCode::from(2);
    }
    match run(&stages) {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("runner: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(stages: &[&[String]]) -> io::Result<String> {
    let mut buffer = vec![0; BUFFER];
    let began = Instant::now();
    let (children, out) = start(stages)?;
    let bytes = drain(out, &mut buffer)?;
    let used = children.iter().map(wait).collect::<io::Result<Vec<_>>>()?;
    let wall = began.elapsed().as_secs_f64();
    let used: Vec<String> = used.iter().map(Used::json).collect();
    Ok(format!(r#"{{"wall": {wall:.6}, "bytes": {bytes}, "stages": [{}]}}"#, used.join(", ")))
}

/// Starts every stage, each reading what the one before it writes; the last one's output is given back.
fn start(stages: &[&[String]]) -> io::Result<(Vec<Child>, Option<ChildStdout>)> {
    let mut children = Vec::new();
    let mut previous: Option<ChildStdout> = None;
    for stage in stages {
        let input = match previous.take() {
            Some(out) => Stdio::from(OwnedFd::from(out)),
            None => Stdio::null(),
        };
        let mut child = Command::new(&stage[0])
            .args(&stage[1..])
            .stdin(input)
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| io::Error::other(format!("{}: {error}", stage[0])))?;
        previous = child.stdout.take();
        children.push(child);
    }
    Ok((children, previous))
}

fn drain(out: Option<ChildStdout>, buffer: &mut [u8]) -> io::Result<u64> {
    let Some(mut out) = out else { return Ok(0) };
    let mut bytes = 0;
    loop {
        match out.read(buffer) {
            Ok(0) => return Ok(bytes),
            Ok(count) => bytes += count as u64,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// What one process used.
struct Used {
    /// Its exit code, or 128 and the number of the signal that ended it, as shells have it.
    code: i32,
    user: f64,
    system: f64,
    peak: i64,
}

impl Used {
    fn json(&self) -> String {
        let Self { code, user, system, peak } = self;
        format!(r#"{{"code": {code}, "user": {user:.6}, "system": {system:.6}, "peak": {peak}}}"#)
    }
}

fn wait(child: &Child) -> io::Result<Used> {
    let pid = libc::pid_t::try_from(child.id()).map_err(io::Error::other)?;
    let mut status = 0;
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: both pointers are valid for writes, and all zeroes is a valid rusage.
    let (waited, usage) = unsafe { (libc::wait4(pid, &raw mut status, 0, usage.as_mut_ptr()), usage.assume_init()) };
    if waited != pid {
        return Err(io::Error::last_os_error());
    }
    let code = match libc::WIFEXITED(status) {
        true => libc::WEXITSTATUS(status),
        false => 128 + libc::WTERMSIG(status),
    };
    let peak = usage.ru_maxrss * 1024;
    Ok(Used { code, user: seconds(usage.ru_utime), system: seconds(usage.ru_stime), peak })
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of one run are far below 2^52")]
fn seconds(time: libc::timeval) -> f64 {
    time.tv_sec as f64 + time.tv_usec as f64 / 1e6
}

//! Runs a credential helper: a program that is asked for the login to a registry on its standard input and answers with
//! JSON (docker/docker-credential-helpers `credentials/credentials.go`).

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::config::Login;

/// Bound on a helper: some ask the user, who may not be there.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked whether it has ended.
const LOOK: Duration = Duration::from_millis(5);
/// Bound on the rest of its complaint once it has ended.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Its word for having none, on standard output (`credentials/error.go`).
const NOT_FOUND: &str = "credentials not found";

/// Why a helper gave no answer. Its standard output may hold a secret and is never told.
#[derive(Debug, thiserror::Error)]
#[error("credential helper `{program}` {why}")]
pub struct HelperError {
    /// The program.
    pub program: String,
    /// What it did instead.
    pub why: String,
    /// Its complaint.
    pub complaint: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// Asks `program` for the login to `server`; none if it has none.
pub(super) async fn get(program: &str, server: &str) -> Result<Option<Login>, HelperError> {
    let (program, server) = (program.to_owned(), server.to_owned());
    match tokio::task::spawn_blocking(move || run(&program, &server, PATIENCE)).await {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

fn run(program: &str, server: &str, patience: Duration) -> Result<Option<Login>, HelperError> {
    let failed = |why: String, complaint: &[u8]| HelperError {
        program: program.to_owned(),
        why,
        complaint: String::from_utf8_lossy(complaint).trim().to_owned(),
    };
    let started = Instant::now();
    let mut child = Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(format!("cannot be run: {error}"), b""))?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that does not listen answers all the same, or fails by itself.
        let _ = stdin.write_all(server.as_bytes());
    }
    // Read beside it: a full pipe would keep it from ending. A program that it leaves behind may keep them open.
    let (stdout, stderr) = (reader(child.stdout.take()), reader(child.stderr.take()));
    let status = loop {
        match child.try_wait() {
            Ok(None) if started.elapsed() < patience => std::thread::sleep(LOOK),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(failed(format!("did not answer within {} s", patience.as_secs()), b""));
            }
            Ok(Some(status)) => break status,
            Err(error) => return Err(failed(format!("cannot be waited for: {error}"), b"")),
        }
    };
    let rest = || patience.saturating_sub(started.elapsed());
    let stdout = stdout.recv_timeout(rest()).unwrap_or_default();
    let stderr = stderr.recv_timeout(rest().min(LAST_WORDS)).unwrap_or_default();
    if String::from_utf8_lossy(&stdout).contains(NOT_FOUND) {
        return Ok(None);
    }
    if !status.success() {
        return Err(failed(format!("failed for `{server}` with {status}"), &stderr));
    }
    match serde_json::from_slice::<Answer>(&stdout) {
        Ok(answer) if answer.username.is_empty() && answer.secret.is_empty() => Ok(None),
        Ok(answer) => Ok(Some(Login::new(&answer.username, &answer.secret))),
        Err(_) => Err(failed(format!("gave no answer for `{server}` that can be read"), &stderr)),
    }
}

fn reader(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut text = Vec::new();
        // What was read until it broke is what there is; nobody may be left to want it.
        let _ = pipe.map(|mut pipe| pipe.read_to_end(&mut text));
        let _ = sender.send(text);
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a helper that runs this shell script gives for `r.example.com`: the login, or why not and its complaint.
    fn answer(script: &str) -> Result<Option<Login>, (String, String)> {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("docker-credential-fake");
        // Written by another process: a file that this one has open cannot be run by what another thread forks.
        let write = r#"printf '#!/bin/sh\n%s\n' "$1" >"$0" && chmod 755 "$0""#;
        assert!(Command::new("sh").args(["-c", write]).arg(&program).arg(script).status().unwrap().success());
        run(program.to_str().unwrap(), "r.example.com", Duration::from_secs(2))
            .map_err(|error| (error.why, error.complaint))
    }

    #[test]
    fn a_helper_is_told_the_registry_and_gives_a_login() {
        let script = r#"[ "$1" = get ] && printf '{"Username": "%s", "Secret": "s"}' "$(cat)""#;
        assert_eq!(answer(script), Ok(Some(Login::new("r.example.com", "s"))));
        let token = r#"echo '{"ServerURL": "r", "Username": "<token>", "Secret": "t"}'"#;
        assert_eq!(answer(token), Ok(Some(Login::IdentityToken("t".into()))));
    }

    #[test]
    fn no_login_is_no_failure() {
        assert_eq!(answer("echo credentials not found in native keychain; exit 1"), Ok(None));
        assert_eq!(answer(r#"echo '{"Username": "", "Secret": ""}'"#), Ok(None));
    }

    #[test]
    fn a_failure_tells_the_complaint_and_never_the_output() {
        for (script, why, complaint) in [
            ("echo hush; echo no vault >&2; exit 3", "failed for `r.example.com` with exit status: 3", "no vault"),
            ("echo hush; exit 3", "failed for `r.example.com` with exit status: 3", ""),
            ("echo hush", "gave no answer for `r.example.com` that can be read", ""),
        ] {
            assert_eq!(answer(script), Err((why.to_owned(), complaint.to_owned())), "{script}");
        }
    }

    #[test]
    fn a_helper_that_hangs_is_ended_and_what_it_leaves_behind_is_not_waited_for() {
        let started = Instant::now();
        assert_eq!(answer("exec sleep 60"), Err(("did not answer within 2 s".to_owned(), String::new())));
        assert!(answer("sleep 60 & exit 3").is_err());
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    }

    #[test]
    fn a_helper_that_is_not_there_is_named() {
        let error = run("docker-credential-that-is-not-there", "r.example.com", PATIENCE).unwrap_err();
        assert!(
            error.to_string().starts_with("credential helper `docker-credential-that-is-not-there` cannot be run: ")
        );
    }
}

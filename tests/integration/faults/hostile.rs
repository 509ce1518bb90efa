//! A server that sends what no server sends: nothing of it commands the terminal, passes for success, or hangs the build.

use super::*;

/// Clipboard, cursor, title, an eight-bit control and a mark that turns the text round.
const ATTACK: &str = "\u{1b}]52;c;aHVzaA==\u{7}\u{1b}[2J\u{1b}[1;1H\u{1b}]0;title\u{1b}\\\u{9b}2J\u{202e}\u{8}WORDS";

#[track_caller]
fn assert_harmless(finished: &Finished, case: &str) {
    let commands = |c: &char| c.is_control() && *c != '\n' || ('\u{202a}'..='\u{202e}').contains(c);
    let found: Vec<char> = finished.stderr.chars().filter(commands).collect();
    assert_eq!(found, Vec::<char>::new(), "{case}: {:?}", finished.stderr);
    assert!(!finished.stderr.contains("aHVzaA"), "{case}: {}", finished.stderr);
    assert!(finished.stderr.contains("WORDS"), "{case}: {}", finished.stderr);
}

fn leaked(bytes: Vec<u8>) -> &'static [u8] {
    Box::leak(bytes.into_boxed_slice())
}

#[test]
fn the_servers_words_do_not_command_the_terminal() {
    let (tree, _) = small();
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": 403,
        "reason": ATTACK, "message": ATTACK,
    })
    .to_string();
    let refusal = format!(
        "HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{status}",
        status.len()
    );
    let refusal = leaked(refusal.into_bytes());
    for ask in [Ask::Create, Ask::List, Ask::Watch, Ask::Exec, Ask::Log, Ask::Delete] {
        let double = Double::start(vec![Fault::always(ask, What::Garbage(refusal))]);
        assert_harmless(&through(double.build(&tree), "exec").run(), &format!("{ask:?}"));
    }
    let said = leaked([&[2, 2], ATTACK.as_bytes()].concat());
    let failure = leaked([&[2, 3], status.as_bytes()].concat());
    for messages in [vec![failure], vec![said, leaked(b"\x02\x03{\"status\":\"Failure\"}".to_vec())]] {
        let double = Double::start(vec![Fault::always(Ask::Exec, What::Messages(Box::leak(messages.into())))]);
        let finished = through(double.build(&tree), "exec").run();
        assert_failed(&double, &finished, 3, "error: ", "exec");
        assert_harmless(&finished, "exec");
    }
}

#[test]
fn broken_frames_break_one_attempt_and_no_more() {
    let (tree, expected) = small();
    let with_length = |length: u64, payload: usize| {
        leaked([&[0x82, 127][..], &length.to_be_bytes(), &[1], &vec![b'x'; payload]].concat())
    };
    for (case, bytes) in [
        ("more than anybody has", with_length(1 << 62, 0)),
        ("the highest bit of a length", with_length(u64::MAX, 0)),
        ("a frame of 20 MiB", with_length(20 << 20, (20 << 20) - 1)),
        ("a reserved opcode", b"\x83\x01x"),
        ("reserved bits", b"\xf2\x01x"),
        ("a continuation of nothing", b"\x80\x01x"),
        ("a masked frame", b"\x82\x81abcdx"),
        ("text that is none", b"\x81\x02\xff\xfe"),
        ("a ping too long for one", leaked([&[0x89, 126, 0, 200][..], &[b'x'; 200]].concat())),
        ("a close of one byte", b"\x88\x01x"),
        ("a close with a reason", b"\x88\x08\x03\xe8\x1b[2Jno"),
    ] {
        let double = Double::start(vec![Fault::once(Ask::Exec, What::Raw(bytes))]);
        let started = Instant::now();
        let finished = double.build(&tree).run();
        assert_built(&double, &finished, &expected, case);
        assert!(!finished.stderr.contains('\u{1b}'), "{case}: {:?}", finished.stderr);
        assert!(double.asked(Ask::Exec) <= 2 && started.elapsed() < Duration::from_secs(20), "{case}");
    }
}

#[test]
fn answers_that_are_none_are_asked_for_again() {
    let (tree, expected) = small();
    const JSON: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
    let answer = |body: &str| leaked(format!("{JSON}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes());
    for ask in [Ask::List, Ask::Watch, Ask::Exec, Ask::Log, Ask::Delete] {
        for garbage in [
            answer("not json!"),
            answer("{}"),
            answer("null"),
            answer(r#"{"kind": "PodList", "apiVersion": "v1", "items": [{"spec": 7}]}"#),
            // Less than it promises.
            leaked(format!("{JSON}Content-Length: 900\r\n\r\n{{\"kind\"").into_bytes()),
            leaked(format!("{JSON}Transfer-Encoding: chunked\r\n\r\nzz\r\n{{}}\r\n").into_bytes()),
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        ] {
            // Any object with 200 says that it is deleted.
            if ask == Ask::Delete && garbage.ends_with(b"}") && garbage.starts_with(JSON.as_bytes()) {
                continue;
            }
            let double = Double::start(vec![Fault::once(ask, What::Garbage(garbage))]);
            let finished = double.build(&tree).args(&["--timeout", "60s"]).run();
            let case = format!("{ask:?}: {}", String::from_utf8_lossy(garbage));
            assert_eq!(double.pods(), Vec::<String>::new(), "{case}: {}", finished.stderr);
            match finished.code {
                Some(0) => assert_built(&double, &finished, &expected, &case),
                code => assert_failed(&double, &finished, 3, "error: ", &format!("{case} {code:?}")),
            }
        }
    }
}

#[test]
fn a_very_long_line_of_a_log_is_told_in_pieces() {
    let (tree, expected) = small();
    let double = Double::with(vec![], Fate::Builds, vec![vec![b'x'; 8 << 20], ATTACK.as_bytes().to_vec()]);
    let finished = double.build(&tree).run();
    assert_built(&double, &finished, &expected, "long");
    assert_harmless(&finished, "long");
    let told = finished.stderr.lines().filter(|line| line.starts_with('x')).map(str::len).sum::<usize>();
    assert_eq!(told, 8 << 20);
}

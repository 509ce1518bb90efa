//! Whatever breaks between this machine and the pod, the result is a right image or a named failure: on a double of the
//! API server, which breaks what it is told to.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::double::{Ask, Double, Fate, Fault, What};
use crate::support::tool::{Finished, Tool};
use crate::support::tree::{Tree, incompressible};

mod answers;
mod hostile;
mod local;

type Files = BTreeMap<PathBuf, Vec<u8>>;

const DOCKERFILE: &str = "FROM scratch\nCOPY . /\n";

/// A small context, and what of it the executor is to be given.
fn small() -> (Tree, Files) {
    with(&[("a/b", b"deep\n".to_vec()), ("text", b"some text\n".repeat(5_000)), ("noise", incompressible(40_000))])
}

fn with(files: &[(&str, Vec<u8>)]) -> (Tree, Files) {
    let mut tree = Tree::new().file("Dockerfile", DOCKERFILE);
    let mut expected = Files::from([("context/Dockerfile".into(), DOCKERFILE.into())]);
    for (path, content) in files {
        tree = tree.file(path, content);
        expected.insert(format!("context/{path}").into(), content.clone());
    }
    (tree, expected)
}

/// The Dockerfile's own name differs from transport to transport; what it says does not.
#[track_caller]
fn assert_whole(double: &Double, expected: &Files, case: &str) {
    let mut found = double.built_from().unwrap_or_else(|| panic!("{case}: nothing was released"));
    let beside: Vec<PathBuf> = found.keys().filter(|path| !path.starts_with("context")).cloned().collect();
    let contents: Vec<Vec<u8>> = beside.iter().map(|path| found.remove(path).unwrap()).collect();
    assert_eq!(contents, [DOCKERFILE.as_bytes().to_vec(), vec![]], "{case}: {beside:?}");
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{case}");
    assert!(found == *expected, "{case}: contents differ");
}

#[track_caller]
fn assert_built(double: &Double, finished: &Finished, expected: &Files, case: &str) {
    assert_eq!(finished.code, Some(0), "{case}: {}", finished.stderr);
    assert!(finished.stdout().starts_with("r.example.com/app@sha256:0a0a"), "{case}: {}", finished.stdout());
    assert_whole(double, expected, case);
    assert_eq!(double.pods(), Vec::<String>::new(), "{case}: {}", finished.stderr);
}

#[track_caller]
fn assert_failed(double: &Double, finished: &Finished, code: i32, error: &str, case: &str) {
    assert_eq!((finished.code, finished.stdout()), (Some(code), ""), "{case}: {}", finished.stderr);
    assert!(finished.without_codes().contains(error), "{case}: {error} is not in {}", finished.stderr);
    assert_eq!(double.pods(), Vec::<String>::new(), "{case}: {}", finished.stderr);
}

fn through(tool: Tool, transport: &str) -> Tool {
    tool.args(&["--transport", transport])
}

const TRANSPORTS: [(&str, Ask); 3] = [("exec", Ask::Exec), ("attach", Ask::Attach), ("stdin", Ask::Attach)];

#[test]
fn without_a_fault_every_transport_delivers_all_of_it() {
    let (tree, expected) = small();
    for (transport, _) in TRANSPORTS {
        let double = Double::start(vec![]);
        let finished = through(double.build(&tree), transport).run();
        assert_built(&double, &finished, &expected, transport);
        assert!(finished.stderr.contains("\nline 0\nline 1\nline 2\nline 3\nline 4\n"), "{}", finished.stderr);
    }
}

/// Several cuts in one build: each attempt, or each pod, has one of its own.
fn cut_everywhere(tree: &Tree, expected: &Files, transport: &str, ask: Ask, cuts: &[What]) {
    let at_once = if transport == "exec" { 4 } else { 2 };
    for cuts in cuts.chunks(at_once) {
        let faults = cuts.iter().enumerate().map(|(number, cut)| Fault::nth(ask, number, cut.clone()));
        let double = Double::start(faults.collect());
        let finished = through(double.build(tree), transport).run();
        let case = format!("{transport}: {cuts:?}");
        assert_built(&double, &finished, expected, &case);
    }
}

#[test]
fn a_small_upload_cut_at_every_message_begins_anew() {
    let (tree, expected) = small();
    for (transport, ask) in TRANSPORTS {
        let clean = Double::start(vec![]);
        assert_eq!(through(clean.build(&tree), transport).run().code, Some(0));
        let boundaries = clean.boundaries();
        assert!(boundaries.len() >= 2, "{transport}: {boundaries:?}");
        // Before each message, at its end, and in the middle of it.
        let starts = std::iter::once(0).chain(boundaries.iter().copied());
        let middles = starts.zip(&boundaries).map(|(start, end)| (start + end) / 2);
        let places: Vec<usize> = std::iter::once(0).chain(boundaries.iter().copied()).chain(middles).collect();
        // What is cut behind the last byte of the archive takes nothing from it.
        let last = boundaries[boundaries.len() - 1];
        let places = places.into_iter().filter(|place| *place < last);
        let cuts: Vec<What> = places.flat_map(|place| [What::CutAt(place), What::ResetAt(place)]).collect();
        cut_everywhere(&tree, &expected, transport, ask, &cuts);
    }
}

fn random(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state as usize
}

#[test]
fn an_upload_of_64_mib_cut_at_50_places_begins_anew() {
    let noise = incompressible(64 << 20);
    let (tree, expected) = with(&[("noise", noise)]);
    let mut seed = 0x5eed;
    let cuts: Vec<What> = (0..50)
        .map(|number| {
            let place = random(&mut seed) % (64 << 20);
            if number % 2 == 0 { What::CutAt(place) } else { What::ResetAt(place) }
        })
        .collect();
    let (exec, attach) = cuts.split_at(32);
    let (attach, stdin) = attach.split_at(9);
    std::thread::scope(|scope| {
        scope.spawn(|| cut_everywhere(&tree, &expected, "exec", Ask::Exec, exec));
        scope.spawn(|| {
            cut_everywhere(&tree, &expected, "attach", Ask::Attach, attach);
            cut_everywhere(&tree, &expected, "stdin", Ask::Attach, stdin);
        });
    });
}

#[test]
fn an_upload_that_is_cut_each_time_ends_with_3_and_releases_nothing() {
    let (tree, _) = small();
    for (transport, ask, times) in [("exec", Ask::Exec, 5), ("attach", Ask::Attach, 3), ("stdin", Ask::Attach, 3)] {
        let double = Double::start(vec![Fault::always(ask, What::CutAt(10_000))]);
        let finished = through(double.build(&tree), transport).run();
        assert_failed(&double, &finished, 3, "error: upload broke off", transport);
        assert_eq!(double.asked(ask), times, "{transport}");
        assert_eq!(double.built_from(), None, "{transport}");
    }
}

#[test]
fn a_stream_that_ends_in_other_ways_begins_anew_too() {
    let (tree, expected) = small();
    for what in [What::HalfCloseAt(9_000), What::SuccessAt(9_000), What::KillAt(9_000), What::NoAnswer] {
        let double = Double::start(vec![Fault::once(Ask::Exec, what.clone())]);
        let finished = double.build(&tree).run();
        assert_built(&double, &finished, &expected, &format!("{what:?}"));
        assert!(finished.stderr.contains(", attempt 2\n"), "{what:?}: {}", finished.stderr);
    }
}

/// The receiver had said before that all of it arrived.
#[test]
fn a_status_that_is_lost_or_cut_takes_nothing_from_an_upload_that_was_whole() {
    let (tree, expected) = small();
    for what in [What::NoStatus, What::ResetInStatus] {
        let double = Double::start(vec![Fault::once(Ask::Exec, what.clone())]);
        assert_built(&double, &double.build(&tree).run(), &expected, &format!("{what:?}"));
        assert_eq!(double.asked(Ask::Exec), 1, "{what:?}");
    }
}

#[test]
fn a_server_of_an_old_protocol_without_half_close_is_enough() {
    let (tree, expected) = small();
    for (transport, ask) in TRANSPORTS {
        let double = Double::start(vec![Fault::always(ask, What::OldProtocol)]);
        assert_built(&double, &through(double.build(&tree), transport).run(), &expected, transport);
    }
}

#[test]
fn a_stall_of_a_minute_is_a_break() {
    let (tree, expected) = with(&[("noise", incompressible(24 << 20))]);
    let double = Double::start(vec![Fault::once(Ask::Exec, What::StallAt(1_000_000))]);
    let started = Instant::now();
    let finished = double.build(&tree).run();
    assert_built(&double, &finished, &expected, "stall");
    assert!(finished.stderr.contains("no byte was accepted for 60 s"), "{}", finished.stderr);
    assert!(started.elapsed() > Duration::from_secs(60));
}

#[test]
fn a_refusal_is_told_in_the_servers_words_whatever_was_asked() {
    let (tree, expected) = small();
    for (ask, code, error) in [
        (Ask::Create, 3, "error: cannot create a pod in namespace `ns`: Forbidden\nnote: the double refuses to Create"),
        (Ask::List, 3, "error: cannot watch pod `"),
        (Ask::Watch, 3, "error: cannot watch pod `"),
        (Ask::Exec, 3, "error: cannot run a command in pod `"),
    ] {
        let double = Double::start(vec![Fault::always(ask, What::Status(403, None))]);
        let finished = through(double.build(&tree), "exec").run();
        assert_failed(&double, &finished, code, error, &format!("{ask:?}"));
        assert!(finished.stderr.contains("the double refuses to "), "{}", finished.stderr);
    }

    let double = Double::start(vec![Fault::always(Ask::Log, What::Status(403, None))]);
    let finished = double.build(&tree).run();
    assert_built(&double, &finished, &expected, "log");
    assert!(finished.stderr.contains("warning: the build goes on, but its log cannot be read"), "{}", finished.stderr);

    let double = Double::start(vec![Fault::always(Ask::Delete, What::Status(403, None))]);
    let finished = double.build(&tree).run();
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert!(finished.stderr.contains("the pod may still be there, delete it with `kubectl "), "{}", finished.stderr);
}

#[test]
fn what_the_server_could_not_do_just_now_is_asked_again() {
    let (tree, expected) = small();
    for ask in [Ask::Create, Ask::List, Ask::Watch, Ask::Exec, Ask::Log, Ask::Delete] {
        for what in [What::Status(500, None), What::Status(503, None), What::Status(429, None), What::NoAnswer] {
            let double = Double::start(vec![Fault::once(ask, what.clone())]);
            assert_built(&double, &double.build(&tree).run(), &expected, &format!("{ask:?} {what:?}"));
            assert!(double.asked(ask) >= 2, "{ask:?} {what:?}");
        }
    }
}

#[test]
fn a_server_that_wants_to_be_left_alone_is() {
    let (tree, expected) = small();
    let double = Double::start(vec![Fault::once(Ask::Create, What::Status(429, Some(3)))]);
    let started = Instant::now();
    let finished = double.build(&tree).run();
    assert!(started.elapsed() >= Duration::from_secs(3), "{:?}", started.elapsed());
    assert_built(&double, &finished, &expected, "429");
    assert!(finished.stderr.contains("waiting for the cluster, after: "), "{}", finished.stderr);
}

#[test]
fn a_pod_that_was_made_though_the_answer_said_otherwise_is_not_made_twice() {
    let (tree, expected) = small();
    for code in [500, 503, 504] {
        let double = Double::start(vec![Fault::once(Ask::Create, What::DoneBut(code))]);
        assert_built(&double, &double.build(&tree).run(), &expected, &format!("{code}"));
        assert_eq!(double.asked(Ask::Create), 2, "{code}");
    }
    let double = Double::start(vec![Fault::once(Ask::Delete, What::DoneBut(503))]);
    assert_built(&double, &double.build(&tree).run(), &expected, "delete");
}

#[test]
fn a_name_that_somebody_else_has_is_left_alone() {
    let (tree, _) = small();
    let double = Double::start(vec![Fault::always(Ask::Create, What::Status(409, None))]);
    let finished = double.build(&tree).run();
    assert_failed(&double, &finished, 3, "error: cannot create a pod in namespace `ns`: HTTP 409", "409");
    assert_eq!(double.asked(Ask::Delete), 0);
}

/// A user whose token comes from a program, which counts its calls.
fn plugin(double: &Double) -> serde_json::Value {
    let script = double.home().path().join("plugin");
    double.home().write("count", "");
    std::fs::write(
        &script,
        format!(
            "#!/bin/sh\necho called >>{}\necho '{{\"apiVersion\": \"client.authentication.k8s.io/v1\", \"kind\": \
             \"ExecCredential\", \"status\": {{\"token\": \"hush\"}}}}'\n",
            double.home().path().join("count").display()
        ),
    )
    .unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": script, "interactiveMode": "Never"}})
}

fn calls(double: &Double) -> usize {
    std::fs::read_to_string(double.home().path().join("count")).unwrap().lines().count()
}

#[test]
fn a_token_that_runs_out_at_any_time_is_renewed() {
    let (tree, expected) = small();
    for ask in [Ask::Create, Ask::List, Ask::Watch, Ask::Exec, Ask::Log, Ask::Delete] {
        let double = Double::start(vec![Fault::once(ask, What::Status(401, None))]);
        let user = plugin(&double);
        let finished = double.build_as(&user, &tree).run();
        assert_built(&double, &finished, &expected, &format!("{ask:?}"));
        assert!(calls(&double) >= 2, "{ask:?}: {} calls", calls(&double));
        assert!(!finished.stderr.contains("hush"), "{}", finished.stderr);
    }
    let double = Double::start(vec![Fault::always(Ask::Create, What::Status(401, None))]);
    let user = plugin(&double);
    let finished = double.build_as(&user, &tree).run();
    assert_failed(&double, &finished, 3, "error: cannot create a pod in namespace `ns`: HTTP 401", "for ever");
    assert_eq!(double.asked(Ask::Create), 2, "renewed once");
}

#[test]
fn a_watch_that_breaks_or_is_too_old_is_taken_up_again() {
    let (tree, expected) = small();
    let expired: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"type\":\"ERROR\",\"object\":{\"kind\":\
        \"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"code\":410,\"reason\":\"Expired\",\"message\":\"too old\"}}\n";
    for what in [What::CutAt(0), What::CutAt(700), What::ResetAt(300), What::Status(410, None), What::Garbage(expired)]
    {
        let faults = (0..2).map(|number| Fault::nth(Ask::Watch, number, what.clone())).collect();
        let double = Double::start(faults);
        assert_built(&double, &double.build(&tree).run(), &expected, &format!("{what:?}"));
    }
}

#[test]
fn a_log_that_breaks_anywhere_loses_and_repeats_no_line() {
    let (tree, expected) = small();
    let lines: Vec<Vec<u8>> = (0..40).map(|line| format!("counted {}", line / 2).into_bytes()).collect();
    let told: Vec<String> = lines.iter().map(|line| String::from_utf8(line.clone()).unwrap()).collect();
    for cuts in [[0, 5, 31], [50, 100, 200], [333, 777, 1], [1000, 1500, 1600]] {
        let faults = cuts.iter().enumerate().map(|(number, at)| {
            let what = if number % 2 == 0 { What::CutAt(*at) } else { What::ResetAt(*at) };
            Fault::nth(Ask::Log, number, what)
        });
        let double = Double::with(faults.collect(), Fate::Builds, lines.clone());
        let finished = double.build(&tree).run();
        assert_built(&double, &finished, &expected, &format!("{cuts:?}"));
        let counted: Vec<&str> = finished.stderr.lines().filter(|line| line.starts_with("counted ")).collect();
        assert_eq!(counted, told, "{cuts:?}");
    }
}

#[test]
fn what_becomes_of_the_pod_has_a_name() {
    let (tree, _) = small();
    for (fate, code, error) in [
        (Fate::OutOfMemory, 1, "build failed: executor was out of memory"),
        (Fate::Evicted, 3, "was ended by the cluster: Evicted\nnote: The node was low on resource: ephemeral-storage."),
        (Fate::Deleted, 3, "was ended by the cluster: Deleted"),
        (Fate::NoDigest, 1, "executor ended with success but left no digest\nnote: termination message: `none`"),
        (
            Fate::NoShell,
            3,
            "container `receive-context` ended with 128: StartError\nnote: exec: \"sh\": executable file not found",
        ),
    ] {
        let double = Double::with(vec![], fate, vec![b"a line".to_vec()]);
        let finished = through(double.build(&tree), "exec").run();
        assert_failed(&double, &finished, code, error, &format!("{fate:?}"));
    }
}

#[test]
fn where_a_way_is_closed_another_is_taken() {
    let (tree, expected) = small();
    let double = Double::start(vec![Fault::always(Ask::Exec, What::Status(403, None))]);
    assert_built(&double, &double.build(&tree).run(), &expected, "exec is forbidden");
    assert_eq!((double.asked(Ask::Create), double.asked(Ask::Attach)), (2, 1));

    let double = Double::with(vec![], Fate::NoShell, vec![b"a line".to_vec()]);
    assert_built(&double, &double.build(&tree).run(), &expected, "no shell");
    assert_eq!((double.asked(Ask::Create), double.asked(Ask::Exec), double.asked(Ask::Attach)), (2, 0, 1));
}

#[test]
fn an_executor_that_complains_about_its_arguments_is_heard_while_it_is_being_sent_to() {
    let (tree, _) = with(&[("noise", incompressible(8 << 20))]);
    // Its input is taken away from it in the middle: what it says then is about the context.
    let double = Double::start(vec![Fault::always(Ask::Attach, What::CutAt(1_000_000))]);
    let finished = through(double.build(&tree), "stdin").run();
    assert_failed(&double, &finished, 3, "error: upload broke off", "stdin");
    assert!(!finished.stderr.contains("build failed"), "{}", finished.stderr);
}

#[test]
fn a_server_that_talks_nonsense_is_no_success() {
    let (tree, expected) = small();
    const HUGE: &[u8] = b"\x02\x63unknown channel";
    let nonsense: &[&[u8]] = &[
        b"\x01text",
        b"\x02",
        b"\x02\x01\xff\xfe\x00 no reply\nwhole k0\nready\n",
        b"\x02\x02\x1b]52;c;aHVzaA==\x07",
        HUGE,
    ];
    let double = Double::start(vec![Fault::once(Ask::Exec, What::Messages(nonsense))]);
    let finished = double.build(&tree).run();
    assert_built(&double, &finished, &expected, "messages");

    let bad_status: &[&[u8]] = &[b"\x02\x03{\"status\": \"Maybe\"}"];
    let double = Double::start(vec![Fault::always(Ask::Exec, What::Messages(bad_status))]);
    let finished = through(double.build(&tree), "exec").run();
    assert_failed(&double, &finished, 3, "error: upload broke off after ", "status");

    for garbage in
        [&b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nnot json!"[..], b"\x00\xff\xfe", b"SSH-2.0-OpenSSH\r\n"]
    {
        let double = Double::start(vec![Fault::always(Ask::Create, What::Garbage(garbage))]);
        let finished = double.build(&tree).args(&["--timeout", "20s"]).run();
        assert!(matches!(finished.code, Some(3 | 124)), "{garbage:?}: {}", finished.stderr);
        assert!(finished.without_codes().contains("error: "), "{}", finished.stderr);
    }
}

#[test]
fn a_hostile_log_does_not_reach_the_terminal() {
    let (tree, expected) = small();
    let lines = [
        &b"\x1b]52;c;aHVzaA==\x07clip"[..],
        b"\x1b[2J\x1b[1;1Hscreen",
        b"\x1b]0;title\x1b\\",
        b"\x9b2Jeight",
        b"\xff\x00\x08bytes",
    ];
    let double = Double::with(vec![], Fate::Builds, lines.iter().map(|line| line.to_vec()).collect());
    let finished = double.build(&tree).run();
    assert_built(&double, &finished, &expected, "log");
    assert!(finished.stderr.contains("clip\n") && finished.stderr.contains("screen\n"), "{}", finished.stderr);
    let controls: Vec<char> = finished.stderr.chars().filter(|c| c.is_control() && *c != '\n').collect();
    assert_eq!(controls, Vec::<char>::new());
}

/// Whoever reads may go away: the image is there all the same, and the pod is not.
#[test]
fn closed_outputs_leave_no_pod() {
    let (tree, expected) = small();
    for redirection in [">&-", "2>&-", ">&- 2>&-"] {
        let double = Double::start(vec![]);
        let finished = double.build(&tree).redirected(redirection).run();
        assert!(matches!(finished.code, Some(0 | 1)), "{redirection}: {:?} {}", finished.code, finished.stderr);
        assert_whole(&double, &expected, redirection);
        assert_eq!(double.pods(), Vec::<String>::new(), "{redirection}");
    }
}

/// Several faults at once, chosen by chance: never a wrong image, never a pod left, never without a word, never for ever.
#[test]
fn whatever_breaks_the_image_is_right_or_the_failure_has_a_name() {
    let (tree, expected) = with(&[("text", b"some text\n".repeat(50_000)), ("noise", incompressible(1 << 20))]);
    let mut built = 0;
    for seed in 1..=36_u64 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut faults = Vec::new();
        for _ in 0..1 + random(&mut state) % 4 {
            let ask = [Ask::Create, Ask::List, Ask::Watch, Ask::Exec, Ask::Attach, Ask::Log, Ask::Delete]
                [random(&mut state) % 7];
            let at = random(&mut state) % 1_200_000;
            let what = match random(&mut state) % 12 {
                0 => What::Status(500, None),
                1 => What::Status(503, Some(1)),
                2 => What::Status(401, None),
                3 => What::DoneBut(503),
                4 => What::NoAnswer,
                5 => What::SuccessAt(at),
                6 => What::KillAt(at),
                7 => What::NoStatus,
                8 => What::ResetInStatus,
                9 => What::OldProtocol,
                10 => What::ResetAt(at),
                _ => What::CutAt(at),
            };
            faults.push(Fault::nth(ask, random(&mut state) % 2, what));
        }
        let transport = ["auto", "exec", "attach", "stdin"][random(&mut state) % 4];
        let case = format!("seed {seed}, {transport}: {faults:?}");
        let double = Double::start(faults);
        let started = Instant::now();
        let finished = through(double.build(&tree), transport).args(&["--timeout", "60s"]).run();
        assert!(started.elapsed() < Duration::from_secs(130), "{case}");
        match finished.code {
            Some(0) => {
                built += 1;
                assert_built(&double, &finished, &expected, &case);
            }
            Some(1 | 3 | 124) => {
                assert!(
                    finished.without_codes().contains("error: ") && finished.stdout().is_empty(),
                    "{case}: {}",
                    finished.stderr
                );
                // Whatever the executor was given was all of it.
                if double.built_from().is_some() {
                    assert_whole(&double, &expected, &case);
                }
                assert_eq!(double.pods(), Vec::<String>::new(), "{case}: {}", finished.stderr);
            }
            code => panic!("{case}: {code:?} {}", finished.stderr),
        }
    }
    assert!(built >= 18, "most of it can be mended: {built} of 36");
}

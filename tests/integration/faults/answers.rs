//! Answers that get lost, come late, or leave a doubt: a pod that may have been made is never left behind.

use super::*;

const FORBIDDEN: What = What::Status(403, None);

#[test]
fn a_pod_that_may_have_been_made_is_not_left_whatever_is_said_later() {
    let (tree, expected) = small();
    let made = |what| Fault::once(Ask::Create, what);
    let again = |what| Fault { ask: Ask::Create, from: 1, to: usize::MAX, what };
    for (faults, code) in [
        // The answer is lost.
        (vec![made(What::DoneUnanswered)], 0),
        // Our own pod fills the quota that the next request is refused for.
        (vec![made(What::DoneBut(504)), again(FORBIDDEN)], 0),
        // The pod is there under its name, but a look at it to see whose it is fails just then.
        (vec![made(What::DoneBut(503)), Fault::once(Ask::List, What::Status(503, None))], 0),
        (vec![made(What::DoneBut(503)), Fault::once(Ask::List, What::NoAnswer)], 0),
        (vec![made(What::DoneBut(503)), Fault::always(Ask::List, FORBIDDEN)], 3),
        (vec![made(What::Status(429, None)), Fault::nth(Ask::Create, 1, What::DoneUnanswered)], 0),
    ] {
        let case = format!("{faults:?}");
        let double = Double::start(faults);
        let finished = double.build(&tree).run();
        match code {
            0 => assert_built(&double, &finished, &expected, &case),
            code => assert_failed(&double, &finished, code, "error: ", &case),
        }
    }
}

#[test]
fn a_pod_of_somebody_else_under_our_name_is_neither_used_nor_deleted() {
    let (tree, _) = small();
    for (number, before) in [(0, vec![]), (1, vec![Fault::once(Ask::Create, What::Status(503, None))])] {
        let mut faults = before;
        faults.push(Fault::nth(Ask::Create, number, What::Taken));
        let double = Double::start(faults);
        let finished = double.build(&tree).run();
        assert_eq!(finished.code, Some(3), "{}", finished.stderr);
        let error = "error: cannot create a pod in namespace `ns`: AlreadyExists\nnote: there is one of that name\n";
        assert!(finished.without_codes().contains(error), "{}", finished.stderr);
        assert_eq!((double.pods().len(), double.asked(Ask::Delete)), (1, 0), "{}", finished.stderr);
        assert_eq!(double.built_from(), None);
    }
}

#[test]
fn a_deletion_whose_answer_is_lost_is_asked_for_again() {
    let (tree, expected) = small();
    for what in
        [What::DoneUnanswered, What::DoneBut(504), What::Garbage(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n?")]
    {
        let double = Double::start(vec![Fault::once(Ask::Delete, what.clone())]);
        assert_built(&double, &double.build(&tree).run(), &expected, &format!("{what:?}"));
        assert!(double.asked(Ask::Delete) >= 2, "{what:?}");
    }
}

/// A user whose token comes from a program, which makes another each time.
fn renewing(double: &Double) -> serde_json::Value {
    let user = plugin(double);
    let script = double.home().path().join("plugin");
    let text = std::fs::read_to_string(&script).unwrap();
    let count = double.home().path().join("count");
    std::fs::write(script, text.replace("hush", &format!("hush-'$(wc -l <{})'", count.display()))).unwrap();
    user
}

#[test]
fn a_token_that_has_run_out_is_never_shown_again() {
    let (tree, expected) = small();
    for (transport, ask) in TRANSPORTS {
        for ask in [Ask::Create, Ask::List, Ask::Watch, ask, Ask::Log, Ask::Delete] {
            let double = Double::start(vec![Fault::once(ask, What::TokenExpires)]);
            let user = renewing(&double);
            let finished = through(double.build_as(&user, &tree), transport).run();
            assert_built(&double, &finished, &expected, &format!("{transport}: {ask:?}"));
            assert!(calls(&double) >= 2, "{transport}: {ask:?}");
            assert!(!finished.stderr.contains("hush"), "{}", finished.stderr);
        }
    }
}

#[test]
fn a_request_that_is_never_answered_is_given_up_in_time() {
    let (tree, expected) = small();
    // The next request is answered.
    for ask in [Ask::Exec, Ask::Log, Ask::Delete] {
        let double = Double::start(vec![Fault::once(ask, What::Silent)]);
        let started = Instant::now();
        let finished = double.build(&tree).args(&["--request-timeout", "1s"]).run();
        assert_built(&double, &finished, &expected, &format!("{ask:?}"));
        assert!(started.elapsed() < Duration::from_secs(20), "{ask:?}: {:?}", started.elapsed());
    }
    // None is.
    for (ask, code, error) in [
        (Ask::Create, 124, "error: not done within "),
        (Ask::List, 124, "error: not done within "),
        (Ask::Watch, 124, "error: not done within "),
        (Ask::Exec, 124, "error: not done within "),
    ] {
        let double = Double::start(vec![Fault::always(ask, What::Silent)]);
        let started = Instant::now();
        let finished = through(double.build(&tree), "exec").args(&["--request-timeout", "1s", "--timeout", "4s"]).run();
        assert_failed(&double, &finished, code, error, &format!("{ask:?}"));
        // Where nobody says whether there is a pod, it is asked for a minute.
        let limit = if ask == Ask::Create { 90 } else { 15 };
        assert!(started.elapsed() < Duration::from_secs(limit), "{ask:?}: {:?}", started.elapsed());
    }
}

/// It breaks neither off nor stalls for a minute: the deadline is first.
#[test]
fn an_upload_that_stalls_is_ended_by_the_deadline() {
    let (tree, _) = with(&[("noise", incompressible(24 << 20))]);
    for (transport, ask) in TRANSPORTS {
        let double = Double::start(vec![Fault::always(ask, What::StallAt(1_000_000))]);
        let finished = through(double.build(&tree), transport).args(&["--timeout", "3s"]).run();
        assert_failed(&double, &finished, 124, "error: not done within ", transport);
    }
}

#[test]
fn a_command_that_could_not_be_run_after_all_is_run_again() {
    let (tree, expected) = small();
    // What the translating API server says once the upgrade is done: there is no other place left for it.
    let late: &[&[u8]] =
        &[b"\x02\x03{\"status\":\"Failure\",\"reason\":\"InternalError\",\"code\":500,\"message\":\"container not found\"}"];
    let double = Double::start(vec![Fault::once(Ask::Exec, What::Messages(late))]);
    assert_built(&double, &double.build(&tree).run(), &expected, "once");

    let double = Double::start(vec![Fault::always(Ask::Exec, What::Messages(late))]);
    let finished = through(double.build(&tree), "exec").run();
    assert_failed(&double, &finished, 3, "container not found", "always");
    assert_eq!((double.asked(Ask::Exec), double.built_from()), (5, None));
}

#[test]
fn a_right_that_is_missing_on_the_other_ways_is_told_too() {
    let (tree, expected) = small();
    for transport in ["attach", "stdin"] {
        let double = Double::start(vec![Fault::always(Ask::Attach, FORBIDDEN)]);
        let finished = through(double.build(&tree), transport).run();
        assert_failed(&double, &finished, 3, "error: cannot attach to pod `", transport);
        assert!(finished.stderr.contains("the double refuses to Attach"), "{}", finished.stderr);
    }
    let logged_in = |double: &Double| {
        double.home().write("docker/config.json", r#"{"auths": {"r.example.com": {"auth": "dTpodXNo"}}}"#);
        double.build(&tree).env("DOCKER_CONFIG", double.home().path().join("docker"))
    };
    let double = Double::start(vec![Fault::always(Ask::Secret, FORBIDDEN)]);
    let finished = logged_in(&double).run();
    assert_failed(&double, &finished, 3, "error: cannot create a Secret in namespace `ns`: Forbidden", "secret");
    for what in [What::Status(503, None), What::DoneBut(503), What::DoneUnanswered, What::NoAnswer] {
        let double = Double::start(vec![Fault::once(Ask::Secret, what.clone())]);
        assert_built(&double, &logged_in(&double).run(), &expected, &format!("{what:?}"));
        assert_eq!(double.asked(Ask::Secret), 2, "{what:?}");
    }
}

/// The upload stalls, so nothing but the pod's own status can tell.
#[test]
fn a_pod_that_is_ended_during_its_upload_is_not_waited_for() {
    let (tree, _) = with(&[("noise", incompressible(24 << 20))]);
    for (fate, error) in [
        (Fate::DeletedEarly, "was ended by the cluster: Deleted"),
        (Fate::EvictedEarly, "was ended by the cluster: Evicted\nnote: The node was low on resource: memory."),
        (Fate::PreemptedEarly, "was ended by the cluster: PreemptionByScheduler\nnote: making room for another pod"),
    ] {
        for (transport, ask) in [("exec", Ask::Exec), ("attach", Ask::Attach)] {
            let double = Double::with(vec![Fault::always(ask, What::StallAt(1_000_000))], fate, vec![]);
            let started = Instant::now();
            let finished = through(double.build(&tree), transport).run();
            let case = format!("{fate:?}, {transport}");
            assert_failed(&double, &finished, 3, error, &case);
            assert_eq!(double.built_from(), None, "{case}");
            assert!(started.elapsed() < Duration::from_secs(10), "{case}: {:?}", started.elapsed());
        }
    }
}

#[test]
fn where_the_helpers_image_cannot_be_pulled_the_executor_takes_the_context_itself() {
    let (tree, expected) = small();
    let double = Double::with(vec![], Fate::NoImage, vec![b"a line".to_vec()]);
    assert_built(&double, &double.build(&tree).run(), &expected, "auto");
    assert_eq!((double.asked(Ask::Create), double.asked(Ask::Exec), double.asked(Ask::Attach)), (2, 0, 1));

    for transport in ["exec", "attach"] {
        let double = Double::with(vec![], Fate::NoImage, vec![]);
        let finished = through(double.build(&tree), transport).run();
        assert_failed(&double, &finished, 3, "ImagePullBackOff", transport);
        assert_eq!(double.asked(Ask::Create), 1, "{transport}");
    }
}

/// A line that is told in pieces is no line that was told.
#[test]
fn a_long_line_that_breaks_in_the_middle_is_told_to_its_end() {
    let (tree, expected) = small();
    let lines = vec![b"before".to_vec(), vec![b'x'; 200_000], b"after".to_vec()];
    for at in [150_000, 70_000, 201_000] {
        let double = Double::with(vec![Fault::once(Ask::Log, What::CutAt(at))], Fate::Builds, lines.clone());
        let finished = double.build(&tree).run();
        assert_built(&double, &finished, &expected, &format!("{at}"));
        let told = finished.stderr.lines().filter(|line| line.starts_with('x')).map(str::len).sum::<usize>();
        assert_eq!(told, 200_000, "cut at {at}");
        let around = ["before", "after"].map(|word| finished.stderr.lines().filter(|line| *line == word).count());
        assert_eq!(around, [1, 1], "cut at {at}");
    }
}

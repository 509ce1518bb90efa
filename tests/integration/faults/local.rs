//! What breaks on this side: outputs that nobody reads or that are full, and a context that changes under our hands.

use std::process::Stdio;

use super::*;

/// A pipe whose reader has gone.
fn nobody() -> Stdio {
    std::io::pipe().unwrap().1.into()
}

#[test]
fn outputs_that_nobody_reads_change_neither_the_image_nor_the_exit_code() {
    let (tree, expected) = small();
    for (stdout, stderr) in [(true, false), (false, true), (true, true)] {
        let double = Double::start(vec![]);
        let mut tool = double.build(&tree);
        if stdout {
            tool = tool.stdout(nobody());
        }
        if stderr {
            tool = tool.stderr(nobody());
        }
        let finished = tool.run();
        let case = format!("stdout closed: {stdout}, stderr closed: {stderr}");
        assert_eq!(finished.code, Some(0), "{case}: {}", finished.stderr);
        assert_eq!(finished.stdout().starts_with("r.example.com/app@sha256:0a0a"), !stdout, "{case}");
        assert_whole(&double, &expected, &case);
        assert_eq!(double.pods(), Vec::<String>::new(), "{case}");
    }
}

#[test]
fn a_failure_keeps_its_exit_code_where_nobody_reads_of_it() {
    let (tree, _) = small();
    let double = Double::with(vec![], Fate::OutOfMemory, vec![vec![b'x'; 100_000]; 20]);
    let finished = double.build(&tree).stdout(nobody()).stderr(nobody()).run();
    assert_eq!((finished.code, double.pods()), (Some(1), vec![]));
}

#[test]
fn a_full_disk_behind_an_output_is_told_where_it_loses_the_result() {
    let (tree, expected) = small();
    let double = Double::start(vec![]);
    let finished = double.build(&tree).redirected(">/dev/full").run();
    assert_failed(&double, &finished, 1, "error: cannot write standard output", "stdout");
    assert_whole(&double, &expected, "stdout");

    let double = Double::start(vec![]);
    assert_built(&double, &double.build(&tree).redirected("2>/dev/full").run(), &expected, "stderr");
}

/// Runs a build whose first attempt is cut, slow enough for a change to the tree before the second.
fn changed(change: impl Fn(&std::path::Path)) -> (Double, Finished) {
    let (tree, _) = with(&[("a", incompressible(3 << 20)), ("d/z", incompressible(1 << 20))]);
    let double = Double::start(vec![Fault::once(Ask::Exec, What::CutAt(100_000))]);
    let running = double.build(&tree).spawn();
    let started = Instant::now();
    while !running.stderr().contains(", attempt 2") {
        assert!(started.elapsed() < Duration::from_secs(30), "{}", running.stderr());
        std::thread::sleep(Duration::from_millis(2));
    }
    change(tree.path());
    (double, running.wait())
}

#[test]
fn a_file_that_shrinks_or_goes_while_it_is_packed_ends_the_build() {
    let shrunk = changed(|tree| std::fs::write(tree.join("d/z"), "short").unwrap());
    let gone = changed(|tree| std::fs::remove_file(tree.join("d/z")).unwrap());
    for ((double, finished), error) in
        [(shrunk, "error: `d/z` shrank while it was packed"), (gone, "error: cannot read `d/z`")]
    {
        assert_failed(&double, &finished, 1, error, error);
        assert_eq!(double.built_from(), None, "{error}");
    }
}

#[test]
fn a_directory_that_is_replaced_between_two_attempts_ends_the_build() {
    for becomes_a_file in [true, false] {
        let (double, finished) = changed(|tree| {
            std::fs::remove_dir_all(tree.join("d")).unwrap();
            if becomes_a_file {
                std::fs::write(tree.join("d"), "file").unwrap();
            }
        });
        let case = format!("it becomes a file: {becomes_a_file}");
        assert_failed(&double, &finished, 1, "error: cannot read `d/z`", &case);
        assert_eq!(double.built_from(), None, "{case}");
    }
}

#[test]
fn a_file_that_becomes_a_pipe_is_no_reason_to_wait_for_ever() {
    let (double, finished) = changed(|tree| {
        std::fs::remove_file(tree.join("d/z")).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(tree.join("d/z")).status().unwrap().success());
    });
    assert_failed(&double, &finished, 1, "error: ", "fifo");
    assert!(finished.stderr.contains("`d/z`"), "{}", finished.stderr);
    assert_eq!(double.built_from(), None);
}

#[test]
fn a_build_that_cannot_succeed_makes_no_pod_unless_nothing_is_checked() {
    let tree = Tree::new().file("Dockerfile", "FROM scratch\nCOPY target/app.jar /\n").file("pom.xml", "");
    let double = Double::start(vec![]);
    let finished = double.build(&tree).run();
    assert_eq!((finished.code, double.asked(Ask::Create)), (Some(1), 0), "{}", finished.stderr);
    let told = format!(
        "error[copy-source-missing]: no `target/app.jar` in the build context\n  --> {}/Dockerfile:2:6\n",
        tree.path().display()
    );
    assert!(finished.stderr.contains(&told), "{}", finished.stderr);
    let end = "error: nothing was built: it cannot succeed\nhelp: change what is named above; `--no-check` builds all the same\n";
    assert!(finished.stderr.ends_with(end), "{}", finished.stderr);

    let unchecked = double.build(&tree).args(&["--no-check"]).run();
    assert_eq!((unchecked.code, double.asked(Ask::Create)), (Some(0), 1), "{}", unchecked.stderr);
}

/// What an image of a registry holds is not known, and so nothing is said of it.
#[test]
fn a_dockerfile_of_an_unknown_image_is_built() {
    let dockerfile = "FROM maven:3\nARG X=${MAVEN_HOME:?}\nCOPY $MAVEN_HOME/a /\nCOPY pom.xml src /app\n";
    let tree = Tree::new().file("Dockerfile", dockerfile).file("pom.xml", "").file("src/a", "");
    let double = Double::start(vec![]);
    let finished = double.build(&tree).run();
    assert_eq!((finished.code, double.asked(Ask::Create)), (Some(0), 1), "{}", finished.stderr);
    assert!(!finished.stderr.contains("error"), "{}", finished.stderr);
}

//! `compare`: the same image from a directory and from a git context, with the real executor and a real git server.

use std::net::TcpListener;
use std::path::Path;
use std::process;
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use serde_json::{Value, json};

use crate::process::assert_transcript;
use crate::support::cluster::{Namespace, base_image, from, registry};
use crate::support::git_server::GitServer;
use crate::support::image::Image;
use crate::support::tool::{Finished, Tool};
use crate::support::tree::{Tree, git, incompressible};

/// A project that takes a moment to build, committed, and a bare clone of it to be served.
fn project(base: &str) -> (Tree, Tree) {
    let dockerfile = format!("FROM {base}\nCOPY . /app/\nRUN sleep 0.4 && cat /app/said\n");
    let project =
        Tree::new().file("Dockerfile", dockerfile).file("said", "committed\n").file(".dockerignore", ".git\n");
    project.commit();
    let served = Tree::new();
    git(project.path(), &["clone", "-q", "--bare", ".", served.path().join("app.git").to_str().unwrap()]);
    (project, served)
}

fn compare(namespace: &Namespace, project: &Tree, url: &str) -> Tool {
    namespace.tool(&["compare", "--insecure", "-t", &namespace.destination(), "--git", url]).arg(project.path())
}

#[track_caller]
fn document(finished: &Finished) -> Value {
    assert_eq!(finished.code, Some(0), "{}", finished.transcript());
    serde_json::from_slice(&finished.stdout).unwrap()
}

fn seconds(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// What a run's image has at a path.
fn built(namespace: &Namespace, run: &Value, path: &str) -> String {
    let digest = run["digest"].as_str().unwrap();
    let image = Image::pull(&format!("{}/{}@{digest}", registry(), namespace.name));
    String::from_utf8(image.content(path).to_vec()).unwrap()
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn an_uncommitted_change_is_told_before_and_is_in_one_image_of_both() {
    let (project, served) = project(&base_image());
    let server = GitServer::start(served.path(), None);
    project.write("said", "not committed\n");
    let namespace = Namespace::new();
    let url = format!("http://{}/app.git", server.address);

    let saved = Tree::new();
    let save = |name: &str| format!("--save={}", saved.path().join(name).display());
    let saves = [save("compared.txt"), save("compared.html")];
    let finished = compare(&namespace, &project, &url).args(&["--runs=1", "-ojson", &saves[0], &saves[1]]).run();
    let document = document(&finished);
    assert!(finished.stderr.contains("the contexts differ, so the images will"), "{}", finished.stderr);
    assert_eq!(document["content"]["same"], false);
    assert_eq!(document["content"]["differences"]["paths"]["modified"], json!(["said"]));
    assert!(document["verdict"].as_str().unwrap().contains("not the same"), "{}", document["verdict"]);
    let runs = document["runs"].as_array().unwrap();
    assert_eq!(runs.iter().map(|run| &run["side"]).collect::<Vec<_>>(), ["git", "local"]);
    assert_eq!(built(&namespace, &runs[0], "app/said"), "committed\n");
    assert_eq!(built(&namespace, &runs[1], "app/said"), "not committed\n");
    namespace.assert_empty_soon();

    for run in runs {
        let spans = run["phases"].as_array().unwrap();
        let took = |phase: &str| -> f64 {
            let of_phase = spans.iter().filter(|span| span["phase"] == phase);
            of_phase.map(|span| seconds(&span["seconds"])).sum()
        };
        let all: f64 = spans.iter().map(|span| seconds(&span["seconds"])).sum();
        assert!((all - seconds(&run["seconds"])).abs() < 0.02, "phases make up the whole: {run}");
        let ran = spans.iter().filter(|span| span["name"].as_str().is_some_and(|name| name.starts_with("RUN sleep")));
        assert!(ran.map(|span| seconds(&span["seconds"])).sum::<f64>() >= 0.4, "{run}");
        for phase in ["start", "context", "base", "snapshot", "push"] {
            assert!(took(phase) > 0.0, "{phase}: {run}");
        }
        // Both have the same clock here; a log that is read late tells it no better.
        assert!(seconds(&run["clock_ahead"]).abs() < 1.5, "{run}");
    }
    assert!(seconds(&document["sides"]["git"]["moved"]) > 0.0);
    let [text, page] =
        ["compared.txt", "compared.html"].map(|name| std::fs::read_to_string(saved.path().join(name)).unwrap());
    let verdict = document["verdict"].as_str().unwrap();
    assert!(text.contains(verdict) && page.contains(verdict), "{text}");
    // Where there is hardly a difference, nothing is to be explained.
    let explained = document["difference"]["explained"].as_f64();
    assert!(explained.is_none_or(|share| share >= 0.95), "{}", document["difference"]);
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_private_repository_is_read_with_a_secret_and_the_directory_of_the_context_in_it() {
    let base = base_image();
    let whole = Tree::new()
        .file("services/api/Dockerfile", format!("FROM {base}\nCOPY said /said\n"))
        .file("services/api/said", "from the service\n")
        .file("README", "of all\n");
    whole.commit();
    let served = Tree::new();
    git(whole.path(), &["clone", "-q", "--bare", ".", served.path().join("app.git").to_str().unwrap()]);
    // `builder:token` in Base64.
    let server = GitServer::start(served.path(), Some("Basic YnVpbGRlcjp0b2tlbg=="));
    let namespace = Namespace::new();
    namespace.create(&from::<Secret>(json!({
        "metadata": {"name": "git-login"},
        "stringData": {"GIT_USERNAME": "builder", "GIT_PASSWORD": "token"},
    })));
    let url = format!("http://{}/app.git", server.address);
    let finished = namespace
        .tool(&["compare", "--insecure", "--no-push", "--git", &url, "--git-secret=git-login", "--runs=1", "-ojson"])
        .arg(whole.path().join("services/api"))
        .run();
    let document = document(&finished);
    assert!(document["git"].as_str().unwrap().ends_with(":services/api"), "{}", document["git"]);
    assert_eq!(document["content"]["same"], true, "{}", document["content"]);
    assert_eq!(document["runs"].as_array().unwrap().len(), 2);
    assert!(!finished.stderr.contains("token"), "{}", finished.stderr);
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_branch_that_is_not_there_ends_it_before_a_pod_exists() {
    let (project, served) = project("scratch");
    let server = GitServer::start(served.path(), None);
    let namespace = Namespace::new();
    let finished = compare(&namespace, &project, &format!("http://{}/app.git#gone", server.address)).run();
    assert_eq!(finished.code, Some(2), "{}", finished.transcript());
    assert!(finished.stderr.contains("#gone` names no branch, tag or commit that is there"), "{}", finished.stderr);
    assert!(finished.stderr.contains("there are: `ma"), "{}", finished.stderr);
    assert!(!finished.stderr.contains("build 1 of"), "{}", finished.stderr);
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn what_is_not_committed_or_not_in_the_cluster_ends_it_before_a_pod_exists() {
    let (project, served) = project("scratch");
    let server = GitServer::start(served.path(), None);
    let namespace = Namespace::new();
    let url = format!("http://{}/app.git", server.address);
    let refused = |finished: Finished, code: i32, words: &[&str]| {
        assert_eq!(finished.code, Some(code), "{}", finished.transcript());
        for words in words {
            assert!(finished.stderr.contains(words), "{words}: {}", finished.stderr);
        }
        assert!(!finished.stderr.contains("build 1 of"), "{}", finished.stderr);
    };
    let nowhere = compare(&namespace, &project, &format!("{url}#:nowhere")).run();
    refused(nowhere, 2, &["`nowhere` is not in commit ", "#:nowhere`", "commit `nowhere` and push it"]);
    namespace.create(&from::<Role>(json!({
        "metadata": {"name": "reader"},
        "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}],
    })));
    namespace.create(&from::<RoleBinding>(json!({
        "metadata": {"name": "reader"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "dev"}],
    })));
    let secret = compare(&namespace, &project, &url).arg("--git-secret=gone").run();
    refused(secret, 3, &["cannot read Secret `gone`: NotFound"]);
    project.write("new/Dockerfile", "FROM scratch\nCOPY said /\n");
    let dockerfile = compare(&namespace, &project, &url).args(&["-f", "new/Dockerfile"]).within(project.path()).run();
    refused(dockerfile, 2, &["`new/Dockerfile` is not in commit ", "commit `new/Dockerfile` and push it"]);
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn a_signal_before_the_first_build_leaves_nothing_of_git() {
    let (project, _) = project("scratch");
    let (silent, scratch) = (TcpListener::bind("127.0.0.1:0").unwrap(), Tree::new());
    let namespace = Namespace::new();
    let url = format!("http://{}/app.git", silent.local_addr().unwrap());
    let running = compare(&namespace, &project, &url).env("TMPDIR", scratch.path()).spawn();
    // The question of git's; it gets no answer.
    let (mut question, _) = silent.accept().unwrap();
    assert!(scratch.path().read_dir().unwrap().next().is_some(), "git runs in a directory of its own");
    running.signal("INT");
    let finished = running.wait_at_most(Duration::from_secs(5));
    assert_eq!(finished.code, Some(130), "{}", finished.transcript());
    question.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    std::io::copy(&mut question, &mut std::io::sink()).expect("git's process is gone, and its connection closed");
    assert!(scratch.path().read_dir().unwrap().next().is_none());
}

#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn what_was_measured_before_a_signal_is_told() {
    let (project, served) = project(&base_image());
    let server = GitServer::start(served.path(), None);
    let namespace = Namespace::new();
    let url = format!("http://{}/app.git", server.address);
    let running = compare(&namespace, &project, &url).args(&["--runs=2", "-ojson"]).spawn();
    while !running.stderr().contains("build 3 of 4") {
        std::thread::sleep(Duration::from_millis(50));
    }
    running.signal("INT");
    let finished = running.wait_at_most(Duration::from_secs(60));
    assert_eq!(finished.code, Some(130), "{}", finished.transcript());
    let document: Value = serde_json::from_slice(&finished.stdout).unwrap();
    assert_eq!(document["runs"].as_array().unwrap().len(), 2);
    assert_eq!(document["unfinished"], "interrupted");
    assert!(seconds(&document["sides"]["git"]["median"]) > 0.0);
    namespace.assert_empty_soon();
}

/// The page in a real browser: it is drawn, and the numbers are in it.
#[test]
#[ignore = "needs the test cluster: scripts/test"]
fn the_page_shows_the_numbers_in_a_browser() {
    let (project, served) = project(&base_image());
    let server = GitServer::start(served.path(), None);
    let namespace = Namespace::new();
    let url = format!("http://{}/app.git", server.address);
    let finished = compare(&namespace, &project, &url).args(&["--runs=1", "-ohtml", "--model=20mbit,40ms"]).run();
    assert_eq!(finished.code, Some(0), "{}", finished.transcript());

    let page = project.write("compared.html", &finished.stdout);
    let picture = project.path().join("compared.png");
    let browser = |arguments: &[&str]| {
        let output = process::Command::new("chromium")
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1000,1400"])
            .arg(format!("--user-data-dir={}", project.path().join("profile").display()))
            .args(arguments)
            .arg(format!("file://{}", page.display()))
            .output()
            .expect("chromium is of Debian's package of that name");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let dom = browser(&["--dump-dom"]);
    for told in ["id=\"verdict\"", "local directory", "git context", "20mbit,40ms", "RUN sleep 0.4"] {
        assert!(dom.contains(told), "{told} is not in {dom}");
    }
    browser(&[&format!("--screenshot={}", picture.display())]);
    let drawn = std::fs::read(picture).unwrap();
    assert!(drawn.starts_with(b"\x89PNG") && drawn.len() > 20_000, "{} bytes", drawn.len());
    if let Some(kept) = std::env::var_os("KANIKO_LOCAL_KEEP_PAGE") {
        let kept = Path::new(&kept);
        std::fs::copy(&page, kept.join("compared.html")).unwrap();
        std::fs::write(kept.join("compared.png"), drawn).unwrap();
    }
}

/// What is computed for a slow link against what it takes over one, in `nodefaults`: whoever slows the link is alone.
#[expect(clippy::print_stdout, reason = "the figures, for whoever asks for them")]
pub(crate) fn a_slow_link_takes_what_is_computed_for_it(slow: impl Fn(u32), free: impl Fn()) {
    const BYTES: usize = 24 << 20;
    const LEAST: f64 = 0.85;
    let (project, served) = large_project(BYTES);
    let server = GitServer::start(served.path(), None);
    let namespace = Namespace::new();
    let url = format!("http://{}/app.git", server.address);
    let run = |runs: &str, arguments: &[String]| {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        document(&compare(&namespace, &project, &url).args(&[runs, "-ojson"]).args(&arguments).run())
    };
    let rates = [50, 25];
    // What others do on the machine meanwhile is less in the middle of three.
    let computed = run("--runs=3", &rates.map(|rate| format!("--model={rate}mbit")));
    for (rate, forecast) in rates.into_iter().zip(computed["forecasts"].as_array().unwrap()) {
        slow(rate);
        let measured = run("--runs=1", &[]);
        free();
        for side in ["local", "git"] {
            let phases = measured["sides"][side]["phases"].as_array().unwrap();
            let context = phases.iter().find(|phase| phase["phase"] == "context").unwrap();
            let share = seconds(&forecast["context"][side]) / seconds(&context["median"]);
            println!(
                "{rate} Mbit/s, {side}: computed {} s, measured {} s",
                forecast["context"][side], context["median"]
            );
            assert!((LEAST..1.0 / LEAST).contains(&share), "{rate} Mbit/s, {side}: {share:.3} of what was measured");
        }
    }
}

/// Content that takes a while over a slow link, in the directory and in the history.
fn large_project(bytes: usize) -> (Tree, Tree) {
    let (project, served) = project(&base_image());
    project.write("blob", incompressible(bytes));
    git(project.path(), &["add", "-A"]);
    git(project.path(), &["commit", "-qm", "a blob"]);
    git(project.path(), &["push", "-q", served.path().join("app.git").to_str().unwrap(), "HEAD"]);
    (project, served)
}

#[test]
fn what_cannot_be_compared_is_refused_with_the_reason() {
    let project = Tree::small();
    let refused = |arguments: &[&str]| {
        let tool = Tool::new(&["compare", "-t", "r.example.com/app"]).args(arguments);
        tool.within(project.path()).kubeconfig_nowhere().run()
    };
    assert_transcript!("compare_ssh", refused(&["--git=ssh://git@git.example.com:2222/team/app.git"]));
    assert_transcript!("compare_login", refused(&["--git=https://u:secret@git.example.com/app.git"]));
    assert_transcript!("compare_short_commit", refused(&["--git=https://git.example.com/app.git#1234abc"]));
    assert_transcript!("compare_stdin", refused(&["-", "--git=https://git.example.com/app.git"]));
    assert_transcript!("compare_save", refused(&["--git=https://git.example.com/app.git", "--save=a.pdf"]));
    assert_transcript!("compare_link", refused(&["--git=https://git.example.com/app.git", "--model=fast"]));
}

#[test]
fn help_of_compare() {
    assert_transcript!("help_compare", Tool::new(&["compare", "--help"]).run());
}

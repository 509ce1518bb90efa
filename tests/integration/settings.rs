//! `kaniko-local.toml` and `KANIKO_LOCAL_*` as a user meets them: with `manifest`, which asks no cluster.

use crate::process::assert_transcript;
use crate::support::tool::Tool;
use crate::support::tree::Tree;

fn project() -> Tree {
    Tree::small().file("deploy/Dockerfile", "FROM scratch\n").file("api/Dockerfile", "FROM scratch\n").file(
        "kaniko-local.toml",
        "tag = \"r.example.com/team/app:dev\"\nnamespace = \"ci\"\nmemory = \"2Gi\"\n[build-arg]\nTOKEN = \"hush\"\n",
    )
}

#[test]
fn the_daily_command_is_short_and_its_pod_is_that_of_the_long_one() {
    let project = project();
    let long = ["-t", "r.example.com/team/app:dev", "-n", "ci", "--memory=2Gi", "--build-arg=TOKEN=hush"];
    let short = Tool::new(&["manifest"]).within(project.path()).run();
    std::fs::remove_file(project.path().join("kaniko-local.toml")).unwrap();
    let long = Tool::new(&["manifest"]).args(&long).within(project.path()).run();
    // The names of both are random.
    let lines = |text: &str| -> Vec<String> {
        let is_random =
            |line: &&str| line.contains("kaniko-context-") || line.contains("instance") || line.contains(" k");
        text.lines().filter(|line| !is_random(line)).map(str::to_owned).collect()
    };
    assert_eq!(short.code, Some(0), "{}", short.transcript());
    assert_eq!(lines(short.stdout()), lines(long.stdout()));
    assert!(lines(short.stdout()).iter().any(|line| line.contains("--destination=r.example.com/team/app:dev")));
}

#[test]
fn a_directory_within_the_project_has_its_settings_too_but_not_those_above_its_repository() {
    let project = project();
    let pod = |directory: &str| Tool::new(&["manifest", directory]).within(project.path()).run();
    assert_eq!(pod("api").code, Some(0));
    std::fs::create_dir(project.path().join("api/.git")).unwrap();
    assert_eq!(pod("api").code, Some(2), "no destination");
}

#[test]
fn it_is_told_where_a_value_came_from_and_no_value_of_a_build_argument() {
    let project = project();
    let told = Tool::new(&["manifest", "-v", "--memory=1Gi"]).within(project.path());
    let told = told.env("KANIKO_LOCAL_CPU", "2").run();
    assert_eq!(told.code, Some(0), "{}", told.transcript());
    for line in
        ["--tag=r.example.com/team/app:dev set by ", "--cpu=2 set by KANIKO_LOCAL_CPU", "--build-arg=TOKEN=… set by "]
    {
        assert!(told.stderr.contains(line), "{line} is not in {}", told.stderr);
    }
    assert!(!told.stderr.contains("hush") && !told.stderr.contains("--memory"), "{}", told.stderr);
}

#[test]
fn of_a_value_that_is_none_it_is_told_where_it_was_set() {
    let project = Tree::small().file("kaniko-local.toml", "tag = \"r.example.com/app\"\nmemory = \"2gb\"\n");
    let file = Tool::new(&["manifest"]).within(project.path()).run();
    assert_eq!(file.code, Some(2), "{}", file.transcript());
    assert!(
        file.stderr.contains("\nnote: `--memory` is set by ") && file.stderr.contains("kaniko-local.toml\n"),
        "{}",
        file.stderr
    );
    let variable =
        Tool::new(&["manifest"]).within(project.path()).env("KANIKO_LOCAL_KEEP", "often").args(&["--memory=1Gi"]);
    assert!(!variable.run().stderr.contains("is set by"), "`manifest` keeps nothing");
    let choice =
        Tool::new(&["manifest", "--memory=1Gi"]).within(project.path()).env("KANIKO_LOCAL_SECURITY", "none").run();
    assert_eq!(choice.code, Some(2), "{}", choice.transcript());
    assert!(choice.stderr.contains("note: `--security` is set by KANIKO_LOCAL_SECURITY\n"), "{}", choice.stderr);
    let typed = Tool::new(&["manifest", "--memory=3gb"]).within(project.path()).run();
    assert!(!typed.stderr.contains("is set by"), "{}", typed.stderr);
}

#[test]
fn a_file_that_cannot_be_used_is_told_with_what_to_write() {
    for (name, text) in [("settings_key", "tags = [\"a\"]\n"), ("settings_type", "insecure = \"yes\"\n")] {
        let project = Tree::small().file("kaniko-local.toml", text);
        let finished = Tool::new(&["build"]).within(project.path()).kubeconfig_nowhere().run();
        match name {
            "settings_key" => assert_transcript!("settings_key", finished),
            _ => assert_transcript!("settings_type", finished),
        }
    }
}

//! Made-up cases in the real cluster: on a base image, with a `RUN` in the last stage, in a pod with all that Kubernetes
//! mounts there.

use std::collections::BTreeSet;
use std::process::Command;

use super::case::Case;
use super::{Verdict, findings, is_of_images, listed};
use crate::support::cluster::{Namespace, base_image};
use crate::support::oracle::{Asked, Image, Oracle};

/// Each is a pod.
const SEEDS: std::ops::Range<u64> = 600..624;

/// Differences that nobody can know before, and why.
const CANNOT_TELL: [(u64, &str); 2] = [
    (
        605,
        "`COPY --chmod=4755 … rel/`: the image's working directory; `ADD` of an archive with `./`: whether it has /app",
    ),
    (613, "`COPY --chmod=0644 … /opt/x/`: whether the image has /opt"),
];

/// Empty directories that runc mounts something on for a `RUN`, and BuildKit keeps.
const MOUNT_POINTS: [&[u8]; 3] = [b"dev", b"proc", b"sys"];

/// What follows each base image, so that a `RUN` sees what was there before, and what comes then lies over what it made.
const RUN: &str = "RUN mkdir -p /made/by && echo made > /made/by/run && chmod 1777 /made && ln -s made /link\n";

/// The case on a base image instead of nothing.
fn on_base(seed: u64) -> Case {
    let mut case = Case::of(seed);
    let base = base_image();
    let lines = case.dockerfile.split_inclusive('\n').map(|line| match line.strip_prefix("FROM scratch") {
        Some(rest) => format!("FROM {base}{rest}{RUN}"),
        None => line.to_owned(),
    });
    case.dockerfile = lines.collect();
    case
}

fn build(namespace: &Namespace, asked: Asked<'_>) -> Result<Image, String> {
    let destination = namespace.destination();
    let mut tool = namespace.tool(&["build", "--insecure", "--no-check", "-q", "-t", &destination]).arg(asked.context);
    for argument in asked.build_args {
        tool = tool.args(&["--build-arg", argument]);
    }
    if let Some(target) = asked.target {
        tool = tool.args(&["--target", target]);
    }
    let finished = tool.run();
    match finished.code {
        Some(0) => Ok(pull(&destination)),
        _ => Err(finished.stderr),
    }
}

fn pull(destination: &str) -> Image {
    let directory = tempfile::tempdir().unwrap();
    let archive = directory.path().join("image.tar");
    let skopeo = Command::new("skopeo")
        .args(["--insecure-policy", "copy", "-q", "--src-tls-verify=false"])
        .arg(format!("docker://{destination}"))
        .arg(format!("docker-archive:{}", archive.display()))
        .output()
        .expect("skopeo is needed: scripts/test installs it");
    assert!(skopeo.status.success(), "{}", String::from_utf8_lossy(&skopeo.stderr));
    Image::of_archive(&archive)
}

#[test]
#[ignore = "needs the test cluster and BuildKit: scripts/test"]
fn on_a_base_image_in_a_pod_it_is_the_image_that_docker_would_have_built_too() {
    let (oracle, namespace) = (Oracle::shared(), Namespace::new());
    let mut same = 0;
    let mut wrong = Vec::new();
    for seed in SEEDS {
        let case = on_base(seed);
        let docker = oracle.build(case.lay().asked()).map(|mut image| {
            image.files.retain(|path, _| !MOUNT_POINTS.contains(&&path[..]));
            image
        });
        let laid = case.lay();
        let codes: BTreeSet<String> = findings(laid.asked());
        let verdict = Verdict::of(&docker, build(&namespace, laid.asked()));
        let is_right = verdict.is_right(&docker);
        let is_told = !codes.is_empty()
            || matches!(&verdict, Verdict::Fails(said) if said.contains("error[image-incomplete]"))
            || CANNOT_TELL.iter().any(|(cannot, _)| *cannot == seed);
        let is_alarm = matches!(verdict, Verdict::Equal) && codes.iter().any(is_of_images);
        println!("{seed}: {} {codes:?}", verdict.word());
        same += usize::from(is_right);
        if is_alarm || !is_right && !is_told {
            let differences = if let Verdict::Differs(found) = &verdict { listed(found) } else { verdict.to_string() };
            wrong.push(format!("seed {seed}: {codes:?}\n{}\n{differences}", case.dockerfile));
        }
    }
    println!("{same} of {} as with Docker", SEEDS.count());
    assert!(wrong.is_empty(), "{} silent differences or false alarms:\n{}", wrong.len(), wrong.join("\n\n"));
    assert!(same >= 12, "only {same} are as with Docker");
}

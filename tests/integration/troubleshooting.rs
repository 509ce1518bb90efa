//! TROUBLESHOOTING.md: each code of a finding has a section, whose heading is the text that people look for and whose
//! sample is what the tool prints.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anstream::adapter::strip_str;
use flate2::Compression;
use flate2::write::GzEncoder;
use kaniko_local::code::Code;
use kaniko_local::context::advice::{Facts as ContextFacts, advice};
use kaniko_local::context::listing::Listing;
use kaniko_local::context::mounts::Mounts;
use kaniko_local::context::tarball::TarballError;
use kaniko_local::diagnose::facts::Facts;
use kaniko_local::diagnose::post_mortem::{Ended, Explained, Observed, causes};
use kaniko_local::diagnose::{Finding, manifest, rules};
use kaniko_local::error::{BuildError, ClusterError, ContextError, Error, UsageError};
use kaniko_local::executor::log::Log;
use kaniko_local::executor::resolve::{Setup, resolve};
use kaniko_local::report;

use serde_json::json;

use crate::process::careless;
use crate::support::double::{Ask, Double, Fault, What};
use crate::support::tool::Tool;
use crate::support::tree::{Tree, incompressible};

const TROUBLESHOOTING: &str = include_str!("../../TROUBLESHOOTING.md");

/// An error of each kind, with words that were seen.
fn errors() -> Vec<Error> {
    let path = PathBuf::from;
    vec![
        UsageError::NoDockerfile {
            given: path("Dockerfile"),
            tried: vec![(path("Dockerfile"), "not there"), (path("dockerfile"), "not there")],
            alike: vec![path("deploy/Dockerfile")],
        }
        .into(),
        ContextError::Io { action: "read", path: path("data/db"), source: std::io::Error::from_raw_os_error(13) }
            .into(),
        ContextError::Shrank { path: path("app.log"), expected: 4096, read: 1024 }.into(),
        ContextError::Stdin { why: TarballError::CutOff }.into(),
        ContextError::IgnoreFile { path: path(".dockerignore"), why: "line 3: malformed pattern `[a`".to_owned() }
            .into(),
        ClusterError::Unreachable {
            server: "https://10.0.0.1:6443".to_owned(),
            why: "ServiceError: client error (Connect): tcp connect error: Connection refused (os error 111)"
                .to_owned(),
        }
        .into(),
        ClusterError::Request {
            action: "create a pod in namespace `builds`".to_owned(),
            why: "https://10.0.0.1:6443 did not answer within 30 s".to_owned(),
        }
        .into(),
        refused(500, "InternalError", "Internal error occurred: etcdserver: request timed out"),
        refused(401, "Unauthorized", "Unauthorized"),
        refused(
            403,
            "Forbidden",
            r#"pods is forbidden: User "dev" cannot create resource "pods" in API group "" in the namespace "builds""#,
        ),
        refused(404, "NotFound", r#"namespaces "builds" not found"#),
        forbidden("unable to create new content in namespace builds because it is being terminated"),
        forbidden(r#"error looking up service account builds/ci: serviceaccount "ci" not found"#),
        forbidden(
            "exceeded quota: compute-resources, requested: limits.memory=4Gi, used: limits.memory=6Gi, limited: \
             limits.memory=8Gi",
        ),
        forbidden(
            "failed quota: compute-resources: must specify limits.cpu for: kaniko,receive-context; limits.memory for: \
             kaniko,receive-context",
        ),
        forbidden("maximum memory usage per Container is 2Gi, but limit is 4Gi"),
        ClusterError::PodSecurity {
            namespace: "builds".to_owned(),
            label: "pod-security.kubernetes.io/enforce: restricted".to_owned(),
        }
        .into(),
        forbidden(r#"violates PodSecurity "baseline:latest": hostPath volumes (volume "cache")"#),
        forbidden(
            "unable to validate against any security context constraint: [spec.containers[0].securityContext.runAsUser: \
             Invalid value: 0: must be in the ranges: [1000000000, 1000009999]]",
        ),
        refused(
            403,
            "Forbidden",
            r#"admission webhook "validation.gatekeeper.sh" denied the request: [must-have-owner] every pod needs an owner"#,
        ),
        refused(
            500,
            "InternalError",
            "Internal error occurred: failed calling webhook \"pods.example.com\": failed to call webhook: Post \
             \"https://pods.builds.svc:443/validate?timeout=10s\": dial tcp 10.0.0.9:443: connect: connection refused",
        ),
        refused(
            422,
            "Invalid",
            "Pod \"kaniko-app-9b0dba99\" is invalid: spec.containers[0].image: Invalid value: \" executor:v1\": must not \
             have leading or trailing whitespace",
        ),
        ClusterError::Unschedulable {
            pod: "kaniko-app-9b0dba99".to_owned(),
            message: "0/3 nodes are available: 3 Insufficient memory. preemption: 0/3 nodes are available: 3 No \
                      preemption victims found for incoming pod."
                .to_owned(),
        }
        .into(),
        ClusterError::ImagePull {
            container: "receive-context".to_owned(),
            image: "gcr.io/kaniko-project/executor:v1.24.0-debug".to_owned(),
            reason: "ImagePullBackOff".to_owned(),
            message: "Back-off pulling image \"gcr.io/kaniko-project/executor:v1.24.0-debug\"".to_owned(),
        }
        .into(),
        ClusterError::ContainerStart {
            container: "kaniko".to_owned(),
            reason: "CreateContainerConfigError".to_owned(),
            message: "secret \"push\" not found".to_owned(),
        }
        .into(),
        ended(
            128,
            "StartError",
            "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create \
             failed: unable to start container process: exec: \"sh\": executable file not found in $PATH: unknown",
        ),
        ended(137, "OOMKilled", ""),
        pod_ended("Evicted", "The node was low on resource: memory. Threshold quantity: 100Mi, available: 90Mi."),
        pod_ended("Evicted", "Pod ephemeral local storage usage exceeds the total limit of containers 4Gi."),
        pod_ended("Deleted", "somebody deleted it"),
        pod_ended("NodeLost", "Node worker-2 which was running pod kaniko-app-9b0dba99 is unresponsive"),
        ClusterError::UploadBroken { sent: Some(27_500_000), why: "no byte was accepted for 60 s".to_owned() }.into(),
        ClusterError::Receiver { code: 65, said: "a frame arrived damaged".to_owned() }.into(),
        Error::Deadline { timeout: Duration::from_secs(3600), trouble: None },
        failed(1, "Error: cache flags invalid: if using cache with --no-push, specify cache repo with --cache-repo"),
        BuildError::OutOfMemory { limit: Some("1Gi".to_owned()) }.into(),
        BuildError::Incomplete { said: "Couldn't eval /app/loop with link /app/loop".to_owned() }.into(),
        BuildError::NoDigest { found: String::new() }.into(),
        failed(
            1,
            "error checking push permissions -- make sure you entered the correct tag name, and that you are \
             authenticated correctly, and try again: checking push permission for \"registry.example.com/team/app:dev\": \
             POST https://registry.example.com/v2/team/app/blobs/uploads/: UNAUTHORIZED: authentication required",
        ),
        push_check("tls: failed to verify certificate: x509: certificate signed by unknown authority"),
        push_check("http: server gave HTTP response to HTTPS client"),
        push_check("dial tcp 10.0.0.5:443: connect: connection refused"),
        failed(
            1,
            "error building image: unable to complete operation after 0 attempts, last error: GET \
             https://registry.example.com/v2/team/base/manifests/1: MANIFEST_UNKNOWN: manifest unknown; map[Tag:1]",
        ),
    ]
}

fn refused(code: u16, reason: &str, message: &str) -> Error {
    let action = "create a pod in namespace `builds`".to_owned();
    ClusterError::Refused { action, reason: reason.to_owned(), message: message.to_owned(), code }.into()
}

fn forbidden(why: &str) -> Error {
    refused(403, "Forbidden", &format!("pods \"kaniko-app-9b0dba99\" is forbidden: {why}"))
}

fn ended(code: i32, reason: &str, message: &str) -> Error {
    let (reason, message) = (reason.to_owned(), message.to_owned());
    ClusterError::ContainerEnded { container: "receive-context".to_owned(), code, reason, message }.into()
}

fn pod_ended(reason: &str, message: &str) -> Error {
    let (reason, message) = (reason.to_owned(), message.to_owned());
    ClusterError::PodEnded { pod: "kaniko-app-9b0dba99".to_owned(), reason, message }.into()
}

fn failed(code: i32, said: &str) -> Error {
    BuildError::Failed { code, said: Some(said.to_owned()), at: None }.into()
}

fn push_check(why: &str) -> Error {
    failed(
        1,
        &format!(
            "error checking push permissions -- make sure you entered the correct tag name, and that you are \
             authenticated correctly, and try again: checking push permission for \"registry.example.com/team/app:dev\": \
             creating push check transport for registry.example.com failed: Get \"https://registry.example.com/v2/\": {why}"
        ),
    )
}

type Words = &'static [&'static str];

/// For each code about an executor: the files in the directory where `check` is called, told as `path`, `path=content`,
/// `path -> target` or `path (socket)`; what `check` gets before `--`; the executor's arguments.
const EXECUTORS: &[(Code, Words, Words, Words)] = &[
    (Code::DockerfileMissing, &["deploy/Dockerfile"], &[], &["--context=dir:///workspace", "--no-push"]),
    (Code::DockerfileLetterCase, &["dockerfile"], &[], &["--context=dir:///workspace", "--no-push"]),
    (
        Code::DockerfileUnusable,
        &["Dockerfile -> ../shared/Dockerfile"],
        &[],
        &["--context=dir:///workspace", "--no-push"],
    ),
    (
        Code::DockerfileShadowed,
        &["Dockerfile=FROM a", "api/Dockerfile=FROM b"],
        &["--mount=.:/workspace"],
        &["--context=dir:///workspace/api", "--no-push"],
    ),
    (Code::DockerfileUrl, &[], &[], &["--dockerfile=https://github.com/team/app/blob/main/Dockerfile", "--no-push"]),
    (
        Code::DockerfileOutsideContext,
        &["Dockerfile"],
        &[],
        &["--context=tar://stdin", "--dockerfile=/workspace/Dockerfile", "--no-push"],
    ),
    (
        Code::IgnoreFileUnread,
        &["api/Dockerfile", "api/.dockerignore"],
        &[],
        &["--context=dir:///workspace", "--dockerfile=api/Dockerfile", "--no-push"],
    ),
    (
        Code::PathOfThisMachine,
        &["app/docker/Dockerfile"],
        &["app"],
        &["--context=dir:///workspace", "--dockerfile=app/docker/Dockerfile", "--no-push"],
    ),
    (Code::WorkingDirectory, &["Dockerfile"], &["--mount=.:/workspace", "--workdir=/"], &["--context=.", "--no-push"]),
    (
        Code::ContextRepeated,
        &["Dockerfile"],
        &[],
        &["--context=dir:///workspace", "--dockerfile=workspace/Dockerfile", "--no-push"],
    ),
    (Code::ContextTwoSlashes, &["Dockerfile"], &[], &["--context=dir://workspace", "--no-push"]),
    (
        Code::ContextMissing,
        &["Dockerfile"],
        &["--mount=.:/workspace"],
        &["--context=dir:///workspace/api", "--no-push"],
    ),
    (Code::ContextIsRoot, &["Dockerfile"], &["--mount=.:/workspace"], &["--context=/", "--no-push"]),
    (Code::ContextEmpty, &["Dockerfile"], &[], &["--context=", "--no-push"]),
    (Code::ContextScheme, &["Dockerfile"], &["--mount=.:/workspace"], &["--context=file:///workspace", "--no-push"]),
    (Code::SubPathIgnored, &["api/Dockerfile"], &[], &["--context=/workspace", "--context-sub-path=api", "--no-push"]),
    (
        Code::SubPathMissing,
        &["api/Dockerfile"],
        &[],
        &["--context=dir:///workspace", "--context-sub-path=Api", "--no-push"],
    ),
    (
        Code::ArchiveMissing,
        &["context.tgz"],
        &["--mount=.:/archives"],
        &["--context=tar:///archives/contxt.tgz", "--no-push"],
    ),
    (
        Code::ArchiveNotGzip,
        &["context.tar=PK\x03\x04 and so on"],
        &["--mount=.:/archives"],
        &["--context=tar:///archives/context.tar", "--no-push"],
    ),
    (
        Code::IgnorePatternWeaker,
        &["Dockerfile=FROM node\nCOPY . /app\n", ".dockerignore=**/node_modules\n", "node_modules/left-pad/index.js"],
        &[],
        &["--context=dir:///workspace", "--no-push"],
    ),
    (
        Code::ContextSpecialFile,
        &["Dockerfile=FROM alpine\nCOPY . /app\n", "run/a", "run/app.sock (socket)"],
        &[],
        &["--context=dir:///workspace", "--no-push"],
    ),
    (
        Code::DependenciesUncached,
        &["Dockerfile=FROM maven:3-eclipse-temurin-17\nWORKDIR /src\nCOPY . .\nRUN mvn -B package\n", "pom.xml"],
        &[],
        &["--context=dir:///workspace", "--destination=registry.example.com/team/app:dev", "--cache"],
    ),
    (
        Code::InsecurePullMissing,
        &["Dockerfile=FROM registry.example.com/base/java:17\nCOPY . /app\n"],
        &[],
        &["--context=dir:///workspace", "--destination=registry.example.com/team/app:dev", "--insecure"],
    ),
    (
        Code::RunInMount,
        &["Dockerfile=FROM node\nWORKDIR /workspace\nCOPY . .\nRUN npm ci\n"],
        &[],
        &["--context=dir:///workspace", "--no-push"],
    ),
    (Code::ArchiveTopDirectory, &["project/Dockerfile"], &[], &["--context=tar://stdin", "--no-push"]),
    (
        Code::BucketRegression,
        &[],
        &["--executor=upstream@v1.9.0"],
        &["--context=s3://builds/context.tar.gz", "--no-push"],
    ),
    (Code::GitAddress, &[], &[], &["--context=git@github.com:team/app.git", "--no-push"]),
    (Code::GitScpAddress, &[], &[], &["--context=git://git@github.com:team/app.git", "--no-push"]),
    (Code::GitTwoSchemes, &[], &[], &["--context=git://https://github.com/team/app.git", "--no-push"]),
    (
        Code::GitBranchRegression,
        &[],
        &["--executor=upstream@v1.7.0"],
        &["--context=git://gitlab.com/team/app.git#refs/heads/main", "--no-push"],
    ),
    (Code::GitPullRequest, &[], &[], &["--context=git://git.example.com/team/app.git#refs/pull/7/head", "--no-push"]),
    (Code::SwitchValue, &[], &[], &["--cache", "true", "--no-push"]),
    (Code::ExecutorPath, &[], &[], &["/kaniko/executor", "--no-push"]),
    (Code::TypographicDash, &[], &[], &["–context=dir:///workspace", "--no-push"]),
    (Code::SingleDash, &[], &[], &["-context=dir:///workspace", "--no-push"]),
    (Code::FlagAsValue, &[], &[], &["--cache-repo", "--destination=registry.example.com/team/app"]),
    (Code::ArgumentsInOne, &[], &[], &["--registry-certificate registry.example.com=/ca.crt", "--no-push"]),
    (
        Code::QuotedValue,
        &["docker/Dockerfile"],
        &[],
        &["--context=dir:///workspace", "--dockerfile=\"docker/Dockerfile\"", "--no-push"],
    ),
    (Code::VariableNotExpanded, &["Dockerfile"], &[], &["--destination=registry.example.com/team/app:${TAG}"]),
    (Code::UnknownFlag, &[], &[], &["--preserve-context", "--no-push"]),
    (Code::NoDestination, &[], &[], &["--context=dir:///workspace"]),
    (Code::DestinationMalformed, &["Dockerfile"], &[], &["--destination=registry.example.com/Team/app:V1"]),
    (Code::ExecutorArguments, &[], &[], &["--cache-ttl=1d", "--no-push"]),
];

/// What `check` prints about an executor that is called in a directory with these files.
fn of_executor(files: &[&str], options: &[&str], arguments: &[&str]) -> String {
    let tree = files.iter().fold(Tree::new(), |tree, thing| match (thing.split_once(" -> "), thing.split_once('=')) {
        (Some((path, target)), _) => tree.link(path, target),
        (None, Some((path, content))) => tree.file(path, content),
        (None, None) => match thing.strip_suffix(" (socket)") {
            Some(path) => {
                drop(UnixListener::bind(tree.path().join(path)).unwrap());
                tree
            }
            None => tree.file(thing, "FROM scratch\n"),
        },
    });
    let finished = Tool::new(&["check"]).args(options).arg("--").args(arguments).within(tree.path()).run();
    finished.stdout().to_owned()
}

/// What `check` prints about an executor that gets this archive.
fn of_archive(archive: &[u8]) -> String {
    let tree = Tree::new().file("context.tar.gz", archive);
    let check =
        Tool::new(&["check", "--mount=.:/archives", "--", "--context=tar:///archives/context.tar.gz", "--no-push"]);
    check.within(tree.path()).run().stdout().to_owned()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// A tar archive of a hard link, and of what it leads to behind it.
fn link_before_its_target() -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(0);
    header.set_entry_type(tar::EntryType::Link);
    builder.append_link(&mut header, "docs/LICENSE", "LICENSE").unwrap();
    header.set_entry_type(tar::EntryType::Regular);
    builder.append_data(&mut header, "LICENSE", &b""[..]).unwrap();
    builder.into_inner().unwrap()
}

/// For each code that only a log tells: the log, down to the executor's last words.
const LOGS: &[(Code, &str)] = &[
    (
        Code::RunFailed,
        "INFO[0000] Building stage 'golang:1.24' [idx: '0', base-idx: '-1']\n\
         INFO[0000] Unpacking rootfs as cmd RUN go build -o /app ./... requires it.\nINFO[0009] RUN go build -o /app ./...\n\
         INFO[0009] Running: [/bin/sh -c go build -o /app ./...]\n# example.com/app\n./main.go:9:2: undefined: Version\n\
         error building image: error building stage: failed to execute command: waiting for process to exit: exit status 1",
    ),
    (Code::ContextStreamEmpty, "Error: error resolving source context: EOF"),
    (Code::ContextStreamCut, "Error: error resolving source context: unexpected EOF"),
    (Code::ArchiveDamaged, "Error: error resolving source context: flate: corrupt input before offset 5312"),
    (Code::ContextDownload, "Error: error resolving source context: HTTPSTar bad status from server: 403 Forbidden"),
    (
        Code::BucketLogin,
        "Error: error resolving source context: NoCredentialProviders: no valid providers in chain. Deprecated.",
    ),
    (Code::GitLogin, "Error: error resolving source context: authentication required"),
    (Code::GitReference, "Error: error resolving source context: reference not found"),
    (Code::GitWorktree, "Error: error resolving source context: worktree contains unstaged changes"),
    (
        Code::GitServer,
        "Error: error resolving source context: unexpected client error: unexpected requesting \
         \"https://dev.azure.com/team/app/_git/app/git-upload-pack\" status code: 400",
    ),
    (
        Code::ContainerNotRecognised,
        "kaniko should only be run inside of a container, run with the --force flag if you are sure you want to continue",
    ),
    (
        Code::ContextNotKept,
        "INFO[0031] Deleting filesystem...\nerror building image: error building stage: failed to get files used from context: \
         failed to get fileinfo for /workspace/run.sh: lstat /workspace/run.sh: no such file or directory",
    ),
    (
        Code::StageFileMissing,
        "INFO[0031] Deleting filesystem...\nerror building image: error building stage: failed to get files used from context: \
         failed to get fileinfo for /kaniko/0/src/app: lstat /kaniko/0/src/app: no such file or directory",
    ),
    (
        Code::MountInTheWay,
        "error building image: deleting file system after stage 0: unlinkat //product_uuid: device or resource busy",
    ),
    (
        Code::RegistryCertificateTime,
        "error checking push permissions -- make sure you entered the correct tag name, and that you are authenticated correctly, \
         and try again: checking push permission for \"registry.example.com/team/app:dev\": creating push check transport for \
         registry.example.com failed: Get \"https://registry.example.com/v2/\": tls: failed to verify certificate: x509: \
         certificate has expired or is not yet valid: current time 2026-11-26T21:14:17Z is after 2026-11-01T00:00:00Z",
    ),
    (
        Code::RegistryCertificateName,
        "error checking push permissions -- make sure you entered the correct tag name, and that you are authenticated correctly, \
         and try again: checking push permission for \"10.0.0.5:5000/team/app:dev\": creating push check transport for \
         10.0.0.5:5000 failed: Get \"https://10.0.0.5:5000/v2/\": tls: failed to verify certificate: x509: cannot validate \
         certificate for 10.0.0.5 because it doesn't contain any IP SANs",
    ),
    (
        Code::RegistryRateLimit,
        "error building image: unable to complete operation after 0 attempts, last error: GET \
         https://index.docker.io/v2/library/golang/manifests/1.24: TOOMANYREQUESTS: You have reached your unauthenticated pull \
         rate limit. https://www.docker.com/increase-rate-limit",
    ),
    (
        Code::RegistryLayerSize,
        "error pushing image: failed to push to destination registry.example.com/team/app:dev: PATCH \
         https://registry.example.com/v2/team/app/blobs/uploads/0f: unexpected status code 413 Request Entity Too Large",
    ),
    (Code::BaseImageMalformed, "error building image: could not parse reference: Golang:1.24"),
    (
        Code::OtherArchitecture,
        "error building image: error building stage: failed to execute command: starting command: fork/exec /bin/sh: exec \
         format error",
    ),
];

/// What `explain --log` prints about a log of a build that failed.
fn of_log(text: &str) -> String {
    let log = Log::of(text);
    let causes = causes(&Observed {
        ended: Ended::Failed,
        is_ours: false,
        log: &log,
        setup: None,
        with_context: &[],
        roots: &[],
        is_context_mounted: false,
        project: None,
    });
    plain(&report::explained_text(&Explained { pod: None, state: "the build failed", causes }))
}

/// What is found where nothing is sent to standard input, which `check` cannot know of.
fn without_stdin() -> Vec<Finding> {
    let arguments = ["--context=tar://stdin".to_owned(), "--no-push".to_owned()];
    let files = Mounts::new(&[]);
    let setup = Setup::new(&arguments, &files);
    let (resolution, places) = (resolve(&setup), BTreeMap::new());
    rules::findings(&Facts { setup: &setup, resolution: &resolution, mounts: &[], here: &[], places: &places })
}

/// Lines of a pod's container and of its spec, in each of which one thing is wrong.
const PODS: &[(&str, &str)] = &[
    (GIT, "securityContext:\n  runAsUser: 1000\n"),
    (
        "args: [\"--context=git://example.com/a/b.git\", \"--no-push\"]\nsecurityContext:\n  capabilities:\n    drop: [ALL]\n    add: [CHOWN, SETGID, SETUID]\n",
        "",
    ),
    (
        "args: [\"--context=git://example.com/a/b.git\", \"--no-push\"]\nsecurityContext:\n  readOnlyRootFilesystem: true\n",
        "",
    ),
    (
        "args: [\"--context=git://example.com/a/b.git\", \"--destination=registry.example.com/a/b\", \"--cache\"]\nresources:\n  \
         limits:\n    memory: 512Mi\n",
        "",
    ),
    ("args: [\"--context=tar://stdin\", \"--no-push\"]\nstdin: true\n", "restartPolicy: Never\n"),
    ("args: [\"--context=tar://stdin\", \"--no-push\"]\nstdin: true\nstdinOnce: true\n", "restartPolicy: OnFailure\n"),
    (
        "args: [\"--context=git://example.com/a/b.git\", \"--no-push\", \"--kaniko-dir=/data\"]\nvolumeMounts:\n- name: login\n  \
         mountPath: /kaniko/.docker\n",
        "",
    ),
    ("command: [sleep, infinity]\n", ""),
    (
        "image: registry.example.com/ci/builder\ncommand: [/kaniko/executor]\nargs: [\"--no-push\", \"--context=git://example.com/a/b.git\"]\n",
        "",
    ),
    (
        LOGIN,
        "volumes:\n- name: login\n  secret:\n    secretName: login\n    items:\n    - key: .dockerconfigjson\n      path: .docker/config.json\n",
    ),
    (
        "args: [\"--context=git://example.com/a/b.git\", \"--no-push\"]\nvolumeMounts:\n- name: login\n  mountPath: \
         /kaniko/.docker/config.json\n",
        "volumes:\n- name: login\n  secret:\n    secretName: login\n",
    ),
    (
        "args: [\"--context=git://example.com/a/b.git\", \"--no-push\"]\nvolumeMounts:\n- name: ca\n  mountPath: /kaniko/ssl/certs\n",
        "volumes:\n- name: ca\n  configMap:\n    name: ca\n",
    ),
    (
        "image: martizih/kaniko:v1.28.3\nargs: [\"--context=git://example.com/a/b.git\", \"--no-push\"]\nenv:\n- name: DOCKER_AUTH_CONFIG\n  \
         value: \"{}\"\nvolumeMounts:\n- name: login\n  mountPath: /kaniko/.docker\n",
        "",
    ),
    (
        "args: [\"--context=git://example.com/a/b.git\", \"--no-push\"]\nvolumeMounts:\n- name: apt\n  mountPath: /var/cache/apt\n",
        "",
    ),
];

/// A pod that pushes to Docker Hub, and has nothing to log in with.
fn without_login() -> String {
    pod(&GIT.replace("--no-push", "--destination=team/app:1"), "")
}

/// A container that does nothing wrong.
const GIT: &str = "args: [\"--context=git://example.com/a/b.git\", \"--no-push\"]\n";
/// One with a login.
const LOGIN: &str = "args: [\"--context=git://example.com/a/b.git\", \"--no-push\"]\nvolumeMounts:\n- name: login\n  mountPath: \
                     /kaniko/.docker\n";

/// A pod with these lines of its container and of its spec.
fn pod(container: &str, spec: &str) -> String {
    let image = if container.contains("image:") { "" } else { "    image: gcr.io/kaniko-project/executor:v1.24.0\n" };
    let indented = |lines: &str, by: &str| lines.lines().map(|line| format!("{by}{line}\n")).collect::<String>();
    let (container, spec) = (indented(container, "    "), indented(spec, "  "));
    format!("kind: Pod\nmetadata:\n  name: build\nspec:\n  containers:\n  - name: kaniko\n{image}{container}{spec}")
}

/// A pod that a service mesh takes in.
fn meshed() -> String {
    let name = "  name: build\n";
    pod(GIT, "").replace(name, &format!("{name}  annotations:\n    sidecar.istio.io/inject: \"true\"\n"))
}

/// A pod with a login to Docker Hub, and that login.
fn on_docker_hub() -> String {
    let volumes = "volumes:\n- name: login\n  secret:\n    secretName: login\n    items:\n    - key: .dockerconfigjson\n      path: config.json\n";
    let container = LOGIN.replace("--no-push", "--destination=team/app:1");
    let secret = "---\nkind: Secret\nmetadata:\n  name: login\nstringData:\n  .dockerconfigjson: |\n    {\"auths\": {\"docker.io\": {\"auth\": \"eDp5\"}}}\n";
    pod(&container, volumes) + secret
}

/// What is printed about a manifest.
fn of_manifest(text: &str) -> BTreeMap<Code, String> {
    let found = manifest::findings(Path::new("pod.yaml"), text, &[], &Mounts::new(&[])).unwrap();
    found.iter().map(|finding| (finding.code, plain(&report::finding_text(finding)))).collect()
}

/// Manifests that are not of the usual form.
const MANIFESTS: &[&str] = &[
    "kind: Pod\nmetadata: {name: build}\nspec:\n  containers:\n  - name: kaniko\n    \
         image: gcr.io/kaniko-project/executor\n    securityContext:\n      privileged: true\n",
    "kind: Pod\n",
    "kind: Pod\nspec:\n  containers:\n  - name: kaniko\n    image: gcr.io/kaniko-project/executor\n    \
         args: [\"--dockerfile=/workspace/dockerfile\", \"--context=dir:///workspace\", \"--no-push\"]\n    volumeMounts:\n    \
         - {name: source, mountPath: /workspace}\n  volumes:\n  - name: source\n    hostPath:\n      path: /home/me/project\n",
    "kind: Pod\nspec:\n  containers:\n  - name: kaniko\n    image: gcr.io/kaniko-project/executor\n    \
         args: [\"--context=dir:///workspace\", \"--no-push\"]\n    volumeMounts:\n    \
         - {name: source, mountPath: /workspace}\n  volumes:\n  - name: source\n    emptyDir: {}\n",
    "kind: Pod\nspec:\n  containers:\n  - name: kaniko\n    image: gcr.io/kaniko-project/executor\n    \
         args: [\"--context=dir:///workspace\", \"--no-push\"]\n    volumeMounts:\n    \
         - {name: source, mountPath: /workspace}\n  volumes:\n  - name: source\n    configMap: {name: source}\n",
    "kind: Pod\nspec:\n  containers:\n  - name: kaniko\n    image: gcr.io/kaniko-project/executor\n    \
         args: [\"--context=/home/me/app\", \"--no-push\"]\n",
    "kind: Pod\nspec:\n  containers:\n  - name: kaniko\n    image: gcr.io/kaniko-project/executor\n    \
         args: [\"--context=git://example.com/a/b.git\", \"--no-push\"]\n    volumeMounts:\n    \
         - name: cache\n      mountPath: /kaniko\n",
    "kind: Pod\nspec:\n  containers:\n  - name: kaniko\n    image: gcr.io/kaniko-project/executor\n    \
         command: [\"--dockerfile=/usr/src/Dockerfile\", \"--no-push\"]\n",
];

/// Dockerfiles, and the codes of what is found in them.
const DOCKERFILES: &[(&str, &[Code])] = &[
    ("FROM scratch\nCPY a b\n", &[Code::DockerfileSyntax]),
    ("FROM scratch\nCOPY <<E /e\nx\nE\n", &[Code::DockerfileRefused]),
    ("FROM scratch\nCOPY --parents src/App.java /o/\n", &[Code::InstructionFlagUnknown]),
    ("FROM golang\nRUN --network=none go test ./...\n", &[Code::InstructionFlagIgnored]),
    ("FROM debian\nCOPY conf/v2.yaml /conf/.wh.v1.yaml\n", &[Code::CopyWhiteout]),
    ("FROM debian\nADD https://github.com/example/tool.git /src/tool\n", &[Code::AddRepository]),
    ("FROM debian\nCOPY --from=redis /usr/lib/libssl.so.3 /usr/lib/\n", &[Code::CopyLinkUnknown]),
    ("FROM scratch\nCOPY loops /loops\n", &[Code::SymlinkLoop]),
    ("FROM alpine\nRUN <<EOF\necho\nEOF\n", &[Code::RunHeredoc]),
    ("FROM golang\nRUN --mount=source=go.mod,target=go.mod go mod download\n", &[Code::RunMount]),
    ("FROM debian\nCOPY app.yaml /etc/\n", &[Code::CopySourceSymlink]),
    ("FROM debian\nARG TARGETARCH\n", &[Code::PlatformArgumentEmpty]),
    ("FROM scratch\nLABEL a=b\nCOPY conf/v2.yaml /etc/hosts\n", &[Code::ImageFilesMissing]),
    ("FROM scratch AS s\nCOPY bin /bin\nFROM scratch\nCOPY --from=s /bin /\n", &[Code::ImageModesDiffer]),
    ("FROM scratch AS s\nCOPY bin /bin\nFROM scratch\nCOPY --from=s /bin/run /app\n", &[Code::ImageFilesDiffer]),
    ("FROM scratch\nWORKDIR /app\nCOPY --chown=1:2 conf .\n", &[Code::ImageOwnersDiffer]),
    ("FROM debian\nEXPOSE 3000-3001\n", &[Code::ImageSettingsDiffer]),
    ("FROM scratch\nCOPY conf /f\nCOPY opt* /o/\n", &[Code::ImageHoldsExecutor]),
    ("FROM scratch\nCOPY gone /o\n", &[Code::DockerBuildFails]),
    (
        "FROM scratch\nCOPY src/App.java /src/\nCOPY Src /src/\nCOPY ../shared /\nCOPY app.jar /\nCOPY target/*.jar /z/\nCOPY src \
             build /w\n",
        &[
            Code::CopySourceIgnored,
            Code::CopySourceLetterCase,
            Code::CopySourceOutside,
            Code::CopySourceMissing,
            Code::CopyPatternUnmatched,
            Code::CopyDestination,
        ],
    ),
];

/// What is printed of a Dockerfile.
fn of_dockerfile(dockerfile: &str) -> String {
    let tree = Tree::new()
        .file("Dockerfile", dockerfile)
        .file(".dockerignore", "src/*.java\n")
        .file("src/App.java", "")
        .file("build/libs/app.jar", "")
        .file("loops/a", "")
        .file("conf/v2.yaml", "")
        .link("app.yaml", "conf/v2.yaml")
        .link("gone", "no")
        .of_mode("bin/su", "", 0o4755)
        .link("bin/run", "su")
        .link("loops/self", "self");
    Tool::new(&["check", "--fidelity=warn"]).within(tree.path()).run().stdout().to_owned()
}

/// What is printed for a finding of each code.
fn printed() -> BTreeMap<Code, String> {
    let mut printed: BTreeMap<Code, String> =
        errors().iter().map(|error| (error.code().unwrap(), plain(&report::error_text(error)))).collect();
    printed.extend(MANIFESTS.iter().flat_map(|manifest| of_manifest(manifest)));
    printed.extend(PODS.iter().flat_map(|(container, spec)| of_manifest(&pod(container, spec))));
    printed.extend(of_manifest(&meshed()));
    printed.extend(of_manifest(&without_login()));
    printed.extend(of_manifest(&on_docker_hub()));
    printed.extend(
        EXECUTORS.iter().map(|(code, files, options, arguments)| (*code, of_executor(files, options, arguments))),
    );
    printed.insert(Code::ArchiveCompressedTwice, of_archive(&gzip(&gzip(&incompressible(4096)))));
    printed.insert(Code::ArchiveHardLink, of_archive(&gzip(&link_before_its_target())));
    printed.extend(without_stdin().iter().map(|finding| (finding.code, plain(&report::finding_text(finding)))));
    printed.extend(LOGS.iter().map(|(code, text)| (*code, of_log(text))));
    printed.extend(asked());
    let tree = careless();
    let careless = Tool::new(&["context", "ls"]).within(tree.path()).run().stderr;
    for code in [Code::ContextSecret, Code::ContextUnintended] {
        printed.insert(code, careless.clone());
    }
    let without_modes = ContextFacts { without_modes: true, ..ContextFacts::default() };
    let advice = advice(&Listing::default(), &without_modes);
    printed.insert(Code::ContextModes, plain(&report::advice_text(&advice)));
    for (dockerfile, codes) in DOCKERFILES {
        let text = of_dockerfile(dockerfile);
        printed.extend(codes.iter().map(|code| (*code, text.clone())));
    }
    let tree = Tree::new().file("Dockerfile", "FROM scratch\nCOPY * /w/\n").file("src/App.java", "");
    printed.insert(Code::ImageFilesAdded, Tool::new(&["check"]).within(tree.path()).run().stdout().to_owned());
    printed
}

/// What is told of a cluster that was asked.
fn asked() -> Vec<(Code, String)> {
    let secret = json!({"type": "kubernetes.io/basic-auth", "data": {"username": "bWU=", "password": "bWU="}});
    let info = json!({
        "architecture": "amd64", "operatingSystem": "linux", "bootID": "", "containerRuntimeVersion": "", "machineID": "",
        "kernelVersion": "", "kubeProxyVersion": "", "kubeletVersion": "", "osImage": "", "systemUUID": "",
    });
    let nodes = json!({"metadata": {}, "items": [{"metadata": {}, "status": {"nodeInfo": info}}]});
    let tree = Tree::new().file("Dockerfile", "FROM scratch\n");
    [
        (
            Code::RegistrySecretNotFound,
            Fault::always(Ask::ReadSecret, What::Says(404, "secrets \"push\" not found")),
            "--registry-secret=push",
        ),
        (Code::RegistrySecretUnusable, Fault::always(Ask::ReadSecret, What::Answers(secret)), "--registry-secret=push"),
        (Code::PlatformWithoutNode, Fault::always(Ask::Nodes, What::Answers(nodes)), "--platform=linux/arm64"),
    ]
    .map(|(code, fault, flag)| {
        let finished = Double::start(vec![fault]).check(&tree).args(&["-n", "builds", flag]).run();
        (code, finished.stdout().to_owned())
    })
    .to_vec()
}

fn plain(text: &str) -> String {
    strip_str(text).to_string()
}

/// The sections by heading.
fn sections() -> Vec<(&'static str, &'static str)> {
    TROUBLESHOOTING.split("\n## ").skip(1).filter_map(|section| section.split_once('\n')).collect()
}

/// The samples in a section.
fn samples(section: &str) -> impl Iterator<Item = &str> {
    section.split("```text\n").skip(1).filter_map(|rest| rest.split_once("```")).map(|(sample, _)| sample)
}

#[test]
fn every_code_has_a_section_whose_sample_is_what_is_printed() {
    let printed = printed();
    for code in Code::ALL {
        let text = printed.get(code).unwrap_or_else(|| panic!("no sample of {}", code.name()));
        let label = format!("[{}]: ", code.name());
        let mut found = sections().into_iter().filter_map(|(heading, section)| {
            samples(section)
                .find(|sample| sample.lines().next().is_some_and(|title| title.contains(&label)))
                .map(|sample| (heading, sample))
        });
        let (heading, sample) =
            found.next().unwrap_or_else(|| panic!("no section has a sample of {}:\n{text}", code.name()));
        assert!(text.contains(sample), "what is printed for {} is\n{text}\nbut the sample is\n{sample}", code.name());
        assert!(opens_with_literal_text(heading, sample), "`{heading}` is not in\n{sample}");
        assert!(found.next().is_none(), "{} has two sections", code.name());
    }
}

#[test]
fn every_sample_is_of_a_code_that_there_is() {
    let known: BTreeSet<&str> = Code::ALL.iter().map(|code| code.name()).collect();
    for (heading, section) in sections() {
        for sample in samples(section) {
            let code = sample.split_once('[').and_then(|(_, rest)| rest.split_once("]: ")).map(|(code, _)| code);
            assert!(code.is_some_and(|code| known.contains(code)), "{heading}: {sample}");
        }
    }
}

/// The heading's text is the sample's, in order; `<…>` stands for what differs from case to case.
fn opens_with_literal_text(heading: &str, sample: &str) -> bool {
    let (heading, sample) = (heading.replace('`', ""), sample.replace('`', "").replace("\n  ", " "));
    let mut rest = sample.as_str();
    let mut pieces = heading.split('<').enumerate().map(|(index, piece)| match index {
        0 => piece,
        _ => piece.split_once('>').map_or("", |(_, piece)| piece),
    });
    !heading.starts_with('<')
        && pieces.all(|piece| match rest.split_once(piece.trim()) {
            Some((_, after)) => {
                rest = after;
                true
            }
            None => false,
        })
}

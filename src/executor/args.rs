//! A build request as executor arguments. Facts: kaniko v1.24.0 `cmd/executor/cmd/root.go`.

use super::{ContextPlace, DIGEST_FILE};
use crate::request::PodRequest;

/// Flags that this tool sets itself; given after `--` they would send the executor elsewhere, or make what is printed at
/// the end untrue.
const RESERVED: [&str; 10] = [
    "--context",
    "-c",
    "--dockerfile",
    "-f",
    "--context-sub-path",
    "--digest-file",
    "--bucket",
    "--destination",
    "-d",
    "--no-push",
];

/// The flag of `given` (an argument after `--`) that this tool sets itself, if it is one.
pub fn reserved_flag(given: &str) -> Option<&'static str> {
    let name = given.split('=').next().unwrap_or(given);
    // A short flag may have its value attached: `-cdir:///x`.
    let is = |flag: &&str| *flag == name || (flag.len() == 2 && given.starts_with(flag));
    RESERVED.into_iter().find(is)
}

/// The executor's arguments for `request` with the context there.
pub fn executor_args(request: &PodRequest, place: &ContextPlace) -> Vec<String> {
    let mut args = place.args();
    args.push(format!("--digest-file={DIGEST_FILE}"));
    args.extend(request.tags.iter().map(|tag| format!("--destination={tag}")));
    args.extend(request.target.iter().map(|stage| format!("--target={stage}")));
    args.extend(request.build_args.iter().map(|arg| format!("--build-arg={arg}")));
    args.extend(request.labels.iter().map(|label| format!("--label={label}")));
    args.extend(request.platform.iter().map(|platform| format!("--custom-platform={platform}")));
    if let Some(repository) = &request.cache_repo {
        args.extend(["--cache=true".to_owned(), format!("--cache-repo={repository}")]);
    }
    if request.no_push {
        args.push("--no-push".to_owned());
    }
    args.extend(request.insecure_registries().into_iter().map(|host| format!("--insecure-registry={host}")));
    args.extend(request.executor_flags.iter().cloned());
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_absolute_and_the_users_flags_come_last() {
        let request = PodRequest {
            tags: vec!["10.0.0.5:5000/app:dev".parse().unwrap(), "app".parse().unwrap()],
            target: Some("run".into()),
            build_args: vec!["A=1 2".into()],
            labels: vec!["k=v".into()],
            platform: Some("linux/arm64".into()),
            cache_repo: Some("10.0.0.5:5000/cache".parse().unwrap()),
            insecure: true,
            executor_flags: vec!["--snapshot-mode=redo".into()],
            ..PodRequest::for_tests()
        };
        assert_eq!(
            executor_args(&request, &ContextPlace::Volume),
            [
                "--context=dir:///kaniko/buildcontext/context",
                "--dockerfile=/kaniko/buildcontext/Dockerfile",
                "--digest-file=/dev/termination-log",
                "--destination=10.0.0.5:5000/app:dev",
                "--destination=app",
                "--target=run",
                "--build-arg=A=1 2",
                "--label=k=v",
                "--custom-platform=linux/arm64",
                "--cache=true",
                "--cache-repo=10.0.0.5:5000/cache",
                "--insecure-registry=10.0.0.5:5000",
                "--insecure-registry=index.docker.io",
                "--snapshot-mode=redo",
            ]
        );
    }

    #[test]
    fn flags_that_would_move_the_context_are_reserved() {
        assert_eq!(reserved_flag("--context=dir:///x"), Some("--context"));
        assert_eq!(reserved_flag("-f"), Some("-f"));
        assert_eq!(reserved_flag("-cdir:///x"), Some("-c"));
        assert_eq!(reserved_flag("--contextual"), None);
        assert_eq!(reserved_flag("--no-push=true"), Some("--no-push"));
        assert_eq!(reserved_flag("--cache=true"), None);
    }
}

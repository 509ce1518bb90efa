//! What the executor's last words mean: at which step it failed, and over what. Pure.
//!
//! The texts are those of the executor v1.24.0 (`cmd/executor/cmd/root.go`, `pkg/buildcontext`, `pkg/executor`,
//! `pkg/util`) and of what it calls: Go's `net` and `crypto/x509`, go-git, go-containerregistry.

use crate::code::Code;

/// Words, and what they say; the first that fit have it. Steps come in the executor's order, so that what a step says is
/// not taken for something that a later one says of its own.
const SIGNATURES: &[(&str, Code)] = &[
    // Arguments.
    ("unknown command \"/kaniko/executor\"", Code::ExecutorPath),
    ("unknown command \"true\"", Code::SwitchValue),
    ("unknown command \"false\"", Code::SwitchValue),
    ("unknown command \"\u{2013}", Code::TypographicDash),
    ("unknown command \"\u{2014}", Code::TypographicDash),
    ("unknown command \"", Code::ExecutorArguments),
    ("unknown flag: --", Code::UnknownFlag),
    ("unknown shorthand flag: ", Code::SingleDash),
    ("flag needs an argument: ", Code::ExecutorArguments),
    ("invalid argument \"", Code::ExecutorArguments),
    ("you must provide --destination", Code::NoDestination),
    // The Dockerfile's place.
    ("please provide a valid path to a Dockerfile", Code::DockerfileMissing),
    ("open /kaniko/Dockerfile: read-only file system", Code::ReadOnlyRoot),
    ("open /kaniko/Dockerfile: permission denied", Code::ExecutorNotRoot),
    ("chown /kaniko/Dockerfile: operation not permitted", Code::CapabilityMissing),
    ("error resolving dockerfile path: copying dockerfile:", Code::DockerfileUnusable),
    // The context.
    ("unknown build context prefix provided", Code::ContextScheme),
    ("please specify a path to the build context", Code::ContextEmpty),
    ("no data found.. don't forget", Code::NoStdin),
    ("mkdir /kaniko/buildcontext/: permission denied", Code::ExecutorNotRoot),
    ("mkdir /kaniko/buildcontext/: read-only file system", Code::ReadOnlyRoot),
    ("error resolving source context: chown ", Code::CapabilityMissing),
    ("error resolving source context: link ", Code::ArchiveHardLink),
    ("error resolving source context: open ", Code::ArchiveMissing),
    ("error resolving source context: stat ", Code::SubPathMissing),
    ("HTTPSTar bad status from server", Code::ContextDownload),
    ("error resolving source context: authentication required", Code::GitLogin),
    ("error resolving source context: authorization failed", Code::GitLogin),
    ("error resolving source context: repository not found", Code::GitLogin),
    ("error resolving source context: reference not found", Code::GitReference),
    ("error resolving source context: couldn't find remote ref ", Code::GitReference),
    ("error resolving source context: object not found", Code::GitReference),
    ("worktree contains unstaged changes", Code::GitWorktree),
    ("unexpected client error: unexpected requesting", Code::GitServer),
    ("error resolving source context: unexpected EOF", Code::ContextStreamCut),
    ("error resolving source context: EOF", Code::ContextStreamEmpty),
    ("Error: unlinkat //kaniko", Code::KanikoDirMounted),
    // Before it builds.
    ("kaniko should only be run inside of a container", Code::ContainerNotRecognised),
    ("config.json: is a directory", Code::RegistryConfigDirectory),
    // Registries. Both of these come after a try with HTTPS that tells more than one with HTTP.
    ("x509: certificate signed by unknown authority", Code::RegistryUnknownAuthority),
    ("x509: certificate has expired or is not yet valid", Code::RegistryCertificateTime),
    ("x509: certificate is valid for ", Code::RegistryCertificateName),
    ("x509: certificate is not valid for any names", Code::RegistryCertificateName),
    ("x509: cannot validate certificate for ", Code::RegistryCertificateName),
    ("x509: certificate relies on legacy Common Name field", Code::RegistryCertificateName),
    ("http: server gave HTTP response to HTTPS client", Code::RegistryPlainHttp),
    // A registry that has had enough may call it a want of a login, too.
    ("TOOMANYREQUESTS: ", Code::RegistryRateLimit),
    ("unexpected status code 429 ", Code::RegistryRateLimit),
    ("unexpected status code 413 ", Code::RegistryLayerSize),
    ("UNAUTHORIZED: ", Code::RegistryUnauthorized),
    ("DENIED: ", Code::RegistryUnauthorized),
    ("401 Unauthorized", Code::RegistryUnauthorized),
    ("status code 403 Forbidden", Code::RegistryUnauthorized),
    ("could not parse reference: ", Code::BaseImageMalformed),
    ("MANIFEST_UNKNOWN: ", Code::BaseImageNotFound),
    ("NAME_UNKNOWN: ", Code::BaseImageNotFound),
    ("/v2/\": dial tcp", Code::RegistryUnreachable),
    ("getting tag for destination: ", Code::DestinationMalformed),
    ("creating push check transport for https: failed", Code::DestinationMalformed),
    // The build.
    ("no space left on device", Code::OutOfDisk),
    ("unknown instruction: <", Code::DockerfileUrl),
    ("parsing dockerfile: ", Code::DockerfileSyntax),
    ("is not a valid target build stage", Code::DockerfileRefused),
    ("exec format error", Code::OtherArchitecture),
    ("device or resource busy", Code::MountInTheWay),
    ("unlinkat //lib/modules/", Code::MountInTheWay),
    ("no such device or address", Code::ContextSpecialFile),
    ("destination must be a directory and end in '/'", Code::CopyDestination),
    ("resolved envs is empty", Code::DockerfileRefused),
    ("copy failed: no source files specified", Code::CopyPatternUnmatched),
    ("EvalSymlinks: too many links", Code::SymlinkLoop),
    ("waiting for process to exit: ", Code::RunFailed),
    ("failed to execute command: starting command: ", Code::RunFailed),
];

/// The step that fetches the context.
const CONTEXT_STEP: &str = "error resolving source context: ";

/// Words that mean this only in that step: registries and their login programs say them too, later.
const IN_CONTEXT_STEP: &[(&str, Code)] = &[
    ("gzip: invalid header", Code::ArchiveNotGzip),
    ("archive/tar: invalid tar header", Code::ArchiveDamaged),
    ("flate: corrupt input", Code::ArchiveDamaged),
    ("storage: bucket name is empty", Code::BucketRegression),
    ("GetObjectInput.Bucket", Code::BucketRegression),
    // Clouds' libraries, of which the AWS SDK has other words in version 2 (`ec2rolecreds/provider.go`).
    ("NoCredentialProviders: ", Code::BucketLogin),
    ("no EC2 IMDS role found", Code::BucketLogin),
    ("could not find default credentials", Code::BucketLogin),
    ("AccessDenied: ", Code::BucketLogin),
    // go-git, and Go's `net/http` of any address.
    ("lookup https", Code::GitTwoSchemes),
    ("invalid port \":", Code::GitScpAddress),
    ("error resolving source context: Get \"", Code::ContextDownload),
];

/// What a file that is not there is told by, and the words before its path.
const LOST_FILES: &[&str] = &["failed to get fileinfo for ", "failed to get relative files: lstat "];

/// Why the executor failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What it is.
    pub code: Code,
    /// A path in the pod that was not there, if it is about one.
    pub lost: Option<String>,
}

impl Failure {
    /// Reads the executor's last words.
    pub fn read(said: &str) -> Self {
        if let Some(path) = LOST_FILES.iter().find_map(|words| Some(said.split_once(words)?.1)) {
            let end = path.find(": ").unwrap_or(path.len());
            let path = path[..end].to_owned();
            // Where files of earlier stages are kept: upstream's place, and the fork's.
            let stage = path.strip_prefix("/kaniko/").is_some_and(|rest| {
                rest.starts_with("deps/") || rest.starts_with(|first: char| first.is_ascii_digit())
            });
            let code = if stage { Code::StageFileMissing } else { Code::CopySourceMissing };
            return Self { code, lost: Some(path) };
        }
        let of_step = IN_CONTEXT_STEP.iter().filter(|_| said.contains(CONTEXT_STEP));
        let found = of_step.chain(SIGNATURES).find(|(words, _)| said.contains(words));
        Self { code: found.map_or(Code::BuildFailed, |(_, code)| *code), lost: None }
    }

    /// What it is in one phrase, of the executor in general.
    pub fn message(&self) -> String {
        let text = match (self.code, &self.lost) {
            (Code::CopySourceMissing, Some(path)) => return format!("`{path}` is not in the pod"),
            (Code::StageFileMissing, Some(path)) => return format!("`{path}` was not made by an earlier stage"),
            (Code::DockerfileMissing, _) => "the executor finds no Dockerfile",
            (Code::DockerfileUnusable, _) => "the Dockerfile is there and cannot be read",
            (Code::ReadOnlyRoot, _) => "the executor's root file system is read-only",
            (Code::ExecutorNotRoot, _) => "the executor is not root",
            (Code::CapabilityMissing, _) => "the executor may not give files their owners",
            (Code::ContextScheme, _) => "the executor does not know the scheme of `--context`",
            (Code::ContextEmpty, _) => "`--context` is empty",
            (Code::NoStdin, _) => "the context comes over standard input, and there is none",
            (Code::ArchiveNotGzip, _) => "the archive of the context is not compressed with gzip",
            (Code::ArchiveDamaged, _) => "the archive of the context is damaged, or no archive",
            (Code::ArchiveHardLink, _) => "a hard link in the archive comes before its target, or without it",
            (Code::ArchiveMissing, _) => "the archive of the context is not in the pod",
            (Code::SubPathMissing, _) => "`--context-sub-path` is not in the context",
            (Code::ContextDownload, _) => "the context cannot be downloaded",
            (Code::BucketRegression, _) => "this release of the executor cannot use buckets",
            (Code::BucketLogin, _) => "the executor may not read the bucket of the context",
            (Code::GitLogin, _) => "the git repository wants a login, or another one",
            (Code::GitReference, _) => "the branch, tag or commit is not in the git repository",
            (Code::GitWorktree, _) => "the executor's git cannot check this repository out",
            (Code::GitServer, _) => "the executor's git does not understand the server",
            (Code::GitTwoSchemes, _) => "the address of the git repository has two schemes",
            (Code::GitScpAddress, _) => "the address of the git repository has the form of SSH",
            (Code::ContextStreamCut, _) => "the context was cut off on its way to the executor",
            (Code::ContextStreamEmpty, _) => "standard input was closed before the context came",
            (Code::KanikoDirMounted, _) => "something is mounted in the directory that `--kaniko-dir` leaves",
            (Code::ContainerNotRecognised, _) => "the executor does not believe that it is in a container",
            (Code::OtherArchitecture, _) => "a program is for another architecture than the node's",
            (Code::MountInTheWay, _) => "something is mounted where a base image has a file",
            (Code::ContextSpecialFile, _) => "a socket is copied",
            (Code::SymlinkLoop, _) => "a symlink leads to itself",
            (Code::CopyDestination, _) => "several sources are copied, and the destination is no directory",
            (Code::CopyPatternUnmatched, _) => "nothing matches a pattern of `COPY` or `ADD`",
            (Code::RunFailed, _) => "a command of the Dockerfile failed",
            (Code::DockerfileSyntax | Code::DockerfileRefused | Code::DockerfileUrl, _) => {
                "the executor does not take the Dockerfile"
            }
            (Code::RegistryConfigDirectory, _) => "`config.json` with the logins is a directory",
            (Code::RegistryUnauthorized, _) => "the registry wants a login, or another one",
            (Code::RegistryUnknownAuthority, _) => "the registry's certificate is of an authority that is not known",
            (Code::RegistryCertificateTime, _) => "the registry's certificate is not valid at this time",
            (Code::RegistryCertificateName, _) => "the registry's certificate is for another name",
            (Code::RegistryPlainHttp, _) => "the registry speaks plain HTTP",
            (Code::RegistryRateLimit, _) => "the registry has had too many requests",
            (Code::RegistryLayerSize, _) => "a layer is larger than the registry takes",
            (Code::RegistryUnreachable, _) => "the pod does not reach the registry",
            (Code::BaseImageMalformed, _) => "a base image has no name that can be one",
            (Code::BaseImageNotFound, _) => "a base image is not in its registry",
            (Code::OutOfDisk, _) => "a disk is full",
            (Code::NoDestination, _) => "no destination is given",
            (Code::DestinationMalformed, _) => "the destination is no image reference",
            (Code::UnknownFlag, _) => "this executor does not have a flag of that name",
            (Code::SwitchValue, _) => "a switch has its value in the next argument",
            (Code::ExecutorPath, _) => "the executor's own path is among its arguments",
            (Code::TypographicDash, _) => "an argument begins with a dash of a typesetter",
            (Code::SingleDash, _) => "one dash is before a long name",
            (Code::ExecutorArguments, _) => "the executor does not take its arguments",
            _ => "the executor failed",
        };
        text.to_owned()
    }

    /// What to do about it in a build of this tool, if one action is sure to help.
    pub fn help(&self) -> Option<String> {
        match self.code {
            Code::RegistryUnknownAuthority => Some("trust it with `--registry-ca FILE`".to_owned()),
            Code::RegistryPlainHttp => Some("speak plain HTTP to it with `--insecure`".to_owned()),
            Code::RegistryCertificateTime | Code::RegistryCertificateName | Code::RegistryLayerSize => {
                self.remedy().map(str::to_owned)
            }
            Code::RegistryRateLimit => Some("log in to it, which allows more: `docker login`".to_owned()),
            _ => None,
        }
    }

    /// What to do about it in a set-up of somebody's own, if one action is sure to help.
    pub fn remedy(&self) -> Option<&'static str> {
        Some(match self.code {
            Code::RegistryUnknownAuthority => "mount its certificate, and name it: `--registry-certificate=HOST=FILE`",
            Code::RegistryPlainHttp => "add `--insecure` to push, `--insecure-pull` for base images",
            Code::RegistryCertificateTime => "renew it, unless the clock of the node is wrong",
            Code::RegistryCertificateName => "use a name that it is for, or have one made for this one",
            Code::RegistryRateLimit => "log in to it, which allows more: mount a `config.json` at `/kaniko/.docker`",
            Code::RegistryLayerSize => {
                "raise the limit of the proxy before it: of nginx, `client_max_body_size`, or of an Ingress, `proxy-body-size`"
            }
            Code::NoStdin => "write at the container: `stdin: true`, `stdinOnce: true`, and no `tty`",
            Code::ContextStreamCut | Code::ContextStreamEmpty => {
                "send it with a proof that it is whole: `kaniko-local build DIRECTORY -t REF`"
            }
            Code::ArchiveNotGzip => "compress it once: `tar -czf context.tar.gz -C DIRECTORY .`",
            Code::ContainerNotRecognised => "add `--force`, or set the variable `container=kube`",
            Code::ReadOnlyRoot => "write `readOnlyRootFilesystem: false`",
            Code::NoDestination => "add `--destination=REF`, or `--no-push`",
            Code::ExecutorNotRoot => "write at the container: `securityContext: {runAsUser: 0, runAsNonRoot: false}`",
            Code::GitReference => "name it in full: `git://HOST/OWNER/REPOSITORY.git#refs/heads/BRANCH`",
            Code::GitWorktree | Code::GitServer => "clone it in an init container, and use `--context=dir://…`",
            _ => return None,
        })
    }
}

/// Last words for the tests of what explains them.
#[cfg(test)]
pub(crate) mod told {
    use super::*;

    /// Real last words for each signature, and what they mean. Those without an issue are of the executor v1.24.0 itself,
    /// seen or in its source.
    pub(crate) const TEXTS: &[(&str, Code)] = &[
        // kaniko#359, kaniko#807.
        (r#"Error: unknown command "/kaniko/executor" for "executor""#, Code::ExecutorPath),
        (r#"Error: unknown command "true" for "executor""#, Code::SwitchValue),
        (r#"Error: unknown command "false" for "executor""#, Code::SwitchValue),
        ("Error: unknown command \"\u{2013}context=dir:///workspace\" for \"executor\"", Code::TypographicDash),
        ("Error: unknown command \"\u{2014}context=dir:///workspace\" for \"executor\"", Code::TypographicDash),
        (r#"Error: unknown command "build" for "executor""#, Code::ExecutorArguments),
        // kaniko#1100.
        ("Error: unknown flag: --registry-certificate jfrog.local.com", Code::UnknownFlag),
        ("Error: unknown shorthand flag: 'o' in -ontext=dir:///workspace", Code::SingleDash),
        ("Error: flag needs an argument: --context", Code::ExecutorArguments),
        (
            r#"Error: invalid argument "1d" for "--cache-ttl" flag: time: unknown unit "d" in duration "1d""#,
            Code::ExecutorArguments,
        ),
        // kaniko#658.
        ("Error: you must provide --destination, or use --no-push", Code::NoDestination),
        (
            "Error: error resolving dockerfile path: please provide a valid path to a Dockerfile within the build context with --dockerfile",
            Code::DockerfileMissing,
        ),
        // kaniko#105.
        (
            "Error: error resolving dockerfile path: copying dockerfile: creating file: open /kaniko/Dockerfile: read-only file system",
            Code::ReadOnlyRoot,
        ),
        // kaniko#1363.
        (
            "Error: error resolving dockerfile path: copying dockerfile: creating file: open /kaniko/Dockerfile: permission denied",
            Code::ExecutorNotRoot,
        ),
        // kaniko#2122.
        (
            "Error: error resolving dockerfile path: copying dockerfile: chown /kaniko/Dockerfile: operation not permitted",
            Code::CapabilityMissing,
        ),
        // kaniko#626.
        (
            "Error: error resolving dockerfile path: copying dockerfile: open /workspace/Dockerfile: permission denied",
            Code::DockerfileUnusable,
        ),
        (
            "Error: error resolving source context: unknown build context prefix provided, please use one of the following: gs://, dir://, tar://, s3://, git://, https://",
            Code::ContextScheme,
        ),
        (
            "Error: error resolving source context: please specify a path to the build context with the --context flag or a bucket with the --bucket flag",
            Code::ContextEmpty,
        ),
        // kaniko#1139.
        (
            "Error: error resolving source context: no data found.. don't forget to add the '--interactive, -i' flag",
            Code::NoStdin,
        ),
        ("Error: error resolving source context: gzip: invalid header", Code::ArchiveNotGzip),
        // kaniko#1641.
        ("Error: error resolving source context: archive/tar: invalid tar header", Code::ArchiveDamaged),
        ("Error: error resolving source context: flate: corrupt input before offset 5312", Code::ArchiveDamaged),
        // kaniko#2476.
        (
            "Error: error resolving source context: unpacking tar from build context: mkdir /kaniko/buildcontext/: permission denied",
            Code::ExecutorNotRoot,
        ),
        (
            "Error: error resolving source context: unpacking tar from build context: mkdir /kaniko/buildcontext/: read-only file system",
            Code::ReadOnlyRoot,
        ),
        (
            "Error: error resolving source context: chown /kaniko/buildcontext/Dockerfile: operation not permitted",
            Code::CapabilityMissing,
        ),
        (
            "Error: error resolving source context: link /kaniko/buildcontext/b /kaniko/buildcontext/a: no such file or directory",
            Code::ArchiveHardLink,
        ),
        ("Error: error resolving source context: open /ctx.tgz: no such file or directory", Code::ArchiveMissing),
        (
            "Error: error resolving source context: stat /kaniko/buildcontext/api: no such file or directory",
            Code::SubPathMissing,
        ),
        (
            "Error: error resolving source context: HTTPSTar bad status from server: 403 Forbidden",
            Code::ContextDownload,
        ),
        (
            r#"Error: error resolving source context: Get "https://git.example.com/team/app.git/info/refs?service=git-upload-pack": tls: failed to verify certificate: x509: certificate signed by unknown authority"#,
            Code::ContextDownload,
        ),
        // kaniko#2200, kaniko#2212.
        ("Error: error resolving source context: storage: bucket name is empty", Code::BucketRegression),
        (
            "Error: error resolving source context: minimum field size of 1, GetObjectInput.Bucket.",
            Code::BucketRegression,
        ),
        // kaniko#2476.
        (
            "Error: error resolving source context: NoCredentialProviders: no valid providers in chain. Deprecated.",
            Code::BucketLogin,
        ),
        (
            "Error: error resolving source context: operation error S3: GetObject, get identity: get credentials: failed to refresh cached credentials, no EC2 IMDS role found, operation error ec2imds: GetMetadata, request canceled",
            Code::BucketLogin,
        ),
        (
            "Error: error resolving source context: dialing: google: could not find default credentials",
            Code::BucketLogin,
        ),
        ("Error: error resolving source context: AccessDenied: Access Denied", Code::BucketLogin),
        // kaniko#2131; the other two are go-git's.
        ("Error: error resolving source context: authentication required", Code::GitLogin),
        ("Error: error resolving source context: authorization failed", Code::GitLogin),
        ("Error: error resolving source context: repository not found", Code::GitLogin),
        ("Error: error resolving source context: reference not found", Code::GitReference),
        (r#"Error: error resolving source context: couldn't find remote ref "refs/heads/mian""#, Code::GitReference),
        // osscontainertools/kaniko#468.
        ("Error: error resolving source context: object not found", Code::GitReference),
        // kaniko#2382.
        ("Error: error resolving source context: worktree contains unstaged changes", Code::GitWorktree),
        // kaniko#719.
        (
            r#"Error: error resolving source context: unexpected client error: unexpected requesting "https://dev.azure.com/team/app/_git/app/git-upload-pack" status code: 400"#,
            Code::GitServer,
        ),
        (
            r#"Error: error resolving source context: Get "https://https///info/refs?service=git-upload-pack": dial tcp: lookup https: no such host"#,
            Code::GitTwoSchemes,
        ),
        (
            r#"Error: error resolving source context: parse "https://git@github.com:x/y.git": invalid port ":x" after host"#,
            Code::GitScpAddress,
        ),
        // kaniko#1641.
        ("Error: error resolving source context: unexpected EOF", Code::ContextStreamCut),
        ("Error: error resolving source context: EOF", Code::ContextStreamEmpty),
        // kaniko#3281.
        ("Error: unlinkat //kaniko/.docker: device or resource busy", Code::KanikoDirMounted),
        // kaniko#1542.
        (
            "kaniko should only be run inside of a container, run with the --force flag if you are sure you want to continue",
            Code::ContainerNotRecognised,
        ),
        // int128/kaniko-action#84.
        (
            "error checking push permissions -- make sure …: /kaniko/.docker/config.json: read /kaniko/.docker/config.json: is a directory",
            Code::RegistryConfigDirectory,
        ),
        // kaniko#1539.
        (
            r#"error checking push permissions -- make sure …: creating push check transport for r.example.com failed: Get "https://r.example.com/v2/": x509: certificate signed by unknown authority"#,
            Code::RegistryUnknownAuthority,
        ),
        // Go's `crypto/x509/verify.go`; the proxy's page is nginx's; the rest is go-containerregistry's
        // `pkg/v1/remote/transport/error.go`, with what Docker Hub says.
        (
            r#"error checking push permissions -- make sure …: creating push check transport for r.example.com failed: Get "https://r.example.com/v2/": tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-11-26T21:14:17Z is after 2026-11-01T00:00:00Z"#,
            Code::RegistryCertificateTime,
        ),
        (
            r#"error checking push permissions -- make sure …: creating push check transport for r.example.com failed: Get "https://r.example.com/v2/": tls: failed to verify certificate: x509: certificate is valid for registry.example.com, not r.example.com"#,
            Code::RegistryCertificateName,
        ),
        (
            r#"error checking push permissions -- make sure …: creating push check transport for r.example.com failed: Get "https://r.example.com/v2/": tls: failed to verify certificate: x509: certificate is not valid for any names, but wanted to match r.example.com"#,
            Code::RegistryCertificateName,
        ),
        (
            r#"error checking push permissions -- make sure …: creating push check transport for 10.0.0.5:5000 failed: Get "https://10.0.0.5:5000/v2/": tls: failed to verify certificate: x509: cannot validate certificate for 10.0.0.5 because it doesn't contain any IP SANs"#,
            Code::RegistryCertificateName,
        ),
        (
            r#"error checking push permissions -- make sure …: creating push check transport for r.example.com failed: Get "https://r.example.com/v2/": tls: failed to verify certificate: x509: certificate relies on legacy Common Name field, use SANs instead"#,
            Code::RegistryCertificateName,
        ),
        (
            "error building image: unable to complete operation after 0 attempts, last error: GET https://index.docker.io/v2/library/golang/manifests/1.24: TOOMANYREQUESTS: You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit",
            Code::RegistryRateLimit,
        ),
        (
            "error building image: unable to complete operation after 0 attempts, last error: GET https://r.example.com/v2/base/manifests/1: unexpected status code 429 Too Many Requests",
            Code::RegistryRateLimit,
        ),
        (
            "error pushing image: failed to push to destination r.example.com/a:1: PATCH https://r.example.com/v2/a/blobs/uploads/0: unexpected status code 413 Request Entity Too Large: <html>",
            Code::RegistryLayerSize,
        ),
        ("error building image: could not parse reference: Golang:1.24", Code::BaseImageMalformed),
        // kaniko#702.
        (
            r#"error checking push permissions -- make sure …: creating push check transport for r.example.com failed: Get "https://r.example.com/v2/": http: server gave HTTP response to HTTPS client"#,
            Code::RegistryPlainHttp,
        ),
        // kaniko#1325.
        (
            r#"error checking push permissions -- make sure …: checking push permission for "r.example.com/a:1": POST https://r.example.com/v2/a/blobs/uploads/: UNAUTHORIZED: authentication required"#,
            Code::RegistryUnauthorized,
        ),
        (
            r#"error checking push permissions -- make sure …: checking push permission for "r.example.com/a:1": POST https://r.example.com/v2/a/blobs/uploads/: DENIED: requested access to the resource is denied"#,
            Code::RegistryUnauthorized,
        ),
        (
            r#"error checking push permissions -- make sure …: checking push permission for "r.example.com/a:1": POST https://r.example.com/v2/a/blobs/uploads/: unexpected status code 401 Unauthorized"#,
            Code::RegistryUnauthorized,
        ),
        (
            r#"error checking push permissions -- make sure …: checking push permission for "r.example.com/a:1": POST https://r.example.com/v2/a/blobs/uploads/: unexpected status code 403 Forbidden"#,
            Code::RegistryUnauthorized,
        ),
        (
            "error building image: unable to complete operation after 0 attempts, last error: GET https://r.example.com/v2/no/manifests/1: MANIFEST_UNKNOWN: manifest unknown; map[Tag:1]",
            Code::BaseImageNotFound,
        ),
        (
            "error building image: unable to complete operation after 0 attempts, last error: GET https://r.example.com/v2/no/manifests/1: NAME_UNKNOWN: repository name not known to registry; map[name:no]",
            Code::BaseImageNotFound,
        ),
        // kaniko#1467.
        (
            r#"error checking push permissions -- make sure …: creating push check transport for r.example.com failed: Get "https://r.example.com/v2/": dial tcp 10.0.0.5:443: connect: no route to host"#,
            Code::RegistryUnreachable,
        ),
        // kaniko#702.
        (
            "error checking push permissions -- make sure …: getting tag for destination: repository can only contain the characters `abcdefghijklmnopqrstuvwxyz0123456789_-./`: Team/app",
            Code::DestinationMalformed,
        ),
        (
            r#"error checking push permissions -- make sure …: checking push permission for "https://r.example.com/a": creating push check transport for https: failed: Get "https://https:/v2/": invalid URL port"#,
            Code::DestinationMalformed,
        ),
        // kaniko#1945.
        (
            "error building image: error building stage: failed to take snapshot: write /kaniko/12345.tar: no space left on device",
            Code::OutOfDisk,
        ),
        (
            "error building image: parsing dockerfile: dockerfile parse error on line 1: unknown instruction: <!DOCTYPE",
            Code::DockerfileUrl,
        ),
        (
            "error building image: parsing dockerfile: dockerfile parse error on line 2: unknown instruction: CPY (did you mean COPY?)",
            Code::DockerfileSyntax,
        ),
        (
            "error building image: Error finding target stage: tset is not a valid target build stage",
            Code::DockerfileRefused,
        ),
        // kaniko#1616.
        (
            "error building image: error building stage: failed to execute command: starting command: fork/exec /bin/sh: exec format error",
            Code::OtherArchitecture,
        ),
        // kaniko#2007, kaniko#1745.
        (
            "error building image: error building stage: failed to get filesystem from image: error removing /etc/resolv.conf to make way for new file.: unlinkat /etc/resolv.conf: device or resource busy",
            Code::MountInTheWay,
        ),
        (
            "error building image: deleting file system after stage 0: unlinkat //lib/modules/5.4.0/modules.dep: read-only file system",
            Code::MountInTheWay,
        ),
        // kaniko#1599.
        (
            "error building image: error building stage: failed to execute command: copying dir: open /workspace/s.sock: no such device or address",
            Code::ContextSpecialFile,
        ),
        // kaniko#2946.
        (
            "error building image: error building stage: failed to get files used from context: when specifying multiple sources in a COPY command, destination must be a directory and end in '/'",
            Code::CopyDestination,
        ),
        (
            "error building image: error building stage: failed to get files used from context: resolved envs is empty",
            Code::DockerfileRefused,
        ),
        // kaniko#2630.
        (
            "error building image: error building stage: failed to get files used from context: copy failed: no source files specified",
            Code::CopyPatternUnmatched,
        ),
        (
            "error building image: error building stage: failed to take snapshot: EvalSymlinks: too many links",
            Code::SymlinkLoop,
        ),
        (
            "error building image: error building stage: failed to execute command: starting command: fork/exec /bin/sh: no such file or directory",
            Code::RunFailed,
        ),
        (
            "error building image: error building stage: failed to execute command: waiting for process to exit: exit status 7",
            Code::RunFailed,
        ),
        // kaniko#1723; several sources; kaniko#718, and the same of the fork.
        (
            "error building image: error building stage: failed to get files used from context: failed to get fileinfo for /workspace/a: lstat /workspace/a: no such file or directory",
            Code::CopySourceMissing,
        ),
        (
            "error building image: error building stage: failed to get files used from context: failed to get relative files: lstat /workspace/a: no such file or directory",
            Code::CopySourceMissing,
        ),
        (
            "error building image: error building stage: failed to get files used from context: failed to get fileinfo for /kaniko/0/app: lstat /kaniko/0/app: no such file or directory",
            Code::StageFileMissing,
        ),
        (
            "error building image: error building stage: failed to get files used from context: failed to get fileinfo for /kaniko/deps/0/app: lstat /kaniko/deps/0/app: no such file or directory",
            Code::StageFileMissing,
        ),
    ];

    /// Every signature, in the order in which they are tried.
    pub(crate) fn signatures() -> impl Iterator<Item = &'static str> {
        IN_CONTEXT_STEP.iter().chain(SIGNATURES).map(|(words, _)| *words).chain(LOST_FILES.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the executor v1.24.0 said them on the test cluster; plain HTTP is kaniko#702, the disk kaniko#1945.
    #[test]
    fn real_last_words_are_told_apart() {
        for (said, code) in [
            (
                r#"error checking push permissions -- make sure you entered the correct tag name, and that you are authenticated correctly, and try again: checking push permission for "10.0.0.5:5443/a/b:1": POST https://10.0.0.5:5443/v2/a/b/blobs/uploads/: UNAUTHORIZED: authentication required; [map[Action:pull Class: Name:a/b Type:repository]]"#,
                Code::RegistryUnauthorized,
            ),
            (
                r#"error checking push permissions -- make sure …: checking push permission for "10.0.0.5:5443/a/b:1": creating push check transport for 10.0.0.5:5443 failed: Get "https://10.0.0.5:5443/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority; GET http://10.0.0.5:5443/v2/: unexpected status code 400 Bad Request: Client sent an HTTP request to an HTTPS server."#,
                Code::RegistryUnknownAuthority,
            ),
            (
                r#"error checking push permissions -- make sure …: creating push check transport for registry.example.com:5000 failed: Get "https://registry.example.com:5000/v2/": http: server gave HTTP response to HTTPS client"#,
                Code::RegistryPlainHttp,
            ),
            (
                r#"error checking push permissions -- make sure …: creating push check transport for 10.0.0.5:5999 failed: Get "https://10.0.0.5:5999/v2/": dial tcp 10.0.0.5:5999: connect: connection refused; Get "http://10.0.0.5:5999/v2/": dial tcp 10.0.0.5:5999: connect: connection refused"#,
                Code::RegistryUnreachable,
            ),
            (
                r#"error checking push permissions -- make sure …: creating push check transport for nowhere.example failed: Get "https://nowhere.example/v2/": dial tcp: lookup nowhere.example on 10.0.0.2:53: read udp 10.0.1.147:52790->10.0.0.2:53: read: connection refused"#,
                Code::RegistryUnreachable,
            ),
            (
                "error building image: unable to complete operation after 0 attempts, last error: GET http://10.0.0.5:5000/v2/no/such/manifests/1: MANIFEST_UNKNOWN: manifest unknown; map[Tag:1]",
                Code::BaseImageNotFound,
            ),
            (
                "error building image: error building stage: failed to take snapshot: write /kaniko/12345.tar: no space left on device",
                Code::OutOfDisk,
            ),
            (
                "error building image: error building stage: failed to execute command: waiting for process to exit: exit status 7",
                Code::RunFailed,
            ),
            ("", Code::BuildFailed),
        ] {
            assert_eq!(Failure::read(said).code, code, "{said}");
        }
    }

    #[test]
    fn each_signature_has_real_words_that_it_tells() {
        for (said, code) in told::TEXTS {
            let failure = Failure::read(said);
            assert_eq!(failure.code, *code, "{said}");
            assert_ne!(failure.message(), "the executor failed", "{said}");
        }
        for signature in told::signatures() {
            // The first that fits tells; another one that fits as well takes nothing from a text of its own.
            let is_first = |said: &str| told::signatures().find(|words| said.contains(words)) == Some(signature);
            let is_of_files = LOST_FILES.contains(&signature);
            assert!(
                told::TEXTS.iter().any(|(said, _)| is_first(said) || is_of_files && said.contains(signature)),
                "{signature}"
            );
        }
    }

    /// Login programs of registries use the clouds' libraries as well.
    #[test]
    fn what_a_bucket_says_is_no_buckets_after_the_context() {
        for said in [
            r#"error checking push permissions -- make sure …: checking push permission for "1.dkr.ecr.eu-west-1.amazonaws.com/a": NoCredentialProviders: no valid providers in chain"#,
            "error pushing image: google: could not find default credentials",
        ] {
            assert_eq!(Failure::read(said).code, Code::BuildFailed, "{said}");
        }
    }
}

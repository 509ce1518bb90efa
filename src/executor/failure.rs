//! What the executor's last words mean, as far as the cluster's neighbours are at fault: registries and disks. Pure.
//!
//! The texts are those of go-containerregistry and Go's `net` and `crypto/x509`, as the executor v1.24.0 passes them on.

use crate::code::Code;

/// Why the executor failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// A registry wants a login, or another one.
    RegistryUnauthorized,
    /// A registry's certificate is of an authority that the executor does not know.
    RegistryUnknownAuthority,
    /// A registry speaks plain HTTP.
    RegistryPlainHttp,
    /// A registry is not reached.
    RegistryUnreachable,
    /// An image that the Dockerfile names is not there.
    BaseImageNotFound,
    /// A disk is full.
    OutOfDisk,
    /// Anything else; most often what the Dockerfile runs.
    Other,
}

impl Failure {
    /// Reads the executor's last words.
    pub fn read(said: &str) -> Self {
        let says = |words: &str| said.contains(words);
        // Both come after a try with HTTPS that tells more than one with HTTP.
        if says("x509: certificate signed by unknown authority") {
            return Self::RegistryUnknownAuthority;
        }
        if says("http: server gave HTTP response to HTTPS client") {
            return Self::RegistryPlainHttp;
        }
        if says("UNAUTHORIZED: ") || says("DENIED: ") || says("401 Unauthorized") || says("403 Forbidden") {
            return Self::RegistryUnauthorized;
        }
        if says("MANIFEST_UNKNOWN: ") || says("NAME_UNKNOWN: ") {
            return Self::BaseImageNotFound;
        }
        if says("/v2/\": dial tcp") {
            return Self::RegistryUnreachable;
        }
        if says("no space left on device") {
            return Self::OutOfDisk;
        }
        Self::Other
    }

    /// Its code.
    pub fn code(self) -> Code {
        match self {
            Self::RegistryUnauthorized => Code::RegistryUnauthorized,
            Self::RegistryUnknownAuthority => Code::RegistryUnknownAuthority,
            Self::RegistryPlainHttp => Code::RegistryPlainHttp,
            Self::RegistryUnreachable => Code::RegistryUnreachable,
            Self::BaseImageNotFound => Code::BaseImageNotFound,
            Self::OutOfDisk => Code::OutOfDisk,
            Self::Other => Code::BuildFailed,
        }
    }

    /// What to do about it, if one action is sure to help.
    pub fn help(self) -> Option<String> {
        match self {
            Self::RegistryUnknownAuthority => Some("trust it with `--registry-ca FILE`".to_owned()),
            Self::RegistryPlainHttp => Some("speak plain HTTP to it with `--insecure`".to_owned()),
            Self::RegistryUnauthorized
            | Self::RegistryUnreachable
            | Self::BaseImageNotFound
            | Self::OutOfDisk
            | Self::Other => None,
        }
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
                Code::BuildFailed,
            ),
            ("", Code::BuildFailed),
        ] {
            assert_eq!(Failure::read(said).code(), code, "{said}");
        }
    }
}

//! Image references as Docker writes them: `[registry/]repository[:tag]`.
//!
//! Grammar of names: `distribution/reference` (`regexp.go`). Whether the first component is a registry is decided as the
//! executor does, by go-containerregistry (v0.20 `pkg/name/repository.go`): it is one if it has a `.` or a `:`. Docker
//! also takes `localhost`; the executor would push `localhost/app` to Docker Hub, so that form is refused.

use std::fmt;
use std::str::FromStr;

/// The registry that a reference without one means; go-containerregistry's name for Docker Hub.
pub const DOCKER_HUB: &str = "index.docker.io";

/// Docker's own name for it, which go-containerregistry replaces (v0.20 `pkg/name/registry.go` `NewRegistry`).
const DOCKER_HUB_ALIAS: &str = "docker.io";

/// A destination: kept as typed, known to parse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    typed: String,
    registry: Option<String>,
}

impl Reference {
    /// Host, and port if given, of the registry; Docker Hub's if the reference names none.
    pub fn registry(&self) -> &str {
        known_as(self.registry.as_deref())
    }

    /// The reference that names one image for ever: as typed, then `@`, then `digest`.
    pub fn with_digest(&self, digest: &Digest) -> String {
        format!("{self}@{digest}")
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.typed)
    }
}

/// Why a text is no destination.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// Nothing there.
    #[error("it is empty")]
    Empty,
    /// `https://…`.
    #[error("a reference has no `{scheme}://`")]
    Scheme {
        /// What stands before `://`.
        scheme: String,
    },
    /// `…@sha256:…`: a push decides the digest.
    #[error("a destination has no digest: the push makes it")]
    Digest,
    /// A tag that is none.
    #[error("`{tag}` is no tag: 1 to 128 letters, digits, `_`, `.`, `-`, not starting with `.` or `-`")]
    Tag {
        /// What stands after the last `:`.
        tag: String,
    },
    /// Upper-case letters where only lower-case ones may be.
    #[error("repository names are lower-case")]
    UpperCase,
    /// A path component that is none.
    #[error("`{component}` is no path component: lower-case letters and digits, joined by `.`, `_`, `__` or `-`")]
    Component {
        /// The component.
        component: String,
    },
    /// `localhost/…`.
    #[error("the executor takes `localhost` without a port for a name on Docker Hub: write `localhost:PORT/…`")]
    Localhost,
    /// A repository's path that is too short or too long.
    #[error("`{path}` is no repository: the executor takes 2 to 255 characters")]
    Length {
        /// The path.
        path: String,
    },
    /// A registry that is no `host[:port]`.
    #[error("`{registry}` is no registry: it has to be `host` or `host:port`")]
    Registry {
        /// The first component.
        registry: String,
    },
}

impl FromStr for Reference {
    type Err = ReferenceError;

    /// Reads `[registry/]repository[:tag]`.
    fn from_str(typed: &str) -> Result<Self, ReferenceError> {
        if typed.is_empty() {
            return Err(ReferenceError::Empty);
        }
        if let Some((scheme, _)) = typed.split_once("://") {
            return Err(ReferenceError::Scheme { scheme: scheme.to_owned() });
        }
        if typed.contains('@') {
            return Err(ReferenceError::Digest);
        }
        let (registry, rest) = split_registry(typed);
        if let Some(registry) = registry {
            check_registry(registry)?;
        }
        // A port has a `/` behind it, so a `:` in the rest can only start a tag.
        let (path, tag) = match rest.split_once(':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (rest, None),
        };
        if let Some(tag) = tag {
            check_tag(tag)?;
        }
        if registry.is_none() && path.starts_with("localhost/") {
            return Err(ReferenceError::Localhost);
        }
        path.split('/').try_for_each(check_component)?;
        if !(2..=255).contains(&path.len()) {
            return Err(ReferenceError::Length { path: path.to_owned() });
        }
        Ok(Self { typed: typed.to_owned(), registry: registry.map(str::to_owned) })
    }
}

/// Host, and port if given, of the registry that the image `name` of a Dockerfile comes from; it may have a digest.
pub fn registry_of(name: &str) -> &str {
    known_as(split_registry(name).0)
}

/// The executor's name for the registry that was typed.
fn known_as(typed: Option<&str>) -> &str {
    typed.filter(|registry| *registry != DOCKER_HUB_ALIAS).unwrap_or(DOCKER_HUB)
}

fn split_registry(typed: &str) -> (Option<&str>, &str) {
    match typed.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) => (Some(first), rest),
        _ => (None, typed),
    }
}

fn check_registry(registry: &str) -> Result<(), ReferenceError> {
    let (host, port) = match registry.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port))
            if address.parse::<std::net::Ipv6Addr>().is_ok() && (port.is_empty() || port.starts_with(':')) =>
        {
            ("v6", port.strip_prefix(':'))
        }
        _ => match registry.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (registry, None),
        },
    };
    let label = |label: &str| {
        label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
            && !label.is_empty()
    };
    let host_is_fine = host.split('.').all(label);
    let port_is_fine = port.is_none_or(|port| port.parse::<u16>().is_ok());
    if host_is_fine && port_is_fine { Ok(()) } else { Err(ReferenceError::Registry { registry: registry.to_owned() }) }
}

fn check_tag(tag: &str) -> Result<(), ReferenceError> {
    let fine = (1..=128).contains(&tag.len())
        && !tag.starts_with(['.', '-'])
        && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    if fine { Ok(()) } else { Err(ReferenceError::Tag { tag: tag.to_owned() }) }
}

fn check_component(component: &str) -> Result<(), ReferenceError> {
    if component.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(ReferenceError::UpperCase);
    }
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let separators: Vec<&str> = component
        .split(|character: char| character.is_ascii() && word(character as u8))
        .filter(|separator| !separator.is_empty())
        .collect();
    let fine = component.bytes().next().is_some_and(word)
        && component.bytes().last().is_some_and(word)
        && separators
            .iter()
            .all(|separator| matches!(*separator, "." | "_" | "__") || separator.bytes().all(|byte| byte == b'-'));
    if fine { Ok(()) } else { Err(ReferenceError::Component { component: component.to_owned() }) }
}

/// A manifest digest: `sha256:` and 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest(String);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Digest {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let hex = text.strip_prefix("sha256:").ok_or(())?;
        let digits = hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        if hex.len() == 64 && digits { Ok(Self(text.to_owned())) } else { Err(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_component_with_dot_port_or_localhost_is_the_registry() {
        for (typed, registry) in [
            ("app", DOCKER_HUB),
            ("team/app:1.2", DOCKER_HUB),
            ("docker.io/team/app", DOCKER_HUB),
            ("10.97.0.2:5000/app", "10.97.0.2:5000"),
            ("localhost:5000/app", "localhost:5000"),
            ("registry.example.com/a/b/c:v1_x-2.3", "registry.example.com"),
            ("[fd00::1]:5000/app:x", "[fd00::1]:5000"),
        ] {
            assert_eq!(typed.parse::<Reference>().unwrap().registry(), registry, "{typed}");
            assert_eq!(registry_of(typed), registry, "{typed}");
        }
    }

    #[test]
    fn what_is_no_reference_says_why() {
        for (typed, why) in [
            ("", "it is empty"),
            ("https://r.example.com/app", "a reference has no `https://`"),
            ("app@sha256:00", "a destination has no digest: the push makes it"),
            ("App", "repository names are lower-case"),
            ("team//app", "`` is no path component"),
            ("app:", "`` is no tag"),
            ("app:-x", "`-x` is no tag"),
            ("a_._b", "`a_._b` is no path component"),
            ("r.example.com:port/app", "`r.example.com:port` is no registry"),
            ("localhost/app", "the executor takes `localhost` without a port"),
            ("Team/app", "repository names are lower-case"),
            ("r.example.com/a", "`a` is no repository"),
            ("[::1]junk/app", "`[::1]junk` is no registry"),
            ("app dev", "`app dev` is no path component"),
        ] {
            let error = typed.parse::<Reference>().unwrap_err().to_string();
            assert!(error.starts_with(why), "{typed}: {error}");
        }
    }

    #[test]
    fn only_a_whole_sha256_is_a_digest() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        assert_eq!(digest.parse::<Digest>().unwrap().to_string(), digest);
        assert!("sha256:00".parse::<Digest>().is_err());
        assert!(digest.to_uppercase().parse::<Digest>().is_err());
        assert!(format!("{digest}\n").parse::<Digest>().is_err());
    }
}

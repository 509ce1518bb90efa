//! What an executor image tells: whose it is, its version, and the directory it starts in.

use std::fmt;
use std::str::FromStr;

/// Whose executor it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Family {
    /// GoogleContainerTools/kaniko, archived in 2025.
    #[default]
    Upstream,
    /// osscontainertools/kaniko.
    Fork,
    /// chainguard-dev/kaniko, which follows upstream.
    Chainguard,
}

/// What an executor does with a Dockerfile that others do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It passes over flags that it does not know, and does not fail at them.
    PassesOverFlags,
    /// It takes texts of the Dockerfile, in `COPY <<EOF` and in `RUN <<EOF`.
    TakesHeredocs,
    /// `RUN --mount` mounts what it says.
    MountsInRun,
    /// It skips stages that the image is not made of, unasked.
    SkipsUnusedStages,
    /// It copies nothing over its own program, and leaves its own directory where it is.
    SparesItself,
    /// It passes over FIFOs and sockets.
    SparesSpecialFiles,
}

/// The executors, each with its ways: kaniko v1.24.0, osscontainertools/kaniko v1.28.3, and chainguard-dev/kaniko, of which
/// no difference to upstream is known. A new one is a row.
const EXECUTORS: [(Family, &[Way]); 3] = [
    (Family::Upstream, &[]),
    (
        Family::Fork,
        &[
            Way::PassesOverFlags,
            Way::TakesHeredocs,
            Way::MountsInRun,
            Way::SkipsUnusedStages,
            Way::SparesItself,
            Way::SparesSpecialFiles,
        ],
    ),
    (Family::Chainguard, &[]),
];

impl Family {
    /// Every one.
    pub fn all() -> impl Iterator<Item = Self> {
        EXECUTORS.iter().map(|(family, _)| *family)
    }

    /// Whether its executor has this way.
    pub fn has(self, way: Way) -> bool {
        EXECUTORS.iter().any(|(family, ways)| *family == self && ways.contains(&way))
    }
}

/// What else is in the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Flavour {
    /// The executor and nothing to look at it with.
    #[default]
    Plain,
    /// With a shell.
    Debug,
    /// Without credential helpers.
    Slim,
    /// The fork's, on Alpine Linux.
    Alpine,
}

/// A version of three numbers, as in `v1.24.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32, pub u32);

/// The last version of [`Family::Upstream`].
const LAST_UPSTREAM: Version = Version(1, 24, 0);

/// An executor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Image {
    /// Whose it is.
    pub family: Family,
    /// What else is in it.
    pub flavour: Flavour,
    /// Its version, if its tag says one.
    pub version: Option<Version>,
}

impl Image {
    /// What the name of an image tells of it: `gcr.io/kaniko-project/executor:v1.24.0-debug`. Mirrors keep the last
    /// parts of a name and its tag.
    pub fn named(reference: &str) -> Self {
        let (name, tag) = name_and_tag(reference);
        let version = tag.split('-').next().and_then(|version| version.parse().ok());
        let family = match name {
            // Upstream ended with that one; a mirror need not keep the owner's name.
            _ if version > Some(LAST_UPSTREAM) && !name.contains("chainguard") => Family::Fork,
            _ if ["osscontainertools/", "martizih/", "mzihlmann/"].iter().any(|owner| name.contains(owner)) => {
                Family::Fork
            }
            _ if name.contains("chainguard") => Family::Chainguard,
            _ => Family::Upstream,
        };
        let has = |flavour: &str| tag.split('-').any(|part| part == flavour);
        let flavour = match () {
            () if has("debug") => Flavour::Debug,
            () if has("slim") => Flavour::Slim,
            () if has("alpine") => Flavour::Alpine,
            () => Flavour::Plain,
        };
        Self { family, flavour, version }
    }

    /// Whether an image of this name is an executor's, a mirror's too.
    pub fn is_executor(reference: &str) -> bool {
        let (name, _) = name_and_tag(reference);
        let last = name.rsplit('/').next().unwrap_or_default();
        let is_named = matches!(last, "kaniko" | "kaniko-executor") || last == "executor" && name.contains("kaniko");
        is_named && !Self::is_warmer(reference)
    }

    /// Whether it is one that a project publishes, so that nothing else is in it.
    pub fn is_published(reference: &str) -> bool {
        let (name, _) = name_and_tag(reference);
        let published = ["kaniko-project/executor", "osscontainertools/kaniko", "martizih/kaniko", "chainguard/kaniko"];
        Self::is_executor(reference) && published.iter().any(|published| name.ends_with(published))
    }

    /// Whether it fills caches: upstream's has a name of its own, the fork's a tag.
    pub fn is_warmer(reference: &str) -> bool {
        let (name, tag) = name_and_tag(reference);
        let last = name.rsplit('/').next().unwrap_or_default();
        last.starts_with("warmer") || tag.split('-').any(|part| part == "warmer")
    }

    /// Where the executor starts unless the pod says otherwise: `WORKDIR` of the image (kaniko v1.24.0
    /// `deploy/Dockerfile`; those two have none).
    pub fn working_directory(self) -> &'static str {
        match self.flavour {
            Flavour::Plain | Flavour::Debug => "/workspace",
            Flavour::Slim | Flavour::Alpine => "/",
        }
    }
}

/// A reference without its digest, and its tag.
pub fn name_and_tag(reference: &str) -> (&str, &str) {
    let name = reference.split('@').next().unwrap_or_default();
    match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (name, ""),
    }
}

impl FromStr for Version {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.strip_prefix('v').unwrap_or(text).split('.').map(str::parse);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch)), None) => Ok(Self(major, minor, patch)),
            _ => Err(()),
        }
    }
}

/// `FAMILY[@VERSION]`.
impl FromStr for Image {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (family, version) = text.split_once('@').map_or((text, None), |(family, version)| (family, Some(version)));
        let family = match family {
            "upstream" => Family::Upstream,
            "fork" => Family::Fork,
            "chainguard" => Family::Chainguard,
            _ => return Err(()),
        };
        Ok(Self { family, flavour: Flavour::Plain, version: version.map(str::parse).transpose()? })
    }
}

impl fmt::Display for Family {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Upstream => "GoogleContainerTools/kaniko",
            Self::Fork => "osscontainertools/kaniko",
            Self::Chainguard => "chainguard-dev/kaniko",
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "v{}.{}.{}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_images_name_tells_whose_it_is_and_where_it_starts() {
        for (name, family, flavour, version, start) in [
            ("gcr.io/kaniko-project/executor", Family::Upstream, Flavour::Plain, None, "/workspace"),
            ("gcr.io/kaniko-project/executor:debug", Family::Upstream, Flavour::Debug, None, "/workspace"),
            (
                "r.example.com:5000/mirror/kaniko-project/executor:v1.24.0-debug@sha256:0a",
                Family::Upstream,
                Flavour::Debug,
                Some(Version(1, 24, 0)),
                "/workspace",
            ),
            (
                "gcr.io/kaniko-project/executor:v1.9.2-slim",
                Family::Upstream,
                Flavour::Slim,
                Some(Version(1, 9, 2)),
                "/",
            ),
            ("ghcr.io/osscontainertools/kaniko:alpine", Family::Fork, Flavour::Alpine, None, "/"),
            ("martizih/kaniko:v1.28.3", Family::Fork, Flavour::Plain, Some(Version(1, 28, 3)), "/workspace"),
            ("cgr.dev/chainguard/kaniko:latest", Family::Chainguard, Flavour::Plain, None, "/workspace"),
        ] {
            let image = Image::named(name);
            assert_eq!(image, Image { family, flavour, version }, "{name}");
            assert_eq!(image.working_directory(), start, "{name}");
        }
    }

    #[test]
    fn an_images_name_tells_whether_the_executor_is_in_it() {
        for (name, is_executor, is_published) in [
            ("gcr.io/kaniko-project/executor:v1.24.0-debug", true, true),
            ("r.example.com:5000/gcr/kaniko-project/executor@sha256:0a", true, true),
            ("martizih/kaniko:v1.28.3", true, true),
            ("r.example.com/tools/kaniko", true, false),
            ("gcr.io/kaniko-project/warmer:latest", false, false),
            ("ghcr.io/osscontainertools/kaniko:v1.28.3-warmer", false, false),
            ("r.example.com/tools/kaniko-operator", false, false),
            ("r.example.com/tools/executor", false, false),
        ] {
            assert_eq!((Image::is_executor(name), Image::is_published(name)), (is_executor, is_published), "{name}");
        }
    }

    #[test]
    fn a_family_may_come_with_a_version() {
        let fork = Image { family: Family::Fork, flavour: Flavour::Plain, version: Some(Version(1, 28, 3)) };
        assert_eq!("fork@v1.28.3".parse(), Ok(fork));
        assert_eq!("upstream".parse(), Ok(Image::default()));
        for wrong in ["", "kaniko", "fork@", "fork@latest"] {
            assert_eq!(wrong.parse::<Image>(), Err(()), "{wrong}");
        }
    }
}

//! The platform that is built for, and the build arguments that tell of it.

use std::fmt;
use std::str::FromStr;

use super::variables::Values;

/// An operating system and a processor, as in `linux/arm/v7`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// `linux`.
    pub os: String,
    /// `amd64`.
    pub architecture: String,
    /// `v7`; most have none.
    pub variant: Option<String>,
}

impl Default for Platform {
    fn default() -> Self {
        Self { os: "linux".to_owned(), architecture: "amd64".to_owned(), variant: None }
    }
}

/// Not `os/architecture` or `os/architecture/variant`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a platform is `os/architecture` or `os/architecture/variant`, as in `linux/arm64`")]
pub struct NotAPlatform;

impl FromStr for Platform {
    type Err = NotAPlatform;

    /// With the names that are used today (github.com/containerd/platforms `Normalize`).
    fn from_str(text: &str) -> Result<Self, NotAPlatform> {
        let lower = text.to_ascii_lowercase();
        let parts: Vec<&str> = lower.split('/').collect();
        let (os, architecture, variant) = match parts[..] {
            [os, architecture] => (os, architecture, ""),
            [os, architecture, variant] => (os, architecture, variant),
            _ => return Err(NotAPlatform),
        };
        if os.is_empty() || architecture.is_empty() {
            return Err(NotAPlatform);
        }
        let (architecture, variant) = match (architecture, variant) {
            ("i386", variant) => ("386", variant),
            ("x86_64" | "x86-64" | "amd64", "v1") => ("amd64", ""),
            ("x86_64" | "x86-64", variant) => ("amd64", variant),
            ("aarch64" | "arm64", "8" | "v8" | "") => ("arm64", ""),
            ("aarch64", variant) => ("arm64", variant),
            ("armhf", _) => ("arm", "v7"),
            ("armel", _) => ("arm", "v6"),
            ("arm", "" | "7") => ("arm", "v7"),
            ("arm", "5") => ("arm", "v5"),
            ("arm", "6") => ("arm", "v6"),
            ("arm", "8") => ("arm", "v8"),
            other => other,
        };
        let variant = (!variant.is_empty()).then(|| variant.to_owned());
        Ok(Self { os: os.to_owned(), architecture: architecture.to_owned(), variant })
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.os, self.architecture)?;
        self.variant.iter().try_for_each(|variant| write!(formatter, "/{variant}"))
    }
}

impl Platform {
    /// The build arguments that a Dockerfile has without being given them (`defaultArgs`). What it is built on is taken to
    /// be what it is built for.
    pub fn arguments(&self, target: Option<&str>) -> Values {
        let mut arguments = Values::new();
        for prefix in ["BUILD", "TARGET"] {
            let mut add = |name: &str, value: &str| drop(arguments.insert(format!("{prefix}{name}"), value.to_owned()));
            add("PLATFORM", &self.to_string());
            add("OS", &self.os);
            add("OSVERSION", "");
            add("ARCH", &self.architecture);
            add("VARIANT", self.variant.as_deref().unwrap_or_default());
        }
        arguments
            .insert("TARGETSTAGE".to_owned(), target.filter(|name| !name.is_empty()).unwrap_or("default").to_owned());
        arguments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_named_as_they_are_today() {
        for (given, expected) in [
            ("linux/amd64", "linux/amd64"),
            ("linux/x86_64", "linux/amd64"),
            ("Linux/ARM64", "linux/arm64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/aarch64", "linux/arm64"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/arm/v6", "linux/arm/v6"),
            ("linux/armhf", "linux/arm/v7"),
            ("linux/386", "linux/386"),
        ] {
            assert_eq!(given.parse::<Platform>().unwrap().to_string(), expected, "{given}");
        }
        for given in ["", "linux", "linux/", "/amd64", "a/b/c/d"] {
            assert_eq!(given.parse::<Platform>(), Err(NotAPlatform), "{given}");
        }
    }
}

//! `--insecure` is for what is pushed: a base image of the same registry is asked for over TLS, unless `--insecure-pull` or
//! `--insecure-registry` says otherwise (kaniko v1.24.0 `pkg/image/remote/remote.go`, `pkg/executor/push.go`).

use crate::code::Code;
use crate::diagnose::facts::Facts;
use crate::diagnose::{Finding, Severity};
use crate::dockerfile::base_images;
use crate::executor::flags::Flags;
use crate::reference::{Reference, registry_of};

/// Where the Dockerfile is known, and what it builds on.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    let flags = facts.resolution.flags.as_ref()?;
    let insecure = flags.last("insecure").filter(|_| flags.is_on("insecure"))?;
    // A registry that stands for another may be spoken to in another way.
    if flags.is_on("insecure-pull") || flags.all("registry-map").next().is_some() {
        return None;
    }
    let dockerfile = facts.resolution.dockerfile.as_ref()?.chosen.as_ref()?;
    let text = String::from_utf8(facts.setup.files.content(dockerfile)?).ok()?;
    let build_args: Vec<String> = flags.all("build-arg").map(str::to_owned).collect();
    let image =
        base_images(&text, &build_args).into_iter().find(|image| is_asked_over_tls(registry_of(image), flags))?;
    let registry = registry_of(&image);
    let message = format!("base image `{image}` is asked for over TLS: `--insecure` is for what is pushed");
    let why = format!("a destination is in `{registry}` too, and `--insecure` lets it speak plain HTTP");
    let ends = format!(
        "if it does, this ends with `Get \"https://{registry}/v2/\": http: server gave HTTP response to HTTPS client`"
    );
    // A registry that speaks TLS is pushed to with `--insecure` all the same.
    let finding = facts.finding(Code::InsecurePullMissing, Severity::Advice, Some(insecure.index), message);
    Some(finding.because([why, ends]).with_help(Some("add `--insecure-pull`".to_owned())))
}

/// Whether a destination is there, and nothing lets the executor do without TLS.
fn is_asked_over_tls(registry: &str, flags: &Flags) -> bool {
    let is_there = |text: &str| text.parse::<Reference>().is_ok_and(|reference| reference.registry() == registry);
    flags.all("destination").any(is_there)
        && !flags.all("insecure-registry").any(|given| given == registry)
        && !is_plain_by_itself(registry)
}

/// Whether go-containerregistry speaks plain HTTP to it unasked: an address of a private network, this machine, names that
/// end so (v0.20.4 `pkg/name/registry.go` `Scheme`).
fn is_plain_by_itself(registry: &str) -> bool {
    let host = match registry.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => host,
        _ => registry,
    };
    let is_private = host.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_private());
    is_private
        || registry.starts_with("localhost:")
        || ["127.0.0.1", "::1", "[::1]"].contains(&host)
        || host.ends_with(".local")
        || host.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;

    fn case(base: &str, more: &[&str]) -> Case {
        let dockerfile = format!("/workspace/Dockerfile=ARG BASE\nFROM {base}\n");
        let arguments = ["--context=/workspace", "--destination=r.example.com:5000/team/app", "--insecure"];
        Case::exactly(&[&arguments[..], more].concat(), &[&dockerfile])
    }

    #[test]
    fn a_base_image_of_the_registry_that_is_pushed_to_without_tls() {
        let finding = case("r.example.com:5000/base/java:17", &[]).finding(Code::InsecurePullMissing);
        assert_eq!((finding.severity, finding.help.as_deref()), (Severity::Advice, Some("add `--insecure-pull`")));
        case("$BASE", &["--build-arg=BASE=r.example.com:5000/x"]).finding(Code::InsecurePullMissing);
    }

    #[test]
    fn what_is_told_to_do_without_tls_or_is_elsewhere_is_fine() {
        for (base, more) in [
            ("r.example.com:5000/base", &["--insecure-pull"][..]),
            ("r.example.com:5000/base", &["--insecure-registry=r.example.com:5000"]),
            ("r.example.com:5000/base", &["--insecure=false"]),
            ("r.example.com:5000/base", &["--registry-map=r.example.com:5000=mirror.example.com"]),
            ("r.example.com/base", &[]),
            ("debian", &[]),
            ("scratch", &[]),
        ] {
            case(base, more).no_finding(Code::InsecurePullMissing);
        }
    }

    #[test]
    fn addresses_that_need_no_flag_are_fine() {
        for registry in
            ["10.0.0.5:5000", "192.168.1.9", "172.16.0.1:80", "localhost:5000", "127.0.0.1:5000", "nexus.local"]
        {
            assert!(is_plain_by_itself(registry), "{registry}");
        }
        for registry in
            ["8.8.8.8:5000", "172.32.0.1", "registry", "r.example.com", "local.example.com:80", "100.64.0.1"]
        {
            assert!(!is_plain_by_itself(registry), "{registry}");
        }
    }
}

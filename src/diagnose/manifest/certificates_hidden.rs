//! A volume lies over the certificates that come with the executor.

use super::super::{Finding, Severity};
use super::container::Running;
use super::volumes::{Mounted, is_shared, mounted};
use super::{members, text_of};
use crate::code::Code;

/// kaniko-executor C-R5 (kaniko#1539, #2281; the mount: jenkinsci/kubernetes-operator#106).
pub(super) fn find(running: &Running) -> Option<Finding> {
    let container = running.container;
    if !container.holds_executor() || container.variable("SSL_CERT_DIR").is_some() {
        return None;
    }
    let over = |path: &[u8]| path == b"/kaniko/ssl/certs" || path == b"/kaniko/ssl";
    let mounted = mounted(container).into_iter().find(|mounted| {
        over(&mounted.path) && !mounted.is_part() && !is_bundle(mounted) && !is_shared(container, mounted)
    })?;
    let path = String::from_utf8_lossy(&mounted.path).into_owned();
    let message = format!("volume `{}` hides the certificates of public authorities in `{path}`", mounted.name);
    Some(
        running
            .finding(Code::CertificatesHidden, Severity::Warning, mounted.mount.place_of("mountPath"), message)
            .because([
                "registries of which it has no certificate end with `x509: certificate signed by unknown authority`"
                    .to_owned(),
            ])
            .with_help(Some("mount it elsewhere, and add `--registry-certificate=HOST=/path/to/ca.crt`".to_owned())),
    )
}

/// What replaces the image's bundle on purpose: a bundle of the same name, or all that a node has.
fn is_bundle(mounted: &Mounted) -> bool {
    let Some(volume) = mounted.volume else { return true };
    let sources = ["configMap", "secret"].iter().filter_map(|field| volume.get(field));
    let has_bundle =
        |source| members(source, "items").any(|item| text_of(&item.value, "path") == Some("ca-certificates.crt"));
    volume.get("hostPath").is_some() || sources.into_iter().any(|source| has_bundle(&source.value))
}

#[cfg(test)]
mod tests {
    use super::super::super::finding::told::{none_of, the_one};
    use super::super::case::in_pod;
    use super::*;

    fn found(mount: &str, volume: &str) -> Vec<Finding> {
        let mount = format!("volumeMounts: [{{name: ca, {mount}}}]");
        in_pod(&mount, &format!("volumes: [{{name: ca, {volume}}}]"))
    }

    #[test]
    fn a_volume_over_the_bundle_is_told() {
        let secret = "secret: {secretName: ca}";
        the_one(&found("mountPath: /kaniko/ssl/certs", secret), Code::CertificatesHidden);
        the_one(&found("mountPath: /kaniko/ssl/certs/", "configMap: {name: ca}"), Code::CertificatesHidden);
        for (mount, volume) in [
            ("mountPath: /kaniko/ssl/certs/ca.crt, subPath: ca.crt", secret),
            ("mountPath: /kaniko/ssl/certs/additional.crt", secret),
            ("mountPath: /certs", secret),
            ("mountPath: /kaniko/ssl/certs", "hostPath: {path: /usr/share/ca-certificates}"),
            ("mountPath: /kaniko/ssl/certs", "configMap: {name: ca, items: [{key: all, path: ca-certificates.crt}]}"),
        ] {
            none_of(&found(mount, volume), Code::CertificatesHidden);
        }
    }
}

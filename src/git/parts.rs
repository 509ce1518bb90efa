//! What addresses of git repositories are made of. Pure.

/// Hosts that serve each repository over SSH and over HTTPS at the same path, with or without `.git`.
pub(crate) const HOSTS: [&str; 4] = ["github.com", "gitlab.com", "bitbucket.org", "codeberg.org"];

/// `host/path` of an address as SSH has it, `[user@]host:path`; none if what follows the colon may be a port.
pub(crate) fn of_scp(address: &str) -> Option<String> {
    let (host, path) = without_user(address).split_once(':')?;
    let is_host = !host.is_empty() && !host.contains('/') && (host.contains('.') || address.contains('@'));
    let first = path.split('/').next().unwrap_or_default();
    let is_port = first.is_empty() || first.bytes().all(|byte| byte.is_ascii_digit());
    (is_host && !is_port).then(|| format!("{host}/{path}"))
}

/// Without the user before `@`, if there is one in the host's part.
pub(crate) fn without_user(address: &str) -> &str {
    match address.split_once('@') {
        Some((user, rest)) if !user.contains('/') => rest,
        _ => address,
    }
}

/// The host, without a user and a port.
pub(crate) fn host(address: &str) -> &str {
    without_user(address).split(['/', ':']).next().unwrap_or_default()
}

/// Whether text without a scheme is `host.example/owner/repository`, with `.git` unless the host is a known one.
pub(crate) fn is_address(text: &str) -> bool {
    let repository = text.split('#').next().unwrap_or_default();
    let host = host(repository);
    let parts = repository.split('/').filter(|part| !part.is_empty()).count();
    let is_host = host.contains('.') && !host.starts_with('.');
    is_host && parts >= 3 && (repository.ends_with(".git") || HOSTS.contains(&host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_as_ssh_has_it_is_told_from_one_with_a_port() {
        for (address, expected) in [
            ("git@github.com:o/r.git", Some("github.com/o/r.git")),
            ("github.com:o/r.git", Some("github.com/o/r.git")),
            ("git@intern:o/r", Some("intern/o/r")),
            ("github.com/o/r.git", None),
            ("git@git.example.com:2222/o/r", None),
            ("git.example.com:/o/r", None),
            ("C:dir", None),
        ] {
            assert_eq!(of_scp(address).as_deref(), expected, "{address}");
        }
        assert_eq!((host("u:p@h.example:1/x"), host("h/a@b")), ("h.example", "h"));
    }
}

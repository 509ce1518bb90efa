//! Whose files are: BuildKit v0.34.2 `client/llb/fileop.go` (`WithUser`) and `solver/llbsolver/ops/user_linux.go`
//! (`readUser`).

use super::Contents;
use crate::rootfs::{Id, Kind, Owner, RootFs};

/// What `--chown` or `USER` says. A name that is not in the image's user database is root; in an image that is not known
/// nobody knows.
pub(super) fn owner(said: &str, rootfs: &RootFs, is_known: bool, contents: &dyn Contents) -> Owner {
    let (user, group) = said.split_once(':').map_or((said, None), |(user, group)| (user, Some(group)));
    let mut owner = match number(user) {
        Some(number) => Owner::new(number, number),
        None if user.is_empty() => Owner::default(),
        None => match database(rootfs, b"/etc/passwd", is_known, contents) {
            Some(users) => line(&users, user).map_or_else(Owner::default, |fields| Owner {
                user: Id::Known(field(&fields, 2)),
                group: Id::Known(field(&fields, 3)),
            }),
            None => Owner { user: Id::Unknown, group: Id::Unknown },
        },
    };
    if let Some(group) = group.filter(|group| !group.is_empty()) {
        owner.group = match number(group) {
            Some(number) => Id::Known(number),
            None => match database(rootfs, b"/etc/group", is_known, contents) {
                Some(groups) => line(&groups, group).map_or(owner.group, |fields| Id::Known(field(&fields, 2))),
                None => Id::Unknown,
            },
        };
    }
    owner
}

/// A number, or root's.
fn number(said: &str) -> Option<u32> {
    if said == "root" { Some(0) } else { said.parse::<i32>().ok().and_then(|number| number.try_into().ok()) }
}

/// What is in a file of the image; nothing if it is not there.
fn database(rootfs: &RootFs, path: &[u8], is_known: bool, contents: &dyn Contents) -> Option<String> {
    let found = rootfs.resolve(path).ok()?;
    match rootfs.get(&found).map(|node| &node.kind) {
        Some(Kind::File(content)) => String::from_utf8(contents.text(content)?).ok(),
        _ => is_known.then(String::new),
    }
}

/// The fields of the first line that begins with a name.
fn line<'t>(text: &'t str, name: &str) -> Option<Vec<&'t str>> {
    let lines = text.lines().map(|line| line.trim().split(':').collect::<Vec<_>>());
    lines.into_iter().find(|fields| fields.first() == Some(&name))
}

fn field(fields: &[&str], at: usize) -> u32 {
    fields.get(at).and_then(|field| field.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::members::Found;
    use crate::rootfs::{Content, Node};

    struct Texts;

    impl Contents for Texts {
        fn text(&self, content: &Content) -> Option<Vec<u8>> {
            let Content::Text(text) = content else { return None };
            Some(text.clone().into_bytes())
        }

        fn found(&self, _: &Content) -> Found {
            Found::File
        }
    }

    #[test]
    fn numbers_need_no_database_and_names_do() {
        let mut rootfs = RootFs::default();
        let none = RootFs::default();
        for (path, text) in [("/etc/passwd", "root:x:0:0\nbob:x:50:60::\n"), ("/etc/group", "staff:x:70:\n")] {
            let kind = Kind::File(Content::Text(text.to_owned()));
            rootfs.put(path.into(), Node { kind, ..Node::directory(0) });
        }
        let unknown = Owner { user: Id::Unknown, group: Id::Unknown };
        for (said, with, without, in_image) in [
            ("5", Owner::new(5, 5), Owner::new(5, 5), Owner::new(5, 5)),
            ("5:6", Owner::new(5, 6), Owner::new(5, 6), Owner::new(5, 6)),
            ("5:", Owner::new(5, 5), Owner::new(5, 5), Owner::new(5, 5)),
            (":6", Owner::new(0, 6), Owner::new(0, 6), Owner::new(0, 6)),
            ("", Owner::new(0, 0), Owner::new(0, 0), Owner::new(0, 0)),
            ("root:root", Owner::new(0, 0), Owner::new(0, 0), Owner::new(0, 0)),
            ("bob", Owner::new(50, 60), Owner::new(0, 0), unknown),
            ("bob:staff", Owner::new(50, 70), Owner::new(0, 0), unknown),
            ("bob:7", Owner::new(50, 7), Owner::new(0, 7), Owner { user: Id::Unknown, group: Id::Known(7) }),
            ("5:nobody", Owner::new(5, 5), Owner::new(5, 5), Owner { user: Id::Known(5), group: Id::Unknown }),
        ] {
            assert_eq!(owner(said, &rootfs, true, &Texts), with, "{said}");
            assert_eq!(owner(said, &none, true, &Texts), without, "{said} in an image without users");
            assert_eq!(owner(said, &none, false, &Texts), in_image, "{said} in an image that is not known");
        }
    }
}

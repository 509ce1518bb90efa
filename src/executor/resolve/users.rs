//! Whose files are: kaniko v1.24.0 `pkg/util/command_util.go` (`GetUserGroup`), with Go's `os/user`, which reads the
//! image's `/etc/passwd` and `/etc/group`.
//!
//! A user without a group gets a group of the same number, whatever the user database says; Docker asks it.

use crate::dockerfile::go::quote;
use crate::executor::files::{Follow, Pod};
use crate::rootfs::{Id, Owner};

/// What `said` comes to, its variables expanded. Names of an image that is not known are not known.
///
/// # Errors
/// The executor's words.
pub(super) fn owner(said: &str, pod: &Pod, all_known: bool) -> Result<Owner, String> {
    let mut parts = said.split(':');
    let (user, group) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let users = lines(pod, b"/etc/passwd");
    let id_of_user = id(user, users.as_deref(), all_known);
    let user = id_of_user.ok_or_else(|| format!("user {user} is not a uid and does not exist on the system"))?;
    if group.is_empty() {
        return Ok(Owner { user, group: user });
    }
    let groups = lines(pod, b"/etc/group");
    let id_of_group = id(group, groups.as_deref(), all_known);
    let group = id_of_group.ok_or_else(|| format!("strconv.ParseUint: parsing {}: invalid syntax", quote(group)))?;
    Ok(Owner { user, group })
}

/// What a name or a number comes to; none if it is neither.
fn id(said: &str, lines: Option<&[Vec<String>]>, all_known: bool) -> Option<Id> {
    let found = named(lines, said, 0).or_else(|| named(lines, said, 2));
    match found.map_or_else(|| number(said), |fields| number(fields.get(2).map_or("", |id| id))) {
        Some(number) => Some(Id::Known(number)),
        None if all_known && lines.is_some() => None,
        None => Some(Id::Unknown),
    }
}

fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|_| !text.starts_with('+'))
}

/// The fields of each line; nothing if there is no such file, none if nobody knows what is in it.
fn lines(pod: &Pod, path: &[u8]) -> Option<Vec<Vec<String>>> {
    let Ok(found) = pod.find(path, b"/", Follow::All) else { return Some(vec![]) };
    let text = String::from_utf8(pod.content(&found.path)?).ok()?;
    Some(text.lines().map(|line| line.trim().split(':').map(str::to_owned).collect()).collect())
}

/// The first line whose field `at` says `text`.
fn named<'l>(lines: Option<&'l [Vec<String>]>, text: &str, at: usize) -> Option<&'l Vec<String>> {
    lines?.iter().find(|fields| fields.len() > 3.min(at + 1) && fields.get(at).is_some_and(|field| field == text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::files::told::Told;

    #[test]
    fn a_user_without_a_group_has_one_of_the_same_number() {
        let with = Told::of(&["/etc/passwd=root:x:0:0::/:\nbob:x:50:60::/:\n", "/etc/group=staff:x:70:\n"]);
        let without = Told::of(&["/workspace/"]);
        let (with, without) = (Pod::new(&with), Pod::new(&without));
        let unknown = Owner { user: Id::Unknown, group: Id::Unknown };
        let no_user = |name: &str| Err(format!("user {name} is not a uid and does not exist on the system"));
        let no_group = |name: &str| Err(format!("strconv.ParseUint: parsing \"{name}\": invalid syntax"));
        for (said, in_known, in_empty, in_image) in [
            ("5", Ok(Owner::new(5, 5)), Ok(Owner::new(5, 5)), Owner::new(5, 5)),
            ("5:6", Ok(Owner::new(5, 6)), Ok(Owner::new(5, 6)), Owner::new(5, 6)),
            ("5:", Ok(Owner::new(5, 5)), Ok(Owner::new(5, 5)), Owner::new(5, 5)),
            ("bob", Ok(Owner::new(50, 50)), no_user("bob"), unknown),
            ("bob:staff", Ok(Owner::new(50, 70)), no_user("bob"), unknown),
            ("root:root", no_group("root"), no_user("root"), unknown),
            (":6", no_user(""), no_user(""), Owner { user: Id::Unknown, group: Id::Known(6) }),
            ("", no_user(""), no_user(""), unknown),
            ("5:staff", Ok(Owner::new(5, 70)), no_group("staff"), Owner { user: Id::Known(5), group: Id::Unknown }),
        ] {
            assert_eq!(owner(said, &with, true), in_known, "{said}");
            assert_eq!(owner(said, &without, true), in_empty, "{said} in an image without users");
            assert_eq!(owner(said, &without, false), Ok(in_image), "{said} in an image that is not known");
        }
    }
}

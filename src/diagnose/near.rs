//! What somebody may have meant: a name that differs from the one given in letter case, or by a slip of the finger.

/// What separates the words of a name. A slip is one within a word: `Dockerfile.b` is not meant where `Dockerfile.a` is
/// given, however little they differ.
const SEPARATORS: [u8; 4] = *b".-_/";

/// The one of `names` that is nearest to `wanted`; none if none is near, or if two are as near.
pub(super) fn nearest<N: AsRef<[u8]>>(wanted: &[u8], names: impl IntoIterator<Item = N>) -> Option<N> {
    let mut best: Option<(usize, N)> = None;
    let mut is_alone = true;
    for name in names {
        let Some(distance) = distance(wanted, name.as_ref()) else { continue };
        match &best {
            Some((least, _)) if *least < distance => {}
            Some((least, _)) if *least == distance => is_alone = false,
            _ => (best, is_alone) = (Some((distance, name)), true),
        }
    }
    best.filter(|_| is_alone).map(|(_, name)| name)
}

/// How many slips lie between two names, letter case aside; none if it is too many to be slips.
fn distance(wanted: &[u8], name: &[u8]) -> Option<usize> {
    let words = |name: &[u8]| -> Vec<Vec<u8>> {
        name.split(|byte| SEPARATORS.contains(byte)).map(<[u8]>::to_ascii_lowercase).collect()
    };
    let (wanted, name) = (words(wanted), words(name));
    if wanted.len() != name.len() {
        return None;
    }
    wanted.iter().zip(&name).try_fold(0, |sum, (wanted, name)| {
        let slips = slips(wanted, name);
        (slips <= (wanted.len() / 4).min(2)).then_some(sum + slips)
    })
}

/// Letters to add, to leave out, to replace or to exchange with the next one.
fn slips(left: &[u8], right: &[u8]) -> usize {
    let mut before: Vec<usize> = vec![];
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (row, letter) in left.iter().enumerate() {
        let mut line = vec![row + 1];
        for (column, other) in right.iter().enumerate() {
            let mut least = (above[column] + usize::from(letter != other)).min(above[column + 1] + 1);
            least = least.min(line[column] + 1);
            if row > 0 && column > 0 && *letter == right[column - 1] && left[row - 1] == *other {
                least = least.min(before[column - 1] + 1);
            }
            line.push(least);
        }
        before = std::mem::replace(&mut above, line);
    }
    above[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_seen_through_and_a_guess_is_not_made() {
        for (wanted, names, expected) in [
            ("Dockerfile", &["Dockerfle", "src"][..], Some("Dockerfle")),
            ("Dcokerfile", &["Dockerfile"], Some("Dockerfile")),
            ("dockerfile.DEV", &["Dockerfile.dev", "Dockerfile"], Some("Dockerfile.dev")),
            ("Dockerfile-prod", &["Dockerfile.prod"], Some("Dockerfile.prod")),
            ("app", &["App"], Some("App")),
            ("app", &["api"], None),
            ("Dockerfile.a", &["Dockerfile.b"], None),
            ("Dockerfile", &["Dockerfile.dev"], None),
            ("Dockerfle", &["Dockerfile", "dockerfile"], None),
            ("Dockerfile", &[], None),
        ] {
            assert_eq!(nearest(wanted.as_bytes(), names.iter().copied()), expected, "{wanted}");
        }
    }
}

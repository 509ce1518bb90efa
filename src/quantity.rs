//! Quantities of Kubernetes: how much CPU and memory a container gets. Pure.

use crate::error::UsageError;

/// Thousandths and smaller parts.
const SMALL: [&str; 3] = ["n", "u", "m"];
/// Nothing, or more than ones.
const LARGE: [&str; 13] = ["", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/// What a quantity is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// CPUs.
    Cpu,
    /// Bytes of memory.
    Memory,
}

impl Resource {
    /// The flag that it is given with.
    pub fn flag(self) -> &'static str {
        match self {
            Self::Cpu => "--cpu",
            Self::Memory => "--memory",
        }
    }

    /// Takes a quantity of more than nothing as it was `typed` (apimachinery `pkg/api/resource/quantity.go`
    /// `parseQuantityString`, `suffix.go`). Thousandths of a byte are legal in Kubernetes, and never meant: Docker's
    /// `512m` are megabytes.
    ///
    /// # Errors
    /// Anything else.
    pub fn quantity(self, typed: String) -> Result<String, UsageError> {
        let (number, suffix) = split(&typed);
        let is_number = number.parse::<f64>().is_ok_and(|number| number > 0.0);
        let is_exponent = suffix.strip_prefix(['e', 'E']).is_some_and(|exponent| exponent.parse::<i8>().is_ok());
        let is_small = self == Self::Cpu && SMALL.contains(&suffix);
        if is_number && (is_small || LARGE.contains(&suffix) || is_exponent) {
            Ok(typed)
        } else {
            Err(UsageError::Quantity { of: self, typed })
        }
    }

    /// How to write what was `typed` otherwise.
    pub fn help(self, typed: &str) -> String {
        match self {
            Self::Cpu => "write it like `2` or `500m`".to_owned(),
            Self::Memory => match binary(typed) {
                Some(meant) => format!("write it as `{meant}`"),
                None => "write it like `512Mi` or `2Gi`".to_owned(),
            },
        }
    }
}

/// How many bytes a quantity is; none if it is none.
pub fn bytes(quantity: &str) -> Option<u64> {
    let (number, suffix) = split(quantity);
    let number = number.parse::<f64>().ok()?;
    let factor = match suffix {
        "" => 1.0,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "Ki" => 1024.0,
        "Mi" => 1024.0 * 1024.0,
        "Gi" => 1024.0 * 1024.0 * 1024.0,
        "Ti" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        exponent => 10_f64.powi(exponent.strip_prefix(['e', 'E'])?.parse().ok()?),
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is not negative, and `as` saturates"
    )]
    Some((number * factor) as u64)
}

fn split(typed: &str) -> (&str, &str) {
    let end = typed.find(|character: char| !character.is_ascii_digit() && character != '.');
    typed.split_at(end.unwrap_or(typed.len()))
}

/// `512m`, `2GB`, `1gib` as Kubernetes writes them.
fn binary(typed: &str) -> Option<String> {
    let (number, suffix) = split(typed);
    number.parse::<f64>().ok().filter(|number| *number > 0.0)?;
    let suffix = suffix.to_ascii_uppercase();
    let (unit, rest) = suffix.split_at_checked(1)?;
    (["K", "M", "G", "T"].contains(&unit) && ["", "B", "I", "IB"].contains(&rest)).then(|| format!("{number}{unit}i"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_those_of_kubernetes_and_more_than_nothing() {
        for right in ["2", "0.5", ".5", "2.", "512Mi", "1.5Gi", "1e3", "2E9", "1e-1", "4G", "1Ei"] {
            assert_eq!(Resource::Memory.quantity(right.to_owned()).unwrap(), right);
            assert_eq!(Resource::Cpu.quantity(right.to_owned()).unwrap(), right);
        }
        for wrong in
            ["", ".", "0", "0Mi", "-1", "512MB", "1 Gi", " 1", "Gi", "1.2.3", "1gi", "2x", "1e", "inf", "1e999"]
        {
            assert!(Resource::Memory.quantity(wrong.to_owned()).is_err(), "{wrong}");
            assert!(Resource::Cpu.quantity(wrong.to_owned()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn quantities_are_so_many_bytes() {
        for (quantity, wanted) in [
            ("512Mi", Some(536_870_912)),
            ("1.5Gi", Some(1_610_612_736)),
            ("900M", Some(900_000_000)),
            ("1e3", Some(1000)),
            ("7", Some(7)),
            ("much", None),
            ("1x", None),
            ("", None),
        ] {
            assert_eq!(bytes(quantity), wanted, "{quantity}");
        }
    }

    #[test]
    fn thousandths_are_for_cpus_alone() {
        assert_eq!(Resource::Cpu.quantity("500m".to_owned()).unwrap(), "500m");
        assert!(Resource::Memory.quantity("500m".to_owned()).is_err());
    }

    #[test]
    fn memory_written_dockers_way_is_put_right() {
        for (typed, help) in [
            ("512m", "write it as `512Mi`"),
            ("2GB", "write it as `2Gi`"),
            ("1.5gib", "write it as `1.5Gi`"),
            ("much", "write it like `512Mi` or `2Gi`"),
            ("2x", "write it like `512Mi` or `2Gi`"),
            ("0m", "write it like `512Mi` or `2Gi`"),
        ] {
            assert_eq!(Resource::Memory.help(typed), help, "{typed}");
        }
    }
}

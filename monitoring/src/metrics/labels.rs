//! Label sets, and what becomes of them when a family is full.

use std::borrow::Cow;

use prometheus_client::encoding::EncodeLabelSet;

use super::name::Labels;
use crate::redaction::redact;

/// A label's value.
pub(super) type Value = Cow<'static, str>;

/// Stands for all values of an open label that found no place.
pub(super) const OTHER: &str = "other";

/// Longest value of an open label, in characters.
const LONGEST: usize = 80;

/// The labels of a family with their values.
pub(super) trait LabelSet:
    Labels + EncodeLabelSet + Clone + std::hash::Hash + Eq + std::fmt::Debug + Send + Sync + 'static
{
    /// The same set with `other` in the place of every open value.
    fn folded(&self) -> Self;
}

/// A value that comes from outside (a model, an operator, a cause): without secrets, and no longer than it must be.
pub(super) fn open(value: &str) -> Value {
    let redacted = redact(value);
    match redacted.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &redacted[..end]).into(),
        None => redacted.into_owned().into(),
    }
}

/// Declares a label set. An `open` label takes values from outside, a `closed` one only those that the code names.
macro_rules! label_set {
    ($name:ident { $($label:ident : $class:ident),+ $(,)? }) => {
        /// The labels of a family with their values.
        #[derive(Debug, Clone, PartialEq, Eq, Hash, prometheus_client::encoding::EncodeLabelSet)]
        pub struct $name {
            $(pub(super) $label: $crate::metrics::labels::Value,)+
        }

        $crate::metrics::labels::label_names!($name { $($label),+ });

        impl $crate::metrics::labels::LabelSet for $name {
            fn folded(&self) -> Self {
                Self { $($label: label_set!(@fold $class self.$label),)+ }
            }
        }
    };
    (@fold open $value:expr) => { $crate::metrics::labels::OTHER.into() };
    (@fold closed $value:expr) => { $value.clone() };
}
pub(super) use label_set;

/// Says how the labels of a set are called.
macro_rules! label_names {
    ($name:ident { $($label:ident),+ }) => {
        const _: () = {
            /// The names of the labels.
            #[derive(Debug, Clone, Copy)]
            pub struct Names {
                $(
                    #[doc = concat!("The label `", stringify!($label), "`.")]
                    pub $label: &'static str,
                )+
            }

            impl $crate::metrics::name::Labels for $name {
                type Names = Names;

                const NAMES: Names = Names { $($label: stringify!($label)),+ };
                const LIST: &'static [&'static str] = &[$(stringify!($label)),+];
            }
        };
    };
}
pub(super) use label_names;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::evolution::CandidateLabels;

    #[test]
    fn only_open_labels_fold() {
        let folded = CandidateLabels { operator: "o".into(), outcome: "kept".into() }.folded();
        assert_eq!(folded, CandidateLabels { operator: OTHER.into(), outcome: "kept".into() });
        assert_eq!(CandidateLabels::LIST, ["operator", "outcome"]);
        let names = CandidateLabels::NAMES;
        assert_eq!((names.operator, names.outcome), ("operator", "outcome"));
    }

    #[test]
    fn values_from_outside_are_short_and_hold_no_secret() {
        assert_eq!(open("gpt-5-mini"), "gpt-5-mini");
        assert_eq!(open(&"ü ".repeat(100)).chars().count(), LONGEST + 1);
        let key = "sk-proj-Zx9Qw8Er7Ty6Ui5Op4As3Df2Gh1Jk0Lz";
        assert!(!open(&format!("lab:{key}")).contains("Zx9Qw8"));
    }
}

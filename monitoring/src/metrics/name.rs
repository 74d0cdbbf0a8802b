//! What a family is called: by whoever counts, and by whoever asks.

use std::marker::PhantomData;

use prometheus_client::registry::Unit;

use super::catalogue::{Declaration, Kind};

/// A type of metrics, for a [`Name`].
pub trait Type {
    /// The same as a value.
    const KIND: Kind;
}

/// The labels of a family, for a [`Name`].
pub trait Labels {
    /// A field for each label, with its name.
    type Names: Copy;

    /// Their names, each in its field.
    const NAMES: Self::Names;

    /// Their names, in the order of their declaration.
    const LIST: &'static [&'static str];
}

/// The type of a family that only goes up.
#[derive(Debug, Clone, Copy)]
pub struct Counter;

/// The type of a family that goes up and down.
#[derive(Debug, Clone, Copy)]
pub struct Gauge;

/// The type of a family of observations by size.
#[derive(Debug, Clone, Copy)]
pub struct Histogram;

/// The type of a family whose labels say something.
#[derive(Debug, Clone, Copy)]
pub struct Info;

impl Type for Counter {
    const KIND: Kind = Kind::Counter;
}

impl Type for Gauge {
    const KIND: Kind = Kind::Gauge;
}

impl Type for Histogram {
    const KIND: Kind = Kind::Histogram;
}

impl Type for Info {
    const KIND: Kind = Kind::Info;
}

/// The labels of a family that has none.
#[derive(Debug, Clone, Copy)]
pub struct NoLabels;

impl Labels for NoLabels {
    type Names = ();

    const NAMES: () = ();
    const LIST: &'static [&'static str] = &[];
}

/// The name of a family of type `T` with the labels `L`, its unit and its meaning.
#[derive(Debug)]
pub struct Name<T, L = NoLabels> {
    bare: &'static str,
    unit: Option<&'static str>,
    help: &'static str,
    of: PhantomData<fn() -> (T, L)>,
}

impl<T, L> Clone for Name<T, L> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T, L> Copy for Name<T, L> {}

impl<T: Type, L: Labels> Name<T, L> {
    pub(super) const fn new(bare: &'static str, unit: Option<&'static str>, help: &'static str) -> Self {
        Self { bare, unit, help, of: PhantomData }
    }

    /// The name without the suffixes that its unit and type add, as the encoder takes it.
    pub(super) const fn bare(self) -> &'static str {
        self.bare
    }

    pub(super) fn encoded_unit(self) -> Option<Unit> {
        self.unit.map(|unit| Unit::Other(unit.to_owned()))
    }

    /// The name as queries write it, suffixes included; of a histogram, without `_bucket`, `_sum` and `_count`.
    pub fn full(self) -> String {
        let unit = self.unit.map_or_else(String::new, |unit| format!("_{unit}"));
        let suffix = match T::KIND {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram => "",
        };
        format!("{}{unit}{suffix}", self.bare)
    }

    /// The unit of its values: `seconds`, `bytes`, `dollars`; none for what is counted.
    pub const fn unit(self) -> Option<&'static str> {
        self.unit
    }

    /// What it says.
    pub const fn help(self) -> &'static str {
        self.help
    }

    /// The names of its labels, each in a field.
    pub const fn labels(self) -> L::Names {
        L::NAMES
    }

    pub(super) fn declaration(self) -> Declaration {
        Declaration { name: self.full(), kind: T::KIND, labels: L::LIST, help: self.help }
    }
}

/// Declares families: a name without suffixes, the unit where there is one, and what it says. They stand in a module
/// `names`, from where both the declaration of the metric and queries take them.
macro_rules! families {
    ($($constant:ident: $type:ident$(<$labels:ident>)? = $bare:literal $(in $unit:literal)?, $help:literal;)+) => {
        /// The names of the families.
        pub(in crate::metrics) mod names {
            $(
                #[doc = $help]
                pub const $constant: $crate::metrics::name::families!(@type $type $($labels)?) =
                    $crate::metrics::name::Name::new($bare, $crate::metrics::name::families!(@unit $($unit)?), $help);
            )+
        }
    };
    (@type $type:ident $labels:ident) => {
        $crate::metrics::name::Name<$crate::metrics::name::$type, super::$labels>
    };
    (@type $type:ident) => { $crate::metrics::name::Name<$crate::metrics::name::$type> };
    (@unit $unit:literal) => { Some($unit) };
    (@unit) => { None };
}
pub(super) use families;

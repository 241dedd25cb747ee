//! Closed lists of words that the outputs use: an enum whose variants have one spelling each.

/// Defines an enum whose variants have one written name, with `name`, `ALL`, `NAMES`, `Display` and `FromStr`.
macro_rules! named {
    ($(#[$meta:meta])* pub enum $enum:ident { $(#[doc = $doc:literal] $variant:ident = $name:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $enum { $(#[doc = $doc] $variant,)* }

        impl $enum {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [$enum] = &[$($enum::$variant,)*];

            /// The words of all values, in the same order.
            #[allow(dead_code, reason = "not every list of words is one of outputs")]
            pub const NAMES: &'static [&'static str] = &[$($name,)*];

            /// The word that outputs use.
            pub const fn name(self) -> &'static str {
                match self { $($enum::$variant => $name,)* }
            }

            /// What the word means, in a sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $($enum::$variant => $doc.trim_ascii(),)* }
            }
        }

        impl std::fmt::Display for $enum {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }
    };
}
pub(crate) use named;

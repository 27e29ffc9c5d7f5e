//! The nouns of the provider as plain data.

pub mod value;

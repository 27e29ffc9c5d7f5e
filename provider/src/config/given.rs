//! An argument's text and the place where the user wrote it: a complaint about a variable of the environment must not
//! point to the provider block.

use std::fmt;

use super::environment::flag;
use crate::framework::{Diagnostics, Path};

/// What was given for an argument.
#[derive(Debug, Clone)]
pub struct Given {
    pub(super) text: String,
    /// The variable that it came from; none if it is written in the provider block.
    variable: Option<String>,
}

impl Given {
    /// Written in the provider block.
    pub(super) fn written(text: impl Into<String>) -> Self {
        Self { text: text.into(), variable: None }
    }

    /// The value of `variable`.
    pub(super) fn from_variable(variable: impl Into<String>, text: impl Into<String>) -> Self {
        Self { text: text.into(), variable: Some(variable.into()) }
    }

    /// The same place, for a part of the text.
    pub(super) fn with(&self, text: impl Into<String>) -> Self {
        Self { text: text.into(), variable: self.variable.clone() }
    }

    /// The truth value of `argument`; none if it isn't one, which is reported.
    pub(super) fn truth(&self, argument: &str, diagnostics: &mut Diagnostics) -> Option<bool> {
        let value = flag(&self.text);
        if value.is_none() {
            self.blame(diagnostics, argument, &format!("it is {:?} and must be true or false", self.text));
        }
        value
    }

    /// Reports that this is no good value of `argument`.
    pub(super) fn blame(&self, diagnostics: &mut Diagnostics, argument: &str, problem: &dyn fmt::Display) {
        match &self.variable {
            None => diagnostics.error_at(
                Path::attribute(argument),
                format!("Invalid {argument}"),
                format!("{problem}. Nothing was sent."),
            ),
            Some(variable) => diagnostics.error(
                format!("Invalid {variable}"),
                format!(
                    "The environment variable {variable}, which sets `{argument}` of the provider block: {problem}. \
                     Nothing was sent."
                ),
            ),
        }
    }
}

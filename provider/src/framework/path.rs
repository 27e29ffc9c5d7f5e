//! Attribute paths: the steps from an object to a part of it.

use std::fmt;

/// One step into a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Into an attribute or nested block of an object.
    Attribute(String),
    /// Into an element of a map.
    Key(String),
    /// Into an element of a list.
    Index(i64),
}

/// The way from the root of an object to a value inside it. A path never points into an element of a set: core has no
/// step for that.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path(Vec<Step>);

impl Path {
    /// The root of the object.
    pub fn root() -> Self {
        Self::default()
    }

    /// The path of a top-level attribute or block.
    pub fn attribute(name: impl Into<String>) -> Self {
        Self::root().then(Step::Attribute(name.into()))
    }

    /// This path with one more step.
    #[must_use]
    pub fn then(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// This path and then the attribute `name`.
    #[must_use]
    pub fn field(&self, name: impl Into<String>) -> Self {
        self.then(Step::Attribute(name.into()))
    }

    /// This path and then the map key `key`.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        self.then(Step::Key(key.into()))
    }

    /// This path and then the list index `index`.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.then(Step::Index(i64::try_from(index).unwrap_or(i64::MAX)))
    }

    /// The steps from the root.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Attribute(name) if position == 0 => write!(f, "{name}")?,
                Step::Attribute(name) => write!(f, ".{name}")?,
                Step::Key(key) => write!(f, "[{key:?}]")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_like_a_reference_in_configuration() {
        let path = Path::attribute("connect").index(0).field("options").key("ip");
        assert_eq!(path.to_string(), r#"connect[0].options["ip"]"#);
    }
}

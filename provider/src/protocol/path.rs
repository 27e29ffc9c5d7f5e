//! Attribute paths.

use super::tfplugin5::AttributePath;
use super::tfplugin5::attribute_path::{Step as WireStep, step::Selector};
use crate::framework::{Path, Step};

impl From<Path> for AttributePath {
    fn from(path: Path) -> Self {
        let steps = path.steps().iter().cloned().map(|step| match step {
            Step::Attribute(name) => Selector::AttributeName(name),
            Step::Key(key) => Selector::ElementKeyString(key),
            Step::Index(index) => Selector::ElementKeyInt(index),
        });
        Self { steps: steps.map(|selector| WireStep { selector: Some(selector) }).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_has_its_selector() {
        let path = AttributePath::from(Path::attribute("connect").index(1).key("ip"));
        let selectors: Vec<_> = path.steps.into_iter().filter_map(|s| s.selector).collect();
        let expected = [
            Selector::AttributeName("connect".to_owned()),
            Selector::ElementKeyInt(1),
            Selector::ElementKeyString("ip".to_owned()),
        ];
        assert_eq!(selectors, expected);
    }
}

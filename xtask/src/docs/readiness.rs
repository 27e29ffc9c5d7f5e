//! The checks of `pve_ha_readiness`, from the provider's own table.

use terraform_provider_pve::readiness::ITEMS;

/// The section of its page.
pub fn section() -> String {
    let mut text = String::from(
        "\n## Checks\n\nThe ids are stable. `blockers` has a line `ID (STATUS): DETAIL. REMEDY` for each mandatory check \
         that has failed or is unknown. A check that does not apply is `skipped`.\n\n| id | passes if | mandatory in | \
         looks at | is `unknown` | remedy |\n|---|---|---|---|---|---|\n",
    );
    for item in ITEMS {
        let unknown = if item.unknown.is_empty() { "never" } else { item.unknown };
        text += &format!(
            "| `{}` | {}. | {} | {} | {unknown} | {} |\n",
            item.id,
            item.title,
            item.weight.words(),
            item.facts,
            item.remedy
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_has_a_line_of_six_columns() {
        let text = section();
        for item in ITEMS {
            let line = text.lines().find(|line| line.starts_with(&format!("| `{}` |", item.id)));
            assert_eq!(line.map(|line| line.matches('|').count()), Some(7), "{}", item.id);
        }
    }
}

//! What a user or token needs, from the provider's own table: on each page, and for all of it on the first.

use terraform_provider_pve::privileges::{ACTIONS, DATA_SOURCES, Feature, Need, RESOURCES, Release, of_everything};

/// The section of one page; `needs` are those of its resource, data source or action.
pub fn section(needs: &[Need]) -> String {
    if needs.is_empty() {
        return "\n## Privileges\n\nIt needs no privilege: any user or token that can log in is sufficient.\n"
            .to_owned();
    }
    let mut text =
        String::from("\n## Privileges\n\nThe user or token needs:\n\n| privilege | on | to |\n|---|---|---|\n");
    for need in needs {
        text += &format!("| `{}` | `{}`{} | {} |\n", need.privilege, need.on.pattern(), on_release(need), need.to);
    }
    text
}

/// The section of the first page.
pub fn overview() -> String {
    let mut text = String::from(
        "\n## Privileges\n\nThe user or token needs the privileges of the resources, data sources and actions in use. A \
         privilege that is granted on `/` applies to all guests, nodes and storages. The plan warns of missing \
         ones.\n\n| name | privileges |\n|---|---|\n",
    );
    for (folder, features) in [("resources", RESOURCES), ("data-sources", DATA_SOURCES), ("actions", ACTIONS)] {
        for feature in features {
            text += &row(folder, feature);
        }
    }
    text + &format!(
        "\nThis role has the privileges of all resources, data sources and actions, for a token without privilege separation, \
         on a node of PVE 9:\n\n```shell\npveum role add Terraform --privs \"{}\"\npveum user add \
         automation@pve\npveum acl modify / --users automation@pve --roles Terraform\npveum user token add \
         automation@pve terraform --privsep 0\n```\n\nOn PVE 8 the role is:\n\n```shell\npveum role add Terraform \
         --privs \"{}\"\n```\n",
        of_everything(Release::Pve9).join(" "),
        of_everything(Release::Pve8).join(" "),
    )
}

fn row(folder: &str, feature: &Feature) -> String {
    let short = feature.name.trim_start_matches("pve_");
    let kind = match folder {
        "resources" => "",
        "data-sources" => " (data source)",
        _ => " (action)",
    };
    let needs =
        feature.needs.iter().map(|need| format!("`{}` on `{}`{}", need.privilege, need.on.pattern(), on_release(need)));
    let needs: Vec<String> = needs.collect();
    let needs = if needs.is_empty() { "none".to_owned() } else { needs.join(", ") };
    format!("| [`{}`]({folder}/{short}.md){kind} | {needs} |\n", feature.name)
}

fn on_release(need: &Need) -> &'static str {
    match need.release {
        Release::Any => "",
        Release::Pve8 => " (PVE 8)",
        Release::Pve9 => " (PVE 9)",
    }
}

#[cfg(test)]
mod tests {
    use terraform_provider_pve::privileges;

    use super::*;

    #[test]
    fn a_page_says_which_release_asks_for_what() {
        let text = section(privileges::of_resource("pve_replication_job"));
        assert!(text.contains("| `VM.Replicate` | `/vms/ID` (PVE 9) | create, change and destroy |"), "{text}");
        assert!(text.contains("| `Datastore.Allocate` | `/storage` (PVE 8) |"), "{text}");
        assert!(section(&[]).contains("no privilege"));
    }

    #[test]
    fn the_first_page_has_a_line_for_everything() {
        let text = overview();
        for feature in RESOURCES.iter().chain(DATA_SOURCES).chain(ACTIONS) {
            assert!(text.contains(&format!("[`{}`]", feature.name)), "{}", feature.name);
        }
    }
}

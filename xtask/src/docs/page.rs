//! One page: front matter, description, example, schema, import.

use pve_schemas::data::HaReadiness;
use pve_schemas::noun::Noun;
use terraform_provider_pve::command_line::COMMANDS;
use terraform_provider_pve::framework::{Schema, Type};
use terraform_provider_pve::privileges::{Need, of_action, of_data_source, of_resource};

use super::{attributes, privileges, readiness};
use crate::catalogue::Entry;

/// The page of the provider block, with an `overview` of all others.
pub fn provider(schema: &Schema, example: Option<&str>, overview: &str) -> String {
    let mut page = front_matter("Provider: pve", "", &schema.block.description);
    page += "# pve Provider\n\n";
    page += &lead(schema, example);
    page += overview;
    page += &attributes::section(&schema.block);
    page
}

/// The page of a resource.
pub fn resource(entry: &Entry, example: Option<&str>, import: Option<&str>) -> String {
    let mut page = noun(entry, "Resource", example, of_resource(&entry.name));
    if let Some((address, id)) = import.and_then(import_command) {
        page += &format!(
            "\n## Import\n\nImport an existing object by its id, with an `import` block:\n\n```terraform\nimport {{\n  \
             to = {address}\n  id = \"{id}\"\n}}\n```\n\nor from the command line:\n\n```shell\nterraform import \
             {address} {id}\n```\n"
        );
        if let Some(identity) = identity(&entry.schema, id) {
            page += &format!(
                "\nTerraform 1.12 and later also accept its identity:\n\n```terraform\nimport {{\n  to = {address}\n  \
                 identity = {{\n{identity}  }}\n}}\n```\n"
            );
        }
    }
    page
}

/// The lines of the identity of the import id `id`; empty if the id is no plain list of its parts.
fn identity(schema: &Schema, id: &str) -> Option<String> {
    if id.contains('/') {
        // A part of the object, which has no identity of its own.
        return None;
    }
    let attributes = &schema.identity.attributes;
    let parts: Vec<&str> = if attributes.len() == 1 { vec![id] } else { id.split('-').collect() };
    let width = attributes.iter().map(|attribute| attribute.name.len()).max()?;
    let lines = attributes.iter().zip(&parts).map(|(attribute, part)| {
        let value = if attribute.ty == Type::Number { (*part).to_owned() } else { format!("{part:?}") };
        format!("    {:width$} = {value}\n", attribute.name)
    });
    (attributes.len() == parts.len()).then(|| lines.collect())
}

/// The page of a data source.
pub fn data_source(entry: &Entry, example: Option<&str>) -> String {
    let page = noun(entry, "Data Source", example, of_data_source(&entry.name));
    if entry.name == HaReadiness::NAME { page + &readiness::section() } else { page }
}

/// The page of an action.
pub fn action(entry: &Entry, example: Option<&str>) -> String {
    let mut page = noun(entry, "Action", example, of_action(&entry.name));
    page += &format!(
        "\n## Invocation\n\nTerraform 1.14 and later have actions; OpenTofu has none. Terraform invokes an action by its \
         address, or when a resource is created or updated (`action_trigger`). The plan looks what the action would do, \
         and shows its steps as a warning.\n\n```shell\nterraform apply -invoke=action.{}.NAME\n```\n",
        entry.name
    );
    if let Some(command) = COMMANDS.iter().find(|command| command.operation == entry.name) {
        page += &format!(
            "\nThe same without Terraform ([command line](../guides/command-line.md)):\n\n```shell\n{}\n```\n",
            command.example_line()
        );
    }
    page
}

fn noun(entry: &Entry, kind: &str, example: Option<&str>, needs: &[Need]) -> String {
    let title = format!("{} {kind} - pve", entry.name);
    let mut page = front_matter(&title, subcategory(&entry.name), &entry.schema.block.description);
    page += &format!("# {} ({kind})\n\n", entry.name);
    page + &lead(&entry.schema, example) + &privileges::section(needs) + &attributes::section(&entry.schema.block)
}

fn lead(schema: &Schema, example: Option<&str>) -> String {
    let mut lead = format!("{}\n", schema.block.description.trim());
    if let Some(example) = example {
        lead += &format!("\n## Example Usage\n\n```terraform\n{}\n```\n", example.trim());
    }
    lead
}

pub(super) fn front_matter(title: &str, subcategory: &str, description: &str) -> String {
    let summary = first_paragraph(description);
    // The first page must not have any.
    let group = if subcategory.is_empty() { String::new() } else { format!("subcategory: \"{subcategory}\"\n") };
    format!("---\npage_title: \"{title}\"\n{group}description: |-\n  {summary}\n---\n\n")
}

/// The first paragraph of a description, on one line.
pub fn first_paragraph(text: &str) -> String {
    let lines = text.trim().lines().take_while(|line| !line.trim().is_empty());
    lines.map(str::trim).collect::<Vec<_>>().join(" ")
}

/// The registry's navigation groups pages by this.
fn subcategory(name: &str) -> &'static str {
    if name.starts_with("pve_ha_") {
        "High Availability"
    } else if name.starts_with("pve_replication_") {
        "Replication"
    } else if name.starts_with("pve_backup_") {
        "Backup"
    } else {
        "Cluster"
    }
}

/// Address and id of the first `terraform import ADDRESS ID` in a script.
fn import_command(script: &str) -> Option<(&str, &str)> {
    let command = script.lines().find_map(|line| line.trim().strip_prefix("terraform import "))?;
    let (address, id) = command.split_once(' ')?;
    Some((address, id.trim().trim_matches(|c| c == '"' || c == '\'')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_import_command_is_found_below_comments() {
        let script = "# by its id\nterraform import pve_ha_resource.web 'vm:100'\n";
        assert_eq!(import_command(script), Some(("pve_ha_resource.web", "vm:100")));
        assert_eq!(import_command("# nothing\n"), None);
    }

    #[test]
    fn the_summary_is_the_first_paragraph_on_one_line() {
        assert_eq!(first_paragraph("A\nb.\n\nMore."), "A b.");
    }
}

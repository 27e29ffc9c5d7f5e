//! `cargo xtask docs`: the registry's pages, made from the nouns and the examples. Guides are written by hand.

mod attributes;
mod commands;
mod function;
mod limits;
mod llms;
mod overview;
mod page;
mod privileges;
mod readiness;

use std::{fs, io};

use terraform_provider_pve::registry;

use crate::catalogue::Catalogue;
use crate::{Generated, Outcome, Workspace};

/// Write docs/ from the nouns and examples
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Write nothing; fail naming each page that is not what its noun and examples say
    #[arg(long)]
    check: bool,
}

/// Runs the command.
///
/// # Errors
/// A page drifted (`--check`), or can't be written.
pub fn run(workspace: &Workspace, args: &Args) -> Outcome {
    generate(workspace, &Catalogue::of_this_build())?.write_or_check(workspace, args.check, "cargo xtask docs")
}

/// The pages of `catalogue`, with the examples of `workspace`.
///
/// # Errors
/// An example can't be read.
pub fn generate(workspace: &Workspace, catalogue: &Catalogue) -> io::Result<Generated> {
    let mut generated = Generated::owning(&["docs/resources", "docs/data-sources", "docs/actions", "docs/functions"]);
    if let Some(schema) = &catalogue.provider {
        let example = workspace.text("examples/provider/provider.tf")?;
        let guides = guides(workspace)?;
        let overview = overview::overview(catalogue, &guides) + &privileges::overview();
        generated.file(llms::FILE.to_owned(), llms::text(catalogue, &guides));
        generated.file("docs/index.md".to_owned(), page::provider(schema, example.as_deref(), &overview));
    }
    for entry in &catalogue.resources {
        let folder = format!("examples/resources/{}", entry.name);
        let example = workspace.text(&format!("{folder}/resource.tf"))?;
        let import = workspace.text(&format!("{folder}/import.sh"))?;
        let text = page::resource(entry, example.as_deref(), import.as_deref());
        generated.file(format!("docs/resources/{}.md", entry.short_name()), text);
    }
    for entry in &catalogue.data_sources {
        let example = workspace.text(&format!("examples/data-sources/{}/data-source.tf", entry.name))?;
        let text = page::data_source(entry, example.as_deref());
        generated.file(format!("docs/data-sources/{}.md", entry.short_name()), text);
    }
    for entry in &catalogue.actions {
        let example = workspace.text(&format!("examples/actions/{}/action.tf", entry.name))?;
        generated.file(format!("docs/actions/{}.md", entry.short_name()), page::action(entry, example.as_deref()));
    }
    for function in &catalogue.functions {
        let example = workspace.text(&format!("examples/functions/{}/function.tf", function.name))?;
        generated.file(format!("docs/functions/{}.md", function.name), function::page(function, example.as_deref()));
    }
    if let Some(guide) = workspace.text(commands::GUIDE)? {
        generated.file(commands::GUIDE.to_owned(), commands::listed(&guide, &registry::command_line())?);
    }
    Ok(generated)
}

fn guides(workspace: &Workspace) -> io::Result<Vec<overview::Guide>> {
    let mut guides = Vec::new();
    for entry in fs::read_dir(workspace.path("docs/guides"))? {
        let path = entry?.path();
        if let Some(name) = path.file_stem().and_then(|name| name.to_str()) {
            let guide = overview::Guide::parse(name, &fs::read_to_string(&path)?);
            guides.push(guide.ok_or_else(|| io::Error::other(format!("{}: no front matter", path.display())))?);
        }
    }
    guides.sort();
    Ok(guides)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_pages_are_what_the_nouns_and_examples_say() {
        let workspace = Workspace::of_this_build();
        let drift = generate(&workspace, &Catalogue::of_this_build()).unwrap().drift(&workspace).unwrap();
        assert!(drift.is_empty(), "{}\nrun `cargo xtask docs`", drift.join("\n"));
    }
}

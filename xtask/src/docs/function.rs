//! The page of a function: signature, arguments and result, in the registry's usual form.

use terraform_provider_pve::framework::Type;

use super::attributes;
use super::page::{first_paragraph, front_matter};
use crate::catalogue::FunctionEntry;

/// The page of a function.
pub fn page(function: &FunctionEntry, example: Option<&str>) -> String {
    let FunctionEntry { name, schema, returns, result, .. } = function;
    let description = &schema.block.description;
    let mut page = front_matter(&format!("{name} function - pve"), "Functions", description);
    page += &format!("# function: {name}\n\n{}\n", description.trim());
    if let Some(example) = example {
        page += &format!("\n## Example Usage\n\n```terraform\n{}\n```\n", example.trim());
    }
    page += &format!("\n## Signature\n\n```text\n{}\n```\n\n## Arguments\n\n", signature(function));
    for (index, (attribute, ty)) in function.parameters().enumerate() {
        let variadic = if function.variadic() == Some(index) { "Variadic, " } else { "" };
        let members = attributes::below_item(&attribute.constraints, &attribute.name);
        let link = if members.is_empty() { String::new() } else { see_below(&attribute.name) };
        let text = attributes::text(attribute).replace('\n', "\n   ");
        page +=
            &format!("{}. `{}` ({variadic}{}) {text}{link}\n", index + 1, attribute.name, attributes::type_name(ty));
    }
    page += &format!("\n## Return Type\n\nThe function returns `{}`.\n", plain(returns));
    let members = attributes::below_item(result, "result");
    if !members.is_empty() {
        page += &members.replace("### Nested Schema for `result`", "### Result");
    }
    for (attribute, _) in function.parameters() {
        page += &attributes::below_item(&attribute.constraints, &attribute.name);
    }
    page
}

fn see_below(name: &str) -> String {
    format!(" (see [below](#nestedatt--{name}))")
}

/// `sid(type string, id number) string`
fn signature(function: &FunctionEntry) -> String {
    let parameters = function.parameters().enumerate().map(|(index, (attribute, ty))| {
        let dots = if function.variadic() == Some(index) { "..." } else { "" };
        format!("{} {}{dots}", attribute.name, plain(ty))
    });
    let parameters: Vec<_> = parameters.collect();
    format!("{}({}) {}", function.name, parameters.join(", "), plain(&function.returns))
}

/// A type without the members of objects, which the page lists below.
fn plain(ty: &Type) -> String {
    match ty {
        Type::Object(_) => "object".to_owned(),
        Type::List(element) => format!("list({})", plain(element)),
        Type::Set(element) => format!("set({})", plain(element)),
        Type::Map(element) => format!("map({})", plain(element)),
        plain => plain.to_string(),
    }
}

/// The table of all functions, for the first page.
pub fn table(functions: &[FunctionEntry]) -> String {
    if functions.is_empty() {
        return String::new();
    }
    let mut text =
        "\n## Functions\n\nTerraform 1.8 and OpenTofu 1.7, or later, call them as `provider::pve::NAME`. They need \
                    no cluster and no credentials.\n\n| name | what it returns |\n|---|---|\n"
            .to_owned();
    for function in functions {
        let summary = first_paragraph(&function.schema.block.description).replace('|', "\\|");
        text += &format!("| [`{0}`](functions/{0}.md) | {summary} |\n", function.name);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;

    #[test]
    fn a_signature_has_names_types_and_dots() {
        let catalogue = Catalogue::of_this_build();
        let signature = |name: &str| signature(catalogue.functions.iter().find(|f| f.name == name).unwrap());
        assert_eq!(signature("sid"), "sid(type string, id number) string");
        assert_eq!(signature("expand_nodes"), "expand_nodes(nodes string...) map(number)");
        assert_eq!(signature("placement"), "placement(cluster object) map(object)");
    }

    #[test]
    fn members_of_arguments_and_results_are_listed() {
        let catalogue = Catalogue::of_this_build();
        let placement = catalogue.functions.iter().find(|f| f.name == "placement").unwrap();
        let page = page(placement, None);
        for part in ["### Result\n\n- `node` (String)", "### Nested Schema for `cluster.rules`\n\n- `name` (String)"] {
            assert!(page.contains(part), "{page}");
        }
    }
}

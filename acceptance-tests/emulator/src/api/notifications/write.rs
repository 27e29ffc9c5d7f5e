//! POST, PUT and DELETE of targets and matchers.

use serde_json::{Value, json};

use super::config::{Config, is_builtin};
use super::file::{File, Section};
use super::kinds::{SectionKind, Shape};
use super::matcher::{self, FieldRule, Severities};
use super::pair::{self, Pair};
use crate::error::{ApiError, ApiResult};
use crate::route::Call;
use crate::schema::Params;
use crate::section_config::Values;

pub(super) fn create(call: &mut Call<'_>, kind: SectionKind) -> ApiResult {
    let name = call.params.text("name");
    change(call, |config, params| {
        let values = given(kind, params)?;
        if config.named(&name).is_some() {
            let text = format!("Cannot create '{name}', an entity with the same name already exists");
            return Err(bad_request(text));
        }
        check_references(config, &values)?;
        let (public, secret) = split_secrets(kind, values);
        let section = Section { kind, name: name.clone(), values: public };
        check_recipients(&section)?;
        config.sections.push(section);
        if kind.has_secrets() {
            config.secrets.push(Section { kind, name, values: secret });
        }
        Ok(())
    })
}

/// Deletions come before settings: of a property that is named in both, the new value stays.
pub(super) fn update(call: &mut Call<'_>, kind: SectionKind) -> ApiResult {
    let name = call.params.text("name");
    change(call, |config, params| {
        let values = given(kind, params)?;
        let dropped = params.list("delete");
        kind.check_deletable(&dropped).map_err(invalid)?;
        if let Some(digest) = params.str("digest") {
            check_digest(&digest, &config.digest)?;
        }
        let mut section = config.find(kind, &name)?.clone();
        let known = config.secrets_of(&name).map(|secrets| secrets.values.clone()).unwrap_or_default();
        let mut secrets = Section { kind, name: name.clone(), values: known };
        for property in &dropped {
            section.values.remove(property);
            secrets.values.remove(property);
        }
        let (public, mut secret) = split_secrets(kind, values);
        if kind == SectionKind::Webhook {
            check_pairs(&public)?;
            keep_secrets(&secrets, &mut secret)?;
        }
        check_references(config, &public)?;
        section.values.extend(public);
        secrets.values.extend(secret);
        check_recipients(&section)?;
        replace(&mut config.sections, section);
        if kind.has_secrets() {
            replace(&mut config.secrets, secrets);
        }
        Ok(())
    })
}

/// A built-in is there again at the next read, as it was at first.
pub(super) fn delete(call: &mut Call<'_>, kind: SectionKind) -> ApiResult {
    let name = call.params.text("name");
    change(call, |config, _| {
        config.find(kind, &name)?;
        let refers = |matcher: &&Section| matcher.list("target").contains(&name);
        let users: Vec<&str> =
            config.of_kind(SectionKind::Matcher).filter(refers).map(|matcher| matcher.name.as_str()).collect();
        if kind != SectionKind::Matcher && !users.is_empty() && !is_builtin(&name) {
            return Err(bad_request(format!("cannot delete '{name}', referenced by: {}", users.join(", "))));
        }
        config.sections.retain(|section| section.name != name);
        config.secrets.retain(|section| section.name != name);
        Ok(())
    })
}

/// `code` on the configuration under the locks of both files.
fn change(call: &mut Call<'_>, code: impl FnOnce(&mut Config, &Params) -> ApiResult<()>) -> ApiResult {
    call.locked("file-notifications_cfg", |call| {
        call.locked("file-priv_notifications_cfg", |call| {
            let mut config = Config::read(call.world);
            code(&mut config, &call.params)?;
            config.write(call.world)
        })
    })?;
    Ok(Value::Null)
}

fn replace(sections: &mut Vec<Section>, section: Section) {
    match sections.iter_mut().find(|known| known.name == section.name) {
        Some(known) => *known = section,
        None => sections.push(section),
    }
}

fn bad_request(text: String) -> ApiError {
    ApiError::new(400, format!("{text}\n"))
}

/// A value that the Rust side of the API can't take is no parameter error, but a status 500.
fn invalid(why: String) -> ApiError {
    ApiError::die(format!("error: {why}"))
}

/// The properties among the parameters, as they are kept.
fn given(kind: SectionKind, params: &Params) -> ApiResult<Values> {
    let mut values = Values::new();
    for field in kind.fields() {
        let name = field.name;
        let Some(text) = params.str(name) else { continue };
        let value = match field.shape {
            Shape::Flag => json!(params.bool(name)),
            Shape::Port => json!(port(params.int(name).unwrap_or_default()).map_err(invalid)?),
            Shape::Text | Shape::Checked(_) | Shape::Choice(_) => json!(text),
            Shape::Addresses | Shape::Users | Shape::Targets => json!(params.list(name)),
            Shape::Texts => json!(normal(name, &params.list(name)).map_err(invalid)?),
        };
        values.insert(name.to_owned(), value);
    }
    Ok(values)
}

fn port(number: i64) -> Result<u16, String> {
    u16::try_from(number).map_err(|_| format!("invalid value: integer `{number}`, expected u16"))
}

/// The elements of a list in their normal form.
fn normal(name: &str, list: &[String]) -> Result<Vec<String>, String> {
    let one = |text: &String| match name {
        "match-severity" => Severities::parse(text).map(|rule| rule.to_string()),
        "match-field" => FieldRule::parse(text).map(|rule| rule.to_string()),
        "match-calendar" => matcher::calendar(text).map(|_| text.clone()),
        _ => Pair::parse(text).map(|pair| pair.to_string()),
    };
    list.iter().map(one).collect()
}

/// The properties of the public file and those of the private one.
fn split_secrets(kind: SectionKind, values: Values) -> (Values, Values) {
    let is_public = |name: &String| kind.field(name).is_some_and(|field| File::Public.keeps(field));
    values.into_iter().partition(|(name, _)| is_public(name))
}

fn check_digest(given: &str, current: &str) -> ApiResult<()> {
    let refuse = |why: String| Err(bad_request(format!("invalid digest: {why}")));
    if !given.len().is_multiple_of(2) {
        return refuse("Odd number of digits".to_owned());
    }
    if let Some((at, bad)) = given.char_indices().find(|(_, c)| !c.is_ascii_hexdigit()) {
        return refuse(format!("Invalid character '{bad}' at position {at}"));
    }
    if given.eq_ignore_ascii_case(current) {
        return Ok(());
    }
    let text = "detected modified configuration - file changed by other user? Try again.";
    Err(bad_request(text.to_owned()))
}

fn check_recipients(section: &Section) -> ApiResult<()> {
    let sends_mail = matches!(section.kind, SectionKind::Sendmail | SectionKind::Smtp);
    if sends_mail && section.list("mailto").is_empty() && section.list("mailto-user").is_empty() {
        let text = "must at least provide one recipient, either in mailto or in mailto-user";
        return Err(bad_request(text.to_owned()));
    }
    Ok(())
}

/// A matcher names targets that exist.
fn check_references(config: &Config, values: &Values) -> ApiResult<()> {
    let mut targets = values.get("target").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    match targets.find(|name| config.target(name).is_none()) {
        Some(missing) => Err(ApiError::new(404, format!("endpoint '{missing}' does not exist\n"))),
        None => Ok(()),
    }
}

fn pairs(values: &Values, name: &str) -> Vec<Pair> {
    let items = values.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    items.filter_map(|text| Pair::parse(text).ok()).collect()
}

/// A change of a webhook checks what its creation does not.
fn check_pairs(values: &Values) -> ApiResult<()> {
    for header in pairs(values, "header") {
        if header.is_empty() {
            return Err(bad_request(format!("header '{}' has empty value", header.name)));
        }
        check_encoding("header", &header)?;
    }
    Ok(())
}

fn check_encoding(what: &str, pair: &Pair) -> ApiResult<()> {
    match pair.value.as_deref().map(pair::decode) {
        Some(None) => Err(bad_request(format!("{what} '{}' does not have valid base64 encoded data", pair.name))),
        _ => Ok(()),
    }
}

/// A secret that is given without a value stays as it is known.
fn keep_secrets(known: &Section, given: &mut Values) -> ApiResult<()> {
    if !given.contains_key("secret") {
        return Ok(());
    }
    let known = pairs(&known.values, "secret");
    let mut kept: Vec<Pair> = Vec::new();
    for secret in pairs(given, "secret") {
        check_encoding("secret", &secret)?;
        let secret = match secret.value {
            Some(_) => secret,
            None => known
                .iter()
                .find(|other| other.name == secret.name)
                .cloned()
                .ok_or_else(|| bad_request(format!("secret '{}' not known", secret.name)))?,
        };
        if kept.iter().any(|other| other.name == secret.name) {
            return Err(bad_request(format!("secret '{}' defined multiple times", secret.name)));
        }
        kept.push(secret);
    }
    given.insert("secret".to_owned(), kept.iter().map(ToString::to_string).collect());
    Ok(())
}

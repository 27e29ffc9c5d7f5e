//! Members of HA rules: one HA resource in the `resources` of a rule that others manage.
//!
//! Invariant: a write is the list of a read of this moment with one HA resource more or fewer, guarded by the digest of that
//! read. What others have written to the rule remains.

mod write;

use std::ops::ControlFlow;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use pve_schemas::HaRuleMember;
use pve_schemas::ha_rule_member::SEPARATOR;
use pve_schemas::noun::Noun;
use pve_schemas::rest::{RULE_TYPES, Wire};
use pve_schemas::value::{ConfigId, Properties, Sid, SidSet};
use serde_json::Value as Json;

use self::write::Writer;
use super::operations::OpContext;
use super::rest::with_needs;
use super::typed::{OwnChecks, Typed};
use super::{explain, ha_rules};
use crate::client::{Collection, Error, ErrorKind};
use crate::framework::{
    Change, Checks, Context, Diagnostics, Failure, Found, Freshness, Path, Permit, Resource, Schema, Severity, Value,
};
use crate::session::Session;

/// `pve_ha_rule_member`
pub struct HaRuleMemberResource {
    noun: Typed<HaRuleMember>,
}

impl HaRuleMemberResource {
    /// A resource type that finds its client in `session`.
    pub fn new(session: Arc<Session>) -> Self {
        Self { noun: Typed::new(session) }
    }

    fn object(&self, rule: &str, resource: &Sid) -> Result<Value, Failure> {
        let rule = rule.parse().map_err(|problem| Failure::refused(format!("{rule}: {problem}")))?;
        self.noun.value(&HaRuleMember { rule, resource: resource.clone() })
    }
}

/// What a membership depends on of a rule.
struct Rule {
    name: String,
    /// Proxmox's word, which every write repeats.
    kind: String,
    is_enabled: bool,
    members: SidSet,
    digest: Option<String>,
}

impl Rule {
    /// The rule of an entry.
    ///
    /// # Errors
    /// It is of a type that this provider does not support, or has an unexpected form.
    fn parse(entry: &Json) -> Result<Self, String> {
        let properties = Properties::of(entry);
        let (name, kind) = (properties.required("rule")?, properties.required("type")?);
        if !RULE_TYPES.contains(&kind.as_str()) {
            return Err(format!("the rule {name} is of the type {kind}, which this provider does not support"));
        }
        let members = SidSet::read("resources", &properties)?.unwrap_or_default();
        // Any presence of the property switches a rule off.
        let is_enabled = properties.flag("disable").is_none();
        Ok(Self { name, kind, is_enabled, members, digest: properties.text("digest") })
    }

    /// How many members Proxmox demands.
    fn least(&self) -> usize {
        if self.is_enabled && self.kind == "resource-affinity" { 2 } else { 1 }
    }
}

/// The rule called `name`, for the member called `id`.
async fn rule(op: &OpContext<'_>, id: &str, name: &str, freshness: Freshness) -> Result<Option<Rule>, Failure> {
    let entry = match freshness {
        Freshness::Shared => {
            let list = op.client().list(Collection::HaRules, &op.call()).await;
            list.and_then(|list| list.find::<Json>(name))
        }
        Freshness::Fresh | Freshness::Written => {
            op.client().find::<Json>(&Collection::HaRules.object(name), &op.call()).await
        }
    };
    let entry = entry.map_err(|error| failure(id, &error))?;
    let parse = |entry: Json| {
        Rule::parse(&entry).map_err(|problem| Failure::refused(format!("{id}: {problem}. Nothing was changed.")))
    };
    entry.map(parse).transpose()
}

/// The failure, on the attribute that it is about.
fn failure(id: &str, error: &Error) -> Failure {
    let failure = explain(id, error);
    match error.kind() {
        ErrorKind::Forbidden => with_needs(HaRuleMember::NAME, failure),
        ErrorKind::Unmanaged | ErrorKind::RuleConflict => failure.at(Path::attribute("resource")),
        _ => failure,
    }
}

impl OwnChecks for HaRuleMemberResource {
    fn of_change<'a>(
        &'a self,
        op: &'a OpContext<'_>,
        _change: Change<'a>,
    ) -> BoxFuture<'a, ControlFlow<Diagnostics, Diagnostics>> {
        async move {
            let found =
                ha_rules::rules_exist(op, "Write a `pve_ha_group`, and name it as `group` of the `pve_ha_resource`.")
                    .await;
            let is_impossible = found.iter().any(|found| found.severity == Severity::Error);
            if is_impossible { ControlFlow::Break(found) } else { ControlFlow::Continue(found) }
        }
        .boxed()
    }
}

impl Resource for HaRuleMemberResource {
    fn name(&self) -> &'static str {
        HaRuleMember::NAME
    }

    fn title(&self) -> &'static str {
        HaRuleMember::TITLE
    }

    fn schema(&self) -> &Schema {
        self.noun.schema()
    }

    fn adopts(&self) -> bool {
        self.noun.adopts()
    }

    fn id(&self, object: &Value) -> Option<String> {
        Some(HaRuleMember::id(object.at("rule").as_str()?, object.at("resource").as_str()?))
    }

    fn import(&self, id: &str) -> Result<Value, String> {
        let (rule, resource) = id
            .split_once(SEPARATOR)
            .ok_or_else(|| format!("must be RULE{SEPARATOR}RESOURCE, such as {}", HaRuleMember::id("web", "vm:100")))?;
        pve_schemas::value::check(ConfigId::FORMAT, rule)?;
        pve_schemas::value::check(Sid::FORMAT, resource)?;
        Ok(Value::object([("rule", Value::from(rule)), ("resource", Value::from(resource))]))
    }

    fn planned<'a>(&'a self, prior: Option<&Value>, planned: Option<&Value>) -> (Diagnostics, Checks<'a>) {
        self.noun.record(self, prior, planned)
    }

    fn is_applying(&self) -> bool {
        self.noun.is_applying()
    }

    fn made(&self, object: &Value) {
        self.noun.made(object);
    }

    fn has_made(&self, state: &Value) -> bool {
        self.noun.has_made(state)
    }

    fn permit<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, Result<Permit<'a>, Failure>> {
        async move { Ok(Box::new(Writer::new(&self.noun, cx).await?) as Permit<'a>) }.boxed()
    }

    fn read<'a>(
        &'a self,
        cx: &'a Context,
        object: &'a Value,
        freshness: Freshness,
    ) -> BoxFuture<'a, Result<Option<Found>, Failure>> {
        async move {
            let op = self.noun.op(cx)?;
            if freshness == Freshness::Shared {
                op.configured.preflight.refreshed(HaRuleMember::NAME, object);
            }
            let member = self.noun.model(object)?;
            let id = HaRuleMember::id(member.rule.as_str(), member.resource.as_str());
            let rule = rule(&op, &id, member.rule.as_str(), freshness).await?;
            let Some(rule) = rule.filter(|rule| rule.members.0.contains(&member.resource)) else { return Ok(None) };
            Ok(Some(Found { object: self.noun.value(&member)?, revision: rule.digest }))
        }
        .boxed()
    }

    /// The create itself reads the rule, and finds a member that exists.
    fn find_existing<'a>(
        &'a self,
        _cx: &'a Context,
        _object: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Found>, Failure>> {
        async { Ok(None) }.boxed()
    }

    fn is_listable(&self) -> bool {
        true
    }

    /// The rules have their members already.
    fn is_exported(&self) -> bool {
        false
    }

    fn list<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, Result<Vec<Value>, Failure>> {
        async move {
            let op = self.noun.op(cx)?;
            if !ha_rules::are_rules(&op).await? {
                return Ok(Vec::new());
            }
            let list = op.client().list(Collection::HaRules, &op.call()).await;
            let failed = |error: Error| failure(Collection::HaRules.path(), &error);
            let list = list.map_err(failed)?;
            let mut objects = Vec::new();
            for key in list.ids() {
                let entry = list.find::<Json>(key).map_err(failed)?.unwrap_or_default();
                match Rule::parse(&entry) {
                    Ok(rule) => {
                        for sid in &rule.members.0 {
                            objects.push(self.object(&rule.name, sid)?);
                        }
                    }
                    Err(problem) => cx.warn("Left out: members of an HA rule", format!("{problem}.")),
                }
            }
            Ok(objects)
        }
        .boxed()
    }
}

//! Datacenter options: one object of the cluster that several resources may share, each managing the options in its state.

mod plan;
mod write;

use std::ops::ControlFlow;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use pve_schemas::DatacenterOptions;
use pve_schemas::datacenter_options::{OPTIONS, Opt, from_api, to_params, unknown};
use pve_schemas::noun::Noun;
use pve_schemas::value::Entry;
use serde_json::Value as Json;

use super::explain;
use super::moved::{self, Moved};
use super::operations::OpContext;
use super::typed::{OwnChecks, Typed};
use crate::client::{Collection, DomainPermit, LockDomain};
use crate::framework::{
    Change, Checks, Context, Diagnostic, Diagnostics, Failure, Found, Freshness, MoveSource, Path, Permit, Resource,
    Schema, Value, WritePermit, differences, shown,
};
use crate::preflight::{MIGRATION_UNSECURE, OPTION_ALREADY_SET};
use crate::session::Session;

/// The natural id of the only object there is.
const ID: &str = "datacenter";

const SUBJECT: &str = "the datacenter options";

/// `pve_datacenter_options`
pub struct DatacenterOptionsResource {
    noun: Typed<DatacenterOptions>,
}

impl DatacenterOptionsResource {
    /// A resource type that finds its client in `session`.
    pub fn new(session: Arc<Session>) -> Self {
        Self { noun: Typed::new(session) }
    }

    /// The options as they are; those that `keep` excludes are null.
    async fn options(&self, cx: &Context, freshness: Freshness, keep: impl Fn(&Opt) -> bool) -> Result<Value, Failure> {
        self.object(&self.answer(cx, freshness).await?, keep)
    }

    /// The options as Proxmox answers them.
    async fn answer(&self, cx: &Context, freshness: Freshness) -> Result<Json, Failure> {
        let op = self.noun.op(cx)?;
        let answer = match freshness {
            Freshness::Fresh | Freshness::Written => {
                op.client().get::<Json>(Collection::DatacenterOptions.path(), &op.call()).await
            }
            Freshness::Shared => {
                let list = op.client().list(Collection::DatacenterOptions, &op.call()).await;
                list.and_then(|list| list.object())
            }
        };
        let answer = answer.map_err(|error| explain(SUBJECT, &error))?;
        if answer.get("description").is_none() {
            // Without Sys.Audit on / Proxmox answers with less, and everything left out would look unset.
            return Err(Failure::refused(format!(
                "{SUBJECT}: without Sys.Audit on / Proxmox does not return all options. Nothing was changed.\nGrant \
                 the user or token Sys.Audit on / in addition to Sys.Modify."
            )));
        }
        Ok(answer)
    }

    fn object(&self, answer: &Json, keep: impl Fn(&Opt) -> bool) -> Result<Value, Failure> {
        let options = from_api(answer).map_err(|problem| Failure::refused(format!("{SUBJECT}: {problem}.")))?;
        let mut object = self.noun.value(&options)?;
        for option in OPTIONS.iter().filter(|option| !keep(option)) {
            object.insert(option.attribute, Value::Null);
        }
        Ok(object)
    }

    /// Options that this plan begins to manage and that are set already: the plan shows them as additions, and apply replaces their
    /// values.
    async fn set_already(&self, op: &OpContext<'_>, change: &Change<'_>) -> Diagnostics {
        let mut diagnostics = Diagnostics::new();
        let begins =
            |option: &Opt| is_set(change.planned, option) && !change.prior.is_some_and(|prior| is_set(prior, option));
        let Ok(mut now) = self.options(op.cx, Freshness::Shared, begins).await else { return diagnostics };
        drop_defaults(self.schema(), &mut now);
        for name in differences(&self.schema().block, &now, change.planned, |_| true) {
            let (old, new) = (now.at(name), change.planned.at(name));
            if old.is_null() || !new.is_wholly_known() {
                continue;
            }
            let detail = format!(
                "Option {name}: it is {} on the cluster, and not in the state. Apply sets it to {}.\nTo start from the \
                 current value, import it first: id {ID}/{name}.",
                shown(old),
                shown(new),
            );
            let (subject, path) = (format!("option {name}"), Some(Path::attribute(name)));
            let warning = op.configured.preflight.warning(OPTION_ALREADY_SET, &subject, path, detail);
            warning.into_iter().for_each(|warning| diagnostics.push(warning));
        }
        diagnostics
    }
}

/// Where `migration` is deleted, PVE::DataCenterConfig writes `migration: insecure` in place of a `migration_unsecure: 1`.
async fn left_insecure(op: &OpContext<'_>, prior: Option<&Value>, planned: &Value) -> Option<Diagnostic> {
    const NAME: &str = "migration";
    let gives_up = prior.is_some_and(|prior| !prior.at(NAME).is_null()) && planned.at(NAME).is_null();
    if !gives_up {
        return None;
    }
    let list = op.client().list(Collection::DatacenterOptions, &op.call()).await.ok()?;
    let is_unsecure = Entry(&list.object::<Json>().ok()?).flag("migration_unsecure") == Some(true);
    let detail = "Option migration: datacenter.cfg also has the deprecated `migration_unsecure: 1`. When apply deletes \
                  `migration`, Proxmox writes `migration: insecure` in its place, and migrations are not \
                  encrypted.\nTo return to Proxmox's default, run `pvesh set /cluster/options --delete \
                  migration_unsecure` on a node before this apply.";
    let path = (!planned.is_null()).then(|| Path::attribute(NAME));
    let subject = format!("option {NAME}");
    let warning = || op.configured.preflight.warning(MIGRATION_UNSECURE, &subject, path, detail.to_owned());
    is_unsecure.then(warning).flatten()
}

impl OwnChecks for DatacenterOptionsResource {
    fn of_change<'a>(
        &'a self,
        op: &'a OpContext<'_>,
        change: Change<'a>,
    ) -> BoxFuture<'a, ControlFlow<Diagnostics, Diagnostics>> {
        async move {
            let mut found = self.set_already(op, &change).await;
            left_insecure(op, change.prior, change.planned).await.into_iter().for_each(|warning| found.push(warning));
            if let Ok(version) = op.client().version(&op.call()).await {
                plan::needs_version(&version, &change, &mut found);
            }
            ControlFlow::Continue(found)
        }
        .boxed()
    }

    fn of_destroy<'a>(&'a self, op: &'a OpContext<'_>, prior: &'a Value) -> BoxFuture<'a, Diagnostics> {
        async move {
            let mut found = Diagnostics::new();
            left_insecure(op, Some(prior), &Value::Null).await.into_iter().for_each(|warning| found.push(warning));
            found
        }
        .boxed()
    }
}

impl Resource for DatacenterOptionsResource {
    fn name(&self) -> &'static str {
        DatacenterOptions::NAME
    }

    fn title(&self) -> &'static str {
        DatacenterOptions::TITLE
    }

    fn schema(&self) -> &Schema {
        self.noun.schema()
    }

    fn always_exists(&self, _object: &Value) -> bool {
        true
    }

    fn id(&self, _object: &Value) -> Option<String> {
        Some(ID.to_owned())
    }

    fn import(&self, id: &str) -> Result<Value, String> {
        let named = named_options(id)?;
        let unknown = named.iter().find(|name| !OPTIONS.iter().any(|option| option.attribute == **name));
        match unknown {
            Some(name) => Err(format!("{name:?} is not an option")),
            None => Ok(Value::object([("id", Value::from(id))])),
        }
    }

    fn validate(&self, config: &Value, diagnostics: &mut Diagnostics) {
        plan::validate(config, diagnostics);
    }

    fn planned<'a>(&'a self, prior: Option<&Value>, planned: Option<&Value>) -> (Diagnostics, Checks<'a>) {
        self.noun.record(self, prior, planned)
    }

    fn is_applying(&self) -> bool {
        self.noun.is_applying()
    }

    fn permit<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, Result<Permit<'a>, Failure>> {
        async move {
            let op = self.noun.writing_op(cx)?;
            let permit = op.client().permit(LockDomain::DatacenterCfg, &op.call()).await;
            let permit = permit.map_err(|error| explain(SUBJECT, &error))?;
            Ok(Box::new(Writer { resource: self, op, permit }) as Permit<'a>)
        }
        .boxed()
    }

    fn read<'a>(
        &'a self,
        cx: &'a Context,
        object: &'a Value,
        freshness: Freshness,
    ) -> BoxFuture<'a, Result<Option<Found>, Failure>> {
        async move {
            let managed = |option: &Opt| is_set(object, option);
            let answer = self.answer(cx, freshness).await?;
            if freshness == Freshness::Shared {
                let op = self.noun.op(cx)?;
                op.configured.unknown.warn::<DatacenterOptions>(cx, SUBJECT, &unknown(&answer));
            }
            Ok(Some(Found { object: self.object(&answer, managed)?, revision: None }))
        }
        .boxed()
    }

    fn read_import<'a>(&'a self, cx: &'a Context, object: &'a Value) -> BoxFuture<'a, Result<Option<Found>, Failure>> {
        async move {
            let named = named_options(object.at("id").as_str().unwrap_or(ID)).map_err(Failure::refused)?;
            let keep = |option: &Opt| named.is_empty() || named.iter().any(|name| name == option.attribute);
            let mut object = self.options(cx, Freshness::Shared, keep).await?;
            if named.is_empty() {
                drop_defaults(self.schema(), &mut object);
            }
            Ok(Some(Found { object, revision: None }))
        }
        .boxed()
    }

    fn is_listable(&self) -> bool {
        true
    }

    /// The options that are set, if any is.
    fn list<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, Result<Vec<Value>, Failure>> {
        async move {
            let answer = self.answer(cx, Freshness::Shared).await?;
            let mut object = self.object(&answer, |_| true)?;
            for name in unknown(&answer) {
                let option = name.split('.').next().unwrap_or_default();
                cx.warn(
                    format!("Left out: option {option} of the datacenter"),
                    format!("{SUBJECT}: `{name}` is set, which this provider does not support."),
                );
                OPTIONS.iter().filter(|known| known.name == option).for_each(|known| {
                    object.insert(known.attribute, Value::Null);
                });
            }
            drop_defaults(self.schema(), &mut object);
            let is_set = OPTIONS.iter().any(|option| is_set(&object, option));
            Ok(if is_set { vec![object] } else { Vec::new() })
        }
        .boxed()
    }

    fn moved(&self, source: &MoveSource) -> Moved {
        moved::datacenter_options(source, self.noun.ty())
    }
}

/// The turn in the domain of datacenter.cfg, and what is written in it.
struct Writer<'a> {
    resource: &'a DatacenterOptionsResource,
    op: OpContext<'a>,
    permit: DomainPermit,
}

impl Writer<'_> {
    /// PUT of what makes `to` out of `from`.
    async fn put(&self, from: &Value, to: &Value) -> Result<(), Failure> {
        let params = |object| self.resource.noun.model(object).map(|options| to_params(&options));
        let (old, new) = (params(from)?, params(to)?);
        let mut changes = new.since(&old);
        // What another resource of this apply has set is its own by now: the new object, where that is made before the
        // old one is destroyed.
        let made = self.op.configured.preflight.made_of(DatacenterOptions::NAME, from);
        let is_made = |name: &str| OPTIONS.iter().any(|option| option.name == name && made.contains(option.attribute));
        changes.retain_deleted(|name| !is_made(name));
        self.op.configured.preflight.made(DatacenterOptions::NAME, to);
        if changes.is_empty() {
            return Ok(());
        }
        let answer = self.resource.answer(self.op.cx, Freshness::Fresh).await?;
        let params = write::params(&changes, &answer);
        let (client, call) = (self.op.client(), self.op.call());
        let result = client.put(Collection::DatacenterOptions, &params, &self.permit, &call).await;
        result.map(|_| ()).map_err(|error| {
            let failure = explain(SUBJECT, &error);
            let mut names = error.errors().keys();
            let option = names.next().and_then(|name| OPTIONS.iter().find(|option| option.name == name));
            match option {
                Some(option) if names.next().is_none() => failure.at(Path::attribute(option.attribute)),
                _ => failure,
            }
        })
    }
}

impl WritePermit for Writer<'_> {
    fn create<'a>(&'a mut self, planned: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            // The write replaces whole property strings, so what is equal already need not be sent.
            let managed = |option: &Opt| is_set(planned, option);
            let now = self.resource.options(self.op.cx, Freshness::Fresh, managed).await?;
            self.put(&only_set_in(&now, planned), planned).await
        }
        .boxed()
    }

    fn update<'a>(&'a mut self, from: &'a Found, to: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        async move { self.put(&from.object, to).await }.boxed()
    }

    fn delete<'a>(&'a mut self, state: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        async move { self.put(state, &Value::object([("id", Value::from(ID))])).await }.boxed()
    }
}

fn is_set(object: &Value, option: &Opt) -> bool {
    !object.at(option.attribute).is_null()
}

/// The options an import id names; none means all that are set.
fn named_options(id: &str) -> Result<Vec<String>, String> {
    match id.strip_prefix(ID) {
        Some("") => Ok(Vec::new()),
        Some(rest) if rest.len() > 1 && rest.starts_with('/') => Ok(rest[1..].split(',').map(str::to_owned).collect()),
        _ => Err(format!("must be {ID}, or {ID}/ and a list of options such as {ID}/ha,migration")),
    }
}

/// Some options are always answered, set or not: at their default they count as not set.
fn drop_defaults(schema: &Schema, object: &mut Value) {
    for attribute in &schema.block.attributes {
        if attribute.null_means.as_ref() == Some(object.at(&attribute.name)) {
            object.insert(&*attribute.name, Value::Null);
        }
    }
}

/// `now` without what `planned` leaves alone, so that nothing is deleted.
fn only_set_in(now: &Value, planned: &Value) -> Value {
    let members = now.as_map().into_iter().flatten();
    Value::object(
        members.filter(|(name, _)| !planned.at(name).is_null()).map(|(name, value)| (name.clone(), value.clone())),
    )
}

//! Corosync's options: one file of the cluster, of which an object manages the options in its state. Proxmox has no HTTP call for
//! them, so that the file is edited over SSH as Proxmox edits it.

mod checks;
mod edit;
mod nodes;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use pve_schemas::CorosyncOptions;
use pve_schemas::corosync::{CorosyncConf, DRAFT, Managed, ManagedLink, PATH};
use pve_schemas::noun::Noun;

use super::explain;
use super::operations::OpContext;
use super::over_ssh::{Member, any_node, members, missing_ssh, ssh_failure};
use super::typed::{OwnChecks, Typed};
use crate::client::{DomainPermit, LockDomain};
use crate::framework::{
    Change, Checks, Context, Diagnostics, Failure, Found, Freshness, Number, Permit, Resource, Schema, Value,
    WritePermit,
};
use crate::session::Session;
use crate::ssh::ClusterFile;

/// The natural id of the only object there is.
const ID: &str = "corosync";

/// What the object is called in messages.
const SUBJECT: &str = "the Corosync options";

/// The name of Proxmox's lock of the file.
const LOCK: &str = "file-corosync_conf";

/// `pve_corosync_options`
pub struct CorosyncOptionsResource {
    noun: Typed<CorosyncOptions>,
}

/// The nodes, and the file as they share it.
struct Look {
    members: Vec<Member>,
    text: String,
    conf: CorosyncConf,
}

impl Look {
    /// Looks; none on a node that is in no cluster.
    async fn new(op: &OpContext<'_>, freshness: Freshness) -> Result<Option<Self>, Failure> {
        let members = members(op).await?;
        let node = any_node(&members, None)?;
        let (ssh, call) = (op.ssh()?, op.call());
        let text = match freshness {
            Freshness::Shared => {
                file().read_shared(&ssh, node, &call).await.map(|text| text.map(|text| text.to_string()))
            }
            Freshness::Fresh | Freshness::Written => file().read(&ssh, node, &call).await,
        };
        let text = text.map_err(ssh_failure(SUBJECT))?;
        Ok(text.map(|text| Self { conf: CorosyncConf::parse(&text), members, text }))
    }

    /// As [`Look::new`], by a request of its own, for what needs a cluster.
    async fn fresh(op: &OpContext<'_>) -> Result<Self, Failure> {
        let found = Self::new(op, Freshness::Fresh).await?;
        found.ok_or_else(|| {
            Failure::refused(format!(
                "{SUBJECT}: the node that answers is in no cluster: it has no {PATH}. Nothing was changed.\nCreate the \
                 cluster first: with `pve_cluster`, on which this resource depends, or `pvecm create NAME`."
            ))
        })
    }
}

fn file() -> ClusterFile {
    ClusterFile::new(PATH, LOCK).drafted(DRAFT)
}

impl CorosyncOptionsResource {
    /// A resource type that finds its client in `session`.
    pub fn new(session: Arc<Session>) -> Self {
        Self { noun: Typed::new(session) }
    }

    /// What the cluster has of the options that are `managed`; of all that are set without.
    async fn find(
        &self,
        cx: &Context,
        managed: Option<&Managed>,
        freshness: Freshness,
    ) -> Result<Option<Found>, Failure> {
        let op = self.noun.op(cx)?;
        let Some(look) = Look::new(&op, freshness).await? else { return Ok(None) };
        let found = match managed {
            Some(managed) => CorosyncOptions::read(&look.conf, managed),
            None => CorosyncOptions::read_all(&look.conf),
        };
        let in_effect = nodes::in_effect(&op, &look).await?;
        let object = self.noun.value(&CorosyncOptions { in_effect, ..found })?;
        Ok(Some(Found { object, revision: None }))
    }

    /// What an import finds: options at their default count as not set.
    async fn find_all(&self, cx: &Context) -> Result<Option<Found>, Failure> {
        let mut found = self.find(cx, None, Freshness::Shared).await?;
        if let Some(found) = &mut found {
            for attribute in &self.schema().block.attributes {
                if attribute.null_means.as_ref() == Some(found.object.at(&attribute.name)) {
                    found.object.insert(&*attribute.name, Value::Null);
                }
            }
        }
        Ok(found)
    }
}

/// Which options a state or plan is about.
fn managed(object: &Value) -> Managed {
    let is_set = |name: &str| !object.at(name).is_null();
    let text = |(node, address): (&String, &Value)| Some((node.clone(), address.as_str()?.to_owned()));
    let links = object.at("link").elements().unwrap_or_default().iter().filter_map(|link| {
        Some(ManagedLink {
            number: link.at("number").as_number().and_then(Number::as_i64)?,
            priority: !link.at("priority").is_null(),
            addresses: link.at("addresses").as_map().map(|map| map.iter().filter_map(text).collect::<BTreeMap<_, _>>()),
        })
    });
    Managed {
        token: is_set("token"),
        token_coefficient: is_set("token_coefficient"),
        link_mode: is_set("link_mode"),
        links: links.collect(),
    }
}

impl OwnChecks for CorosyncOptionsResource {
    fn of_change<'a>(
        &'a self,
        op: &'a OpContext<'_>,
        change: Change<'a>,
    ) -> BoxFuture<'a, ControlFlow<Diagnostics, Diagnostics>> {
        async move {
            let mut found = Diagnostics::new();
            missing_ssh::<CorosyncOptions>(op).into_iter().for_each(|missing| found.push(missing));
            // The apply checks again: it reports a file that can't be read now, and addresses that are unknown yet.
            if !found.has_error()
                && change.planned.at("link").is_wholly_known()
                && let Ok(Some(look)) = Look::new(op, Freshness::Shared).await
            {
                let model = |object: &Value| self.noun.model(object).unwrap_or_default();
                let (before, after) = (change.prior.map(model).unwrap_or_default(), model(change.planned));
                found.extend(checks::of_plan(op, &look, &before, &after).await);
            }
            ControlFlow::Continue(found)
        }
        .boxed()
    }
}

impl Resource for CorosyncOptionsResource {
    fn name(&self) -> &'static str {
        CorosyncOptions::NAME
    }

    fn title(&self) -> &'static str {
        CorosyncOptions::TITLE
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
        if id == ID { Ok(Value::object([("id", Value::from(ID))])) } else { Err(format!("must be {ID}")) }
    }

    fn validate(&self, config: &Value, diagnostics: &mut Diagnostics) {
        checks::validate(config, diagnostics);
    }

    fn planned<'a>(&'a self, prior: Option<&Value>, planned: Option<&Value>) -> (Diagnostics, Checks<'a>) {
        self.noun.record(self, prior, planned)
    }

    fn is_applying(&self) -> bool {
        self.noun.is_applying()
    }

    fn needs_repair(&self, object: &Value) -> Option<&'static str> {
        (object.at("in_effect") == &Value::Bool(false)).then_some("in_effect")
    }

    fn permit<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, Result<Permit<'a>, Failure>> {
        async move {
            let op = self.noun.writing_op(cx)?;
            // `pvecm` changes the file as well, with a permit of this domain.
            let permit = op.client().permit(LockDomain::Other, &op.call()).await;
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
        async move { self.find(cx, Some(&managed(object)), freshness).await }.boxed()
    }

    fn read_import<'a>(&'a self, cx: &'a Context, _object: &'a Value) -> BoxFuture<'a, Result<Option<Found>, Failure>> {
        self.find_all(cx).boxed()
    }

    fn is_listable(&self) -> bool {
        true
    }

    /// The options that are set, if any is.
    fn list<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, Result<Vec<Value>, Failure>> {
        async move {
            if self.noun.op(cx)?.ssh().is_err() {
                return Ok(Vec::new());
            }
            let found = self.find_all(cx).await?.map(|found| found.object);
            Ok(found.filter(|object| managed(object) != Managed::default()).into_iter().collect())
        }
        .boxed()
    }

    fn wait_ready<'a>(&'a self, cx: &'a Context, _object: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        async move { nodes::await_take_over(&self.noun.op(cx)?).await }.boxed()
    }

    fn wait_deleted<'a>(&'a self, cx: &'a Context, _state: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        async move { nodes::await_take_over(&self.noun.op(cx)?).await }.boxed()
    }
}

/// The turn in the domain of the file, and what is written in it.
struct Writer<'a> {
    resource: &'a CorosyncOptionsResource,
    op: OpContext<'a>,
    permit: DomainPermit,
}

impl Writer<'_> {
    async fn write(&self, before: CorosyncOptions, after: &CorosyncOptions) -> Result<(), Failure> {
        // What another resource of this apply has set is its own by now: the new object, where that is made before the old one
        // is destroyed.
        let preflight = &self.op.configured.preflight;
        let own = after.parts();
        let is_other =
            |part: &str| preflight.has_made_named(CorosyncOptions::NAME, part) && !own.iter().any(|own| own == part);
        let before = before.without(is_other);
        preflight.made_parts(CorosyncOptions::NAME, &own);
        let done = edit::edit(&self.op, &before, after).await;
        self.permit.changed();
        done
    }
}

impl WritePermit for Writer<'_> {
    fn create<'a>(&'a mut self, planned: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        async move { self.write(CorosyncOptions::default(), &self.resource.noun.model(planned)?).await }.boxed()
    }

    fn update<'a>(&'a mut self, from: &'a Found, to: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            let (before, after) = (self.resource.noun.model(&from.object)?, self.resource.noun.model(to)?);
            self.write(before, &after).await
        }
        .boxed()
    }

    fn delete<'a>(&'a mut self, state: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        async move { self.write(self.resource.noun.model(state)?, &CorosyncOptions::default()).await }.boxed()
    }
}

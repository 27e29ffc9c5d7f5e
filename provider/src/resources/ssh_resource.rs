//! The verbs of what is managed on the nodes, over SSH: a noun says how it is found, made, changed and removed; the rest is the
//! same for all of them.

use std::future::Future;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use pve_schemas::noun::Noun;
use serde_json::Value as Json;

use super::explain;
use super::operations::OpContext;
use super::typed::Typed;
use crate::client::{Collection, DomainPermit};
use crate::explain;
use crate::framework::{
    Cause, Change, Context, Diagnostics, Failure, Found, Freshness, Permit, Resource, Schema, Value, WritePermit,
};
use crate::session::{Session, SshAccess};
use crate::ssh::ClusterFile;

/// What a noun on the nodes knows of itself.
pub trait SshResource: Noun {
    /// The natural id; none while a part of it is unknown.
    fn id(object: &Value) -> Option<String>;

    /// The attributes that the natural id `id` stands for.
    ///
    /// # Errors
    /// Says what form is demanded.
    fn parse_id(id: &str) -> Result<Value, String>;

    /// Checks that go over several attributes.
    fn validate(_config: &Value, _diagnostics: &mut Diagnostics) {}

    /// Changes to the plan that the schema can't express. Pure.
    fn modify_plan(_prior: Option<&Value>, _planned: &mut Value) {}

    /// The computed attribute that shows that the object doesn't do its work.
    fn needs_repair(_object: &Value) -> Option<&'static str> {
        None
    }

    /// Plan-time checks against the live cluster.
    fn preflight(_op: &OpContext<'_>, _change: Change<'_>) -> impl Future<Output = Diagnostics> + Send {
        async { Diagnostics::new() }
    }

    /// Waits for the turn in the lock domain of what is written; none where no other write of this process can be in the way.
    fn permit(_op: &OpContext<'_>) -> impl Future<Output = Result<Option<DomainPermit>, Failure>> + Send {
        async { Ok(None) }
    }

    /// Looks for the object that has the same natural id as `object`, and what guards a write based on this.
    fn find(
        op: &OpContext<'_>,
        object: &Value,
        freshness: Freshness,
    ) -> impl Future<Output = Result<Option<(Self, Option<String>)>, Failure>> + Send;

    /// Looks before a create whether the object exists already, wholly made.
    fn find_existing(
        op: &OpContext<'_>,
        object: &Value,
    ) -> impl Future<Output = Result<Option<(Self, Option<String>)>, Failure>> + Send {
        Self::find(op, object, Freshness::Fresh)
    }

    /// Makes it.
    fn create(op: &OpContext<'_>, planned: &Self) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Makes `to` of what was found, as long as it still is what was found.
    fn update(
        op: &OpContext<'_>,
        from: &Self,
        revision: Option<&str>,
        to: &Self,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Removes it.
    fn delete(op: &OpContext<'_>, state: &Self) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Every object there is, in an order that doesn't change by itself.
    fn list(op: &OpContext<'_>) -> impl Future<Output = Result<Vec<Self>, Failure>> + Send;

    /// Waits until a create or update has its effect.
    fn wait_ready(_op: &OpContext<'_>, _object: &Self) -> impl Future<Output = Result<(), Failure>> + Send {
        async { Ok(()) }
    }

    /// Waits until a removed object is gone.
    fn wait_deleted(_op: &OpContext<'_>, _state: &Self) -> impl Future<Output = Result<(), Failure>> + Send {
        async { Ok(()) }
    }
}

/// A resource type made of the noun `N`.
pub struct SshBackedResource<N> {
    noun: Typed<N>,
}

impl<N: SshResource> SshBackedResource<N> {
    /// A resource type that finds its client in `session`.
    pub fn new(session: Arc<Session>) -> Self {
        Self { noun: Typed::new(session) }
    }

    fn found(&self, found: Option<(N, Option<String>)>) -> Result<Option<Found>, Failure> {
        let Some((noun, revision)) = found else { return Ok(None) };
        Ok(Some(Found { object: self.noun.value(&noun)?, revision }))
    }
}

impl<N: SshResource> Resource for SshBackedResource<N> {
    fn name(&self) -> &'static str {
        N::NAME
    }

    fn title(&self) -> &'static str {
        N::TITLE
    }

    fn schema(&self) -> &Schema {
        self.noun.schema()
    }

    fn adopts(&self) -> bool {
        self.noun.adopts()
    }

    fn id(&self, object: &Value) -> Option<String> {
        N::id(object)
    }

    fn import(&self, id: &str) -> Result<Value, String> {
        N::parse_id(id)
    }

    fn validate(&self, config: &Value, diagnostics: &mut Diagnostics) {
        N::validate(config, diagnostics);
    }

    fn modify_plan(&self, prior: Option<&Value>, _config: &Value, planned: &mut Value) {
        N::modify_plan(prior, planned);
    }

    fn needs_repair(&self, object: &Value) -> Option<&'static str> {
        N::needs_repair(object)
    }

    fn planned(&self, prior: Option<&Value>, planned: Option<&Value>) -> Diagnostics {
        self.noun.record(prior, planned)
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

    fn preflight<'a>(&'a self, cx: &'a Context, change: Change<'a>) -> BoxFuture<'a, Diagnostics> {
        async move {
            let Ok(op) = self.noun.op(cx) else { return Diagnostics::new() };
            if let (SshAccess::Absent, Err(failure)) = (&op.configured.ssh, op.ssh()) {
                let mut diagnostics = Diagnostics::new();
                diagnostics.push(failure.into_error(format!("{} needs SSH", N::NAME)));
                return diagnostics;
            }
            let mut all = self.noun.check(&op, change).await;
            all.extend(N::preflight(&op, change).await);
            all
        }
        .boxed()
    }

    fn preflight_destroy<'a>(&'a self, cx: &'a Context, prior: &'a Value) -> BoxFuture<'a, Diagnostics> {
        self.noun.check_destroy(cx, prior).boxed()
    }

    fn permit<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, Result<Permit<'a>, Failure>> {
        async move {
            let op = self.noun.writing_op(cx)?;
            let permit = N::permit(&op).await?;
            Ok(Box::new(Writer { noun: &self.noun, op, permit }) as Permit<'a>)
        }
        .boxed()
    }

    fn read<'a>(
        &'a self,
        cx: &'a Context,
        object: &'a Value,
        freshness: Freshness,
    ) -> BoxFuture<'a, Result<Option<Found>, Failure>> {
        async move { self.found(N::find(&self.noun.op(cx)?, object, freshness).await?) }.boxed()
    }

    fn find_existing<'a>(
        &'a self,
        cx: &'a Context,
        object: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Found>, Failure>> {
        async move { self.found(N::find_existing(&self.noun.op(cx)?, object).await?) }.boxed()
    }

    fn is_listable(&self) -> bool {
        true
    }

    fn list<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, Result<Vec<Value>, Failure>> {
        async move {
            let op = self.noun.op(cx)?;
            if op.ssh().is_err() {
                return Ok(Vec::new());
            }
            let nouns = N::list(&op).await?.into_iter();
            let found = nouns.map(|noun| self.found(Some((noun, None)))).collect::<Result<Vec<_>, _>>()?;
            Ok(found.into_iter().flatten().map(|found| found.object).collect())
        }
        .boxed()
    }

    fn wait_ready<'a>(&'a self, cx: &'a Context, object: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        async move { N::wait_ready(&self.noun.op(cx)?, &self.noun.model(object)?).await }.boxed()
    }

    fn wait_deleted<'a>(&'a self, cx: &'a Context, state: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        async move { N::wait_deleted(&self.noun.op(cx)?, &self.noun.model(state)?).await }.boxed()
    }
}

/// The turn, where there is one, and what is written in it.
struct Writer<'a, N> {
    noun: &'a Typed<N>,
    op: OpContext<'a>,
    permit: Option<DomainPermit>,
}

impl<N> Writer<'_, N> {
    /// Drops the lists of what was changed over SSH.
    fn changed(&self) {
        if let Some(permit) = &self.permit {
            permit.changed();
        }
    }
}

impl<N: SshResource> WritePermit for Writer<'_, N> {
    fn create<'a>(&'a mut self, planned: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            let done = N::create(&self.op, &self.noun.model(planned)?).await;
            self.changed();
            done
        }
        .boxed()
    }

    fn update<'a>(&'a mut self, from: &'a Found, to: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            let (before, after) = (self.noun.model(&from.object)?, self.noun.model(to)?);
            let done = N::update(&self.op, &before, from.revision.as_deref(), &after).await;
            self.changed();
            done
        }
        .boxed()
    }

    fn delete<'a>(&'a mut self, state: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            let done = N::delete(&self.op, &self.noun.model(state)?).await;
            self.changed();
            done
        }
        .boxed()
    }
}

/// The nodes of the cluster, as the node that answers sees them.
pub async fn members(op: &OpContext<'_>) -> Result<Vec<Member>, Failure> {
    let listing = op.client().list(Collection::ClusterStatus, &op.call()).await;
    let rows: Vec<Json> =
        listing.and_then(|listing| listing.all()).map_err(|error| explain("the list of nodes", &error))?;
    let nodes = rows.iter().filter(|row| row["type"] == "node");
    let mut members: Vec<Member> = nodes
        .filter_map(|row| {
            let is = |name: &str| row[name].as_i64() == Some(1);
            Some(Member { name: row["name"].as_str()?.to_owned(), online: is("online"), local: is("local") })
        })
        .collect();
    members.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(members)
}

/// A node of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Whether it is in the same part of the cluster as the node that answers.
    pub online: bool,
    /// Whether it is the node that answers.
    pub local: bool,
}

/// The node on which to do what concerns the whole cluster: the one that answers the API, since it is up.
///
/// # Errors
/// None is online.
pub fn any_node<'a>(members: &'a [Member], but: Option<&str>) -> Result<&'a str, Failure> {
    let online = || members.iter().filter(|member| member.online);
    let wanted = || online().filter(|member| Some(member.name.as_str()) != but);
    let node = wanted().find(|member| member.local).or_else(|| wanted().next()).or_else(|| online().next());
    node.map(|member| member.name.as_str())
        .ok_or_else(|| Failure::refused("No node of the cluster is online. Nothing was changed."))
}

/// A file of the cluster, as any of its nodes has it; none if there is no such file.
pub async fn cluster_file(
    op: &OpContext<'_>,
    object: &str,
    file: &ClusterFile,
    freshness: Freshness,
) -> Result<Option<Arc<str>>, Failure> {
    let node = any_node(&members(op).await?, None)?.to_owned();
    let (ssh, call) = (op.ssh()?, op.call());
    let text = match freshness {
        Freshness::Shared => file.read_shared(&ssh, &node, &call).await,
        Freshness::Fresh => file.read(&ssh, &node, &call).await.map(|text| text.map(Arc::from)),
    };
    text.map_err(ssh_failure(object))
}

/// What a failed command means for the object called `object`.
pub fn ssh_failure(object: &str) -> impl Fn(crate::ssh::Error) -> Failure + '_ {
    move |error| explain::ssh::explain(object, &error)
}

/// What a failed write means: an exit code tells that something went wrong, not that nothing was changed before.
pub fn ambiguous_failure(object: &str) -> impl Fn(crate::ssh::Error) -> Failure + '_ {
    move |error| {
        let failure = explain::ssh::explain(object, &error);
        if error.kind() == crate::ssh::ErrorKind::Failed {
            Failure { cause: Cause::Ambiguous, ..failure }
        } else {
            failure
        }
    }
}

/// Waits until a write over SSH may be tried again that was refused for want of quorum, with all other writers.
///
/// # Errors
/// The operation ends before there is quorum.
pub async fn await_quorum(op: &OpContext<'_>, object: &str, refusal: crate::ssh::Error) -> Result<(), Failure> {
    let refusal = refusal.quote();
    let waited = op.client().await_quorum(&refusal, &op.call()).await;
    waited.map_err(|vain| explain::ssh::no_quorum(object, &vain, &refusal))
}

/// Waits until there is quorum, for a program that would otherwise stop in the middle.
///
/// # Errors
/// The operation ends before there is quorum.
pub async fn demand_quorum(op: &OpContext<'_>, object: &str) -> Result<(), Failure> {
    let rows = get(op, object, Collection::ClusterStatus).await?;
    let cluster = rows.as_array().into_iter().flatten().find(|row| row["type"] == "cluster");
    // A node on its own needs none.
    if cluster.is_none_or(|row| row["quorate"] == 1) {
        return Ok(());
    }
    let refusal = "PVE: quorate 0 (GET /cluster/status)";
    let waited = op.client().await_quorum(refusal, &op.call()).await;
    waited.map_err(|vain| explain::ssh::no_quorum(object, &vain, refusal))
}

/// A read of the API, typed as JSON.
pub async fn get(op: &OpContext<'_>, object: &str, collection: Collection) -> Result<Json, Failure> {
    op.client().get(collection.path(), &op.call()).await.map_err(|error| explain(object, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_concerns_all_is_done_where_the_api_answers() {
        let member = |name: &str, online, local| Member { name: name.to_owned(), online, local };
        let members = [member("pve1", false, false), member("pve2", true, false), member("pve3", true, true)];
        assert_eq!(any_node(&members, None).unwrap(), "pve3");
        assert_eq!(any_node(&members, Some("pve3")).unwrap(), "pve2");
        assert_eq!(any_node(&members[2..], Some("pve3")).unwrap(), "pve3");
        assert!(any_node(&members[..1], None).is_err());
    }
}

//! The verbs of every noun that is one object of a REST collection.

mod writer;

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use pve_schemas::rest::unknown_reason;
use serde_json::Value as Json;

use self::writer::Writer;
use super::explain;
use super::moved::Moved;
use super::operations::{OpContext, Operations};
use super::typed::{OwnChecks, Typed};
use crate::client::{Error, ErrorKind};
use crate::framework::{
    Change, Checks, Context, Diagnostics, Failure, Found, Freshness, MoveSource, Path, Permit, Resource, Schema,
    Severity, Value,
};
use crate::preflight;
use crate::session::Session;

/// A resource type made of the noun `N`.
pub struct RestResource<N> {
    noun: Typed<N>,
}

impl<N: Operations> RestResource<N> {
    /// A resource type that finds its client in `session`.
    pub fn new(session: Arc<Session>) -> Self {
        Self { noun: Typed::new(session) }
    }

    /// What Proxmox answered about the object called `key`, as the framework sees it, and the properties that this provider
    /// does not know.
    fn parsed(&self, key: &str, entry: &Json) -> Result<Option<(Found, Vec<String>)>, Failure> {
        if !N::owns(entry) {
            return Ok(None);
        }
        let parsed = N::parse(entry).map_err(|problem| {
            Failure::refused(format!("{key}: the response of Proxmox can't be parsed: {problem}. Nothing was changed."))
        })?;
        let revision = entry["digest"].as_str().map(str::to_owned);
        Ok(Some((Found { object: self.noun.value(&parsed.noun)?, revision }, parsed.unknown)))
    }

    /// The natural id; none while a part of it is unknown.
    fn key_of(&self, object: &Value) -> Option<String> {
        let parts = self.noun.schema().identity.attributes.iter().map(|part| match object.at(&part.name) {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        });
        parts.collect::<Option<Vec<_>>>().map(|parts| parts.join("-"))
    }

    async fn look(&self, op: &OpContext<'_>, object: &Value, freshness: Freshness) -> Result<Option<Found>, Failure> {
        if let Some(instead) = N::read_instead(op, object).await? {
            return Ok(instead.map(|object| Found { object, revision: None }));
        }
        let key = self.key_of(object).ok_or_else(|| Failure::refused(format!("{}: its id is unknown.", N::TITLE)))?;
        let entry = match freshness {
            Freshness::Shared => {
                let list = op.client().list(N::COLLECTION, &op.call()).await;
                list.and_then(|list| list.find::<Json>(&key))
            }
            Freshness::Fresh => op.client().find::<Json>(&N::COLLECTION.object(&key), &op.call()).await,
            Freshness::Written => op.client().find_written::<Json>(N::COLLECTION, &key, &op.call()).await,
        };
        let entry = entry.map_err(|error| self.explain(&key, &error))?;
        let mut found = match entry {
            Some(entry) if N::is_there(op, &entry).await => self.parsed(&key, &entry)?,
            _ => None,
        };
        if let Some((found, unknown)) = &mut found {
            N::adjust(op, object, &mut found.object).await?;
            // Fresh reads belong to writes, and the refresh before them has warned already.
            if freshness == Freshness::Shared {
                op.configured.unknown.warn::<N>(op.cx, &format!("{} {key}", N::TITLE), unknown);
                N::refreshed(op, object, &found.object).await;
            }
        }
        Ok(found.map(|(found, _)| found))
    }

    /// Says so if the collection has an entry of that key which is another noun's.
    async fn refuse_other_noun(&self, op: &OpContext<'_>, object: &Value) -> Result<(), Failure> {
        let key = self.key_of(object).unwrap_or_default();
        let list = op.client().list(N::COLLECTION, &op.call()).await;
        match list.and_then(|list| list.find::<Json>(&key)) {
            Ok(Some(entry)) if !N::owns(&entry) => {
                let kind = entry["type"].as_str().unwrap_or_default();
                let resource = format!("pve_ha_{}_rule", kind.replace('-', "_"));
                Err(Failure::refused(format!("{key} is a {kind} rule. Import it as {resource}. Nothing was imported.")))
            }
            _ => Ok(()),
        }
    }

    /// Refuses to make room for an object whose natural id another one has: it could not be created afterwards.
    async fn refuse_taken(&self, op: &OpContext<'_>, state: &Value, successor: &Value) -> Result<(), Failure> {
        if N::is_built_in(successor) {
            return Ok(());
        }
        let (Some(old), Some(new)) = (self.key_of(state), self.key_of(successor)) else { return Ok(()) };
        if old == new {
            return Ok(());
        }
        let present = op.client().present(N::COLLECTION, &new, &op.call()).await;
        if !present.map_err(|error| self.explain(&new, &error))? {
            return Ok(());
        }
        Err(Failure::refused(format!(
            "{old}: its replacement {new} exists already on the cluster and could not be created afterwards. Nothing \
             was changed.\nImport {new}, or choose another id."
        )))
    }

    /// The failure, on the attribute whose parameter Proxmox complains of.
    fn explain(&self, key: &str, error: &Error) -> Failure {
        let failure = explain(key, error);
        if error.kind() == ErrorKind::Forbidden {
            return with_needs(N::NAME, failure);
        }
        // Of an array Proxmox names the element: `mailto[0]`.
        let names = error.errors().keys().map(|name| name.split('[').next().unwrap_or_default());
        let names = names.chain((error.kind() == ErrorKind::NoSuchTarget).then_some("target"));
        let attributes: BTreeSet<_> = names.map(N::attribute).collect();
        match attributes.first() {
            Some(Some(name)) if attributes.len() == 1 => failure.at(Path::attribute(*name)),
            _ => failure,
        }
    }
}

/// The failure, with the privileges that are needed where Proxmox names none, as it does where it asks for one of several.
pub(super) fn with_needs(kind: &str, failure: Failure) -> Failure {
    let Some(needs) = preflight::privileges_of(kind, &failure.detail) else { return failure };
    let (before, words) = failure.detail.rsplit_once('\n').unwrap_or((&failure.detail, ""));
    let detail = format!("{before}\n{needs}\n{words}");
    Failure { detail, ..failure }
}

impl<N: Operations> OwnChecks for RestResource<N> {
    fn of_change<'a>(
        &'a self,
        op: &'a OpContext<'_>,
        change: Change<'a>,
    ) -> BoxFuture<'a, ControlFlow<Diagnostics, Diagnostics>> {
        async move {
            let found = N::preflight(op, change).await;
            // An error without an attribute is about the whole object: this version of Proxmox has no HA groups, or no HA rules.
            let is_impossible = found.iter().any(|found| found.severity == Severity::Error && found.path.is_none());
            if is_impossible { ControlFlow::Break(found) } else { ControlFlow::Continue(found) }
        }
        .boxed()
    }

    fn of_destroy<'a>(&'a self, op: &'a OpContext<'_>, prior: &'a Value) -> BoxFuture<'a, Diagnostics> {
        N::preflight_destroy(op, prior).boxed()
    }
}

impl<N: Operations> Resource for RestResource<N> {
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

    fn always_exists(&self, object: &Value) -> bool {
        N::is_built_in(object)
    }

    fn id(&self, object: &Value) -> Option<String> {
        self.key_of(object)
    }

    fn import(&self, id: &str) -> Result<Value, String> {
        N::parse_id(id)
    }

    fn validate(&self, config: &Value, diagnostics: &mut Diagnostics) {
        if let Some(configured) = self.noun.configured() {
            configured.preflight.written(N::NAME, config);
        }
        N::validate(config, diagnostics);
    }

    fn modify_plan(&self, prior: Option<&Value>, config: &Value, planned: &mut Value) {
        N::modify_plan(prior, config, planned);
    }

    fn remarks(&self, object: &Value) -> Vec<String> {
        self.noun.model(object).map(|object| N::remarks(&object)).unwrap_or_default()
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

    fn referrers<'a>(&'a self, cx: &'a Context, object: &'a Value) -> BoxFuture<'a, Vec<String>> {
        async move {
            match self.noun.op(cx) {
                Ok(op) => N::referrers(&op, object).await,
                Err(_) => Vec::new(),
            }
        }
        .boxed()
    }

    fn permit<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, Result<Permit<'a>, Failure>> {
        async move { Ok(Box::new(Writer::new(self, cx).await?) as Permit<'a>) }.boxed()
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
                op.configured.preflight.refreshed(N::NAME, object);
            }
            self.look(&op, object, freshness).await
        }
        .boxed()
    }

    fn find_existing<'a>(
        &'a self,
        cx: &'a Context,
        object: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Found>, Failure>> {
        async move {
            if N::is_built_in(object) {
                return Ok(None);
            }
            let op = self.noun.op(cx)?;
            let key = self.key_of(object).unwrap_or_default();
            let present = op.client().present(N::COLLECTION, &key, &op.call()).await;
            match present.map_err(|error| self.explain(&key, &error))? {
                true => self.look(&op, object, Freshness::Fresh).await,
                false => Ok(None),
            }
        }
        .boxed()
    }

    fn is_listable(&self) -> bool {
        true
    }

    fn list<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, Result<Vec<Value>, Failure>> {
        async move {
            let op = self.noun.op(cx)?;
            if !N::exists(&op).await? {
                return Ok(Vec::new());
            }
            let list = op.client().list(N::COLLECTION, &op.call()).await;
            let list = list.map_err(|error| self.explain(N::COLLECTION.path(), &error))?;
            let mut objects = Vec::new();
            for key in list.ids() {
                let left_out = |why: String| cx.warn(format!("Left out: {} {key}", N::TITLE), why);
                let entry = list.find::<Json>(key).map_err(|error| self.explain(key, &error))?.unwrap_or_default();
                if !N::is_listed(&entry) || !N::is_there(&op, &entry).await {
                    continue;
                }
                if let Some(kind) = N::unknown_type(&entry) {
                    op.configured.unknown.warn_type(cx, key, kind);
                    continue;
                }
                match self.parsed(key, &entry) {
                    Ok(Some((found, unknown))) if unknown.is_empty() => objects.push(found.object),
                    Ok(Some((_, unknown))) => left_out(format!("{key}: {}.", unknown_reason(&unknown))),
                    Ok(None) => {}
                    Err(failure) => left_out(failure.detail),
                }
            }
            Ok(objects)
        }
        .boxed()
    }

    fn read_import<'a>(&'a self, cx: &'a Context, object: &'a Value) -> BoxFuture<'a, Result<Option<Found>, Failure>> {
        async move {
            let found = self.read(cx, object, Freshness::Shared).await?;
            if found.is_none() {
                self.refuse_other_noun(&self.noun.op(cx)?, object).await?;
            }
            Ok(found)
        }
        .boxed()
    }

    fn after_own_writes(&self, prior: &Value) -> Value {
        self.noun.configured().map_or_else(|| prior.clone(), |configured| N::after_own_writes(&configured, prior))
    }

    fn assign_id<'a>(&'a self, cx: &'a Context, planned: Value) -> BoxFuture<'a, Result<Value, Failure>> {
        async move { N::assign_id(&self.noun.op(cx)?, planned).await }.boxed()
    }

    fn wait_ready<'a>(&'a self, cx: &'a Context, object: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        async move { N::wait_ready(&self.noun.op(cx)?, &self.noun.model(object)?).await }.boxed()
    }

    fn wait_deleted<'a>(&'a self, cx: &'a Context, state: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        async move { N::wait_deleted(&self.noun.op(cx)?, &self.noun.model(state)?).await }.boxed()
    }

    fn look_ahead<'a>(
        &'a self,
        cx: &'a Context,
        state: &'a Value,
        successor: &'a Value,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            let op = self.noun.op(cx)?;
            self.refuse_taken(&op, state, successor).await?;
            N::look_ahead(&op, &self.noun.model(state)?, successor).await
        }
        .boxed()
    }

    fn loss(&self, state: &Value) -> Option<String> {
        N::loss(&self.noun.model(state).ok()?)
    }

    fn make_way<'a>(&'a self, cx: &'a Context, planned: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        async move { N::make_way(&self.noun.op(cx)?, planned).await }.boxed()
    }

    fn explain_refusal<'a>(&'a self, cx: &'a Context, planned: &'a Value, failure: Failure) -> BoxFuture<'a, Failure> {
        async move {
            match self.noun.op(cx) {
                Ok(op) => N::explain_refusal(&op, planned, failure).await,
                Err(_) => failure,
            }
        }
        .boxed()
    }

    fn moved(&self, source: &MoveSource) -> Moved {
        N::moved(source)
    }
}

#[cfg(test)]
mod tests;

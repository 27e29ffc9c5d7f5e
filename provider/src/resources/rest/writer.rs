//! The writes of an object of a REST collection, one at a time in its lock domain.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::Value as Json;

use super::RestResource;
use crate::client::{DomainPermit, Error, ErrorKind, Params, Target};
use crate::framework::{Cause, Context, Failure, Found, Freshness, GivenUp, Value, WritePermit};
use crate::resources::explain;
use crate::resources::operations::{OpContext, Operations};

/// How often it is looked whether this apply has created what a reference is to go to.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// What was waited for when there is no turn.
const TURN: &str = "before its turn to write";

/// The turn in the lock domain of `N`, and what is written in it.
pub(super) struct Writer<'a, N> {
    resource: &'a RestResource<N>,
    op: OpContext<'a>,
    /// None after others were let write first and none of them did.
    permit: Option<DomainPermit>,
}

enum Request<'a> {
    Post(Target<'a>, &'a Params),
    Put(Target<'a>, &'a Params),
    Delete(Target<'a>, &'a Params),
}

impl<'a, N: Operations> Writer<'a, N> {
    /// Waits for the turn.
    pub(super) async fn new(resource: &'a RestResource<N>, cx: &'a Context) -> Result<Self, Failure> {
        let op = resource.noun.writing_op(cx)?;
        let permit =
            op.client().permit(N::COLLECTION.write_domain(), &op.call()).await.map_err(|e| explain(TURN, &e))?;
        Ok(Self { resource, op, permit: Some(permit) })
    }

    /// Sends a write. What another rule stands in the way of is sent again after each further write of this process, since
    /// the order inside one apply may be the only trouble.
    async fn write(&mut self, key: &str, request: Request<'_>) -> Result<(), Failure> {
        let (resource, call) = (self.resource, self.op.call());
        let explain = |error| resource.explain(key, &error);
        loop {
            let permit = self.take_permit().await.map_err(explain)?;
            let error = match self.send(&request, &permit).await {
                Err(error) if matches!(error.kind(), ErrorKind::RuleConflict | ErrorKind::Unmanaged) => error,
                done => {
                    self.permit = Some(permit);
                    return done.map(|_| ()).map_err(explain);
                }
            };
            self.permit = self.op.client().pass(permit, &call).await.map_err(explain)?;
            if self.permit.is_none() {
                return Err(explain(error));
            }
        }
    }

    /// Sends what the plan says of a reference to the object that is to be deleted. The object that is referred to instead may be
    /// one that the same apply creates, in whichever order core comes to both.
    async fn hand_over(&mut self, given_up: &GivenUp) -> Result<(), Failure> {
        let refused = || Failure::refused(format!("{}: it can't refer to this.", given_up.id));
        let (collection, parameter) = N::REFERRED_BY.ok_or_else(refused)?;
        let failed = |error: Error| explain(&given_up.id, &error);
        let (target, call) = (Target::Object(collection, &given_up.id), self.op.call());
        let path = collection.object(&given_up.id);
        loop {
            let entry = self.op.client().find::<Json>(&path, &call).await.map_err(failed)?;
            // What was given up meanwhile is done.
            let Some(entry) = entry.filter(|entry| entry[parameter] == given_up.from.as_str()) else { return Ok(()) };
            let mut params = Params::new().deleting_by(collection.delete_form());
            match &given_up.to {
                Some(to) => params.set(parameter, to),
                None => params.delete(parameter),
            };
            if let Some(digest) = entry["digest"].as_str() {
                params.set("digest", digest);
            }
            let permit = self.take_permit().await.map_err(failed)?;
            let was_made = self.has_made(given_up);
            let error = match self.send(&Request::Put(target, &params), &permit).await {
                Err(error) if error.kind() == ErrorKind::NoSuchGroup && !was_made => error,
                done => {
                    self.permit = Some(permit);
                    return done.map(|_| ()).map_err(failed);
                }
            };
            self.permit = self.op.client().pass(permit, &call).await.map_err(failed)?;
            if self.permit.is_none() && !(given_up.is_to_new && self.is_made_in_time(given_up).await) {
                return Err(nowhere(given_up, &failed(error)));
            }
        }
    }

    /// Makes `planned` of what Proxmox ships, or of what was made of that before.
    async fn adopt(&mut self, planned: &Value) -> Result<(), Failure> {
        let found = self.resource.look(&self.op, planned, Freshness::Fresh).await?;
        let found = found.ok_or_else(|| Failure::new(Cause::Absent, format!("{}: it does not exist.", N::TITLE)))?;
        self.update(&found, planned).await
    }

    fn has_made(&self, given_up: &GivenUp) -> bool {
        given_up.to.as_ref().is_some_and(|to| self.op.configured.preflight.has_made_named(N::NAME, to))
    }

    /// Waits, without a turn, until the object that is referred to instead was created.
    async fn is_made_in_time(&self, given_up: &GivenUp) -> bool {
        while !self.has_made(given_up) {
            if !self.op.call().pause(LOOK_INTERVAL).await {
                return false;
            }
        }
        true
    }

    /// The permit that is held, or a new one where it was given back meanwhile.
    async fn take_permit(&mut self) -> Result<DomainPermit, Error> {
        match self.permit.take() {
            Some(permit) => Ok(permit),
            None => self.op.client().permit(N::COLLECTION.write_domain(), &self.op.call()).await,
        }
    }

    async fn send(&self, request: &Request<'_>, permit: &DomainPermit) -> Result<Json, Error> {
        let (client, call) = (self.op.client(), self.op.call());
        match request {
            Request::Post(target, params) => client.post(*target, params, permit, &call).await,
            Request::Put(target, params) => client.put(*target, params, permit, &call).await,
            Request::Delete(target, params) => client.delete(*target, params, permit, &call).await,
        }
    }
}

impl<N: Operations> WritePermit for Writer<'_, N> {
    fn create<'a>(&'a mut self, planned: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            if N::is_built_in(planned) {
                return self.adopt(planned).await;
            }
            N::before_write(&self.op, None, planned).await?;
            let noun = self.resource.noun.model(planned)?;
            let key = noun.key();
            let mut params = noun.params();
            params.extend(N::COLLECTION.key().map(|name| (name, &key)));
            params.extend(N::AT_CREATE.iter().chain(N::ALWAYS).copied());
            self.write(&key, Request::Post(N::COLLECTION.into(), &params)).await
        }
        .boxed()
    }

    fn update<'a>(&'a mut self, from: &'a Found, to: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            N::before_write(&self.op, Some(&from.object), to).await?;
            let mut object = from.object.clone();
            N::before_update(&self.op, &mut object, to).await?;
            let (before, after) = (self.resource.noun.model(&object)?, self.resource.noun.model(to)?);
            let key = after.key();
            let after = after.params();
            let mut params = after.since(&before.params()).deleting_by(N::COLLECTION.delete_form());
            if params.is_empty() {
                return Ok(());
            }
            params.extend(N::ALWAYS.iter().copied());
            for (name, with) in N::TOGETHER {
                params.extend(after.value(with).filter(|_| params.value(name).is_some()).map(|value| (*with, value)));
            }
            if let Some(digest) = &from.revision {
                params.set("digest", digest);
            }
            self.write(&key, Request::Put(Target::Object(N::COLLECTION, &key), &params)).await
        }
        .boxed()
    }

    fn give_up<'a>(&'a mut self, given_up: &'a GivenUp) -> BoxFuture<'a, Result<(), Failure>> {
        self.hand_over(given_up).boxed()
    }

    fn delete<'a>(&'a mut self, state: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            if N::read_instead(&self.op, state).await?.is_some() {
                return Ok(());
            }
            let noun = self.resource.noun.model(state)?;
            let key = noun.key();
            let params = N::delete_params(&self.op, &noun).await?;
            let sent = self.write(&key, Request::Delete(Target::Object(N::COLLECTION, &key), &params)).await;
            let sent = match sent {
                Err(failure) if failure.cause == Cause::InUse => Err(N::explain_use(&self.op, state, failure).await),
                sent => sent,
            };
            // Whose answer was lost may have been carried out, with all that it does to others.
            if sent.as_ref().err().is_none_or(|failure| failure.cause == Cause::Ambiguous) {
                N::deleted(&self.op.configured, &noun);
            }
            sent
        }
        .boxed()
    }
}

/// The delete of an object that is referred to, where the reference can't go to what the plan says.
fn nowhere(given_up: &GivenUp, failure: &Failure) -> Failure {
    let GivenUp { id, from, to, .. } = given_up;
    let to = to.as_deref().unwrap_or_default();
    let words = failure.detail.lines().last().filter(|line| line.starts_with("PVE: ")).unwrap_or_default();
    Failure::refused(
        format!(
            "{from}: {id} refers to it, and is planned to refer to {to}, which does not exist yet. {from} was not \
             deleted.\nCreate {to} first, such as with `-target`, and apply again.\n{words}"
        )
        .trim_end(),
    )
}

//! The writes of a membership: the rule is read, and written with one HA resource more or fewer.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use pve_schemas::HaRuleMember;
use pve_schemas::value::Sid;

use super::{Rule, failure, rule};
use crate::client::{Collection, DomainPermit, Error, ErrorKind, Params, Target};
use crate::framework::{Cause, Context, Failure, Found, Freshness, GivenUp, Path, Value, WritePermit};
use crate::resources::operations::OpContext;
use crate::resources::typed::Typed;

/// Between two attempts at a rule that another client has written in between.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// The turn in the lock domain of HA, and what is written in it.
pub(super) struct Writer<'a> {
    noun: &'a Typed<HaRuleMember>,
    op: OpContext<'a>,
    /// None after others were let write first and none of them did.
    permit: Option<DomainPermit>,
    /// Whether the plan destroys the rule or the HA resource, after which the membership is gone in any case.
    is_left_behind: bool,
}

/// What is to become of a membership.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Join,
    Leave,
}

impl<'a> Writer<'a> {
    /// Waits for the turn.
    pub(super) async fn new(noun: &'a Typed<HaRuleMember>, cx: &'a Context) -> Result<Self, Failure> {
        let op = noun.writing_op(cx)?;
        let permit = op.client().permit(Collection::HaRules.write_domain(), &op.call()).await;
        let permit = permit.map_err(|error| failure("before its turn to write", &error))?;
        Ok(Self { noun, op, permit: Some(permit), is_left_behind: false })
    }

    /// Reads the rule and writes it with the change, again whenever another write to the file has come in between. What
    /// conflicts with another rule is sent again after each further write of this process.
    async fn write(&mut self, object: &Value, change: Change) -> Result<(), Failure> {
        let member = self.noun.model(object)?;
        let (name, sid) = (member.rule.as_str(), &member.resource);
        let id = HaRuleMember::id(name, sid.as_str());
        loop {
            let permit = self.take_permit().await.map_err(|error| failure(&id, &error))?;
            let rule = rule(&self.op, &id, name, Freshness::Fresh).await?;
            let params = match self.changed(&id, rule, sid, change) {
                Ok(params) => params,
                Err(done) => {
                    self.permit = Some(permit);
                    return done;
                }
            };
            let target = Target::Object(Collection::HaRules, name);
            let error = match self.op.client().put(target, &params, &permit, &self.op.call()).await {
                Ok(_) => {
                    self.permit = Some(permit);
                    self.op.configured.remember_membership(name, sid.as_str(), change == Change::Join);
                    return Ok(());
                }
                Err(error) => error,
            };
            match error.kind() {
                ErrorKind::StaleDigest => {
                    self.permit = Some(permit);
                    if !self.op.call().pause(RETRY_INTERVAL).await {
                        return Err(failure(&id, &error));
                    }
                }
                ErrorKind::RuleConflict | ErrorKind::Unmanaged => {
                    let passed = self.op.client().pass(permit, &self.op.call()).await;
                    self.permit = passed.map_err(|error| failure(&id, &error))?;
                    if self.permit.is_none() {
                        return Err(failure(&id, &error));
                    }
                }
                kind => {
                    self.permit = Some(permit);
                    if kind == ErrorKind::Ambiguous {
                        self.op.configured.remember_membership(name, sid.as_str(), change == Change::Join);
                    }
                    return Err(failure(&id, &error));
                }
            }
        }
    }

    /// What is to be sent; `Err` with the result where nothing is.
    fn changed(&self, id: &str, rule: Option<Rule>, sid: &Sid, change: Change) -> Result<Params, Result<(), Failure>> {
        let Some(mut rule) = rule else {
            return Err(Err(match change {
                Change::Join => Failure::refused(format!(
                    "{id}: the cluster has no such HA rule. Nothing was changed.\nCreate the rule first, or refer to the \
                     `name` of its resource, so that Terraform keeps that order."
                ))
                .at(Path::attribute("rule")),
                Change::Leave => Failure::new(Cause::Absent, format!("{id}: the rule does not exist.")),
            }));
        };
        match change {
            Change::Join if !rule.members.0.insert(sid.clone()) => {
                return Err(Err(Failure::new(Cause::Exists, format!("{id}: {sid} is a member already."))));
            }
            Change::Leave if !rule.members.0.remove(sid) => {
                return Err(Err(Failure::new(Cause::Absent, format!("{id}: {sid} is not a member."))));
            }
            Change::Leave if rule.members.0.len() < rule.least() => {
                return Err(if self.is_left_behind { Ok(()) } else { Err(is_last(id, &rule, sid)) });
            }
            Change::Join | Change::Leave => {}
        }
        let mut params = Params::new();
        params.set("type", &rule.kind).set("resources", rule.members.to_list());
        if let Some(digest) = &rule.digest {
            params.set("digest", digest);
        }
        Ok(params)
    }

    /// The permit that is held, or a new one where it was given back meanwhile.
    async fn take_permit(&mut self) -> Result<DomainPermit, Error> {
        match self.permit.take() {
            Some(permit) => Ok(permit),
            None => self.op.client().permit(Collection::HaRules.write_domain(), &self.op.call()).await,
        }
    }
}

/// Why a member stays that the rule can't be without.
fn is_last(id: &str, rule: &Rule, sid: &Sid) -> Failure {
    let least = rule.least();
    let without =
        if least > 1 { "resource affinity rule with fewer than two HA resources" } else { "rule without HA resources" };
    let failure = Failure::new(
        Cause::InUse,
        format!(
            "{id}: without {sid} the rule {} has too few HA resources. Proxmox has no {without}. Nothing was \
             changed.\nRemove the rule where it is managed, or add another HA resource to it first. To replace {sid} by \
             another member, set `lifecycle {{ create_before_destroy = true }}`.",
            rule.name
        ),
    );
    failure.summarised(format!("{sid} can't leave the HA rule {}", rule.name))
}

impl WritePermit for Writer<'_> {
    fn create<'a>(&'a mut self, planned: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        self.write(planned, Change::Join).boxed()
    }

    /// All that differs needs a new object.
    fn update<'a>(&'a mut self, _from: &'a Found, to: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        self.write(to, Change::Join).boxed()
    }

    /// The plan gives up the whole rule, or removes the HA resource from all rules.
    fn give_up<'a>(&'a mut self, _given_up: &'a GivenUp) -> BoxFuture<'a, Result<(), Failure>> {
        self.is_left_behind = true;
        async { Ok(()) }.boxed()
    }

    fn delete<'a>(&'a mut self, state: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        self.write(state, Change::Leave).boxed()
    }
}

//! `pve_guest_migrate`.

use std::time::Duration;

use pve_schemas::action::GuestMigrate;

use super::guest_motion::{GuestMove, Moving};
use super::ha_motion::{self, HaMove, Manner};
use super::preconditions::Preconditions;
use super::survey::Survey;
use super::{Operation, Outlook, Run, tasks};
use crate::client::{Error, ErrorKind};
use crate::framework::{Failure, Path};
use crate::source::cause;

/// How the guest gets there.
pub enum Way {
    Ha(HaMove),
    Guest(Box<GuestMove>),
    /// An earlier run, or a person, has begun to move it.
    Await(Box<Moving>),
    /// It is there.
    Done,
}

impl Operation for GuestMigrate {
    type Found = Way;
    const TIMEOUT: Duration = Duration::from_hours(2);

    async fn look(&self, run: &Run<'_>) -> Result<Outlook<Way>, Failure> {
        match look_once(self, run).await {
            // It has left its node between the list and the question to that node.
            Err(failure) if cause::<Error>(&failure).is_some_and(|error| error.kind() == ErrorKind::Absent) => {
                look_once(self, run).await
            }
            looked => looked,
        }
    }

    async fn act(&self, run: &Run<'_>, found: Way) -> Result<(), Failure> {
        match found {
            Way::Ha(step) => step.act(run).await,
            Way::Guest(step) => step.act(run).await,
            Way::Await(moving) => moving.act(run).await,
            Way::Done => Ok(()),
        }
    }
}

async fn look_once(migrate: &GuestMigrate, run: &Run<'_>) -> Result<Outlook<Way>, Failure> {
    let survey = Survey::read(run, "guest migration").await?;
    let guest = survey.guest(&migrate.guest, "guest")?;
    let (sid, to) = (guest.sid.as_str(), migrate.node.as_str());
    // Disarmed in the mode `ignore`, Proxmox moves HA resources as guests without HA.
    if survey.is_managed(sid) && survey.live.manager["disarm"]["mode"] != "ignore" {
        let Outlook { steps, refusals, found } =
            ha_motion::look(&survey, (&migrate.guest, "guest"), &migrate.node, Manner::Migrate)?;
        return Ok(Outlook { steps, refusals, found: Way::Ha(found) });
    }
    if guest.node == to {
        return Ok(Outlook { steps: Vec::new(), refusals: Vec::new(), found: Way::Done });
    }
    survey.online_node(to, "node")?;
    survey.online_node(&guest.node, "guest")?;
    let under_way = tasks::running(run, &guest.node).await?;
    if let Some(moving) = Moving::find(guest, to, &under_way) {
        return Ok(Outlook { steps: vec![moving.step()], refusals: Vec::new(), found: Way::Await(Box::new(moving)) });
    }
    let preconditions = Preconditions::read(run, guest).await?;
    let mut refusals = Vec::new();
    let mut refuse = |text: String, attribute| {
        let text = format!("{sid}: {text} Nothing was changed.");
        refusals.push(Failure::refused(text).at(Path::attribute(attribute)));
    };
    if preconditions.running && migrate.online == Some(false) {
        refuse("it runs, and `online` is false. Shut it down first.".to_owned(), "online");
    }
    let passage = preconditions.passage(guest, to, &survey.live, migrate.with_local_disks == Some(true));
    let found = match passage {
        Ok(passage) => {
            let running = preconditions.running;
            Way::Guest(Box::new(GuestMove { guest: guest.clone(), to: to.to_owned(), running, passage }))
        }
        Err(problems) => {
            for problem in problems {
                refuse(format!("it can't move to {to}: {problem}."), "node");
            }
            Way::Done
        }
    };
    let steps = if let Way::Guest(step) = &found { vec![step.step()] } else { Vec::new() };
    Ok(Outlook { steps, refusals, found })
}

//! `pve_ha_migrate`, `pve_ha_relocate`.

use pve_schemas::action::{HaMigrate, HaRelocate};
use pve_schemas::value::{NodeName, Sid};

use super::ha_motion::{self, HaMove, Manner};
use super::survey::Survey;
use super::{Operation, Outlook, Run};
use crate::framework::{Failure, Path};

impl Operation for HaMigrate {
    type Found = HaMove;

    async fn look(&self, run: &Run<'_>) -> Result<Outlook<HaMove>, Failure> {
        look(run, &self.resource, &self.node, Manner::Migrate).await
    }

    async fn act(&self, run: &Run<'_>, found: HaMove) -> Result<(), Failure> {
        found.act(run).await
    }
}

impl Operation for HaRelocate {
    type Found = HaMove;

    async fn look(&self, run: &Run<'_>) -> Result<Outlook<HaMove>, Failure> {
        look(run, &self.resource, &self.node, Manner::Relocate).await
    }

    async fn act(&self, run: &Run<'_>, found: HaMove) -> Result<(), Failure> {
        found.act(run).await
    }
}

async fn look(run: &Run<'_>, sid: &Sid, node: &NodeName, manner: Manner) -> Result<Outlook<HaMove>, Failure> {
    let survey = Survey::read(run, "HA migration").await?;
    survey.guest(sid, "resource")?;
    if !survey.is_managed(sid.as_str()) {
        let text =
            format!("{sid}: it is not an HA resource, or HA ignores it. Use `pve_guest_migrate`. Nothing was changed.");
        return Err(Failure::refused(text).at(Path::attribute("resource")));
    }
    ha_motion::look(&survey, (sid, "resource"), node, manner)
}

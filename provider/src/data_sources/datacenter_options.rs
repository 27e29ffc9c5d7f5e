//! `pve_datacenter_options`: one object, if the caller may see all of it.

use pve_schemas::data::NoArguments;
use pve_schemas::data::datacenter_options::{DatacenterOptions, is_reduced};

use super::adapter::{Reader, Source};
use crate::client::Collection;
use crate::framework::Failure;

impl Source for DatacenterOptions {
    type Arguments = NoArguments;

    async fn read(reader: &Reader<'_>, _: NoArguments) -> Result<Self, Failure> {
        let options = reader.object(Collection::DatacenterOptions).await?;
        if is_reduced(&options) {
            return Err(Failure::refused(
                "datacenter options: without Sys.Audit on / Proxmox returns only console, tag style and allowed tags; \
                 the other options are unknown.\nGrant the user or token the privilege Sys.Audit on /.",
            ));
        }
        Self::from_answer(&options).map_err(|problem| reader.unexpected(problem))
    }
}

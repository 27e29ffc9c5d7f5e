//! `pve_ha_resource`

use std::sync::Arc;

use acceptance_tests::{Cluster, Workspace};
use pve_emulator::Release;

#[test]
fn a_life_on_pve_9() {
    let Some(cluster) = Cluster::of("ha_resource::a_life_on_pve_9", Release::V9).map(Arc::new) else { return };
    let guests = cluster.guests(2, 1);
    let w = Workspace::new(&cluster);
    w.configure(&format!("resource \"pve_ha_resource\" \"a\" {{\n  sid = \"vm:{}\"\n}}\n", guests.vms[0]));
    w.apply();
    w.plan_is_empty();
    let plan = w.plan();
    assert!(plan.changes().is_empty());
    w.destroy();
}

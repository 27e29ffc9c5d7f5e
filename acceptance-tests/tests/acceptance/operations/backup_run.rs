//! `pve_backup_run`

use serde_json::json;
use terraform_provider_pve::framework::Ending;

use super::{Scene, lost};

const RUN: &str = "pve_backup_run";

#[test]
fn a_job_runs_on_every_node_that_has_guests_of_it() {
    let Some(scene) = Scene::of_three("operations::backup_run::a_job_runs_on_every_node_that_has_guests_of_it") else {
        return;
    };
    let job =
        [("id", "nightly"), ("schedule", "02:00"), ("vmid", "100,101,103"), ("storage", "local"), ("enabled", "0")];
    scene.cluster.api.post("/cluster/backup", &job);
    let config = json!({"job": "nightly"});
    let (steps, _) = scene.plan(RUN, &config);
    assert_eq!(steps, ["Back up on pve1: 100, 103.", "Back up on pve2: 101."]);
    scene.fault(lost("/nodes/pve1/vzdump"));
    let told = scene.done(RUN, &config);
    for vmid in [100, 101, 103] {
        assert!(told.messages.contains(&format!("{vmid}: backed up.")), "{told:#?}");
    }
    let runs = scene.world(|world| world.tasks.iter().filter(|task| task.kind == "vzdump").count());
    assert_eq!(runs, 2, "a lost response starts no second run");

    scene.world(|world| world.backup.failing.add(101, pve_emulator::world::Failing::Always));
    let told = scene.invoke(RUN, &config);
    assert_eq!(told.ending, Ending::Failed);
    assert!(told.errors[0].contains("- 101: ") && !told.errors[0].contains("- 100"), "{told:#?}");
    let text = scene.refused(RUN, &json!({"job": "weekly"}));
    assert!(text.contains("there is no such backup job"), "{text}");
}

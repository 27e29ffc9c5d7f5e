//! `pve_replication_run`

use serde_json::json;

use super::{Scene, lost};

const RUN: &str = "pve_replication_run";

#[test]
fn a_job_runs_now_and_is_waited_for() {
    let Some(scene) = Scene::of_three("operations::replicate::a_job_runs_now_and_is_waited_for") else { return };
    let job = [("id", "100-0"), ("type", "local"), ("target", "pve2"), ("schedule", "sat 03:00")];
    scene.cluster.api.post("/cluster/replication", &job);
    let (steps, _) = scene.plan(RUN, &json!({"job": "100-0"}));
    assert_eq!(steps, ["Replicate guest 100 from pve1 to pve2."]);
    let told = scene.done(RUN, &json!({"job": "100-0"}));
    assert_eq!(told.messages.last().unwrap(), "100-0: the copy is complete.");
    scene.fault(lost("/nodes/pve1/replication/100-0/schedule_now"));
    scene.done(RUN, &json!({"job": "100-0"}));

    let text = scene.refused(RUN, &json!({"job": "100-7"}));
    assert!(text.contains("there is no such replication job"), "{text}");
    scene.cluster.api.put("/cluster/replication/100-0", &[("disable", "1")]);
    let text = scene.refused(RUN, &json!({"job": "100-0"}));
    assert!(text.contains("it is disabled"), "{text}");
    scene.cluster.api.put("/cluster/replication/100-0", &[("disable", "0")]);
    scene.world(|world| world.power("pve2", false));
    scene.until_offline("pve2");
    let text = scene.refused(RUN, &json!({"job": "100-0"}));
    assert!(text.contains("the node pve2 is not online"), "{text}");
}

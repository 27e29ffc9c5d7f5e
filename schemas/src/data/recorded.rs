//! Recorded answers of genuine clusters, for tests.

use serde_json::Value as Json;

macro_rules! cases {
    ($($name:literal)*) => {
        const CASES: &[(&str, &str)] = &[$((
            $name,
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../acceptance-tests/recordings/", $name, ".jsonl")),
        )),*];
    };
}

cases! {
    "pve8-cli" "pve8-failover" "pve8-fence-cfg" "pve8-ha-error" "pve8-ha-fresh" "pve8-ha-groups" "pve8-ha-maintenance" "pve8-ha-resources"
    "pve8-ha-rules-absent" "pve8-ha-status" "pve8-options-each" "pve8-privileges" "pve8-qdevice" "pve8-replication"
    "pve8-version-index"
    "pve9-cli" "pve9-failover" "pve9-fence-cfg" "pve9-ha-disarm" "pve9-ha-error" "pve9-ha-fresh" "pve9-ha-maintenance" "pve9-ha-resources"
    "pve9-ha-rules-node" "pve9-ha-rules-resource" "pve9-ha-status" "pve9-options-each" "pve9-privileges" "pve9-qdevice"
    "pve9-replication" "pve9-replication-async" "pve9-version-index"
}

/// The `data` of step `n` of a recorded case.
pub fn answer(case: &str, n: u64) -> Json {
    step(case, n)["body"]["data"].clone()
}

/// All steps of a recorded case.
pub fn steps(case: &str) -> Vec<Json> {
    let (_, text) = CASES.iter().find(|(name, _)| *name == case).unwrap();
    text.lines().map(|line| serde_json::from_str::<Json>(line).unwrap()).filter(|step| step["n"].is_u64()).collect()
}

/// Step `n` of a recorded case.
pub fn step(case: &str, n: u64) -> Json {
    steps(case).into_iter().find(|step| step["n"] == n).unwrap()
}

/// A list the other way round: Proxmox's order is that of a Perl hash.
pub fn reversed(mut list: Json) -> Json {
    list.as_array_mut().unwrap().reverse();
    list
}

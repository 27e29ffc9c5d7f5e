//! `pve_ha_balance`

use pve_emulator::{Handle, Release, Version};
use serde_json::json;
use terraform_provider_pve::framework::Value;

use super::{change, cluster, read, read_of, walk};

/// A cluster with the load balancer of `release`, and HA resources on the first node alone.
async fn unbalanced(release: Release, crs: &str) -> Handle {
    let cluster = cluster(release).await;
    change(&cluster, |world| {
        for guest in world.guests.values_mut() {
            guest.node = "pve1".to_owned();
        }
        world.write_file("/etc/pve/ha/resources.cfg", "vm: 100\n\nvm: 101\n\nvm: 102\n");
        world.write_file("/etc/pve/datacenter.cfg", format!("crs: {crs}\n"));
        world.advance(60.0);
    });
    cluster
}

const NEWEST: Version = Version::new(9, 2, 6);

/// The next move that the data source names is what the manager of the emulated cluster then does.
#[tokio::test]
async fn the_next_move_of_the_load_balancer_is_foretold() {
    for crs in ["ha=static", "ha=dynamic", "ha=dynamic,ha-auto-rebalance-method=topsis"] {
        let options = format!("{crs},ha-auto-rebalance=1,ha-auto-rebalance-threshold=5,ha-auto-rebalance-margin=0");
        let cluster = unbalanced(Release::At(NEWEST), &format!("{options},ha-auto-rebalance-hold-duration=30")).await;
        let found = read(&cluster, "pve_ha_balance", &[]).await;
        let next = &found["next_move"];
        assert_eq!((&next["source"], &next["command"]), (&json!("pve1"), &json!("migrate")), "{crs}: {found}");
        assert_eq!((next["rounds"].as_i64(), next["seconds"].as_i64()), (Some(30), Some(300)), "{crs}");
        assert!(
            found["reason"].is_null() && next["imbalance"].as_f64() < found["imbalance"].as_f64(),
            "{crs}: {found}"
        );
        // What the manager itself has written down.
        let (now, reported) = (found["imbalance"].as_f64().unwrap(), found["reported_imbalance"].as_f64().unwrap());
        assert!((now - reported).abs() < 1e-6, "{crs}: {now} is not {reported}");
        assert_eq!(found["nodes"].as_array().map(Vec::len), Some(3), "{crs}: {found}");
        let guest: u32 = next["resource"].as_str().unwrap().trim_start_matches("vm:").parse().unwrap();
        change(&cluster, |world| world.advance(400.0));
        assert_eq!(next["target"], cluster.cluster().world().guests[&guest].node, "{crs}");
    }
}

#[tokio::test]
async fn what_if_the_load_balancer_had_other_settings() {
    let cluster =
        unbalanced(Release::At(NEWEST), "ha=static,ha-auto-rebalance=1,ha-auto-rebalance-hold-duration=90").await;
    let first = read(&cluster, "pve_ha_balance", &[]).await;
    let settings = json!({"mode": "static", "enabled": true, "threshold": 30, "margin": 10, "hold_duration": 90, "method": "bruteforce"});
    assert_eq!(first["settings"], settings);
    let moved = first["next_move"]["resource"].clone();
    let pinned = |sids: &[&str]| ("pinned", Value::set(sids.iter().map(|sid| Value::from(*sid))));
    let second = read(&cluster, "pve_ha_balance", &[pinned(&[moved.as_str().unwrap()])]).await;
    assert!(second["next_move"].is_object() && second["next_move"]["resource"] != moved, "{second}");
    assert_eq!(second["imbalance"], first["imbalance"]);
    let none = read(&cluster, "pve_ha_balance", &[pinned(&["vm:100", "vm:101", "vm:102"])]).await;
    assert!(none["next_move"].is_null() && none["reason"].as_str().unwrap().contains("`pinned`"), "{none}");
    let even = read(&cluster, "pve_ha_balance", &[("threshold", Value::from(100))]).await;
    assert!(even["reason"].as_str().unwrap().contains("not above the threshold of 100 %"), "{even}");
    let far = read(&cluster, "pve_ha_balance", &[("margin", Value::from(100))]).await;
    assert!(far["reason"].as_str().unwrap().contains("less than the margin of 100 %"), "{far}");
    // An HA resource that does not exist yet changes nothing, and is named.
    let (state, warnings) = read_of(&walk(&cluster).await, "pve_ha_balance", &[pinned(&["vm:999"])]).await;
    assert_eq!(state["next_move"], first["next_move"]);
    assert!(warnings.len() == 1 && warnings[0].contains("vm:999"), "{warnings:?}");
    // The resource itself says so.
    change(&cluster, |world| {
        world.write_file("/etc/pve/ha/resources.cfg", "vm: 100\n\tauto-rebalance 0\n\nvm: 101\n\nvm: 102\n");
    });
    let same = read(&cluster, "pve_ha_balance", &[]).await;
    let asked = read(&cluster, "pve_ha_balance", &[pinned(&["vm:100"])]).await;
    assert_eq!(same["next_move"], asked["next_move"]);
}

#[tokio::test]
async fn why_the_load_balancer_moves_nothing() {
    for (release, crs, reason, is_null) in [
        (Release::V8, "ha=static", "since 9.2", true),
        (Release::At(Version::new(9, 1, 0)), "ha=static", "since 9.2", true),
        (Release::At(NEWEST), "ha=static", "The load balancer is off", false),
        (Release::At(NEWEST), "ha=basic,ha-auto-rebalance=1", "The scheduler is `basic`", false),
    ] {
        let cluster = unbalanced(release, crs).await;
        let found = read(&cluster, "pve_ha_balance", &[]).await;
        assert!(found["next_move"].is_null(), "{release:?} {crs}: {found}");
        assert!(found["reason"].as_str().unwrap().contains(reason), "{release:?} {crs}: {found}");
        assert_eq!(
            (found["imbalance"].is_null(), found["settings"]["enabled"].is_null()),
            (is_null, is_null),
            "{release:?} {crs}"
        );
    }
    let cluster =
        unbalanced(Release::At(NEWEST), "ha=static,ha-auto-rebalance=1,ha-auto-rebalance-hold-duration=90").await;
    // A rule keeps all of them where they are.
    change(&cluster, |world| {
        let rule = "node-affinity: home\n\tnodes pve1\n\tresources vm:100,vm:101,vm:102\n";
        world.write_file("/etc/pve/ha/rules.cfg", rule);
    });
    let found = read(&cluster, "pve_ha_balance", &[]).await;
    assert!(found["reason"].as_str().unwrap().starts_with("No started HA resource may move"), "{found}");
    change(&cluster, |world| {
        world.power("pve3", false);
        world.power("pve2", false);
        world.advance(10.0);
    });
    let found = read(&cluster, "pve_ha_balance", &[]).await;
    assert!(found["reason"].as_str().unwrap().contains("no quorum"), "{found}");
}

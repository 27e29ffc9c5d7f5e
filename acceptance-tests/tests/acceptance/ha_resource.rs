//! `pve_ha_resource`

use std::sync::Arc;

use acceptance_tests::Cluster;
use acceptance_tests::life::{Life, Object, Replacement};
use pve_emulator::Release;

#[test]
fn a_life_on_pve_9() {
    let Some(cluster) = Cluster::of("ha_resource::a_life_on_pve_9", Release::V9).map(Arc::new) else { return };
    let mut sids = cluster.guests(7, 4).sids().into_iter();
    let mut object = |name, base: &[(&'static str, &str)], changed: Option<&str>, drift: &[(&'static str, &str)]| {
        let id = sids.next().unwrap();
        object(name, &id, base, changed, drift)
    };
    let objects = vec![
        object("state", &[], Some("\"disabled\""), &[("state", "started")]),
        object("state__stopped", &[("state", "\"enabled\"")], Some("\"stopped\""), &[("state", "ignored")]),
        object("failback", &[("failback", "true")], Some("false"), &[("failback", "1")]),
        object("max_restart", &[("max_restart", "0")], Some("3"), &[("delete", "max_restart")]),
        object("max_relocate", &[], Some("2"), &[("max_relocate", "4")]),
        object("comment", &[("comment", "\"größer: 1, #2\"")], Some("\"other\""), &[("comment", "by hand")]),
        object("comment__gone", &[("comment", "\"away\"")], None, &[("comment", "by hand")]),
        object("purge_rules", &[], Some("true"), &[]),
        object("wait_for_state", &[("state", "\"ignored\"")], Some("true"), &[]),
        object(
            "timeouts",
            &[("timeouts", "block {\n    create = \"1m\"\n  }")],
            Some("block {\n    delete = \"90s\"\n  }"),
            &[],
        ),
    ];
    let replacement =
        Replacement { object: "comment", attribute: "sid", value: String::new(), id: sids.next().unwrap() };
    let replacement = Replacement { value: format!("{:?}", replacement.id), ..replacement };
    life(objects, vec![replacement]).live(&cluster);
}

fn object(
    name: &'static str,
    id: &str,
    base: &[(&'static str, &str)],
    changed: Option<&str>,
    drift: &[(&'static str, &str)],
) -> Object {
    let owned = |list: &[(&'static str, &str)]| list.iter().map(|(n, v)| (*n, (*v).to_owned())).collect::<Vec<_>>();
    let mut base = owned(base);
    base.insert(0, ("sid", format!("{id:?}")));
    Object { name, id: id.to_owned(), base, changed: changed.map(str::to_owned), drift: owned(drift) }
}

fn life(objects: Vec<Object>, replacements: Vec<Replacement>) -> Life {
    Life {
        kind: "pve_ha_resource",
        collection: "/cluster/ha/resources",
        key: "sid",
        objects,
        replacements,
        ..Life::default()
    }
}

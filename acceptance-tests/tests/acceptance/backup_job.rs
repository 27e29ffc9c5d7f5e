//! `pve_backup_job` and `pve_backup_jobs`

use std::sync::Arc;

use acceptance_tests::life::{Life, Object, Replacement};
use acceptance_tests::{Cluster, Workspace, runtime};
use pve_emulator::{Options, Release};
use serde_json::{Value as Json, json};

const KIND: &str = "pve_backup_job";

#[test]
fn a_life_on_pve_9() {
    life_on("backup_job::a_life_on_pve_9", Release::V9);
}

#[test]
fn a_life_on_pve_8() {
    life_on("backup_job::a_life_on_pve_8", Release::V8);
}

fn life_on(test: &str, release: Release) {
    let Some(cluster) = own(test, release) else { return };
    make_pools(&cluster);
    let object = |name: &'static str, base: &[(&'static str, &str)]| {
        let id = format!("tfacc-{}", name.replace('_', "-"));
        let quoted = format!("{id:?}");
        let mut all = vec![("name", quoted.as_str())];
        all.extend([("schedule", "\"21:00\"")].iter().filter(|(name, _)| base.iter().all(|(other, _)| other != name)));
        if !base.iter().any(|(name, _)| matches!(*name, "guests" | "all" | "pool")) {
            all.push(("guests", "[100, 101]"));
        }
        Object::new(name, &id, &[&all, base].concat())
    };
    let stored = [("storage", "\"local\"")];
    let objects = vec![
        object("schedule", &[("schedule", "\"daily\"")]).becomes("\"mon..fri 22:30\"").drifts(&[("schedule", "*/30")]),
        object("enabled", &[]).becomes("false").drifts(&[("enabled", "1")]),
        object("repeat_missed", &[]).becomes("true").drifts(&[("delete", "repeat-missed")]),
        object("comment", &[("comment", "\"größer: ✓ #1\"")]).becomes("\"other\"").drifts(&[("comment", "by hand")]),
        object("guests", &[("guests", "[101, 100]")]).becomes("[100, 102]").drifts(&[("vmid", "103")]),
        object("exclude", &[("all", "true")]).becomes("[101, 100]").drifts(&[("exclude", "102")]),
        object("pool", &[("pool", "\"tfacc-a\"")]).becomes("\"tfacc-b\"").drifts(&[("pool", "tfacc-c")]),
        object("node", &[]).becomes("\"pve2\"").drifts(&[("node", "pve3")]),
        object("storage", &[]).becomes("\"local\"").drifts(&[("storage", "shared-nfs")]),
        object("mode", &[]).becomes("\"suspend\"").drifts(&[("mode", "stop")]),
        object("compress", &[("compress", "0")]).becomes("\"zstd\"").drifts(&[("compress", "lzo")]),
        object("pigz", &[]).becomes("2").drifts(&[("delete", "pigz")]),
        object("zstd", &[("zstd", "0")]).becomes("3").drifts(&[("zstd", "4")]),
        object("prune", &[("prune", "block {\n    keep_last = 3\n    keep_daily = 0\n  }")])
            .becomes("block {\n    keep_all = true\n  }")
            .drifts(&[("prune-backups", "keep-weekly=2")]),
        object("performance", &[("performance", "block {\n    max_workers = 4\n  }")])
            .becomes("block {\n    max_workers = 8\n    pbs_entries_max = 5000\n  }")
            .drifts(&[("performance", "max-workers=2")]),
        object("fleecing", &[])
            .becomes("block {\n    enabled = true\n    storage = \"local-zfs\"\n  }")
            .drifts(&[("fleecing", "enabled=0")]),
        object("notification_mode", &[]).becomes("\"notification-system\"").drifts(&[("notification-mode", "auto")]),
        object("mailto", &[("mailto", "[\"root@pam\", \"a@b.cd\"]")])
            .becomes("[\"e@f.gh\"]")
            .drifts(&[("delete", "mailto")]),
        object("mailnotification", &[("mailto", "[\"a@b.cd\"]")])
            .becomes("\"failure\"")
            .drifts(&[("mailnotification", "always")]),
        object("notes_template", &[stored.as_slice(), &[("notes_template", "\"{{vmid}}\"")]].concat())
            .becomes("\"{{guestname}}\\\\n{{node}}\"")
            .drifts(&[("notes-template", "x"), ("storage", "local")]),
        object("protected", &stored).becomes("true").drifts(&[("protected", "0"), ("storage", "local")]),
        object("bwlimit", &[]).becomes("1000").drifts(&[("bwlimit", "0")]),
        object("ionice", &[]).becomes("8").drifts(&[("ionice", "0")]),
        object("lockwait", &[]).becomes("0").drifts(&[("lockwait", "60")]),
        object("stopwait", &[]).becomes("5").drifts(&[("delete", "stopwait")]),
        object("stdexcludes", &[]).becomes("false").drifts(&[("stdexcludes", "1")]),
        object("remove", &[]).becomes("false").drifts(&[("remove", "1")]),
        object("quiet", &[]).becomes("true").drifts(&[("quiet", "0")]),
        object("exclude_paths", &[("exclude_paths", "[\"/b\", \"/a c\"]")])
            .becomes("[\"/a c\", \"/b\"]")
            .drifts(&[("exclude-path", "*.iso")]),
        object("pbs_change_detection_mode", &[])
            .becomes("\"data\"")
            .drifts(&[("pbs-change-detection-mode", "metadata")]),
        object("timeouts", &[("timeouts", "block {\n    read = \"1m\"\n  }")])
            .becomes("block {\n    read = \"2m\"\n  }"),
    ];
    let replacement =
        |object| Replacement { object, attribute: "name", value: "\"tfacc-new\"".into(), id: "tfacc-new".into() };
    let life = Life {
        kind: KIND,
        collection: "/cluster/backup",
        key: "id",
        objects,
        replacements: vec![replacement("schedule")],
        // Storages that are not shared, and mail settings without effect.
        warns: true,
        ..Life::default()
    };
    life.live(&cluster);
}

fn own(test: &str, release: Release) -> Option<Arc<Cluster>> {
    Cluster::own(test, Options { release, ..Options::default() }).map(Arc::new)
}

fn make_pools(cluster: &Cluster) {
    for pool in ["tfacc-a", "tfacc-b", "tfacc-c"] {
        cluster.api.post("/pools", &[("poolid", pool)]);
    }
}

fn job(body: &str) -> String {
    format!("resource \"{KIND}\" \"a\" {{\n  name = \"tfacc\"\n  schedule = \"21:00\"\n  {body}\n}}\n")
}

/// What the cluster has of the selection.
fn selected(cluster: &Cluster) -> Json {
    let mut job = cluster.api.read("/cluster/backup/tfacc");
    let members = job.as_object_mut().unwrap();
    members.retain(|name, _| ["vmid", "all", "exclude", "pool"].contains(&name.as_str()));
    job
}

#[test]
fn each_selection_takes_the_place_of_each_other_in_one_apply() {
    let name = "backup_job::each_selection_takes_the_place_of_each_other_in_one_apply";
    let Some(cluster) = own(name, Release::V9) else { return };
    make_pools(&cluster);
    let selections = [
        ("guests = [100]", json!({"vmid": "100"})),
        ("all = true\n  exclude = [101]", json!({"all": 1, "exclude": "101"})),
        ("pool = \"tfacc-a\"", json!({"pool": "tfacc-a"})),
        ("all = true", json!({"all": 1})),
    ];
    let w = Workspace::new(&cluster);
    for (at, from) in selections.iter().enumerate() {
        for to in selections.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, to)| to) {
            for (body, expected) in [from, to] {
                w.configure(&job(body));
                w.apply();
                w.plan_is_empty();
                assert_eq!(selected(&cluster), *expected, "{body}");
            }
        }
    }
    w.destroy();
}

#[test]
fn what_proxmox_checks_late_or_not_at_all_is_refused_by_the_plan() {
    let name = "backup_job::what_proxmox_checks_late_or_not_at_all_is_refused_by_the_plan";
    let Some(cluster) = own(name, Release::V9) else { return };
    let w = Workspace::new(&cluster);
    let guests = "guests = [100]";
    for (body, said) in [
        ("", "No selection of guests"),
        ("guests = [100]\n  all = true", "More than one selection of guests"),
        ("guests = [100]\n  exclude = [101]", "exclude without all"),
        ("guests = [99]", "Invalid value for guests"),
        (&format!("{guests}\n  protected = true"), "protected without storage"),
        (&format!("{guests}\n  notes_template = \"x\""), "notes_template without storage"),
        (&format!("{guests}\n  prune {{\n    keep_all = true\n    keep_last = 1\n  }}"), "Invalid block prune"),
        (&format!("{guests}\n  fleecing {{\n    enabled = true\n  }}"), "Invalid block fleecing"),
        (&format!("{guests}\n  comment = \"a\\nb\""), "Invalid value for comment"),
        (&format!("{guests}\n  comment = \"{}\"", "c".repeat(513)), "Invalid value for comment"),
        (&format!("{guests}\n  ionice = 9"), "Invalid value for ionice"),
        (&format!("{guests}\n  mailto = [\"bad address\"]"), "Invalid value for mailto"),
        (&format!("{guests}\n  maxfiles = 3"), "Unsupported argument"),
    ] {
        w.configure(&job(body));
        let run = w.plan_fails();
        assert!(run.text.contains(said), "{body}: {}", run.text);
    }
    for (id, said) in [("i".repeat(51), "Invalid value for name"), ("1a".to_owned(), "Invalid value for name")] {
        w.configure(&job(guests).replace("\"tfacc\"", &format!("{id:?}")));
        assert!(w.plan_fails().text.contains(said), "{id}");
    }
    w.configure(&job(guests).replace("21:00", "25:00"));
    let run = w.apply();
    assert!(run.warnings().iter().any(|warning| warning.summary == "The schedule runs every hour"), "{}", run.text);
    w.destroy();
}

#[test]
fn a_pool_that_does_not_exist_is_an_error_on_its_attribute() {
    let name = "backup_job::a_pool_that_does_not_exist_is_an_error_on_its_attribute";
    let Some(cluster) = own(name, Release::V9) else { return };
    let w = Workspace::new(&cluster);
    w.configure(&job("pool = \"nowhere\""));
    let run = w.apply_fails();
    assert!(run.text.contains("the pool does not exist"), "{}", run.text);
}

/// A job that was created by another client without an id, with an option that this provider does not offer.
#[test]
fn an_option_that_is_not_offered_is_kept() {
    let name = "backup_job::an_option_that_is_not_offered_is_kept";
    let Some(cluster) = own(name, Release::V9) else { return };
    cluster.api.post("/cluster/backup", &[("schedule", "21:00"), ("vmid", "100"), ("stop", "1")]);
    let id = cluster.api.list("/cluster/backup", "id").into_keys().next().unwrap();
    let w = Workspace::new(&cluster);
    let body = |comment: &str| {
        job(&format!("guests = [100]\n  comment = {comment:?}")).replace("\"tfacc\"", &format!("{id:?}"))
    };
    w.configure(&format!("{}import {{\n  to = {KIND}.a\n  id = {id:?}\n}}\n", body("ours")));
    let run = w.apply();
    assert!(run.text.contains("`stop`"), "{}", run.text);
    let found = cluster.api.read(&format!("/cluster/backup/{id}"));
    assert_eq!((&found["stop"], &found["comment"]), (&json!(1), &json!("ours")));
    w.destroy();
    assert!(cluster.api.list("/cluster/backup", "id").is_empty());
}

#[test]
fn the_data_source_shows_what_ran_and_what_no_job_covers() {
    let name = "backup_job::the_data_source_shows_what_ran_and_what_no_job_covers";
    let Some(cluster) = own(name, Release::V9) else { return };
    let w = Workspace::new(&cluster);
    let jobs = format!(
        "{}{}data \"pve_backup_jobs\" \"all\" {{\n  depends_on = [{KIND}.a, {KIND}.b]\n}}\n\
         output \"jobs\" {{\n  value = data.pve_backup_jobs.all.jobs\n}}\n\
         output \"uncovered\" {{\n  value = data.pve_backup_jobs.all.uncovered_guests\n}}\n",
        job("guests = [100, 101]\n  storage = \"local\"\n  notes_template = \"{{guestname}} --all\"\n  prune {\n    keep_last = 3\n  }").replace("21:00", "*/5"),
        job("all = true\n  enabled = false").replace("\"a\"", "\"b\"").replace("tfacc", "tfacc-off"),
    );
    w.configure(&jobs);
    w.apply();
    cluster.api.control("backup", &json!({"action": "fail", "vmid": 101}));
    runtime::block_on(cluster.api.advance(60.0)).unwrap();
    runtime::block_on(cluster.api.advance(400.0)).unwrap();
    w.apply();
    let output = |name: &str| -> Json { serde_json::from_str(&w.expect(0, &["output", "-json", name]).text).unwrap() };
    let jobs = output("jobs");
    let runs = |job: usize| {
        let of = |run: &Json| (run["node"].as_str().unwrap().to_owned(), run["status"].as_str().map(str::to_owned));
        jobs[job]["runs"].as_array().unwrap().iter().map(of).collect::<Vec<_>>()
    };
    let status = |node: &str, status: &str| (node.to_owned(), Some(status.to_owned()));
    assert_eq!(runs(0), [status("pve1", "OK"), status("pve2", "job errors")], "{jobs}");
    assert_eq!((&jobs[0]["covered_guests"], &jobs[1]["covered_guests"]), (&json!([100, 101]), &json!([])));
    assert!(jobs[0]["next_run"].is_string() && jobs[1]["next_run"].is_null() && runs(1).is_empty());
    let uncovered = output("uncovered");
    assert!(!uncovered.as_array().unwrap().iter().any(|vmid| *vmid == 100 || *vmid == 101), "{uncovered}");
    assert!(uncovered.as_array().unwrap().contains(&json!(102)), "{uncovered}");
    // A node that is down has the only record of its runs.
    cluster.emulator().cluster().world().power("pve2", false);
    runtime::block_on(cluster.api.advance(5.0)).unwrap();
    let run = w.expect(0, &["apply", "-refresh-only", "-auto-approve", "-no-color"]);
    assert!(run.text.contains("The results of some backups are unknown") && run.text.contains("pve2"), "{}", run.text);
    cluster.emulator().cluster().world().power("pve2", true);
    w.destroy();
}

//! Creates without a list each, and rules that let others write first.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::Instant;

use super::fake::Fake;
use super::server::{Reply, call, die, ok};
use crate::client::{Client, Collection, DomainPermit, Error, ErrorKind, LockDomain, Params, Target};

fn sid(number: usize) -> String {
    format!("vm:{number}")
}

async fn create(client: &Client, number: usize) -> Result<bool, Error> {
    let call = call();
    let permit = client.permit(LockDomain::Ha, &call).await?;
    let sid = sid(number);
    if client.present(Collection::HaResources, &sid, &call).await? {
        return Ok(false);
    }
    let params = [("sid", sid)].into_iter().collect();
    client.post(Collection::HaResources, &params, &permit, &call).await?;
    Ok(true)
}

#[tokio::test(start_paused = true)]
async fn a_thousand_creates_cost_one_list() {
    let server = Fake::start(|seen| match seen.method.as_str() {
        "GET" => ok(r#"[{"sid":"vm:7"}]"#),
        _ => ok("null"),
    });
    let client = server.client();
    let creates: Vec<_> = (0..1000)
        .map(|number| {
            let client = client.clone();
            tokio::spawn(async move { create(&client, number).await.unwrap() })
        })
        .collect();
    let mut created = 0;
    for create in creates {
        created += usize::from(create.await.unwrap());
    }
    assert_eq!(created, 999);
    assert_eq!(server.count("GET /cluster/ha/resources"), 1);
    assert_eq!(server.lines().len(), 1000);

    assert!(!create(&client, 5).await.unwrap(), "own creates are known");
    let call = call();
    let permit = client.permit(LockDomain::Ha, &call).await.unwrap();
    let gone = sid(5);
    client.delete(Target::Object(Collection::HaResources, &gone), &Params::new(), &permit, &call).await.unwrap();
    drop(permit);
    assert!(create(&client, 5).await.unwrap(), "own deletes are known");
    assert_eq!(server.count("GET /cluster/ha/resources"), 1);
}

#[tokio::test(start_paused = true)]
async fn after_an_ambiguous_create_the_list_is_read_again() {
    let server = Fake::start(|seen| match seen.method.as_str() {
        "GET" => ok("[]"),
        _ if seen.form["sid"] == "vm:1" => Reply::Close,
        _ => ok("null"),
    });
    let client = server.client();
    assert!(create(&client, 0).await.unwrap());
    let error = create(&client, 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Ambiguous);
    assert!(create(&client, 2).await.unwrap());
    assert_eq!(server.count("GET /cluster/ha/resources"), 2);
}

async fn put(client: &Client, rule: &str, permit: &DomainPermit) -> Result<(), Error> {
    client.put(Target::Object(Collection::HaRules, rule), &Params::new(), permit, &call()).await?;
    Ok(())
}

/// A cluster where `second` is refused until `first` was changed.
fn cluster() -> Fake {
    let changed = AtomicBool::new(false);
    Fake::start(move |seen| match seen.path.rsplit('/').next() {
        Some("first") => {
            changed.store(true, Ordering::SeqCst);
            ok("null")
        }
        Some("second") if changed.load(Ordering::SeqCst) => ok("null"),
        _ => die("update HA rules failed: 400 Rule 'second' is invalid.\nresources: x"),
    })
}

#[tokio::test(start_paused = true)]
async fn a_refused_rule_lets_others_write_first() {
    let server = cluster();
    let client = server.client();
    let permit = client.permit(LockDomain::Ha, &call()).await.unwrap();
    let error = put(&client, "second", &permit).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RuleConflict);
    let other = tokio::spawn({
        let client = client.clone();
        async move {
            let permit = client.permit(LockDomain::Ha, &call()).await.unwrap();
            put(&client, "first", &permit).await.unwrap();
        }
    });
    let permit = client.pass(permit, &call()).await.unwrap();
    put(&client, "second", &permit.unwrap()).await.unwrap();
    other.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn rules_that_refuse_each_other_do_not_wait_for_ever() {
    let server = cluster();
    let client = server.client();
    let before = Instant::now();
    let rules: Vec<_> = (0..3)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                let call = call();
                let mut permit = client.permit(LockDomain::Ha, &call).await.unwrap();
                loop {
                    put(&client, "third", &permit).await.unwrap_err();
                    match client.pass(permit, &call).await.unwrap() {
                        Some(next) => permit = next,
                        None => return,
                    }
                }
            })
        })
        .collect();
    for rule in rules {
        rule.await.unwrap();
    }
    assert!(before.elapsed().as_secs() < 2);
    assert_eq!(server.lines().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn turns_come_in_order() {
    let client = Arc::new(Fake::start(|_| ok("null")).client());
    let order: Arc<std::sync::Mutex<Vec<usize>>> = Arc::default();
    let first = client.permit(LockDomain::Ha, &call()).await.unwrap();
    let writers: Vec<_> = (0..100)
        .map(|number| {
            let (client, order) = (client.clone(), order.clone());
            tokio::spawn(async move {
                let _permit = client.permit(LockDomain::Ha, &call()).await.unwrap();
                order.lock().unwrap().push(number);
            })
        })
        .collect();
    drop(first);
    for writer in writers {
        writer.await.unwrap();
    }
    assert!(order.lock().unwrap().is_sorted());
}

//! What is sent, over which connections, and how often.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use tokio::sync::Semaphore;

use super::server::{Server, TOKEN, call, die, ok};
use crate::client::{Collection, ErrorKind, LockDomain, Params, path};

const VM: &str = r#"{"sid":"vm:100","type":"vm","digest":"abc"}"#;

#[tokio::test]
async fn requests_have_the_form_that_proxmox_expects() {
    let server = Server::start(|seen| match seen.method.as_str() {
        "GET" => ok(VM),
        _ => ok("null"),
    })
    .await;
    let (client, call) = (server.client(), call());
    let path = Collection::HaResources.object("vm:100");
    let found: Option<Value> = client.find(&path, &call).await.unwrap();
    assert_eq!(found.unwrap()["digest"], "abc");
    let permit = client.permit(LockDomain::Ha, &call).await.unwrap();
    let mut params = Params::new();
    params.set("comment", "ä & b").delete("state");
    client.put(&path, &params, &permit, &call).await.unwrap();
    let mut purge = Params::new();
    purge.flag("purge", false);
    client.delete(&path, &purge, &permit, &call).await.unwrap();

    let seen = server.seen();
    let lines = server.lines();
    assert_eq!(lines, ["GET", "PUT", "DELETE"].map(|method| format!("{method} /cluster/ha/resources/vm:100")));
    assert_eq!(seen[1].form["comment"], "ä & b");
    assert_eq!(seen[1].form["delete"], "state");
    assert_eq!(seen[2].query, "purge=0");
    let agent = concat!("terraform-provider-pve/", env!("CARGO_PKG_VERSION"));
    for seen in &seen {
        assert_eq!(seen.headers["authorization"], format!("PVEAPIToken={TOKEN}"));
        assert_eq!(seen.headers["user-agent"], agent);
        assert!(!seen.headers.contains_key("csrfpreventiontoken"));
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn absence_is_no_error_of_a_find() {
    let server = Server::start(|_| die("no such resource 'vm:1'")).await;
    let (client, call) = (server.client(), call());
    let path = Collection::HaResources.object("vm:1");
    assert_eq!(client.find::<Value>(&path, &call).await.unwrap(), None);
    let error = client.get::<Value>(&path, &call).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Absent);
    assert_eq!(error.to_string(), "PVE: 500 no such resource 'vm:1' (GET /cluster/ha/resources/vm:1)");
    assert_eq!(server.lines().len(), 2);
}

#[tokio::test]
async fn five_hundred_reads_are_one_request_and_a_write_costs_exactly_one_more() {
    let gate = Arc::new(Semaphore::new(0));
    let server = Server::start_async({
        let gate = gate.clone();
        move |seen| {
            let gate = gate.clone();
            async move {
                if seen.method != "GET" {
                    return ok("null");
                }
                gate.acquire().await.unwrap().forget();
                ok(&format!("[{VM}]"))
            }
        }
    })
    .await;
    let (client, call) = (server.client(), call());
    let read_by_many = async || {
        let readers: Vec<_> = (0..500)
            .map(|_| {
                let (client, call) = (client.clone(), call.clone());
                tokio::spawn(async move {
                    let list = client.list(Collection::HaResources, &call).await.unwrap();
                    assert!(list.contains("vm:100"));
                })
            })
            .collect();
        gate.add_permits(1);
        for reader in readers {
            reader.await.unwrap();
        }
    };
    read_by_many().await;
    assert_eq!(server.count("GET /cluster/ha/resources"), 1);
    let permit = client.permit(LockDomain::Ha, &call).await.unwrap();
    let path = Collection::HaResources.object("vm:100");
    client.put(&path, &Params::new(), &permit, &call).await.unwrap();
    read_by_many().await;
    assert_eq!(server.count("GET /cluster/ha/resources"), 2);
}

#[tokio::test]
async fn at_most_one_write_of_a_domain_is_in_flight() {
    let flying = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let server = Server::start_async({
        let (flying, most) = (flying.clone(), most.clone());
        move |_| {
            let (flying, most) = (flying.clone(), most.clone());
            async move {
                let now = flying.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(now, Ordering::SeqCst);
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                }
                flying.fetch_sub(1, Ordering::SeqCst);
                ok("null")
            }
        }
    })
    .await;
    let client = server.client();
    let writers: Vec<_> = (0..50)
        .map(|number| {
            let (client, call) = (client.clone(), call());
            tokio::spawn(async move {
                let permit = client.permit(LockDomain::Ha, &call).await.unwrap();
                let params = [("sid", format!("vm:{number}"))].into_iter().collect();
                let path = Collection::HaResources.path();
                client.post(path, &params, &permit, &call).await.unwrap();
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(server.lines().len(), 50);
    assert_eq!(most.load(Ordering::SeqCst), 1);
    assert!(server.connections() <= 2, "{}", server.connections());
}

#[tokio::test]
async fn segments_arrive_as_they_were_meant() {
    let server = Server::start(|_| ok("null")).await;
    let (client, call) = (server.client(), call());
    for id in ["a/b", "..%2F..", "ä", "a?b#c", "root@pam!ci", "%41"] {
        let path = path(["access", id]);
        client.get::<Value>(&path, &call).await.unwrap();
        let arrived = server.seen().last().unwrap().path.clone();
        let arrived = percent_encoding::percent_decode_str(&arrived);
        assert_eq!(arrived.decode_utf8().unwrap(), format!("/access/{id}"));
    }
    for id in ["", ".", ".."] {
        let error = client.get::<Value>(&path(["access", id]), &call).await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Invalid, "{id:?}");
    }
    assert_eq!(server.lines().len(), 6, "what names no object is not sent");
}

/// Also a write that failed may have changed something.
#[tokio::test]
async fn a_write_drops_the_lists_of_its_domain_and_no_others_whether_it_succeeds_or_not() {
    for refused in [false, true] {
        for (domain, dropped) in [
            (LockDomain::Ha, Collection::HaRules),
            (LockDomain::ReplicationCfg, Collection::ReplicationJobs),
            (LockDomain::DatacenterCfg, Collection::DatacenterOptions),
            (LockDomain::Other, Collection::ClusterVotes),
        ] {
            let server = Server::start(move |seen| match seen.method.as_str() {
                "GET" if seen.path == Collection::DatacenterOptions.path() => ok("{}"),
                "GET" => ok("[]"),
                _ if refused => die("no"),
                _ => ok("null"),
            })
            .await;
            let (client, call) = (server.client(), call());
            let lists = [
                Collection::HaRules,
                Collection::ReplicationJobs,
                Collection::DatacenterOptions,
                Collection::ClusterVotes,
                Collection::Guests,
            ];
            for list in lists {
                client.list(list, &call).await.unwrap();
            }
            let permit = client.permit(domain, &call).await.unwrap();
            assert_eq!(client.put("/x", &Params::new(), &permit, &call).await.is_err(), refused);
            let before = server.lines().len();
            for list in lists {
                client.list(list, &call).await.unwrap();
            }
            assert_eq!(server.lines()[before..], [format!("GET {}", dropped.path())], "{domain:?}, refused: {refused}");
        }
    }
}

#[tokio::test]
async fn a_list_that_was_read_during_a_write_is_dropped_at_its_end() {
    let (begun, end) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let server = Server::start_async({
        let (begun, end) = (begun.clone(), end.clone());
        move |seen| {
            let (begun, end) = (begun.clone(), end.clone());
            async move {
                if seen.method == "GET" {
                    return ok("[]");
                }
                begun.add_permits(1);
                end.acquire().await.unwrap().forget();
                ok("null")
            }
        }
    })
    .await;
    let (client, call) = (server.client(), call());
    let permit = client.permit(LockDomain::Ha, &call).await.unwrap();
    let params = Params::new();
    let write = client.put("/x", &params, &permit, &call);
    let meanwhile = async {
        begun.acquire().await.unwrap().forget();
        client.list(Collection::HaRules, &call).await.unwrap();
        end.add_permits(1);
    };
    let (written, ()) = tokio::join!(write, meanwhile);
    written.unwrap();
    client.list(Collection::HaRules, &call).await.unwrap();
    let rules = format!("GET {}", Collection::HaRules.path());
    assert_eq!(server.lines(), ["PUT /x".to_owned(), rules.clone(), rules]);
}

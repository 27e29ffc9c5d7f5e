//! A node dies, and the receivers of notifications on this machine are sent what Proxmox sends of a fence.

#![allow(clippy::unwrap_used, reason = "helpers of tests may")]

use acceptance_tests::receivers::Receivers;
use pve_emulator::route::Method;
use pve_emulator::{Emulator, Handle, Options, Release};
use serde_json::{Value, json};

/// Half past nine on Saturday, the 28th of November 2026.
const HALF_PAST_NINE: f64 = 1_795_858_200.0;

/// What is configured: what a target is sent with is in the receivers' paths and addresses.
struct Scene {
    emulator: Handle,
    receivers: Receivers,
}

impl Scene {
    /// A cluster with an HA resource on pve3, and without the built-in matcher.
    async fn set(release: Release) -> Self {
        let options = Options { release, clock: Some(HALF_PAST_NINE), ..Options::default() };
        let emulator = Emulator::start(options).await.unwrap();
        let scene = Self { emulator, receivers: Receivers::start().await.unwrap() };
        scene.put("/cluster/notifications/matchers/default-matcher", json!({"disable": "1"}));
        scene.post("/cluster/ha/resources", json!({"sid": "vm:102"}));
        scene.emulator.cluster().world().advance(60.0);
        scene
    }

    fn call(&self, method: Method, path: &str, params: Value) {
        let params = params.as_object().unwrap().clone();
        self.emulator.cluster().call_as_root(method, path, params).unwrap();
    }

    fn post(&self, path: &str, params: Value) {
        self.call(Method::Post, path, params);
    }

    fn put(&self, path: &str, params: Value) {
        self.call(Method::Put, path, params);
    }

    fn gotify(&self, name: &str) {
        let server = format!("http://{}/{name}", self.receivers.http);
        self.post("/cluster/notifications/endpoints/gotify", json!({"name": name, "server": server, "token": "t"}));
    }

    fn matcher(&self, name: &str, targets: &[&str], rules: Value) {
        let mut params = json!({"name": name, "target": targets});
        params.as_object_mut().unwrap().extend(rules.as_object().unwrap().clone());
        self.post("/cluster/notifications/matchers", params);
    }

    /// pve3 loses its power for good; what was received of that, when the fence is over.
    async fn lose_a_node(self) -> Vec<Value> {
        self.emulator.cluster().world().power("pve3", false);
        self.emulator.cluster().world().advance(300.0);
        let deliveries = self.emulator.cluster().deliveries().await;
        let failed: Vec<_> =
            deliveries.iter().map(|delivery| delivery.to_json()).filter(|row| row["outcome"] != "delivered").collect();
        assert!(failed.is_empty(), "{failed:?}");
        let received = self.receivers.take().await;
        self.emulator.stop().await;
        received
    }
}

/// The bodies of the requests to a path.
fn bodies(received: &[Value], path: &str) -> Vec<Value> {
    let to = |entry: &&Value| entry["target"].as_str().is_some_and(|target| target.starts_with(path));
    received.iter().filter(to).map(|entry| serde_json::from_str(entry["body"].as_str().unwrap()).unwrap()).collect()
}

/// The lines of each mail.
fn mails(received: &[Value]) -> Vec<Vec<String>> {
    let dialogues = received.iter().filter_map(|entry| entry["dialogue"].as_array());
    let data = |dialogue: &Vec<Value>| dialogue.iter().find_map(|step| step["data"].as_array().cloned());
    let text = |line: &Value| line.as_str().unwrap().to_owned();
    dialogues.filter_map(data).map(|lines| lines.iter().map(text).collect()).collect()
}

const BEGUN: &str = "FENCE: Try to fence node 'pve3'";
const DONE: &str = "SUCCEED: fencing: acknowledged - got agent lock for node 'pve3'";

#[tokio::test(flavor = "multi_thread")]
async fn every_receiver_is_sent_two_messages_of_a_fence() {
    for release in [Release::V9, Release::V8] {
        let scene = Scene::set(release).await;
        scene.gotify("push");
        // {"title":"{{ escape title }}","severity":"{{ severity }}","at":{{ timestamp }},"fields":{{ json fields }}}
        let body = "eyJ0aXRsZSI6Int7IGVzY2FwZSB0aXRsZSB9fSIsInNldmVyaXR5Ijoie3sgc2V2ZXJpdHkgfX0iLCJhdCI6e3sgdGltZXN0YW1wIH19LCJmaWVsZHMiOnt7IGpzb24gZmllbGRzIH19fQ==";
        let url = format!("http://{}/hook", scene.receivers.http);
        scene.post(
            "/cluster/notifications/endpoints/webhook",
            json!({"name": "hook", "url": url, "method": "post", "body": body}),
        );
        let port = scene.receivers.smtp.port().to_string();
        scene.post(
            "/cluster/notifications/endpoints/smtp",
            json!({"name": "relay", "server": "127.0.0.1", "port": port, "mode": "insecure",
                "from-address": "pve@example.org", "mailto": ["ops@example.org"]}),
        );
        scene.matcher("fences", &["push", "hook", "relay"], json!({"match-field": ["exact:type=fencing"]}));
        // It names a target a second time, which is sent nothing twice.
        scene.matcher("all", &["push"], json!({"match-severity": ["error"]}));
        scene.matcher("others", &["push"], json!({"match-field": ["exact:hostname=pve1"]}));
        let received = scene.lose_a_node().await;

        let pushed = bodies(&received, "/push/message");
        assert_eq!(pushed.iter().map(|body| &body["title"]).collect::<Vec<_>>(), [BEGUN, DONE]);
        assert_eq!(pushed.iter().map(|body| &body["priority"]).collect::<Vec<_>>(), [8, 8]);
        // The state of the nodes is the manager's own, that of the resources is what it wrote last.
        let text = pushed[0]["message"].as_str().unwrap();
        assert!(text.contains("- pve3: fence\n") && text.contains("- vm:102: started on pve3\n"), "{text}");

        let hooked = bodies(&received, "/hook");
        assert_eq!(hooked.iter().map(|body| &body["title"]).collect::<Vec<_>>(), [BEGUN, DONE]);
        for body in &hooked {
            assert_eq!(
                (&body["severity"], &body["fields"]),
                (&json!("error"), &json!({"type": "fencing", "hostname": "pve3"}))
            );
        }
        let seconds = |body: &Value| body["at"].as_f64().unwrap() - HALF_PAST_NINE - 60.0;
        assert!((60.0..=90.0).contains(&seconds(&hooked[0])), "{hooked:?}");
        assert!(seconds(&hooked[1]) > seconds(&hooked[0]), "{hooked:?}");

        let mails = mails(&received);
        assert_eq!(mails.len(), 2);
        for (mail, title) in mails.iter().zip([BEGUN, DONE]) {
            // A long header line is folded.
            let head = mail.join("\n").replace("\n ", " ");
            assert!(head.contains(&format!("Subject: {title}\n")), "{head}");
        }
        assert_eq!(received.len(), 6, "{received:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_calendar_excludes_the_hours_outside_of_it() {
    let scene = Scene::set(Release::V9).await;
    scene.gotify("morning");
    scene.gotify("night");
    scene.gotify("weekday");
    scene.matcher("m1", &["morning"], json!({"match-calendar": ["sat,sun 9-10"]}));
    scene.matcher("m2", &["night"], json!({"match-calendar": ["0-9:30"]}));
    scene.matcher("m3", &["weekday"], json!({"match-calendar": ["mon..fri 9-10"]}));
    let received = scene.lose_a_node().await;
    let counts = ["/morning/", "/night/", "/weekday/"].map(|path| bodies(&received, path).len());
    assert_eq!(counts, [2, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_disabled_neither_routes_nor_receives() {
    let scene = Scene::set(Release::V9).await;
    ["reached", "unrouted", "off"].iter().for_each(|name| scene.gotify(name));
    scene.put("/cluster/notifications/endpoints/gotify/off", json!({"disable": "1"}));
    scene.matcher("m1", &["reached", "off"], json!({}));
    scene.matcher("m2", &["unrouted"], json!({"disable": "1"}));
    let received = scene.lose_a_node().await;
    let counts = ["/reached/", "/unrouted/", "/off/"].map(|path| bodies(&received, path).len());
    assert_eq!(counts, [2, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_go_through_the_proxy_of_the_datacenter() {
    let scene = Scene::set(Release::V9).await;
    scene.post(
        "/cluster/notifications/endpoints/gotify",
        json!({"name": "push", "server": "http://push.example.org", "token": "t"}),
    );
    scene.put("/cluster/options", json!({"http_proxy": format!("http://{}", scene.receivers.http)}));
    scene.post("/cluster/notifications/targets/push/test", json!({}));
    scene.emulator.cluster().deliveries().await;
    let received = scene.receivers.take().await;
    assert_eq!(received.len(), 1, "{received:?}");
    assert!(received[0]["target"].as_str().unwrap().contains("push.example.org"), "{received:?}");
    scene.emulator.stop().await;
}

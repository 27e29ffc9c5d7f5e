//! The cluster's API as other clients use it: for changes outside of Terraform, and for reading the actual state.
//!
//! Invariant: nothing of the provider under test is in here.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value as Json;

use crate::runtime;
use crate::trust::Trust;

/// A client with an API token, which retries nothing and hides nothing.
#[derive(Debug, Clone)]
pub struct Api {
    base: String,
    token: String,
    http: reqwest::Client,
}

/// An answer other than success: the status line and the body.
#[derive(Debug, thiserror::Error)]
#[error("{method} {path}: {status} {body}")]
pub struct Refused {
    method: &'static str,
    path: String,
    pub status: u16,
    /// What the body says.
    pub body: String,
}

impl Api {
    /// A client for `endpoint`, which is trusted by `trust`.
    pub fn new(endpoint: &str, token: &str, trust: &Trust) -> Self {
        let http = reqwest::Client::builder().tls_backend_preconfigured(trust.config()).no_proxy();
        // pveproxy closes what is idle for 5 s, and a request on its way then is lost.
        let http = http.pool_idle_timeout(Duration::from_secs(4));
        let base = endpoint.trim_end_matches('/').trim_end_matches("/api2/json");
        Self {
            base: format!("{base}/api2/json"),
            token: token.to_owned(),
            http: http.build().expect("a client without further settings can be built"),
        }
    }

    /// The data of a GET that must succeed.
    #[track_caller]
    pub fn read(&self, path: &str) -> Json {
        self.send("GET", path, &[]).unwrap_or_else(|refused| panic!("{refused}"))
    }

    /// The data of a GET; none where the cluster says that there is no such thing.
    #[track_caller]
    pub fn find(&self, path: &str) -> Option<Json> {
        match self.send("GET", path, &[]) {
            Ok(data) => Some(data),
            Err(refused) if refused.body.contains("no such") => None,
            Err(refused) => panic!("{refused}"),
        }
    }

    /// A POST that must succeed.
    #[track_caller]
    pub fn post(&self, path: &str, parameters: &[(&str, &str)]) -> Json {
        self.send("POST", path, parameters).unwrap_or_else(|refused| panic!("{refused}"))
    }

    /// A PUT that must succeed.
    #[track_caller]
    pub fn put(&self, path: &str, parameters: &[(&str, &str)]) {
        self.send("PUT", path, parameters).unwrap_or_else(|refused| panic!("{refused}"));
    }

    /// A DELETE that must succeed.
    #[track_caller]
    pub fn delete(&self, path: &str, parameters: &[(&str, &str)]) {
        self.send("DELETE", path, parameters).unwrap_or_else(|refused| panic!("{refused}"));
    }

    /// Any call.
    ///
    /// # Errors
    /// The answer is not a success.
    #[track_caller]
    pub fn send(&self, method: &'static str, path: &str, parameters: &[(&str, &str)]) -> Result<Json, Refused> {
        let url = format!("{}{path}", self.base);
        let http_method = method.parse().expect("a method of HTTP");
        let request =
            self.http.request(http_method, url).header("Authorization", format!("PVEAPIToken={}", self.token));
        // Proxmox reads the parameters of a DELETE from the query only.
        let request = match method {
            "GET" | "DELETE" => request.query(parameters),
            _ => request.form(parameters),
        };
        let (status, body) = runtime::block_on(async {
            let answer = request.send().await.expect("the cluster answers");
            (answer.status().as_u16(), answer.text().await.expect("the answer is text"))
        });
        if status != 200 {
            return Err(Refused { method, path: path.to_owned(), status, body });
        }
        let body: Json = serde_json::from_str(&body).expect("a success is JSON");
        Ok(body["data"].clone())
    }

    /// Moves the clock of an emulator in another process: its control plane has the same address as the API.
    ///
    /// # Errors
    /// It doesn't answer, or refuses.
    pub async fn advance(&self, seconds: f64) -> Result<(), reqwest::Error> {
        let url = format!("{}/emulator/advance", self.base.trim_end_matches("/api2/json"));
        let request = self.http.post(url).body(format!("{{\"seconds\":{seconds}}}"));
        request.send().await?.error_for_status().map(drop)
    }

    /// An action of the emulator's control plane, which has the same address as the API.
    ///
    /// # Panics
    /// It refuses.
    #[track_caller]
    pub fn control(&self, action: &str, body: &Json) {
        let url = format!("{}/emulator/{action}", self.base.trim_end_matches("/api2/json"));
        let send = || self.http.post(&url).body(body.to_string()).send();
        let (status, text) = runtime::block_on(async {
            // A connection of the pool may have been closed from the other side just now.
            let answer = match send().await {
                Ok(answer) => answer,
                Err(_) => send().await.expect("the control plane answers"),
            };
            (answer.status().as_u16(), answer.text().await.unwrap_or_default())
        });
        assert_eq!(status, 200, "{action}: {text}");
    }

    /// The entries of a list by the member `key`, without what changes with every write to the same file.
    #[track_caller]
    pub fn list(&self, path: &str, key: &str) -> BTreeMap<String, Json> {
        let list = self.read(path);
        let entries = list.as_array().expect("a list").iter().map(|entry| {
            let mut entry = entry.clone();
            if let Some(members) = entry.as_object_mut() {
                for volatile in ["digest", "order"] {
                    members.remove(volatile);
                }
                // Groups list their nodes in Perl's order of hashes.
                if let Some(nodes) = members.get_mut("nodes") {
                    let mut sorted: Vec<&str> = nodes.as_str().unwrap_or_default().split(',').collect();
                    sorted.sort_unstable();
                    *nodes = Json::from(sorted.join(","));
                }
            }
            (entry[key].as_str().unwrap_or_default().to_owned(), entry)
        });
        entries.collect()
    }
}

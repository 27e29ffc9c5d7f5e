//! Three clusters at once, one of which can't be reached: the others are reported all the same.

use acceptance_tests::closed_port::ClosedPort;
use pve_emulator::Handle;
use serde_json::json;
use terraform_provider_pve::report::{Variables, Verdict};

use super::{cluster, cluster_with, document, put_disk, run};

/// Three clusters, their file and the environment.
pub(super) struct Fleet {
    _clusters: [Handle; 2],
    _port: ClosedPort,
    folder: tempfile::TempDir,
    pub(super) variables: Variables,
}

impl Fleet {
    pub(super) async fn start() -> Self {
        let berlin = cluster("berlin").await;
        let paris = cluster_with("paris", |world| put_disk(world, 101, "local-zfs")).await;
        let port = ClosedPort::new();
        let entry = |name: &str, cluster: &Handle| json!({"name": name, "endpoint": cluster.endpoint(), "tls_fingerprint": cluster.fingerprint()});
        let file = json!({"clusters": [
            entry("berlin", &berlin), entry("paris-1", &paris), {"name": "rome", "endpoint": format!("https://{port}")}
        ]});
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("clusters.json"), file.to_string()).unwrap();
        let variables = [
            ("PROXMOX_VE_API_TOKEN", berlin.api_token().unwrap()),
            ("PROXMOX_VE_API_TOKEN_PARIS_1", paris.api_token().unwrap()),
            // It belongs to none of them.
            ("PROXMOX_VE_ENDPOINT", "https://elsewhere.invalid:8006"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Self { _clusters: [berlin, paris], _port: port, folder, variables }
    }

    pub(super) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}

#[tokio::test]
async fn the_unreachable_one_has_its_section_and_the_others_are_reported() {
    let fleet = Fleet::start().await;
    let file = fleet.path("clusters.json");
    let (code, report) = document(&["--clusters", &file, "--profile", "lab"], &fleet.variables).await;
    let verdicts: Vec<_> = report.clusters.iter().map(|one| (one.name.as_str(), one.verdict)).collect();
    assert_eq!(verdicts, [("berlin", Verdict::Ready), ("paris-1", Verdict::Ready), ("rome", Verdict::Unknown)]);
    assert_eq!(code, 2);
    let survivable = |index: usize| report.clusters[index].facts.as_ref().unwrap().failover.survivable;
    assert_eq!([survivable(0), survivable(1)], [true, false]);

    let ended = run(&["--clusters", &file], &fleet.variables).await;
    assert!(ended.output.contains("| rome | **undecided** | – |"), "{}", ended.output);
    assert!(ended.output.contains("| paris-1 | **not ready** | 2 of 3 survived |"), "{}", ended.output);
    assert!(ended.messages.contains("Error: Cannot use the Proxmox VE API\n\nrome: "), "{}", ended.messages);
    // No text has a secret.
    let token = &fleet.variables["PROXMOX_VE_API_TOKEN"];
    let secret = token.split_once('=').unwrap().1;
    let formats = ["html", "markdown", "json", "openmetrics", "junit"].map(|format| {
        let (file, variables) = (&file, &fleet.variables);
        async move { run(&["--clusters", file, "--format", format], variables).await }
    });
    for ended in futures_util::future::join_all(formats).await {
        assert!(!ended.output.contains(secret) && !ended.messages.contains(secret), "{}", ended.output);
    }
}

/// A collector never reads half of a file, and the mode of a file lets it read.
#[tokio::test]
async fn the_file_is_replaced_as_a_whole() {
    let fleet = Fleet::start().await;
    let (file, out) = (fleet.path("clusters.json"), fleet.path("pve_ha.prom"));
    std::fs::write(&out, "old").unwrap();
    let arguments = ["--clusters", &file, "--format", "openmetrics", "--out", &out];
    let ended = run(&arguments, &fleet.variables).await;
    assert_eq!((ended.code, ended.output.as_str()), (2, ""));
    let text = std::fs::read_to_string(&out).unwrap();
    assert!(text.starts_with("# TYPE ") && text.ends_with("# EOF\n"), "{text}");
    assert_eq!(std::fs::read_dir(fleet.folder.path()).unwrap().count(), 2, "nothing else is left there");
    let ended = run(&["--clusters", &file, "--out", &fleet.path("no/such/folder")], &fleet.variables).await;
    assert!(ended.code == 2 && ended.messages.contains("the report can't be written"), "{ended:?}");
}

//! The report page in a real browser: it renders in every size and colour scheme, fits a phone, and complains of nothing.
//!
//! Without a Chromium the test says that it is skipped; `cargo xtask ci` demands one (`PVE_REQUIRE_BROWSER=1`).

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail as the test does")]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pve_emulator::{Emulator, Options, Release};
use terraform_provider_pve::framework::Value;
use terraform_provider_pve::registry;

/// A cluster with something of everything: survived, lost, replicated, negative affinity, too little memory; on demand
/// with a node down.
async fn page(down: Option<&str>) -> String {
    let cluster = Emulator::start(Options { release: Release::V9, ..Options::default() }).await.unwrap();
    {
        let mut world = cluster.cluster().world();
        let mut resources = String::new();
        for vmid in [100, 101, 102, 103, 104, 105] {
            resources.push_str(&format!("vm: {vmid}\n\tstate started\n\n"));
            if vmid != 104 {
                let guest = world.guests.get_mut(&vmid).unwrap();
                let storage = if vmid == 103 { "local-zfs" } else { "shared-nfs" };
                for (_, value) in guest.config.iter_mut().filter(|(key, _)| key == "scsi0") {
                    *value = format!("{storage}:vm-{vmid}-disk-0,size=8G");
                }
            }
        }
        world.guests.get_mut(&105).unwrap().memory = 40 * 1024;
        world.guests.get_mut(&102).unwrap().memory = 30 * 1024;
        world.write_file("/etc/pve/ha/resources.cfg", &*resources);
        world.write_file(
            "/etc/pve/ha/rules.cfg",
            "resource-affinity: web-apart\n\taffinity negative\n\tresources vm:100,vm:101\n\n\
             node-affinity: db-nodes\n\tnodes pve3:2,pve1:1\n\tresources vm:102\n\tstrict 1\n",
        );
        world.write_file(
            "/etc/pve/replication.cfg",
            "local: 103-0\n\ttarget pve2\n\tsource pve1\n\nlocal: 103-1\n\ttarget pve3\n\tsource pve1\n",
        );
        world.advance(1800.0);
        if let Some(node) = down {
            world.power(node, false);
            world.advance(400.0);
        }
    }
    let provider = registry::provider();
    let block = [
        ("endpoint", Value::from(cluster.endpoint())),
        ("api_token", Value::from(cluster.api_token().unwrap())),
        ("tls_fingerprint", Value::from(cluster.fingerprint())),
    ];
    let diagnostics = provider.configure(&Value::object(block)).await;
    assert!(!diagnostics.has_error(), "{diagnostics:?}");
    let nothing = Value::object(std::iter::empty::<(&str, Value)>());
    let readiness = provider.data_source("pve_ha_readiness").unwrap().read_data(nothing).await;
    assert!(!readiness.diagnostics.has_error(), "{:?}", readiness.diagnostics);
    let checks = Value::object([("readiness", readiness.state.at("checks").clone())]);
    let outcome = provider.data_source("pve_ha_failover_simulation").unwrap().read_data(checks).await;
    assert!(!outcome.diagnostics.has_error(), "{:?}", outcome.diagnostics);
    outcome.state.to_json()["report_html"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_page_renders_in_a_browser() {
    let Some(browser) = browser() else {
        let required = env::var("PVE_REQUIRE_BROWSER").is_ok_and(|value| value == "1");
        assert!(!required, "there is no chromium in PATH: `apt-get install chromium`");
        acceptance_tests::cluster::skipped("report_page", "there is no chromium in PATH");
        return;
    };
    let (page, node_down) = (page(None).await, page(Some("pve2")).await);
    for fact in ["<b>cluster emulated</b>", "Proxmox VE 9."] {
        assert!(page.contains(fact), "{fact} is missing in\n{page}");
    }
    assert!(!page.contains("offline now") && node_down.contains("Node pve2 is offline now."), "{node_down}");
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("report-page");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("report.html"), &page).unwrap();
    fs::write(folder.join("node-down.html"), node_down).unwrap();
    // A window can't be made as narrow as a phone, but a frame can.
    fs::write(folder.join("phone.html"), in_a_frame(&page, 390)).unwrap();
    fs::write(folder.join("tablet.html"), in_a_frame(&page, 820)).unwrap();

    let tokio_blocking = tokio::task::spawn_blocking(move || {
        for (name, file, size, more) in [
            ("desktop", "report.html", "1280,3400", ""),
            ("dark", "report.html", "1280,3400", "--blink-settings=preferredColorScheme=0"),
            ("phone", "phone.html", "500,5200", ""),
            ("node-down", "node-down.html", "1280,3400", ""),
        ] {
            let picture = folder.join(format!("{name}.png"));
            let _ = fs::remove_file(&picture);
            let shot = format!("--screenshot={}", picture.display());
            let complaints = run(&browser, &folder.join(file), &[&shot, &format!("--window-size={size}"), more]).1;
            assert_eq!(complaints, [""; 0], "{name}");
            let bytes = fs::read(&picture).unwrap();
            assert_eq!(&bytes[..8], b"\x89PNG\r\n\x1a\n", "{name}");
            let width = u32::from_be_bytes(bytes[16..20].try_into().unwrap());
            assert_eq!(width.to_string(), size.split(',').next().unwrap(), "{name}");
            // A blank page of that size packs into far less.
            assert!(bytes.len() > 60_000, "{name}: {} bytes", bytes.len());
        }
        let print = format!("--print-to-pdf={}", folder.join("report.pdf").display());
        run(&browser, &folder.join("report.html"), &[&print]);
        assert!(fs::read(folder.join("report.pdf")).unwrap().starts_with(b"%PDF"));

        // Neither page is wider than its screen. The matrix is, on a phone alone, and says so there.
        for (file, screen, scrolls, hint) in [("phone", 390, "true", "block"), ("tablet", 820, "false", "none")] {
            let file = folder.join(format!("{file}.html"));
            let (document, complaints) = run(&browser, &file, &["--dump-dom", "--window-size=1000,5200"]);
            assert_eq!(complaints, [""; 0]);
            let measured = |name: &str| document.split(&format!("data-{name}=\"")).nth(1)?.split('"').next();
            let wide: u32 = measured("wide").unwrap().parse().unwrap();
            assert!((300..=screen).contains(&wide), "the page is {wide} wide on a screen of {screen}");
            assert_eq!((measured("scrolls"), measured("hint")), (Some(scrolls), Some(hint)), "{screen}");
            assert_eq!(measured("unfolded"), Some("0"), "passed checks are folded");
        }
    });
    tokio_blocking.await.unwrap();
}

/// The output of a run, and of the console.
fn run(browser: &Path, file: &Path, arguments: &[&str]) -> (String, Vec<String>) {
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new(browser)
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"])
        .args(["--no-first-run", "--disable-extensions", "--enable-logging=stderr", "--virtual-time-budget=2000"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(arguments.iter().filter(|argument| !argument.is_empty()))
        .arg(format!("file://{}", file.display()))
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{log}");
    let complaints = log.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect();
    (String::from_utf8_lossy(&output.stdout).into_owned(), complaints)
}

/// The page in a frame of that width, and what a script outside of it measures there.
fn in_a_frame(page: &str, width: u32) -> String {
    let text = page.replace('&', "&amp;").replace('"', "&quot;");
    format!(
        "<!doctype html><meta charset=\"utf-8\"><body style=\"margin:0\"><script>function measure(page) {{\
         const found = document.body.dataset, table = page.querySelector('.scroll');\
         found.wide = page.documentElement.scrollWidth;\
         found.scrolls = table.scrollWidth > table.clientWidth;\
         found.hint = getComputedStyle(page.querySelector('.hint')).display;\
         found.unfolded = page.querySelectorAll('details[open]').length;\
         }}</script><iframe style=\"border:0;width:{width}px;height:5200px\" srcdoc=\"{text}\" \
         onload=\"measure(this.contentDocument)\"></iframe></body>"
    )
}

fn browser() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let mut found = names.iter().flat_map(|name| env::split_paths(&path).map(move |folder| folder.join(name)));
    found.find(|file| file.is_file())
}

//! A release of the binary that this build has made: signed with a throw-away key, verified, and installed by every CLI found.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

#[path = "release/keys.rs"]
mod keys;
#[path = "release/made.rs"]
mod made;
#[path = "release/server.rs"]
mod server;

use std::path::Path;
use std::process::Command;

use acceptance_tests::cli;
use acceptance_tests::cluster::{not_run_here, skipped};
use serde_json::Value as Json;
use xtask::dist::VERSION;

use keys::Keys;
use made::Made;
use server::Server;

#[test]
fn its_sums_are_those_of_its_files_and_its_signatures_of_the_releasers_key() {
    if !Path::new("/usr/bin/gpg").exists() {
        let name = "release::its_sums_are_those_of_its_files_and_its_signatures_of_the_releasers_key";
        return skipped(name, "gpg is missing");
    }
    let keys = Keys::new();
    let made = Made::new(Path::new("Cargo.toml"), Some(&keys));
    let assets = &made.written.assets;
    for sums in [format!("terraform-provider-pve_{VERSION}_SHA256SUMS"), format!("pve_{VERSION}_SHA256SUMS")] {
        let checked =
            Command::new("sha256sum").args(["--check", "--strict", &sums]).current_dir(assets).output().unwrap();
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
        keys.verify(&assets.join(&sums)).unwrap();
        // Not an armored one, which registries refuse.
        assert!(!std::fs::read(assets.join(format!("{sums}.sig"))).unwrap().starts_with(b"-----"));
    }
    let list = std::fs::read_to_string(assets.join(format!("terraform-provider-pve_{VERSION}_SHA256SUMS"))).unwrap();
    let names: Vec<&str> = list.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
    let (package, manifest) = (made.package().name.clone(), format!("terraform-provider-pve_{VERSION}_manifest.json"));
    assert_eq!(names, [package, manifest.clone()]);
    let manifest: Json = serde_json::from_slice(&std::fs::read(assets.join(manifest)).unwrap()).unwrap();
    assert_eq!(manifest, serde_json::json!({"version": 1, "metadata": {"protocol_versions": ["5.0"]}}));

    // A changed file of sums is not what was signed.
    let sums = assets.join(format!("pve_{VERSION}_SHA256SUMS"));
    std::fs::write(&sums, "0").unwrap();
    assert!(keys.verify(&sums).is_err());
}

#[test]
fn its_archive_has_the_binary_at_its_root_and_the_same_bytes_every_time() {
    let [one, other] = [(); 2].map(|()| Made::new(Path::new("Cargo.toml"), None));
    assert!(one.package().archive == other.package().archive, "the same content has different bytes");
    let archive = one.written.assets.join(&one.package().name);
    let archive = zip::ZipArchive::new(std::fs::File::open(archive).unwrap()).unwrap();
    let names: Vec<_> = archive.file_names().map(Result::unwrap).collect();
    assert_eq!(names, ["LICENSE".to_owned(), format!("terraform-provider-pve_v{VERSION}")]);
}

#[test]
fn every_cli_installs_it_from_a_mirror_in_a_folder_and_behind_a_web_server() {
    let made = Made::new(&cli::program("terraform-provider-pve"), None);
    let server = Server::start(&made.written);
    let folder = format!("filesystem_mirror {{\n    path = {:?}\n  }}", made.written.mirror);
    let network = format!("network_mirror {{\n    url = \"{}/mirror/\"\n  }}", server.url());
    for cli in cli::all() {
        for installation in [&folder, &network] {
            let lock = install(&cli, installation, &[("SSL_CERT_FILE", server.authority())]);
            assert!(lock.contains(&made.package().content_hash), "{} {installation}\n{lock}", cli.display());
        }
    }
}

#[test]
fn opentofu_installs_it_from_an_oci_registry() {
    let made = Made::new(&cli::program("terraform-provider-pve"), None);
    let server = Server::start(&made.written);
    let template = format!("{}/${{namespace}}/${{type}}", server.url().trim_start_matches("https://"));
    let installation = format!(
        "oci_mirror {{\n    repository_template = \"{template}\"\n    include = [\"registry.opentofu.org/*/*\"]\n  }}"
    );
    let clis: Vec<_> = cli::all().into_iter().filter(|cli| has_oci_mirrors(cli)).collect();
    if clis.is_empty() {
        not_run_here("release::opentofu_installs_it_from_an_oci_registry", "needs OpenTofu 1.10 or later");
    }
    for cli in clis {
        let lock = install(&cli, &installation, &[("SSL_CERT_FILE", server.authority())]);
        for hash in made.hashes() {
            assert!(lock.contains(&hash), "{}: {hash}\n{lock}", cli.display());
        }
    }
}

/// Installs the provider with `cli`, and has the CLI run what it has installed: the lock file.
#[track_caller]
fn install(cli: &Path, installation: &str, environment: &[(&str, &Path)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("cli.tfrc", &format!("provider_installation {{\n  {installation}\n}}\n"));
    let required = format!("{{ source = \"pve-ha/pve\", version = {VERSION:?} }}");
    write("main.tf", &format!("terraform {{\n  required_providers {{\n    pve = {required}\n  }}\n}}\n"));
    let run = |arguments: &[&str]| {
        let mut command = cli::command_of(cli, folder.path(), &folder.path().join("cli.tfrc"));
        let output = command.args(arguments).envs(environment.iter().copied()).output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{} {arguments:?}\n{said}", cli.display());
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["init", "-no-color"]);
    let schema: Json = serde_json::from_str(&run(&["providers", "schema", "-json"])).unwrap();
    let (_, provider) = schema["provider_schemas"].as_object().unwrap().iter().next().unwrap();
    assert!(provider["resource_schemas"]["pve_ha_resource"].is_object());
    std::fs::read_to_string(folder.path().join(".terraform.lock.hcl")).unwrap()
}

fn has_oci_mirrors(cli: &Path) -> bool {
    let said = Command::new(cli).arg("version").env("CHECKPOINT_DISABLE", "1").output().unwrap();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let version = said.lines().find_map(|line| line.strip_prefix("OpenTofu v")).unwrap_or_default();
    let mut parts = version.split('.').map_while(|part| part.parse::<u32>().ok());
    (parts.next(), parts.next()) >= (Some(1), Some(10))
}

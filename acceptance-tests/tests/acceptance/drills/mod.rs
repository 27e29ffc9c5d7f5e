//! The failover drills come out as they say, and as Proxmox's own HA manager decided where its decision is recorded.

mod decided;
mod log;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::thread;

use acceptance_tests::cluster::{is_existing, skipped};
use acceptance_tests::{Cluster, cli};
use pve_emulator::{Options, Release};

use decided::{Decision, decision};

/// Of a drill that ends: the line that says so.
const PASSED: &str = "Success!";

#[test]
fn on_pve_9() {
    // The newest that is emulated: it refuses manual moves.
    all("drills::on_pve_9", "pve9", Release::At("9.2.6".parse().unwrap()));
}

#[test]
fn on_pve_8() {
    all("drills::on_pve_8", "pve8", Release::V8);
}

fn all(test: &str, release_folder: &str, release: Release) {
    if is_existing() {
        return skipped(test, "needs the control plane of an emulator");
    }
    let folder = Folder::new(release_folder);
    let drills = folder.drills();
    let named: Vec<&str> = decided::drills(release_folder).collect();
    assert_eq!(drills, named, "the table of the recorded decisions has all drills of {release_folder}");
    let (waiting, failed) = (Mutex::new(drills.into_iter().rev().collect::<Vec<_>>()), Mutex::new(Vec::new()));
    let next = || waiting.lock().unwrap().pop();
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().unwrap().get() {
            scope.spawn(|| {
                while let Some(drill) = next() {
                    if let Err(why) = play(&folder, &drill, release) {
                        failed.lock().unwrap().push(format!("{release_folder}/{drill}: {why}"));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

/// Plays a drill against a cluster of its own.
fn play(folder: &Folder, drill: &str, release: Release) -> Result<(), String> {
    let options = Options { release, ..Options::default() };
    let Some(cluster) = Cluster::own(drill, options).map(Arc::new) else { return Ok(()) };
    let file = format!("{}/{drill}.tftest.hcl", folder.release);
    let output = folder.cli(&cluster, &["test", "-no-color", &folder.test_directory(), &format!("-filter={file}")]);
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    // A filter that fits no file ends without an error as well.
    if !output.status.success() || !text.contains(PASSED) || !text.contains(&file) {
        return Err(text);
    }
    let world = cluster.emulator().cluster().world();
    let log: Vec<&str> = world.crm.log().collect();
    match decision(&folder.release, drill) {
        Decision::Placement { case, guests } => decided::compare_placement(case, guests, &log),
        Decision::Recording { file, guest } => decided::compare_recording(file, guest, &log),
        Decision::Unrecorded => Ok(()),
    }
}

/// A copy of the example in which the CLI has installed its modules and the provider.
struct Folder {
    folder: tempfile::TempDir,
    /// The folder with the drills of a release.
    release: String,
}

impl Folder {
    fn new(release: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("tfacc-").tempdir().unwrap();
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("examples/failover-drills"), folder.path());
        fs::write(folder.path().join("cli.tfrc"), cli::mirror(&folder.path().join("mirror"))).unwrap();
        let folder = Self { folder, release: release.to_owned() };
        let output = folder.command(&["init", "-no-color", &folder.test_directory()]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        folder
    }

    fn test_directory(&self) -> String {
        format!("-test-directory={}", self.release)
    }

    fn drills(&self) -> Vec<String> {
        let files = fs::read_dir(self.folder.path().join(&self.release)).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        let mut drills: Vec<String> = names.map(|name| name.strip_suffix(".tftest.hcl").unwrap().to_owned()).collect();
        drills.sort();
        drills
    }

    fn cli(&self, cluster: &Cluster, arguments: &[&str]) -> Output {
        let mut command = self.command(arguments);
        command.envs(cluster.environment.iter().cloned());
        command.env("PVE_EMULATOR_ENDPOINT", cluster.variable("PROXMOX_VE_ENDPOINT"));
        command.output().unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = cli::command(self.folder.path(), &self.folder.path().join("cli.tfrc"));
        // The drills start `pve-emulator ctl`.
        let own: PathBuf = cli::program("pve-emulator").parent().unwrap().to_owned();
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.env("PATH", std::env::join_paths([own].into_iter().chain(std::env::split_paths(&path))).unwrap());
        command.args(arguments);
        command
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

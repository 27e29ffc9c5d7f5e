//! The real CLI in a working folder of its own, with nothing of the caller's environment that it or a provider reads.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;

use acceptance_tests::cli;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::cluster::{Cluster, FIRST};
use super::profile::Profile;
use crate::Outcome;

/// How many instances a resource block has at most: the CLI's own time grows with their square.
const PART: usize = 1000;
const OVERRIDES: &str = "cli.tfrc";

/// A resource block of the configuration.
struct Part {
    number: usize,
    /// Its first guest's id.
    first: usize,
    count: usize,
}

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

pub struct Folder {
    folder: TempDir,
    environment: Vec<(String, String)>,
}

fn parts(count: usize) -> impl Iterator<Item = Part> {
    (0..count).step_by(PART).enumerate().map(move |(number, from)| Part {
        number,
        first: FIRST + from,
        count: PART.min(count - from),
    })
}

impl Part {
    fn name(&self) -> String {
        format!("part_{}", self.number)
    }

    fn guests(&self) -> Range<usize> {
        self.first..self.first + self.count
    }

    fn block(&self, kind: &str, attribute: &str, more: &str) -> String {
        let (name, first, count) = (self.name(), self.first, self.count);
        format!(
            "resource {kind:?} {name:?} {{\n  count = {count}\n  {attribute} = \"vm:${{{first} + count.index}}\"\n{more}}}\n"
        )
    }
}

/// The first line of the CLI's version.
pub fn version() -> Result<String> {
    let out = Command::new(cli::path()).arg("version").env("CHECKPOINT_DISABLE", "1").output()?;
    Ok(String::from_utf8_lossy(&out.stdout).lines().next().unwrap_or_default().to_owned())
}

impl Folder {
    /// `count` HA resources on `cluster`.
    pub fn of_resources(programs: &Path, cluster: &Cluster, count: usize) -> Result<Self> {
        Self::of_provider(&Profile::own(), programs, cluster, count)
    }

    /// `count` HA resources on `cluster`, by the provider in the folder `programs`.
    pub fn of_provider(profile: &Profile, programs: &Path, cluster: &Cluster, count: usize) -> Result<Self> {
        let more = profile.more();
        let blocks: String =
            parts(count).map(|part| part.block(&profile.resource, &profile.attribute, &more)).collect();
        let mut this = Self::of(&profile.overrides(programs), &format!("{}{blocks}", profile.head()))?;
        this.environment.extend(profile.environment_for(cluster));
        Ok(this)
    }

    /// `count` resources that no provider process serves.
    pub fn of_nothing(programs: &Path, count: usize) -> Result<Self> {
        let blocks: String = parts(count).map(|part| part.block("terraform_data", "input", "")).collect();
        let this = Self::of(&cli::configuration(programs), &blocks)?;
        this.run(&["init", "-input=false"])?;
        Ok(this)
    }

    fn of(overrides: &str, configuration: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("main.tf"), configuration)?;
        fs::write(folder.path().join(OVERRIDES), overrides)?;
        Ok(Self { folder, environment: Vec::new() })
    }

    pub fn apply(&self) -> Outcome {
        self.run(&["apply", "-auto-approve", "-input=false", "-no-color"])
    }

    pub fn destroy(&self) -> Outcome {
        self.run(&["destroy", "-auto-approve", "-input=false", "-no-color"])
    }

    /// Plans with a refresh; there must be nothing to change.
    pub fn plan(&self) -> Outcome {
        self.run(&["plan", "-detailed-exitcode", "-input=false", "-no-color", "-lock=false"])
    }

    /// The first resource of the state, with all its instances.
    pub fn resource(&self) -> Result<Json> {
        let state: Json = serde_json::from_str(&fs::read_to_string(self.state())?)?;
        Ok(state["resources"][0].clone())
    }

    /// A state of `count` copies of the first instance of `resource`, each about a guest of its own.
    pub fn write_state(&self, resource: &Json, count: usize) -> Outcome {
        let first = &resource["instances"][0];
        let original = format!("\"vm:{FIRST}\"");
        let text = first["attributes"].to_string();
        let copy = |part: &Part, guest: usize| {
            let mut instance = first.clone();
            instance["index_key"] = json!(guest - part.first);
            instance["attributes"] = text.replace(&original, &format!("\"vm:{guest}\"")).parse()?;
            Ok(instance)
        };
        let of_part = |part: Part| {
            let mut resource = resource.clone();
            resource["name"] = json!(part.name());
            resource["instances"] = Json::Array(part.guests().map(|index| copy(&part, index)).collect::<Result<_>>()?);
            Ok(resource)
        };
        let resources = parts(count).map(of_part).collect::<Result<Vec<Json>>>()?;
        let state = json!({
            "version": 4, "terraform_version": "1.0.0", "serial": 1, "lineage": "bench",
            "outputs": {}, "resources": resources, "check_results": null,
        });
        fs::write(self.state(), serde_json::to_string(&state)?)?;
        Ok(())
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("terraform.tfstate")
    }

    fn run(&self, arguments: &[&str]) -> Outcome {
        let out = cli::command(self.folder.path(), &self.folder.path().join(OVERRIDES))
            .args(arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .output()?;
        if out.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
        let start = said.len().saturating_sub(4000);
        let tail = said.get(start..).unwrap_or(&said);
        Err(format!("`{} {}`: {}\n{tail}", cli::path().display(), arguments.join(" "), out.status).into())
    }
}

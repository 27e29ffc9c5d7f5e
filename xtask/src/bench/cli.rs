//! The real CLI in a working folder of its own, with nothing of the caller's environment that it or a provider reads.

use std::env;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::cluster::{Cluster, FIRST};
use crate::Outcome;

/// How many instances a resource block has at most: the CLI's own time grows with their square.
const PART: usize = 1000;

/// A resource block of the configuration.
struct Part {
    number: usize,
    /// Its first guest's id.
    first: usize,
    count: usize,
}

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// `tofu` or `terraform`.
#[derive(Debug)]
pub struct Cli {
    program: PathBuf,
}

pub struct Folder {
    program: PathBuf,
    folder: TempDir,
    environment: Vec<(&'static str, String)>,
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

    fn block(&self, kind: &str, attribute: &str) -> String {
        let (name, first, count) = (self.name(), self.first, self.count);
        format!(
            "resource {kind:?} {name:?} {{\n  count = {count}\n  {attribute} = \"vm:${{{first} + count.index}}\"\n}}\n"
        )
    }
}

impl Cli {
    /// `TF_ACC_TERRAFORM_PATH`, else `tofu`, else `terraform` in `PATH`.
    pub fn find() -> Result<Self> {
        if let Some(program) = env::var_os("TF_ACC_TERRAFORM_PATH") {
            return Ok(Self { program: program.into() });
        }
        let path = env::var_os("PATH").unwrap_or_default();
        let found = ["tofu", "terraform"]
            .iter()
            .find_map(|name| env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file()));
        let program = found.ok_or("neither tofu nor terraform is in PATH, and TF_ACC_TERRAFORM_PATH is not set")?;
        Ok(Self { program })
    }

    /// The first line of its version.
    pub fn version(&self) -> Result<String> {
        let out = Command::new(&self.program).arg("version").env("CHECKPOINT_DISABLE", "1").output()?;
        Ok(String::from_utf8_lossy(&out.stdout).lines().next().unwrap_or_default().to_owned())
    }
}

impl Folder {
    /// `count` HA resources on `cluster`.
    pub fn of_resources(cli: &Cli, programs: &Path, cluster: &Cluster, count: usize) -> Result<Self> {
        let blocks: String = parts(count).map(|part| part.block("pve_ha_resource", "sid")).collect();
        let mut this = Self::of(
            cli,
            &format!(
                "terraform {{\n  required_providers {{\n    pve = {{ source = \"pve-ha/pve\" }}\n  }}\n}}\n{blocks}"
            ),
        )?;
        let overrides = this.folder.path().join("cli.tfrc");
        let text = format!(
            "provider_installation {{\n  dev_overrides {{\n    \"pve-ha/pve\" = \"{}\"\n  }}\n  direct {{}}\n}}\n",
            programs.display()
        );
        fs::write(&overrides, text)?;
        this.environment.extend([
            ("TF_CLI_CONFIG_FILE", overrides.display().to_string()),
            ("PROXMOX_VE_ENDPOINT", cluster.fact("endpoint").to_owned()),
            ("PROXMOX_VE_API_TOKEN", cluster.fact("api_token").to_owned()),
            ("PROXMOX_VE_CA_CERTIFICATE", cluster.fact("ca_certificate_file").to_owned()),
        ]);
        Ok(this)
    }

    /// `count` resources that no provider process serves.
    pub fn of_nothing(cli: &Cli, count: usize) -> Result<Self> {
        let blocks: String = parts(count).map(|part| part.block("terraform_data", "input")).collect();
        let this = Self::of(cli, &blocks)?;
        this.run(&["init", "-input=false"])?;
        Ok(this)
    }

    fn of(cli: &Cli, configuration: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("main.tf"), configuration)?;
        Ok(Self { program: cli.program.clone(), folder, environment: Vec::new() })
    }

    pub fn apply(&self) -> Outcome {
        self.run(&["apply", "-auto-approve", "-input=false", "-no-color"])
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
        let mut command = Command::new(&self.program);
        for (name, _) in env::vars_os() {
            let name = name.to_string_lossy();
            if ["TF_", "PROXMOX_VE_", "PM_"].iter().any(|prefix| name.starts_with(prefix)) {
                command.env_remove(name.as_ref());
            }
        }
        let out = command
            .args(arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env("CHECKPOINT_DISABLE", "1")
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .output()?;
        if out.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
        let start = said.len().saturating_sub(4000);
        let tail = said.get(start..).unwrap_or(&said);
        Err(format!("`{} {}`: {}\n{tail}", self.program.display(), arguments.join(" "), out.status).into())
    }
}

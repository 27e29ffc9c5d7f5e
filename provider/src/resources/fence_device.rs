//! Fence devices: sections of `fence.cfg`, edited under Proxmox's own lock and never beyond their own lines.

mod plan;
mod verify;

use pve_schemas::FenceDevice;
use pve_schemas::fence_device::{DeviceId, FenceCfg, Known, PATH};

use super::explain;
use super::operations::OpContext;
use super::over_ssh::{EditFailed, ambiguous_failure, any_node, await_quorum, cluster_file, members};
use super::ssh_resource::SshResource;
use crate::client::{DomainPermit, LockDomain};
use crate::framework::{Cause, Diagnostics, Failure, Freshness, Number, Path, Value};
use crate::ssh::{ClusterFile, Edit, ErrorKind};

/// What the file is called in messages.
const FILE: &str = "the fence devices";

impl SshResource for FenceDevice {
    fn id(object: &Value) -> Option<String> {
        let name = object.at("name").as_str()?;
        Some(match object.at("instance") {
            Value::Unknown => return None,
            Value::Number(number) if number.as_i64() != Some(1) => format!("{name}:{number}"),
            _ => name.to_owned(),
        })
    }

    fn parse_id(id: &str) -> Result<Value, String> {
        let (name, instance) = id.split_once(':').unwrap_or((id, "1"));
        pve_schemas::value::check("pve-fence-name", name)?;
        let number = instance.parse::<i64>().ok().filter(|n| *n >= 1 && n.to_string() == instance);
        let number = number.ok_or("must be NAME, or NAME:NUMBER for a parallel device, such as power:2")?;
        Ok(Value::object([("name", Value::from(name)), ("instance", Value::from(number))]))
    }

    fn validate(config: &Value, diagnostics: &mut Diagnostics) {
        plan::validate(config, diagnostics);
    }

    fn modify_plan(prior: Option<&Value>, planned: &mut Value) {
        plan::keep_order(prior, planned);
    }

    async fn permit(op: &OpContext<'_>) -> Result<Option<DomainPermit>, Failure> {
        let permit = op.client().permit(LockDomain::Ha, &op.call()).await.map_err(|e| explain(FILE, &e))?;
        Ok(Some(permit))
    }

    async fn find(
        op: &OpContext<'_>,
        object: &Value,
        freshness: Freshness,
    ) -> Result<Option<(Self, Option<String>)>, Failure> {
        let device = device_of(object);
        let file = read(op, freshness).await?;
        let unexpected = |problem: String| unexpected(&device, &problem);
        let Some(section) = file.section(&device).map_err(unexpected)? else { return Ok(None) };
        let configured = object.at("after").as_str().filter(|other| file.is_after(device.name(), other));
        let after = configured.or_else(|| file.before(device.name())).map(str::to_owned);
        let known = known_of(object);
        let found = Self::from_section(&device, &section, after, &known).map_err(unexpected)?;
        Ok(Some((found, Some(revision(&file, &device)))))
    }

    async fn create(op: &OpContext<'_>, planned: &Self) -> Result<(), Failure> {
        warn_of_no_effect(op, planned);
        edit(op, planned, |file, device| {
            if file.section(device).is_ok_and(|found| found.is_some()) {
                return Err(Failure::new(Cause::Exists, format!("{device} exists already in {PATH}.")));
            }
            put(file, planned)?;
            place(file, planned)
        })
        .await
    }

    async fn update(op: &OpContext<'_>, from: &Self, revision: Option<&str>, to: &Self) -> Result<(), Failure> {
        warn_of_no_effect(op, to);
        edit(op, to, |file, device| {
            if Some(self::revision(file, device).as_str()) != revision {
                return Err(Failure::new(Cause::Stale, format!("{device} was changed outside of Terraform just now.")));
            }
            let found = file.section(device).map_err(|problem| unexpected(device, &problem))?;
            let found = found.ok_or_else(|| absent(device))?;
            let to = to.with_values_of(&found).map_err(|problem| {
                let what = format!("{device} in {PATH}: {problem}. Nothing was changed. Plan again: the plan adds it.");
                Failure::refused(what)
            })?;
            put(file, &to)?;
            if from.after == to.after { Ok(()) } else { place(file, &to) }
        })
        .await
    }

    async fn delete(op: &OpContext<'_>, state: &Self) -> Result<(), Failure> {
        edit(op, state, |file, device| {
            if file.own_text(device).is_empty() {
                return Err(absent(device));
            }
            file.remove(device);
            Ok(())
        })
        .await
    }

    async fn list(op: &OpContext<'_>) -> Result<Vec<Self>, Failure> {
        let file = read(op, Freshness::Shared).await?;
        let mut found = Vec::new();
        for device in file.devices() {
            let after = file.before(device.name()).map(str::to_owned);
            let section = file.section(&device).and_then(|section| {
                section.map(|section| Self::from_section(&device, &section, after, &Known::default())).transpose()
            });
            match section {
                Ok(noun) => found.extend(noun),
                Err(problem) => op.cx.warn(format!("Left out: fence device {device}"), format!("{PATH}: {problem}.")),
            }
        }
        Ok(found)
    }

    async fn wait_ready(op: &OpContext<'_>, object: &Self) -> Result<(), Failure> {
        if object.verify != Some(true) {
            return Ok(());
        }
        // Only the file has the write-only options.
        let device = object.device();
        let section =
            read(op, Freshness::Fresh).await?.section(&device).map_err(|problem| unexpected(&device, &problem))?;
        let complete = object.with_values_of(&section.ok_or_else(|| absent(&device))?);
        let complete = complete.map_err(|problem| {
            Failure::refused(format!(
                "{device} in {PATH}: {problem}, so that it can't be verified. Plan again: the plan adds it."
            ))
        })?;
        verify::run(op, &complete).await
    }
}

fn file() -> ClusterFile {
    ClusterFile::new(PATH, LockDomain::Ha.lock_name())
}

async fn read(op: &OpContext<'_>, freshness: Freshness) -> Result<FenceCfg, Failure> {
    let text = cluster_file(op, FILE, &file(), freshness).await?;
    Ok(FenceCfg::parse(text.unwrap_or_default().as_bytes()))
}

/// Changes the file under the lock. Whatever `change` refuses leaves it as it is.
async fn edit(
    op: &OpContext<'_>,
    device: &FenceDevice,
    change: impl Fn(&mut FenceCfg, &DeviceId) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let node = any_node(&members(op).await?, None)?.to_owned();
    let id = device.device();
    let mut complaints = Vec::new();
    loop {
        let decide = |text: Option<&str>| {
            let mut cfg = FenceCfg::parse(text.unwrap_or_default().as_bytes());
            change(&mut cfg, &id).map_err(EditFailed::Reported)?;
            complaints = cfg.complaints();
            // The text was read as UTF-8, and what is added is.
            Ok(Edit::Write(String::from_utf8_lossy(&cfg.text()).into_owned()))
        };
        match file().edit(&op.ssh()?, &node, &op.call(), decide).await {
            Ok(_) => break,
            Err(EditFailed::Ssh(error)) if error.kind() == ErrorKind::NoQuorum => {
                await_quorum(op, &id.to_string(), error).await?;
            }
            Err(EditFailed::Ssh(error)) => return Err(ambiguous_failure(&id.to_string())(error)),
            Err(EditFailed::Reported(failure)) => return Err(failure),
        }
    }
    if !complaints.is_empty() {
        op.cx.warn(
            "Proxmox can't read the fence devices",
            format!(
                "{PATH} has errors in lines that Terraform does not manage. Proxmox ignores the whole file until they \
                 are corrected. Correct them manually:\n{}",
                complaints.join("\n")
            ),
        );
    }
    Ok(())
}

/// Writes a device. A plan whose options were unknown could not check that there is one.
fn put(file: &mut FenceCfg, device: &FenceDevice) -> Result<(), Failure> {
    let id = device.device();
    file.put(&id, &device.section()).map_err(|problem| {
        Failure::refused(format!(
            "{id}: {problem}. Nothing was changed.\nSet at least one in `options`, `secret_options` or \
             `secret_options_wo`."
        ))
        .at(Path::attribute("options"))
    })
}

/// Moves a device behind the one that it has to follow.
fn place(file: &mut FenceCfg, device: &FenceDevice) -> Result<(), Failure> {
    let Some(other) = &device.after else { return Ok(()) };
    let id = device.device();
    file.move_after(&id, other).map_err(|problem| {
        Failure::refused(format!(
            "{id} can't be placed after {other}: {problem}. Nothing was changed.\nRefer to the other device as \
             `pve_fence_device.NAME.name`, so that Terraform creates it first."
        ))
        .at(Path::attribute("after"))
    })
}

fn unexpected(device: &DeviceId, problem: &str) -> Failure {
    Failure::refused(format!("{device} in {PATH}: {problem}. Nothing was changed.\nCorrect the file manually."))
}

fn absent(device: &DeviceId) -> Failure {
    Failure::new(Cause::Absent, format!("{device} is not in {PATH}."))
}

fn warn_of_no_effect(op: &OpContext<'_>, device: &FenceDevice) {
    op.cx.warn(
        "Proxmox VE does not use fence devices",
        format!(
            "{}: it is in {PATH} now, but the HA manager of Proxmox VE 8 and 9 never runs a fence agent. The watchdog \
             protects the cluster: a node that loses quorum resets itself before its guests are started elsewhere. See \
             `pve_node_watchdog`, and `watchdog` of `pve_ha_status`.",
            device.device()
        ),
    );
}

/// What an update is compared by: the lines of this device and its place.
fn revision(file: &FenceCfg, device: &DeviceId) -> String {
    let own = String::from_utf8_lossy(&file.own_text(device)).into_owned();
    format!("{}\n{own}", file.before(device.name()).unwrap_or_default())
}

/// The device that a state, plan or import is about.
fn device_of(object: &Value) -> DeviceId {
    let instance = object.at("instance").as_number().and_then(Number::as_i64).unwrap_or(1);
    DeviceId::new(object.at("name").as_str().unwrap_or_default(), instance)
}

/// Which options are secret in a state or plan; after an import nothing is known.
fn known_of(object: &Value) -> Known {
    use pve_schemas::fence_device::KnownOptions;
    let names = |value: &Value| value.as_map().map(|map| map.keys().cloned().collect());
    let elements = |value: &Value| {
        let names = value.elements()?.iter().filter_map(Value::as_str);
        Some(names.map(str::to_owned).collect())
    };
    let options = |value: &Value| KnownOptions {
        open: names(value.at("options")),
        secret: names(value.at("secret_options")),
        write_only: elements(value.at("secret_options_wo_names")),
    };
    let connects = object.at("connect").elements().unwrap_or_default().iter();
    Known {
        device: options(object),
        connects: connects
            .filter_map(|connect| Some((connect.at("node").as_str()?.to_owned(), options(connect))))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use pve_schemas::fence_device::Section;

    use super::*;

    #[test]
    fn a_device_whose_options_turn_out_to_be_none_is_refused() {
        let section = Section { agent: "fence_x".to_owned(), arguments: Vec::new(), connects: Vec::new() };
        let device = FenceDevice::from_section(&DeviceId::new("a", 1), &section, None, &Known::default()).unwrap();
        let mut file = FenceCfg::parse(b"");
        let failure = put(&mut file, &device).unwrap_err();
        assert!(failure.to_string().starts_with("a:1: Proxmox skips a device without options. Nothing was changed."));
        assert!(file.text().is_empty());
    }

    #[test]
    fn ids_name_the_instance_where_it_is_not_the_first() {
        for (text, id) in [("power", "power"), ("power:1", "power"), ("power:2", "power:2")] {
            assert_eq!(FenceDevice::id(&FenceDevice::parse_id(text).unwrap()).as_deref(), Some(id));
        }
        for text in ["", "my-dev", "power:", "power:0", "power:02", "power:x", "a b"] {
            assert!(FenceDevice::parse_id(text).is_err(), "{text}");
        }
        assert_eq!(FenceDevice::id(&Value::object([("name", Value::Unknown)])), None);
    }
}

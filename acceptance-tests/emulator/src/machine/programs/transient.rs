//! `systemd-run`, and what `systemctl` says of its units: a command that runs without a session.
//!
//! The command is carried out at once, like every other one; what it takes is the time until its unit ends.

use super::{Host, Io, Program, Run};
use crate::world::machines::Transient;

pub(super) fn find(name: &str) -> Option<Program> {
    (name == "systemd-run").then_some(run as Program)
}

/// `systemd-run --unit=NAME --property=StandardOutput=truncate:FILE … -- PROGRAM ARGUMENT…`
fn run(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    if !host.is_root() {
        io.err.push_str("Failed to start transient service unit: Interactive authentication required.\n");
        return Ok(1);
    }
    let options: Vec<&String> = arguments.iter().take_while(|word| word.starts_with("--") && *word != "--").collect();
    let value = |prefix: &str| options.iter().find_map(|word| word.strip_prefix(prefix)).map(str::to_owned);
    let (unit, file) = (value("--unit="), value("--property=StandardOutput=truncate:"));
    let (Some(unit), Some(file)) = (unit, file) else {
        io.err.push_str("pve-emulator: systemd-run: only with a unit and a file for its output\n");
        return Ok(1);
    };
    if host.here().transient.contains_key(&unit) {
        io.err.push_str(&format!(
            "Failed to start transient service unit: Unit {unit}.service was already loaded or has a fragment file.\n"
        ));
        return Ok(1);
    }
    let argv: Vec<String> = arguments.iter().skip(options.len()).skip_while(|word| *word == "--").cloned().collect();
    let (before, mut own) = (host.seconds, Io::default());
    let code = host.run(&argv, &mut own)?;
    let takes = std::mem::replace(&mut host.seconds, before) - before;
    let Some(exit) = code else {
        let name = argv.first().map_or("", String::as_str);
        io.err.push_str(&format!("Failed to find executable {name}: No such file or directory\n"));
        return Ok(1);
    };
    let now = host.world.clock.now();
    if let Some(machine) = host.here_mut() {
        machine.disk.write(&file, &(own.out + &own.err), now);
        machine.transient.insert(unit, Transient { ends: now + takes, exit });
    }
    Ok(0)
}

/// `systemctl show`, `stop` and `reset-failed` of a transient unit; nothing where it is about other units.
pub(super) fn control(host: &mut Host<'_>, io: &mut Io, command: &str, arguments: &[String]) -> Option<i32> {
    let name = arguments.last()?.trim_end_matches(".service");
    let unit = host.here().transient.get(name).copied();
    match (command, unit) {
        ("show", unit) => {
            let now = host.world.clock.now();
            let (loaded, active, sub, status) = match unit {
                None => ("not-found", "inactive", "dead", 0),
                Some(unit) if now < unit.ends => ("loaded", "active", "running", 0),
                Some(Transient { exit: 0, .. }) => ("loaded", "active", "exited", 0),
                Some(unit) => ("loaded", "failed", "failed", unit.exit),
            };
            io.out.push_str(&format!(
                "ExecMainStatus={status}\nLoadState={loaded}\nActiveState={active}\nSubState={sub}\n"
            ));
            Some(0)
        }
        ("reset-failed", None) => {
            io.err.push_str(&format!(
                "Failed to reset failed state of unit {name}.service: Unit {name}.service not loaded.\n"
            ));
            Some(1)
        }
        // A stop keeps the state of a unit that has failed.
        ("stop", Some(unit)) => {
            if unit.exit == 0 {
                host.here_mut()?.transient.remove(name);
            }
            Some(0)
        }
        ("reset-failed", Some(_)) => {
            host.here_mut()?.transient.remove(name);
            Some(0)
        }
        _ => None,
    }
}

//! `apt-get` and `uname`: a node's kernel, and a newer one.

use super::{Host, Io, Program, Run, options};

pub(super) fn find(name: &str) -> Option<Program> {
    Some(match name {
        "apt" | "apt-get" => run,
        "uname" => uname,
        _ => return None,
    })
}

fn uname(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    let (letters, _) = options(arguments);
    let machine = host.here();
    let text = match letters.first() {
        Some('r') => machine.kernel.running.clone(),
        Some('n') => machine.name.clone(),
        _ => "Linux".to_owned(),
    };
    io.out.push_str(&format!("{text}\n"));
    Ok(0)
}

/// `apt-get update` and the forms of `upgrade`. Without `-y` they end, since there is no terminal to ask on.
fn run(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    let (letters, words) = options(arguments);
    let Some(&command) = words.first() else {
        io.out.push_str("Usage: apt-get [options] command\n");
        return Ok(1);
    };
    if !host.is_root() {
        io.err.push_str("E: Could not open lock file /var/lib/dpkg/lock-frontend - open (13: Permission denied)\n");
        io.err.push_str("E: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), are you root?\n");
        return Ok(100);
    }
    match command {
        "update" => {
            io.out.push_str("Hit:1 http://download.proxmox.com/debian/pve trixie InRelease\n");
            io.out.push_str("Reading package lists...\n");
            Ok(0)
        }
        "upgrade" | "dist-upgrade" | "full-upgrade" => Ok(upgrade(host, io, letters.contains(&'y'))),
        "autoremove" | "clean" | "autoclean" => {
            io.out.push_str("Reading package lists...\n");
            Ok(0)
        }
        other => {
            io.err.push_str(&format!("E: Invalid operation {other}\n"));
            Ok(100)
        }
    }
}

fn upgrade(host: &mut Host<'_>, io: &mut Io, yes: bool) -> i32 {
    io.out.push_str("Reading package lists...\nBuilding dependency tree...\nCalculating upgrade...\n");
    let Some(release) = host.here().kernel.available.clone() else {
        io.out.push_str("0 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.\n");
        return 0;
    };
    let package = format!("proxmox-kernel-{release}-signed");
    io.out.push_str(&format!("The following NEW packages will be installed:\n  {package}\n"));
    io.out.push_str("0 upgraded, 1 newly installed, 0 to remove and 0 not upgraded.\n");
    if !yes {
        io.out.push_str("Do you want to continue? [Y/n] Abort.\n");
        return 1;
    }
    let now = host.world.clock.now();
    if let Some(machine) = host.here_mut() {
        machine.kernel.available = None;
        machine.install_kernel(&release, now);
    }
    io.out.push_str(&format!("Setting up {package} ({}) ...\n", release.trim_end_matches("-pve")));
    io.out.push_str(&format!("Generating /boot/initrd.img-{release}\n"));
    0
}

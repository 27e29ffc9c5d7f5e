//! Programs about the machine itself, and those that start others.

use crate::world::machines::{QDEVICE_STORE, WATCHDOG_MODULES};

use super::{Host, Io, Program, Run, base_name, options, transient};

pub(super) fn find(name: &str) -> Option<Program> {
    Some(match name {
        "sudo" => sudo,
        "timeout" => timeout,
        "env" => env,
        "sleep" => sleep,
        "hostname" => |host, io, _| say(io, &host.here().name.clone()),
        "id" => |host, io, arguments| match (arguments.first().map(String::as_str), host.is_root()) {
            (Some("-u"), true) => say(io, "0"),
            (Some("-u"), false) => say(io, "1000"),
            (Some("-un"), _) => say(io, &host.user.clone()),
            (_, true) => say(io, "uid=0(root) gid=0(root) groups=0(root)"),
            (_, false) => say(io, &format!("uid=1000({0}) gid=1000({0}) groups=1000({0}),27(sudo)", host.user)),
        },
        "systemctl" => systemctl,
        "dpkg-query" | "dpkg" => dpkg,
        "modinfo" => modinfo,
        "pgrep" => |host, _, arguments| {
            let is_meant = process_filter(arguments);
            Ok(i32::from(!host.processes().iter().any(|line| is_meant(line))))
        },
        "pkill" => |host, _, arguments| {
            let is_meant = process_filter(arguments);
            let ended = host.here_mut().map_or(0, |machine| {
                let before = machine.processes.len();
                machine.processes.retain(|line| !is_meant(line));
                before - machine.processes.len()
            });
            Ok(i32::from(ended == 0))
        },
        "flock" => flock,
        "reboot" => |host, io, _| shut_down(host, io, true),
        "poweroff" => |host, io, _| shut_down(host, io, false),
        _ => return None,
    })
}

/// Which command lines `pgrep` and `pkill` mean: `-x` compares the name of the program, `-f` searches the whole line.
fn process_filter(arguments: &[String]) -> impl Fn(&str) -> bool {
    let (letters, words) = options(arguments);
    let pattern = words.first().copied().unwrap_or_default();
    let pattern = if letters.contains(&'x') { format!("^{pattern}$") } else { pattern.to_owned() };
    let (is_full, pattern) = (letters.contains(&'f'), regex::Regex::new(&pattern));
    move |line| {
        let mut words = line.split(' ').skip_while(|word| matches!(*word, "/usr/bin/perl" | "-T"));
        let name = base_name(words.next().unwrap_or_default());
        pattern.as_ref().is_ok_and(|pattern| pattern.is_match(if is_full { line } else { name }))
    }
}

/// `flock -n -E CODE FILE PROGRAM ARGUMENT…`. Of all programs `pvecm add` alone outlasts its command line here, and with it the lock.
fn flock(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    let ["-n", "-E", code, file, argv @ ..] = &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] else {
        io.err.push_str("pve-emulator: flock: only with -n, -E, a file and a program\n");
        return Ok(64);
    };
    let is_held = host.processes().iter().any(|line| line.starts_with("flock ") && line.contains(file));
    if is_held || host.is_joining {
        return Ok(code.parse().unwrap_or(1));
    }
    if let Err(why) = host.touch(file, None) {
        io.err.push_str(&format!("flock: cannot open lock file {file}: {why}\n"));
        return Ok(66);
    }
    start(host, io, &argv.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
}

fn say(io: &mut Io, text: &str) -> Run {
    io.out.push_str(&format!("{text}\n"));
    Ok(0)
}

/// Runs the program named in the arguments; 127 if there is no such program.
fn start(host: &mut Host<'_>, io: &mut Io, argv: &[String]) -> Run {
    match host.run(argv, io)? {
        Some(code) => Ok(code),
        None => {
            let name = argv.first().map_or("", String::as_str);
            io.err.push_str(&format!("{name}: No such file or directory\n"));
            Ok(127)
        }
    }
}

/// `env NAME=VALUE… PROGRAM`: no program here looks at these variables.
fn env(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    let argv: Vec<String> = arguments.iter().skip_while(|word| word.contains('=')).cloned().collect();
    start(host, io, &argv)
}

fn sleep(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    let Some(seconds) = arguments.first().and_then(|word| word.trim_end_matches('s').parse::<f64>().ok()) else {
        io.err.push_str("sleep: missing operand\nTry 'sleep --help' for more information.\n");
        return Ok(1);
    };
    host.seconds += seconds;
    Ok(0)
}

fn sudo(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    let mut words = arguments.iter().peekable();
    while let Some(word) = words.next_if(|word| word.starts_with('-')) {
        match word.as_str() {
            "--" => break,
            "-u" | "-g" => drop(words.next()),
            _ => {}
        }
    }
    let argv: Vec<String> = words.cloned().collect();
    if !host.is_root() && !host.here().sudo {
        io.err.push_str("sudo: a password is required\n");
        return Ok(1);
    }
    if argv.is_empty() {
        return Ok(0);
    }
    let user = std::mem::replace(&mut host.user, "root".to_owned());
    let outcome = host.run(&argv, io);
    host.user = user;
    match outcome? {
        Some(code) => Ok(code),
        None => {
            io.err.push_str(&format!("sudo: {}: command not found\n", argv[0]));
            Ok(1)
        }
    }
}

fn systemctl(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    let (letters, words) = options(arguments);
    let quiet = letters.contains(&'q');
    let Some((command, names)) = words.split_first() else { return Ok(0) };
    if matches!(*command, "reboot" | "poweroff") {
        return shut_down(host, io, *command == "reboot");
    }
    if let Some(code) = transient::control(host, io, command, arguments) {
        return Ok(code);
    }
    let mut code = 0;
    for name in names {
        let name = name.trim_end_matches(".service");
        let found = host.here().units.get(name).copied();
        let unit = found.unwrap_or_default();
        match *command {
            "is-active" => {
                if !quiet {
                    io.out.push_str(if unit.active { "active\n" } else { "inactive\n" });
                }
                // systemd 257 distinguishes a missing unit from an inactive one.
                code = if unit.active { 0 } else { 3 + i32::from(found.is_none()) };
            }
            "is-enabled" => {
                let word = match (found, unit.enabled) {
                    (None, _) => "not-found\n",
                    (_, true) => "enabled\n",
                    (_, false) => "disabled\n",
                };
                if !quiet {
                    io.out.push_str(word);
                }
                code = if unit.enabled {
                    0
                } else if found.is_none() {
                    4
                } else {
                    1
                };
            }
            "start" | "stop" | "restart" | "reload" | "enable" | "disable" | "status" | "daemon-reload" => {
                if found.is_none() {
                    io.err.push_str(&format!("Failed to {command} {name}.service: Unit {name}.service not found.\n"));
                    code = 5;
                    continue;
                }
                if !host.is_root() && *command != "status" {
                    io.err.push_str(&format!("Failed to {command} {name}.service: Access denied\n"));
                    code = 4;
                    continue;
                }
                if name == "watchdog-mux" && matches!(*command, "restart" | "stop") {
                    // Its clients, the managers, hold it.
                    io.err.push_str("Failed to stop watchdog-mux.service: Operation refused, unit watchdog-mux.service may be requested by dependency only\n");
                    code = 4;
                    continue;
                }
                let now = letters.contains(&'n');
                let starts = matches!(*command, "start" | "restart") || (*command == "enable" && now);
                if name == "corosync-qdevice" && starts && !can_run_qdevice(host) {
                    io.err.push_str(&format!(
                        "Job for {name}.service failed because the control process exited with error code.\nSee \"systemctl \
                         status {name}.service\" and \"journalctl -xeu {name}.service\" for details.\n"
                    ));
                    code = 1;
                    continue;
                }
                let (active, enabled) = match *command {
                    "start" | "restart" => (true, unit.enabled),
                    "stop" => (false, unit.enabled),
                    "enable" => (unit.active || now, true),
                    "disable" => (unit.active && !now, false),
                    _ => (unit.active, unit.enabled),
                };
                if let Some(machine) = host.here_mut() {
                    machine.set_unit(name, active, enabled);
                }
                if name == "corosync" {
                    host.world.corosync_runs(&host.machine, active);
                }
            }
            _ => {}
        }
    }
    Ok(code)
}

/// The daemon ends at once without a device in corosync's configuration, and without its certificates.
fn can_run_qdevice(host: &Host<'_>) -> bool {
    host.world.qdevice.is_some() && host.here().disk.is_dir(QDEVICE_STORE)
}

fn dpkg(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    let (mut format, mut names, mut status, mut words) = (None, Vec::new(), false, arguments.iter());
    while let Some(word) = words.next() {
        match word.as_str() {
            "-W" | "--show" => {}
            "-f" => format = words.next().cloned(),
            "-s" | "-l" | "--status" => status = true,
            other => match other
                .strip_prefix("-f=")
                .or_else(|| other.strip_prefix("--showformat="))
                .or_else(|| other.strip_prefix("-f"))
            {
                Some(value) => format = Some(value.to_owned()),
                None => names.push(word.clone()),
            },
        }
    }
    let mut code = 0;
    for name in names {
        let Some(version) = host.here().packages.get(&name).cloned() else {
            if status {
                io.err.push_str(&format!(
                    "dpkg-query: package '{name}' is not installed and no information is available\n\
                     Use dpkg --info (= dpkg-deb --info) to examine archive files.\n"
                ));
            } else {
                io.err.push_str(&format!("dpkg-query: no packages found matching {name}\n"));
            }
            code = 1;
            continue;
        };
        let text = match (&format, status) {
            (Some(format), _) => format
                .replace("${Package}", &name)
                .replace("${binary:Package}", &name)
                .replace("${Version}", &version)
                .replace("${db:Status-Status}", "installed")
                .replace("${db:Status-Abbrev}", "ii ")
                .replace("${Status}", "install ok installed")
                .replace("\\n", "\n")
                .replace("\\t", "\t"),
            (None, true) => format!("Package: {name}\nStatus: install ok installed\nVersion: {version}\n"),
            (None, false) => format!("{name}\t{version}\n"),
        };
        io.out.push_str(&text);
    }
    Ok(code)
}

/// `modinfo -F filename MODULE`
fn modinfo(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    let Some(module) = arguments.last() else { return Ok(1) };
    if !WATCHDOG_MODULES.contains(&module.as_str()) {
        io.err.push_str(&format!("modinfo: ERROR: Module {module} not found.\n"));
        return Ok(1);
    }
    let kernel = host.here().kernel.running.clone();
    let path = format!("/lib/modules/{kernel}/kernel/drivers/watchdog/{module}.ko");
    let field = arguments.iter().position(|word| word == "-F").and_then(|at| arguments.get(at + 1));
    match field.map(String::as_str) {
        Some("filename") | None => say(io, &path),
        Some(_) => Ok(0),
    }
}

fn timeout(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    let mut words = arguments.iter().peekable();
    while let Some(word) = words.next_if(|word| word.starts_with('-')) {
        if matches!(word.as_str(), "-k" | "-s") {
            words.next();
        }
    }
    let limit: f64 = words.next().and_then(|limit| limit.trim_end_matches('s').parse().ok()).unwrap_or(f64::MAX);
    let before = host.seconds;
    let argv: Vec<String> = words.cloned().collect();
    let code = start(host, io, &argv)?;
    if host.seconds - before > limit {
        host.seconds = before + limit;
        return Ok(124);
    }
    Ok(code)
}

fn shut_down(host: &mut Host<'_>, io: &mut Io, reboot: bool) -> Run {
    if !host.is_root() {
        io.err.push_str("Call to Reboot failed: Interactive authentication required.\n");
        return Ok(1);
    }
    let node = host.machine.clone();
    host.world.shut_down(&node, reboot);
    Ok(0)
}

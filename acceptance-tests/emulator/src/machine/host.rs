//! The interface of a machine to its programs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::line::{self, Refused};
use super::{Io, Request, Run, Stop, programs};
use crate::control::commands::{Commands, Plan};
use crate::pipeline::Cluster;
use crate::site::{Neighbour, Printed};
use crate::world::{Machine, World};

/// A machine and the user at work on it.
pub(crate) struct Host<'w> {
    pub(super) cluster: &'w Cluster,
    pub(super) world: &'w mut World,
    pub(super) commands: &'w Commands,
    pub(super) machine: String,
    pub(super) user: String,
    pub(super) seconds: f64,
    /// The nodes of other clusters, and those in none.
    pub(super) neighbours: Vec<Neighbour>,
    /// Whether a `pvecm add` that was begun before is at work here.
    pub(super) is_joining: bool,
    /// A join that the program waits for.
    pub(super) waits: Option<Arc<Mutex<Printed>>>,
    /// The program that runs.
    pub(super) program: String,
    /// What the client has sent of its locale.
    environment: BTreeMap<String, String>,
    /// The command lines of the programs that have started one another, each with its machine.
    running: Vec<(String, String)>,
}

impl<'w> Host<'w> {
    pub(super) fn new(cluster: &'w Cluster, world: &'w mut World, commands: &'w Commands, request: &Request) -> Self {
        Self {
            cluster,
            world,
            commands,
            machine: request.machine.clone(),
            user: request.user.clone(),
            seconds: 0.0,
            neighbours: Vec::new(),
            is_joining: false,
            waits: None,
            program: String::new(),
            environment: request.environment.clone(),
            running: Vec::new(),
        }
    }

    /// Carries out a command line, as sshd has the login shell do it.
    pub(super) fn login(&mut self, line: &str, io: &mut Io) -> Run {
        let argv = match line::words(line) {
            Ok(argv) => argv,
            Err(refused) => return Ok(self.refuse(&refused, io)),
        };
        Ok(match self.run(&argv, io)? {
            Some(code) => code,
            None => {
                io.err.push_str(&format!("bash: line 1: {}: command not found\n", argv[0]));
                127
            }
        })
    }

    /// Says that something would need a shell.
    pub(super) fn refuse(&self, refused: &Refused, io: &mut Io) -> i32 {
        io.err.push_str(&format!("pve-emulator: {refused}\n"));
        Refused::EXIT
    }

    /// Runs a program with whatever fault is in wait for it; nothing if there is no such program.
    pub(super) fn run(&mut self, argv: &[String], io: &mut Io) -> Run<Option<i32>> {
        let Some((name, arguments)) = argv.split_first() else { return Ok(Some(0)) };
        let fault = self.commands.faults.next(&self.machine, &argv.join(" "));
        self.program = programs::base_name(name).to_owned();
        // Where it hangs, it stays on the list together with whatever has started it.
        self.running.push((self.machine.clone(), argv.join(" ")));
        let code = self.run_with(fault, name, arguments, io)?;
        self.running.pop();
        Ok(code)
    }

    fn run_with(&mut self, fault: Option<Plan>, name: &str, arguments: &[String], io: &mut Io) -> Run<Option<i32>> {
        if let Some(plan) = &fault {
            self.seconds += plan.delay;
            if let Some(code) = before(plan, io)? {
                return Ok(Some(code));
            }
        }
        let Some(program) = programs::find(self, name) else { return Ok(None) };
        self.commands.count(&self.program);
        let code = program(self, io, arguments)?;
        match fault {
            Some(plan) => after(&plan, io, code).map(Some),
            None => Ok(Some(code)),
        }
    }

    /// What hangs keeps running on its machine, with everything that waits for it.
    pub(super) fn leave_running(&mut self) {
        for (machine, line) in std::mem::take(&mut self.running) {
            if let Some(machine) = self.world.machines.get_mut(&machine) {
                machine.processes.insert(line);
            }
        }
    }

    /// The command lines of what runs here.
    pub(super) fn processes(&self) -> Vec<String> {
        let joining = self.is_joining.then(|| "/usr/bin/perl -T /usr/bin/pvecm add MEMBER".to_owned());
        self.here().processes.iter().cloned().chain(joining).collect()
    }

    /// Becomes another program of the same package.
    pub(super) fn call(&mut self, argv: &[&str], io: &mut Io) -> Run {
        let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
        Ok(self.run(&argv, io)?.unwrap_or(255))
    }

    /// A command line on another machine, as ssh runs it there.
    pub(super) fn on(&mut self, machine: &str, user: &str, line: &str, io: &mut Io) -> Run {
        let back = (self.machine.clone(), self.user.clone(), self.world.answering_node.clone());
        self.machine = machine.to_owned();
        self.user = user.to_owned();
        if self.world.nodes.contains_key(machine) {
            self.world.answering_node = machine.to_owned();
        }
        let outcome = self.login(line, io);
        (self.machine, self.user, self.world.answering_node) = back;
        outcome
    }

    pub(super) fn here(&self) -> &Machine {
        // A command runs on a machine that exists; a node that was taken out of the cluster keeps its machine.
        &self.world.machines[&self.machine]
    }

    /// The same, to be changed.
    pub(super) fn here_mut(&mut self) -> Option<&mut Machine> {
        self.world.machines.get_mut(&self.machine)
    }

    pub(super) fn is_root(&self) -> bool {
        self.user == "root"
    }

    pub(super) fn is_node(&self) -> bool {
        self.here().is_node
    }

    /// The folder that a relative path begins in.
    pub(super) fn home(&self) -> String {
        if self.is_root() { "/root".to_owned() } else { format!("/home/{}", self.user) }
    }

    /// A text in the quotes of the locale, as some tools write names.
    pub(super) fn quoted(&self, text: &str) -> String {
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(|name| self.environment.get(*name));
        match locale.map(String::as_str) {
            Some("C" | "POSIX") => format!("'{text}'"),
            _ => format!("‘{text}’"),
        }
    }

    /// The node of another cluster with that name or address, unless one of this cluster has it.
    pub(super) fn neighbour(&self, name: &str) -> Option<&Neighbour> {
        if self.world.machine_at(name).is_some() {
            return None;
        }
        self.neighbours.iter().find(|node| node.name == name || node.addresses.iter().any(|address| address == name))
    }

    /// Whether a TCP connection to a port is possible, and if not, why.
    pub(super) fn tcp(&self, host: &str, port: &str) -> Result<(), &'static str> {
        if let Some(node) = self.neighbour(host) {
            let listens = node.reachable && matches!(port, "22" | "8006");
            return if listens {
                Ok(())
            } else {
                Err(if node.reachable { "Connection refused" } else { "No route to host" })
            };
        }
        let machine = self.world.machine_at(host).ok_or("No route to host")?;
        if !self.world.is_reachable(machine) {
            return Err("No route to host");
        }
        let listens = match port {
            "22" => machine.is_active("ssh"),
            "5403" => self.world.qnetd_listens(&machine.address),
            "8006" => machine.is_node,
            _ => false,
        };
        if listens { Ok(()) } else { Err("Connection refused") }
    }

    /// Whether a UDP port takes packets: those of corosync do.
    pub(super) fn takes_packets(&self, host: &str, port: &str) -> bool {
        let own = self.world.machines.values().filter(|machine| machine.is_node && self.world.is_reachable(machine));
        let own = own.flat_map(|machine| self.world.corosync_sockets(&machine.name));
        let others = self.neighbours.iter().filter(|node| node.reachable).flat_map(|node| node.corosync.clone());
        own.chain(others).any(|(address, number)| address == host && number.to_string() == port)
    }
}

fn before(plan: &Plan, io: &mut Io) -> Run<Option<i32>> {
    if plan.cut_before {
        return Err(Stop::Cut);
    }
    if plan.hang_before {
        return Err(Stop::Hang);
    }
    if !plan.fails_before {
        return Ok(None);
    }
    io.out.push_str(&plan.stdout);
    io.err.push_str(&plan.stderr);
    Ok(Some(plan.exit))
}

fn after(plan: &Plan, io: &mut Io, code: i32) -> Run {
    if plan.cut_after {
        return Err(Stop::Cut);
    }
    if plan.hang_after {
        return Err(Stop::Hang);
    }
    if !plan.fails_after {
        return Ok(code);
    }
    io.out.push_str(&plan.stdout);
    io.err.push_str(&plan.stderr);
    Ok(plan.exit)
}

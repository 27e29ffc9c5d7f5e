//! The table of the commands after `do`.

use clap::{Arg, ArgAction, Command};

use super::{DO, Offer, PROGRAM, arguments, explained, outcome};
use crate::framework::BoundAction;
use crate::terminal::ssh_node;

/// A command after `do`.
#[derive(Debug)]
pub struct Entry {
    /// What is typed.
    pub words: &'static [&'static str],
    /// The action, or the procedure, that it runs.
    pub operation: &'static str,
    /// The arguments of an example.
    pub example: &'static str,
}

/// Every command, in the order of the help.
pub const COMMANDS: &[Entry] = &[
    entry(&["migrate"], "pve_guest_migrate", "vm:104 pve2"),
    entry(&["ha-migrate"], "pve_ha_migrate", "vm:100 pve2"),
    entry(&["relocate"], "pve_ha_relocate", "vm:100 pve3"),
    entry(&["evacuate"], "pve_node_evacuate", "pve1 --shutdown vm:110"),
    entry(&["reboot"], "pve_node_reboot", "pve1"),
    entry(&["restore"], "pve_node_restore", "pve1"),
    entry(&["roll"], "roll", ROLL),
    entry(&["wake"], "pve_node_wake", "pve4"),
    entry(&["disarm"], "pve_ha_disarm", "freeze --for 30m"),
    entry(&["arm"], "pve_ha_arm", ""),
    entry(&["replicate"], "pve_replication_run", "100-0"),
    entry(&["backup", "run"], "pve_backup_run", "nightly"),
    entry(&["drill"], "drill", "node-crash --node pve2 --guest vm:101"),
    entry(&["notify", "test"], "pve_notification_test", "mail-to-root"),
];

/// Without questions, and with the configuration files that the node has. A terminal may break long lines in the middle of the
/// quotes, so it has line breaks that a shell removes.
const ROLL: &str = "--run \"sh -c 'apt-get update && \\\n    DEBIAN_FRONTEND=noninteractive apt-get -y \\\n    \
                    -o Dpkg::Options::=--force-confold dist-upgrade'\"";

const fn entry(words: &'static [&'static str], operation: &'static str, example: &'static str) -> Entry {
    Entry { words, operation, example }
}

/// First words that more than one command may have, and what these are about.
const GROUPS: &[(&str, &str)] = &[("backup", "Backup jobs"), ("notify", "Notification targets")];

pub(super) const DRY_RUN: &str = "dry-run";
pub(super) const JSON: &str = "json";

impl Entry {
    /// What is typed, with spaces.
    pub fn name(&self) -> String {
        self.words.join(" ")
    }

    /// A whole command line.
    pub fn example_line(&self) -> String {
        [PROGRAM, DO, &self.name(), self.example].join(" ").trim_end().to_owned()
    }

    fn command(&self, offer: &Offer) -> Option<Command> {
        let (last, _) = self.words.split_last()?;
        let block = &offer.operation(self.operation)?.schema().block;
        let description = explained::text(&block.description, block);
        let command = Command::new(*last)
            .about(explained::summary(&description))
            .long_about(description)
            .args(arguments::of(block))
            .args(common())
            .after_help(format!("Example: {}", self.example_line()))
            .after_long_help(format!("Example:\n  {}\n\n{}", self.example_line(), outcome::CODES));
        Some(command)
    }
}

/// A command with its required arguments, as in `do notify test TARGET`.
pub fn usage(entry: &Entry, operation: BoundAction<'_>) -> String {
    let required = operation.schema().block.attributes.iter().filter(|attribute| attribute.required);
    let arguments = required.map(|attribute| format!(" {}", attribute.name.to_uppercase()));
    format!("{DO} {}{}", entry.name(), arguments.collect::<String>())
}

/// The options of every command.
fn common() -> [Arg; 4] {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help).help_heading("Common options")
    };
    [
        flag(DRY_RUN, "Print what the command would do, and change nothing"),
        // There is no way to only queue: a script that names the wait reads as it acts.
        flag("wait", "Wait for the effect, as every command does without it"),
        flag(JSON, "Write JSON Lines to stdout: the plan, the progress, the diagnostics, the result"),
        ssh_node().help_heading("Common options"),
    ]
}

/// `do` with all commands.
pub(super) fn tree(offer: &Offer) -> Command {
    let mut tree = Command::new(DO)
        .about("Runs an operation on the cluster, and waits for its effect")
        .long_about(LONG)
        .after_long_help(outcome::CODES)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true);
    for entry in COMMANDS {
        let Some(command) = entry.command(offer) else { continue };
        let [group, _] = entry.words else {
            tree = tree.subcommand(command);
            continue;
        };
        if tree.find_subcommand(group).is_none() {
            let about = GROUPS.iter().find(|(name, _)| name == group).map_or("", |(_, about)| about);
            let group = Command::new(*group).about(about).subcommand_required(true).arg_required_else_help(true);
            tree = tree.subcommand(group.disable_help_subcommand(true));
        }
        tree = tree.mut_subcommand(*group, |group| group.subcommand(command));
    }
    tree
}

const LONG: &str = "\
Runs an operation on the cluster, and waits for its effect. The actions of Terraform 1.14 and later run the same \
operations.

The endpoint and the credentials come from the environment, as for the provider block: PROXMOX_VE_ENDPOINT, \
PROXMOX_VE_API_TOKEN, PROXMOX_VE_CA_CERTIFICATE and so on, and PROXMOX_VE_SSH_* for what only the nodes can do.

Ctrl-C stops an operation in order: what is under way comes to a safe end, and the command says what that is. A second \
Ctrl-C ends the command at once.";

//! One run of `vzdump` on one node (`PVE::API2::VZDump`, `PVE::VZDump`): a task that backs up the guests which are there now.

use super::permissions::DEFAULT_STORAGE;
use super::selection::{self, is_set};
use super::state::{self, Record};
use crate::api::notifications;
use crate::api::notifications::event::{BackedUp, Backup};
use crate::schema::check::perl_text;
use crate::schema::params::split_list;
use crate::section_config::Values;
use crate::world::World;
use crate::world::tasks::{Effect, NewTask};

/// How long the backup of one guest takes.
const GUEST_SECONDS: i64 = 3;
/// For how many minutes a run waits for the one before it.
const LOCK_WAIT: i64 = 180;

/// What is to be run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run<'a> {
    /// Where.
    pub(super) node: &'a str,
    /// The user who started it.
    pub(super) user: &'a str,
    /// The job whose schedule starts it.
    pub(super) job: Option<&'a str>,
    /// The parameters.
    pub(super) options: &'a Values,
    /// The guests that the user may not back up.
    pub(super) refused: &'a [u32],
}

/// Starts a run; its task. No task is started where the node has no guest of it, unless it is to back up all.
pub(super) fn start(world: &mut World, run: &Run<'_>) -> Option<String> {
    let all = is_set(run.options, "all");
    let mut by_node = selection::included(world, run.options);
    let mut guests = by_node.remove(run.node).unwrap_or_default();
    // Guests that are gone fail visibly, on every node.
    let gone = by_node.remove("").unwrap_or_default();
    guests.extend(&gone);
    if is_set(run.options, "stop") {
        state::node_lost(world, run.node);
    }
    if guests.is_empty() && !all {
        return None;
    }
    let id = if let [only] = guests[..] { only.to_string() } else { String::new() };
    let Plan { log, seconds, guests: backed_up, error } = plan(world, run, &guests, &gone);
    let result = Backup {
        node: run.node.to_owned(),
        job: run.job.map(str::to_owned),
        guests: backed_up,
        seconds,
        log: log.clone(),
        error,
    };
    let effect = Effect::Backup { result: Box::new(result), notifies: !is_by_mail(run.options) };
    let upid =
        world.start_task(NewTask { node: run.node, kind: "vzdump", id: &id, user: run.user, seconds, log, effect });
    let (node, job) = (run.node.to_owned(), run.job.map(str::to_owned));
    world.backup.runs.push(Record { upid: upid.clone(), node, job, guests });
    Some(upid)
}

/// Whether the result is sent to the addresses of the job instead of the notification system: `notification-mode`, of
/// which `auto` looks at `mailto`.
fn is_by_mail(options: &Values) -> bool {
    match options.get("notification-mode").map(perl_text).as_deref() {
        Some("legacy-sendmail") => true,
        Some("notification-system") => false,
        _ => options.get("mailto").is_some_and(|mailto| !perl_text(mailto).is_empty()),
    }
}

/// The end of a run: it is notified of, whether it failed or not.
///
/// # Errors
/// What it failed of.
pub(crate) fn end(world: &mut World, result: &Backup, notifies: bool) -> Result<(), String> {
    if notifies {
        notifications::backup_finished(world, result);
    }
    match &result.error {
        Some(error) => Err(error.clone()),
        None if result.guests.iter().any(|guest| guest.error.is_some()) => Err("job errors".to_owned()),
        None => Ok(()),
    }
}

/// What a task is going to do.
struct Plan {
    log: Vec<String>,
    seconds: i64,
    guests: Vec<BackedUp>,
    /// What fails before the first guest.
    error: Option<String>,
}

fn plan(world: &mut World, run: &Run<'_>, guests: &[u32], gone: &[u32]) -> Plan {
    let failed =
        |error: String, log: Vec<String>, seconds| Plan { log, seconds, guests: Vec::new(), error: Some(error) };
    if let Err(error) = target(world, run) {
        return failed(error, Vec::new(), 1);
    }
    let wait = busy_for(world, run.node);
    let most = 60 * run.options.get("lockwait").map_or(LOCK_WAIT, |wait| perl_text(wait).parse().unwrap_or(LOCK_WAIT));
    let mut log = Vec::new();
    if wait > 0 {
        log.push("INFO: trying to get global lock - waiting...".to_owned());
    }
    if wait > most {
        return failed("can't acquire lock '/var/run/vzdump.lock' - got timeout".to_owned(), log, most);
    }
    if wait > 0 {
        log.push("INFO: got global lock".to_owned());
    }
    log.push(format!("INFO: starting new backup job: vzdump {}", command_line(run.options)));
    // Of all guests only those are backed up which the user may back up.
    let own: Vec<u32> = guests.iter().copied().filter(|vmid| !run.refused.contains(vmid)).collect();
    if let Some(refused) = run.refused.first().filter(|_| !is_set(run.options, "all")) {
        return failed(format!("Permission check failed (/vms/{refused}, VM.Backup)"), log, wait + 1);
    }
    let mut guests = Vec::new();
    for vmid in own {
        let error = match gone.contains(&vmid) {
            true => Some(format!("unable to find VM '{vmid}'")),
            false => world.backup.failing.meets(vmid).then(|| "backup storage is not available".to_owned()),
        };
        log.extend(guest_log(world, vmid, error.as_deref()));
        let name = world.guests.get(&vmid).map(|guest| guest.name.clone()).unwrap_or_default();
        guests.push(BackedUp { vmid, name, seconds: GUEST_SECONDS, size: 0, file: String::new(), error });
    }
    let errors = guests.iter().any(|guest| guest.error.is_some());
    log.push(format!("INFO: Backup job finished {}", if errors { "with errors" } else { "successfully" }));
    let seconds = wait + 1 + GUEST_SECONDS * i64::try_from(guests.len()).unwrap_or(0);
    Plan { log, seconds, guests, error: None }
}

/// Whether the node can write backups to where they go.
fn target(world: &World, run: &Run<'_>) -> Result<(), String> {
    if run.options.contains_key("dumpdir") {
        return Ok(());
    }
    let id = run.options.get("storage").map_or_else(|| DEFAULT_STORAGE.to_owned(), perl_text);
    let unknown = |why: String| format!("could not get storage information for '{id}': {why}");
    let inactive = |why: String| format!("could not activate storage '{id}': {why}");
    let storage = world.storage(&id).ok_or_else(|| unknown(format!("storage '{id}' does not exist")))?;
    if !split_list(storage.content()).iter().any(|content| content == "backup") {
        return Err(unknown(format!("can't use storage '{id}' for backups - wrong content type")));
    }
    if !storage.is_on(run.node) {
        return Err(inactive(format!("storage '{id}' is not available on node '{}'", run.node)));
    }
    if storage.option("disable").is_some_and(|flag| flag != "0") {
        return Err(inactive(format!("storage '{id}' is disabled")));
    }
    if world.is_offline(&id, run.node) {
        return Err(inactive(format!("storage '{id}' is not online")));
    }
    Ok(())
}

/// For how long the runs that a node has begun keep it busy: there is one at a time.
fn busy_for(world: &World, node: &str) -> i64 {
    let own = world.tasks.iter().filter(|task| task.node == node && task.kind == "vzdump" && task.status.is_none());
    own.map(|task| task.end - world.now()).max().unwrap_or(0).max(0)
}

fn guest_log(world: &World, vmid: u32, error: Option<&str>) -> Vec<String> {
    let Some(kind) = world.guests.get(&vmid).map(|guest| guest.kind) else {
        return vec![format!("ERROR: Backup of VM {vmid} failed - {}", error.unwrap_or_default())];
    };
    let (label, kind) = (kind.label(), kind.as_str());
    let last = match error {
        Some(error) => format!("ERROR: Backup of {label} {vmid} failed - {error}"),
        None => format!("INFO: Finished Backup of {label} {vmid} (00:00:03)"),
    };
    vec![format!("INFO: Starting Backup of {label} {vmid} ({kind})"), last]
}

/// The options of the run as its log repeats them.
fn command_line(options: &Values) -> String {
    let guests = options.get("vmid").map(|ids| split_list(&perl_text(ids)).join(" "));
    let others = options.iter().filter(|(name, _)| name.as_str() != "vmid");
    let words = others.flat_map(|(name, value)| {
        let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        values.into_iter().map(move |value| format!("--{name} {}", quoted(&perl_text(&value))))
    });
    guests.into_iter().chain(words).collect::<Vec<_>>().join(" ")
}

/// `String::ShellQuote::shell_quote`
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_!%+,-./:@^".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

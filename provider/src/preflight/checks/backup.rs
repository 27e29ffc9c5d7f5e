//! HA guests without a backup, and backup jobs that fail those guests.

use pve_schemas::backup::{Mailed, Notification};

use crate::framework::Path;
use crate::preflight::finding::{Finding, general_warning, warning};
use crate::preflight::objects::{CheckedBackup, Object};
use crate::preflight::safeguards::{Jobs, Protected};
use crate::preflight::view::{CheckCase, list};

/// What the check of HA guests without a backup is called.
pub const MISSES: &str = "backup-misses-ha-guest";

/// HA resources whose guests no enabled job backs up.
pub fn backup_misses_ha_guest(case: &CheckCase<'_>) -> Vec<Finding> {
    let missed = missed(case).unwrap_or_default();
    let news: Vec<&str> =
        missed.iter().map(|guest| guest.sid.as_ref()).filter(|sid| case.is_news(format!("{MISSES} {sid}"))).collect();
    if news.is_empty() {
        return Vec::new();
    }
    let (is, it) = if news.len() == 1 { ("is", "it") } else { ("are", "them") };
    vec![general_warning(format!(
        "{} {is} in no enabled backup job. HA recovers a guest with the data it has; only a backup restores damaged or \
         deleted data.\nUnless this plan adds {it}, add {it} to a `pve_backup_job`.",
        list(news)
    ))]
}

/// The HA guests that no job backs up, where the object has to do with that.
pub fn missed<'a>(case: &CheckCase<'a>) -> Option<Vec<Protected<'a>>> {
    let concerns = match case.any() {
        Object::BackupJob(_) => true,
        Object::Resource(_) => case.changed().is_some(),
        _ => false,
    };
    let jobs = case.view.backup_jobs().filter(|_| concerns)?;
    Some(case.view.protected()?.into_iter().filter(|guest| jobs.miss(guest)).collect())
}

/// `mailnotification` that changes nothing.
pub fn backup_mail_ignored(case: &CheckCase<'_>) -> Vec<Finding> {
    let Some((name, job)) = backup(case) else { return Vec::new() };
    let Some(Some(mailed)) = job.noun.mailnotification else { return Vec::new() };
    let mailed = match mailed {
        Mailed::Always => "always",
        Mailed::Failure => "failure",
    };
    let (why, remedy) = if job.noun.notification_mode == Some(Some(Notification::NotificationSystem)) {
        (
            "with `notification_mode = \"notification-system\"`",
            "Remove it, and select the results with a `pve_notification_matcher`.",
        )
    } else if matches!(job.noun.mailto, Some(None)) {
        ("without `mailto`", "Set `mailto`, or remove it and select the results with a `pve_notification_matcher`.")
    } else {
        return Vec::new();
    };
    let detail = format!("{name}: Proxmox ignores `mailnotification = {mailed:?}` {why}.\n{remedy}");
    vec![warning(Some(Path::attribute("mailnotification")), detail)]
}

/// A job that runs on one node only, though HA moves its guests to others.
pub fn backup_node_pinned(case: &CheckCase<'_>) -> Vec<Finding> {
    let Some(jobs) = case.view.backup_jobs() else { return Vec::new() };
    if let Some((sid, resource)) = case.resource() {
        let lost = case.view.protect(resource).is_some_and(|guest| !lost(case, &jobs, &guest).is_empty());
        if !lost || !case.is_news(format!("backup-node-pinned {sid}")) {
            return Vec::new();
        }
        let detail = format!(
            "{sid}: the backup jobs of its guest are restricted to single nodes. After a failover to another node the \
             guest is not backed up.\nRemove `node` from a job of the guest."
        );
        return vec![warning(Some(Path::attribute("sid")), detail)];
    }
    let Some((name, job)) = backup(case) else { return Vec::new() };
    let Some(coverage) = job.coverage.as_ref().filter(|coverage| coverage.enabled) else { return Vec::new() };
    let Some(node) = &coverage.node else { return Vec::new() };
    let protected = case.view.protected().unwrap_or_default();
    let selected = protected.iter().filter(|guest| guest.is_in(coverage) && !lost(case, &jobs, guest).is_empty());
    let news = selected.map(|guest| guest.sid.as_ref()).filter(|sid| case.is_news(format!("backup-node-pinned {sid}")));
    let news: Vec<&str> = news.collect();
    if news.is_empty() {
        return Vec::new();
    }
    let detail = format!(
        "{name}: the job runs on {node} only, and HA moves {} to other nodes. After a failover the job skips these \
         guests, and no other job backs them up there.\nRemove `node`: each node then backs up the guests that it has.",
        list(news)
    );
    vec![warning(Some(Path::attribute("node")), detail)]
}

/// The nodes on which the guest would be without a backup.
fn lost<'a>(case: &CheckCase<'a>, jobs: &Jobs, guest: &Protected<'_>) -> Vec<&'a str> {
    case.view.cluster.map(|cluster| jobs.lose_on(guest, cluster.nodes.iter())).unwrap_or_default()
}

/// A target storage that is gone together with a node.
pub fn backup_storage_local(case: &CheckCase<'_>) -> Vec<Finding> {
    let Some((name, job)) = backup(case).filter(|(_, job)| job.noun.enabled() == Some(true)) else { return Vec::new() };
    let Some(storage) = &job.storage else { return Vec::new() };
    let id = storage.as_deref().unwrap_or("local");
    let Some(found) = case.view.live.storages().and_then(|all| all.iter().find(|one| one.id == id)) else {
        return Vec::new();
    };
    let path = Some(Path::attribute("storage"));
    let which =
        if storage.is_some() { format!("the storage {id}") } else { "the storage `local`, the default,".to_owned() };
    if !found.shared {
        return vec![warning(
            path,
            format!(
                "{name}: {which} is not shared, so each node keeps its backups on its own disks. When a node fails, the \
                 backups of its guests fail with it.\nUse a shared storage or a Proxmox Backup Server."
            ),
        )];
    }
    let Some(cluster) = case.view.cluster else { return Vec::new() };
    let without: Vec<&str> = cluster.nodes.iter().map(|node| node.as_ref()).filter(|node| !found.is_on(node)).collect();
    // A job of one node needs it there only.
    let node = job.coverage.as_ref().and_then(|coverage| coverage.node.as_deref());
    if without.is_empty() || node.is_some_and(|node| !without.contains(&node)) {
        return Vec::new();
    }
    vec![warning(
        path,
        format!(
            "{name}: {which} does not exist on {}. The job fails there, so a guest that HA has moved there is not backed \
             up.\nMake the storage available on all nodes.",
            list(without)
        ),
    )]
}

/// The backup job that is to be created, changed or replaced, and its name for messages.
fn backup<'a>(case: &CheckCase<'a>) -> Option<(String, &'a CheckedBackup)> {
    match case.changed()? {
        Object::BackupJob(job) => Some((
            job.name.as_ref().map_or_else(|| "The backup job".to_owned(), |name| format!("Backup job {name}")),
            job,
        )),
        _ => None,
    }
}

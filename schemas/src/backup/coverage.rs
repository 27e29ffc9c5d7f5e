//! Which guests a backup job covers.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::value::Entry;

/// A guest, as far as it matters to a job. Templates are backed up like any other guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guest<'a> {
    /// Its id.
    pub vmid: u64,
    /// The node it is on.
    pub node: &'a str,
    /// Its pool.
    pub pool: Option<&'a str>,
}

/// What is selected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// These guests.
    Guests(BTreeSet<u64>),
    /// All guests of the cluster but these.
    All {
        /// `exclude`
        except: BTreeSet<u64>,
    },
    /// The guests that are in this pool when the job runs.
    Pool(String),
    /// Nothing: a job whose only selection is `stop` ends the backups that run.
    Nothing,
}

/// What a job backs up where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// Whether it runs at all.
    pub enabled: bool,
    /// The only node that it runs on.
    pub node: Option<String>,
    /// Which guests.
    pub selection: Selection,
}

impl Coverage {
    /// Of a job in an answer of Proxmox. Of several selections it takes the one that Proxmox takes.
    pub fn of(job: &Json) -> Self {
        let entry = Entry(job);
        let text = |name: &str| entry.text(name).filter(|text| !text.is_empty());
        let selection = if let Some(pool) = text("pool") {
            Selection::Pool(pool)
        } else if let Some(guests) = text("vmid") {
            Selection::Guests(ids(&guests))
        } else if entry.flag("all") == Some(true) {
            Selection::All { except: text("exclude").map(|list| ids(&list)).unwrap_or_default() }
        } else {
            Selection::Nothing
        };
        Self { enabled: entry.flag("enabled").unwrap_or(true), node: text("node"), selection }
    }

    /// Whether the guest is selected, wherever it is and whether or not the job runs.
    pub fn selects(&self, guest: &Guest<'_>) -> bool {
        match &self.selection {
            Selection::Guests(ids) => ids.contains(&guest.vmid),
            Selection::All { except } => !except.contains(&guest.vmid),
            Selection::Pool(pool) => guest.pool == Some(pool),
            Selection::Nothing => false,
        }
    }

    /// Whether the job backs the guest up where it is now. A disabled job backs up nothing, though Proxmox's own list of guests
    /// without backup counts it.
    pub fn covers(&self, guest: &Guest<'_>) -> bool {
        self.enabled && self.selects(guest) && self.runs_on(guest.node)
    }

    /// Whether the job runs on a node.
    pub fn runs_on(&self, node: &str) -> bool {
        self.node.as_deref().is_none_or(|only| only == node)
    }
}

/// The guests that no job covers, in the order given.
pub fn uncovered<'g>(jobs: &[Coverage], guests: impl IntoIterator<Item = Guest<'g>>) -> Vec<Guest<'g>> {
    guests.into_iter().filter(|guest| !jobs.iter().any(|job| job.covers(guest))).collect()
}

/// Proxmox's list of guests: comma, semicolon or blanks between the ids.
fn ids(list: &str) -> BTreeSet<u64> {
    let separator = |c: char| matches!(c, ',' | ';' | '\0') || c.is_ascii_whitespace();
    list.split(separator).filter_map(|id| id.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const WEB: Guest<'_> = Guest { vmid: 100, node: "pve1", pool: Some("web") };
    const DB: Guest<'_> = Guest { vmid: 101, node: "pve2", pool: None };

    /// Whether a job covers the two guests.
    fn covers(job: Json) -> [bool; 2] {
        let job = Coverage::of(&job);
        [WEB, DB].map(|guest| job.covers(&guest))
    }

    #[test]
    fn each_selection_covers_its_guests() {
        assert_eq!(covers(json!({"all": 1})), [true, true]);
        assert_eq!(covers(json!({"all": 1, "exclude": "101 900"})), [true, false]);
        assert_eq!(covers(json!({"vmid": "999;101"})), [false, true]);
        // A single number may come as one.
        assert_eq!(covers(json!({"vmid": 100})), [true, false]);
        assert_eq!(covers(json!({"vmid": "1001,10"})), [false, false]);
        assert_eq!(covers(json!({"pool": "web"})), [true, false]);
        assert_eq!(covers(json!({"pool": "web", "all": 0})), [true, false]);
        assert_eq!(covers(json!({"stop": 1})), [false, false]);
        assert_eq!(covers(json!({"all": 0})), [false, false]);
    }

    #[test]
    fn a_pinned_job_covers_what_is_on_its_node_now() {
        assert_eq!(covers(json!({"all": 1, "node": "pve2"})), [false, true]);
        let pinned = Coverage::of(&json!({"vmid": "100", "node": "pve1"}));
        let moved = Guest { node: "pve3", ..WEB };
        assert!(pinned.covers(&WEB) && !pinned.covers(&moved) && pinned.selects(&moved));
    }

    #[test]
    fn a_disabled_job_covers_nothing() {
        for enabled in [json!(0), json!("0"), json!(false)] {
            assert_eq!(covers(json!({"all": 1, "enabled": enabled})), [false, false]);
        }
        assert!(Coverage::of(&json!({"all": 1, "enabled": 0})).selects(&WEB));
    }

    #[test]
    fn jobs_share_the_guests() {
        let jobs = [json!({"vmid": "100"}), json!({"all": 1, "enabled": 0})].map(|job| Coverage::of(&job));
        assert_eq!(uncovered(&jobs, [WEB, DB]), [DB]);
        assert_eq!(uncovered(&[], [WEB]), [WEB]);
    }
}

//! Who is in the cluster, as a member sees it: corosync's configuration, and which nodes are online.

use std::collections::BTreeMap;

use pve_schemas::corosync::{DEFAULT_PRIORITY, is_same_address};
use serde_json::Value as Json;

use super::operations::OpContext;
use crate::call::Call;
use crate::client::{Client, Collection, Error, ErrorKind, wire};
use crate::explain::explain;
use crate::framework::{Failure, Number, Value};

/// Where corosync's configuration is read from, beside its nodes.
const TOTEM: &str = "/cluster/config/totem";

/// The cluster, or a node on its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Membership {
    /// The name of the cluster that runs; none of a node on its own.
    pub name: Option<String>,
    /// The name in `corosync.conf`, which a node has before corosync runs.
    pub configured: Option<String>,
    pub quorate: bool,
    pub config_version: Option<i64>,
    /// By how much the token timeout grows with each node, where that is set.
    pub token_coefficient: Option<i64>,
    /// The priorities of the links, where they are set, by number.
    pub priorities: BTreeMap<u32, i64>,
    /// The node that answers.
    pub local: String,
    /// All nodes by name.
    pub nodes: BTreeMap<String, Node>,
}

/// A node of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    pub online: bool,
    /// Its entry in `corosync.conf`, where it has one.
    pub entry: Option<Entry>,
    /// The address of its name.
    pub ip: Option<String>,
}

/// An entry in corosync's list of nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    pub id: Option<i64>,
    pub votes: i64,
    /// The addresses by the number of the link.
    pub links: BTreeMap<u32, String>,
}

/// Votes of some nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Votes {
    pub expected: i64,
    /// Those of the nodes that are online.
    pub present: i64,
}

impl Votes {
    /// Whether they are enough for quorum.
    pub fn suffice(self) -> bool {
        self.present > self.expected / 2
    }
}

/// What is configured of an entry, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requested {
    /// The addresses in the order of the links; none where that is left to Proxmox.
    pub links: Vec<String>,
    /// The priorities of these links, where they are set.
    pub priorities: Vec<Option<i64>>,
    pub id: Option<i64>,
    pub votes: Option<i64>,
    /// Whether the cluster may have further links: an object has those alone that it was created with.
    pub is_part: bool,
}

/// How an entry differs from what is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unlike {
    pub attribute: &'static str,
    /// `the links are 10.0.0.1 in the cluster and 10.0.0.2 in the configuration`
    pub words: String,
}

impl Requested {
    /// What `planned` has otherwise than `prior`, the state.
    pub fn of(prior: Option<&Value>, planned: &Value) -> Self {
        let is_new = prior.is_none_or(|prior| prior.at("link") != planned.at("link"));
        let count = |object: &Value| object.at("link").elements().map(<[Value]>::len);
        let links = planned.at("link").elements().filter(|_| is_new).unwrap_or_default();
        let addresses: Option<Vec<String>> =
            links.iter().map(|link| link.at("address").as_str().map(str::to_owned)).collect();
        Self {
            links: addresses.unwrap_or_default(),
            priorities: links.iter().map(|link| number(link, "priority")).collect(),
            is_part: prior.is_some_and(|prior| count(prior) == count(planned)),
            id: newly(prior, planned, "node_id"),
            votes: newly(prior, planned, "votes"),
        }
    }
}

/// The number that `planned` has at `name`, and `prior`, the state, has not.
pub fn newly(prior: Option<&Value>, planned: &Value, name: &str) -> Option<i64> {
    number(planned, name).filter(|_| prior.is_none_or(|prior| prior.at(name) != planned.at(name)))
}

/// The addresses of the `link` blocks of an object, as far as they are known.
pub fn addresses(object: &Value) -> Vec<String> {
    let links = object.at("link").elements().unwrap_or_default().iter();
    links.filter_map(|link| link.at("address").as_str().map(str::to_owned)).collect()
}

/// The number that `object` has at `name`.
pub fn number(object: &Value, name: &str) -> Option<i64> {
    object.at(name).as_number().and_then(Number::as_i64)
}

impl Entry {
    /// The links that `known`, addresses in the order of the links, are compared with: those that have them, where all are there,
    /// else the first ones. A cluster may have got more links since.
    pub fn counterparts(&self, known: &[String]) -> Vec<(u32, &str)> {
        let mut links = self.links.iter();
        let same = known.iter().map_while(|known| links.find(|(_, address)| is_same_address(address, known)));
        let same: Vec<_> = same.collect();
        let found = if same.len() == known.len() { same } else { self.links.iter().take(known.len()).collect() };
        found.into_iter().map(|(number, address)| (*number, address.as_str())).collect()
    }

    /// What it has of the addresses `known`, in their spelling; none where nothing is known.
    pub fn links_like(&self, known: &[String]) -> Vec<(u32, String)> {
        let spelt = |((number, found), known): ((u32, &str), &String)| {
            (number, if is_same_address(found, known) { known.clone() } else { found.to_owned() })
        };
        self.counterparts(known).into_iter().zip(known).map(spelt).collect()
    }

    /// Where it is not as configured.
    pub fn unlike(&self, requested: &Requested) -> Option<Unlike> {
        let words = |what: &str, has: String, configured: String| {
            format!("{what} {has} in the cluster and {configured} in the configuration")
        };
        let is_same = || {
            let mut both = self.counterparts(&requested.links).into_iter().zip(&requested.links);
            let count = if requested.is_part { both.len() } else { self.links.len() };
            count == requested.links.len() && both.all(|((_, a), b)| is_same_address(a, b))
        };
        if !requested.links.is_empty() && !is_same() {
            let has: Vec<&str> = self.links.values().map(String::as_str).collect();
            let words = words("the links are", has.join(", "), requested.links.join(", "));
            return Some(Unlike { attribute: "link", words });
        }
        if let Some(id) = requested.id.filter(|id| self.id != Some(*id)) {
            let has = self.id.map_or_else(|| "unknown".to_owned(), |id| id.to_string());
            return Some(Unlike { attribute: "node_id", words: words("the number is", has, id.to_string()) });
        }
        let votes = requested.votes.filter(|votes| self.votes != *votes)?;
        Some(Unlike { attribute: "votes", words: words("the votes are", self.votes.to_string(), votes.to_string()) })
    }
}

impl Membership {
    /// Asks the node that answers.
    ///
    /// # Errors
    /// What the requests meet.
    pub async fn read(client: &Client, call: &Call) -> Result<Self, Error> {
        let (status, nodes, totem) = tokio::try_join!(
            client.get::<Vec<Json>>(Collection::ClusterStatus.path(), call),
            client.get::<Option<Vec<Json>>>(Collection::ClusterVotes.path(), call),
            client.get::<Json>(TOTEM, call),
        )?;
        Ok(Self::of(&status, &nodes.unwrap_or_default(), &totem))
    }

    /// The answers of `/cluster/status`, `/cluster/config/nodes` and `/cluster/config/totem` together.
    pub fn of(status: &[Json], entries: &[Json], totem: &Json) -> Self {
        let text = |json: &Json| json.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let is = |row: &Json, name: &str| wire::flag(&row[name]) == Some(true);
        let cluster = status.iter().find(|row| row["type"] == "cluster");
        let mut membership = Self {
            name: cluster.and_then(|row| text(&row["name"])),
            configured: text(&totem["cluster_name"]),
            // A node on its own needs none.
            quorate: cluster.is_none_or(|row| is(row, "quorate")),
            config_version: wire::integer(&totem["config_version"]),
            token_coefficient: wire::integer(&totem["token_coefficient"]),
            priorities: priorities(totem),
            ..Self::default()
        };
        for row in status.iter().filter(|row| row["type"] == "node") {
            let Some(name) = text(&row["name"]) else { continue };
            if is(row, "local") {
                membership.local.clone_from(&name);
            }
            let node = Node { online: is(row, "online"), entry: None, ip: text(&row["ip"]) };
            membership.nodes.insert(name, node);
        }
        for row in entries {
            let Some(name) = text(&row["name"]).or_else(|| text(&row["node"])) else { continue };
            let links = (0..pve_schemas::cluster::MAX_LINKS as u32)
                .filter_map(|number| Some((number, text(&row[format!("ring{number}_addr")])?)))
                .collect();
            let votes = wire::integer(&row["quorum_votes"]).unwrap_or(1);
            membership.nodes.entry(name).or_default().entry =
                Some(Entry { id: wire::integer(&row["nodeid"]), votes, links });
        }
        membership
    }

    /// The entries of corosync's list of nodes.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.nodes.iter().filter_map(|(name, node)| Some((name.as_str(), node.entry.as_ref()?)))
    }

    /// The priority of a link.
    pub fn priority(&self, link: u32) -> i64 {
        effective(self.priorities.get(&link).copied())
    }

    /// The node of which the cluster was made, `known` from the state; else the node that answers. None once that has left.
    pub fn founder<'a>(&'a self, known: Option<&'a str>) -> Option<(&'a str, &'a Entry)> {
        let name = known.unwrap_or(&self.local);
        Some((name, self.entry(name)?))
    }

    /// A node's entry in corosync's list.
    pub fn entry(&self, node: &str) -> Option<&Entry> {
        self.nodes.get(node)?.entry.as_ref()
    }

    /// Whether corosync's list of nodes has this one.
    pub fn lists(&self, node: &str) -> bool {
        self.entry(node).is_some()
    }

    /// Whether a node is online as a member.
    pub fn has_online(&self, node: &str) -> bool {
        self.lists(node) && self.nodes.get(node).is_some_and(|node| node.online)
    }

    /// The numbers of the links: those that any node has.
    pub fn link_numbers(&self) -> Vec<u32> {
        let mut numbers: Vec<u32> = self.entries().flat_map(|(_, entry)| entry.links.keys().copied()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    /// The votes of all nodes but one.
    pub fn votes_without(&self, node: &str) -> Votes {
        let others = || self.entries().filter(|(name, _)| *name != node);
        let present = others().filter(|(name, _)| self.has_online(name)).map(|(_, entry)| entry.votes).sum();
        Votes { expected: others().map(|(_, entry)| entry.votes).sum(), present }
    }
}

/// The priority that corosync runs with.
pub fn effective(priority: Option<i64>) -> i64 {
    priority.filter(|priority| *priority != 0).unwrap_or(DEFAULT_PRIORITY)
}

/// The priorities in `interface { "0": {"linknumber": "0", "knet_link_priority": "10"} }`.
fn priorities(totem: &Json) -> BTreeMap<u32, i64> {
    let interfaces = totem["interface"].as_object().into_iter().flatten();
    let priority =
        |(number, of): (&String, &Json)| Some((number.parse().ok()?, wire::integer(&of["knet_link_priority"])?));
    interfaces.filter_map(priority).collect()
}

/// The membership as it is now.
///
/// # Errors
/// The member can't be asked.
pub async fn membership(op: &OpContext<'_>, object: &str) -> Result<Membership, Failure> {
    Membership::read(op.client(), &op.call()).await.map_err(|error| explain(object, &error))
}

/// The membership, while the nodes restart what answers: a failure of that is no answer yet.
///
/// # Errors
/// What does not change by waiting: the end of the operation.
pub async fn membership_meanwhile(op: &OpContext<'_>) -> Result<Option<Membership>, Error> {
    match Membership::read(op.client(), &op.call()).await {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.kind(), ErrorKind::Stopped | ErrorKind::Expired) => Err(error),
        Err(error) => {
            tracing::info!(reason = error.quote(), "no answer meanwhile");
            // While /etc/pve is away, a node refuses every ticket, token and login.
            if error.kind() == ErrorKind::Unauthorized {
                op.client().log_in_anew().await;
            }
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_entry_is_compared_with_what_is_configured_alone() {
        let links = BTreeMap::from([(0, "fd00::1".to_owned()), (2, "10.0.0.1".to_owned())]);
        let entry = Entry { id: Some(1), votes: 1, links };
        let requested = |links: &[&str], id, votes| Requested {
            links: links.iter().map(|link| (*link).to_owned()).collect(),
            id,
            votes,
            ..Requested::default()
        };
        let unlike = |requested| entry.unlike(&requested).map(|unlike| unlike.attribute);
        assert_eq!(unlike(Requested::default()), None);
        assert_eq!(unlike(requested(&["fd00:0::1", "10.0.0.1"], Some(1), Some(1))), None);
        assert_eq!(unlike(requested(&["fd00::1"], None, None)), Some("link"));
        assert_eq!(unlike(requested(&["10.0.0.1", "fd00::1"], None, None)), Some("link"));
        assert_eq!(unlike(requested(&[], Some(2), None)), Some("node_id"));
        assert_eq!(unlike(requested(&[], None, Some(0))), Some("votes"));
        // A link that was added later, before or after the others.
        for address in ["fd00::1", "10.0.0.1"] {
            assert_eq!(unlike(Requested { is_part: true, ..requested(&[address], None, None) }), None);
        }
        assert_eq!(unlike(Requested { is_part: true, ..requested(&["10.0.0.9"], None, None) }), Some("link"));
    }

    #[test]
    fn a_read_shows_the_links_that_are_known_alone() {
        let links = BTreeMap::from([(0, "fd00::1".to_owned()), (1, "10.0.0.1".to_owned())]);
        let entry = Entry { id: Some(1), votes: 1, links };
        let like = |known: &[&str]| -> Vec<String> {
            let known: Vec<String> = known.iter().map(|it| (*it).to_owned()).collect();
            entry.links_like(&known).into_iter().map(|(_, address)| address).collect()
        };
        assert_eq!(like(&[]), [""; 0]);
        assert_eq!(like(&["fd00:0::1"]), ["fd00:0::1"]);
        assert_eq!(like(&["10.0.0.1"]), ["10.0.0.1"]);
        assert_eq!(like(&["10.0.0.9"]), ["fd00::1"]);
        assert_eq!(like(&["10.0.0.1", "10.2.0.1"]), ["fd00::1", "10.0.0.1"]);
        assert_eq!(like(&["fd00::1", "10.0.0.1", "10.2.0.1"]), ["fd00::1", "10.0.0.1"]);
    }

    #[test]
    fn a_node_on_its_own_is_in_no_cluster() {
        let status = [json!({"type": "node", "name": "pva", "local": 1, "online": 1, "ip": "10.99.0.11"})];
        let alone = Membership::of(&status, &[], &Json::Null);
        assert_eq!((alone.name.as_deref(), alone.configured.as_deref(), alone.local.as_str()), (None, None, "pva"));
        assert!(alone.quorate && !alone.lists("pva") && !alone.has_online("pva"));
    }

    #[test]
    fn the_three_answers_are_one_cluster() {
        // As in the first seconds of a join: listed, and not there yet.
        let status = [
            json!({"type": "cluster", "name": "newclu", "quorate": 0, "nodes": 2, "version": 2}),
            json!({"type": "node", "name": "pva", "local": 1, "online": 1, "ip": "10.99.0.11"}),
            json!({"type": "node", "name": "pvb", "local": 0, "online": 0}),
        ];
        let entries = [
            json!({"name": "pva", "nodeid": "1", "quorum_votes": "1", "ring0_addr": "10.99.0.11", "ring2_addr": "a"}),
            json!({"name": "pvb", "nodeid": "2", "quorum_votes": "0", "ring0_addr": "10.99.0.12", "ring2_addr": "b"}),
        ];
        let totem = json!({"cluster_name": "newclu", "config_version": "2",
            "interface": {"0": {"linknumber": "0"}, "2": {"linknumber": "2", "knet_link_priority": "20"}}});
        let found = Membership::of(&status, &entries, &totem);
        assert_eq!(found.priorities, BTreeMap::from([(2, 20)]));
        assert_eq!((found.name.as_deref(), found.config_version, found.quorate), (Some("newclu"), Some(2), false));
        assert!(found.lists("pvb") && !found.has_online("pvb") && found.has_online("pva"));
        assert_eq!(found.link_numbers(), [0, 2]);
        assert_eq!(found.votes_without("pvb"), Votes { expected: 1, present: 1 });
        assert!(found.votes_without("pvb").suffice() && !found.votes_without("pva").suffice());
        assert_eq!(found.nodes["pvb"].entry.as_ref().map(|entry| (entry.id, entry.votes)), Some((Some(2), 0)));
    }
}

//! The cluster as it was when the first object was checked that needed to know: a handful of lists, each indexed once.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use pve_schemas::notification::routing::Route;
use pve_schemas::noun::{Partial, Partly};
use pve_schemas::replication_job::is_being_removed;
use pve_schemas::rest::{Parsed, Rest};
use pve_schemas::value::{Entry, HaMode};
use pve_schemas::{
    BackupJob, HaGroup, HaNodeAffinityRule, HaResource, HaResourceAffinityRule, NotificationMatcher, ReplicationJob,
};
use serde::Deserialize;
use serde_json::Value as Json;
use tokio::sync::OnceCell;

use super::needs::Needs;
use super::object_index::{ObjectIndex, id};
use super::objects::{CheckedBackup, CheckedMatcher, CheckedTarget, Object};
use crate::call::Call;
use crate::client::{Client, Collection, Permissions, Version, Who, wire};
use crate::simulation::live::Storage;
use pve_ha_manager::config::Name;

/// How long a list of guests may say that one is missing.
const FRESH: Duration = Duration::from_secs(5);

/// Lists of the cluster, each read when the first object comes that needs it. What is not there was not needed, or not
/// answered: nothing can be said of it.
#[derive(Debug, Default)]
pub struct ClusterLists {
    resources: OnceCell<Option<ObjectIndex>>,
    placed: OnceCell<Option<Placed>>,
    jobs: OnceCell<Option<ObjectIndex>>,
    manager: OnceCell<Option<Json>>,
    backups: OnceCell<Option<ObjectIndex>>,
    storages: OnceCell<Option<Vec<Storage>>>,
    alerts: OnceCell<Option<ObjectIndex>>,
    permissions: OnceCell<Option<Permissions>>,
    qdevice: OnceCell<Option<bool>>,
    version: OnceCell<Option<Version>>,
    /// Who is missing, where there is no quorum.
    lack_of_quorum: OnceCell<Option<String>>,
    who: OnceCell<Who>,
    /// Apart from the rest, since guests may be made by others while an apply runs.
    cluster: ArcSwapOption<Cluster>,
    is_cluster_read: OnceCell<()>,
}

/// Groups or rules, whichever are in force.
#[derive(Debug)]
pub struct Placed {
    pub are_groups: bool,
    pub index: ObjectIndex,
}

/// Nodes and guests.
#[derive(Debug, Clone)]
pub struct Cluster {
    taken: Instant,
    pub nodes: BTreeSet<Name>,
    /// Those of them that are online.
    pub online: BTreeSet<Name>,
    pub guests: HashMap<u64, Guest>,
}

/// A guest that the user may see.
#[derive(Debug, Clone)]
pub struct Guest {
    pub node: Option<Name>,
    pub pool: Option<String>,
    pub is_container: bool,
    pub is_in_error: bool,
}

impl ClusterLists {
    /// Reads what is needed and has not been read yet.
    pub async fn read(&self, client: &Client, call: &Call, needs: Needs) {
        tokio::join!(
            async {
                if needs.cluster {
                    self.read_cluster(client, call).await;
                }
            },
            async {
                if needs.permissions {
                    self.read_permissions(client, call).await;
                }
            },
            async {
                if needs.quorum {
                    self.lack_of_quorum.get_or_init(|| lack_of_quorum(client, call)).await;
                }
            },
            self.version.get_or_init(async || client.version(call).await.ok()),
            async {
                if needs.resources {
                    self.resources.get_or_init(|| resources(client, call)).await;
                }
            },
            async {
                if needs.placed {
                    self.placed.get_or_init(|| placed(client, call)).await;
                }
            },
            async {
                if needs.jobs {
                    self.jobs.get_or_init(|| jobs(client, call)).await;
                }
            },
            async {
                if needs.manager {
                    self.manager.get_or_init(|| manager(client, call)).await;
                }
            },
            async {
                if needs.backups {
                    self.backups.get_or_init(|| backups(client, call)).await;
                }
            },
            async {
                if needs.storages {
                    self.storages.get_or_init(|| storages(client, call)).await;
                }
            },
            async {
                if needs.alerts {
                    self.alerts.get_or_init(|| alerts(client, call)).await;
                }
            },
        );
    }

    /// Reads nodes and guests anew if `guest` is missing in a list that is not fresh: in an apply another provider may have
    /// made it a moment ago.
    pub async fn refresh(&self, client: &Client, call: &Call, guest: Option<u64>) {
        let Some(now) = self.cluster() else { return };
        let is_missing = guest.is_some_and(|guest| !now.guests.contains_key(&guest));
        if is_missing
            && !now.is_fresh()
            && let Some(anew) = Cluster::read(client, call).await
        {
            self.cluster.store(Some(Arc::new(anew)));
        }
    }

    /// Nodes and guests.
    pub fn cluster(&self) -> Option<Arc<Cluster>> {
        self.cluster.load_full()
    }

    pub fn resources(&self) -> Option<&ObjectIndex> {
        self.resources.get()?.as_ref()
    }

    /// The groups or rules.
    pub fn placed(&self) -> Option<&Placed> {
        self.placed.get()?.as_ref()
    }

    pub fn jobs(&self) -> Option<&ObjectIndex> {
        self.jobs.get()?.as_ref()
    }

    /// The backup jobs.
    pub fn backups(&self) -> Option<&ObjectIndex> {
        self.backups.get()?.as_ref()
    }

    /// The storages as configured.
    pub fn storages(&self) -> Option<&[Storage]> {
        self.storages.get()?.as_deref()
    }

    /// The notification targets and matchers.
    pub fn alerts(&self) -> Option<&ObjectIndex> {
        self.alerts.get()?.as_ref()
    }

    /// The HA manager's own status.
    pub fn manager(&self) -> Option<&Json> {
        self.manager.get()?.as_ref()
    }

    /// What the user or token may do.
    pub fn permissions(&self) -> Option<&Permissions> {
        self.permissions.get()?.as_ref()
    }

    pub fn who(&self) -> Option<&Who> {
        self.who.get()
    }

    /// Whether a QDevice takes part; asked only where there are two nodes.
    pub fn has_qdevice(&self) -> Option<bool> {
        *self.qdevice.get()?
    }

    /// Who is missing, if it is known that there is no quorum.
    pub fn lack_of_quorum(&self) -> Option<&str> {
        self.lack_of_quorum.get()?.as_deref()
    }

    /// Whether this is PVE 8.
    pub fn is_pve_8(&self) -> Option<bool> {
        self.version.get()?.as_ref().map(|version| version.major < 9)
    }

    /// Reads who asks, and what the user or token may do, if that has not been read yet.
    pub async fn read_permissions(&self, client: &Client, call: &Call) {
        self.who.get_or_init(async || client.who()).await;
        self.permissions.get_or_init(|| client.permissions(call)).await;
    }

    /// Reads nodes and guests, if they have not been read yet.
    pub async fn read_guests(&self, client: &Client, call: &Call) {
        let read = async || self.cluster.store(Cluster::read(client, call).await.map(Arc::new));
        self.is_cluster_read.get_or_init(read).await;
    }

    async fn read_cluster(&self, client: &Client, call: &Call) {
        self.read_guests(client, call).await;
        // Everywhere else a QDevice makes no difference to what is checked.
        if self.cluster().is_some_and(|cluster| cluster.nodes.len() == 2) {
            let ask = async || {
                let answer = client.list(Collection::Qdevice, call).await.ok()?.object::<Json>().ok()?;
                Some(answer.as_object().is_some_and(|members| !members.is_empty()))
            };
            self.qdevice.get_or_init(ask).await;
        }
    }
}

async fn list(client: &Client, call: &Call, collection: Collection) -> Option<Vec<Json>> {
    client.list(collection, call).await.ok()?.all().ok()
}

/// Asks the HA status, which a create in the same process looks at, too: a run of creates then costs one read of it.
async fn lack_of_quorum(client: &Client, call: &Call) -> Option<String> {
    let status = client.list(Collection::HaStatus, call).await.ok()?;
    let quorum = status.find::<Json>("quorum").ok().flatten()?;
    if wire::flag(&quorum["quorate"]) == Some(false) { client.lack_of_quorum(call).await } else { None }
}

async fn resources(client: &Client, call: &Call) -> Option<ObjectIndex> {
    let entries = list(client, call, Collection::HaResources).await?;
    let resources = entries.iter().filter_map(|entry| HaResource::parse(entry).ok()).map(|resource| resource.noun);
    Some(index(resources.map(recorded)))
}

async fn placed(client: &Client, call: &Call) -> Option<Placed> {
    if client.ha_mode(call).await.ok()? != HaMode::Rules {
        let entries = list(client, call, Collection::HaGroups).await?;
        let groups = entries.iter().filter_map(understood::<HaGroup>);
        return Some(Placed { are_groups: true, index: index(groups.map(recorded)) });
    }
    let entries = list(client, call, Collection::HaRules).await?;
    let rules = entries.iter().filter_map(|entry| {
        if HaNodeAffinityRule::owns(entry) {
            understood::<HaNodeAffinityRule>(entry).map(recorded)
        } else {
            understood::<HaResourceAffinityRule>(entry).map(recorded)
        }
    });
    Some(Placed { are_groups: false, index: index(rules) })
}

async fn manager(client: &Client, call: &Call) -> Option<Json> {
    let mut answer: Json = client.list(Collection::HaManagerStatus, call).await.ok()?.object().ok()?;
    answer.get_mut("manager_status").map(Json::take)
}

async fn jobs(client: &Client, call: &Call) -> Option<ObjectIndex> {
    let entries = list(client, call, Collection::ReplicationJobs).await?;
    let jobs = entries.iter().filter(|entry| !is_being_removed(entry));
    Some(index(jobs.filter_map(understood::<ReplicationJob>).map(recorded)))
}

/// None if Proxmox refuses the list, or if an entry of it has an unexpected form.
async fn backups(client: &Client, call: &Call) -> Option<ObjectIndex> {
    let entries = list(client, call, Collection::BackupJobs).await?;
    let jobs = entries.iter().map(|entry| {
        let Parsed { noun, unknown, .. } = BackupJob::parse(entry).ok()?;
        // With a property that this provider does not know the job may back up something else.
        match recorded(noun) {
            Object::BackupJob(job) if !unknown.is_empty() => {
                Some(Object::BackupJob(Box::new(CheckedBackup { coverage: None, ..*job })))
            }
            job => Some(job),
        }
    });
    Some(index(jobs.collect::<Option<Vec<_>>>()?.into_iter()))
}

async fn storages(client: &Client, call: &Call) -> Option<Vec<Storage>> {
    Some(Storage::all(&Json::Array(list(client, call, Collection::Storages).await?), &[]))
}

/// None unless both can be read and understood.
async fn alerts(client: &Client, call: &Call) -> Option<ObjectIndex> {
    let (targets, matchers) = tokio::join!(
        list(client, call, Collection::NotificationTargets),
        list(client, call, Collection::NotificationMatchers)
    );
    let targets = targets?.into_iter().map(|entry| {
        let entry = Entry(&entry);
        let name = entry.text("name").map(|name| name.as_str().into());
        Some(Object::Target(CheckedTarget { name, is_on: Some(!entry.flag("disable").unwrap_or(false)) }))
    });
    let matchers = matchers?.into_iter().map(|entry| {
        let matcher = understood::<NotificationMatcher>(&entry)?;
        Some(Object::Matcher(CheckedMatcher {
            name: Some(matcher.name.as_str().into()),
            route: Route::parse(&entry).ok(),
        }))
    });
    Some(index(targets.chain(matchers).collect::<Option<Vec<_>>>()?.into_iter()))
}

/// The object of an entry. One that has a property which this provider does not know may mean something else than it seems
/// to, so that no check goes by it.
fn understood<N: Rest>(entry: &Json) -> Option<N> {
    N::parse(entry).ok().and_then(Parsed::understood)
}

/// The object as the cluster has it.
fn recorded<N: Partly<Partial: Into<Object>>>(noun: N) -> Object {
    Partial::<N>::from(noun).into()
}

fn index(objects: impl Iterator<Item = Object>) -> ObjectIndex {
    let mut index = ObjectIndex::default();
    for object in objects {
        if let Some((_, id)) = id(&object) {
            index.put(&id, object);
        }
    }
    index
}

impl Cluster {
    /// The same with these nodes, online.
    pub fn with(&self, nodes: BTreeSet<Name>) -> Self {
        let mut cluster = self.clone();
        cluster.online.extend(nodes.iter().cloned());
        cluster.nodes.extend(nodes);
        cluster
    }

    /// Reads it; none if there is no answer.
    pub async fn read(client: &Client, call: &Call) -> Option<Self> {
        let rows: Vec<Row> = client.list(Collection::ClusterResources, call).await.ok()?.all().ok()?;
        let mut cluster = Self {
            taken: Instant::now(),
            nodes: BTreeSet::new(),
            online: BTreeSet::new(),
            guests: HashMap::with_capacity(rows.len()),
        };
        for row in rows {
            match (row.kind.as_str(), row.node, row.vmid.and_then(|vmid| u64::try_from(vmid).ok())) {
                ("node", Some(node), _) => {
                    if row.status.as_deref() == Some("online") {
                        cluster.online.insert(node.as_str().into());
                    }
                    cluster.nodes.insert(node.as_str().into());
                }
                (kind @ ("qemu" | "lxc"), node, Some(vmid)) => {
                    let node = node.as_deref().map(Name::from);
                    let is_in_error = row.hastate.as_deref() == Some("error");
                    cluster
                        .guests
                        .insert(vmid, Guest { node, pool: row.pool, is_container: kind == "lxc", is_in_error });
                }
                _ => {}
            }
        }
        // A list without any node is none that can be relied upon.
        (!cluster.nodes.is_empty()).then_some(cluster)
    }

    /// A cluster of the given nodes, without guests.
    #[cfg(test)]
    pub fn of(nodes: &[&str]) -> Self {
        let nodes: BTreeSet<Name> = nodes.iter().map(|node| Name::from(*node)).collect();
        Self { taken: Instant::now(), online: nodes.clone(), nodes, guests: HashMap::new() }
    }

    /// Whether something it doesn't have is missing, and not just new.
    pub fn is_fresh(&self) -> bool {
        self.taken.elapsed() < FRESH
    }
}

#[derive(Deserialize)]
struct Row {
    #[serde(rename = "type")]
    kind: String,
    node: Option<String>,
    status: Option<String>,
    #[serde(default, deserialize_with = "wire::optional::integer")]
    vmid: Option<i64>,
    hastate: Option<String>,
    pool: Option<String>,
}

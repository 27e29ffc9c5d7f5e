//! Proxmox's texts, each exactly once, with the module that emits it and what it means.
//!
//! Nearly all that HA, replication and cluster configuration refuse is a plain Perl `die`, which
//! pveproxy answers as 500 with the text, so that the text is all that distinguishes the cases.
//! The notifications have statuses of their own, 400 and 404, each of several meanings.
//! Texts are matched by containment: the API prefixes them (`create resource failed: …`).

use std::collections::BTreeMap;

use reqwest::Method;

use super::error::{ErrorKind, Obstacle};

/// What is refused of parameters under a lock (`die "$@"`): a 500 whose text has the status and what a 400 has as `errors`.
const REFUSED_UNDER_LOCK: &str = "400 Parameter verification failed.";

/// A text and its meaning. All parts must occur, in this order.
struct Text {
    parts: &'static [&'static str],
    kind: ErrorKind,
    on: On,
    status: u16,
}

/// The methods on which a text has its meaning.
#[derive(Clone, Copy, PartialEq, Eq)]
enum On {
    Any,
    /// All but POST: the text speaks of the object in the path.
    Existing,
    /// Only POST.
    Create,
}

/// The first that matches wins.
const TEXTS: &[Text] = &[
    // PVE::Cluster::cfs_lock: the lock directory below /etc/pve/priv/lock could not be made.
    text(&["got lock request timeout"], ErrorKind::LockTimeout),
    // PVE::Cluster::cfs_lock: pmxcfs refuses mkdir without quorum.
    text(&["cfs-lock '", "error: no quorum!"], ErrorKind::NoQuorum),
    // PVE::Cluster::check_cfs_quorum, called before a HA write takes the lock.
    text(&["cluster not ready - no quorum?"], ErrorKind::NoQuorum),
    // PVE::Cluster::cfs_lock: the alarm went off inside the locked code.
    text(&["-locked command timed out - aborting"], ErrorKind::Ambiguous),
    // PVE::Tools::assert_if_modified.
    text(&["detected modified configuration"], ErrorKind::StaleDigest),
    // PVE::API2::HA::Groups, and PVE::API2::HA::Resources for the parameter `group`.
    text(&["ha groups have been migrated to rules"], ErrorKind::GroupsMigrated),
    // PVE::API2::HA::Rules.
    text(&["ha groups have not been migrated yet"], ErrorKind::GroupsNotMigrated),
    // PVE::HA::Rules::ResourceAffinity; counts the nodes of the CRM's manager_status, of which there
    // are 0 until a CRM has been master for the first time.
    text(&["rule defines more resources than available nodes"], ErrorKind::TooEarly),
    // PVE::API2::HA::Rules: the rule set with this rule is infeasible.
    text(&["Rule '", "' is invalid."], ErrorKind::RuleConflict),
    // PVE::API2::HA::Rules: all resources of a rule must be configured HA resources.
    text(&["cannot use unmanaged resource(s)"], ErrorKind::Unmanaged),
    // PVE::API2::HA::Resources and PVE::HA::Tools.
    text(&["in error state, must be disabled and fixed first"], ErrorKind::ResourceInErrorState),
    // PVE::API2::HA::Groups.
    text(&["ha group is used by service"], ErrorKind::InUse),
    // proxmox-notify: the digest is that of all targets and matchers.
    text(&["detected modified configuration"], ErrorKind::StaleDigest).at(400),
    // proxmox-notify: a matcher names the target.
    text(&["cannot delete '", "referenced by: "], ErrorKind::InUse).at(400),
    // proxmox-notify: targets and matchers share their names.
    created(&["an entity with the same name already exists"], ErrorKind::Exists).at(400),
    // proxmox-notify: a matcher is to send to it.
    text(&["endpoint '", "' does not exist"], ErrorKind::NoSuchTarget).at(404),
    // proxmox-notify.
    existing(&["endpoint '", "' not found"]).at(404),
    existing(&["matcher '", "' not found"]).at(404),
    // PVE::API2::ReplicationConfig: one job per guest and target, whatever the id.
    text(&["replication job for guest '", "' already exists"], ErrorKind::TargetTaken),
    // PVE::HA::Config, PVE::API2::HA::*: `resource ID 'vm:1' already defined` and the like.
    created(&["' already defined"], ErrorKind::Exists),
    // PVE::API2::ReplicationConfig, PVE::API2::Backup: `replication job '100-0' already exists`.
    created(&["' already exists"], ErrorKind::Exists),
    // PVE::API2::HA::Resources (GET) and PVE::HA::Config (`update resources config failed: …`).
    existing(&["no such resource '"]),
    // PVE::API2::HA::Resources (DELETE).
    existing(&["cannot delete service '", "not HA managed!"]),
    // PVE::API2::HA::Groups.
    existing(&["no such ha group '"]),
    // PVE::API2::HA::Rules (GET).
    existing(&["no such ha rule '"]),
    // PVE::API2::HA::Rules (PUT).
    existing(&["HA rule '", "' does not exist"]),
    // PVE::API2::ReplicationConfig (GET).
    existing(&["no such replication job '"]),
    // PVE::API2::ReplicationConfig (PUT, DELETE).
    existing(&["no such job '"]),
    // PVE::API2::Backup (PUT).
    existing(&["no such vzdump job"]),
    // PVE::API2::Backup: GET, where it is a 400 with the parameter `id`, and DELETE, where the same is the text of a 500.
    existing(&["No such job '"]),
    // PVE::AbstractConfig::load_config: GET /nodes/NODE/qemu/ID/config.
    existing(&["Configuration file '", "' does not exist"]),
    // PVE::API2::HA::Resources (PUT).
    text(&["HA group '", "' does not exist"], ErrorKind::NoSuchGroup),
    // PVE::HA::Resources::PVEVM and PVECT.
    text(&["resource '", "' does not exist in cluster"], ErrorKind::NoSuchGuest),
    // The same since pve-ha-manager 5.1.1, when the guest is of the other type.
    text(&["resource '", "' - guest with ID"], ErrorKind::NoSuchGuest),
    // PVE::API2::ReplicationConfig.
    text(&["Guest '", "' does not exist"], ErrorKind::NoSuchGuest),
    text(&["Target '", "' does not exist"], ErrorKind::NoSuchNode),
    // PVE::API2::HA::Rules.
    text(&["cannot use non-existent node(s)"], ErrorKind::NoSuchNode),
    // PVE::API2::Backup: what is refused under its lock is a 500 with the status of its own in the text.
    text(&["403 Permission check failed"], ErrorKind::Forbidden),
    // PVE::JSONSchema, where an API method wraps its own parameter check into a die.
    text(&["Parameter verification failed."], ErrorKind::Invalid),
];

/// What an answer with a status of 400 or more means.
pub(super) fn meaning(method: &Method, status: u16, message: &str, errors: &BTreeMap<String, String>) -> ErrorKind {
    match status {
        400 if errors.get("id").is_some_and(|text| of_text(method, 500, text) == Some(ErrorKind::Absent)) => {
            ErrorKind::Absent
        }
        400 => of_text(method, status, message).unwrap_or(ErrorKind::Invalid),
        401 => ErrorKind::Unauthorized,
        // PVE::RPCEnvironment::check_pool_exist.
        403 if POOL.is_in(message) => ErrorKind::NoSuchPool,
        403 => ErrorKind::Forbidden,
        501 => ErrorKind::NotImplemented,
        // AnyEvent::HTTP inside pveproxy: 595 could not connect to the other node; 596 to 599
        // failed once there was a connection.
        595 => ErrorKind::Unreachable(Obstacle::Proxy),
        596..=599 => ErrorKind::Ambiguous,
        // A load balancer in front of pveproxy that lost or gave up on it.
        502..=504 => ErrorKind::Ambiguous,
        404 | 500 => of_text(method, status, message).unwrap_or(ErrorKind::Refused),
        _ => ErrorKind::Refused,
    }
}

const POOL: Text = text(&["(pool '", "' does not exist)"], ErrorKind::NoSuchPool);

/// The first line of a message, and the texts by parameter that the lines after it have.
pub(super) fn parameters_in(message: &str) -> Option<(&str, BTreeMap<String, String>)> {
    let (first, lines) = message.split_once('\n').filter(|(first, _)| *first == REFUSED_UNDER_LOCK)?;
    let named = lines.lines().filter_map(|line| line.split_once(": "));
    let named: BTreeMap<_, _> = named.map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
    (!named.is_empty()).then_some((first, named))
}

fn of_text(method: &Method, status: u16, message: &str) -> Option<ErrorKind> {
    let mut texts = TEXTS.iter().filter(|text| text.status == status && text.applies(method));
    texts.find(|text| text.is_in(message)).map(|text| text.kind)
}

impl Text {
    /// The same of an answer with this status.
    const fn at(self, status: u16) -> Self {
        Self { status, ..self }
    }

    fn applies(&self, method: &Method) -> bool {
        match self.on {
            On::Any => true,
            On::Existing => *method != Method::POST,
            On::Create => *method == Method::POST,
        }
    }

    fn is_in(&self, message: &str) -> bool {
        let mut rest = message;
        self.parts.iter().all(|part| match rest.split_once(part) {
            Some((_, after)) => {
                rest = after;
                true
            }
            None => false,
        })
    }
}

const fn text(parts: &'static [&'static str], kind: ErrorKind) -> Text {
    Text { parts, kind, on: On::Any, status: 500 }
}

const fn existing(parts: &'static [&'static str]) -> Text {
    Text { on: On::Existing, ..text(parts, ErrorKind::Absent) }
}

const fn created(parts: &'static [&'static str], kind: ErrorKind) -> Text {
    Text { on: On::Create, ..text(parts, kind) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(method: Method, message: &str) -> ErrorKind {
        meaning(&method, 500, message, &BTreeMap::new())
    }

    #[test]
    fn texts_are_found_behind_their_prefixes() {
        let cases = [
            (
                Method::POST,
                "create resource failed: cfs-lock 'domain-ha' error: got lock request timeout\n",
                ErrorKind::LockTimeout,
            ),
            (Method::PUT, "cfs-lock 'file-datacenter_cfg' error: no quorum!\n", ErrorKind::NoQuorum),
            (Method::POST, "cluster not ready - no quorum?\n", ErrorKind::NoQuorum),
            (
                Method::PUT,
                "update resources config failed: 'domain-ha'-locked command timed out - aborting\n",
                ErrorKind::Ambiguous,
            ),
            (
                Method::PUT,
                "update ha group failed: detected modified configuration - file changed by other user? Try again.\n",
                ErrorKind::StaleDigest,
            ),
            (Method::GET, "no such resource 'vm:1'\n", ErrorKind::Absent),
            (Method::PUT, "update resources config failed: no such resource 'vm:1'\n", ErrorKind::Absent),
            (Method::DELETE, "cannot delete service 'vm:1', not HA managed!\n", ErrorKind::Absent),
            (Method::PUT, "update HA rules failed: HA rule 'x' does not exist\n", ErrorKind::Absent),
            (Method::PUT, "HA group 'g' does not exist\n", ErrorKind::NoSuchGroup),
            (Method::POST, "create resource failed: resource ID 'vm:100' already defined\n", ErrorKind::Exists),
            (Method::POST, "replication job '100-0' already exists\n", ErrorKind::Exists),
            (
                Method::POST,
                "replication job for guest '100' to target 'local/pve2' already exists\n",
                ErrorKind::TargetTaken,
            ),
            (Method::POST, "resource 'vm:100' does not exist in cluster\n", ErrorKind::NoSuchGuest),
            (
                Method::POST,
                "create ha rule failed: 400 Rule 'x' is invalid.\nresources: rule defines more resources than available nodes\n",
                ErrorKind::TooEarly,
            ),
            (
                Method::POST,
                "create ha rule failed: 400 Rule 'x' is invalid.\nresources: resource 'vm:1' is already used in another node affinity rule\n",
                ErrorKind::RuleConflict,
            ),
            (Method::POST, "Job 'nightly' already exists\n", ErrorKind::Exists),
            (Method::PUT, "no such vzdump job\n", ErrorKind::Absent),
            (Method::DELETE, "400 Parameter verification failed.\nid: No such job 'nightly'\n", ErrorKind::Absent),
            (Method::PUT, "400 Parameter verification failed.\nvmid: property is missing\n", ErrorKind::Invalid),
            (Method::PUT, "403 Permission check failed (/storage/local, Datastore.Allocate)\n", ErrorKind::Forbidden),
            (Method::POST, "Target 'nosuch' does not exist.\n", ErrorKind::NoSuchNode),
            (Method::PUT, "update HA rules failed: cannot use non-existent node(s) x.\n", ErrorKind::NoSuchNode),
            (Method::PUT, "no such option 'k'\n", ErrorKind::Refused),
            (Method::POST, "invalid VMID\n", ErrorKind::Refused),
        ];
        for (method, message, kind) in cases {
            assert_eq!(of(method, message), kind, "{message}");
        }
    }

    #[test]
    fn a_missing_backup_job_is_a_refused_parameter() {
        let of = |text: &str| {
            let errors = BTreeMap::from([("id".to_owned(), text.to_owned())]);
            meaning(&Method::GET, 400, "Parameter verification failed.\n", &errors)
        };
        assert_eq!(of("No such job 'nightly'"), ErrorKind::Absent);
        assert_eq!(of("value may only be 50 characters long"), ErrorKind::Invalid);
        let pool = "Permission check failed (pool 'p' does not exist)\n";
        assert_eq!(meaning(&Method::POST, 403, pool, &BTreeMap::new()), ErrorKind::NoSuchPool);
    }

    #[test]
    fn what_is_refused_under_a_lock_names_its_parameters() {
        let (first, named) = parameters_in("400 Parameter verification failed.\nall: option conflicts\nx y").unwrap();
        assert_eq!(first, "400 Parameter verification failed.");
        assert_eq!(named, BTreeMap::from([("all".to_owned(), "option conflicts".to_owned())]));
        for other in
            ["no such option 'k'\nall: x", "400 Parameter verification failed.", "Parameter verification failed.\na: b"]
        {
            assert_eq!(parameters_in(other), None, "{other}");
        }
    }

    #[test]
    fn notifications_have_statuses_of_their_own() {
        let of = |method, status, message| meaning(&method, status, message, &BTreeMap::new());
        let stale = "detected modified configuration - file changed by other user? Try again.\n";
        let taken = "Cannot create 'mail', an entity with the same name already exists\n";
        assert_eq!(of(Method::PUT, 400, stale), ErrorKind::StaleDigest);
        assert_eq!(of(Method::POST, 400, taken), ErrorKind::Exists);
        assert_eq!(of(Method::DELETE, 400, "cannot delete 'push', referenced by: a, b\n"), ErrorKind::InUse);
        assert_eq!(of(Method::GET, 404, "endpoint 'push' not found\n"), ErrorKind::Absent);
        assert_eq!(of(Method::DELETE, 404, "matcher 'alerts' not found\n"), ErrorKind::Absent);
        assert_eq!(of(Method::PUT, 404, "endpoint 'push' does not exist\n"), ErrorKind::NoSuchTarget);
        assert_eq!(of(Method::POST, 404, "endpoint 'push' does not exist\n"), ErrorKind::NoSuchTarget);
        assert_eq!(of(Method::GET, 404, "Not found\n"), ErrorKind::Refused);
    }

    #[test]
    fn statuses_that_speak_for_themselves() {
        let of = |status| meaning(&Method::GET, status, "no such resource 'x'", &BTreeMap::new());
        assert_eq!(of(400), ErrorKind::Invalid);
        assert_eq!(of(401), ErrorKind::Unauthorized);
        assert_eq!(of(403), ErrorKind::Forbidden);
        assert_eq!(of(501), ErrorKind::NotImplemented);
        assert_eq!(of(595), ErrorKind::Unreachable(Obstacle::Proxy));
        assert_eq!(of(596), ErrorKind::Ambiguous);
        assert_eq!(of(599), ErrorKind::Ambiguous);
    }
}

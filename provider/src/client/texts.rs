//! Proxmox's texts, each exactly once, with the module that emits it and what it means.
//!
//! Nearly all that HA, replication and cluster configuration refuse is a plain Perl `die`, which
//! pveproxy answers as 500 with the text, so that the text is all there is to tell cases apart.
//! Texts are matched by containment: the API prefixes them (`create resource failed: …`).

use reqwest::Method;

use super::error::{Kind, Obstacle};

/// A text and its meaning. All parts must occur, in this order.
struct Text {
    parts: &'static [&'static str],
    kind: Kind,
    on: On,
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
    text(&["got lock request timeout"], Kind::LockTimeout),
    // PVE::Cluster::cfs_lock: pmxcfs refuses mkdir without quorum.
    text(&["cfs-lock '", "error: no quorum!"], Kind::NoQuorum),
    // PVE::Cluster::check_cfs_quorum, called before a HA write takes the lock.
    text(&["cluster not ready - no quorum?"], Kind::NoQuorum),
    // PVE::Cluster::cfs_lock: the alarm went off inside the locked code.
    text(&["-locked command timed out - aborting"], Kind::Ambiguous),
    // PVE::Tools::assert_if_modified.
    text(&["detected modified configuration"], Kind::StaleDigest),
    // PVE::API2::HA::Groups, and PVE::API2::HA::Resources for the parameter `group`.
    text(&["ha groups have been migrated to rules"], Kind::GroupsMigrated),
    // PVE::API2::HA::Rules.
    text(&["ha groups have not been migrated yet"], Kind::GroupsNotMigrated),
    // PVE::HA::Rules::ResourceAffinity; counts the nodes of the CRM's manager_status, which are none
    // until a CRM has been master for the first time.
    text(&["rule defines more resources than available nodes"], Kind::TooEarly),
    // PVE::API2::HA::Rules: the rule set with this rule is infeasible.
    text(&["Rule '", "' is invalid."], Kind::RuleConflict),
    // PVE::API2::HA::Rules: all resources of a rule must be configured HA resources.
    text(&["cannot use unmanaged resource(s)"], Kind::Unmanaged),
    // PVE::API2::HA::Resources and PVE::HA::Tools.
    text(&["in error state, must be disabled and fixed first"], Kind::ResourceInErrorState),
    // PVE::API2::HA::Groups.
    text(&["ha group is used by service"], Kind::InUse),
    // PVE::API2::ReplicationConfig: one job per guest and target, whatever the id.
    text(&["replication job for guest '", "' already exists"], Kind::TargetTaken),
    // PVE::HA::Config, PVE::API2::HA::*: `resource ID 'vm:1' already defined` and the like.
    created(&["' already defined"], Kind::Exists),
    // PVE::API2::ReplicationConfig, PVE::API2::Backup: `replication job '100-0' already exists`.
    created(&["' already exists"], Kind::Exists),
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
    // PVE::AbstractConfig::load_config: GET /nodes/NODE/qemu/ID/config.
    existing(&["Configuration file '", "' does not exist"]),
    // PVE::API2::HA::Resources (PUT).
    text(&["HA group '", "' does not exist"], Kind::NoSuchGroup),
    // PVE::HA::Resources::PVEVM and PVECT.
    text(&["resource '", "' does not exist in cluster"], Kind::NoSuchGuest),
    // The same since pve-ha-manager 5.1.1, when the guest is of the other type.
    text(&["resource '", "' - guest with ID"], Kind::NoSuchGuest),
    // PVE::API2::ReplicationConfig.
    text(&["Guest '", "' does not exist"], Kind::NoSuchGuest),
    text(&["Target '", "' does not exist"], Kind::NoSuchNode),
    // PVE::API2::HA::Rules.
    text(&["cannot use non-existent node(s)"], Kind::NoSuchNode),
    // PVE::JSONSchema, where an API method wraps its own parameter check into a die.
    text(&["Parameter verification failed."], Kind::Invalid),
];

/// What an answer with a status of 400 or more means.
pub(super) fn meaning(method: &Method, status: u16, message: &str) -> Kind {
    match status {
        400 => Kind::Invalid,
        401 => Kind::Unauthorized,
        403 => Kind::Forbidden,
        501 => Kind::NotImplemented,
        // AnyEvent::HTTP inside pveproxy: 595 could not connect to the other node; 596 to 599
        // failed once there was a connection.
        595 => Kind::Unreachable(Obstacle::Proxy),
        596..=599 => Kind::Ambiguous,
        // A load balancer in front of pveproxy that lost or gave up on it.
        502..=504 => Kind::Ambiguous,
        500 => of_500(method, message),
        _ => Kind::Refused,
    }
}

fn of_500(method: &Method, message: &str) -> Kind {
    TEXTS.iter().find(|text| text.applies(method) && text.is_in(message)).map_or(Kind::Refused, |text| text.kind)
}

impl Text {
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

const fn text(parts: &'static [&'static str], kind: Kind) -> Text {
    Text { parts, kind, on: On::Any }
}

const fn existing(parts: &'static [&'static str]) -> Text {
    Text { parts, kind: Kind::Absent, on: On::Existing }
}

const fn created(parts: &'static [&'static str], kind: Kind) -> Text {
    Text { parts, kind, on: On::Create }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(method: Method, message: &str) -> Kind {
        meaning(&method, 500, message)
    }

    #[test]
    fn texts_are_found_behind_their_prefixes() {
        let cases = [
            (
                Method::POST,
                "create resource failed: cfs-lock 'domain-ha' error: got lock request timeout\n",
                Kind::LockTimeout,
            ),
            (Method::PUT, "cfs-lock 'file-datacenter_cfg' error: no quorum!\n", Kind::NoQuorum),
            (Method::POST, "cluster not ready - no quorum?\n", Kind::NoQuorum),
            (
                Method::PUT,
                "update resources config failed: 'domain-ha'-locked command timed out - aborting\n",
                Kind::Ambiguous,
            ),
            (
                Method::PUT,
                "update ha group failed: detected modified configuration - file changed by other user? Try again.\n",
                Kind::StaleDigest,
            ),
            (Method::GET, "no such resource 'vm:1'\n", Kind::Absent),
            (Method::PUT, "update resources config failed: no such resource 'vm:1'\n", Kind::Absent),
            (Method::DELETE, "cannot delete service 'vm:1', not HA managed!\n", Kind::Absent),
            (Method::PUT, "update HA rules failed: HA rule 'x' does not exist\n", Kind::Absent),
            (Method::PUT, "HA group 'g' does not exist\n", Kind::NoSuchGroup),
            (Method::POST, "create resource failed: resource ID 'vm:100' already defined\n", Kind::Exists),
            (Method::POST, "replication job '100-0' already exists\n", Kind::Exists),
            (
                Method::POST,
                "replication job for guest '100' to target 'local/pve2' already exists\n",
                Kind::TargetTaken,
            ),
            (Method::POST, "resource 'vm:100' does not exist in cluster\n", Kind::NoSuchGuest),
            (
                Method::POST,
                "create ha rule failed: 400 Rule 'x' is invalid.\nresources: rule defines more resources than available nodes\n",
                Kind::TooEarly,
            ),
            (
                Method::POST,
                "create ha rule failed: 400 Rule 'x' is invalid.\nresources: resource 'vm:1' is already used in another node affinity rule\n",
                Kind::RuleConflict,
            ),
            (Method::POST, "Target 'nosuch' does not exist.\n", Kind::NoSuchNode),
            (Method::PUT, "update HA rules failed: cannot use non-existent node(s) x.\n", Kind::NoSuchNode),
            (Method::PUT, "no such option 'k'\n", Kind::Refused),
            (Method::POST, "invalid VMID\n", Kind::Refused),
        ];
        for (method, message, kind) in cases {
            assert_eq!(of(method, message), kind, "{message}");
        }
    }

    #[test]
    fn statuses_that_speak_for_themselves() {
        let of = |status| meaning(&Method::GET, status, "no such resource 'x'");
        assert_eq!(of(400), Kind::Invalid);
        assert_eq!(of(401), Kind::Unauthorized);
        assert_eq!(of(403), Kind::Forbidden);
        assert_eq!(of(501), Kind::NotImplemented);
        assert_eq!(of(595), Kind::Unreachable(Obstacle::Proxy));
        assert_eq!(of(596), Kind::Ambiguous);
        assert_eq!(of(599), Kind::Ambiguous);
    }
}

//! The edit itself: what is to be true before, and what is decided under the cluster's lock.

use pve_schemas::CorosyncOptions;
use pve_schemas::corosync::{CorosyncConf, DRAFT, PATH};

use super::{Look, SUBJECT, checks, file, nodes};
use crate::framework::{Cause, Failure};
use crate::resources::operations::OpContext;
use crate::resources::over_ssh::{EditFailed, ambiguous_failure, any_node, await_quorum, demand_quorum};
use crate::ssh::{Drafted, Edit, ErrorKind};

/// Makes `after` of `before` in the file, as long as the file still has `before`. Where it has `after` already, the nodes that
/// don't run it are made to.
pub(super) async fn edit(op: &OpContext<'_>, before: &CorosyncOptions, after: &CorosyncOptions) -> Result<(), Failure> {
    let look = Look::fresh(op).await?;
    let mut next = look.conf.clone();
    after.write(before, &mut next);
    if next == look.conf {
        return nodes::reload(op, &look).await;
    }
    demand_quorum(op, SUBJECT).await?;
    nodes::demand_all_online(&look)?;
    nodes::reload(op, &look).await?;
    nodes::demand_in_effect(op).await?;
    if let Some(problem) =
        checks::problems(op, &look, &next, (before, after), &checks::Moves::default()).await?.into_iter().next()
    {
        return Err(problem.into_failure());
    }
    let node = any_node(&look.members, None)?;
    loop {
        let decide = |found: Drafted<'_>| decide(&look, &found, before, after).map_err(EditFailed::Reported);
        match file().edit_drafted(&op.ssh()?, node, &op.call(), decide).await {
            Ok(_) => break,
            Err(EditFailed::Ssh(error)) if error.kind() == ErrorKind::NoQuorum => {
                await_quorum(op, SUBJECT, error).await?;
            }
            Err(EditFailed::Ssh(error)) => return Err(ambiguous_failure(SUBJECT)(error)),
            Err(EditFailed::Reported(failure)) => return Err(failure),
        }
    }
    if look.conf.totem("link_mode") != next.totem("link_mode") {
        op.cx.warn(
            "Corosync has to be restarted",
            format!(
                "{SUBJECT}: `link_mode` is in the file, and Corosync reads it at its start only. Run `systemctl restart \
                 corosync` on one node after the other, and wait until `pvecm status` shows all nodes again in between."
            ),
        );
    }
    Ok(())
}

/// What becomes of the file. Another change that came in between is kept, unless it is of the same options.
fn decide(
    look: &Look,
    found: &Drafted<'_>,
    before: &CorosyncOptions,
    after: &CorosyncOptions,
) -> Result<Edit, Failure> {
    let Some(text) = found.text else {
        return Err(Failure::new(Cause::Absent, format!("{SUBJECT}: {PATH} is gone. Nothing was changed.")));
    };
    let now = CorosyncConf::parse(text);
    let same = |options: &CorosyncOptions| {
        CorosyncOptions::read(&now, &options.managed()) == CorosyncOptions::read(&look.conf, &options.managed())
    };
    if text != look.text && !(same(before) && same(after) && now.nodes().len() == look.conf.nodes().len()) {
        return Err(Failure::new(Cause::Stale, format!("{SUBJECT} were changed outside of Terraform just now.")));
    }
    let mut next = now.clone();
    after.write(before, &mut next);
    if next == now {
        return Ok(Edit::Keep);
    }
    next.grow_version();
    if let Some(fault) = next.faults().into_iter().next() {
        return Err(Failure::refused(format!("{SUBJECT}: {PATH}: {fault}. Nothing was changed.")));
    }
    let next = next.text();
    match found.draft {
        // Of an apply that was interrupted: the same again, or nothing yet.
        Some(draft) if !draft.is_empty() && draft != next => Err(Failure::refused(format!(
            "{SUBJECT}: {DRAFT} exists, and it is not what this apply would write: another change is being made, or was \
             interrupted. Nothing was changed.\nCompare it with {PATH}. Either finish that change (`mv {DRAFT} {PATH}`), or \
             remove it (`rm {DRAFT}`). Then apply again."
        ))),
        _ => Ok(Edit::Write(next)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "totem {\n  cluster_name: c\n  config_version: 4\n  token: 5000\n}\nnodelist {\n  node {\n    name: \
                        pve1\n    nodeid: 1\n    ring0_addr: 10.0.0.1\n  }\n}\n";

    fn token(token: i64) -> CorosyncOptions {
        CorosyncOptions { token: Some(token), ..CorosyncOptions::default() }
    }

    /// The decision where the file was `TEXT` at the look, for a change of the token from 5000 to 6000.
    fn decided(text: Option<&str>, draft: Option<&str>) -> Result<Edit, Failure> {
        let look = Look { members: Vec::new(), text: TEXT.to_owned(), conf: CorosyncConf::parse(TEXT) };
        decide(&look, &Drafted { text, draft }, &token(5000), &token(6000))
    }

    fn written(text: &str) -> String {
        text.replace("token: 5000", "token: 6000")
    }

    #[test]
    fn the_file_gets_the_next_version() {
        let expected = written(TEXT).replace("config_version: 4", "config_version: 5");
        assert_eq!(decided(Some(TEXT), None).unwrap(), Edit::Write(expected.clone()));
        // What an interrupted apply has left.
        for left in ["", expected.as_str()] {
            assert_eq!(decided(Some(TEXT), Some(left)).unwrap(), Edit::Write(expected.clone()));
        }
        assert_eq!(decided(Some(&written(TEXT)), None).unwrap_err().cause, Cause::Stale);
    }

    #[test]
    fn another_change_is_kept_and_never_overwritten() {
        let other =
            TEXT.replace("config_version: 4", "config_version: 5").replace("cluster_name: c", "cluster_name: d");
        let expected = written(&other).replace("config_version: 5", "config_version: 6");
        assert_eq!(decided(Some(&other), None).unwrap(), Edit::Write(expected));
        let same = TEXT.replace("config_version: 4", "config_version: 5").replace("token: 5000", "token: 7000");
        assert_eq!(decided(Some(&same), None).unwrap_err().cause, Cause::Stale);
        assert_eq!(decided(None, None).unwrap_err().cause, Cause::Absent);
    }

    #[test]
    fn a_draft_of_others_and_a_broken_file_are_left_alone() {
        let draft = decided(Some(TEXT), Some(TEXT)).unwrap_err();
        assert!(draft.detail.contains("mv /etc/pve/corosync.conf.new /etc/pve/corosync.conf"), "{}", draft.detail);
        let broken = TEXT.replace("}\nnodelist", "}\nnonsense\nnodelist");
        let refused = decided(Some(&broken), None).unwrap_err();
        assert!(refused.detail.contains("line 6: neither a section nor an entry"), "{}", refused.detail);
    }
}

//! How Proxmox's Perl programs end when something `die`s: the text on stderr, and `errno` as the exit code.

use super::{Host, Io};
use crate::error::ApiError;
use crate::world::Pve;

/// What `die` ends with where the last system call went well.
const NO_ERRNO: i32 = 255;
const ENOENT: i32 = 2;
const EACCES: i32 = 13;
const EEXIST: i32 = 17;

/// How often `PVE::Cluster::cfs_lock` makes another try, one each second, each with a line on stderr.
const LOCK_TRIES: u8 = 9;

/// Prints the error, and returns the exit code.
pub(super) fn died(host: &mut Host<'_>, io: &mut Io, error: &ApiError) -> i32 {
    let missed = MissedLock::of(&error.message);
    if let Some(lock) = &missed {
        for _ in 0..LOCK_TRIES {
            io.err.push_str(&format!("trying to acquire cfs lock '{}' ...\n", lock.name));
        }
        host.seconds += f64::from(LOCK_TRIES);
    }
    io.err.push_str(&error.stringified());
    match missed {
        Some(lock) => lock.errno,
        None => errno(host, &error.message),
    }
}

/// A lock of the cluster that was not obtained.
struct MissedLock<'a> {
    name: &'a str,
    /// Of the last `mkdir`.
    errno: i32,
}

impl<'a> MissedLock<'a> {
    fn of(message: &'a str) -> Option<Self> {
        let (_, rest) = message.split_once("cfs-lock '")?;
        let (name, why) = rest.split_once("' error: ")?;
        let errno = match why.trim_end() {
            "no quorum!" => EACCES,
            "got lock request timeout" => EEXIST,
            _ => return None,
        };
        Some(Self { name, errno })
    }
}

/// `errno` of the last system call that failed, where that is known.
fn errno(host: &Host<'_>, message: &str) -> i32 {
    const GROUPS: &str = "/etc/pve/ha/groups.cfg";
    // The groups' file was looked for, and isn't there once they are rules.
    let of_groups = message.contains("ha groups have been migrated to rules");
    if of_groups && host.world.profile.pve == Pve::V9 && host.world.file_opt(GROUPS).is_none() {
        return ENOENT;
    }
    // PVE::HA::Resources looks for the guest after the folder of the locks was made, which exists already.
    let of_guest = message.contains("resource '")
        && (message.contains("' does not exist in cluster") || message.contains("' - guest with ID"));
    if of_guest { EEXIST } else { NO_ERRNO }
}

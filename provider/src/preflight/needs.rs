//! The lists that the checks of an object look at.

use super::Task;
use super::objects::Object;

/// Which lists are needed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Needs {
    pub cluster: bool,
    pub quorum: bool,
    pub permissions: bool,
    pub resources: bool,
    pub placed: bool,
    pub jobs: bool,
    pub manager: bool,
    /// The backup jobs.
    pub backups: bool,
    pub storages: bool,
    /// The notification targets and matchers.
    pub alerts: bool,
}

impl Needs {
    /// What the checks of an object need.
    pub fn of(object: &Object, task: Task) -> Self {
        let stays = task != Task::Destroy;
        let needs = Self { cluster: stays, permissions: true, ..Self::default() };
        match object {
            Object::Resource(resource) => {
                // No rule names what is no HA resource yet.
                let has_group = resource.group.as_ref().is_some_and(Option::is_some);
                let placed = task != Task::Create || has_group;
                let is_new = task == Task::Create;
                Self { placed, jobs: placed && stays, resources: stays, backups: stays, alerts: is_new, ..needs }
            }
            Object::Rule(_) | Object::Group(_) => Self { placed: stays, jobs: stays, resources: true, ..needs },
            Object::Member(_) => Self { placed: true, jobs: stays, resources: true, ..needs },
            Object::Job(_) => {
                let is_new = task == Task::Create;
                Self { placed: stays, resources: stays, jobs: stays, alerts: is_new, ..needs }
            }
            Object::BackupJob(_) => Self { cluster: true, resources: true, backups: true, storages: stays, ..needs },
            Object::Matcher(_) | Object::Target(_) => Self { cluster: true, jobs: true, alerts: true, ..needs },
            Object::Options => Self { permissions: true, ..Self::default() },
            Object::Hosted(hosted) => {
                let moves = hosted.empties && stays;
                Self { cluster: stays, resources: moves, placed: moves, manager: moves, ..Self::default() }
            }
            Object::Qdevice | Object::Membership(_) => Self::default(),
        }
    }
}

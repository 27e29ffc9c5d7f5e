//! The table of calls: path and method, permission, and parameters.
//!
//! Invariant: a route holds everything that the pipeline needs before the handler runs.

use serde_json::Value;

use crate::api::notifications::outbox::Ticket;
use crate::error::{ApiError, ApiResult};
use crate::schema::{Params, Schema};
use crate::world::World;
use crate::world::access::Caller;
use crate::world::locks::Taking;

/// The methods that Proxmox supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// GET
    Get,
    /// POST
    Post,
    /// PUT
    Put,
    /// DELETE
    Delete,
}

impl Method {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
        }
    }

    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Method::Get, Method::Post, Method::Put, Method::Delete].into_iter().find(|m| m.as_str() == name)
    }
}

#[derive(Clone, Debug)]
pub enum Permission {
    /// Everybody, even without credentials.
    World,
    /// Every user; the handler may look closer.
    AnyUser,
    /// All of these privileges at a path, in which `{param}` is replaced by the parameter's value.
    Check(&'static str, &'static [&'static str]),
    /// One of these privileges at a path.
    CheckAny(&'static str, &'static [&'static str]),
    /// One of several conditions.
    Or(Vec<Permission>),
    /// All of several conditions.
    And(Vec<Permission>),
    /// No entry: only root@pam with a ticket.
    RootOnly,
}

/// What a handler works with.
pub struct Call<'a> {
    pub world: &'a mut World,
    /// The checked parameters, path parameters among them.
    pub params: Params,
    pub caller: Caller,
    /// A fault to be met at the next cluster lock.
    pub lock_fault: Option<LockFault>,
    /// The cluster locks that it takes.
    pub locks: &'a mut Taking,
}

/// The failure of a cluster lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockFault {
    /// It is not obtained in time: nothing is done.
    Timeout,
    /// It is lost inside: what was to be done is done, the caller receives a failure.
    CommandTimeout,
    /// The cluster has no quorum.
    NoQuorum,
}

impl Call<'_> {
    /// `$rpcenv->check`: all privileges at a path.
    ///
    /// # Errors
    /// 403 naming the path and the first privilege that is missing.
    pub fn check(&self, path: &str, privileges: &[&str]) -> ApiResult<()> {
        check_all(self.world, &self.caller, path, privileges)
    }

    /// Whether the caller holds all privileges at a path.
    #[must_use]
    pub fn may(&self, path: &str, privileges: &[&str]) -> bool {
        self.world.access.allows(&self.caller, path, privileges, false)
    }

    /// `check_cfs_quorum`.
    ///
    /// # Errors
    /// `cluster not ready - no quorum?`
    pub fn check_quorum(&self) -> ApiResult<()> {
        if self.lock_fault == Some(LockFault::NoQuorum) {
            return Err(ApiError::die("cluster not ready - no quorum?"));
        }
        self.world.check_quorum()
    }

    /// Runs `code` under the cluster lock `name` (`domain-ha`, `file-datacenter_cfg`, …). Where the lock is taken this is an error
    /// that the pipeline keeps to itself as long as there is time: it makes the whole call again.
    ///
    /// # Errors
    /// What `code` answers, or `cfs-lock 'NAME' error: …`.
    pub fn locked<T>(&mut self, name: &str, code: impl FnOnce(&mut Self) -> ApiResult<T>) -> ApiResult<T> {
        let no_quorum = || ApiError::die(format!("cfs-lock '{name}' error: no quorum!"));
        let timeout = || ApiError::die(format!("cfs-lock '{name}' error: got lock request timeout"));
        match self.lock_fault {
            Some(LockFault::NoQuorum) => return Err(no_quorum()),
            Some(LockFault::Timeout) => return Err(timeout()),
            Some(LockFault::CommandTimeout) | None => {}
        }
        if self.locks.is_command && self.world.lock_holders.contains_key(name) {
            return code(self);
        }
        if !self.world.take_lock(name, &self.locks.by) {
            self.locks.refused = Some(name.to_owned());
            return Err(if self.world.is_quorate() { timeout() } else { no_quorum() });
        }
        let result = code(self);
        if self.locks.takes_time {
            self.locks.kept.push(name.to_owned());
        } else {
            self.world.release_lock(name);
        }
        if self.lock_fault == Some(LockFault::CommandTimeout) {
            result?;
            return Err(ApiError::die(format!("'{name}'-locked command timed out - aborting")));
        }
        result
    }
}

/// What a handler answers.
#[derive(Clone, Debug)]
pub struct Reply {
    /// `data`
    pub data: Value,
    /// `total`, for lists that page.
    pub total: Option<usize>,
    /// The delivery of a notification whose end is the answer.
    pub delivery: Option<Ticket>,
}

impl From<Value> for Reply {
    fn from(data: Value) -> Self {
        Self { data, total: None, delivery: None }
    }
}

type Handler = Box<dyn Fn(&mut Call<'_>) -> ApiResult<Reply> + Send + Sync>;

/// One call of the API.
pub struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) permission: Permission,
    pub(crate) params: Schema,
    pub(crate) allow_token: bool,
    pub(crate) proxied: bool,
    pub(crate) handler: Handler,
}

impl Route {
    /// A call. Without anything further: root@pam only, no parameters but those in the path.
    pub fn new<R: Into<Reply>>(
        method: Method,
        path: &'static str,
        handler: impl Fn(&mut Call<'_>) -> ApiResult<R> + Send + Sync + 'static,
    ) -> Self {
        Self {
            method,
            path,
            permission: Permission::RootOnly,
            params: Schema::new(),
            allow_token: true,
            proxied: false,
            handler: Box::new(move |call| handler(call).map(Into::into)),
        }
    }

    /// `GET`
    pub fn get<R: Into<Reply>>(
        path: &'static str,
        handler: impl Fn(&mut Call<'_>) -> ApiResult<R> + Send + Sync + 'static,
    ) -> Self {
        Self::new(Method::Get, path, handler)
    }

    /// `POST`
    pub fn post<R: Into<Reply>>(
        path: &'static str,
        handler: impl Fn(&mut Call<'_>) -> ApiResult<R> + Send + Sync + 'static,
    ) -> Self {
        Self::new(Method::Post, path, handler)
    }

    /// `PUT`
    pub fn put<R: Into<Reply>>(
        path: &'static str,
        handler: impl Fn(&mut Call<'_>) -> ApiResult<R> + Send + Sync + 'static,
    ) -> Self {
        Self::new(Method::Put, path, handler)
    }

    /// `DELETE`
    pub fn delete<R: Into<Reply>>(
        path: &'static str,
        handler: impl Fn(&mut Call<'_>) -> ApiResult<R> + Send + Sync + 'static,
    ) -> Self {
        Self::new(Method::Delete, path, handler)
    }

    /// Who may call it.
    #[must_use]
    pub fn permission(mut self, permission: Permission) -> Self {
        self.permission = permission;
        self
    }

    /// Its parameters, those in the path included.
    #[must_use]
    pub fn params(mut self, params: Schema) -> Self {
        self.params = params;
        self
    }

    /// It is refused to API tokens.
    #[must_use]
    pub fn ticket_only(mut self) -> Self {
        self.allow_token = false;
        self
    }

    /// It is forwarded to the node in its path.
    #[must_use]
    pub fn proxied(mut self) -> Self {
        self.proxied = true;
        self
    }

    /// The cluster lock a write to this path takes.
    #[must_use]
    pub fn lock_domain(&self) -> Option<&'static str> {
        if self.method == Method::Get {
            return None;
        }
        let domains = [
            ("/cluster/ha", "domain-ha"),
            ("/cluster/backup", "file-jobs_cfg"),
            ("/cluster/replication", "file-replication_cfg"),
            ("/cluster/options", "file-datacenter_cfg"),
            ("/cluster/notifications/endpoints", "file-notifications_cfg"),
            ("/cluster/notifications/matchers", "file-notifications_cfg"),
            ("/access", "file-user_cfg"),
        ];
        domains.into_iter().find(|(prefix, _)| self.path.starts_with(prefix)).map(|(_, domain)| domain)
    }
}

/// A route together with the values of its path's placeholders.
pub type Found<'r> = (&'r Route, Vec<(&'static str, String)>);

pub struct Router {
    routes: Vec<(Vec<&'static str>, Route)>,
}

impl Router {
    #[must_use]
    pub fn new(routes: Vec<Route>) -> Self {
        let split = |route: Route| (route.path.split('/').filter(|p| !p.is_empty()).collect(), route);
        let mut routes: Vec<(Vec<&'static str>, Route)> = routes.into_iter().map(split).collect();
        // A literal component has precedence over a placeholder in the same place.
        routes.sort_by_key(|(parts, _)| parts.iter().map(|p| p.starts_with('{')).collect::<Vec<_>>());
        Self { routes }
    }

    /// Finds the route of a decoded path; empty components are ignored, components with blanks match nothing.
    #[must_use]
    pub fn find(&self, method: Method, path: &str) -> Option<Found<'_>> {
        let requested: Vec<&str> = path.split('/').filter(|p| !p.is_empty()).collect();
        if requested.iter().any(|part| part.contains(char::is_whitespace)) {
            return None;
        }
        let fits = |parts: &[&'static str]| {
            parts.len() == requested.len() && parts.iter().zip(&requested).all(|(p, w)| p.starts_with('{') || p == w)
        };
        let (parts, route) = self.routes.iter().find(|(parts, route)| route.method == method && fits(parts))?;
        let name = |p: &'static str| p.strip_prefix('{').and_then(|p| p.strip_suffix('}'));
        let values = parts.iter().zip(&requested).filter_map(|(p, w)| Some((name(p)?, (*w).to_owned())));
        Some((route, values.collect()))
    }
}

/// Checks a route's permission; `value` gives the parameters in its path.
///
/// # Errors
/// 403
pub(crate) fn check_permission(
    world: &World,
    caller: &Caller,
    permission: &Permission,
    value: &dyn Fn(&str) -> String,
) -> ApiResult<()> {
    match permission {
        Permission::World => Ok(()),
        Permission::AnyUser if *caller != Caller::Anonymous => Ok(()),
        Permission::AnyUser => Err(ApiError::permission(None)),
        _ if caller.is_root() => Ok(()),
        Permission::Check(path, privileges) => check_all(world, caller, &fill(path, value), privileges),
        Permission::CheckAny(path, privileges) => {
            let path = fill(path, value);
            if world.access.allows(caller, &path, privileges, true) {
                return Ok(());
            }
            Err(ApiError::permission(Some(&format!("{path}, {}", privileges.join("|")))))
        }
        Permission::Or(options) => {
            let ok = options.iter().any(|p| check_permission(world, caller, p, value).is_ok());
            if ok { Ok(()) } else { Err(ApiError::permission(None)) }
        }
        Permission::And(all) => all.iter().try_for_each(|p| check_permission(world, caller, p, value)),
        Permission::RootOnly => Err(ApiError::permission(Some("user != root@pam"))),
    }
}

fn check_all(world: &World, caller: &Caller, path: &str, privileges: &[&str]) -> ApiResult<()> {
    match privileges.iter().find(|p| !world.access.allows(caller, path, &[**p], false)) {
        Some(missing) => Err(ApiError::permission(Some(&format!("{path}, {missing}")))),
        None => Ok(()),
    }
}

fn fill(path: &str, value: &dyn Fn(&str) -> String) -> String {
    let mut out = String::new();
    for (i, part) in path.split(['{', '}']).enumerate() {
        if i % 2 == 0 { out.push_str(part) } else { out.push_str(&value(part)) }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router() -> Router {
        let null = |_: &mut Call<'_>| Ok(Value::Null);
        Router::new(vec![
            Route::get("/nodes/{node}", null),
            Route::get("/nodes/x/{what}", null),
            Route::get("/nodes/{node}/tasks", null),
        ])
    }

    #[test]
    fn literal_components_go_first_and_blanks_match_nothing() {
        let router = router();
        let path = |p: &str| router.find(Method::Get, p).map(|(r, _)| r.path);
        assert_eq!(path("//nodes/a/"), Some("/nodes/{node}"));
        assert_eq!(path("/nodes/x/tasks"), Some("/nodes/x/{what}"));
        assert_eq!(path("/nodes/a b"), None);
        assert_eq!(path("/nodes"), None);
        assert!(router.find(Method::Put, "/nodes/a").is_none());
    }

    #[test]
    fn placeholders_are_filled() {
        assert_eq!(fill("/vms/{vmid}/x", &|n| format!("<{n}>")), "/vms/<vmid>/x");
    }
}

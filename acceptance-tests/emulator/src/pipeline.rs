//! One request from its bytes to its answer, in Proxmox's order: authentication → routing → duplicate parameters →
//! tokens where only tickets are accepted → permission → the node in charge → parameter check → handler.

use std::pin::pin;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::api::notifications::outbox::{Outcome, Record};
use crate::auth::Credentials;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::route::{Call, LockFault, Method, Permission, Reply, Route, Router, check_permission};
use crate::site::{Door, Held, Site};
use crate::world::access::Caller;
use crate::world::locks::{InQueue, PATIENCE, PAUSE, Queue, Taking};
use crate::world::{HaManager, Pve, World};

/// Calls without authentication.
const OPEN: [(&str, &[Method]); 2] =
    [("/access/domains", &[Method::Get]), ("/access/ticket", &[Method::Get, Method::Post])];

/// All worlds together with their API.
pub struct Cluster {
    site: Mutex<Site>,
    /// The tables of calls, by the release and the HA manager of the node that answers: a cluster may be upgraded.
    routers: [[OnceLock<Router>; HaManager::ALL.len()]; 2],
    /// The calls that wait for cluster locks.
    pub queue: Queue,
    write_time: Duration,
}

/// A request as far as the API cares.
pub struct Request {
    pub method: Method,
    /// The decoded path below the format, e.g. `/version`.
    pub path: String,
    pub credentials: Credentials,
    /// Query and body together.
    pub params: ApiResult<Map<String, Value>>,
    /// A fault to be met at the next cluster lock.
    pub lock_fault: Option<LockFault>,
    /// Where it came in.
    pub door: Door,
}

impl Cluster {
    /// Puts a world behind its API.
    #[must_use]
    pub fn new(world: World) -> Self {
        Self::of(vec![world])
    }

    /// Puts several worlds behind it, on one clock.
    #[must_use]
    pub fn of(worlds: Vec<World>) -> Self {
        Self {
            site: Mutex::new(Site::new(worlds)),
            routers: Default::default(),
            queue: Queue::default(),
            write_time: Duration::ZERO,
        }
    }

    /// How long a write keeps its locks while the clock runs by itself; on a stopped clock it takes no time.
    #[must_use]
    pub fn with_write_time(self, write_time: Duration) -> Self {
        Self { write_time, ..self }
    }

    /// The calls that exist on the node that handles the request.
    #[must_use]
    pub fn router(&self, world: &World) -> &Router {
        self.router_with(world.profile.pve, world.ha_manager())
    }

    /// A table that has the path of every call, whatever parameters it takes.
    #[must_use]
    pub fn paths(&self) -> &Router {
        // What the newest release lacks is a thing of the past.
        let known = self.routers.iter().rev().flatten().find_map(OnceLock::get);
        known.unwrap_or_else(|| self.router_with(Pve::V9, HaManager::default()))
    }

    fn router_with(&self, pve: Pve, ha: HaManager) -> &Router {
        self.routers[pve as usize][ha as usize].get_or_init(|| Router::new(crate::api::routes(pve, ha)))
    }

    /// The first world, brought up to now.
    pub fn world(&self) -> Held<'_> {
        Held::main(self.site())
    }

    /// The world behind a door.
    pub fn behind(&self, door: &Door) -> Held<'_> {
        Held::behind(self.site(), door)
    }

    /// The world that a node is in; the first one if there is no such node.
    pub fn world_of(&self, node: &str) -> Held<'_> {
        Held::of(self.site(), node, false)
    }

    /// All worlds, brought up to now.
    pub fn site(&self) -> MutexGuard<'_, Site> {
        let mut site = self.site.lock().unwrap_or_else(PoisonError::into_inner);
        site.catch_up();
        site
    }

    /// Answers a request. A write that finds its lock taken waits for it on the emulator's clock, as on a node.
    ///
    /// # Errors
    /// Whatever the API says no with.
    pub async fn answer(&self, request: Request) -> ApiResult<Reply> {
        let mut queued: Option<InQueue<'_>> = None;
        loop {
            let (result, locks, now) = self.attempt(&request);
            let kept = Kept { cluster: self, door: &request.door, locks: locks.kept };
            let Some(lock) = locks.refused.filter(|_| locks.may_wait) else {
                drop(queued);
                if !kept.locks.is_empty() {
                    self.until(now + self.write_time.as_secs_f64()).await;
                }
                return self.delivered(result).await;
            };
            drop(kept);
            if queued.as_ref().is_none_or(|place| place.lock != lock) {
                queued = Some(self.queue.join(lock, now));
            }
            if queued.as_ref().is_some_and(|place| now >= place.since + PATIENCE) {
                return result;
            }
            self.until(now + PAUSE).await;
        }
    }

    /// The answer of a call that sent a notification is how its delivery ended.
    async fn delivered(&self, result: ApiResult<Reply>) -> ApiResult<Reply> {
        let Ok(Reply { delivery: Some(ticket), .. }) = &result else { return result };
        let ended = |world: &mut World| match world.notifications.outcome(*ticket) {
            Some(Outcome::Pending) => None,
            other => Some(other.cloned()),
        };
        match self.notified(ended).await {
            Some(Outcome::Failed(failure)) => Err(ApiError::die(format!("Could not test target: {failure}"))),
            _ => result,
        }
    }

    /// All deliveries of notifications, as soon as none of them is pending.
    pub async fn deliveries(&self) -> Vec<Record> {
        let all = |world: &mut World| {
            let log = &world.notifications;
            log.is_idle().then(|| log.log().cloned().collect())
        };
        self.notified(all).await
    }

    /// Waits until `look` finds something, and looks again whenever a notification is sent or delivered.
    pub(crate) async fn notified<T>(&self, look: impl Fn(&mut World) -> Option<T>) -> T {
        loop {
            let changed = self.world().notifications.changed();
            let mut notified = pin!(changed.notified());
            notified.as_mut().enable();
            // Not part of the condition: the world must not be held while waiting.
            let found = look(&mut self.world());
            if let Some(found) = found {
                return found;
            }
            notified.await;
        }
    }

    /// Waits until `look` finds something, and looks again whenever the clock has moved.
    pub(crate) async fn when<T>(&self, look: impl Fn() -> Option<T>) -> T {
        loop {
            let now = self.world().clock.now();
            if let Some(found) = look() {
                return found;
            }
            self.until(now + 0.1).await;
        }
    }

    /// Makes a call once: what came of it, what it did with locks, and when.
    fn attempt(&self, request: &Request) -> (ApiResult<Reply>, Taking, f64) {
        let mut world = self.behind(&request.door);
        let mut locks = Taking {
            by: format!("{} {}", request.method.as_str(), request.path),
            takes_time: !self.write_time.is_zero() && world.clock.is_running(),
            ..Taking::default()
        };
        let result = self.carry_out(&mut world, request, &mut locks);
        // Where writes take no time, one without quorum is refused at once.
        locks.may_wait = locks.takes_time || world.is_quorate();
        (result, locks, world.clock.now())
    }

    /// Waits until the emulator's clock shows a time.
    async fn until(&self, due: f64) {
        loop {
            let moved = self.world().clock.moved();
            let mut notified = pin!(moved.notified());
            notified.as_mut().enable();
            let (left, runs) = {
                let world = self.world();
                (due - world.clock.now(), world.clock.is_running())
            };
            if left <= 0.0 {
                return;
            }
            if runs {
                let _ = tokio::time::timeout(Duration::from_secs_f64(left), notified).await;
            } else {
                notified.await;
            }
        }
    }

    fn carry_out(&self, world: &mut World, request: &Request, locks: &mut Taking) -> ApiResult<Reply> {
        let caller = self.authenticate(world, request)?;
        let mut params = request.params.clone()?;
        let (route, in_path) = self.route(world, request)?;
        merge_path(&mut params, in_path)?;
        if request.credentials.has_token() && !route.allow_token {
            let what = format!("URI '{}' not available with API token, need proper ticket.\n", request.path);
            return Err(ApiError::permission(Some(&what)));
        }
        let value = |name: &str| params.get(name).map(crate::schema::check::perl_text).unwrap_or_default();
        check_permission(world, &caller, &route.permission, &value)?;
        if route.proxied {
            reach(world, &value("node"))?;
        }
        let params = route.params.verify(params)?;
        let mut call = Call { world, params, caller, lock_fault: request.lock_fault, locks };
        if route.permission_is_ticket() && call.world.is_away() {
            return Err(ApiError::new(401, "authentication failure\n"));
        }
        if route.permission_is_ticket() {
            let keys = call.world.keys.clone();
            return crate::api::access::ticket::create(&mut call, &keys).map(Reply::from);
        }
        (route.handler)(&mut call)
    }

    /// Makes a call as root@pam, past authentication: what the control plane does behind a client's back.
    ///
    /// # Errors
    /// Whatever the API says no with.
    pub fn call_as_root(&self, method: Method, path: &str, params: Map<String, Value>) -> ApiResult<Reply> {
        self.call_behind(&Door::Main, method, path, params)
    }

    /// The same, answered by the node behind a door.
    ///
    /// # Errors
    /// Whatever the API says no with.
    pub fn call_behind(&self, door: &Door, method: Method, path: &str, params: Map<String, Value>) -> ApiResult<Reply> {
        self.call_in(&mut self.behind(door), method, path, params)
    }

    /// The same for who has the world in hand already: a command on a node.
    ///
    /// # Errors
    /// Whatever the API says no with.
    pub fn call_in(
        &self,
        world: &mut World,
        method: Method,
        path: &str,
        mut params: Map<String, Value>,
    ) -> ApiResult<Reply> {
        let (route, in_path) =
            self.router(world).find(method, path).ok_or_else(|| ApiError::not_implemented(method.as_str(), path))?;
        merge_path(&mut params, in_path)?;
        self.run_route(world, route, params)
    }

    /// Runs a route as root@pam; the parameters in its path are given like all others.
    ///
    /// # Errors
    /// Whatever the API says no with.
    pub fn run_route(&self, world: &mut World, route: &Route, params: Map<String, Value>) -> ApiResult<Reply> {
        let params = route.params.verify(params)?;
        let caller = Caller::User("root@pam".into());
        let by = format!("a command on a node: {}", route.path);
        let locks = &mut Taking { by, is_command: true, ..Taking::default() };
        (route.handler)(&mut Call { world, params, caller, lock_fault: None, locks })
    }

    fn authenticate(&self, world: &World, request: &Request) -> ApiResult<Caller> {
        let open = OPEN.iter().any(|(path, methods)| *path == request.path && methods.contains(&request.method));
        let found = match world.is_away() {
            // Without /etc/pve no user and no key is known.
            true if !request.credentials.is_empty() => Err(ApiError::unauthorized("Authentication failed!")),
            _ => request.credentials.authenticate(world, &world.keys, request.method),
        };
        if open { Ok(found.unwrap_or(Caller::Anonymous)) } else { found }
    }

    fn route(&self, world: &World, request: &Request) -> ApiResult<crate::route::Found<'_>> {
        let method = request.method;
        let missing = || ApiError::not_implemented(method.as_str(), &request.path);
        self.router(world).find(method, &request.path).ok_or_else(missing)
    }
}

/// Locks that a write keeps; they are given back when this is dropped.
struct Kept<'c> {
    cluster: &'c Cluster,
    door: &'c Door,
    locks: Vec<String>,
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        if !self.locks.is_empty() {
            let mut world = self.cluster.behind(self.door);
            self.locks.iter().for_each(|lock| world.release_lock(lock));
        }
    }
}

impl Route {
    /// Making a ticket needs the signing keys, which no other handler gets.
    fn permission_is_ticket(&self) -> bool {
        self.method == Method::Post && self.path == "/access/ticket"
    }
}

/// A parameter in the path may be repeated elsewhere, but only with the same value.
fn merge_path(params: &mut Map<String, Value>, in_path: Vec<(&'static str, String)>) -> ApiResult<()> {
    for (name, value) in in_path {
        if params.get(name).is_some_and(|other| crate::schema::check::perl_text(other) != value) {
            let text = "duplicate parameter (already defined in URI) with conflicting values!";
            return Err(ApiError::param(name, text));
        }
        params.insert(name.to_owned(), Value::String(value));
    }
    Ok(())
}

/// What pveproxy says when it can't forward a call to a node.
fn reach(world: &World, node: &str) -> ApiResult<()> {
    if node == "localhost" || node == world.answering_node {
        return Ok(());
    }
    if !world.nodes.contains_key(node) {
        let why = format!("hostname lookup '{node}' failed - failed to get address info for: {node}");
        return Err(ApiError::die(format!("{why}: Temporary failure in name resolution")));
    }
    if !world.is_up(node) {
        return Err(ApiError::proxy(595, "Connection refused"));
    }
    if world.nodes.get(node).is_some_and(|node| node.uncertified) {
        return Err(ApiError::proxy(596, "tls_process_server_certificate: certificate verify failed"));
    }
    Ok(())
}

/// Renders an answer in the plain JSON format: status, reason, body, and whether the body is JSON.
#[must_use]
pub fn render_json(result: &ApiResult<Reply>) -> (u16, String, String, bool) {
    match result {
        Ok(reply) => {
            let mut body = Map::new();
            body.insert("data".into(), reply.data.clone());
            if let Some(total) = reply.total {
                body.insert("total".into(), json!(total));
            }
            (200, "OK".into(), Value::Object(body).to_string(), true)
        }
        Err(error) => {
            let (body, is_json) = error.render();
            (error.code, error.reason().to_owned(), body, is_json)
        }
    }
}

/// Renders an answer in the `extjs` format: always 200 unless there is no body to speak of.
#[must_use]
pub fn render_extjs(result: &ApiResult<Reply>) -> (u16, String, String, bool) {
    let body = match result {
        Ok(reply) => {
            let mut body = json!({"success": 1, "data": reply.data});
            if let Some(total) = reply.total {
                body["total"] = json!(total);
            }
            body
        }
        Err(error) if error.body == ErrorBody::Json => {
            let mut body = json!({"success": 0, "data": null, "status": error.code, "message": error.message});
            if !error.errors.is_empty() {
                body["errors"] = json!(error.errors);
            }
            body
        }
        Err(_) => return render_json(result),
    };
    (200, "OK".into(), body.to_string(), true)
}

impl Permission {
    /// All privileges at the root of the tree.
    #[must_use]
    pub fn root(privileges: &'static [&'static str]) -> Self {
        Permission::Check("/", privileges)
    }
}

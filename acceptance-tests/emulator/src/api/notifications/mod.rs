//! `/cluster/notifications`: targets and matchers, and the events that go through them.
//!
//! ```text
//!  write, read ──► config ──► file        what is configured
//!  event ──► routing ──► outbox ──► delivery   what happens: matched and rendered at once, sent by a task of its own
//! ```
//!
//! Invariant: no call and no daemon waits for a receiver while it holds the world; only the test of a target waits, without it.

mod calendar;
mod config;
pub mod delivery;
pub mod event;
mod file;
mod kinds;
mod matcher;
pub mod outbox;
mod pair;
mod read;
mod routing;
mod templates;
mod write;

use crate::api::cluster_index;
use crate::error::{ApiError, ApiResult};
use crate::route::{Call, Permission, Reply, Route};
use crate::world::World;
use config::Config;
use kinds::{SectionKind, named};

const ROOM: &str = "/mapping/notifications";

/// `/cluster/notifications`
#[must_use]
pub fn routes() -> Vec<Route> {
    let index = |names: &'static str| move |_: &mut Call<'_>| Ok(cluster_index("name", names));
    let mut routes = vec![
        Route::get("/cluster/notifications", index("endpoints matchers targets matcher-fields matcher-field-values"))
            .permission(Permission::AnyUser),
        Route::get("/cluster/notifications/endpoints", index("gotify sendmail smtp webhook"))
            .permission(Permission::AnyUser),
        Route::get("/cluster/notifications/matcher-fields", index("type hostname job-id")).permission(reading()),
        Route::get("/cluster/notifications/matcher-field-values", read::field_values).permission(reading()),
        Route::get("/cluster/notifications/targets", read::targets).permission(using()),
        Route::post("/cluster/notifications/targets/{name}/test", test).permission(using()).params(named()),
    ];
    let paths = [
        (
            SectionKind::Sendmail,
            "/cluster/notifications/endpoints/sendmail",
            "/cluster/notifications/endpoints/sendmail/{name}",
        ),
        (
            SectionKind::Gotify,
            "/cluster/notifications/endpoints/gotify",
            "/cluster/notifications/endpoints/gotify/{name}",
        ),
        (SectionKind::Smtp, "/cluster/notifications/endpoints/smtp", "/cluster/notifications/endpoints/smtp/{name}"),
        (
            SectionKind::Webhook,
            "/cluster/notifications/endpoints/webhook",
            "/cluster/notifications/endpoints/webhook/{name}",
        ),
        (SectionKind::Matcher, "/cluster/notifications/matchers", "/cluster/notifications/matchers/{name}"),
    ];
    for (kind, all, each) in paths {
        // Of gotify and webhook targets the list has its permission declared twice: the latter, stricter one counts.
        let listing = match kind {
            SectionKind::Gotify | SectionKind::Webhook => Permission::Check(ROOM, &["Mapping.Audit"]),
            SectionKind::Matcher => using(),
            SectionKind::Sendmail | SectionKind::Smtp => reading(),
        };
        routes.extend([
            Route::get(all, move |call| read::list(call, kind)).permission(listing),
            Route::get(each, move |call| read::one(call, kind)).permission(reading()).params(named()),
            Route::post(all, move |call| write::create(call, kind)).permission(writing(kind)).params(kind.creation()),
            Route::put(each, move |call| write::update(call, kind)).permission(writing(kind)).params(kind.change()),
            Route::delete(each, move |call| write::delete(call, kind)).permission(modifying()).params(named()),
        ]);
    }
    routes
}

fn modifying() -> Permission {
    Permission::Check(ROOM, &["Mapping.Modify"])
}

fn reading() -> Permission {
    Permission::Or(vec![modifying(), Permission::Check(ROOM, &["Mapping.Audit"])])
}

fn using() -> Permission {
    Permission::Or(vec![reading(), Permission::Check(ROOM, &["Mapping.Use"])])
}

/// Who makes a target makes the nodes send requests to wherever it names.
fn writing(kind: SectionKind) -> Permission {
    if kind == SectionKind::Matcher {
        return modifying();
    }
    let network =
        Permission::Or(vec![Permission::root(&["Sys.Audit", "Sys.Modify"]), Permission::root(&["Sys.AccessNetwork"])]);
    Permission::And(vec![modifying(), network])
}

/// Notifies of a run of vzdump that is over. `notification-mode` of the job is the caller's: with `legacy-sendmail` there is no event.
pub fn backup_finished(world: &mut World, backup: &event::Backup) {
    let event = event::Event::vzdump(backup, world.now());
    world.notify(&event, &backup.node);
}

/// Sends a test to a target, be it disabled. The answer is how the delivery ended.
fn test(call: &mut Call<'_>) -> ApiResult<Reply> {
    let name = call.params.text("name");
    let config = Config::read(call.world);
    let missing = || ApiError::new(404, format!("endpoint '{name}' does not exist\n"));
    let target = config.target(&name).ok_or_else(missing)?;
    let event = event::Event::test(&name, call.world.now());
    let sender = call.world.answering_node.clone();
    let delivery = routing::address(call.world, &config, target, &event, &sender);
    let ticket = call.world.notifications.send_aside(&event, delivery);
    Ok(Reply { delivery: Some(ticket), ..Reply::from(serde_json::Value::Null) })
}

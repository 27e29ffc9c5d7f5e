//! Plan and invocation of an action.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures_util::FutureExt;

use super::apply::panicked;
use super::{Action, Context, Diagnostics, Ending, Invoked, Progress, Prospect, Schema, Stop, Value};

/// How long a plan may look.
const PLAN_TIMEOUT: Duration = Duration::from_mins(2);

/// Looks what `action` would do. Nothing is said of a configuration that is not wholly known.
pub async fn plan(action: &dyn Action, stop: Stop, config: &Value) -> Prospect {
    if !config.is_wholly_known() {
        return Prospect::default();
    }
    let config = with_defaults(action.schema(), config);
    let cx = Context::new(Instant::now() + PLAN_TIMEOUT, stop);
    let looked = AssertUnwindSafe(async { action.plan(&cx, &config).await }).catch_unwind().await;
    let mut prospect = looked.unwrap_or_else(|panic| {
        let error = panicked(&*panic).into_error(format!("Cannot plan the {}", action.title()));
        Prospect { diagnostics: Diagnostics::from(error), ..Prospect::default() }
    });
    prospect.diagnostics.extend(cx.into_warnings());
    prospect
}

/// Does what `action` is for, within its time.
pub async fn invoke(action: &dyn Action, stop: Stop, config: &Value, progress: &dyn Progress) -> Invoked {
    let config = with_defaults(action.schema(), config);
    let cx = Context::new(Instant::now() + action.timeout(&config), stop);
    let ended = AssertUnwindSafe(async { action.invoke(&cx, &config, progress).await }).catch_unwind().await;
    let mut invoked = ended.unwrap_or_else(|panic| {
        let error = panicked(&*panic).into_error(format!("The {} failed", action.title()));
        Invoked { ending: Ending::Unfinished, diagnostics: Diagnostics::from(error) }
    });
    invoked.diagnostics.extend(cx.into_warnings());
    invoked
}

/// Core has no planned state of an action that could have the defaults.
fn with_defaults(schema: &Schema, config: &Value) -> Value {
    let mut config = config.clone();
    for attribute in &schema.block.attributes {
        if let (Some(default), Value::Null) = (&attribute.default, config.at(&attribute.name)) {
            config.insert(&attribute.name, default.clone());
        }
    }
    config
}

//! The action of the small provider: rings a bell a number of times, and leaves a file when it has ended.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::BoxFuture;
use pve_schemas_macros::tf_block;
use schemars::JsonSchema;
use terraform_provider_pve::framework::{
    Action, Context, Diagnostics, Ending, Failure, Invoked, Path as At, Progress, Prospect, Schema, Value,
};

/// Rings.
#[tf_block]
#[derive(JsonSchema)]
pub struct RingBlock {
    /// The bell; some do odd things.
    #[tf(required)]
    bell: String,
    /// How often.
    #[tf(default = 1)]
    #[schemars(range(min = 1))]
    times: Option<u32>,
}

pub struct Ring {
    pub folder: PathBuf,
    pub schema: Schema,
}

/// The file that is there once a bell called `name` has ended.
pub fn ended(name: &str) -> String {
    format!("{name}.ended")
}

impl Action for Ring {
    fn name(&self) -> &'static str {
        "pve_ring"
    }

    fn title(&self) -> &'static str {
        "ring"
    }

    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn timeout(&self, _: &Value) -> Duration {
        Duration::from_mins(1)
    }

    fn validate(&self, config: &Value, diagnostics: &mut Diagnostics) {
        if config.at("bell").as_str() == Some("bad") {
            diagnostics.error_at(At::attribute("bell"), "Bad bell", "Choose another.");
        }
    }

    fn plan<'a>(&'a self, cx: &'a Context, config: &'a Value) -> BoxFuture<'a, Prospect> {
        Box::pin(async move {
            let bell = config.at("bell").as_str().unwrap();
            cx.warn("Loud", bell);
            let problem = || Diagnostics::from(Failure::refused("It is cracked.").into_error("Refused"));
            match bell {
                "crash" => panic!("injected"),
                "absent" => Prospect { missing: problem(), ..Prospect::default() },
                "cracked" => {
                    Prospect { diagnostics: problem(), steps: vec!["Ring.".to_owned()], ..Prospect::default() }
                }
                "rung" => Prospect::default(),
                _ => Prospect { steps: vec![format!("Ring {bell}."), "Listen.".to_owned()], ..Prospect::default() },
            }
        })
    }

    /// What happens before there is a future is guarded as well.
    fn invoke<'a>(&'a self, cx: &'a Context, config: &'a Value, progress: &'a dyn Progress) -> BoxFuture<'a, Invoked> {
        let bell = config.at("bell").as_str().unwrap();
        assert_ne!(bell, "crash", "injected");
        Box::pin(async move {
            let times = config.at("times").as_number().and_then(|number| number.as_i64()).unwrap();
            for time in 1..=times {
                progress.report(&format!("{bell} {time}"));
            }
            assert_ne!(bell, "break", "injected");
            let mut diagnostics = Diagnostics::new();
            if bell == "hang" {
                cx.stop.cancelled().await;
                progress.report("stopped");
                diagnostics.error("Unfinished", "It was stopped.");
            }
            cx.warn("Loud", bell);
            fs::write(self.folder.join(ended(bell)), "").unwrap();
            let ending = if diagnostics.is_empty() { Ending::Done } else { Ending::Unfinished };
            Invoked { ending, diagnostics }
        })
    }
}

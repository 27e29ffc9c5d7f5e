//! Looks what an action would do. An answer has diagnostics only, so that a warning lists the steps.

use super::{Backend, Failed, Rpc};
use crate::framework::{Diagnostics, Prospect, Severity};
use crate::protocol::shape::Shape;
use crate::protocol::tfplugin5::plan_action::{Request, Response};
use crate::protocol::{diagnostics, dynamic};

impl Rpc for Request {
    type Response = Response;
    const NAME: &'static str = "PlanAction";

    fn subject(&self) -> &str {
        &self.action_type
    }

    async fn answer(&self, backend: &Backend) -> Result<Response, Diagnostics> {
        let action = backend.provider().action(&self.action_type)?;
        let config = dynamic::decode(self.config.as_ref(), Shape::of(action.schema()), "the configuration")?;
        let prospect = action.plan(&config).await;
        Ok(Response { diagnostics: diagnostics::encode(shown(prospect)), ..Response::default() })
    }

    fn failed(self, _: &Backend, failed: Failed) -> Response {
        Response { diagnostics: diagnostics::encode(failed.diagnostics), ..Response::default() }
    }
}

fn shown(prospect: Prospect) -> Diagnostics {
    let Prospect { steps, missing, mut diagnostics, .. } = prospect;
    for mut absent in missing {
        absent.severity = Severity::Warning;
        absent.detail += "\nThe apply fails unless it exists by then, such as an object that this plan creates first.";
        diagnostics.push(absent);
    }
    if let Some(first) = steps.first()
        && !diagnostics.has_error()
    {
        // Core shows one of all warnings that have a summary in common, so that it names the object, as each step does.
        let more = match steps.len() {
            1 => String::new(),
            count => format!(" (step 1 of {count})"),
        };
        let steps: Vec<String> = steps.iter().map(|step| format!("- {step}")).collect();
        diagnostics.warning(
            format!("Planned: {first}{more}"),
            format!("Invoked, this action will:\n{}\nThe plan has changed nothing.", steps.join("\n")),
        );
    }
    diagnostics
}

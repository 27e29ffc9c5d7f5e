//! Finds all objects of a type. The answer is a stream; Proxmox gives a collection in one piece.

use super::{Backend, Failed, Rpc};
use crate::framework::{Diagnostics, Schema};
use crate::protocol::shape::Shape;
use crate::protocol::tfplugin5::list_resource::{Event, Request};
use crate::protocol::{diagnostics, dynamic, identity};

impl Rpc for Request {
    type Response = Vec<Event>;
    const NAME: &'static str = "ListResource";

    fn subject(&self) -> &str {
        &self.type_name
    }

    async fn answer(&self, backend: &Backend) -> Result<Vec<Event>, Diagnostics> {
        let provider = backend.provider();
        let schema = listable(provider, &self.type_name)?;
        let listing = provider.list(&self.type_name).await;
        // Core stops listening after so many; no limit is 0.
        let limit = usize::try_from(self.limit).ok().filter(|limit| *limit > 0).unwrap_or(usize::MAX);
        let mut events = Vec::new();
        for found in listing.objects.into_iter().take(limit) {
            let mut problems = Diagnostics::new();
            let object =
                self.include_resource_object.then(|| dynamic::encode(&found.object, Shape::of(schema), &mut problems));
            events.push(Event {
                identity: identity::data(&found.identity, schema, &mut problems),
                display_name: found.name,
                resource_object: object,
                diagnostic: diagnostics::encode(problems),
            });
        }
        let told = diagnostics::encode(listing.diagnostics);
        if !told.is_empty() {
            events.push(Event { diagnostic: told, ..Event::default() });
        }
        Ok(events)
    }

    fn failed(self, _: &Backend, failed: Failed) -> Vec<Event> {
        vec![Event { diagnostic: diagnostics::encode(failed.diagnostics), ..Event::default() }]
    }
}

/// The schema of a type whose objects can be listed.
pub(super) fn listable<'p>(provider: &'p crate::framework::Provider, name: &str) -> Result<&'p Schema, Diagnostics> {
    let resource = provider.resource(name)?;
    if !resource.is_listable() {
        let mut diagnostics = Diagnostics::new();
        diagnostics.error("Cannot list", format!("The objects of {name} can't be listed."));
        return Err(diagnostics);
    }
    Ok(resource.schema())
}

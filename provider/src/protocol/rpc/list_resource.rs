//! Finds all objects of a type. The answer is a stream; Proxmox gives a collection in one piece.

use super::{Backend, Failed, Rpc};
use crate::framework::{BoundResource, Diagnostics, Provider};
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
        let resource = listable(backend.provider(), &self.type_name)?;
        let schema = resource.schema();
        let listing = resource.list_all().await;
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
        let reported = diagnostics::encode(listing.diagnostics);
        if !reported.is_empty() {
            events.push(Event { diagnostic: reported, ..Event::default() });
        }
        Ok(events)
    }

    fn failed(self, _: &Backend, failed: Failed) -> Vec<Event> {
        vec![Event { diagnostic: diagnostics::encode(failed.diagnostics), ..Event::default() }]
    }
}

/// A type whose objects can be listed.
pub(super) fn listable<'p>(provider: &'p Provider, name: &str) -> Result<BoundResource<'p>, Diagnostics> {
    let resource = provider.resource(name)?;
    if !resource.is_listable() {
        let mut diagnostics = Diagnostics::new();
        diagnostics.error("Cannot list", format!("The objects of {name} can't be listed."));
        return Err(diagnostics);
    }
    Ok(resource)
}

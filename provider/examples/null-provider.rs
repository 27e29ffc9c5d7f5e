//! A provider with the schemas of ours that keeps what it is given and sends no request: what core and the protocol cost by
//! themselves, for `cargo xtask bench`.

use std::process::ExitCode;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use terraform_provider_pve::framework::{
    Configure, Context, Diagnostics, Failure, Found, Freshness, Permit, Provider, Resource, Schema, Stop, Value,
    WritePermit,
};
use terraform_provider_pve::{plugin, registry};

fn main() -> ExitCode {
    plugin::serve(|| {
        // Its schemas are needed until the process ends.
        let real: &'static Provider = Box::leak(Box::new(registry::provider()));
        let resources = real.resources().map(|(_, resource)| Box::new(Kept(resource)) as Box<dyn Resource>).collect();
        Provider::new(Box::new(Nothing(real.schema())), resources, Vec::new(), Vec::new())
    })
}

/// The provider block, whatever it says.
struct Nothing(&'static Schema);

impl Configure for Nothing {
    fn schema(&self) -> &Schema {
        self.0
    }

    fn validate(&self, _: &Value, _: &mut Diagnostics) {}

    fn configure<'a>(&'a self, _: &'a Value, _: Stop) -> BoxFuture<'a, Diagnostics> {
        async { Diagnostics::new() }.boxed()
    }
}

/// A resource type whose objects are as they are in the state.
struct Kept(&'static dyn Resource);

impl Resource for Kept {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn title(&self) -> &'static str {
        self.0.title()
    }

    fn schema(&self) -> &Schema {
        self.0.schema()
    }

    fn id(&self, object: &Value) -> Option<String> {
        self.0.id(object)
    }

    fn import(&self, id: &str) -> Result<Value, String> {
        self.0.import(id)
    }

    fn permit<'a>(&'a self, _: &'a Context) -> BoxFuture<'a, Result<Permit<'a>, Failure>> {
        async { Ok(Box::new(Done) as Permit<'a>) }.boxed()
    }

    fn read<'a>(
        &'a self,
        _: &'a Context,
        object: &'a Value,
        _: Freshness,
    ) -> BoxFuture<'a, Result<Option<Found>, Failure>> {
        async { Ok(Some(Found { object: object.clone(), revision: None })) }.boxed()
    }

    fn find_existing<'a>(&'a self, _: &'a Context, _: &'a Value) -> BoxFuture<'a, Result<Option<Found>, Failure>> {
        async { Ok(None) }.boxed()
    }
}

/// A write that is done at once.
struct Done;

impl WritePermit for Done {
    fn create<'a>(&'a mut self, _: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        async { Ok(()) }.boxed()
    }

    fn update<'a>(&'a mut self, _: &'a Found, _: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        async { Ok(()) }.boxed()
    }

    fn delete<'a>(&'a mut self, _: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        async { Ok(()) }.boxed()
    }
}

//! The object or collection that a write addresses.

use std::borrow::Cow;

use pve_schemas::rest::Collection;

/// What a write addresses. A path is for what is no object of a collection.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// A collection: POST creates an object in it. Or the one object that is there in its place.
    Collection(Collection),
    /// The object of a collection with this id.
    Object(Collection, &'a str),
    /// What has this path.
    Path(&'a str),
}

impl Target<'_> {
    pub(super) fn path(&self) -> Cow<'_, str> {
        match *self {
            Self::Collection(collection) => collection.path().into(),
            Self::Object(collection, id) => collection.object(id).into(),
            Self::Path(path) => path.into(),
        }
    }
}

impl From<Collection> for Target<'_> {
    fn from(collection: Collection) -> Self {
        Self::Collection(collection)
    }
}

impl<'a, S: AsRef<str> + ?Sized> From<&'a S> for Target<'a> {
    fn from(path: &'a S) -> Self {
        Self::Path(path.as_ref())
    }
}

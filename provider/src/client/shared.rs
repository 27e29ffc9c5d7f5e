//! Answers that several reads of one walk need: each path is asked for once.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::answer;
use super::attempt::over;
use super::error::Error;
use super::{Client, Params};
use crate::call::Call;

/// An answer, and when it came.
#[derive(Debug)]
pub(super) struct SharedAnswer {
    taken: Instant,
    /// A copy: the body itself may be a few bytes of a large buffer of the connection.
    data: Box<RawValue>,
}

impl Client {
    /// Reads a path that others of this walk read, too: their answer, if it is younger than `life`. No write of this provider
    /// ends it, so this is only for what none of them changes.
    ///
    /// # Errors
    ///
    /// As [`Client::get`]; shared by those who waited for it, and not kept.
    pub async fn get_shared<T: DeserializeOwned>(&self, path: &str, life: Duration, call: &Call) -> Result<T, Error> {
        let fetch = || {
            let (client, path, call) = (self.clone(), path.to_owned(), call.clone());
            async move {
                let success = client.read(&path, &Params::new(), &call).await?;
                let data = success.data().map_err(|error| answer::unexpected(&Method::GET, &path, error))?.to_owned();
                Ok(Arc::new(SharedAnswer { taken: Instant::now(), data }))
            }
        };
        let fresh = |answer: &Arc<SharedAnswer>| answer.taken.elapsed() < life;
        let share = self.inner.answers.share(path.to_owned(), || 0, fresh, call, fetch);
        let answer = call.bound(share).await.map_err(|ended| over(ended, &Method::GET, path))??;
        serde_json::from_str(answer.data.get()).map_err(|error| answer::unexpected(&Method::GET, path, error))
    }
}

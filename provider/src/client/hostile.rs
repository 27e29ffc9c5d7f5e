//! What the fuzz targets put to the reading of answers.

use pve_schemas::rest::Collection;
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;

use super::Listing;
use super::answer::judge;
use super::transport::Answer;

/// An answer to a read and to a write: the first byte chooses its status, the rest is its body and the reason in its status line.
pub fn answer(data: &[u8]) {
    let Some((first, body)) = data.split_first() else { return };
    let status = [200, 400, 401, 403, 500, 595, 596][usize::from(*first) % 7];
    for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE] {
        let reason = String::from_utf8_lossy(body).into_owned();
        let answer = Answer { status, reason, headers: HeaderMap::new(), body: body.to_vec().into() };
        match judge(&method, "/cluster/ha/resources", answer) {
            Ok(success) => {
                let _ = success.typed::<Value>();
                for collection in [Collection::HaResources, Collection::DatacenterOptions, Collection::HaStatus] {
                    let Ok(listing) = Listing::parse(collection, &success) else { continue };
                    let _ = (listing.all::<Value>(), listing.object::<Value>(), listing.ids().count());
                }
            }
            Err(error) => {
                let _ = (error.to_string(), error.quote(), error.kind());
            }
        }
    }
}

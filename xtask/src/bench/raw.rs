//! The floor: the same creates as plain POSTs, one after the other over one connection.

use std::time::{Duration, Instant};

use super::cluster::{Cluster, FIRST};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Creates `count` HA resources.
///
/// # Errors
/// One is refused.
pub fn create(cluster: &Cluster, count: usize) -> Result<Duration> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(create_all(cluster, count))
}

async fn create_all(cluster: &Cluster, count: usize) -> Result<Duration> {
    // The only one of the process: a second call finds it there.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let authority = std::fs::read(cluster.fact("ca_certificate_file"))?;
    let client = reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(&authority)?])
        .pool_max_idle_per_host(1)
        .http1_only()
        .build()?;
    let url = format!("{}/api2/json/cluster/ha/resources", cluster.fact("endpoint").trim_end_matches('/'));
    let token = format!("PVEAPIToken={}", cluster.fact("api_token"));
    let start = Instant::now();
    for id in FIRST..FIRST + count {
        let request = client.post(&url).header("authorization", &token).form(&[("sid", format!("vm:{id}"))]);
        request.send().await?.error_for_status()?.bytes().await?;
    }
    Ok(start.elapsed())
}

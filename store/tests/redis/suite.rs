//! The suite of stores, with a fresh cache before a fresh store each.

use std::sync::Arc;

use evohub_monitoring::metrics::{Metrics, MetricsConfig};
use evohub_store::{Address, CacheConfig, CachedStore, Clock, SqliteConfig, SqliteStore, Store, Tier};

use crate::server::Server;

async fn open(clock: Clock) -> Arc<dyn Store> {
    let server = Server::start();
    let tier = Arc::new(Tier::new(&server.url()).unwrap());
    // The store holds its clock, and by it the server, which is thus stopped after the store.
    let clock = Clock::from_fn(move || {
        let _server = &server;
        clock.now()
    });
    let config = SqliteConfig { clock, ..Default::default() };
    let store = Arc::new(SqliteStore::open(&Address::Memory, config).await.unwrap());
    Arc::new(CachedStore::new(store, tier, CacheConfig::default(), &Metrics::new(&MetricsConfig::default())))
}

evohub_store::store_suite!(open);

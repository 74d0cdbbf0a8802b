//! The suite of stores, on a fresh schema each.

use std::sync::Arc;

use evohub_store::{Clock, PostgresConfig, PostgresStore, Store};

use crate::schema::Schema;

async fn open(clock: Clock) -> Arc<dyn Store> {
    let schema = Schema::make().await;
    let url = schema.url("");
    // The store holds its clock, and by it the schema, which is thus removed after the store.
    let clock = Clock::from_fn(move || {
        let _schema = &schema;
        clock.now()
    });
    Arc::new(PostgresStore::open(&url, PostgresConfig { clock: Some(clock) }).await.unwrap())
}

evohub_store::store_suite!(open);

//! The suite of stores, on a fresh file each.

use std::sync::Arc;

use evohub_store::{Address, Clock, SqliteConfig, SqliteStore, Store};

mod file {
    use super::*;

    async fn open(clock: Clock) -> Arc<dyn Store> {
        let folder = tempfile::tempdir().unwrap();
        let address = Address::File(folder.path().join("jobs.db"));
        // The store holds its clock, and by it the folder, which is thus removed after the store.
        let clock = Clock::from_fn(move || {
            let _folder = &folder;
            clock.now()
        });
        let config = SqliteConfig { clock, ..Default::default() };
        Arc::new(SqliteStore::open(&address, config).await.unwrap())
    }

    evohub_store::store_suite!(open);
}

mod memory {
    use super::*;

    async fn open(clock: Clock) -> Arc<dyn Store> {
        let config = SqliteConfig { clock, ..Default::default() };
        Arc::new(SqliteStore::open(&Address::Memory, config).await.unwrap())
    }

    evohub_store::store_suite!(open);
}

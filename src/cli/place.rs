//! Which store a command uses.

use std::path::PathBuf;
use std::sync::Arc;

use evohub::monitoring::metrics::Metrics;
use evohub::store::{Address, CacheConfig, CachedStore, Store, Tier};

use super::Global;
use super::failure::Failure;

/// Where a job is kept, as it is told to people.
pub(crate) struct Whereabouts {
    /// The store or the cluster.
    pub(crate) place: String,
    /// What commands need to find it there, with a space before it.
    pub(crate) options: String,
}

impl Whereabouts {
    /// In a store, which commands find as this one did.
    pub(crate) fn of_store(address: &Address) -> Self {
        Self { place: address.to_string(), options: String::new() }
    }
}

/// The address of the store: of the command line or the environment, else of the job file, else the user's own.
pub(crate) fn address(global: &Global, of_job_file: Option<&str>) -> Result<Address, Failure> {
    if let Some(address) = global.store.as_deref().filter(|text| !text.is_empty()).or(of_job_file) {
        return Ok(address.parse()?);
    }
    let folder = |key| std::env::var_os(key).filter(|value| !value.is_empty()).map(PathBuf::from);
    let data = folder("XDG_DATA_HOME")
        .filter(|path| path.is_absolute())
        .or_else(|| std::env::home_dir().map(|home| home.join(".local").join("share")))
        .ok_or_else(|| Failure::bad_input("no home folder is known: name a store with --store"))?;
    Ok(Address::File(data.join("evohub").join("evohub.db")))
}

/// Opens the store, and makes it when there is none.
pub(crate) async fn open(address: &Address) -> Result<Arc<dyn Store>, Failure> {
    Ok(evohub::store::open(&address.to_string()).await?)
}

/// Opens the store of a node, behind the cache that all nodes share where there is one.
pub(crate) async fn open_shared(
    address: &Address,
    tier: Option<&Arc<Tier>>,
    metrics: &Arc<Metrics>,
) -> Result<Arc<dyn Store>, Failure> {
    let store = open(address).await?;
    Ok(match tier {
        Some(tier) => Arc::new(CachedStore::new(store, Arc::clone(tier), CacheConfig::default(), metrics)),
        None => store,
    })
}

/// Opens the store that is there; to look at jobs makes none.
pub(crate) async fn open_existing(global: &Global) -> Result<Arc<dyn Store>, Failure> {
    let address = address(global, None)?;
    match &address {
        Address::File(path) if !path.exists() => Err(Failure::bad_input(format!(
            "there is no store at {address}: run a job first, or name its store with --store"
        ))),
        address => open(address).await,
    }
}

//! A node inside the test: store, engine and listener, as `evohub run --listen` has them.

use std::sync::Arc;

use evohub::job_file::JobFile;
use evohub::monitoring::listener::ListenerConfig;
use evohub::monitoring::metrics::Metrics;
use evohub::store::Store;
use evohub::{
    Engine, EngineConfig, JobEvent, JobResult, JobSpec, Observation, ObservationConfig, Toolbox, store,
};

use crate::folder::Folder;

/// A node that serves its metrics on a free port.
pub(crate) struct Node {
    pub(crate) engine: Engine,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) observation: Observation,
}

/// What a job told, to its end.
pub(crate) struct Told {
    pub(crate) events: Vec<JobEvent>,
    pub(crate) result: JobResult,
}

impl Node {
    /// Starts one whose store is in `folder`.
    pub(crate) async fn start(folder: &Folder, toolbox: Toolbox) -> Self {
        let metrics = Arc::clone(toolbox.metrics());
        let config = ObservationConfig::new(ListenerConfig::new(([127, 0, 0, 1], 0).into()));
        let observation = Observation::start(config, metrics, None).await.unwrap();
        let store = store::open(&folder.store().to_string_lossy()).await.unwrap();
        let config = EngineConfig { toolbox, ..EngineConfig::new(Arc::clone(&store)) };
        let engine = Engine::start(config).await.unwrap();
        observation.serve(Arc::clone(&store), &engine);
        Self { engine, store, observation }
    }

    /// Runs `job.toml` of the folder to its end.
    pub(crate) async fn run(&self, folder: &Folder) -> Told {
        self.run_changed(folder, |_| {}).await
    }

    /// The same with a change of what the file says.
    pub(crate) async fn run_changed(&self, folder: &Folder, change: impl FnOnce(&mut JobSpec)) -> Told {
        let mut job = JobFile::load(&folder.path().join("job.toml"), &[]).unwrap();
        change(&mut job.spec);
        let prepared = self.engine.prepare(job.spec).await.unwrap();
        self.observation.watch_models(&prepared.tools);
        let handle = self.engine.submit_prepared(prepared).await.unwrap();
        let mut received = handle.events();
        let mut events = vec![];
        while let Ok(event) = received.recv().await {
            events.push(event);
        }
        assert!(matches!(events.last(), Some(JobEvent::Ended(_))), "{:?}", events.last());
        Told { events, result: handle.result().await.unwrap() }
    }

    /// Where it is all counted.
    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        self.engine.metrics()
    }

    /// Body of the answer at a path.
    pub(crate) async fn get(&self, path: &str) -> String {
        let url = format!("http://{}{path}", self.observation.address());
        reqwest::get(url).await.unwrap().text().await.unwrap()
    }

    pub(crate) async fn end(self) {
        self.engine.shutdown().await;
        self.observation.end().await;
    }
}

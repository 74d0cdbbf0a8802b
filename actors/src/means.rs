//! What a job's actors work with.

use std::sync::Arc;

use evohub_store::JobId;

use crate::engine::PreparedJob;
use crate::node::{Node, evaluator_name};
use crate::spec::JobSpec;
use crate::toolbox::JobTools;

/// Places in a pool for questions to reflection models, on top of those for evaluations.
const REFLECTIONS: usize = 8;

/// What a job's actors work with. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Means {
    pub(crate) job: JobId,
    pub(crate) prepared: Arc<PreparedJob>,
    pub(crate) node: Arc<Node>,
}

impl Means {
    pub(crate) fn tools(&self) -> &Arc<JobTools> {
        &self.prepared.tools
    }

    /// The evaluator that the job needs, where not every node has it.
    pub(crate) fn evaluator(&self) -> Option<&str> {
        evaluator_name(&self.prepared.spec.evaluator)
    }
}

/// How many pieces of work of a job a pool can use at once: as many as the evaluator, and a few for the reflection
/// models.
pub(crate) fn useful_places(spec: &JobSpec, tools: &JobTools) -> usize {
    let reflecting = if spec.reflection.is_empty() { 0 } else { REFLECTIONS };
    tools.evaluator.concurrency().max(1) + reflecting
}

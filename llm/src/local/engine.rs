//! The thread that computes.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use rayon::ThreadPool;
use tokio::sync::oneshot;

use super::fault::Fault;
use super::llama::Llama;
use super::pooling::Text;
use super::sampling::Sampler;
use super::schedule::{Answer, Job, Limits, Schedule};
use super::tokenizer::Tokenizer;

/// How long the first request after a pause waits for others to compute together with.
const GATHERING: Duration = Duration::from_millis(1);

/// A thread that answers requests together. It ends when the engine is dropped.
#[derive(Debug)]
pub(super) struct Engine {
    tasks: mpsc::Sender<Task>,
}

/// What the thread is asked to do.
enum Task {
    Answer(Job),
    Embed(Text),
}

impl Task {
    fn push(self, schedule: &mut Schedule) {
        match self {
            Self::Answer(job) => schedule.push(job),
            Self::Embed(text) => schedule.push_text(text),
        }
    }
}

impl Engine {
    /// Starts the thread; the pool does the computing.
    pub(super) fn start(
        model: Llama,
        tokenizer: Arc<Tokenizer>,
        limits: Limits,
        pool: ThreadPool,
    ) -> Result<Self, Fault> {
        let (tasks, queue) = mpsc::channel();
        let mut schedule = Schedule::new(model, tokenizer, limits);
        std::thread::Builder::new()
            .name("local-model".to_owned())
            .spawn(move || {
                while gather(&queue, &mut schedule, limits.width) {
                    pool.install(|| schedule.step());
                }
            })
            .map_err(|error| Fault::new(format!("cannot start a thread: {error}")))?;
        Ok(Self { tasks })
    }

    /// Answers a prompt. Dropping the future takes the request back.
    pub(super) async fn answer(
        &self,
        prompt: Vec<u32>,
        most: usize,
        sampler: Sampler,
    ) -> Result<Answer, Fault> {
        let (reply, answer) = oneshot::channel();
        self.tasks.send(Task::Answer(Job { prompt, most, sampler, reply })).map_err(|_| stopped())?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Embeds a text, beginning at once. Dropping the future takes the request back.
    pub(super) fn embed(&self, tokens: Vec<u32>) -> impl Future<Output = Result<Vec<f32>, Fault>> + use<> {
        let (reply, vector) = oneshot::channel();
        let sent = self.tasks.send(Task::Embed(Text { tokens, reply })).map_err(|_| stopped());
        async move {
            sent?;
            vector.await.unwrap_or_else(|_| Err(stopped()))
        }
    }
}

fn stopped() -> Fault {
    Fault::new("the thread of the model has stopped: open the model again")
}

/// A pool of threads to compute with; by default as many as there are processors.
pub(super) fn pool(threads: Option<NonZeroUsize>) -> Result<ThreadPool, Fault> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads.map_or(0, NonZeroUsize::get))
        .thread_name(|index| format!("local-model-{index}"))
        .build()
        .map_err(|error| Fault::new(format!("cannot start threads: {error}")))
}

/// Takes what has been asked, and waits when there is nothing to do; false when nothing can come any more.
fn gather(queue: &mpsc::Receiver<Task>, schedule: &mut Schedule, width: usize) -> bool {
    if schedule.is_idle() {
        let Ok(task) = queue.recv() else { return false };
        task.push(schedule);
        let until = Instant::now() + GATHERING;
        while schedule.len() < width {
            match queue.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(task) => task.push(schedule),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
    }
    loop {
        match queue.try_recv() {
            Ok(task) => task.push(schedule),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => return true,
        }
    }
}

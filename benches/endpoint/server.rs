//! An OpenAI-compatible server on loopback that keeps a record of its calls.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::io::BufReader;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::http::{completion, read, write};

/// The model that does the task.
pub(crate) const STUDENT: &str = "student";
/// The model that rewrites prompts.
pub(crate) const TEACHER: &str = "teacher";

/// A call that was served. What was waiting for a slot is not served yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    /// Whether it asked the reflection model.
    pub(crate) is_proposal: bool,
    pub(crate) begin: Instant,
    pub(crate) end: Instant,
    /// How much longer it took than the endpoint meant it to.
    pub(crate) late: Duration,
}

/// What is answered.
pub(crate) struct Reply {
    pub(crate) text: String,
    /// Whether it was cut at the limit of its length.
    pub(crate) truncated: bool,
    /// `None`: no call of the search.
    pub(crate) call: Option<Call>,
}

/// What stands behind a server.
#[async_trait]
pub(crate) trait Model: Send + Sync + 'static {
    /// The answer to a request; an error says what is wrong with it.
    async fn answer(&self, body: &Value) -> Result<Reply, String>;
}

/// Listens until it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    calls: Arc<Mutex<Vec<Call>>>,
    listening: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(model: Arc<dyn Model>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let calls = Arc::default();
        let record = Arc::clone(&calls);
        let listening = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                tokio::spawn(serve(stream, Arc::clone(&model), Arc::clone(&record)));
            }
        });
        Self { address, calls, listening }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The calls so far, in the order in which they began.
    pub(crate) fn calls(&self) -> Vec<Call> {
        let mut calls = self.calls.lock().unwrap().clone();
        calls.sort_by_key(|call| call.begin);
        calls
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn serve(stream: TcpStream, model: Arc<dyn Model>, calls: Arc<Mutex<Vec<Call>>>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let (_, body) = read(&mut stream).await?;
        match model.answer(&body).await {
            Ok(reply) => {
                calls.lock().unwrap().extend(reply.call);
                let mut answer = completion(&reply.text);
                answer["model"] = body["model"].clone();
                if reply.truncated {
                    answer["choices"][0]["finish_reason"] = "length".into();
                }
                write(&mut stream, 200, &answer).await?;
            }
            Err(message) => write(&mut stream, 400, &json!({"error": {"message": message}})).await?,
        }
    }
}

/// How well slots were used, from the beginning of the first call to that of the last one.
pub(crate) fn busy(calls: &[Call], slots: usize) -> f64 {
    let [first, .., last] = calls else { return 0.0 };
    let until = |moment: Instant| moment.min(last.begin).duration_since(first.begin).as_secs_f64();
    let served: f64 = calls.iter().map(|call| until(call.end) - until(call.begin)).sum();
    served / (slots as f64 * until(last.begin))
}

/// Seconds from the beginning of the first call to the end of the last one.
pub(crate) fn seconds(calls: &[Call]) -> f64 {
    let begin = calls.iter().map(|call| call.begin).min();
    let end = calls.iter().map(|call| call.end).max();
    begin.zip(end).map_or(0.0, |(begin, end)| end.duration_since(begin).as_secs_f64())
}

/// The value below which `share` of the values lie; 0 where there are none.
pub(crate) fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = (values.len() as f64 * share) as usize;
    values.get(at.min(values.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

/// Milliseconds by which 99 of 100 calls were answered late at most. Much of it says that the machine had too little
/// time for all that ran on it.
pub(crate) fn lateness(calls: &[Call]) -> f64 {
    quantile(calls.iter().map(|call| call.late.as_secs_f64() * 1e3).collect(), 0.99)
}

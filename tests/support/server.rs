//! An OpenAI-compatible server on loopback whose answers a closure decides.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::BufReader;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::http::{completion, read, write};

/// What the server was asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// The key that it was asked with.
    pub(crate) key: String,
    /// The model named.
    pub(crate) model: String,
    /// Role and content of each turn.
    pub(crate) turns: Vec<(String, String)>,
    /// How many requests came before.
    pub(crate) number: usize,
}

impl Asked {
    /// The content of the last turn.
    pub(crate) fn last(&self) -> &str {
        self.turns.last().map_or("", |(_, content)| content)
    }

    /// How many examples come before the question.
    pub(crate) fn examples(&self) -> usize {
        self.turns.iter().filter(|(role, _)| role == "assistant").count()
    }
}

/// What the server does with one request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Answers.
    Text(String),
    /// Refuses with this status.
    Status(u16),
    /// Closes the connection without a word.
    Close,
    /// Answers when the gate is opened.
    Wait(String),
    /// Answers after a time.
    After(Duration, String),
    /// Answers after a time with all of this.
    Body(Duration, Value),
}

impl From<&str> for Reply {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// The server; it ends when dropped. It has a runtime of its own, so that tests can block.
pub(crate) struct Server {
    place: SocketAddr,
    url: String,
    asked: watch::Receiver<usize>,
    gate: watch::Sender<bool>,
    requests: Arc<Mutex<Vec<Asked>>>,
    runtime: Option<Runtime>,
}

type Answer = dyn Fn(&Asked) -> Reply + Send + Sync;

struct Shared {
    answer: Box<Answer>,
    requests: Arc<Mutex<Vec<Asked>>>,
    count: watch::Sender<usize>,
    gate: watch::Receiver<bool>,
}

impl Server {
    pub(crate) fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let place = listener.local_addr().unwrap();
        let url = format!("http://{place}/v1");
        let requests = Arc::new(Mutex::new(vec![]));
        let (count, asked) = watch::channel(0);
        let (gate, gate_seen) = watch::channel(false);
        let answer = Box::new(answer);
        let shared = Arc::new(Shared { answer, requests: Arc::clone(&requests), count, gate: gate_seen });
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { place, url, asked, gate, requests, runtime: Some(runtime) }
    }

    /// The address for `base_url`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Where it listens.
    pub(crate) fn place(&self) -> SocketAddr {
        self.place
    }

    /// Everything that was asked so far.
    pub(crate) fn requests(&self) -> Vec<Asked> {
        self.requests.lock().unwrap().clone()
    }

    /// How many requests came so far.
    pub(crate) fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    /// Blocks until so many requests have come.
    pub(crate) fn wait_for(&self, requests: usize) {
        let mut asked = self.asked.clone();
        let runtime = self.runtime.as_ref().unwrap();
        runtime.block_on(async { asked.wait_for(|count| *count >= requests).await.map(drop) }).unwrap();
    }

    /// Lets all that waits be answered, from now on.
    pub(crate) fn open_gate(&self) {
        self.gate.send_replace(true);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Serves one connection until either side closes it.
async fn serve(stream: TcpStream, shared: Arc<Shared>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let (key, body) = read(&mut stream).await?;
        let turn = |message: &Value| {
            let text = |key: &str| message[key].as_str().unwrap_or_default().to_owned();
            (text("role"), text("content"))
        };
        let asked = {
            let mut requests = shared.requests.lock().unwrap();
            let asked = Asked {
                key,
                model: body["model"].as_str().unwrap_or_default().to_owned(),
                turns: body["messages"].as_array().into_iter().flatten().map(turn).collect(),
                number: requests.len(),
            };
            requests.push(asked.clone());
            asked
        };
        shared.count.send_modify(|count| *count += 1);
        let (status, body) = match (shared.answer)(&asked) {
            Reply::Text(text) => (200, completion(&text)),
            Reply::Wait(text) => {
                shared.gate.clone().wait_for(|is_open| *is_open).await.ok()?;
                (200, completion(&text))
            }
            Reply::After(time, text) => {
                tokio::time::sleep(time).await;
                (200, completion(&text))
            }
            Reply::Body(time, body) => {
                tokio::time::sleep(time).await;
                (200, body)
            }
            Reply::Status(status) => (status, json!({"error": {"message": format!("scripted {status}")}})),
            Reply::Close => return None,
        };
        write(&mut stream, status, &body).await?;
    }
}

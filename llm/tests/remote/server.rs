//! A provider on loopback that plays a script.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// What the server does with one request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Answers.
    Answer { status: u16, headers: Vec<(&'static str, String)>, body: String },
    /// Never answers.
    Hang,
    /// Closes the connection without a word.
    Close,
    /// Closes the connection in the middle of the body.
    CutBody,
}

impl Reply {
    pub(crate) fn status(status: u16, body: impl ToString) -> Self {
        Self::Answer { status, headers: vec![], body: body.to_string() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Self::Answer { headers, .. } = &mut self {
            headers.push((name, value.to_owned()));
        }
        self
    }

    /// OpenAI's form.
    pub(crate) fn openai(text: &str) -> Self {
        let usage = json!({
            "prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100,
            "prompt_tokens_details": {"cached_tokens": 400},
        });
        let choice =
            json!({"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}});
        Self::status(
            200,
            json!({"id": "1", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage}),
        )
    }

    /// Anthropic's form.
    pub(crate) fn anthropic(text: &str) -> Self {
        let usage = json!({"input_tokens": 600, "cache_read_input_tokens": 400, "output_tokens": 100});
        Self::status(
            200,
            json!({"id": "1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "max_tokens",
                   "content": [{"type": "text", "text": text}], "usage": usage}),
        )
    }

    /// OpenAI's form of an error.
    pub(crate) fn error(status: u16, message: &str, code: &str) -> Self {
        Self::status(status, json!({"error": {"message": message, "type": "error", "code": code}}))
    }
}

/// What the server was sent.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Value,
}

/// The server; it ends when dropped.
pub(crate) struct Server {
    pub(crate) url: String,
    state: Arc<State>,
    task: AbortHandle,
}

struct State {
    script: Mutex<VecDeque<Reply>>,
    otherwise: Reply,
    requests: Mutex<Vec<Request>>,
    connections: AtomicUsize,
}

impl Server {
    /// Plays the script, then `otherwise` for good.
    pub(crate) async fn start(script: impl IntoIterator<Item = Reply>, otherwise: Reply) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State {
            script: Mutex::new(script.into_iter().collect()),
            otherwise,
            requests: Mutex::default(),
            connections: AtomicUsize::new(0),
        });
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { url, state, task: task.abort_handle() }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.state.requests.lock().unwrap().clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.state.requests.lock().unwrap().len()
    }

    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves one connection until either side closes it.
async fn serve(stream: TcpStream, state: Arc<State>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let request = read(&mut stream).await?;
        state.requests.lock().unwrap().push(request);
        let reply = state.script.lock().unwrap().pop_front().unwrap_or_else(|| state.otherwise.clone());
        match reply {
            Reply::Hang => {
                // Until the client has had enough.
                stream.read_u8().await.ok()?;
            }
            Reply::Close => return None,
            Reply::CutBody => {
                let head =
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5000\r\n\r\n";
                stream.write_all(format!("{head}{{\"choices\": [").as_bytes()).await.ok()?;
                return None;
            }
            Reply::Answer { status, headers, body } => {
                let mut head = format!("HTTP/1.1 {status} Scripted\r\ncontent-length: {}\r\n", body.len());
                if !headers.iter().any(|(name, _)| *name == "content-type") {
                    head.push_str("content-type: application/json\r\n");
                }
                for (name, value) in headers {
                    head.push_str(&format!("{name}: {value}\r\n"));
                }
                stream.write_all(format!("{head}\r\n{body}").as_bytes()).await.ok()?;
            }
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Request { path, headers, body: serde_json::from_slice(&body).unwrap_or(Value::Null) })
}

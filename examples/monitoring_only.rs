//! Metrics and health for a service with actors of its own: nothing else of evohub has part in it.
//!
//! Two actors greet the users of a service in two ways and keep the ratings. A listener shows how they are: here the
//! program asks it itself, as Prometheus and Kubernetes would.
//!
//! ```console
//! $ cargo run --release --example monitoring_only
//! ```

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::net::{Ipv4Addr, SocketAddr};

use evohub::monitoring::health::{CheckResult, Health, Importance, Phase};
use evohub::monitoring::listener::{Listener, ListenerConfig, Sources};
use evohub::monitoring::metrics::{BuildInfo, Mailbox, Metrics, MetricsConfig, Rating, Ticket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

/// What the greeter is sent.
enum Greet {
    User { name: String, variant: &'static str, reply: oneshot::Sender<String> },
    Ping { reply: oneshot::Sender<u64> },
}

/// Sends to an actor; each message takes a ticket along, which is all that the figures of its mailbox need.
struct Address<M> {
    sender: mpsc::Sender<(Ticket, M)>,
    mailbox: Mailbox,
}

// A derive would ask that messages can be cloned, too.
impl<M> Clone for Address<M> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), mailbox: self.mailbox.clone() }
    }
}

impl<M> Address<M> {
    async fn send(&self, kind: &'static str, message: M) {
        // Where no actor is left to take it, the ticket is dropped, and counted as a dead letter.
        let _ = self.sender.send((self.mailbox.seal(kind), message)).await;
    }
}

/// Starts an actor: a task that handles one message after another.
fn start<M: Send + 'static>(
    metrics: &Metrics,
    kind: &'static str,
    mut handle: impl FnMut(M) + Send + 'static,
) -> Address<M> {
    let mailbox = metrics.actors.mailbox(kind);
    let (sender, mut messages) = mpsc::channel::<(Ticket, M)>(16);
    let alive = mailbox.alive();
    tokio::spawn(async move {
        let _alive = alive;
        while let Some((ticket, message)) = messages.recv().await {
            let _handling = ticket.open();
            handle(message);
        }
    });
    Address { sender, mailbox }
}

/// What somebody who asks the listener reads.
async fn get(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    Ok(format!("{}\n{}", head.lines().next().unwrap_or_default(), body.trim_end()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let version = env!("CARGO_PKG_VERSION");
    let build = BuildInfo { version: version.into(), revision: "unknown".into(), rustc: "unknown".into() };
    let metrics = Metrics::new(&MetricsConfig::new(build));
    let health = Health::for_service("greetings", "greets users", version);

    let mut greeted = 0;
    let greeter = start(&metrics, "greeter", move |message| match message {
        Greet::User { name, variant, reply } => {
            greeted += 1;
            // Who no longer waits for an answer needs none.
            let _ = reply.send(if variant == "by_name" {
                format!("Good morning, {name}.")
            } else {
                "Hello.".into()
            });
        }
        Greet::Ping { reply } => _ = reply.send(greeted),
    });
    let counted = metrics.clone();
    let ratings = start(&metrics, "ratings", move |rating| counted.business.feedback(rating));

    // An actor is well when it answers through the same mailbox as for everybody else.
    let asked = greeter.clone();
    let _check = health.register("greeter", Importance::Critical, move || {
        let asked = asked.clone();
        async move {
            let (reply, answer) = oneshot::channel();
            asked.send("Ping", Greet::Ping { reply }).await;
            match answer.await {
                Ok(greeted) => CheckResult::healthy().with("users_greeted", greeted),
                Err(_) => CheckResult::unhealthy("the greeter has ended"),
            }
        }
    });

    let config = ListenerConfig::new((Ipv4Addr::LOCALHOST, 0).into());
    let sources = Sources { metrics: metrics.clone(), health: health.clone(), levels: None };
    let listener = Listener::bind(config, sources).await?;
    let address = listener.local_address();
    println!("GET /health/ready before the start: {}\n", get(address, "/health/ready").await?);
    health.set_phase(Phase::Ready);

    // Every other user is greeted by name. Those who are greeted well write back, and tell how they liked it.
    for number in 0..30 {
        let _session = metrics.business.session();
        let variant = if number % 2 == 0 { "by_name" } else { "short" };
        metrics.business.assigned("greeting", variant);
        let name = format!("user {number}");
        let (reply, greeting) = oneshot::channel();
        greeter.send("User", Greet::User { name: name.clone(), variant, reply }).await;
        let is_pleased = greeting.await?.contains(&name) || number % 5 == 0;
        if is_pleased {
            metrics.business.converted("greeting", variant);
        }
        ratings.send("Rating", if is_pleased { Rating::Positive } else { Rating::Neutral }).await;
    }

    for path in ["/health", "/health/detailed", "/health/ready"] {
        println!("GET {path}: {}\n", get(address, path).await?);
    }
    let page = get(address, "/metrics").await?;
    println!("GET /metrics, among others:");
    for line in page.lines().filter(|line| {
        [
            "ab_test_",
            "prompt_feedback_",
            "actor_messages_",
            "actor_mailbox_depth",
            "actors_alive",
            "http_requests_",
        ]
        .iter()
        .any(|name| line.starts_with(name))
    }) {
        println!("{line}");
    }

    // At the end no more work comes; the listener goes last.
    health.set_phase(Phase::Draining);
    println!("\nGET /health/ready at the end: {}", get(address, "/health/ready").await?);
    listener.shutdown().await;
    Ok(())
}

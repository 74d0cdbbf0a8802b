//! A link to the server that can be cut and frozen.

use std::sync::Arc;

use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::schema::{Schema, server};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Mode {
    /// All goes through.
    Open,
    /// Nothing goes through, and nobody is told.
    Frozen,
    /// There is nobody.
    Cut,
}

/// Hands on what comes, until it is told otherwise. Gone when dropped.
pub(crate) struct Link {
    port: u16,
    mode: Arc<watch::Sender<Mode>>,
}

impl Link {
    /// A link that freezes by itself before it hands on what contains `word` to the server.
    pub(crate) async fn freezing_at(word: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mode = Arc::new(watch::Sender::new(Mode::Open));
        let shared = Arc::clone(&mode);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let mode = Arc::clone(&shared);
                tokio::spawn(async move { serve(client, &mode, word).await.unwrap_or(()) });
            }
        });
        Self { port, mode }
    }

    pub(crate) async fn new() -> Self {
        Self::freezing_at("").await
    }

    /// The address of a schema by way of the link.
    pub(crate) fn address(&self, schema: &Schema) -> String {
        let port = self.port;
        let user = server().parse::<PgConnectOptions>().unwrap().get_username().to_owned();
        let database =
            server().parse::<PgConnectOptions>().unwrap().get_database().unwrap_or(&user).to_owned();
        format!(
            "postgres://{user}@127.0.0.1:{port}/{database}?options[search_path]={0}&application_name={0}",
            schema.name()
        )
    }

    pub(crate) fn open(&self) {
        self.mode.send_replace(Mode::Open);
    }

    pub(crate) fn freeze(&self) {
        self.mode.send_replace(Mode::Frozen);
    }

    pub(crate) fn cut(&self) {
        self.mode.send_replace(Mode::Cut);
    }
}

async fn serve(mut client: TcpStream, mode: &watch::Sender<Mode>, word: &str) -> std::io::Result<()> {
    let options: PgConnectOptions = server().parse().unwrap();
    let mut changes = mode.subscribe();
    if *changes.borrow_and_update() == Mode::Cut {
        return Ok(());
    }
    let mut server = TcpStream::connect((options.get_host(), options.get_port())).await?;
    let (mut asked, mut answered) = (vec![0; 65536], vec![0; 65536]);
    loop {
        let is_open = *changes.borrow_and_update() == Mode::Open;
        tokio::select! {
            changed = changes.changed() => {
                if changed.is_err() || *changes.borrow() == Mode::Cut {
                    return Ok(());
                }
            }
            count = client.read(&mut asked), if is_open => {
                let asked = &asked[..count?];
                if asked.is_empty() {
                    return Ok(());
                }
                if !word.is_empty() && asked.windows(word.len()).any(|part| part == word.as_bytes()) {
                    mode.send_replace(Mode::Frozen);
                } else {
                    server.write_all(asked).await?;
                }
            }
            count = server.read(&mut answered), if is_open => {
                let answered = &answered[..count?];
                if answered.is_empty() {
                    return Ok(());
                }
                client.write_all(answered).await?;
            }
        }
    }
}

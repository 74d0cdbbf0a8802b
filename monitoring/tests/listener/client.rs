//! A client that sends what it is told to, and no more.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// The most time that anything here may take. Nothing is expected to need it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("this takes no time")
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    #[track_caller]
    pub(crate) fn error(&self) -> String {
        let value = self.json();
        let error = value["error"].as_str().unwrap_or_else(|| panic!("no error: {self:?}")).to_owned();
        assert_eq!(value.as_object().unwrap().len(), 1, "{self:?}");
        error
    }
}

/// A request without a body; headers are whole lines.
pub(crate) fn request(method: &str, path: &str, headers: &[&str]) -> String {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n")
}

pub(crate) fn put(path: &str, headers: &[&str], body: &str) -> String {
    let length = format!("Content-Length: {}", body.len());
    let headers = [headers, &[length.as_str()]].concat();
    format!("{}{body}", request("PUT", path, &headers))
}

/// Sends a request and reads its answer; the connection stays as it is. `None` when the listener closed instead.
pub(crate) async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    request: &str,
) -> Option<Answer> {
    soon(stream.write_all(request.as_bytes())).await.ok()?;
    read(stream, !request.starts_with("HEAD ")).await
}

pub(crate) async fn read<S: AsyncRead + Unpin>(stream: &mut S, has_body: bool) -> Option<Answer> {
    let mut head = vec![];
    while !head.ends_with(b"\r\n\r\n") {
        head.push(soon(stream.read_u8()).await.ok()?);
    }
    let mut answer = Answer { status: 0, head: String::from_utf8(head).unwrap(), body: String::new() };
    answer.status = answer.head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let length = answer.header("content-length").map_or(0, |length| length.parse().expect("a length"));
    if has_body {
        let mut body = vec![0; length];
        soon(stream.read_exact(&mut body)).await.ok()?;
        answer.body = String::from_utf8(body).unwrap();
    }
    Some(answer)
}

pub(crate) async fn connect(address: SocketAddr) -> TcpStream {
    soon(TcpStream::connect(address)).await.expect("somebody listens")
}

/// One request on a connection of its own.
pub(crate) async fn send(address: SocketAddr, request: &str) -> Answer {
    exchange(&mut connect(address).await, request).await.expect("an answer")
}

pub(crate) async fn get(address: SocketAddr, path: &str) -> Answer {
    send(address, &request("GET", path, &[])).await
}

/// Reads until the listener closes, and tells how much came.
pub(crate) async fn closed<S: AsyncRead + Unpin>(stream: &mut S) -> usize {
    let (mut buffer, mut count) = (vec![0; 1 << 16], 0);
    loop {
        match soon(stream.read(&mut buffer)).await {
            Ok(0) | Err(_) => return count,
            Ok(more) => count += more,
        }
    }
}

//! A mail server, as far as Alertmanager needs one.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// A mail that came.
#[derive(Debug, Clone)]
pub(crate) struct Mail {
    /// When.
    pub(crate) at: Instant,
    /// Name and password that it was sent with.
    pub(crate) login: Option<(String, String)>,
    pub(crate) subject: String,
    /// All of the text below the head, decoded.
    pub(crate) body: String,
}

/// A server that takes every mail, without TLS.
pub(crate) struct Mailbox {
    pub(crate) address: SocketAddr,
    mails: Arc<Mutex<Vec<Mail>>>,
    _runtime: Runtime,
}

impl Mailbox {
    pub(crate) fn start() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let mails = Arc::<Mutex<Vec<Mail>>>::default();
        let kept = Arc::clone(&mails);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // The other side may hang up as it likes.
                tokio::spawn(serve(stream, Arc::clone(&kept)));
            }
        });
        Self { address, mails, _runtime: runtime }
    }

    /// What came so far, oldest first.
    pub(crate) fn mails(&self) -> Vec<Mail> {
        self.mails.lock().unwrap().clone()
    }
}

/// Speaks SMTP on one connection until its end.
async fn serve(stream: TcpStream, kept: Arc<Mutex<Vec<Mail>>>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 mail.test ESMTP\r\n").await?;
    let (mut login, mut line) = (None, String::new());
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let command = line.trim_end();
        let answer = match command.split(' ').next().unwrap_or_default().to_ascii_uppercase().as_str() {
            "EHLO" => "250-mail.test\r\n250-8BITMIME\r\n250 AUTH PLAIN",
            "HELO" | "MAIL" | "RCPT" | "RSET" | "NOOP" => "250 so be it",
            "AUTH" => {
                login = plain(command);
                if login.is_some() { "235 welcome" } else { "535 name and password are not to be read" }
            }
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await?;
                let mut lines = vec![];
                loop {
                    line.clear();
                    if stream.read_line(&mut line).await? == 0 {
                        return Ok(());
                    }
                    match line.trim_end_matches(['\r', '\n']) {
                        "." => break,
                        text => lines.push(text.strip_prefix('.').unwrap_or(text).to_owned()),
                    }
                }
                kept.lock().unwrap().push(mail(&lines, login.clone()));
                "250 taken"
            }
            "QUIT" => {
                stream.write_all(b"221 good bye\r\n").await?;
                return Ok(());
            }
            _ => "502 not known",
        };
        stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
}

/// Name and password of `AUTH PLAIN`.
fn plain(command: &str) -> Option<(String, String)> {
    let text = String::from_utf8(base64(command.split(' ').nth(2)?)?).ok()?;
    let mut parts = text.split('\0').skip(1).map(str::to_owned);
    Some((parts.next()?, parts.next()?))
}

fn base64(text: &str) -> Option<Vec<u8>> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut held) = (vec![], 0, 0_u32);
    for digit in text.trim_end_matches('=').bytes() {
        held = held << 6 | DIGITS.iter().position(|known| *known == digit)? as u32;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
        }
    }
    Some(bytes)
}

fn mail(lines: &[String], login: Option<(String, String)>) -> Mail {
    let end = lines.iter().position(String::is_empty).unwrap_or(lines.len());
    let subject = lines[..end].iter().find_map(|line| line.strip_prefix("Subject: ")).unwrap_or_default();
    Mail { at: Instant::now(), login, subject: subject.to_owned(), body: quoted_printable(&lines[end..]) }
}

/// The text that stands in lines in the form of quoted-printable.
fn quoted_printable(lines: &[String]) -> String {
    let mut bytes = vec![];
    for line in lines {
        let (line, end) = match line.strip_suffix('=') {
            Some(line) => (line, ""),
            None => (line.as_str(), "\n"),
        };
        let mut parts = line.split('=');
        bytes.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
        for part in parts {
            match part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
                Some(byte) => {
                    bytes.push(byte);
                    bytes.extend_from_slice(&part.as_bytes()[2..]);
                }
                // The marks between parts have a `=` as well.
                None => bytes.extend_from_slice(format!("={part}").as_bytes()),
            }
        }
        bytes.extend_from_slice(end.as_bytes());
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

//! `evohub cluster`: a local cluster to try out, and certificates for one.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use clap::{Args, Subcommand};
use evohub::cluster::test_certificates;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use super::failure::Failure;
use super::follow::interrupts;
use super::output::Output;
use super::status::Status;
use super::{Global, place};

const EXAMPLES: &str = "\
Examples:
  evohub cluster up --nodes 3 --store postgres://postgres@127.0.0.1/evohub
  evohub cluster certs certificates a b c client";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ClusterArguments {
    #[command(subcommand)]
    command: ClusterCommand,
}

#[derive(Debug, Subcommand)]
enum ClusterCommand {
    /// Start a cluster of processes on this machine, and end it with Ctrl-C
    Up(UpArguments),
    /// Make an authority and a certificate for each name, for trying out TLS between nodes
    Certs {
        /// The folder to write to; it is made
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
        /// Names of nodes; `client` is for clients. Several with commas share one certificate, named after the first
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
}

#[derive(Debug, Args)]
struct UpArguments {
    /// How many nodes
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=64))]
    nodes: u16,
    /// The port of the first node; the others have the next
    #[arg(long, value_name = "PORT", default_value_t = 7301)]
    port: u16,
    /// The port of the first node's /metrics and /health; the others have the next
    #[arg(long, value_name = "PORT", default_value_t = 8301)]
    http_port: u16,
    /// Evaluations that each node runs at once
    #[arg(long, value_name = "N", default_value_t = 256)]
    workers: u32,
    /// Redis, shared by all nodes
    #[arg(long, value_name = "URL", env = "EVOHUB_REDIS", hide_env_values = true)]
    redis: Option<String>,
    /// The file of the shared secret; it is made when it is not there
    #[arg(long, value_name = "FILE", default_value = "evohub-cookie")]
    cookie_file: PathBuf,
}

pub(crate) async fn cluster(
    global: &Global,
    output: &Output,
    arguments: &ClusterArguments,
) -> Result<Status, Failure> {
    match &arguments.command {
        ClusterCommand::Up(up) => start(global, output, up).await,
        ClusterCommand::Certs { folder, names } => certificates(output, folder, names),
    }
}

fn certificates(output: &Output, folder: &Path, names: &[String]) -> Result<Status, Failure> {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let files = test_certificates(folder, &names).map_err(|error| Failure::bad_input(error.to_string()))?;
    for (name, files) in names.iter().zip(files) {
        output.result(&format!(
            "{name}: --tls-certificate {} --tls-key {} --tls-authority {}",
            files.certificate.display(),
            files.key.display(),
            files.authority.display()
        ))?;
    }
    Ok(Status::Done)
}

async fn start(global: &Global, output: &Output, arguments: &UpArguments) -> Result<Status, Failure> {
    let address = place::address(global, None)?;
    if arguments.nodes > 1
        && matches!(address, evohub::store::Address::File(_) | evohub::store::Address::Memory)
    {
        return Err(Failure::bad_input(format!(
            "the store {address} is for one node alone: give --store postgres://user@host/database, or --nodes 1"
        )));
    }
    let ports = |first: u16, what: &str| {
        first.checked_add(arguments.nodes - 1).map(|_| ()).ok_or_else(|| {
            Failure::bad_input(format!("{what} {first} leaves no room for {} nodes", arguments.nodes))
        })
    };
    ports(arguments.port, "--port")?;
    ports(arguments.http_port, "--http-port")?;
    make_cookie(&arguments.cookie_file)?;
    let mut interrupts = interrupts()?;
    let (ended, mut endings) = mpsc::channel(arguments.nodes.into());
    let mut nodes = vec![];
    for number in 0..arguments.nodes {
        let mut node = command(global, arguments, number)?;
        let name = format!("node-{}", number + 1);
        let child = node.spawn().map_err(|error| Failure::failed(format!("{name} cannot start: {error}")))?;
        nodes.push(watch(child, name, output, ended.clone()));
    }
    let (port, cookie) = (arguments.port, arguments.cookie_file.display());
    output.note(&format!("try: evohub status --to 127.0.0.1:{port} --cookie-file {cookie}"));
    output.note(&format!("     evohub submit JOB.toml --to 127.0.0.1:{port} --cookie-file {cookie}"));
    let mut status = Status::Done;
    tokio::select! {
        _ = interrupts.recv() => output.note("ending the nodes; once more kills them"),
        Some(name) = endings.recv() => {
            output.error(&format!("{name} has ended; the other nodes end too"));
            status = Status::Failed;
        }
    }
    nodes.iter().for_each(|node| terminate(node.id));
    let all = async {
        for node in &mut nodes {
            let _ = (&mut node.task).await;
        }
    };
    let killed = tokio::select! {
        () = all => false,
        _ = interrupts.recv() => true,
    };
    if killed {
        nodes.iter().for_each(|node| node.task.abort());
        status = Status::Interrupted;
    }
    Ok(status)
}

/// A secret for the cluster, that only its user can read.
fn make_cookie(path: &Path) -> Result<(), Failure> {
    if path.exists() {
        return Ok(());
    }
    let failed = |error: std::io::Error| {
        Failure::bad_input(format!("the cookie file {} cannot be written: {error}", path.display()))
    };
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let secret = evohub::cluster::new_cookie();
    options.open(path).and_then(|mut file| writeln!(file, "{secret}")).map_err(failed)
}

fn command(global: &Global, arguments: &UpArguments, number: u16) -> Result<Command, Failure> {
    let program = std::env::current_exe().map_err(|error| Failure::failed(error.to_string()))?;
    let mut command = Command::new(program);
    let at = |first: u16| format!("127.0.0.1:{}", first + number);
    command
        .arg("node")
        .args(["--name", &format!("node-{}", number + 1), "--listen", &at(arguments.port)])
        .args(["--http", &at(arguments.http_port), "--workers", &arguments.workers.to_string()])
        .arg("--cookie-file")
        .arg(&arguments.cookie_file)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    // Addresses may hold a password, which a command line would show to everybody.
    if let Some(store) = &global.store {
        command.env("EVOHUB_STORE", store);
    }
    if let Some(redis) = &arguments.redis {
        command.env("EVOHUB_REDIS", redis);
    }
    if global.verbose > 0 {
        command.arg(format!("-{}", "v".repeat(global.verbose.into())));
    }
    if number > 0 {
        command.args(["--join", &format!("127.0.0.1:{}", arguments.port)]);
    }
    // Ctrl-C reaches them through this program alone.
    #[cfg(unix)]
    command.process_group(0);
    Ok(command)
}

/// A node that runs.
struct RunningNode {
    id: Option<u32>,
    task: tokio::task::JoinHandle<()>,
}

/// Shows what a node says, under its name, and tells when it has ended.
fn watch(mut child: Child, name: String, output: &Output, ended: mpsc::Sender<String>) -> RunningNode {
    let id = child.id();
    let lines = |from: Option<Box<dyn tokio::io::AsyncRead + Send + Unpin>>| {
        let (name, output) = (name.clone(), output.clone());
        tokio::spawn(async move {
            let Some(from) = from else { return };
            let mut lines = BufReader::new(from).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                output.note(&format!("{name}  {line}"));
            }
        })
    };
    let said = [
        lines(child.stdout.take().map(|pipe| Box::new(pipe) as _)),
        lines(child.stderr.take().map(|pipe| Box::new(pipe) as _)),
    ];
    let task = tokio::spawn(async move {
        let _ = child.wait().await;
        for said in said {
            let _ = said.await;
        }
        let _ = ended.send(name).await;
    });
    RunningNode { id, task }
}

/// Asks a node to end.
#[cfg(unix)]
fn terminate(id: Option<u32>) {
    let id = id.and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
    if let Some(id) = id {
        // It may have ended meanwhile.
        let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
    }
}

#[cfg(not(unix))]
fn terminate(_: Option<u32>) {}

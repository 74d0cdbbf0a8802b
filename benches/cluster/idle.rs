//! A node with nothing to do: what it takes, and how fast it is there.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use evohub::Engine;

use crate::median;
use crate::node::{self, COOKIE, Setup};
use crate::pauses::Pauses;
use crate::process::{memory, processor};
use crate::ray::{self, Load};
use crate::servers::Servers;

const ROUNDS: usize = 10;
/// How long a node is left alone before it is looked at.
const REST: Duration = Duration::from_secs(10);

/// A node of the program; it ends with this.
struct Node(Child);

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) async fn measure(servers: &Servers) {
    println!("a node of the program, with nothing to do");
    let cookie = servers.folder().join("cookie");
    std::fs::write(&cookie, COOKIE).unwrap();
    let setup = Setup {
        name: "seer".into(),
        seeds: vec![],
        store: servers.postgres().into(),
        workers: 1,
        pauses: Pauses::none(1),
    };
    let (seer, _) = setup.start().await;

    let (mut joins, mut starts) = (vec![], vec![]);
    for round in 0..ROUNDS {
        let began = Instant::now();
        let name = format!("joins-{round}");
        let _node = start(&seer, &name, servers.postgres(), &cookie);
        node::see_member(&seer, &name).await;
        joins.push(began.elapsed().as_secs_f64() * 1e3);
        let began = Instant::now();
        assert!(program().arg("--version").stdout(Stdio::null()).status().unwrap().success());
        starts.push(began.elapsed().as_secs_f64() * 1e3);
    }
    let slowest = joins.iter().copied().fold(0.0, f64::max);
    let (join, version) = (median(joins), median(starts));
    println!(
        "  joins         {join:.0} ms from its start until another node sees it (median of {ROUNDS}; slowest \
         {slowest:.0} ms): {:.1} times `--version`, which takes {version:.0} ms",
        join / version
    );

    // One alone: two of the same program would share its pages.
    let node = start(&seer, "rests", servers.postgres(), &cookie);
    node::see_member(&seer, "rests").await;
    let used = processor(node.0.id());
    tokio::time::sleep(REST).await;
    let ([own, files], used) = (memory(node.0.id()), processor(node.0.id()) - used);
    let memory = own + files;
    println!(
        "  rests         {memory:.1} MB ({own:.1} of its own, the rest its program) and {:.2} % of a processor, {} s \
         after it joined",
        100.0 * used / REST.as_secs_f64(),
        REST.as_secs()
    );
    drop(node);
    if let Some(figures) = ray::run(Load::Idle { seconds: REST.as_secs() }).await {
        println!(
            "  Ray           there after {:.1} s, {:.0} times as long; {:.0} MB, {:.0} times as much",
            figures.seconds,
            figures.seconds * 1e3 / join,
            figures.megabytes,
            figures.megabytes / memory
        );
    }
    seer.shutdown().await;
}

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_evohub"))
}

fn start(seer: &Engine, name: &str, store: &str, cookie: &Path) -> Node {
    let mut command = program();
    command
        .args(["node", "--name", name, "--listen", "127.0.0.1:0", "--join", &node::address(seer)])
        .args(["--store", store, "--cookie-file"])
        .arg(cookie)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Node(command.spawn().unwrap())
}

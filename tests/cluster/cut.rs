//! A link that is dropped: everything that is sent is lost, and nobody is told.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use crate::cluster::{Cluster, LATENCY, Seat, WORKERS};
use crate::database::Database;
use crate::noticed::SILENT;

/// Longer than leases and the patience of connections.
const DOWN: Duration = Duration::from_secs(24);
/// So slow that the job is under way when the node is back.
const SLOWED: u64 = 500;
/// Makes it a failure that there can be no network namespace.
const REQUIRED: &str = "EVOHUB_REQUIRE_NETNS";

#[test]
fn the_owner_is_cut_off() {
    let network = match Network::make() {
        Ok(network) => network,
        Err(why) if std::env::var_os(REQUIRED).is_none() => {
            println!("not run: {why}");
            return;
        }
        Err(why) => panic!("{REQUIRED} is set, but {why}"),
    };
    let mut cluster = Cluster::new(Database::shared(), &["--insecure"]);
    let [here, there] = network.addresses;
    // The node in the namespace reaches database and model by way of this end of its link.
    let database = forward(here, cluster.database.place());
    let model = forward(here, &cluster.lab.place().to_string());
    cluster.model = format!("http://{model}/v1");
    let before = ["ip", "netns", "exec", &network.name].map(str::to_owned).to_vec();
    let store = Some(cluster.database.by_way_of(&database.to_string()));
    let seat =
        |address: Ipv4Addr, port: u16| [port, port + 1_000].map(|port| SocketAddr::from((address, port)));
    let cookie = || "cookie".to_owned();
    *cluster.seat(0) = Seat { addresses: seat(there, 7301), before, store, cookie: cookie(), has_key: true };
    for number in [1, 2] {
        let addresses = seat(here, 7301 + number);
        *cluster.seat(number.into()) =
            Seat { addresses, before: vec![], store: None, cookie: cookie(), has_key: true };
    }
    (0..3).for_each(|number| cluster.add(number));
    cluster.until_whole();

    let job = cluster.submit(0, "1");
    cluster.lab.wait_for(120);
    // What it has under way is known while it stands still.
    let at = cluster.freeze(&[0]);
    network.set("down");
    cluster.nodes[0].thaw();
    cluster.lab.set_latency(SLOWED);
    // Not to wait for anything: this is how long the link is down.
    std::thread::sleep(DOWN);
    assert!(cluster.nodes[0].is_running(), "it waits: {}", cluster.nodes[0].said());
    network.set("up");
    cluster.lab.set_latency(LATENCY);
    // What it began while it was cut off goes through now, and comes too late.
    cluster.check_with(&job, WORKERS);
    let noticed = cluster.check_noticed(0, at, SILENT);
    cluster.check_moved(&job, &[0, 1, 2], noticed, at);
    cluster.until_whole();
    assert_eq!(cluster.sum("cluster_lease_takeovers_total"), 1.0);
}

/// A network namespace with a link to it, gone when dropped.
struct Network {
    name: String,
    /// The ends of the link: here, and in the namespace.
    addresses: [Ipv4Addr; 2],
}

impl Network {
    fn make() -> Result<Self, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("only root can make a network namespace".to_owned());
        }
        // Of the block that is set apart for tests of networks.
        let (high, low): (u8, u8) = (rand::random_range(0..=255), 4 * rand::random_range(0..64));
        let address = |end: u8| Ipv4Addr::new(198, 18, high, low + end);
        let name = format!("evohub{}", std::process::id());
        let network = Self { name: name.clone(), addresses: [address(1), address(2)] };
        let [here, there] = network.addresses.map(|address| format!("{address}/30"));
        let (near, far) = network.ends();
        ip(&["netns", "add", &name])?;
        ip(&["link", "add", &near, "type", "veth", "peer", "name", &far, "netns", &name])?;
        ip(&["addr", "add", &here, "dev", &near])?;
        ip(&["link", "set", &near, "up"])?;
        ip(&["-n", &name, "addr", "add", &there, "dev", &far])?;
        ip(&["-n", &name, "link", "set", "lo", "up"])?;
        ip(&["-n", &name, "link", "set", &far, "up"])?;
        Ok(network)
    }

    fn ends(&self) -> (String, String) {
        let number = std::process::id();
        (format!("ev{number}"), format!("ew{number}"))
    }

    /// Sets the end in the namespace up or down.
    fn set(&self, state: &str) {
        ip(&["-n", &self.name, "link", "set", &self.ends().1, state]).unwrap();
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // One end goes with the other.
        let _ = ip(&["link", "del", &self.ends().0]);
        let _ = ip(&["netns", "del", &self.name]);
    }
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("ip").args(arguments).output().map_err(|error| format!("ip: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => {
            Err(format!("ip {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim()))
        }
    }
}

/// Hands on to a server what comes to a free port of an address, until the test's process ends.
fn forward(address: Ipv4Addr, to: &str) -> SocketAddr {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let place = listener.local_addr().unwrap();
    let to = to.to_owned();
    std::thread::spawn(move || {
        for near in listener.incoming().map_while(Result::ok) {
            let Ok(far) = TcpStream::connect(&to) else { continue };
            let pipe = |mut from: TcpStream, mut to: TcpStream| {
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(std::net::Shutdown::Both);
                })
            };
            pipe(near.try_clone().unwrap(), far.try_clone().unwrap());
            pipe(far, near);
        }
    });
    place
}

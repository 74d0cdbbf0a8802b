//! What health says while something is really wrong, and who may ask.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use evohub::monitoring::listener::ListenerConfig;
use evohub::monitoring::metrics::{Metrics, MetricsConfig};
use evohub::{Engine, EngineConfig, Observation, ObservationConfig, Toolbox, store};
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::folder::{Folder, films, job};
use crate::process::{Answer, Process, command, exchange, until};
use crate::server::{Asked, Reply, Server};
use crate::way::Way;

/// A check may take two seconds, and that of the process itself two and a half; the rest is for a slow machine.
const CHECKED: Duration = Duration::from_secs(4);
/// Nothing is asked for this but the root of the actors.
const QUICK: Duration = Duration::from_secs(1);
const TOKEN: &str = "correct-horse-battery-staple";
const BEARER: &str = "Authorization: Bearer correct-horse-battery-staple";

/// Answers so many requests at first, and what comes after them as `otherwise` says.
fn limited(
    allowed: &Arc<AtomicUsize>,
    otherwise: fn(String) -> Reply,
) -> impl Fn(&Asked) -> Reply + Send + Sync + 'static {
    let allowed = Arc::clone(allowed);
    move |asked| match films(asked) {
        Reply::Text(text) if asked.number >= allowed.load(Ordering::SeqCst) => otherwise(text),
        reply => reply,
    }
}

/// The result of a job that nothing disturbed.
fn undisturbed() -> Value {
    let server = Server::start(films);
    Folder::with_job(&server).run(&["run", "job.toml", "--json"]).done().json()
}

/// That a job came to the end that it should.
fn check_end(process: Process) {
    let result = process.end().done().json();
    let expected = undisturbed();
    for key in ["best", "seed", "p_value", "evaluations", "model_calls", "dollars", "candidates_born"] {
        assert_eq!(result[key], expected[key], "{key}");
    }
}

/// Another process that keeps a database locked until it is let go.
struct Lock(Child);

impl Lock {
    fn hold(path: &Path) -> Self {
        let program = "import sqlite3, sys\n\
                       connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)\n\
                       connection.execute('BEGIN EXCLUSIVE')\n\
                       print('locked', flush=True)\n\
                       sys.stdin.read()\n\
                       connection.execute('ROLLBACK')\n";
        let mut python = Command::new("python3");
        python.args(["-c", program]).arg(path).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = python.spawn().expect("python3, which has SQLite");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "locked\n");
        Self(child)
    }

    fn release(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().unwrap().success());
    }
}

/// That every endpoint answers in its time, and with these statuses: `/health`, `/health/ready`, `/health/live`.
fn check_statuses(process: &Process, statuses: [u16; 3]) {
    let paths = ["/health", "/health/ready", "/health/live"];
    for (path, status) in paths.into_iter().zip(statuses) {
        let answer = process.get(path);
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        let limit = if path == "/health/live" { QUICK } else { CHECKED };
        assert!(answer.took < limit, "{path}: {answer:?}");
    }
}

#[test]
fn a_locked_database_makes_the_process_unready_until_it_is_free() {
    let allowed = Arc::new(AtomicUsize::new(60));
    let server = Server::start(limited(&allowed, |_| Reply::Status(500)));
    let folder = Folder::with_job(&server);
    let settings = ["--json", "--set", "providers.lab.breaker_failures=1000"];
    let process = Process::run(&folder, &[&settings[..], &["--set", "providers.lab.max_retries=0"]].concat());
    server.wait_for(61);
    let answer = process.until_check(&["database"], "healthy");
    assert_eq!((answer.status, &answer.json()["status"]), (200, &"healthy".into()));
    check_statuses(&process, [200, 200, 200]);

    let lock = Lock::hold(&folder.store());
    let answer = process.until_check(&["database"], "unhealthy");
    assert!(answer.took < CHECKED, "{answer:?}");
    assert_eq!((answer.status, &answer.json()["status"]), (503, &"unhealthy".into()), "{answer:?}");
    let message = answer.json()["checks"]["database"]["message"].as_str().unwrap_or_default().to_owned();
    // It depends on whether this process waits for the lock as well.
    assert!(message.contains("store.db") && message.contains("locked"), "{answer:?}");
    assert!(answer.json()["checks"]["database"]["response_time_ms"].is_number(), "{answer:?}");
    check_statuses(&process, [503, 503, 200]);
    let ready = process.get("/health/ready").json();
    assert!(ready["reason"].as_str().is_some_and(|reason| reason.contains("database: ")), "{ready}");

    // An answer comes that cannot be written now.
    let asked = server.count();
    allowed.store(asked + 20, Ordering::SeqCst);
    server.wait_for(asked + 1);
    lock.release();
    process.until_check(&["database"], "healthy");
    process.until_status("/health/ready", 200);
    check_statuses(&process, [200, 200, 200]);
    allowed.store(usize::MAX, Ordering::SeqCst);
    check_end(process);
}

#[test]
fn a_dead_provider_degrades_the_process_until_it_is_back() {
    let allowed = Arc::new(AtomicUsize::new(60));
    let server = Server::start(limited(&allowed, Reply::Wait));
    let mut way = Way::to(server.place());
    let folder = Folder::with_job(&server);
    folder.write("job.toml", &job(&format!("http://{}/v1", way.address)));
    let process = Process::run(&folder, &["--json", "--set", "providers.lab.breaker_seconds=0.5"]);
    server.wait_for(61);
    let check = ["llm_apis", "lab"];
    assert_eq!(process.until_check(&check, "healthy").json()["status"], "healthy");

    way.cut();
    let answer = process.until_check(&check, "unhealthy");
    assert!(answer.took < CHECKED, "{answer:?}");
    assert_eq!((answer.status, &answer.json()["status"]), (200, &"degraded".into()), "{answer:?}");
    let message =
        answer.json()["checks"]["llm_apis"]["lab"]["message"].as_str().unwrap_or_default().to_owned();
    assert!(message.contains("connect"), "{answer:?}");
    check_statuses(&process, [200, 200, 200]);

    // Enough to find out that it is back, and not to end the job.
    allowed.store(server.count() + 30, Ordering::SeqCst);
    way.mend();
    let answer = process.until_check(&check, "healthy");
    assert_eq!(answer.json()["status"], "healthy", "{answer:?}");
    allowed.store(usize::MAX, Ordering::SeqCst);
    server.open_gate();
    check_end(process);
}

#[test]
fn an_actor_that_is_stuck_is_named() {
    Runtime::new().unwrap().block_on(async {
        let folder = Folder::new();
        let metrics = Metrics::new(&MetricsConfig::default());
        let listener = ListenerConfig::new((Ipv4Addr::LOCALHOST, 0).into());
        let stuck_after = Duration::from_millis(50);
        let config = ObservationConfig { stuck_after, ..ObservationConfig::new(listener) };
        let observation = Observation::start(config, Arc::clone(&metrics), None).await.unwrap();
        let store = store::open(folder.store().to_str().unwrap()).await.unwrap();
        let toolbox = Toolbox::new(Arc::clone(&metrics));
        let engine =
            Engine::start(EngineConfig { toolbox, ..EngineConfig::new(Arc::clone(&store)) }).await.unwrap();
        observation.serve(Arc::clone(&store), &engine);
        let address = observation.address();
        let get = async |path: &'static str| -> Answer {
            let ask =
                move || exchange(std::net::TcpStream::connect(address).unwrap(), ("GET", path), &[], "");
            tokio::task::spawn_blocking(ask).await.unwrap().unwrap()
        };
        let until_status = async |status: u16| -> Answer {
            tokio::time::timeout(Duration::from_secs(60), async {
                loop {
                    let answer = get("/health/detailed").await;
                    if answer.status == status {
                        return answer;
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            })
            .await
            .expect("another status")
        };
        let answer = until_status(200).await;
        assert_eq!(answer.json()["status"], "healthy", "{answer:?}");

        let mailbox = metrics.actors.mailbox("journal");
        let (handling, waiting) = (mailbox.seal("flush").open(), mailbox.seal("flush"));
        let answer = until_status(503).await.json();
        assert_eq!(
            (&answer["status"], &answer["checks"]["database"]["status"]),
            (&"unhealthy".into(), &"healthy".into())
        );
        let actors = &answer["checks"]["actors"];
        assert_eq!(actors["status"], "unhealthy", "{answer}");
        let message = actors["message"].as_str().unwrap_or_default();
        assert!(message.starts_with("the journal has been at one message for"), "{answer}");
        assert!(message.ends_with("and 1 wait"), "{answer}");
        assert_eq!(get("/health/ready").await.status, 503);
        assert_eq!(get("/health/live").await.status, 200, "its root answers");
        drop((handling, waiting));
        assert_eq!(until_status(200).await.json()["status"], "healthy");
        engine.shutdown().await;
        observation.end().await;
    });
}

#[test]
fn told_to_end_it_is_unready_while_it_drains_and_then_gone() {
    let server = Server::start(limited(&Arc::new(AtomicUsize::new(60)), Reply::Wait));
    let folder = Folder::with_job(&server);
    let process = Process::run(&folder, &["--json"]);
    server.wait_for(61);
    process.until_status("/health/ready", 200);
    process.terminate();
    let ready = process.until_status("/health/ready", 503);
    assert_eq!(ready.json()["reason"], "draining: no new work is taken", "{ready:?}");
    assert_eq!(process.status("/health/live"), 200);
    assert_eq!(process.get("/health").json()["status"], "degraded");
    // What is paid for is still waited for.
    assert!(process.value("llm_api_in_flight{provider=\"lab\",model=\"student\"}") > 0.0);
    assert_eq!(process.value("evolution_jobs{state=\"running\"}"), 1.0);
    server.open_gate();
    let address = process.address;
    let outcome = process.end();
    assert_eq!(outcome.code, Some(130), "{outcome:?}");
    assert_eq!(outcome.json()["status"], "stopped");
    assert!(std::net::TcpStream::connect(address).is_err(), "nobody listens any more");
}

#[test]
fn it_is_not_ready_before_the_store_is_open() {
    let server = Server::start(films);
    let folder = Folder::with_job(&server);
    folder.write("store.db", "");
    // The program waits for five seconds for the lock.
    let lock = Lock::hold(&folder.store());
    let process = Process::run(&folder, &["--json"]);
    let ready = until("it opens the store", || {
        let ready = process.get("/health/ready");
        (ready.json()["reason"] == "starting: opening the store").then_some(ready)
    });
    assert_eq!((ready.status, &ready.json()["status"]), (503, &"not_ready".into()), "{ready:?}");
    assert_eq!(process.status("/health/live"), 200);
    let health = process.get("/health/detailed");
    assert_eq!((health.status, &health.json()["status"]), (200, &"degraded".into()), "{health:?}");
    lock.release();
    check_end(process);
}

/// A token, and a certificate for `localhost` with its key, in files of the folder.
fn write_access(folder: &Folder) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    folder.write("certificate.pem", &made.cert.pem());
    folder.write("key.pem", &made.signing_key.serialize_pem());
    folder.write("token", TOKEN);
    #[cfg(unix)]
    for name in ["token", "key.pem"] {
        use std::os::unix::fs::PermissionsExt as _;
        let only_mine = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(folder.path().join(name), only_mine).unwrap();
    }
    made.cert.der().clone()
}

#[test]
fn what_is_logged_can_be_changed_while_it_runs() {
    let (allowed, fails) = (Arc::new(AtomicUsize::new(60)), Arc::new(AtomicBool::new(false)));
    let (limited, failing) = (limited(&allowed, Reply::Wait), Arc::clone(&fails));
    let server = Server::start(move |asked| match asked.number % 5 {
        2 if asked.number < 50 || failing.load(Ordering::SeqCst) => Reply::Status(500),
        _ => limited(asked),
    });
    let folder = Folder::with_job(&server);
    write_access(&folder);
    let process = Process::run(&folder, &["--json", "--log-file", "run.log", "--listen-token-file", "token"]);
    server.wait_for(61);
    let level = |method: &str, headers: &[&str], filter: &str| {
        exchange(process.connect().unwrap(), (method, "/admin/log-level"), headers, filter).unwrap()
    };
    let filter = "warn,evohub_llm=debug";
    for headers in [&[][..], &["Authorization: Bearer correct-horse-battery-stable"]] {
        assert_eq!(level("PUT", headers, filter).status, 401);
    }
    assert_eq!(level("GET", &[BEARER], "").json()["filter"], "warn");
    let bad = level("PUT", &[BEARER], "evohub=loud");
    assert!(bad.status == 400 && bad.body.contains("evohub=loud"), "{bad:?}");
    let logged = || std::fs::read_to_string(folder.path().join("run.log")).unwrap_or_default();
    assert!(!logged().contains("trying again"), "{}", logged());

    let changed = level("PUT", &[BEARER], filter);
    assert_eq!((changed.status, &changed.json()["filter"]), (200, &filter.into()));
    fails.store(true, Ordering::SeqCst);
    allowed.store(usize::MAX, Ordering::SeqCst);
    server.open_gate();
    until("lines of the new level", || logged().contains("trying again").then_some(()));
    process.end().done();
    let lines = logged();
    assert!(lines.lines().any(|line| line.contains("DEBUG") && line.contains("evohub_llm")), "{lines}");
    assert!(!lines.contains(TOKEN), "{lines}");
}

#[test]
fn without_a_token_there_is_no_administration() {
    let server = Server::start(|_| Reply::Wait("positive".to_owned()));
    // Held: the run reads its cases from there after it listens.
    let folder = Folder::with_job(&server);
    let process = Process::run(&folder, &[]);
    server.wait_for(1);
    let put = exchange(process.connect().unwrap(), ("PUT", "/admin/log-level"), &[BEARER], "debug").unwrap();
    assert_eq!(put.status, 403, "{put:?}");
    assert!(put.json()["error"].as_str().is_some_and(|error| error.contains("needs a token")), "{put:?}");
}

const EVERYWHERE: [&str; 4] = ["run", "job.toml", "--listen", "0.0.0.0:0"];

#[test]
fn other_machines_are_not_served_without_token_and_tls() {
    let server = Server::start(|_| Reply::Wait("positive".to_owned()));
    let folder = Folder::with_job(&server);
    write_access(&folder);
    for (access, missing) in [
        (&[][..], "no token and no TLS"),
        (&["--listen-token-file", "token"], "no TLS"),
        (&["--listen-certificate", "certificate.pem", "--listen-key", "key.pem"], "no token"),
    ] {
        let outcome = folder.run(&[&EVERYWHERE, access].concat());
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
        let error = outcome.stderr.lines().find(|line| line.starts_with("error: 0.0.0.0:0 can be reached"));
        let error = error.unwrap_or_else(|| panic!("{outcome:?}"));
        assert!(error.contains(missing) && error.contains("--insecure"), "{error}");
    }
    assert_eq!(server.count(), 0, "nothing was begun");
    assert!(!folder.store().exists(), "nothing was written");

    let process = Process::start(command(&folder, &[&EVERYWHERE[..], &["--insecure"]].concat()));
    assert_eq!((process.scheme(), process.status("/metrics")), ("http", 200));
}

#[test]
fn token_and_tls_go_all_the_way() {
    let server = Server::start(|_| Reply::Wait("positive".to_owned()));
    let folder = Folder::with_job(&server);
    let trusted = write_access(&folder);
    let access = ["--listen-token-file", "token", "--listen-certificate", "certificate.pem"];
    let arguments = [&EVERYWHERE[..], &access, &["--listen-key", "key.pem"]].concat();
    let process = Process::start(command(&folder, &arguments));
    assert_eq!(process.scheme(), "https");
    server.wait_for(1);

    let get = |trusted: &CertificateDer<'static>, path: &str, headers: &[&str]| {
        let mut roots = RootCertStore::empty();
        roots.add(trusted.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let tls = ClientConnection::new(Arc::new(config), name).unwrap();
        exchange(StreamOwned::new(tls, process.connect().unwrap()), ("GET", path), headers, "")
    };
    for (path, stranger, known) in [
        ("/metrics", 401, 200),
        ("/health", 200, 200),
        ("/health/detailed", 401, 200),
        ("/health/live", 200, 200),
        ("/admin/log-level", 401, 200),
    ] {
        assert_eq!(get(&trusted, path, &[]).unwrap().status, stranger, "{path}");
        assert_eq!(get(&trusted, path, &[BEARER]).unwrap().status, known, "{path}");
    }
    assert!(get(&trusted, "/metrics", &[BEARER]).unwrap().body.contains("evohub_build_info{"));
    let stranger = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    assert!(get(stranger.cert.der(), "/health", &[]).is_err(), "the certificate is that of the process");
    // Somebody who does not know of TLS learns nothing.
    let mut plain = process.connect().unwrap();
    plain.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut told = vec![];
    // The connection may be cut as well as closed.
    let _ = plain.read_to_end(&mut told);
    assert!(!String::from_utf8_lossy(&told).contains("HTTP"), "{told:?}");
}

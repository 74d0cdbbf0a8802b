//! What `evohub doctor` finds at a working cluster, and what each defect looks like; and what `evohub incident` collects
//! of one.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::archive;
use crate::cluster::Cluster;
use crate::database::Database;
use crate::folder::Outcome;
use crate::process::until;
use crate::redis::Redis;

/// What depends on the machine that the test runs on.
const OF_MACHINE: [&str; 2] = ["disk", "descriptors"];

/// Runs a command with the settings of the first node, and more.
fn run(cluster: &mut Cluster, command: &[&str], more: &[&str]) -> Outcome {
    let [listen, http] = cluster.seat(0).addresses.map(|address| address.to_string());
    let (cookie, store) = (cluster.seat(0).cookie.clone(), cluster.database.url());
    let seeds: Vec<String> = (0..3).map(|number| cluster.seat(number).addresses[0].to_string()).collect();
    let seeds = seeds.join(",");
    let node = ["--name", "a", "--listen", &listen, "--http", &http, "--join", &seeds, "--workers", "8"];
    let cookie = ["--cookie-file", &cookie];
    let mut command = cluster.folder.command(&[command, &node, &cookie, more].concat());
    command.env("EVOHUB_STORE", store).output().unwrap().into()
}

fn doctor(cluster: &mut Cluster, more: &[&str]) -> Outcome {
    run(cluster, &["doctor", "--json"], more)
}

/// The findings as `status check: what was found`, but for those of the machine.
fn found(outcome: &Outcome) -> Vec<String> {
    let document = outcome.json();
    let findings = document["findings"].as_array().unwrap().iter();
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let findings = findings.filter(|finding| !OF_MACHINE.contains(&finding["check"].as_str().unwrap()));
    findings
        .map(|finding| {
            let advice = text(finding, "advice");
            let advice = if advice.is_empty() { advice } else { format!(" -> {advice}") };
            format!(
                "{} {}: {}{advice}",
                text(finding, "status"),
                text(finding, "check"),
                text(finding, "found")
            )
        })
        .collect()
}

#[track_caller]
fn finds(outcome: &Outcome, start: &str, said: &str) {
    let found = found(outcome);
    assert!(
        found.iter().any(|text| text.starts_with(start) && text.contains(said)),
        "{start} … {said}: {found:#?}"
    );
}

/// A cluster of three with a Redis, whose cookie only its owner reads.
fn cluster(redis: &Redis) -> Cluster {
    let mut cluster = Cluster::new(Database::shared(), &["--redis", &redis.url()]);
    let cookie = cluster.folder.path().join("cookie");
    std::fs::set_permissions(cookie, Permissions::from_mode(0o600)).unwrap();
    (0..3).for_each(|number| cluster.add(number));
    cluster.until_whole();
    cluster
}

#[test]
fn a_cluster_is_well_until_something_breaks() {
    let mut redis = Redis::start();
    let redis_url = redis.url();
    let mut cluster = cluster(&redis);
    let with_redis = ["--redis", &redis_url];
    let nodes: Vec<String> = (0..3).map(|number| cluster.seat(number).addresses[0].to_string()).collect();

    let well = doctor(&mut cluster, &with_redis);
    // How fast a server answers is the machine's matter, too.
    let is_bad = |text: &String| text.starts_with(['w', 'p']) && !text.contains(" answers in ");
    let bad: Vec<String> = found(&well).into_iter().filter(is_bad).collect();
    assert!(bad.is_empty(), "{bad:#?}");
    finds(&well, "ok ports: ", &format!("{}, for nodes, is held by node `a`", nodes[0]));
    finds(&well, "ok ports: ", "for metrics and health, is held by evohub");
    finds(&well, "ok cluster: ", "3 nodes are alive (a, b, c)");
    finds(&well, "ok cluster: ", "3 were asked and see the same");
    finds(&well, "ok database: ", "PostgreSQL");
    finds(&well, "ok migrations: ", "in date");
    finds(&well, "ok redis: ", "Redis");
    finds(&well, "ok scrape: ", "series of evohub");
    for name in ["the PostgreSQL server", "node `a`", "node `b`", "node `c`"] {
        finds(&well, "ok clock: ", &format!("the clock of {name} is"));
    }

    cluster.folder.write("other", "another secret, just as long\n");
    cluster.seat(0).cookie = "other".to_owned();
    let stranger = doctor(&mut cluster, &with_redis);
    assert_eq!(stranger.code, Some(1), "{stranger:?}");
    finds(&stranger, &format!("problem cluster: {}: ", nodes[1]), "another cookie");
    finds(
        &stranger,
        &format!("problem cluster: {}: ", nodes[1]),
        "-> give all nodes and clients the same cookie file",
    );
    cluster.seat(0).cookie = "cookie".to_owned();

    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 VALUES (9999, 'of a later release', true, '\\x00', 0)";
    cluster.database.column(newer);
    let older_program = doctor(&mut cluster, &with_redis);
    assert_eq!(older_program.code, Some(1), "{older_program:?}");
    finds(
        &older_program,
        "problem migrations: a newer program wrote the store (schema 9999",
        "-> update evohub",
    );
    cluster.database.column("DELETE FROM _sqlx_migrations WHERE version = 9999");

    redis.stop();
    let away = doctor(&mut cluster, &with_redis);
    assert_eq!(away.code, Some(1), "{away:?}");
    finds(&away, "problem redis: ", "-> start it");

    cluster.kill(&[2]);
    let (others, lost) = ([0, 1], "cluster_nodes{state=\"dead\"}");
    for number in others {
        let node = &cluster.nodes[number];
        until("the loss is known", || (node.value(lost) > 0.0).then_some(()));
    }
    let lost = doctor(&mut cluster, &[]);
    assert_eq!(lost.code, Some(0), "the others go on: {lost:?}");
    finds(&lost, "warning cluster: dead: c", "-> start it again");
    finds(&lost, &format!("warning cluster: {}: nobody listens there", nodes[2]), "-> start that node");
}

#[test]
fn an_incident_is_told_by_all_nodes() {
    let redis = Redis::start();
    let mut cluster = cluster(&redis);
    let job = cluster.submit(0, "1");
    cluster.result(&job);
    let pages: Vec<String> = (0..3).map(|number| cluster.seat(number).addresses[1].to_string()).collect();
    let more = ["--target", &pages.join(","), "--logs", "a.log,b.log,c.log"];
    let of_job = run(&mut cluster, &["incident", &job.id.0, "-o", "job.zip"], &more);
    assert_eq!(of_job.code, Some(0), "{of_job:?}");
    let files = archive::files(&cluster.folder.path().join("job.zip"));
    for name in ["a", "b", "c"] {
        let seen: Value = serde_json::from_str(&files[&format!("cluster/as-seen-by-{name}.json")]).unwrap();
        assert_eq!((&seen["by"], seen["nodes"].as_array().unwrap().len()), (&name.into(), 3));
        assert!(files[&format!("logs/{name}.log")].contains("\"message\""));
    }
    for page in pages {
        let folder = format!("nodes/{}", page.replace(':', "_"));
        assert!(files[&format!("{folder}/metrics.txt")].ends_with("# EOF\n"));
        let health: Value = serde_json::from_str(&files[&format!("{folder}/health.json")]).unwrap();
        assert_eq!(health["checks"]["cluster"]["nodes_active"], 3, "{health}");
    }
    let record: Value = serde_json::from_str(&files["job/record.json"]).unwrap();
    assert_eq!((&record["standing"], record["placed"].as_array().unwrap().len()), (&"done".into(), 3));

    let of_node = run(&mut cluster, &["incident", "b", "-o", "node.zip"], &[]);
    assert_eq!(of_node.code, Some(0), "{of_node:?}");
    assert!(of_node.stdout.contains("node b"), "{of_node:?}");
    let files = archive::files(&cluster.folder.path().join("node.zip"));
    assert!(!files.contains_key("job/record.json") && files.contains_key("jobs.json"), "{:?}", files.keys());
}

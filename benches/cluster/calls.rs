//! Plain calls of one node to another.

use tokio::process::Command;

use crate::ray::{self, Load};

/// Calls of 1 KB a second, 64 at once: by the example of the cluster's house, in two processes without anything else.
pub(crate) async fn measure() -> f64 {
    println!("calls of 1 KB over two processes, 64 at once");
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(cargo);
    command.args([
        "run",
        "--release",
        "--quiet",
        "--locked",
        "--package",
        "evohub-cluster",
        "--example",
        "calls",
    ]);
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stdout);
    let rate = said.split(' ').next().and_then(|word| word.parse().ok()).expect("it says how many");
    println!("  evohub        {}", said.trim());
    if let Some(figures) = ray::run(Load::Calls).await {
        println!(
            "  Ray           {:.0} calls/s: evohub makes {:.1} times as many",
            figures.rate,
            rate / figures.rate
        );
    }
    rate
}

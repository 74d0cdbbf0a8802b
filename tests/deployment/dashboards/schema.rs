//! Whether dashboards have the form that Grafana publishes.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::shipped;

const OPTIONS: &str = r#"{
  "compilerOptions": {
    "strict": true, "noEmit": true, "skipLibCheck": true, "types": [],
    "module": "esnext", "moduleResolution": "bundler", "target": "es2022"
  },
  "include": ["*.ts"]
}"#;

/// A folder in which TypeScript finds Grafana's types.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let node = std::env::var_os("EVOHUB_TEST_NODE")
        .expect("EVOHUB_TEST_NODE names the folder with Grafana's types; scripts/tools sets it");
    let modules = Path::new(&node).join("node_modules");
    std::os::unix::fs::symlink(modules, folder.path().join("node_modules")).unwrap();
    std::fs::write(folder.path().join("tsconfig.json"), OPTIONS).unwrap();
    let types = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/deployment/dashboards/types.ts");
    std::fs::copy(types, folder.path().join("types.ts")).unwrap();
    folder
}

fn write(folder: &Path, name: &str, dashboard: &Value) -> PathBuf {
    let path = folder.join(format!("{name}.ts"));
    let text = format!(
        "import type {{ Checked }} from './types';\nexport const dashboard: Checked = {dashboard:#};\n"
    );
    std::fs::write(&path, text).unwrap();
    path
}

/// What TypeScript says of a folder; nothing if all is well.
fn complaints(folder: &Path) -> String {
    let output = Command::new("tsc").arg("--project").arg(folder).current_dir(folder).output();
    let output = output.unwrap_or_else(|error| panic!("tsc: {error}; scripts/tools brings it"));
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.success(), said.is_empty(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

#[test]
fn dashboards_have_the_form_that_grafana_publishes() {
    let folder = folder();
    for (file, dashboard) in shipped() {
        write(folder.path(), &file, &dashboard);
    }
    assert_eq!(complaints(folder.path()), "");
}

/// What Grafana would not understand.
type Fault = (&'static str, fn(&mut Value));

const FAULTS: [Fault; 12] = [
    ("refresh", |board| board["refresh"] = json!(30)),
    ("misspelt", |board| board["refesh"] = json!("30s")),
    ("unit", |board| first(board, "stat")["fieldConfig"]["defaults"]["unit"] = json!(3)),
    ("color", |board| first(board, "stat")["fieldConfig"]["defaults"]["color"]["mode"] = json!("fixd")),
    ("style", |board| {
        first(board, "timeseries")["fieldConfig"]["defaults"]["custom"]["lineWidht"] = json!(2)
    }),
    ("legend", |board| first(board, "timeseries")["options"]["legend"]["displayMode"] = json!("tbl")),
    ("place", |board| first(board, "timeseries")["gridPos"]["w"] = json!("8")),
    ("plugin", |board| first(board, "timeseries")["type"] = json!("timeserie")),
    ("target", |board| first(board, "timeseries")["targets"][0]["expr"] = json!(null)),
    ("link", |board| board["links"][0]["type"] = json!("dashbord")),
    ("variable", |board| board["templating"]["list"][1]["refresh"] = json!(7)),
    ("event", |board| board["annotations"]["list"][0]["iconColor"] = json!(null)),
];

fn first<'a>(board: &'a mut Value, kind: &str) -> &'a mut Value {
    let panels = board["panels"].as_array_mut().unwrap();
    panels.iter_mut().find(|panel| panel["type"] == kind).unwrap()
}

#[test]
fn faults_of_form_are_found() {
    let folder = folder();
    let (_, sound) = shipped().into_iter().find(|(file, _)| file == "meta-prompt-hub.json").unwrap();
    for (name, spoil) in FAULTS {
        let mut board = sound.clone();
        spoil(&mut board);
        assert_ne!(board, sound, "{name}");
        write(folder.path(), name, &board);
    }
    let said = complaints(folder.path());
    for (name, _) in FAULTS {
        assert!(said.lines().any(|line| line.starts_with(&format!("{name}.ts("))), "{name}: {said}");
    }
}

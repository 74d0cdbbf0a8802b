//! Log lines tell the trace they belong to.

use std::fs;

use serde_json::Value;
use tracing::dispatcher::with_default;

use evohub_monitoring::logs::{LogConfig, LogDestination, LogFile, LogForm};
use evohub_monitoring::telemetry::{Telemetry, TelemetryConfig};
use evohub_monitoring::traces::TraceProtocol;

use super::collector::Collector;
use super::delivery::LIMIT;

#[test]
fn a_line_inside_an_exported_span_has_its_ids() {
    for form in [LogForm::Json, LogForm::Human] {
        let collector = Collector::start();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("evohub.log");
        let mut traces = collector.config(TraceProtocol::Http);
        traces.sample_ratio = 0.0;
        let logs = LogConfig {
            filter: Some("warn".to_owned()),
            form,
            destination: LogDestination::File(LogFile::new(&path)),
        };
        let config = TelemetryConfig { logs, traces: Some(traces) };
        let (subscriber, telemetry) = Telemetry::build(&config, None).unwrap();
        with_default(&subscriber, || {
            tracing::warn!("outside");
            let job = tracing::info_span!("job");
            job.in_scope(|| tracing::warn!(trace_id = "mine", "inside"));
            tracing::warn!(parent: &job, "of it");
            let _evaluation = tracing::info_span!("evaluate_prompt").entered();
            tracing::warn!("drawn out");
        });
        telemetry.shutdown(LIMIT);
        let text = fs::read_to_string(path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        let received = collector.received();
        let job = received.named("job");
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let (trace, span) = (hex(&job.trace_id), hex(&job.span_id));
        let told: Vec<bool> =
            lines.iter().map(|line| line.contains(&trace) && line.contains(&span)).collect();
        assert_eq!(told, [false, true, true, false], "{text}");
        if form == LogForm::Json {
            let line: Value = serde_json::from_str(lines[1]).unwrap();
            assert_eq!((&line["trace_id"], &line["span_id"]), (&trace.into(), &span.into()));
            assert_eq!(line["fields.trace_id"], "mine");
            assert!(!lines[0].contains("span_id") && !lines[3].contains("span_id"), "{text}");
        } else {
            assert!(lines[2].ends_with(&format!(" trace_id={trace} span_id={span}")), "{text}");
        }
    }
}

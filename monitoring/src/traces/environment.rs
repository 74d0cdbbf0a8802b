//! Reads the standard variables of OpenTelemetry.

use std::time::Duration;

use super::TraceError;
use super::config::{BatchLimits, Header, TraceConfig, TraceProtocol};

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const SAMPLER_ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";

pub(super) fn read(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Option<TraceConfig>, TraceError> {
    let variables = Variables(lookup);
    let is_off = variables.get("OTEL_SDK_DISABLED").is_some_and(|off| off.eq_ignore_ascii_case("true"))
        || exporter_is_off(&variables)?;
    let (protocol_name, protocol) = protocol(&variables)?;
    let Some((endpoint_name, endpoint)) = endpoint(&variables, protocol) else { return Ok(None) };
    let Some(sample_ratio) = sample_ratio(&variables)?.filter(|_| !is_off) else { return Ok(None) };

    let mut config = TraceConfig::new(endpoint);
    config.protocol = protocol;
    config.sample_ratio = sample_ratio;
    let (headers_name, headers) = variables.either("HEADERS");
    for (name, value) in list(&headers_name, headers)? {
        config.headers.push(Header { name, value: value.into() });
    }
    let (timeout_name, timeout) = variables.either("TIMEOUT");
    if let Some(timeout) = whole(&timeout_name, timeout)? {
        config.timeout = Duration::from_millis(timeout);
    }
    let resource = "OTEL_RESOURCE_ATTRIBUTES";
    for (name, value) in list(resource, variables.get(resource))? {
        match name.as_str() {
            "service.name" => config.service_name = value,
            _ => config.resource.push((name, value)),
        }
    }
    if let Some(name) = variables.get("OTEL_SERVICE_NAME") {
        config.service_name = name;
    }
    config.batch = batch(&variables)?;
    config.check_by(&|setting| {
        let variable = match setting {
            "endpoint" => endpoint_name,
            "headers" => &headers_name,
            "timeout" => &timeout_name,
            "sample_ratio" => SAMPLER_ARGUMENT,
            "batch.queue" => "OTEL_BSP_MAX_QUEUE_SIZE",
            "batch.size" => "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
            _ => &protocol_name,
        };
        variable.to_owned()
    })?;
    Ok(Some(config))
}

struct Variables<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Variables<'_> {
    fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// The variable for traces, or that for all that is exported.
    fn either(&self, last: &str) -> (String, Option<String>) {
        let (own, all) = (format!("OTEL_EXPORTER_OTLP_TRACES_{last}"), format!("OTEL_EXPORTER_OTLP_{last}"));
        match self.get(&own) {
            Some(value) => (own, Some(value)),
            None => {
                let value = self.get(&all);
                (all, value)
            }
        }
    }
}

fn wrong(setting: &str, problem: impl Into<String>) -> TraceError {
    TraceError::Setting { setting: setting.to_owned(), problem: problem.into() }
}

fn exporter_is_off(variables: &Variables<'_>) -> Result<bool, TraceError> {
    let name = "OTEL_TRACES_EXPORTER";
    match variables.get(name).as_deref() {
        None | Some("otlp") => Ok(false),
        Some("none") => Ok(true),
        Some(other) => Err(wrong(name, format!("is `{other}`: write `otlp` or `none`"))),
    }
}

fn protocol(variables: &Variables<'_>) -> Result<(String, TraceProtocol), TraceError> {
    let (name, value) = variables.either("PROTOCOL");
    let protocol = match value.as_deref() {
        None | Some("http/protobuf") => TraceProtocol::Http,
        Some("grpc") => TraceProtocol::Grpc,
        Some(other) => return Err(wrong(&name, format!("is `{other}`: write `grpc` or `http/protobuf`"))),
    };
    Ok((name, protocol))
}

/// The variable for traces holds the whole address; to the other one the path for traces is added.
fn endpoint(variables: &Variables<'_>, protocol: TraceProtocol) -> Option<(&'static str, String)> {
    if let Some(endpoint) = variables.get(TRACES_ENDPOINT) {
        return Some((TRACES_ENDPOINT, endpoint));
    }
    let endpoint = variables.get(ENDPOINT)?;
    let endpoint = match protocol {
        TraceProtocol::Http => format!("{}/v1/traces", endpoint.trim_end_matches('/')),
        TraceProtocol::Grpc => endpoint,
    };
    Some((ENDPOINT, endpoint))
}

/// `None` when no trace is wanted.
fn sample_ratio(variables: &Variables<'_>) -> Result<Option<f64>, TraceError> {
    match variables.get(SAMPLER).as_deref() {
        Some("always_on" | "parentbased_always_on") => Ok(Some(1.0)),
        Some("always_off") => Ok(None),
        None | Some("traceidratio" | "parentbased_traceidratio") => {
            let Some(ratio) = variables.get(SAMPLER_ARGUMENT) else { return Ok(Some(1.0)) };
            let number = ratio
                .parse()
                .map_err(|_| wrong(SAMPLER_ARGUMENT, format!("is `{ratio}`: write a number from 0 to 1")))?;
            Ok(Some(number))
        }
        Some(other) => {
            let problem = format!(
                "is `{other}`: write `always_on`, `always_off`, `traceidratio`, or one of \
                 `parentbased_always_on` and `parentbased_traceidratio`"
            );
            Err(wrong(SAMPLER, problem))
        }
    }
}

fn batch(variables: &Variables<'_>) -> Result<BatchLimits, TraceError> {
    let number = |name: &str| whole(name, variables.get(name));
    let mut limits = BatchLimits::default();
    if let Some(queue) = number("OTEL_BSP_MAX_QUEUE_SIZE")? {
        limits.queue = usize::try_from(queue).unwrap_or(usize::MAX);
        limits.size = limits.size.min(limits.queue);
    }
    if let Some(size) = number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE")? {
        limits.size = usize::try_from(size).unwrap_or(usize::MAX);
    }
    if let Some(delay) = number("OTEL_BSP_SCHEDULE_DELAY")? {
        limits.delay = Duration::from_millis(delay);
    }
    Ok(limits)
}

fn whole(name: &str, value: Option<String>) -> Result<Option<u64>, TraceError> {
    let Some(value) = value else { return Ok(None) };
    match value.parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => Err(wrong(name, format!("is `{value}`: write a whole number"))),
    }
}

/// `name=value,name=value`, with what is special written as `%2C`.
fn list(name: &str, value: Option<String>) -> Result<Vec<(String, String)>, TraceError> {
    let value = value.unwrap_or_default();
    let entries = value.split(',').map(str::trim).enumerate().filter(|(_, entry)| !entry.is_empty());
    let parsed = entries.map(|(place, entry)| {
        let pair = entry.split_once('=').and_then(|(key, value)| {
            let key = decoded(key.trim()).filter(|key| !key.is_empty())?;
            Some((key, decoded(value.trim())?))
        });
        pair.ok_or_else(|| {
            let problem =
                format!("has an entry {} that is not understood: write name=value,name=value", place + 1);
            wrong(name, problem)
        })
    });
    parsed.collect()
}

/// The text that was written with `%` and two hexadecimal digits for some bytes.
fn decoded(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let digits = part.get(..2).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use secrecy::ExposeSecret;

    use super::*;

    fn from(variables: &[(&str, &str)]) -> Result<Option<TraceConfig>, TraceError> {
        let known: HashMap<_, _> = variables.iter().copied().collect();
        TraceConfig::from_environment(&|name| known.get(name).map(|value| (*value).to_owned()))
    }

    fn config(variables: &[(&str, &str)]) -> TraceConfig {
        from(variables).unwrap().expect("traces are on")
    }

    #[test]
    fn is_off_unless_an_endpoint_is_set() {
        let endpoint = (ENDPOINT, "http://c:4318");
        for variables in [
            &[][..],
            &[(ENDPOINT, " ")],
            &[endpoint, ("OTEL_SDK_DISABLED", "True")],
            &[endpoint, ("OTEL_TRACES_EXPORTER", "none")],
            &[endpoint, (SAMPLER, "always_off")],
        ] {
            assert!(from(variables).unwrap().is_none(), "{variables:?}");
        }
        assert!(
            from(&[endpoint, ("OTEL_SDK_DISABLED", "false"), ("OTEL_TRACES_EXPORTER", "otlp")])
                .unwrap()
                .is_some()
        );
    }

    #[test]
    fn reads_all_of_it() {
        let read = config(&[
            (ENDPOINT, "https://collector.example:4318/otlp/"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20hush-1, x-tenant=a%2Cb"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "1500"),
            ("OTEL_SERVICE_NAME", "films"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,deployment.environment=test,team=caf%C3%A9"),
            (SAMPLER, "parentbased_traceidratio"),
            (SAMPLER_ARGUMENT, "0.25"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "100"),
            ("OTEL_BSP_SCHEDULE_DELAY", "250"),
        ]);
        assert_eq!(read.endpoint.expose(), "https://collector.example:4318/otlp/v1/traces");
        assert_eq!(read.protocol, TraceProtocol::Http);
        let headers: Vec<_> =
            read.headers.iter().map(|h| (h.name.as_str(), h.value.expose_secret())).collect();
        assert_eq!(headers, [("authorization", "Bearer hush-1"), ("x-tenant", "a,b")]);
        assert_eq!(read.timeout, Duration::from_millis(1_500));
        assert_eq!(read.service_name, "films");
        let resource: Vec<_> =
            read.resource.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(resource, [("deployment.environment", "test"), ("team", "café")]);
        assert_eq!(read.sample_ratio, 0.25);
        assert_eq!(read.batch, BatchLimits { queue: 100, size: 100, delay: Duration::from_millis(250) });
        assert!(!format!("{read:?}").contains("hush"), "{read:?}");
    }

    #[test]
    fn the_variable_for_traces_goes_before() {
        let read = config(&[
            (ENDPOINT, "http://all:4317"),
            (TRACES_ENDPOINT, "http://traces:4317/as-it-is"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "a=1"),
            ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "b=2"),
        ]);
        assert_eq!(read.endpoint.expose(), "http://traces:4317/as-it-is");
        assert_eq!((read.protocol, read.headers[0].name.as_str()), (TraceProtocol::Grpc, "b"));
        let read = config(&[(ENDPOINT, "http://all:4317"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]);
        assert_eq!(read.endpoint.expose(), "http://all:4317");
        assert_eq!(read.sample_ratio, 1.0);
    }

    #[test]
    fn says_which_variable_is_wrong_and_tells_no_secret() {
        let endpoint = (ENDPOINT, "http://c:4318");
        for (variables, named) in [
            (&[(ENDPOINT, "collector:4318")][..], ENDPOINT),
            (&[(TRACES_ENDPOINT, "ftp://u:hush-pw-1@c/?api_key=hush")], TRACES_ENDPOINT),
            (&[endpoint, ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")], "OTEL_EXPORTER_OTLP_PROTOCOL"),
            (&[endpoint, ("OTEL_EXPORTER_OTLP_HEADERS", "a=1,hush-2")], "OTEL_EXPORTER_OTLP_HEADERS"),
            (&[endpoint, ("OTEL_EXPORTER_OTLP_HEADERS", "a=hush%zz")], "OTEL_EXPORTER_OTLP_HEADERS"),
            (
                &[endpoint, ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a=hush%0A")],
                "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
            ),
            (&[endpoint, ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon")], "OTEL_EXPORTER_OTLP_TIMEOUT"),
            (&[endpoint, ("OTEL_EXPORTER_OTLP_TIMEOUT", "0")], "OTEL_EXPORTER_OTLP_TIMEOUT"),
            (&[endpoint, (SAMPLER, "jaeger_remote")], SAMPLER),
            (&[endpoint, (SAMPLER_ARGUMENT, "NaN")], SAMPLER_ARGUMENT),
            (&[endpoint, (SAMPLER_ARGUMENT, "half")], SAMPLER_ARGUMENT),
            (&[endpoint, ("OTEL_TRACES_EXPORTER", "zipkin")], "OTEL_TRACES_EXPORTER"),
            (&[endpoint, ("OTEL_BSP_MAX_QUEUE_SIZE", "0")], "OTEL_BSP_MAX_QUEUE_SIZE"),
            (&[endpoint, ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "5000")], "OTEL_BSP_MAX_EXPORT_BATCH_SIZE"),
            (&[endpoint, ("OTEL_RESOURCE_ATTRIBUTES", "=x")], "OTEL_RESOURCE_ATTRIBUTES"),
        ] {
            let error = from(variables).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("{named} ")) && !error.contains("hush"),
                "{variables:?}: {error}"
            );
        }
    }
}

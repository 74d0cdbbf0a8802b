//! The providers of models: their keys, and whether they answer.

use evohub_llm::registry::LOCAL;
use evohub_llm::{LlmError, ModelName, ModelRegistry, ProviderKind, ProviderProbe};
use futures::future::join_all;

use super::finding::{Check, Finding};
use crate::job_file::{JobFile, JobFileError};

const CHECK: Check = Check::Providers;

/// Looks at the providers that a job names; without a job, at those for which the environment has keys.
pub(super) async fn check(job: Option<&Result<JobFile, JobFileError>>) -> Vec<Finding> {
    let job = match job {
        Some(Ok(job)) => Some(job),
        Some(Err(_)) => return vec![Finding::not_applicable(CHECK, "the job file is not in order")],
        None => None,
    };
    let (registry, names) = match job {
        Some(job) => {
            let spec = &job.spec;
            let registry = ModelRegistry::new(spec.providers.clone(), spec.prices.clone());
            (registry, spec.models().into_iter().cloned().collect())
        }
        None => (ModelRegistry::new([].into(), [].into()), with_keys()),
    };
    let registry = match registry {
        Ok(registry) => registry,
        Err(error) => return vec![refused(&error)],
    };
    if names.is_empty() {
        return vec![Finding::not_applicable(
            CHECK,
            "no job file is named, and the environment has no key of a known provider",
        )];
    }
    let mut findings = vec![];
    let embedding = job.and_then(|job| job.spec.diversity.model.clone());
    for (name, embeds) in
        names.into_iter().map(|name| (name, false)).chain(embedding.map(|name| (name, true)))
    {
        if name.provider() == LOCAL {
            findings.push(Finding::not_applicable(CHECK, format!("{name} runs inside the process")));
            continue;
        }
        let opened =
            if embeds { registry.open_embedding(&name).map(drop) } else { registry.open(&name).map(drop) };
        if let Err(error) = opened {
            findings.push(refused(&error));
        }
    }
    findings.dedup();
    findings.extend(join_all(registry.providers().iter().map(knock)).await);
    findings
}

/// One model of each known provider whose key is in the environment; which one does not matter.
fn with_keys() -> Vec<ModelName> {
    let has_key = |kind: &ProviderKind| {
        let key = kind.key_variable().and_then(|name| std::env::var(name).ok());
        key.is_some_and(|key| !key.trim().is_empty())
    };
    let kinds = ProviderKind::ALL.into_iter().filter(has_key);
    kinds.filter_map(|kind| format!("{kind}:any").parse().ok()).collect()
}

fn refused(error: &LlmError) -> Finding {
    let advice = "set the variable or file that the job names for its key, on every node";
    Finding::problem(CHECK, error.to_string(), advice)
}

async fn knock(probe: &ProviderProbe) -> Finding {
    judge(probe.name(), probe.address(), &probe.key(), probe.is_proxied(), probe.knock().await)
}

fn judge(name: &str, address: &str, key: &str, is_proxied: bool, answer: Result<u16, String>) -> Finding {
    let way = if is_proxied { " by way of a proxy" } else { "" };
    match answer {
        Ok(status @ 500..) => Finding::warning(
            CHECK,
            format!("`{name}` at {address} answers with status {status}{way}; {key}"),
            "see the provider's page of its status; jobs wait for it and try again",
        ),
        Ok(_) => Finding::ok(CHECK, format!("`{name}` at {address} answers{way}; {key}")),
        Err(why) => Finding::problem(
            CHECK,
            format!("`{name}` at {address} does not answer{way}: {why}; {key}"),
            "see whether its server runs, and what is between: DNS, proxy, firewall",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Verdict;

    #[test]
    fn an_answer_of_any_kind_is_one() {
        let judged = |answer| judge("lab", "http://127.0.0.1:1/v1", "no key", false, answer).status;
        assert_eq!(judged(Ok(200)), Verdict::Ok);
        assert_eq!(judged(Ok(401)), Verdict::Ok);
        assert_eq!(judged(Ok(404)), Verdict::Ok);
        assert_eq!(judged(Ok(503)), Verdict::Warning);
        assert_eq!(judged(Err("nobody listens".to_owned())), Verdict::Problem);
    }
}

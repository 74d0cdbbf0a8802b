//! Where a command listens for Prometheus and probes.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use evohub::monitoring::listener::{Access, ListenerConfig, Tls, Token};
use evohub::{Observation, ObservationConfig};
use tokio::time::timeout;

use super::failure::Failure;
use super::follow::interrupts;
use super::output::Output;
use super::process::Process;

#[derive(Debug, Args)]
#[command(next_help_heading = "Listener")]
pub(crate) struct ListenArguments {
    /// Serve /metrics and /health here while the job runs, as in `127.0.0.1:8080`
    #[arg(long, value_name = "ADDRESS", env = "EVOHUB_LISTEN", hide_env_values = true)]
    listen: Option<SocketAddr>,
    /// Ask for the bearer token in this file, of 16 characters or more; `/admin` answers only with one
    #[arg(long, value_name = "FILE", requires = "listen")]
    listen_token_file: Option<PathBuf>,
    /// Certificate chain for TLS, in PEM form
    #[arg(long, value_name = "FILE", requires = "listen_key")]
    listen_certificate: Option<PathBuf>,
    /// Private key for TLS, in PEM form
    #[arg(long, value_name = "FILE", requires = "listen_certificate")]
    listen_key: Option<PathBuf>,
    /// Listen for other machines even without token and TLS
    #[arg(long, requires = "listen")]
    insecure: bool,
    /// Go on serving for so many seconds after the job, so that Prometheus sees its last figures
    #[arg(long, value_name = "SECONDS", requires = "listen", default_value_t = 0)]
    linger: u64,
}

/// The files of a listener.
pub(crate) struct ListenFiles {
    pub(crate) token: Option<PathBuf>,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
}

impl ListenArguments {
    /// The same from a command that names them otherwise.
    pub(crate) fn at(listen: Option<SocketAddr>, files: ListenFiles, insecure: bool) -> Self {
        let ListenFiles { token, certificate, key } = files;
        Self {
            listen,
            listen_token_file: token,
            listen_certificate: certificate,
            listen_key: key,
            insecure,
            linger: 0,
        }
    }

    /// Starts to listen, where that is asked for.
    pub(crate) async fn start(
        &self,
        process: &Process,
        output: &Output,
    ) -> Result<Option<Observation>, Failure> {
        let Some(address) = self.listen else { return Ok(None) };
        let bad = |error: &dyn std::fmt::Display| Failure::bad_input(error.to_string());
        let token = self.listen_token_file.as_deref().map(Token::from_file).transpose();
        let tls = self.listen_certificate.as_deref().zip(self.listen_key.as_deref());
        let tls = tls.map(|(certificate, key)| Tls::from_files(certificate, key)).transpose();
        let access = Access {
            token: token.map_err(|error| bad(&error))?,
            tls: tls.map_err(|error| bad(&error))?,
            insecure: self.insecure,
        };
        let scheme = if access.tls.is_some() { "https" } else { "http" };
        let listener = ListenerConfig { access, ..ListenerConfig::new(address) };
        let config = ObservationConfig::new(listener);
        let (metrics, logs) = (process.metrics.clone(), Some(process.logs.clone()));
        let observation = Observation::start(config, metrics, logs).await.map_err(|error| bad(&error))?;
        output.note(&format!("listening at {scheme}://{}", observation.address()));
        Ok(Some(observation))
    }

    /// Stops to listen: at once, or after the time to linger unless the user ends it.
    pub(crate) async fn end(&self, observation: Option<Observation>, output: &Output) -> Result<(), Failure> {
        let Some(observation) = observation else { return Ok(()) };
        if self.linger > 0 {
            output.note(&format!("serving the last figures for {} s; Ctrl-C ends it", self.linger));
            let mut interrupts = interrupts()?;
            let _ = timeout(Duration::from_secs(self.linger), interrupts.recv()).await;
        }
        observation.end().await;
        Ok(())
    }
}

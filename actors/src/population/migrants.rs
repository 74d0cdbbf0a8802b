//! How migrants come and go: through the store, so that none is lost with a node and none has to be resent.

use std::sync::Arc;

use evohub_evolution::{Event, Migrants};
use evohub_store::{MigrantRecord, StoreError};

use super::{PopulationMessage, PopulationState};

/// The epoch under which it is stored that an island sends nothing any more.
const FAREWELL: u32 = i32::MAX as u32;

impl PopulationState {
    /// Migrants as they are stored for the island that they go to.
    #[expect(clippy::expect_used, reason = "plain data whose maps have string keys always has a JSON form")]
    pub(super) fn migrant_record(&self, migrants: &Migrants) -> MigrantRecord {
        MigrantRecord {
            job: self.arguments.means.job.clone(),
            from: migrants.from,
            to: migrants.to,
            // The word that nothing follows stands for itself: a run that went back to a checkpoint may say it at an
            // epoch in which it had sent candidates before.
            epoch: if migrants.last { FAREWELL } else { migrants.epoch },
            body: serde_json::to_string(migrants).expect("plain data"),
        }
    }

    /// Asks the store for all migrants that were ever sent here. Those that are known already change nothing.
    pub(super) fn look_for_migrants(&mut self) {
        if self.looking || self.arguments.settings.island.count < 2 || self.run.is_finished() {
            return;
        }
        self.looking = true;
        let (means, island) = (self.arguments.means.clone(), self.arguments.island);
        let (store, myself) = (Arc::clone(&means.node.store), self.myself.clone());
        tokio::spawn(async move {
            let found = store
                .migrants(&means.job, island)
                .await
                .map(|records| records.iter().filter_map(read).collect());
            myself.send(PopulationMessage::MigrantsFound(found));
        });
    }

    pub(super) fn migrants_found(&mut self, found: Result<Vec<Migrants>, StoreError>) {
        self.looking = false;
        match found {
            Ok(found) => found.into_iter().for_each(|migrants| self.step(Event::Immigrated(migrants))),
            // It is asked again as long as the run waits.
            Err(error) => tracing::warn!(%error, "the store could not be asked for migrants"),
        }
    }
}

fn read(record: &MigrantRecord) -> Option<Migrants> {
    match serde_json::from_str(&record.body) {
        Ok(migrants) => Some(migrants),
        Err(error) => {
            tracing::error!(from = record.from, epoch = record.epoch, %error, "migrants cannot be read");
            None
        }
    }
}

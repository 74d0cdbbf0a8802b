//! What a process says of itself, by its pages.

use evohub::target::{Target, TargetError};

use super::health::Health;
use super::reading::Reading;

/// What a process says now. It may tell its figures and not its health.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) reading: Reading,
    pub(super) health: Result<Health, TargetError>,
}

impl Look {
    /// Asks the process.
    pub(super) async fn at(target: &Target) -> Result<Self, TargetError> {
        let (page, health) = tokio::join!(target.page(), target.health());
        Ok(Self { reading: Reading::from(&page?), health: health.map(|health| Health::read(&health)) })
    }
}

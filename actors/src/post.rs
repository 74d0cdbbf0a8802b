//! A post that actors hold one after another.

use std::sync::{PoisonError, RwLock};

use ractor::ActorId;

use crate::actor::{Address, Message};

/// Where messages go to whoever holds the post now. When an actor dies, its supervisor fills the post again, and nobody
/// who sends to it needs to know.
pub(crate) struct Post<M>(RwLock<Option<Address<M>>>);

impl<M> Default for Post<M> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<M: Message> Post<M> {
    /// Gives the post to an actor.
    pub(crate) fn fill(&self, address: Address<M>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(address);
    }

    /// Sends to whoever holds it. A message to nobody is dropped, and with it the reply that it brings.
    pub(crate) fn send(&self, message: M) {
        if let Some(address) = self.holder() {
            address.send(message);
        }
    }

    pub(crate) fn holder(&self) -> Option<Address<M>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn is_held_by(&self, id: ActorId) -> bool {
        self.holder().is_some_and(|holder| holder.id() == id)
    }
}

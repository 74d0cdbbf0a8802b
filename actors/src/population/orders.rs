//! What a run asks for, as pieces of work.

use evohub_evolution::{Digest, ProposalOrder};

use super::PopulationState;
use crate::evaluator::ProposalTask;
use crate::generation::Order;

impl PopulationState {
    /// A question as a piece of work. Its key holds the number of the proposal: the same question asked twice is
    /// to be answered twice.
    pub(super) fn proposal(&self, order: ProposalOrder) -> Option<Order> {
        let tools = self.arguments.means.tools();
        let model = tools.reflection_name()?.to_string();
        let (number, island) = (order.id.0.to_le_bytes(), self.arguments.island.to_le_bytes());
        let request = tools.reflection_request(order.question)?;
        let settings = format!("{:?} {:?}", request.max_output_tokens, request.temperature);
        let question = request.messages[0].content.as_bytes();
        let fields = [b"proposal/1", model.as_bytes(), settings.as_bytes(), question, &number, &island];
        Some(Order::Propose(order.id, ProposalTask { key: Digest::of_fields(fields), request }))
    }
}

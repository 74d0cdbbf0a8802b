//! What a run asks for, as pieces of work.

use evohub_evolution::{
    Answer, CandidateId, Digest, EmbeddingOrder, Event, Failure, FailureKind, ProposalOrder,
};

use super::PopulationState;
use crate::embedding_text::embedding_of;
use crate::evaluator::{Asked, ProposalTask};
use crate::generation::Order;

impl PopulationState {
    /// A question as a piece of work. Its key holds the number of the proposal: the same question asked twice is
    /// to be answered twice.
    pub(super) fn proposal(&self, order: ProposalOrder) -> Option<Order> {
        let tools = self.arguments.means.tools();
        let model = tools.reflection_name(order.model)?.to_string();
        let (number, island) = (order.id.0.to_le_bytes(), self.arguments.island.to_le_bytes());
        let request = tools.reflection_request(order.model, order.question)?;
        let settings = format!("{:?} {:?}", request.max_output_tokens, request.temperature);
        let question = request.messages[0].content.as_bytes();
        let fields = [b"proposal/1", model.as_bytes(), settings.as_bytes(), question, &number, &island];
        let key = Digest::of_fields(fields);
        let asked = Asked::Question { model: order.model, request };
        Some(Order::Propose(order.id, ProposalTask { key, asked }))
    }

    /// An embedding as a piece of work. Its key is model and text alone: whoever asks for it next has it for nothing.
    pub(super) fn embedding(&self, order: EmbeddingOrder) -> Option<Order> {
        let model = self.arguments.means.tools().embedding_name()?.to_string();
        let key = Digest::of_fields([b"embedding/1", model.as_bytes(), order.text.as_bytes()]);
        Some(Order::Embed(order.candidate, ProposalTask { key, asked: Asked::Embedding(order.text) }))
    }
}

/// What is heard of an embedding whose answer is durable.
pub(super) fn embedded(candidate: CandidateId, answer: &Answer) -> Event {
    let Answer { text, dollars, tokens, .. } = answer;
    match embedding_of(text) {
        Ok(embedding) => Event::Embedded { candidate, embedding, dollars: *dollars, tokens: *tokens },
        Err(message) => {
            let failure = Failure { kind: FailureKind::Piece, cause: "embedding".to_owned(), message };
            Event::EmbeddingFailed { candidate, failure }
        }
    }
}

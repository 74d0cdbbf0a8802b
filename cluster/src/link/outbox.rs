//! What waits to go over a link, and what is on its way.

use std::collections::VecDeque;
use std::time::Instant;

use crate::TransportLimits;
use crate::wire::{Frame, Kind, Parcel};

/// How many frames may be on their way before small messages wait for each other, to go together in the next.
const EAGER: usize = 2;

/// What waits to go over a link, and what is on its way: at most a window of bytes that the other end has not handled
/// yet, and an outbox of bytes that wait for that. Heartbeats go first, large messages in pieces between the others.
#[derive(Debug)]
pub(crate) struct Outbox {
    limits: TransportLimits,
    urgent: VecDeque<Parcel>,
    small: Queue,
    large: Queue,
    /// Sequence number, bytes and time of the frames that are not acknowledged.
    on_the_way: VecDeque<(u64, usize, Instant)>,
    bytes_on_the_way: usize,
    sent: u64,
    /// The last frame of the other end that was handled here, and what the other end was told of that.
    handled: u64,
    told: u64,
    corked: bool,
    open: bool,
}

/// Parcels that wait.
#[derive(Debug, Default)]
struct Queue {
    parcels: VecDeque<Parcel>,
    bytes: usize,
}

/// There is no place for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoPlace {
    /// The link is closed.
    Closed,
    /// Too much waits already.
    Full,
}

impl Queue {
    fn push(&mut self, parcel: Parcel) {
        self.bytes += parcel.weight();
        self.parcels.push_back(parcel);
    }

    /// Takes the first if it weighs no more than that.
    fn pop(&mut self, most: usize) -> Option<Parcel> {
        let weight = self.parcels.front()?.weight();
        if weight > most {
            return None;
        }
        self.bytes -= weight;
        self.parcels.pop_front()
    }

    /// Takes the first, or a piece of it, so that it weighs no more than that.
    fn pop_piece(&mut self, most: usize) -> Option<Parcel> {
        let first = self.parcels.front_mut()?;
        let weight = first.weight();
        if weight <= most {
            return self.pop(most);
        }
        let head = weight - first.body.len();
        let room = most.checked_sub(head).filter(|room| *room > 0)?;
        if first.kind() != Kind::Piece && first.size == 0 {
            first.size = first.body.len() as u64;
        }
        let body = first.body.split_to(room);
        let rest = Parcel::new(Kind::Piece, 0, std::mem::take(&mut first.body));
        let piece = Parcel { body, ..std::mem::replace(first, rest) };
        self.bytes = self.bytes - weight + first.weight();
        Some(piece)
    }
}

impl Outbox {
    pub(crate) fn new(limits: TransportLimits) -> Self {
        Self {
            limits,
            urgent: VecDeque::new(),
            small: Queue::default(),
            large: Queue::default(),
            on_the_way: VecDeque::new(),
            bytes_on_the_way: 0,
            sent: 0,
            handled: 0,
            told: 0,
            corked: false,
            open: true,
        }
    }

    /// Has a message wait.
    ///
    /// # Errors
    /// When the link is closed, and when too much waits already.
    pub(crate) fn push(&mut self, parcel: Parcel) -> Result<(), NoPlace> {
        if !self.open {
            return Err(NoPlace::Closed);
        }
        let is_large = parcel.body.len() > self.limits.piece();
        let queue = if is_large { &mut self.large } else { &mut self.small };
        // One that is larger than the outbox has its place while no other large one waits.
        if queue.bytes > 0 && queue.bytes + parcel.weight() > self.limits.outbox {
            return Err(NoPlace::Full);
        }
        queue.push(parcel);
        Ok(())
    }

    /// Has a message wait, whatever else does. For small ones whose number is bounded otherwise.
    pub(crate) fn force(&mut self, parcel: Parcel) {
        if self.open {
            self.small.push(parcel);
        }
    }

    /// Has a message go before all others. When the other end does not take them, it is left out: a newer one will come.
    pub(crate) fn push_urgent(&mut self, parcel: Parcel) {
        let waiting: usize = self.urgent.iter().map(Parcel::weight).sum();
        let is_stuck = self.bytes_on_the_way > self.limits.window + self.limits.frame;
        if self.open && !is_stuck && waiting <= self.limits.frame {
            self.urgent.push_back(parcel);
        }
    }

    /// Holds all back until it is uncorked, so that what is answered to one frame goes together.
    pub(crate) fn cork(&mut self) {
        self.corked = true;
    }

    /// Lets go what waits, and has the other end told that a frame was handled.
    pub(crate) fn uncork(&mut self, handled: u64) {
        self.corked = false;
        self.handled = handled.max(self.handled);
    }

    /// The other end has handled all frames up to this one. Says whether it can have.
    pub(crate) fn acknowledge(&mut self, sequence: u64) -> bool {
        while let Some((first, bytes, _)) = self.on_the_way.front()
            && *first <= sequence
        {
            self.bytes_on_the_way -= bytes;
            self.on_the_way.pop_front();
        }
        sequence <= self.sent
    }

    /// What is to go now.
    pub(crate) fn next_frame(&mut self, now: Instant) -> Option<Frame> {
        if self.corked || !self.open {
            return None;
        }
        let mut parcels = vec![];
        let mut room = self.limits.frame;
        while let Some(parcel) = self.urgent.pop_front() {
            room = room.saturating_sub(parcel.weight());
            parcels.push(parcel);
        }
        if self.may_fill() {
            // Neither holds up the other.
            let kept = if self.large.parcels.is_empty() { 0 } else { self.limits.frame / 2 };
            while let Some(parcel) = self.small.pop(room.saturating_sub(kept)) {
                room -= parcel.weight();
                parcels.push(parcel);
            }
            parcels.extend(self.large.pop_piece(room));
        }
        if parcels.is_empty() && self.handled == self.told {
            return None;
        }
        self.told = self.handled;
        if parcels.is_empty() {
            return Some(Frame { sequence: 0, acknowledged: self.told, parcels });
        }
        self.sent += 1;
        let bytes = parcels.iter().map(Parcel::weight).sum();
        self.on_the_way.push_back((self.sent, bytes, now));
        self.bytes_on_the_way += bytes;
        Some(Frame { sequence: self.sent, acknowledged: self.told, parcels })
    }

    fn may_fill(&self) -> bool {
        let waiting = (self.small.bytes + self.large.bytes).min(self.limits.frame);
        let is_worth_it = self.on_the_way.len() < EAGER || waiting == self.limits.frame;
        waiting > 0 && is_worth_it && self.bytes_on_the_way + waiting <= self.limits.window
    }

    /// Since when the other end owes an acknowledgement.
    pub(crate) fn waits_since(&self) -> Option<Instant> {
        self.on_the_way.front().map(|(_, _, since)| *since)
    }

    /// Whether nothing waits and nothing is on its way.
    pub(crate) fn is_idle(&self) -> bool {
        let waiting = self.small.bytes + self.large.bytes;
        waiting == 0 && self.urgent.is_empty() && self.on_the_way.is_empty()
    }

    /// Takes nothing more, and forgets what waits. Says whether it was open.
    pub(crate) fn close(&mut self) -> bool {
        self.urgent.clear();
        self.small = Queue::default();
        self.large = Queue::default();
        std::mem::take(&mut self.open)
    }
}

#[cfg(test)]
mod tests {
    use bytes::{Bytes, BytesMut};
    use proptest::prelude::*;

    use super::*;

    const KIB: usize = 1024;

    fn limits() -> TransportLimits {
        TransportLimits { frame: 16 * KIB, window: 64 * KIB, outbox: 128 * KIB, ..TransportLimits::default() }
    }

    fn cast(number: u64, size: usize) -> Parcel {
        Parcel::new(Kind::Cast, number, vec![number as u8; size].into())
    }

    fn numbers(frame: &Frame) -> Vec<u64> {
        frame.parcels.iter().map(|parcel| parcel.number).collect()
    }

    #[test]
    fn small_messages_wait_for_each_other() {
        let (mut outbox, now) = (Outbox::new(limits()), Instant::now());
        for number in 0..2 {
            outbox.push(cast(number, 10)).unwrap();
            assert_eq!(numbers(&outbox.next_frame(now).unwrap()), [number]);
        }
        for number in 2..9 {
            outbox.push(cast(number, 10)).unwrap();
            assert_eq!(outbox.next_frame(now), None);
        }
        assert!(outbox.acknowledge(1));
        assert_eq!(numbers(&outbox.next_frame(now).unwrap()), (2..9).collect::<Vec<_>>());
        assert!(outbox.acknowledge(3) && outbox.is_idle());
        assert!(!outbox.acknowledge(4), "that was never sent");
    }

    #[test]
    fn a_peer_that_does_not_answer_costs_no_more_than_window_and_outbox() {
        let (mut outbox, now) = (Outbox::new(limits()), Instant::now());
        let mut taken = 0;
        let mut sent = 0;
        loop {
            match outbox.push(cast(0, 1000)) {
                Ok(()) => taken += 1000,
                Err(problem) => break assert_eq!(problem, NoPlace::Full),
            }
            while let Some(frame) = outbox.next_frame(now) {
                sent += frame.parcels.iter().map(|parcel| parcel.body.len()).sum::<usize>();
            }
        }
        assert!(taken <= limits().window + limits().outbox, "{taken}");
        assert!(sent <= limits().window && sent > limits().window / 2, "{sent}");
        for _ in 0..1000 {
            outbox.push_urgent(Parcel::new(Kind::Gossip, 1, vec![0; 1000].into()));
            let urgent = outbox.next_frame(now);
            assert!(urgent.is_none_or(|frame| numbers(&frame) == [1]));
        }
        assert!(outbox.bytes_on_the_way <= limits().window + 3 * limits().frame);
    }

    #[test]
    fn large_messages_go_in_pieces_between_the_others() {
        let (mut outbox, now) = (Outbox::new(limits()), Instant::now());
        outbox.push(cast(1, 400 * KIB)).unwrap();
        assert_eq!(outbox.push(cast(2, 8 * KIB)), Err(NoPlace::Full));
        let mut whole = BytesMut::new();
        let mut frames = 0;
        for round in 10.. {
            outbox.push(cast(round, 100)).unwrap();
            outbox.push_urgent(Parcel::new(Kind::Ping, 5, Bytes::new()));
            let frame = outbox.next_frame(now).unwrap();
            assert_eq!(numbers(&frame)[..2], [5, round]);
            let Some(piece) = frame.parcels.get(2) else { break };
            assert_eq!(piece.kind() == Kind::Cast && piece.size == 400 * KIB as u64, frames == 0);
            whole.extend_from_slice(&piece.body);
            frames += 1;
            assert!(outbox.acknowledge(frame.sequence));
        }
        assert_eq!(whole.freeze(), cast(1, 400 * KIB).body);
        assert!((26..30).contains(&frames), "{frames}");
    }

    #[test]
    fn answers_to_a_frame_go_together_with_its_acknowledgement() {
        let (mut outbox, now) = (Outbox::new(limits()), Instant::now());
        outbox.cork();
        outbox.push(cast(1, 10)).unwrap();
        outbox.push(cast(2, 10)).unwrap();
        assert_eq!(outbox.next_frame(now), None);
        outbox.uncork(7);
        let frame = outbox.next_frame(now).unwrap();
        assert_eq!((numbers(&frame), frame.acknowledged), (vec![1, 2], 7));
        assert_eq!(outbox.next_frame(now), None);
        outbox.uncork(8);
        let frame = outbox.next_frame(now).unwrap();
        assert_eq!((frame.sequence, frame.acknowledged, frame.parcels.len()), (0, 8, 0));
    }

    #[test]
    fn a_closed_link_takes_nothing() {
        let mut outbox = Outbox::new(limits());
        outbox.push(cast(1, 10)).unwrap();
        assert!(outbox.close() && !outbox.close());
        outbox.push_urgent(cast(2, 10));
        outbox.force(cast(3, 10));
        assert_eq!(outbox.push(cast(4, 10)), Err(NoPlace::Closed));
        assert_eq!(outbox.next_frame(Instant::now()), None);
    }

    proptest! {
        #[test]
        fn all_arrives_in_order(sizes in proptest::collection::vec(0_usize..20_000, 1..60), lag in 0_usize..6) {
            let (mut outbox, now) = (Outbox::new(limits()), Instant::now());
            let mut waiting: VecDeque<Parcel> =
                sizes.iter().enumerate().map(|(number, size)| cast(number as u64 + 1, *size)).collect();
            let (mut small, mut large, mut unacknowledged) = (vec![], vec![], VecDeque::new());
            while !(waiting.is_empty() && outbox.is_idle()) {
                while let Some(parcel) = waiting.front() && outbox.push(parcel.clone()).is_ok() {
                    waiting.pop_front();
                }
                while let Some(frame) = outbox.next_frame(now) {
                    prop_assert!(prost::Message::encoded_len(&frame) <= limits().frame + 64);
                    unacknowledged.push_back(frame.sequence);
                    for parcel in frame.parcels {
                        if parcel.kind() == Kind::Piece || parcel.body.len() > limits().piece() || parcel.size > 0 {
                            large.extend(parcel.body);
                        } else {
                            small.push(parcel.number);
                        }
                    }
                }
                let handled = unacknowledged.len().saturating_sub(lag).max(1);
                if let Some(sequence) = unacknowledged.drain(..handled.min(unacknowledged.len())).next_back() {
                    prop_assert!(outbox.acknowledge(sequence));
                }
            }
            let is_large = |size: usize| size > limits().piece();
            let numbered = || sizes.iter().zip(1_u64..);
            let expected: Vec<u64> =
                numbered().filter(|(size, _)| !is_large(**size)).map(|(_, number)| number).collect();
            prop_assert_eq!(small, expected);
            let expected: Vec<u8> = numbered()
                .filter(|(size, _)| is_large(**size))
                .flat_map(|(size, number)| vec![number as u8; *size])
                .collect();
            prop_assert!(large == expected);
        }
    }
}

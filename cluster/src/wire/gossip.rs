//! What nodes tell each other about the nodes, as bytes.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message;

use super::NotUnderstood;
use crate::{Facts, Gossip, Incarnation, Load, Member, MemberState, NodeId};

/// The bytes that one message of ours holds at most, but for one that holds a single large member.
const LARGEST: usize = 64 << 10;

#[derive(Clone, PartialEq, prost::Message)]
struct GossipText {
    #[prost(message, repeated, tag = "1")]
    members: Vec<MemberText>,
    #[prost(string, repeated, tag = "2")]
    asks: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct MemberText {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(uint64, tag = "2")]
    boot: u64,
    #[prost(uint32, tag = "3")]
    life: u32,
    #[prost(string, tag = "4")]
    address: String,
    #[prost(string, repeated, tag = "5")]
    evaluators: Vec<String>,
    #[prost(string, tag = "6")]
    program: String,
    #[prost(uint32, tag = "7")]
    state: u32,
    #[prost(uint64, tag = "8")]
    version: u64,
    #[prost(uint32, tag = "9")]
    workers: u32,
    #[prost(uint32, tag = "10")]
    busy: u32,
    #[prost(uint32, tag = "11")]
    queued: u32,
    #[prost(uint32, tag = "12")]
    permits: u32,
    #[prost(string, repeated, tag = "13")]
    jobs: Vec<String>,
    #[prost(message, repeated, tag = "14")]
    islands: Vec<IslandText>,
    #[prost(btree_map = "string, uint64", tag = "15")]
    mailboxes: std::collections::BTreeMap<String, u64>,
    #[prost(bool, tag = "16")]
    healthy: bool,
    #[prost(string, tag = "17")]
    store: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct IslandText {
    #[prost(string, tag = "1")]
    job: String,
    #[prost(uint32, tag = "2")]
    number: u32,
}

/// As bytes, in as many messages as it takes for none to be large.
pub(crate) fn write(gossip: &Gossip) -> Vec<Bytes> {
    let asks = gossip.asks.iter().map(|name| name.as_str().to_owned()).collect();
    let mut text = GossipText { members: vec![], asks };
    let mut size = text.encoded_len();
    let mut messages = vec![];
    for member in &gossip.members {
        let member = MemberText::from(member.as_ref());
        let length = member.encoded_len();
        if size + length > LARGEST && !text.members.is_empty() {
            messages.push(std::mem::take(&mut text).encode_to_vec().into());
            size = 0;
        }
        size += length;
        text.members.push(member);
    }
    messages.push(text.encode_to_vec().into());
    messages
}

/// What the bytes say.
///
/// # Errors
/// When they are not of this form, or name something that no node is called.
pub(crate) fn read(bytes: Bytes) -> Result<Gossip, NotUnderstood> {
    let text = GossipText::decode(bytes).map_err(|_| NotUnderstood)?;
    let members = text.members.into_iter().map(|member| member.try_into().map(Arc::new));
    let asks = text.asks.into_iter().map(|name| name.parse().map_err(|_| NotUnderstood));
    Ok(Gossip { members: members.collect::<Result<_, _>>()?, asks: asks.collect::<Result<_, _>>()? })
}

impl From<&Member> for MemberText {
    fn from(member: &Member) -> Self {
        let Member { id, facts, state, load, version } = member;
        let island = |(job, number): &(String, u32)| IslandText { job: job.clone(), number: *number };
        Self {
            name: id.name.as_str().to_owned(),
            boot: id.incarnation.boot,
            life: id.incarnation.life,
            address: facts.address.clone(),
            evaluators: facts.evaluators.iter().cloned().collect(),
            program: facts.version.clone(),
            store: facts.store.clone(),
            state: *state as u32,
            version: *version,
            workers: load.workers,
            busy: load.busy,
            queued: load.queued,
            permits: load.permits,
            jobs: load.jobs.clone(),
            islands: load.islands.iter().map(island).collect(),
            mailboxes: load.mailboxes.clone(),
            healthy: load.healthy,
        }
    }
}

impl TryFrom<MemberText> for Member {
    type Error = NotUnderstood;

    fn try_from(text: MemberText) -> Result<Self, NotUnderstood> {
        let name = text.name.parse().map_err(|_| NotUnderstood)?;
        let states = [MemberState::Alive, MemberState::Draining, MemberState::Left, MemberState::Dead];
        let state = states.into_iter().find(|state| *state as u32 == text.state).ok_or(NotUnderstood)?;
        let islands = text.islands.into_iter().map(|island| (island.job, island.number));
        Ok(Self {
            id: NodeId { name, incarnation: Incarnation { boot: text.boot, life: text.life } },
            facts: Facts {
                address: text.address,
                evaluators: text.evaluators.into_iter().collect(),
                version: text.program,
                store: text.store,
            },
            state,
            load: Load {
                workers: text.workers,
                busy: text.busy,
                queued: text.queued,
                permits: text.permits,
                jobs: text.jobs,
                islands: islands.collect(),
                mailboxes: text.mailboxes,
                healthy: text.healthy,
            }
            .bounded(),
            version: text.version,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn member(number: u64) -> Arc<Member> {
        let load = Load {
            workers: 32,
            busy: 4,
            queued: 2,
            permits: 40,
            jobs: vec!["films".into()],
            islands: (0..256).map(|island| (format!("films-{number}"), island)).collect(),
            mailboxes: BTreeMap::from([("journal".into(), 3)]),
            healthy: false,
        };
        Arc::new(Member {
            id: NodeId {
                name: format!("n{number}").parse().unwrap(),
                incarnation: Incarnation::first(9).next(),
            },
            facts: Facts {
                address: "h:1".into(),
                evaluators: ["x".into()].into(),
                version: "1".into(),
                store: "s".into(),
            },
            state: MemberState::Draining,
            load,
            version: number,
        })
    }

    #[test]
    fn what_goes_in_comes_out_in_messages_that_are_not_large() {
        let gossip = Gossip { members: (0..64).map(member).collect(), asks: vec!["b".parse().unwrap()] };
        let messages = write(&gossip);
        assert!(messages.len() > 1 && messages.iter().all(|message| message.len() <= LARGEST));
        let mut whole = Gossip::default();
        for message in messages {
            let part = read(message).unwrap();
            whole.members.extend(part.members);
            whole.asks.extend(part.asks);
        }
        assert_eq!(whole, gossip);
        assert_eq!(write(&Gossip::default()).len(), 1);
    }

    #[test]
    fn what_no_node_would_say_is_not_understood() {
        let unknown = MemberText { name: "a".into(), state: 4, ..MemberText::default() };
        let nameless = MemberText::default();
        for member in [unknown, nameless] {
            let text = GossipText { members: vec![member], asks: vec![] };
            assert_eq!(read(text.encode_to_vec().into()), Err(NotUnderstood));
        }
        assert_eq!(read(Bytes::from_static(&[0xff; 9])), Err(NotUnderstood));
    }
}

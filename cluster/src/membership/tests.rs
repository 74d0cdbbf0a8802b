use super::*;
use crate::MemberState;

const BOOT: u64 = 100;

const fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn id(name: &str, boot: u64, life: u32) -> NodeId {
    NodeId { name: name.parse().unwrap(), incarnation: Incarnation { boot, life } }
}

fn facts(name: &str) -> Facts {
    Facts { address: format!("{name}:1"), ..Facts::default() }
}

fn member(id: NodeId, state: MemberState, version: u64) -> Arc<Member> {
    let facts = facts(id.name.as_str());
    Arc::new(Member { id, facts, state, load: Load::default(), version })
}

fn node(name: &str, seeds: &[&str]) -> Membership {
    let seeds = seeds.iter().map(|&seed| seed.to_owned()).collect();
    Membership::new(MembershipConfig::default(), id(name, BOOT, 0), facts(name), seeds, 1)
}

fn link(node: &mut Membership, now: u64, peer: &NodeId) -> Vec<Action> {
    let facts = facts(peer.name.as_str());
    node.step(at(now), Event::Linked { peer: peer.clone(), facts })
}

fn tell(node: &mut Membership, now: u64, from: &str, members: &[Arc<Member>]) -> Vec<Action> {
    let gossip = Gossip { members: members.to_vec(), asks: Vec::new() };
    node.step(at(now), Event::Gossip { from: from.parse().unwrap(), gossip })
}

/// Lets time pass in ticks, while the others named say something now and then.
fn pass(node: &mut Membership, from: u64, to: u64, speaking: &[&str]) -> Vec<Action> {
    let mut actions = Vec::new();
    for now in (from..to).step_by(50) {
        for name in speaking {
            actions.extend(tell(node, now, name, &[]));
        }
        actions.extend(node.step(at(now), Event::Tick));
    }
    actions
}

fn changes(actions: &[Action]) -> Vec<Change> {
    let change = |action: &Action| match action {
        Action::Changed(change) => Some(change.clone()),
        _ => None,
    };
    actions.iter().filter_map(change).collect()
}

fn dials(actions: &[Action]) -> Vec<&str> {
    fn dial(action: &Action) -> Option<&str> {
        match action {
            Action::Dial { address } => Some(address),
            _ => None,
        }
    }
    actions.iter().filter_map(dial).collect()
}

fn unlinked(actions: &[Action]) -> Vec<&NodeId> {
    fn unlink(action: &Action) -> Option<&NodeId> {
        match action {
            Action::Unlink { peer, .. } => Some(peer),
            _ => None,
        }
    }
    actions.iter().filter_map(unlink).collect()
}

fn told_to<'a>(actions: &'a [Action], name: &str) -> Vec<&'a Arc<Member>> {
    let mut told = Vec::new();
    for action in actions {
        match action {
            Action::Send { to, gossip } if to.as_str() == name => told.extend(&gossip.members),
            _ => {}
        }
    }
    told
}

fn down(id: NodeId, cause: DownCause) -> Change {
    Change::Down { id, cause }
}

#[test]
fn seeds_are_dialled_for_ever() {
    let mut node = node("a", &["b:1", "c:1"]);
    assert_eq!(dials(&node.step(at(0), Event::Tick)), ["b:1", "c:1"]);
    let mut count = 0;
    for now in (50..600_000).step_by(50) {
        let actions = node.step(at(now), Event::Tick);
        for address in dials(&actions) {
            count += 1;
            node.step(at(now), Event::DialFailed { address: address.to_owned(), refused: true });
        }
    }
    assert!((100..400).contains(&(count / 2)), "one every five seconds at least: {count}");
}

#[test]
fn a_seed_that_turns_out_to_be_linked_or_itself_is_left_in_peace() {
    let mut node = node("a", &["alias-of-a:1", "alias-of-b:1", "a:1"]);
    assert_eq!(
        dials(&node.step(at(0), Event::Tick)),
        ["alias-of-a:1", "alias-of-b:1"],
        "its own address is known"
    );
    for (address, name) in [("alias-of-a:1", "a"), ("alias-of-b:1", "b")] {
        node.step(at(1), Event::Reached { address: address.into(), peer: name.parse().unwrap() });
    }
    let peer = id("b", BOOT, 0);
    link(&mut node, 2, &peer);
    assert_eq!(dials(&pass(&mut node, 50, 20_000, &["b"])), Vec::<&str>::new());
    let actions = node.step(at(20_000), Event::Unlinked { peer, cause: UnlinkCause::Closed });
    assert!(dials(&actions).contains(&"alias-of-b:1"));
}

#[test]
fn who_is_linked_is_up_and_told_of_all() {
    let mut node = node("a", &[]);
    let (b, c) = (id("b", BOOT, 0), id("c", BOOT, 0));
    assert_eq!(changes(&link(&mut node, 0, &b)), [Change::Up(b.clone())]);
    let actions = link(&mut node, 1, &c);
    let told: Vec<_> = told_to(&actions, "c").iter().map(|member| member.name().as_str()).collect();
    assert!(told.contains(&"a") && told.contains(&"b"), "{told:?}");
    let view = node.view();
    assert!(["a", "b", "c"].iter().all(|name| view.is_usable(&name.parse().unwrap())));
}

#[test]
fn whose_link_breaks_and_who_is_refused_was_killed() {
    let mut node = node("a", &[]);
    let peer = id("b", BOOT, 0);
    link(&mut node, 0, &peer);
    let actions = node.step(at(400), Event::Unlinked { peer: peer.clone(), cause: UnlinkCause::Closed });
    assert_eq!(dials(&actions), ["b:1"], "at once");
    assert!(!node.view().is_usable(&peer.name) && node.view().alive().count() == 2);
    let actions = node.step(at(401), Event::DialFailed { address: "b:1".into(), refused: true });
    assert_eq!(changes(&actions), [down(peer, DownCause::Killed)]);
    assert_eq!(
        dials(&pass(&mut node, 450, 60_000, &[])),
        Vec::<&str>::new(),
        "it comes by itself if it does"
    );
}

#[test]
fn whose_link_breaks_and_who_does_not_answer_is_given_time() {
    let mut node = node("a", &[]);
    let (b, c) = (id("b", BOOT, 0), id("c", BOOT, 0));
    link(&mut node, 0, &b);
    link(&mut node, 0, &c);
    node.step(at(10), Event::Unlinked { peer: b.clone(), cause: UnlinkCause::Closed });
    let actions = node.step(at(100), Event::DialFailed { address: "b:1".into(), refused: false });
    assert_eq!(changes(&actions), []);
    assert_eq!(changes(&pass(&mut node, 100, 3000, &["c"])), []);
    assert_eq!(changes(&pass(&mut node, 3000, 3150, &["c"])), [down(b, DownCause::Silent)]);
}

#[test]
fn the_link_of_who_falls_silent_is_closed_before_it_is_said() {
    let mut node = node("a", &[]);
    let (b, c) = (id("b", BOOT, 0), id("c", BOOT, 0));
    link(&mut node, 0, &b);
    link(&mut node, 0, &c);
    let actions = pass(&mut node, 0, 4000, &["c"]);
    let unlinked =
        actions.iter().position(|action| matches!(action, Action::Unlink { peer, .. } if *peer == b));
    let said = actions.iter().position(|action| matches!(action, Action::Changed(Change::Down { .. })));
    assert!(unlinked.unwrap() < said.unwrap());
    let death = member(b, MemberState::Dead, 0);
    assert!(told_to(&actions, "c").contains(&&death), "and it is passed on");
}

#[test]
fn silence_in_its_own_sleep_is_nobody_s_fault() {
    let mut node = node("a", &[]);
    link(&mut node, 0, &id("b", BOOT, 0));
    pass(&mut node, 0, 1000, &["b"]);
    assert_eq!(changes(&pass(&mut node, 60_000, 62_900, &[])), []);
    assert_eq!(changes(&pass(&mut node, 62_900, 63_200, &[])).len(), 1);
}

#[test]
fn who_asks_is_answered_at_once() {
    let mut node = node("a", &[]);
    link(&mut node, 0, &id("b", BOOT, 0));
    let newest = member(id("c", BOOT, 0), MemberState::Alive, 9);
    tell(&mut node, 1, "b", std::slice::from_ref(&newest));
    let asks = ["a", "c", "d"].map(|name| name.parse().unwrap()).to_vec();
    let gossip = Gossip { members: Vec::new(), asks };
    let actions = node.step(at(2), Event::Gossip { from: "b".parse().unwrap(), gossip });
    let told = told_to(&actions, "b");
    assert!(told.len() == 2 && told.contains(&&newest));
}

#[test]
fn a_later_process_of_the_same_name_replaces_the_earlier_one_and_not_the_reverse() {
    let mut node = node("a", &[]);
    let [older, old, new] = [1, 2, 3].map(|boot| id("b", boot, 0));
    link(&mut node, 0, &old);
    assert_eq!(unlinked(&link(&mut node, 1, &older)), [&older]);
    let actions = link(&mut node, 2, &new);
    assert_eq!(unlinked(&actions), [&old]);
    assert_eq!(changes(&actions), [down(old.clone(), DownCause::Replaced), Change::Up(new)]);
    let late = node.step(at(3), Event::Unlinked { peer: old, cause: UnlinkCause::Stopped });
    assert!(late.is_empty() && node.view().is_usable(&"b".parse().unwrap()));
}

#[test]
fn who_learns_that_it_is_dead_begins_a_new_life_and_says_so() {
    let mut node = node("a", &[]);
    link(&mut node, 0, &id("b", BOOT, 0));
    let death = member(id("a", BOOT, 0), MemberState::Dead, 7);
    let actions = tell(&mut node, 500, "b", std::slice::from_ref(&death));
    assert_eq!(changes(&actions), [Change::Reborn(id("a", BOOT, 1))]);
    assert!(told_to(&actions, "b").iter().any(|member| member.id == id("a", BOOT, 1) && member.is_living()));
    assert_eq!(changes(&tell(&mut node, 501, "b", &[death])), [], "that was the life before");
}

#[test]
fn who_is_replaced_by_another_process_says_so_and_falls_silent() {
    let mut node = node("a", &[]);
    link(&mut node, 0, &id("b", BOOT, 0));
    let actions = tell(&mut node, 1, "b", &[member(id("a", BOOT + 1, 0), MemberState::Alive, 1)]);
    assert_eq!(changes(&actions), [down(id("a", BOOT, 0), DownCause::Replaced)]);
    assert!(pass(&mut node, 50, 5000, &["b"]).is_empty());
}

#[test]
fn a_new_life_of_a_process_goes_on_over_its_link() {
    let mut node = node("a", &[]);
    link(&mut node, 0, &id("b", BOOT, 0));
    let actions = tell(&mut node, 1, "b", &[member(id("b", BOOT, 1), MemberState::Alive, 3)]);
    let ended = down(id("b", BOOT, 0), DownCause::Replaced);
    assert_eq!(changes(&actions), [ended, Change::Up(id("b", BOOT, 1))]);
    assert!(unlinked(&actions).is_empty() && node.view().is_usable(&"b".parse().unwrap()));
}

#[test]
fn the_dead_do_not_come_back_by_old_news_and_are_forgotten() {
    let mut node = node("a", &[]);
    link(&mut node, 0, &id("b", BOOT, 0));
    let [alive, dead] = [MemberState::Alive, MemberState::Dead].map(|state| member(id("c", 1, 0), state, 5));
    assert_eq!(changes(&tell(&mut node, 1, "b", std::slice::from_ref(&alive))), [Change::Up(id("c", 1, 0))]);
    let ended = tell(&mut node, 2, "b", std::slice::from_ref(&dead));
    assert_eq!(changes(&ended), [down(id("c", 1, 0), DownCause::Told)]);
    let newer = member(id("c", 1, 0), MemberState::Alive, 99);
    let actions = tell(&mut node, 3, "b", &[newer]);
    assert_eq!(changes(&actions), []);
    assert!(told_to(&actions, "b").contains(&&dead), "who tells old news is told better");
    pass(&mut node, 50, 599_000, &["b"]);
    assert_eq!(node.view().members.len(), 3);
    pass(&mut node, 599_000, 601_000, &["b"]);
    assert_eq!(node.view().members.len(), 2);
}

#[test]
fn goodbye_is_said_to_all_and_is_the_last_word() {
    let mut node = node("a", &[]);
    let peers = ["b", "c", "d", "e", "f", "g"];
    for name in peers {
        link(&mut node, 0, &id(name, BOOT, 0));
    }
    let actions = node.step(at(1), Event::Leave);
    for name in peers {
        assert_eq!(told_to(&actions, name)[0].state, MemberState::Left);
    }
    assert!(pass(&mut node, 50, 5000, &["b"]).is_empty());
    assert_eq!(node.view().alive().filter(|member| member.name().as_str() == "a").count(), 0);
}

#[test]
fn load_goes_with_the_next_heartbeat() {
    let mut node = node("a", &[]);
    link(&mut node, 0, &id("b", BOOT, 0));
    let load = Load { workers: 7, ..Load::default() };
    node.step(at(1), Event::LoadChanged(load.clone()));
    let actions = pass(&mut node, 50, 2050, &["b"]);
    let heartbeats: Vec<_> =
        told_to(&actions, "b").into_iter().filter(|member| member.name().as_str() == "a").collect();
    assert!(heartbeats.iter().all(|heartbeat| heartbeat.load == load));
    assert_eq!(heartbeats.last().unwrap().version, 4, "one every half second");
}

#[test]
fn much_news_goes_in_messages_of_bounded_size() {
    let mut node = node("a", &[]);
    link(&mut node, 0, &id("b", BOOT, 0));
    let large = |number: u32| {
        let islands = (0..256).map(|island| (format!("job {number}"), island)).collect();
        let load = Load { islands, ..Load::default() };
        Arc::new(Member { load, ..(*member(id(&format!("n{number}"), 1, 0), MemberState::Alive, 1)).clone() })
    };
    for number in 0..200 {
        tell(&mut node, 1, "c", &[large(number)]);
    }
    let mut told = std::collections::BTreeSet::new();
    for action in pass(&mut node, 50, 30_000, &["b"]) {
        let Action::Send { gossip, .. } = action else { continue };
        let names: usize = gossip.members.iter().map(|member| member.load.islands.len()).sum();
        assert!(gossip.members.len() <= Gossip::MAX_MEMBERS && names <= 4096);
        told.extend(gossip.members.iter().map(|member| member.name().clone()));
    }
    assert!(told.len() > 190, "all have their turn: {}", told.len());
}

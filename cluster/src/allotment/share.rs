//! Fair shares.

use std::collections::BTreeMap;

/// What one consumer asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim<'a> {
    pub(super) job: &'a str,
    pub(super) want: u32,
    /// What its job may have in all.
    pub(super) cap: Option<u32>,
}

/// Shares out a capacity: all shares grow together, until a claim has what it wants, its job is at its cap, or
/// nothing is left. What is left over when it does not go round goes to the first in line.
pub(super) fn shares(capacity: u32, claims: &[Claim<'_>]) -> Vec<u32> {
    let mut shares = vec![0; claims.len()];
    let mut left = capacity;
    let mut rooms = rooms(claims);
    let mut growing: Vec<usize> = (0..claims.len()).collect();
    loop {
        growing.retain(|&index| shares[index] < claims[index].want && rooms[claims[index].job] > 0);
        if growing.is_empty() || left == 0 {
            return shares;
        }
        let step = common_step(left, claims, &shares, &rooms, &growing);
        // A step that is not enough for all goes to the first: at least one constraint is exhausted by it.
        for &index in &growing {
            let room = rooms.entry(claims[index].job).or_default();
            let more = step.max(1).min(left).min(*room);
            shares[index] += more;
            *room -= more;
            left -= more;
        }
    }
}

/// What is left for each job.
fn rooms<'a>(claims: &[Claim<'a>]) -> BTreeMap<&'a str, u32> {
    let mut rooms = BTreeMap::new();
    for claim in claims.iter().filter(|claim| claim.want > 0) {
        let room = rooms.entry(claim.job).or_insert(u32::MAX);
        *room = claim.cap.unwrap_or(u32::MAX).min(*room);
    }
    rooms
}

/// By how much all that grow can grow together; 0 when that is less than one.
fn common_step(
    left: u32,
    claims: &[Claim<'_>],
    shares: &[u32],
    rooms: &BTreeMap<&str, u32>,
    growing: &[usize],
) -> u32 {
    let mut members: BTreeMap<&str, u32> = BTreeMap::new();
    for &index in growing {
        *members.entry(claims[index].job).or_default() += 1;
    }
    let by_want = growing.iter().map(|&index| claims[index].want - shares[index]);
    let by_room = members.iter().map(|(job, count)| rooms[job] / count);
    let by_capacity = left / u32::try_from(growing.len()).unwrap_or(u32::MAX);
    by_want.chain(by_room).chain([by_capacity]).min().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn claim(job: &str, want: u32) -> Claim<'_> {
        Claim { job, want, cap: None }
    }

    #[test]
    fn what_one_does_not_want_is_for_the_others() {
        assert_eq!(shares(12, &[claim("a", 2), claim("b", 9), claim("c", 9)]), [2, 5, 5]);
        assert_eq!(shares(12, &[claim("a", 0), claim("b", 3), claim("c", 5)]), [0, 3, 5]);
        assert_eq!(shares(11, &[claim("a", 9), claim("b", 9), claim("c", 9)]), [4, 4, 3]);
    }

    #[test]
    fn a_job_stays_within_its_cap() {
        let capped = |want| Claim { job: "a", want, cap: Some(3) };
        assert_eq!(shares(12, &[capped(9), capped(9), claim("b", 20)]), [2, 1, 9]);
        assert_eq!(shares(2, &[capped(9), capped(9), claim("b", 20)]), [1, 1, 0]);
    }

    fn claims() -> impl Strategy<Value = Vec<(u8, u32, Option<u32>)>> {
        let cap = prop_oneof![Just(None), (0..30u32).prop_map(Some)];
        (prop::collection::vec(cap, 4), prop::collection::vec((0..4u8, 0..40u32), 0..12)).prop_map(
            |(caps, claims)| claims.into_iter().map(|(job, want)| (job, want, caps[job as usize])).collect(),
        )
    }

    proptest! {
        #[test]
        fn shares_are_as_large_and_as_even_as_they_can_be(capacity in 0..100u32, claims in claims()) {
            let names = ["a", "b", "c", "d"];
            let claims: Vec<_> = claims
                .iter()
                .map(|(job, want, cap)| Claim { job: names[*job as usize], want: *want, cap: *cap })
                .collect();
            let shares = shares(capacity, &claims);
            let sum: u32 = shares.iter().sum();
            prop_assert!(sum <= capacity);
            let of_job = |job: &str| -> u32 {
                claims.iter().zip(&shares).filter(|(claim, _)| claim.job == job).map(|(_, share)| share).sum()
            };
            for (one, &share) in claims.iter().zip(&shares) {
                prop_assert!(share <= one.want);
                prop_assert!(one.cap.is_none_or(|cap| of_job(one.job) <= cap));
                let is_capped = one.cap.is_some_and(|cap| of_job(one.job) == cap);
                if share < one.want {
                    prop_assert!(is_capped || sum == capacity, "{share} of {one:?} while permits are left");
                    for (other, &theirs) in claims.iter().zip(&shares) {
                        let competes = !is_capped || other.job == one.job;
                        prop_assert!(!competes || theirs <= share + 1, "{share} beside {theirs}");
                    }
                }
            }
        }
    }
}

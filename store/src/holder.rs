//! Who was given the newest lease of a job, and what that means to others.

use crate::error::{StoreError, StoreErrorKind as Kind};
use crate::job::{IslandLease, JobId, Lease};

/// The lease of a job as a database holds it.
pub(crate) struct Holder {
    /// The job's number in its database.
    pub(crate) number: i64,
    /// Token of the newest lease.
    pub(crate) token: i64,
    /// Who holds it; nobody when none was given out, or the newest was ended.
    pub(crate) owner: Option<String>,
    /// When it ends, in milliseconds since the Unix epoch.
    pub(crate) expires: Option<i64>,
    /// When this was read, in milliseconds since the Unix epoch.
    pub(crate) now: i64,
}

impl Holder {
    /// The number of the lease's job, unless a newer lease was given out.
    pub(crate) fn admit(&self, lease: &Lease) -> Result<i64, StoreError> {
        if self.token == lease.token { Ok(self.number) } else { Err(self.owns(&lease.job)) }
    }

    /// As [`Holder::admit`], for what a lease that was ended allows no more.
    pub(crate) fn admit_unended(&self, lease: &Lease) -> Result<i64, StoreError> {
        let number = self.admit(lease)?;
        if self.owner.is_some() {
            return Ok(number);
        }
        let message =
            format!("the lease of job `{}` was ended: claim the job again to work on it", lease.job);
        Err(StoreError::new(Kind::Owned, message))
    }

    /// That the job is another's.
    pub(crate) fn owns(&self, job: &JobId) -> StoreError {
        let message = match (&self.owner, self.expires) {
            (Some(owner), Some(expires)) if expires > self.now => {
                let seconds = expires.saturating_sub(self.now) as f64 / 1000.0;
                format!(
                    "job `{job}` is run by {owner}: stop it there, or wait until its lease ends in \
                     {seconds:.1} s unless renewed"
                )
            }
            (Some(owner), _) => format!("job `{job}` was taken over by {owner}: this run of it has ended"),
            (None, _) => format!("job `{job}` was taken over and ended elsewhere: this run of it has ended"),
        };
        StoreError::new(Kind::Owned, message)
    }
}

/// That the lease is not the newest of its island, whose token is `newest`.
pub(crate) fn admit_to_island(lease: &IslandLease, newest: Option<i64>) -> Result<(), StoreError> {
    if newest == Some(lease.token) {
        return Ok(());
    }
    let message = format!(
        "island {} of job `{}` was taken over by a newer run of it: this one has ended",
        lease.island, lease.lease.job
    );
    Err(StoreError::new(Kind::Owned, message))
}

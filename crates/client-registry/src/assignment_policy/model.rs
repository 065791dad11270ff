//! The policy and what it says.

use guanxi_resource::{Resource, Stamp};
use time::{Date, Duration, OffsetDateTime};
use uuid::Uuid;

use crate::account::Tier;
use crate::account_manager::Channel;

/// The policy as it is stored; its fields are the columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AssignmentPolicy {
    pub(crate) id: Uuid,
    pub(crate) tier_a_min_grade: i32,
    pub(crate) tier_b_min_grade: i32,
    pub(crate) tier_c_min_grade: i32,
    pub(crate) untiered_min_grade: i32,
    pub(crate) field_max_accounts: i32,
    pub(crate) industry_max_accounts: i32,
    pub(crate) phone_max_accounts: i32,
    /// `None` lets tier C go to any channel.
    pub(crate) tier_c_channel: Option<Channel>,
    pub(crate) vacancy_days: i32,
    pub(crate) version: i64,
    pub(crate) update_time: OffsetDateTime,
}

impl AssignmentPolicy {
    /// Lowest grade of a manager for a tier.
    pub(crate) fn min_grade(&self, tier: Option<Tier>) -> i32 {
        match tier {
            Some(Tier::A) => self.tier_a_min_grade,
            Some(Tier::B) => self.tier_b_min_grade,
            Some(Tier::C) => self.tier_c_min_grade,
            None => self.untiered_min_grade,
        }
    }

    /// Most accounts of a manager of a channel.
    pub(crate) fn max_accounts(&self, channel: Channel) -> i64 {
        i64::from(match channel {
            Channel::Field => self.field_max_accounts,
            Channel::Phone => self.phone_max_accounts,
            Channel::Industry => self.industry_max_accounts,
        })
    }

    /// The channel that accounts of a tier go to, where the policy names one.
    pub(crate) fn channel_of(&self, tier: Option<Tier>) -> Option<Channel> {
        self.tier_c_channel.filter(|_| tier == Some(Tier::C))
    }

    /// The last day on which an account may be without a manager, and whether it has passed.
    pub(crate) fn deadline(&self, since: Date, today: Date) -> (Date, bool) {
        let deadline = since.saturating_add(Duration::days(self.vacancy_days.into()));
        (deadline, today > deadline)
    }
}

impl Resource for AssignmentPolicy {
    fn stamp(&mut self) -> Stamp<'_> {
        Stamp { id: self.id, version: &mut self.version, update_time: &mut self.update_time }
    }
}

#[cfg(test)]
impl AssignmentPolicy {
    /// The policy as it is shipped.
    pub(crate) fn shipped() -> Self {
        Self {
            id: Uuid::nil(),
            tier_a_min_grade: 4,
            tier_b_min_grade: 2,
            tier_c_min_grade: 1,
            untiered_min_grade: 1,
            field_max_accounts: 250,
            industry_max_accounts: 250,
            phone_max_accounts: 1_000,
            tier_c_channel: Some(Channel::Phone),
            vacancy_days: 7,
            version: 0,
            update_time: OffsetDateTime::UNIX_EPOCH,
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    #[test]
    fn each_tier_and_each_channel_has_its_number() {
        let policy = AssignmentPolicy::shipped();
        assert_eq!(
            [Some(Tier::A), Some(Tier::B), Some(Tier::C), None].map(|tier| policy.min_grade(tier)),
            [4, 2, 1, 1]
        );
        let channels = [Channel::Field, Channel::Phone, Channel::Industry];
        assert_eq!(channels.map(|channel| policy.max_accounts(channel)), [250, 1_000, 250]);
        assert_eq!(policy.channel_of(Some(Tier::C)), Some(Channel::Phone));
        assert_eq!(policy.channel_of(None), None);
    }

    #[test]
    fn a_vacancy_is_overdue_after_its_deadline() {
        let policy = AssignmentPolicy::shipped();
        let since = date!(2026 - 02 - 25);
        assert_eq!(policy.deadline(since, date!(2026 - 03 - 04)), (date!(2026 - 03 - 04), false));
        assert!(policy.deadline(since, date!(2026 - 03 - 05)).1);
    }
}

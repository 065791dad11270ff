//! The measures: what is counted or brought in, of which formulas are made (decision 17).

use guanxi_grpc::value::localized;
use guanxi_proto::kpi::v1::{self as pb, IndicatorUnit};

/// What something is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dimensionality {
    Count,
    Money,
    Day,
}

/// Something that is counted or brought in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measure {
    pub(crate) code: &'static str,
    zh: &'static str,
    en: &'static str,
    pub(crate) counted_in: Dimensionality,
    /// True for what there is as of a day, false for what happened.
    pub(crate) stock: bool,
    /// True where it comes in by imports.
    pub(crate) imported: bool,
}

pub(crate) const ACCOUNTS: &str = "accounts";
pub(crate) const ASSIGNED_ACCOUNTS: &str = "assigned_accounts";
pub(crate) const CYCLE_DAYS_LOST: &str = "cycle_days_lost";
pub(crate) const CYCLE_DAYS_WON: &str = "cycle_days_won";
pub(crate) const CYCLES_LOST: &str = "cycles_lost";
pub(crate) const CYCLES_WON: &str = "cycles_won";
pub(crate) const LOST_VALUE: &str = "lost_value";
pub(crate) const MANAGERS_IN_SERVICE: &str = "managers_in_service";
pub(crate) const NEW_ACCOUNTS: &str = "new_accounts";
pub(crate) const OPPORTUNITIES_LOST: &str = "opportunities_lost";
pub(crate) const OPPORTUNITIES_OPENED: &str = "opportunities_opened";
pub(crate) const OPPORTUNITIES_WON: &str = "opportunities_won";
pub(crate) const PIPELINE_COUNT: &str = "pipeline_count";
pub(crate) const PIPELINE_VALUE: &str = "pipeline_value";
pub(crate) const QUOTES_WAITING: &str = "quotes_waiting";
pub(crate) const WEIGHTED_PIPELINE_VALUE: &str = "weighted_pipeline_value";
pub(crate) const WON_LIST_VALUE: &str = "won_list_value";
pub(crate) const WON_NET_VALUE: &str = "won_net_value";
pub(crate) const WON_VALUE: &str = "won_value";

use Dimensionality::{Count, Day, Money};

/// All measures, by code.
#[rustfmt::skip]
pub(crate) const ALL: [Measure; 26] = [
    told(ACCOUNTS, "集团客户数", "Accounts", Count, true),
    brought("arrears", "欠费金额", "Arrears", Money, true),
    told(ASSIGNED_ACCOUNTS, "有首席客户经理的集团客户数", "Accounts with a primary manager", Count, true),
    told(CYCLE_DAYS_LOST, "丢单历时天数", "Days until lost", Day, false),
    told(CYCLE_DAYS_WON, "赢单历时天数", "Days until won", Day, false),
    told(CYCLES_LOST, "起止日期已知的丢单数", "Lost with both dates known", Count, false),
    told(CYCLES_WON, "起止日期已知的赢单数", "Won with both dates known", Count, false),
    brought("ict_revenue", "信息化收入", "ICT revenue", Money, false),
    told(LOST_VALUE, "丢单金额", "Value lost", Money, false),
    told(MANAGERS_IN_SERVICE, "在岗客户经理数", "Managers in service", Count, true),
    brought("members", "集团成员数", "Members", Count, true),
    brought("members_lost", "离网成员数", "Members lost", Count, false),
    told(NEW_ACCOUNTS, "新增集团客户数", "New accounts", Count, false),
    brought("on_net_members", "在网成员数", "On-net members", Count, true),
    told(OPPORTUNITIES_LOST, "丢单数", "Opportunities lost", Count, false),
    told(OPPORTUNITIES_OPENED, "新建商机数", "Opportunities opened", Count, false),
    told(OPPORTUNITIES_WON, "赢单数", "Opportunities won", Count, false),
    told(PIPELINE_COUNT, "在途商机数", "Open opportunities", Count, true),
    told(PIPELINE_VALUE, "在途商机金额", "Value of open opportunities", Money, true),
    told(QUOTES_WAITING, "待审批报价数", "Quotes waiting for approval", Count, true),
    brought("revenue", "收入", "Revenue", Money, false),
    brought("usage", "业务使用量", "Usage", Count, false),
    told(WEIGHTED_PIPELINE_VALUE, "加权在途金额", "Weighted value of open opportunities", Money, true),
    told(WON_LIST_VALUE, "赢单目录价金额", "List value of what was won", Money, false),
    told(WON_NET_VALUE, "有目录价的赢单金额", "Value won that has a list value", Money, false),
    told(WON_VALUE, "赢单金额", "Value won", Money, false),
];

const fn told(
    code: &'static str,
    zh: &'static str,
    en: &'static str,
    counted_in: Dimensionality,
    stock: bool,
) -> Measure {
    Measure { code, zh, en, counted_in, stock, imported: false }
}

const fn brought(
    code: &'static str,
    zh: &'static str,
    en: &'static str,
    counted_in: Dimensionality,
    stock: bool,
) -> Measure {
    Measure { code, zh, en, counted_in, stock, imported: true }
}

impl Measure {
    /// The measure of a code.
    pub(crate) fn of(code: &str) -> Option<&'static Self> {
        ALL.iter().find(|measure| measure.code == code)
    }

    /// On the wire.
    pub(crate) fn wire(&self) -> pb::Measure {
        let unit = match self.counted_in {
            Count => IndicatorUnit::Count,
            Money => IndicatorUnit::Money,
            Day => IndicatorUnit::Day,
        };
        pb::Measure {
            code: self.code.to_owned(),
            name: Some(localized(self.zh, Some(self.en))),
            unit: unit.into(),
            stock: self.stock,
            imported: self.imported,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_are_sorted_and_each_is_there_once() {
        assert!(ALL.is_sorted_by(|one, other| one.code < other.code));
        assert!(Measure::of("won_value").is_some_and(|measure| measure.counted_in == Money && !measure.stock));
        assert!(Measure::of("nothing").is_none());
    }
}

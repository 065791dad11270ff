//! The indicators that come with the product: the table of the domain, and what imported measures make.

use guanxi_grpc::Call;
use guanxi_resource::{Error, Noun, Resources};
use time::OffsetDateTime;

use super::model::{Direction, Indicator, Kind, Unit};
use super::{convert, store};

/// An indicator of the table: code, names, formula, kind, unit, direction, places.
type Line = (&'static str, &'static str, &'static str, &'static str, Kind, Unit, Direction, Option<i32>);

use Direction::{Down, Up};
use Kind::{Average, Last, Ratio, Sum};

#[rustfmt::skip]
const TABLE: [Line; 20] = [
    ("accounts", "集团客户数", "Accounts", "accounts", Last, Unit::Count, Up, None),
    ("new-accounts", "新增集团客户数（圈地）", "New accounts", "new_accounts", Sum, Unit::Count, Up, None),
    ("opportunities-opened", "新建商机数", "Opportunities opened", "opportunities_opened", Sum, Unit::Count, Up, None),
    ("opportunities-won", "赢单数", "Opportunities won", "opportunities_won", Sum, Unit::Count, Up, None),
    ("opportunities-lost", "丢单数", "Opportunities lost", "opportunities_lost", Sum, Unit::Count, Down, None),
    ("win-rate", "赢单率", "Win rate", "opportunities_won / (opportunities_won + opportunities_lost)", Ratio, Unit::Ratio, Up, Some(6)),
    ("won-value", "赢单金额", "Value won", "won_value", Sum, Unit::Money, Up, None),
    ("average-deal", "平均单值", "Average deal", "won_value / opportunities_won", Average, Unit::Money, Up, Some(4)),
    ("cycle-days-won", "平均赢单周期", "Days to win", "cycle_days_won / cycles_won", Average, Unit::Day, Down, Some(4)),
    ("cycle-days-closed", "平均关单周期", "Days to close", "(cycle_days_won + cycle_days_lost) / (cycles_won + cycles_lost)", Average, Unit::Day, Down, Some(4)),
    ("pipeline-count", "在途商机数", "Open opportunities", "pipeline_count", Last, Unit::Count, Up, None),
    ("pipeline-value", "在途商机金额", "Pipeline value", "pipeline_value", Last, Unit::Money, Up, None),
    ("weighted-pipeline", "加权在途金额", "Weighted pipeline", "weighted_pipeline_value", Last, Unit::Money, Up, None),
    ("discount-depth", "折扣深度", "Discount depth", "(won_list_value - won_net_value) / won_list_value", Ratio, Unit::Ratio, Down, Some(6)),
    ("accounts-per-manager", "人均集团客户数", "Accounts per manager", "assigned_accounts / managers_in_service", Average, Unit::Count, Up, Some(4)),
    ("quotes-waiting", "待审批报价数", "Quotes waiting for approval", "quotes_waiting", Last, Unit::Count, Down, None),
    ("revenue", "收入", "Revenue", "revenue", Sum, Unit::Money, Up, None),
    ("ict-revenue-share", "信息化收入占比", "Share of ICT revenue", "ict_revenue / revenue", Ratio, Unit::Ratio, Up, Some(6)),
    ("on-net-rate", "成员在网率", "On-net rate", "on_net_members / members", Ratio, Unit::Ratio, Up, Some(6)),
    ("arrears", "欠费金额", "Arrears", "arrears", Last, Unit::Money, Down, None),
];

fn indicators(now: OffsetDateTime) -> impl Iterator<Item = Indicator> {
    TABLE.into_iter().map(move |(code, zh, en, formula, kind, unit, direction, decimal_places)| Indicator {
        code: code.to_owned(),
        name_zh: zh.to_owned(),
        name_en: Some(en.to_owned()),
        formula: formula.to_owned(),
        kind,
        unit,
        direction,
        decimal_places,
        shipped: true,
        ..Indicator::blank(guanxi_db::new_id(now), now)
    })
}

/// Creates those that are not there, in the name of the service. A code that people took meanwhile stays theirs.
pub(crate) async fn ensure(resources: &Resources) -> Result<(), Error> {
    let call = Call::own("kpi", "guanxi.kpi.v1.IndicatorService/CreateIndicator");
    let mut transaction = resources.begin().await?;
    crate::fact::store::take_turn(&mut transaction).await?;
    let taken = store::codes(&mut transaction).await?;
    let mut events = Vec::new();
    for indicator in indicators(call.now).filter(|indicator| !taken.contains(&indicator.code)) {
        let indicator = indicator.checked()?;
        Indicator::save(&mut transaction, &indicator).await?;
        events.push(convert::event("indicator.created", None, &indicator));
    }
    if !events.is_empty() {
        resources.commit(transaction, &call, events).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn every_line_of_the_table_is_an_indicator() {
        for indicator in indicators(OffsetDateTime::UNIX_EPOCH) {
            let code = indicator.code.clone();
            assert!(convert::code("code", &code).is_ok());
            assert!(indicator.checked().is_ok(), "{code}");
        }
    }

    #[test]
    fn ids_differ() {
        let ids: std::collections::HashSet<Uuid> = indicators(OffsetDateTime::UNIX_EPOCH).map(|one| one.id).collect();
        assert_eq!(ids.len(), TABLE.len());
    }
}

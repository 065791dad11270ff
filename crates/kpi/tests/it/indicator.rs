//! Indicators: what people define over measures, what is refused, and what stays as it was shipped.

use guanxi_proto::kpi::v1::*;
use guanxi_proto::r#type::v1::LocalizedText;
use tonic::Code;

use crate::support::{Service, indicator, named, reason, violations};

fn question(indicator_code: &str) -> FigureQuestion {
    FigureQuestion { indicator_code: indicator_code.to_owned(), ..Default::default() }
}

async fn refused(service: &Service, question: FigureQuestion) -> Vec<(String, String)> {
    let request = QueryIndicatorRequest { question: Some(question), ..Default::default() };
    let status = service.indicators().query_indicator(service.as_admin(request)).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    violations(&status)
}

#[tokio::test]
async fn the_indicators_of_the_domain_come_with_the_product() {
    let service = Service::start().await;
    let request = ListIndicatorsRequest { filter: "shipped = true".to_owned(), ..Default::default() };
    let listed = service.indicators().list_indicators(service.as_admin(request)).await.unwrap().into_inner().indicators;
    let codes: Vec<&str> = listed.iter().map(|indicator| indicator.code.as_str()).collect();
    for code in [
        "accounts",
        "accounts-per-manager",
        "average-deal",
        "cycle-days-closed",
        "cycle-days-won",
        "discount-depth",
        "new-accounts",
        "opportunities-lost",
        "opportunities-opened",
        "opportunities-won",
        "pipeline-count",
        "pipeline-value",
        "quotes-waiting",
        "weighted-pipeline",
        "win-rate",
        "won-value",
    ] {
        assert!(codes.contains(&code), "{code}");
    }
    let measures = service.indicators().list_measures(service.as_admin(ListMeasuresRequest {})).await.unwrap();
    let measures: Vec<String> = measures.into_inner().measures.into_iter().map(|measure| measure.code).collect();
    for indicator in &listed {
        assert!(indicator.measure_codes.iter().all(|code| measures.contains(code)), "{}", indicator.code);
    }
}

#[tokio::test]
async fn a_formula_that_cannot_be_right_is_refused_with_all_that_is_wrong() {
    let service = Service::start().await;
    let of = |formula: &str| Indicator { formula: formula.to_owned(), ..indicator("mine") };
    for (sent, expected) in [
        (
            of("apples / pears"),
            vec![("indicator.formula", "MEASURE_UNKNOWN"), ("indicator.formula", "MEASURE_UNKNOWN")],
        ),
        (of("won_value /"), vec![("indicator.formula", "FORMULA_INVALID")]),
        (of("won_value / 0"), vec![("indicator.formula", "DIVISOR_ZERO")]),
        (of("won_value + accounts"), vec![("indicator.formula", "FORMULA_INVALID")]),
        (of("accounts"), vec![("indicator.unit", "UNIT_UNFIT"), ("indicator.kind", "KIND_UNFIT")]),
        (
            Indicator { code: "Mine".to_owned(), name: None, decimal_places: Some(11), ..of("pears") },
            vec![
                ("indicator.code", "FORMAT"),
                ("indicator.name.zh", "REQUIRED"),
                ("indicator.formula", "MEASURE_UNKNOWN"),
                ("indicator.decimal_places", "OUT_OF_RANGE"),
            ],
        ),
    ] {
        let formula = sent.formula.clone();
        let status = service.indicator(sent).await.unwrap_err();
        assert_eq!((status.code(), violations(&status)), (Code::InvalidArgument, named(&expected)), "{formula}");
    }
    let request = GetIndicatorRequest { key: Some(get_indicator_request::Key::Code("mine".to_owned())) };
    let status = service.indicators().get_indicator(service.as_admin(request)).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound, "nothing of it is there");
}

#[tokio::test]
async fn what_figures_say_makes_a_version_and_what_was_shipped_says_the_same_for_ever() {
    let service = Service::start().await;
    let update = async |indicator: Indicator| {
        let request = UpdateIndicatorRequest { indicator: Some(indicator), ..Default::default() };
        let updated = service.indicators().update_indicator(service.as_admin(request)).await?;
        Ok::<_, tonic::Status>(updated.into_inner().indicator.unwrap())
    };
    let mine = service.indicator(indicator("mine")).await.unwrap();
    assert_eq!((mine.version_number, mine.measure_codes.as_slice()), (1, &["lost_value".to_owned()][..]));
    let id = mine.id;
    let changed = Indicator { id: id.clone(), formula: "won_value".to_owned(), ..Default::default() };
    let changed = update(changed).await.unwrap();
    assert_eq!((changed.version_number, changed.measure_codes.as_slice()), (2, &["won_value".to_owned()][..]));

    let request = GetIndicatorRequest { key: Some(get_indicator_request::Key::Code("win-rate".to_owned())) };
    let shipped = service.indicators().get_indicator(service.as_admin(request)).await.unwrap();
    let id = shipped.into_inner().indicator.unwrap().id;
    let name = Some(LocalizedText { zh: "成功率".to_owned(), en: String::new() });
    let renamed = update(Indicator { id: id.clone(), name, ..Default::default() }).await.unwrap();
    assert_eq!((renamed.name.unwrap().zh.as_str(), renamed.version_number), ("成功率", 1));
    let other = Indicator {
        id: id.clone(),
        formula: "opportunities_won / opportunities_opened".to_owned(),
        ..Default::default()
    };
    let status = update(other).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::FailedPrecondition, "INDICATOR_SHIPPED"));
    let request = DeleteIndicatorRequest { id, ..Default::default() };
    let status = service.indicators().delete_indicator(service.as_admin(request)).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::FailedPrecondition, "INDICATOR_SHIPPED"));
}

#[tokio::test]
async fn a_question_that_cannot_be_answered_is_refused_with_all_that_is_wrong() {
    let service = Service::start().await;
    let reversed = FigureQuestion {
        from_date: "2026-03-02".to_owned(),
        to_date: "2026-03-01".to_owned(),
        by: 99,
        currency_code: "XXX".to_owned(),
        ..question("won-value")
    };
    let expected = [
        ("question.by", "UNKNOWN_VALUE"),
        ("question.to_date", "RANGE_REVERSED"),
        ("question.currency_code", "UNKNOWN_VALUE"),
    ];
    assert_eq!(refused(&service, reversed).await, named(&expected));
    let no_day = FigureQuestion { from_date: "2026-02-30".to_owned(), ..question("") };
    let expected = [("question.indicator_code", "REQUIRED"), ("question.from_date", "FORMAT")];
    assert_eq!(refused(&service, no_day).await, named(&expected));
    let level = FigureQuestion {
        by: FigureDimension::Month.into(),
        territory_level: "CITY".to_owned(),
        ..question("won-value")
    };
    assert_eq!(refused(&service, level).await, named(&[("question.territory_level", "DIMENSION_UNFIT")]));
    let of_month = FigureQuestion { r#where: FigureDimension::Month.into(), ..question("won-value") };
    assert_eq!(refused(&service, of_month).await, named(&[("question.where", "DIMENSION_UNFIT")]));

    let request = QueryIndicatorRequest { question: Some(question("nothing")), ..Default::default() };
    let status = service.indicators().query_indicator(service.as_admin(request)).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, "RESOURCE_NOT_FOUND"));
}

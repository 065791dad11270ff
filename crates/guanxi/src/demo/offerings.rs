//! The demo's price book: what a Chinese operator sells to enterprises, with prices that are invented.

use guanxi_proto::client_registry::v1::Tier;
use guanxi_proto::product_catalog::v1::{
    Bundle, BundleComponent, BundleKind, Category, Characteristic, CharacteristicKind, ChargeKind, Eligibility,
    FunctionalClass, Offering, OfferingSupply, Price, PriceModel, PriceReduction, PriceTier, ReductionCause,
    Specification, StrategicClass,
};
use guanxi_proto::r#type::v1::LocalizedText;

/// First day of the prices.
const BEGIN: &str = "2025-01-01";

fn name(zh: &str, en: &str) -> LocalizedText {
    LocalizedText { zh: zh.to_owned(), en: en.to_owned() }
}

/// The tree of categories, parents first.
pub(super) fn categories() -> Vec<Category> {
    let top = |code: &str, zh: &str, en: &str, functional: FunctionalClass, strategic: StrategicClass| Category {
        code: code.to_owned(),
        name: Some(name(zh, en)),
        functional_class: functional.into(),
        strategic_class: strategic.into(),
        ..Default::default()
    };
    let below = |parent: &str, code: &str, zh: &str, en: &str, strategic: StrategicClass| Category {
        code: code.to_owned(),
        name: Some(name(zh, en)),
        parent_code: parent.to_owned(),
        strategic_class: strategic.into(),
        ..Default::default()
    };
    let (same, industry, new) =
        (StrategicClass::Unspecified, StrategicClass::IndustryApplication, StrategicClass::StrategicInnovation);
    vec![
        top(
            "BASIC",
            "基础通信",
            "Basic communication",
            FunctionalClass::BasicCommunication,
            StrategicClass::Foundation,
        ),
        below("BASIC", "VOICE", "集团语音", "Group voice", same),
        below("BASIC", "CONFERENCE", "会议", "Conferences", same),
        below("BASIC", "LINE", "专线", "Leased lines", same),
        top("OFFICE", "办公管理", "Office management", FunctionalClass::OfficeManagement, StrategicClass::Foundation),
        below("OFFICE", "MAIL", "企业邮箱", "Enterprise mail", same),
        below("OFFICE", "MOBILE_OFFICE", "移动办公", "Mobile office", new),
        top(
            "MARKETING",
            "营销服务",
            "Marketing service",
            FunctionalClass::MarketingService,
            StrategicClass::Foundation,
        ),
        below("MARKETING", "HOTLINE", "热线", "Hotlines", same),
        top("PRODUCTION", "生产控制", "Production control", FunctionalClass::ProductionControl, industry),
        below("PRODUCTION", "IOT", "物联网", "Internet of things", new),
        below("PRODUCTION", "FLEET", "车务管理", "Fleets", same),
        below("PRODUCTION", "INFORMATION", "行业信息", "Industry information", same),
    ]
}

/// What can be configured.
pub(super) fn specifications() -> Vec<Specification> {
    let number =
        |code: &str, zh: &str, en: &str, unit: &str, minimum: &str, maximum: &str, default: &str| Characteristic {
            code: code.to_owned(),
            name: Some(name(zh, en)),
            kind: CharacteristicKind::Number.into(),
            unit: unit.to_owned(),
            minimum: minimum.to_owned(),
            maximum: maximum.to_owned(),
            default_value: default.to_owned(),
            required: true,
            ..Default::default()
        };
    let choice = |code: &str, zh: &str, en: &str, options: &[&str]| Characteristic {
        code: code.to_owned(),
        name: Some(name(zh, en)),
        kind: CharacteristicKind::Enum.into(),
        options: options.iter().map(|option| (*option).to_owned()).collect(),
        default_value: options[0].to_owned(),
        required: true,
        ..Default::default()
    };
    let specification = |code: &str, zh: &str, en: &str, characteristics| Specification {
        code: code.to_owned(),
        name: Some(name(zh, en)),
        characteristics,
        ..Default::default()
    };
    vec![
        specification(
            "LINE",
            "专线规格",
            "Leased line",
            vec![
                number("bandwidth", "带宽", "Bandwidth", "Mbps", "2", "10000", "100"),
                choice("protection", "保护方式", "Protection", &["NONE", "DUAL_ROUTE", "DUAL_NODE"]),
            ],
        ),
        specification(
            "MAIL",
            "邮箱规格",
            "Mailbox",
            vec![number("capacity", "容量", "Capacity", "GB", "5", "500", "20")],
        ),
        specification(
            "IOT",
            "物联网规格",
            "Connection",
            vec![
                choice("network", "网络制式", "Network", &["4G", "5G", "NB-IoT"]),
                number("traffic", "月流量", "Traffic a month", "MB", "10", "102400", "100"),
            ],
        ),
    ]
}

fn offering(code: &str, zh: &str, en: &str, categories: &[&str], specification: &str) -> Offering {
    Offering {
        code: code.to_owned(),
        name: Some(name(zh, en)),
        category_codes: categories.iter().map(|code| (*code).to_owned()).collect(),
        specification_code: specification.to_owned(),
        ..Default::default()
    }
}

/// What is sold, each after what it needs.
pub(super) fn offerings() -> Vec<Offering> {
    let needs = |code: &str| vec![code.to_owned()];
    let industry = |codes: &[&str]| {
        Some(Eligibility {
            industry_codes: codes.iter().map(|code| (*code).to_owned()).collect(),
            ..Default::default()
        })
    };
    let partner = |offering: Offering, name: &str| Offering {
        supply: OfferingSupply::Partner.into(),
        partner_name: name.to_owned(),
        ..offering
    };
    let vpn = offering("VNET", "集团V网", "Group virtual network", &["VOICE"], "");
    let ring = offering("RING_BACK_TONE", "集团彩铃", "Corporate ring-back tone", &["MARKETING"], "");
    let mail = offering("ENTERPRISE_MAIL", "企业邮箱", "Enterprise mail", &["MAIL"], "MAIL");
    let office = offering("MOBILE_OFFICE", "移动办公", "Mobile office", &["MOBILE_OFFICE"], "");
    let campus = offering("SCHOOL_LINK", "校讯通", "School link", &["INFORMATION"], "");
    let camera = offering("VIDEO_SURVEILLANCE", "千里眼视频监控", "Video surveillance", &["PRODUCTION"], "");
    vec![
        Offering { group_payment: true, ..vpn },
        offering("CONFERENCE_CALL", "会议电话", "Conference call", &["CONFERENCE"], ""),
        offering("VIDEO_CONFERENCE", "云视讯", "Video conference", &["CONFERENCE"], ""),
        offering("INTERNET_LINE", "互联网专线", "Internet line", &["LINE"], "LINE"),
        offering("DATA_LINE", "数据专线", "Data line", &["LINE"], "LINE"),
        Offering { trial_days: 30, ..mail },
        partner(Offering { trial_days: 15, ..office }, "协同软件公司（示例）"),
        Offering { prerequisite_offering_codes: needs("VNET"), group_payment: true, ..ring },
        Offering {
            prerequisite_offering_codes: needs("VNET"),
            ..offering("SWITCHBOARD", "移动总机", "Mobile switchboard", &["VOICE", "MARKETING"], "")
        },
        offering("HOTLINE_400", "400 热线", "400 number", &["HOTLINE"], ""),
        offering("FLEET", "车务通", "Fleet management", &["FLEET"], ""),
        Offering {
            eligibility: industry(&["A"]),
            ..offering("RURAL_INFORMATION", "农信通", "Rural information", &["INFORMATION"], "")
        },
        Offering { eligibility: industry(&["P"]), group_payment: true, ..campus },
        offering("IOT_CARD", "物联网卡", "IoT card", &["IOT"], "IOT"),
        Offering { supply: OfferingSupply::SystemIntegration.into(), ..camera },
    ]
}

/// A price in CNY from the beginning on.
fn price(offering: &str, kind: ChargeKind, model: PriceModel, amount: &str, cost: &str) -> Price {
    Price {
        offering_code: offering.to_owned(),
        charge_kind: kind.into(),
        model: model.into(),
        currency_code: "CNY".to_owned(),
        amount: amount.to_owned(),
        cost_amount: cost.to_owned(),
        valid_from_date: BEGIN.to_owned(),
        ..Default::default()
    }
}

fn tiers(bounds: &[(i64, i64, &str)]) -> Vec<PriceTier> {
    let tier = |(from_quantity, to_quantity, amount): &(i64, i64, &str)| PriceTier {
        from_quantity: *from_quantity,
        to_quantity: *to_quantity,
        amount: (*amount).to_owned(),
    };
    bounds.iter().map(tier).collect()
}

fn for_tier(tier: Tier, percent: &str) -> PriceReduction {
    PriceReduction {
        cause: ReductionCause::Tier.into(),
        tier: tier.into(),
        percent: percent.to_owned(),
        ..Default::default()
    }
}

fn for_term(min_term_months: i32, percent: &str) -> PriceReduction {
    PriceReduction {
        cause: ReductionCause::Term.into(),
        min_term_months,
        percent: percent.to_owned(),
        ..Default::default()
    }
}

fn for_volume(min_quantity: i64, percent: &str) -> PriceReduction {
    PriceReduction {
        cause: ReductionCause::Volume.into(),
        min_quantity,
        percent: percent.to_owned(),
        ..Default::default()
    }
}

/// What everything costs.
pub(super) fn prices() -> Vec<Price> {
    [communication(), applications()].concat()
}

fn important() -> Vec<PriceReduction> {
    vec![for_tier(Tier::A, "20"), for_tier(Tier::B, "10")]
}

fn terms() -> Vec<PriceReduction> {
    vec![for_term(12, "5"), for_term(24, "10"), for_term(36, "15")]
}

fn with(price: Price, unit: &str, floor: &str, reductions: Vec<PriceReduction>) -> Price {
    Price { unit: unit.to_owned(), floor_amount: floor.to_owned(), reductions, ..price }
}

fn stepped(price: Price, bounds: &[(i64, i64, &str)]) -> Price {
    Price { tiers: tiers(bounds), ..price }
}

/// Voice, conferences, lines.
fn communication() -> Vec<Price> {
    use ChargeKind::{Monthly, OneTime, Usage};
    use PriceModel::{Flat, PerMember, PerUnit, Stairstep, Tiered};
    vec![
        with(price("VNET", Monthly, PerMember, "5", "1.8"), "人", "2", important()),
        with(price("CONFERENCE_CALL", Monthly, Flat, "100", "30"), "", "50", important()),
        stepped(
            with(price("CONFERENCE_CALL", Usage, Tiered, "", "0.05"), "方·分钟", "0.06", vec![]),
            &[(1, 10_000, "0.15"), (10_001, 100_000, "0.12"), (100_001, 0, "0.09")],
        ),
        stepped(
            with(price("VIDEO_CONFERENCE", Monthly, Stairstep, "", "120"), "方", "", [important(), terms()].concat()),
            &[(1, 25, "299"), (26, 100, "899"), (101, 300, "1999"), (301, 0, "3999")],
        ),
        with(price("INTERNET_LINE", OneTime, PerUnit, "2000", "1500"), "线", "", vec![]),
        with(
            price("INTERNET_LINE", Monthly, PerUnit, "3200", "1600"),
            "线",
            "2000",
            [important(), terms(), vec![for_volume(5, "8"), for_volume(20, "15")]].concat(),
        ),
        with(price("DATA_LINE", OneTime, PerUnit, "3000", "2200"), "线", "", vec![]),
        with(price("DATA_LINE", Monthly, PerUnit, "4500", "2300"), "线", "2800", [important(), terms()].concat()),
    ]
}

/// What works on top of them.
fn applications() -> Vec<Price> {
    use ChargeKind::{Monthly, OneTime, Usage, Yearly};
    use PriceModel::{Flat, PerMember, PerUnit, Tiered, Volume};
    vec![
        stepped(
            with(price("ENTERPRISE_MAIL", Yearly, Tiered, "", "8"), "个", "", vec![for_term(36, "10")]),
            &[(1, 50, "60"), (51, 500, "48"), (501, 0, "36")],
        ),
        with(price("MOBILE_OFFICE", Monthly, PerUnit, "10", "6"), "个", "7", vec![for_volume(100, "10")]),
        price("RING_BACK_TONE", OneTime, Flat, "200", "80"),
        with(price("RING_BACK_TONE", Monthly, PerMember, "3", "0.6"), "人", "1", important()),
        price("SWITCHBOARD", OneTime, Flat, "500", "260"),
        stepped(
            with(price("SWITCHBOARD", Monthly, Volume, "", "3"), "分机", "", important()),
            &[(1, 20, "10"), (21, 100, "8"), (101, 0, "6")],
        ),
        price("HOTLINE_400", OneTime, Flat, "1000", "300"),
        with(price("HOTLINE_400", Monthly, Flat, "500", "200"), "", "300", terms()),
        stepped(
            with(price("HOTLINE_400", Usage, Tiered, "", "0.06"), "分钟", "", vec![]),
            &[(1, 5_000, "0.15"), (5_001, 50_000, "0.12"), (50_001, 0, "0.1")],
        ),
        with(price("FLEET", OneTime, PerUnit, "800", "640"), "台", "700", vec![]),
        with(price("FLEET", Monthly, PerUnit, "35", "12"), "台", "20", [terms(), vec![for_volume(50, "10")]].concat()),
        with(price("RURAL_INFORMATION", Monthly, PerUnit, "2", "0.7"), "户", "", vec![]),
        with(price("SCHOOL_LINK", Monthly, PerMember, "6", "2"), "人", "3", vec![]),
        with(price("IOT_CARD", OneTime, PerUnit, "5", "3"), "张", "", vec![]),
        stepped(
            with(price("IOT_CARD", Monthly, Volume, "", "1.2"), "张", "1.5", vec![for_term(24, "10")]),
            &[(1, 1_000, "6"), (1_001, 10_000, "4.5"), (10_001, 0, "3")],
        ),
        with(price("VIDEO_SURVEILLANCE", OneTime, PerUnit, "1200", "950"), "路", "", vec![]),
        with(price("VIDEO_SURVEILLANCE", Monthly, PerUnit, "45", "20"), "路", "30", terms()),
    ]
}

/// What is sold as one.
pub(super) fn bundles() -> Vec<Bundle> {
    let bundle = |code: &str, zh: &str, en: &str, kind: BundleKind, percent: &str, parts: &[(&str, i64)]| Bundle {
        code: code.to_owned(),
        name: Some(name(zh, en)),
        kind: kind.into(),
        discount_percent: percent.to_owned(),
        components: parts
            .iter()
            .map(|(code, min_quantity)| BundleComponent {
                offering_code: (*code).to_owned(),
                min_quantity: *min_quantity,
                max_quantity: 0,
            })
            .collect(),
        ..Default::default()
    };
    let (fusion, campus) =
        (&[("VNET", 1), ("INTERNET_LINE", 1), ("SWITCHBOARD", 0)], &[("SCHOOL_LINK", 1), ("VIDEO_SURVEILLANCE", 4)]);
    vec![
        bundle("FUSION", "融合通信包", "Mobile and fixed", BundleKind::MobileFixed, "8", fusion),
        bundle(
            "FLEET_CARE",
            "车队管家（终端＋资费＋应用）",
            "Fleet care",
            BundleKind::TerminalTariffApplication,
            "10",
            &[("FLEET", 5), ("IOT_CARD", 5)],
        ),
        bundle("SMART_CAMPUS", "智慧校园包", "Smart campus", BundleKind::Custom, "6", campus),
    ]
}

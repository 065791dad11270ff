//! The proposal: a quote as one document for the customer, without what is our own: cost, floor and margin.

use std::collections::HashMap;
use std::fmt::Write;

use guanxi_grpc::Language;
use guanxi_proto::product_catalog::v1::{Charge, ChargeKind};
use guanxi_proto::r#type::v1::Money;

use super::model::{Concession, Payer, Quote, State};
use crate::copies::Offering;

/// The document in CommonMark with tables.
pub(super) fn markdown(
    quote: &Quote,
    needs: &[String],
    offerings: &HashMap<String, Offering>,
    language: Language,
) -> String {
    let say = |zh, en| if language == Language::Chinese { zh } else { en };
    let mut text = String::new();
    let mut section = |title: &str, body: String| {
        if !body.is_empty() {
            // Writing to a text does not fail.
            let _ = write!(text, "{title}\n\n{}\n\n", body.trim_end());
        }
    };
    let account = cell(quote.account_name.as_deref().unwrap_or_default());
    section(&format!("# {} · {account}", say("报价方案", "Proposal")), head(quote, say));
    let needs = needs.iter().map(|need| format!("- {}", cell(need))).collect::<Vec<_>>().join("\n");
    section(&format!("## {}", say("客户需求", "What you need")), needs);
    section(&format!("## {}", say("解决方案", "Solution")), quote.solution.clone());
    section(&format!("## {}", say("明细", "Lines")), lines(quote, offerings, say));
    section(&format!("## {}", say("合计", "Totals")), totals(quote, say));
    section(&format!("## {}", say("另行约定", "Concessions")), concessions(&quote.concessions, say));
    section(&format!("## {}", say("条款", "Terms")), quote.terms.clone());
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn head(quote: &Quote, say: impl Fn(&'static str, &'static str) -> &'static str) -> String {
    let mut text = format!(
        "- {}: {}\n- {}: {}\n- {}: {}\n",
        say("版本", "Version"),
        quote.version_number,
        say("价格日期", "Prices of"),
        quote.price_date,
        say("有效期至", "Valid until"),
        quote.valid_until_date,
    );
    if !matches!(quote.state, State::Approved | State::Accepted) {
        text += say("\n**未经批准，不得对外提供。**\n", "\n**Not approved: not to be given to the customer.**\n");
    }
    text
}

fn lines(
    quote: &Quote,
    offerings: &HashMap<String, Offering>,
    say: impl Fn(&'static str, &'static str) -> &'static str,
) -> String {
    let mut text = say(
        "| 产品 | 数量 | 月数 | 收费方式 | 标准价 | 成交价 |\n|---|---|---|---|---|---|\n",
        "| Offering | Quantity | Months | Charged | List | Net |\n|---|---|---|---|---|---|\n",
    )
    .to_owned();
    for (line, quoted) in quote.asked.0.lines.iter().zip(&quote.priced.0.lines) {
        let code = &line.offering_code;
        let name = offerings.get(code).map_or(String::new(), |offering| format!("{} ", cell(&offering.name_zh)));
        let term = if line.term_months == 0 { String::new() } else { line.term_months.to_string() };
        for Charge { charge_kind, list_amount, net_amount, .. } in &quoted.charges {
            let kind = kind(ChargeKind::try_from(*charge_kind).unwrap_or_default(), &say);
            let (list, net) = (money(list_amount.as_ref()), money(net_amount.as_ref()));
            let _ = writeln!(text, "| {name}({code}) | {} | {term} | {kind} | {list} | {net} |", line.quantity);
        }
    }
    text
}

fn totals(quote: &Quote, say: impl Fn(&'static str, &'static str) -> &'static str) -> String {
    let mut text =
        say("| 收费方式 | 标准价 | 成交价 |\n|---|---|---|\n", "| Charged | List | Net |\n|---|---|---|\n").to_owned();
    for total in &quote.priced.0.totals {
        let (list, net) = (money(total.list_amount.as_ref()), money(total.net_amount.as_ref()));
        let _ = writeln!(text, "| {} | {list} | {net} |", kind(total.charge_kind(), &say));
    }
    let (list, net) = (quote.contract_list_amount.normalize(), quote.contract_net_amount.normalize());
    let (whole, currency) = (say("**合同期总计**", "**Whole term**"), &quote.currency_code);
    let _ = writeln!(text, "| {whole} | {currency} {list} | **{currency} {net}** |");
    text
}

fn concessions(concessions: &[Concession], say: impl Fn(&'static str, &'static str) -> &'static str) -> String {
    let mut text = String::new();
    for concession in concessions {
        let payer = match concession.payer {
            Payer::Operator => say("由我方承担", "paid by us"),
            Payer::Customer => say("由客户承担", "paid by the customer"),
            Payer::Shared => say("双方分担", "shared"),
        };
        let _ = writeln!(text, "- {} — {payer}", cell(&concession.text));
    }
    text
}

fn kind(kind: ChargeKind, say: impl Fn(&'static str, &'static str) -> &'static str) -> &'static str {
    match kind {
        ChargeKind::OneTime => say("一次性", "once"),
        ChargeKind::Monthly => say("每月", "monthly"),
        ChargeKind::Yearly => say("每年", "yearly"),
        ChargeKind::Usage => say("每月按用量", "monthly by use"),
        ChargeKind::Unspecified => "",
    }
}

fn money(money: Option<&Money>) -> String {
    money.map(|money| format!("{} {}", money.currency_code, money.amount)).unwrap_or_default()
}

/// A text of people on one line of a document, none of whose characters shapes the document.
fn cell(text: &str) -> String {
    let mut cell = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => cell.push(' '),
            '|' | '\\' | '*' | '_' | '[' | ']' | '<' | '`' | '#' => cell.extend(['\\', character]),
            _ => cell.push(character),
        }
    }
    cell
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_wrote_does_not_shape_the_document() {
        assert_eq!(cell("甲|乙\n# <b>"), "甲\\|乙 \\# \\<b>");
    }
}

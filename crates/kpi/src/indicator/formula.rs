//! Formulas: arithmetic of the Common Expression Language over measures, reckoned in decimals.

use std::collections::{BTreeMap, BTreeSet};

use cel::common::ast::{CallExpr, Expr, LiteralValue, operators};
use cel::parser::Parser;
use rust_decimal::Decimal;

use crate::measure::{Dimensionality, Measure};

/// Deepest nesting of parentheses: the parser recurses, and its own limit does not keep it from overflowing a stack of two megabytes.
const MAX_DEPTH: usize = 10;
/// Most measures of a formula.
const MAX_MEASURES: usize = 20;

/// A formula that was read.
#[derive(Clone, Debug)]
pub(crate) enum Formula {
    Number(Decimal),
    Measure(&'static Measure),
    Binary(Operator, Box<Formula>, Box<Formula>),
}

/// What joins two formulas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// What is wrong with a formula.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// It cannot be read, or has something that formulas do not have.
    Invalid(String),
    /// It names a measure that there is not.
    MeasureUnknown(String),
    /// It always divides by zero: the divisor.
    DivisorZero(String),
}

/// What the value of a formula is counted in; `None` for a mere number, and for what is divided by its like.
pub(crate) type Unit = Option<Dimensionality>;

impl Formula {
    /// Reads a formula, with everything that is wrong in it.
    pub(crate) fn read(text: &str) -> Result<Self, Vec<Wrong>> {
        check_characters(text).map_err(|problem| vec![Wrong::Invalid(problem)])?;
        let parsed = Parser::new().parse(text).map_err(|errors| {
            let said = |error: &cel::ParseError| error.msg.lines().next().unwrap_or_default().to_owned();
            vec![Wrong::Invalid(errors.errors.first().map(said).unwrap_or_default())]
        })?;
        let mut wrong = Vec::new();
        let formula = Self::of(&parsed.expr, &mut wrong);
        let formula = formula.filter(|_| wrong.is_empty()).ok_or(wrong)?;
        formula.check()?;
        Ok(formula)
    }

    fn of(expression: &Expr, wrong: &mut Vec<Wrong>) -> Option<Self> {
        match expression {
            Expr::Ident(code) => {
                let measure = Measure::of(code);
                if measure.is_none() {
                    wrong.push(Wrong::MeasureUnknown(code.clone()));
                }
                measure.map(Self::Measure)
            }
            Expr::Literal(literal) => {
                let number = number(literal);
                if number.is_none() {
                    wrong.push(Wrong::Invalid("a literal that is no number".to_owned()));
                }
                number.map(Self::Number)
            }
            Expr::Call(call) => Self::of_call(call, wrong),
            _ => {
                wrong.push(Wrong::Invalid("something that is neither measure, number nor arithmetic".to_owned()));
                None
            }
        }
    }

    fn of_call(call: &CallExpr, wrong: &mut Vec<Wrong>) -> Option<Self> {
        let operator = match call.func_name.as_str() {
            operators::ADD => Operator::Add,
            operators::SUBSTRACT | operators::NEGATE => Operator::Subtract,
            operators::MULTIPLY => Operator::Multiply,
            operators::DIVIDE => Operator::Divide,
            other => {
                wrong.push(Wrong::Invalid(format!("`{}` is no arithmetic", other.replace('_', ""))));
                return None;
            }
        };
        let mut sides = call.args.iter().map(|side| Self::of(&side.expr, wrong)).collect::<Vec<_>>().into_iter();
        match (sides.next(), sides.next()) {
            (Some(one), Some(other)) => Some(Self::Binary(operator, Box::new(one?), Box::new(other?))),
            (Some(one), None) => Some(Self::Binary(operator, Box::new(Self::Number(Decimal::ZERO)), Box::new(one?))),
            _ => None,
        }
    }

    fn check(&self) -> Result<(), Vec<Wrong>> {
        let count = self.measures().len();
        if count == 0 || count > MAX_MEASURES {
            return Err(vec![Wrong::Invalid(format!("it has {count} measures, not 1 to {MAX_MEASURES}"))]);
        }
        let zero: Vec<Wrong> = self.constant_zeros().into_iter().map(Wrong::DivisorZero).collect();
        if !zero.is_empty() {
            return Err(zero);
        }
        self.unit().map(|_| ()).map_err(|problem| vec![Wrong::Invalid(problem)])
    }

    /// Its measures, by code.
    pub(crate) fn measures(&self) -> Vec<&'static Measure> {
        let mut codes = BTreeSet::new();
        self.visit(&mut |formula| {
            if let Self::Measure(measure) = formula {
                codes.insert(measure.code);
            }
        });
        codes.into_iter().filter_map(Measure::of).collect()
    }

    fn visit<'a>(&'a self, seen: &mut impl FnMut(&'a Self)) {
        seen(self);
        if let Self::Binary(_, one, other) = self {
            one.visit(seen);
            other.visit(seen);
        }
    }

    /// Divisors without a measure that are zero.
    fn constant_zeros(&self) -> Vec<String> {
        let mut zeros = Vec::new();
        self.visit(&mut |formula| {
            if let Self::Binary(Operator::Divide, _, divisor) = formula
                && divisor.measures().is_empty()
                && divisor.value(&BTreeMap::new()).is_none_or(|value| value.is_zero())
            {
                zeros.push("0".to_owned());
            }
        });
        zeros
    }

    /// True where it divides by something that is counted: a rate or a mean, whose parts do not add up.
    pub(crate) fn divides(&self) -> bool {
        let mut divides = false;
        self.visit(&mut |formula| {
            if let Self::Binary(Operator::Divide, _, divisor) = formula {
                divides |= !divisor.measures().is_empty();
            }
        });
        divides
    }

    /// True where it has money: then its figures are one per currency.
    pub(crate) fn has_money(&self) -> bool {
        self.measures().iter().any(|measure| measure.counted_in == Dimensionality::Money)
    }

    /// What its value is counted in, or why it makes no sense.
    pub(crate) fn unit(&self) -> Result<Unit, String> {
        let (operator, one, other) = match self {
            Self::Number(_) => return Ok(None),
            Self::Measure(measure) => return Ok(Some(measure.counted_in)),
            Self::Binary(operator, one, other) => (*operator, one, other),
        };
        let (left, right) = (one.unit()?, other.unit()?);
        let is_number = |side: &Self| side.measures().is_empty();
        match operator {
            Operator::Add | Operator::Subtract if left == right || is_number(one) || is_number(other) => {
                Ok(left.or(right))
            }
            Operator::Add | Operator::Subtract => Err("what is counted in different units does not add up".to_owned()),
            Operator::Multiply if left.is_some() && right.is_some() => {
                Err("two measures cannot be multiplied".to_owned())
            }
            Operator::Multiply => Ok(left.or(right)),
            Operator::Divide if left == right => Ok(None),
            Operator::Divide => match (left, right) {
                (left, None | Some(Dimensionality::Count)) => Ok(left),
                _ => Err("only money or days by a count, and like by like, can be divided".to_owned()),
            },
        }
    }

    /// Its value by those of its measures, of which a missing one is zero; `None` where something is divided by zero or gets too large.
    pub(crate) fn value(&self, measures: &BTreeMap<String, Decimal>) -> Option<Decimal> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Measure(measure) => Some(measures.get(measure.code).copied().unwrap_or_default()),
            Self::Binary(operator, one, other) => {
                let (one, other) = (one.value(measures)?, other.value(measures)?);
                match operator {
                    Operator::Add => one.checked_add(other),
                    Operator::Subtract => one.checked_sub(other),
                    Operator::Multiply => one.checked_mul(other),
                    Operator::Divide => one.checked_div(other),
                }
            }
        }
    }
}

/// Refuses what the parser need not see: other characters than those of arithmetic, and deep nesting.
fn check_characters(text: &str) -> Result<(), String> {
    let mut depth = 0_usize;
    for character in text.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ' ' | '_' | '.' | '+' | '-' | '*' | '/' | '0'..='9' | 'a'..='z' | 'A'..='Z' => {}
            other => return Err(format!("`{}` is no part of arithmetic", other.escape_default())),
        }
        if depth > MAX_DEPTH {
            return Err(format!("parentheses are nested more than {MAX_DEPTH} deep"));
        }
    }
    Ok(())
}

fn number(literal: &LiteralValue) -> Option<Decimal> {
    match literal {
        LiteralValue::Int(number) => Some(Decimal::from(*number.inner())),
        LiteralValue::Double(number) => number.inner().to_string().parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str, measures: &[(&str, i64)]) -> Option<String> {
        let measures = measures.iter().map(|(code, value)| ((*code).to_owned(), Decimal::from(*value))).collect();
        Some(Formula::read(text).unwrap().value(&measures)?.round_dp(6).normalize().to_string())
    }

    #[test]
    fn a_formula_is_reckoned_in_decimals() {
        let won = [("opportunities_won", 4_238), ("opportunities_lost", 2_473)];
        let rate = "opportunities_won / (opportunities_won + opportunities_lost)";
        assert_eq!(value(rate, &won).as_deref(), Some("0.631501"));
        assert_eq!(value("won_value * 0.1 + won_value", &[("won_value", 3)]).as_deref(), Some("3.3"));
        assert_eq!(value("-accounts + 2 * members", &[("accounts", 3), ("members", 4)]).as_deref(), Some("5"));
        assert_eq!(value(rate, &[]), None, "a rate over nothing has no value");
    }

    #[test]
    fn everything_that_is_wrong_is_named() {
        let wrong = |text: &str| Formula::read(text).unwrap_err();
        let unknown = |code: &str| Wrong::MeasureUnknown(code.to_owned());
        assert_eq!(wrong("apples / pears"), [unknown("apples"), unknown("pears")]);
        assert_eq!(wrong("won_value / 0"), [Wrong::DivisorZero("0".to_owned())]);
        assert_eq!(wrong("won_value / (2 - 2)"), [Wrong::DivisorZero("0".to_owned())]);
        for text in [
            "",
            "1 + 1",
            "won_value +",
            "'text'",
            "won_value > 1",
            "[won_value]",
            "size(accounts)",
            "won_value + accounts",
            "accounts * members",
            "accounts / won_value",
            "accounts.x",
            &format!("{}accounts{}", "(".repeat(11), ")".repeat(11)),
            &format!("{}accounts", "(".repeat(10)),
        ] {
            let found = wrong(text);
            assert!(matches!(found.as_slice(), [Wrong::Invalid(_)]), "{text}: {found:?}");
        }
    }

    #[test]
    fn a_long_formula_is_read() {
        for text in [
            format!("{}accounts{}", "(".repeat(10), ")".repeat(10)),
            vec!["1"; 60].join("+") + " + accounts",
            "-".repeat(400) + "accounts",
        ] {
            assert!(Formula::read(&text).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_formula_has_a_unit() {
        let unit = |text: &str| Formula::read(text).unwrap().unit().unwrap();
        assert_eq!(unit("won_value / opportunities_won"), Some(Dimensionality::Money));
        assert_eq!(unit("(won_list_value - won_net_value) / won_list_value"), None);
        assert_eq!(unit("cycle_days_won / cycles_won"), Some(Dimensionality::Day));
        assert!(Formula::read("won_value / opportunities_won").unwrap().divides());
        assert!(!Formula::read("won_value / 1000").unwrap().divides());
    }
}

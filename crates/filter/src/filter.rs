//! A filter as a condition: grammar by `aip-160`, fields and types by the listing.

use aip_160::{Arg, Comparable, Expression, FilterError, Restriction, parse_filter};
use guanxi_grpc::{Violation, Violations};
use guanxi_proto::errors::v1::ErrorReason;

use crate::compare::{compare, quote};
use crate::listing::Field;
use crate::sql::Sql;

/// Longest filter in characters.
const MAX_CHARS: usize = 2_000;

/// Most comparisons in a filter: each is work for the planner. (The parser limits the depth.)
const MAX_COMPARISONS: usize = 50;

/// The condition of a filter, empty for an empty filter; or all that is wrong with it is noted.
pub(crate) fn compile(filter: &str, fields: &'static [Field], violations: &mut Violations) -> Option<Sql> {
    let expression = violations.keep(parse(filter))?;
    let mut checker = Checker { fields, violations: Vec::new() };
    let condition = expression.map_or_else(Sql::default, |expression| checker.expression(&expression));
    let right = checker.violations.is_empty();
    checker.violations.into_iter().for_each(|violation| violations.push(violation));
    right.then_some(condition)
}

fn parse(filter: &str) -> Result<Option<Expression>, Violation> {
    let length = filter.chars().count();
    if length > MAX_CHARS {
        return Err(syntax(format!("at most {MAX_CHARS} characters, got {length}")));
    }
    if filter.contains('\0') {
        return Err(syntax("the character U+0000 cannot be searched for".to_owned()));
    }
    let expression = parse_filter(filter).map_err(|error| syntax(problem(filter, error)))?.expression;
    match expression.as_ref().map_or(0, comparisons) {
        count if count > MAX_COMPARISONS => Err(syntax(format!("at most {MAX_COMPARISONS} comparisons, got {count}"))),
        _ => Ok(expression),
    }
}

fn comparisons(expression: &Expression) -> usize {
    match expression {
        Expression::And(parts) | Expression::Sequence(parts) | Expression::Or(parts) => {
            parts.iter().map(comparisons).sum()
        }
        Expression::Not(inner) => comparisons(inner),
        Expression::Restriction(_) | Expression::Global(_) => 1,
    }
}

/// The parser's finding, with the place in characters and the text there.
fn problem(filter: &str, error: FilterError) -> String {
    match error {
        FilterError::Syntax { offset, message } => match filter.split_at_checked(offset) {
            Some((before, rest)) if !rest.is_empty() => {
                let hint = if rest.starts_with(':') { "; a time stands in quotes" } else { "" };
                format!("{message} at character {}, {}{hint}", before.chars().count() + 1, quote(rest))
            }
            _ => message,
        },
        FilterError::TooDeep { limit } => format!("nested deeper than {limit} levels"),
        // The parser gives no others; they are from the conversion to SeaORM, which we do not use.
        _ => "not an AIP-160 filter".to_owned(),
    }
}

fn syntax(problem: String) -> Violation {
    Violation::new("filter", ErrorReason::FilterSyntax).with("problem", problem)
}

/// Goes through a filter. Where something is wrong it leaves a gap in the condition, which nobody will see then.
struct Checker {
    fields: &'static [Field],
    violations: Vec<Violation>,
}

impl Checker {
    fn expression(&mut self, expression: &Expression) -> Sql {
        match expression {
            // AIP-160: where values match exactly, blanks between comparisons mean AND.
            Expression::And(parts) | Expression::Sequence(parts) => self.join(parts, " and "),
            Expression::Or(parts) => self.join(parts, " or "),
            Expression::Not(inner) => Sql::new("not (").then(self.expression(inner)).text(")"),
            Expression::Restriction(restriction) => match self.restriction(restriction) {
                Ok(condition) => condition,
                Err(violation) => self.refuse(violation),
            },
            Expression::Global(term) => {
                let text = term.to_string();
                let hint = match text.to_ascii_uppercase().as_str() {
                    "AND" | "OR" | "NOT" => "AND, OR and NOT are written in capitals",
                    _ => "compare a field with it, and put a value with blanks in quotes",
                };
                self.refuse(syntax(format!("{} stands alone; {hint}", quote(&text))))
            }
        }
    }

    fn join(&mut self, parts: &[Expression], separator: &'static str) -> Sql {
        let parts: Vec<_> = parts.iter().map(|part| self.expression(part)).collect();
        Sql::new("(").then(Sql::join(parts, separator)).text(")")
    }

    fn refuse(&mut self, violation: Violation) -> Sql {
        self.violations.push(violation);
        Sql::default()
    }

    fn restriction(&self, restriction: &Restriction) -> Result<Sql, Violation> {
        let Comparable::Member(_) = &restriction.comparable else {
            return Err(syntax(format!("there is no function {}", quote(&restriction.comparable.to_string()))));
        };
        let path = restriction.comparable.field_path();
        let Some(field) = self.fields.iter().find(|field| path.as_deref() == Some(field.name)) else {
            let names: Vec<_> = self.fields.iter().map(|field| field.name).collect();
            return Err(Violation::new("filter", ErrorReason::FilterFieldUnknown)
                .with("value", restriction.comparable.to_string())
                .with("expected", names.join(", ")));
        };
        let Some((literal, quoted)) = literal(&restriction.arg) else {
            return Err(syntax(format!("{} is not a value", quote(&restriction.arg.to_string()))));
        };
        compare(field, restriction.comparator, &literal, quoted).map_err(|problem| {
            Violation::new("filter", ErrorReason::FilterType).with("value", field.name).with("problem", problem)
        })
    }
}

/// A value, and whether it stood in quotes. Without quotes it may have dots in it, which the grammar takes for a path.
fn literal(arg: &Arg) -> Option<(String, bool)> {
    match arg {
        Arg::Comparable(Comparable::Member(member)) => match arg.as_value() {
            Some(value) => Some((value.as_str().to_owned(), value.is_quoted())),
            None => member.field_path().map(|text| (text, false)),
        },
        Arg::Comparable(Comparable::Function(_)) | Arg::Composite(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;
    use crate::sample::ACCOUNTS;
    use time::macros::{date, datetime};
    use uuid::Uuid;

    fn sql(filter: &str) -> (String, Vec<Value>) {
        let mut violations = Violations::default();
        let compiled = compile(filter, ACCOUNTS.fields, &mut violations);
        compiled.unwrap_or_else(|| panic!("{filter}: {:?}", violations.into_inner())).render()
    }

    /// The reasons with their values.
    fn refused(filter: &str) -> Vec<(&'static str, Vec<String>)> {
        let mut violations = Violations::default();
        assert!(compile(filter, ACCOUNTS.fields, &mut violations).is_none(), "{filter} passes");
        let violations = violations.into_inner().into_iter();
        violations
            .map(|violation| {
                assert_eq!(violation.field, "filter");
                (violation.reason.name(), violation.values.into_iter().map(|(_, value)| value).collect())
            })
            .collect()
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn every_kind_has_its_operators() {
        let id = "0190a5c8-7d1e-7000-8000-000000000001";
        let ordered = |name: &str, literal: &str, column: &str, value: &Value| {
            for (operator, symbol) in [("=", "="), ("!=", "<>"), ("<", "<"), ("<=", "<="), (">", ">"), (">=", ">=")] {
                let expected = (format!("account.{column} {symbol} $1"), vec![value.clone()]);
                assert_eq!(sql(&format!("{name} {operator} {literal}")), expected);
            }
        };
        ordered("employee_count", "-42", "employee_count", &Value::Integer(-42));
        ordered("revenue", "-7.50", "revenue", &Value::Decimal("-7.50".parse().unwrap()));
        let instant = Value::Instant(datetime!(2025-01-31 00:00:00.25 UTC));
        ordered("create_time", "\"2025-01-31T08:00:00.25+08:00\"", "create_time", &instant);
        ordered("care_date", "2025-01-31", "care_date", &Value::Day(date!(2025 - 01 - 31)));
        for (filter, expected, value) in [
            ("tier = TIER_A", "account.tier = $1", text("a")),
            ("tier = A", "account.tier = $1", text("a")),
            ("tier != \"B_PLUS\"", "account.tier <> $1", text("b+")),
            ("listed = true", "account.listed = $1", Value::Boolean(true)),
            ("listed != false", "account.listed <> $1", Value::Boolean(false)),
            (&format!("parent.id = {id}"), "account.parent_id = $1", Value::Id(Uuid::try_parse(id).unwrap())),
            ("tags:\"5G 专网\"", "account.tags @> array[$1]", text("5G 专网")),
            ("tags:\"*\"", "account.tags @> array[$1]", text("*")),
        ] {
            assert_eq!(sql(filter), (expected.to_owned(), vec![value]), "{filter}");
        }
        for (filter, expected) in [
            ("tags:*", "coalesce(cardinality(account.tags), 0) > 0"),
            ("name:*", "account.name is not null"),
            ("parent.id:*", "account.parent_id is not null"),
            ("", ""),
            (" \n", ""),
        ] {
            assert_eq!(sql(filter), (expected.to_owned(), vec![]), "{filter}");
        }
    }

    #[test]
    fn a_field_that_the_caller_does_not_see_is_not_set() {
        let id = "0190a5c8-7d1e-7000-8000-000000000001";
        let value = Value::Id(Uuid::try_parse(id).unwrap());
        let filter = format!("owner.id = {id}");
        // Without a scope it is seen nowhere.
        assert_eq!(sql(&filter), ("case when false then account.owner_id end = $1".to_owned(), vec![value.clone()]));
        assert_eq!(sql("owner.id:*").0, "case when false then account.owner_id end is not null");
        let mut violations = Violations::default();
        let seen = compile(&filter, ACCOUNTS.fields, &mut violations)
            .unwrap()
            .seen_from(&[("33/".to_owned(), "330".to_owned())]);
        let expected = "case when (owner.path >= $1 and owner.path < $2) then account.owner_id end = $3".to_owned();
        assert_eq!(seen.clone().render(), (expected, vec![text("33/"), text("330"), value]));
        assert_eq!(sql("NOT owner.id:*").0, "not (case when false then account.owner_id end is not null)");
        let nothing = compile(&filter, ACCOUNTS.fields, &mut violations).unwrap().seen_from(&[]);
        assert!(nothing.render().0.starts_with("case when (false) then"));
        assert_eq!(refused("owner.id > 1")[0].0, "FILTER_TYPE");
    }

    #[test]
    fn texts_match_whole_at_an_end_or_anywhere_and_by_code_point() {
        for (filter, expected, value) in [
            ("name = www.华为.cn", "account.name = $1", "www.华为.cn"),
            ("name = \"a*b\"", "account.name = $1", "a*b"),
            ("name = 'it\\'s'", "account.name = $1", "it's"),
            ("name != a", "account.name <> $1", "a"),
            ("name = 华为*", "account.name like $1", "华为%"),
            ("name = \"*公司\"", "account.name like $1", "%公司"),
            ("name = *联通*", "account.name like $1", "%联通%"),
            ("name = *", "account.name like $1", "%"),
            ("name != \"**\"", "account.name not like $1", "%%"),
            ("name:\"100%_\\\\\"", "account.name like $1", r"%100\%\_\\%"),
            ("name:\"华为*\"", "account.name like $1", "华为%"),
            ("name < a", "account.name collate \"C\" < $1", "a"),
            ("name >= \"b*\"", "account.name collate \"C\" >= $1", "b*"),
        ] {
            assert_eq!(sql(filter), (expected.to_owned(), vec![text(value)]), "{filter}");
        }
    }

    #[test]
    fn or_binds_tighter_than_and() {
        for (filter, expected) in [
            ("#1 AND #2 OR #3", "(#1 and (#2 or #3))"),
            ("#1 OR #2 AND #3", "((#1 or #2) and #3)"),
            ("(#1 AND #2) OR #3", "((#1 and #2) or #3)"),
            ("#1 #2 OR #3", "(#1 and (#2 or #3))"),
            ("NOT #1 OR -#2 AND #3", "((not (#1) or not (#2)) and #3)"),
            ("NOT (#1 AND #2) #3", "(not ((#1 and #2)) and #3)"),
        ] {
            let expected = expected.replace('#', "account.employee_count = $");
            assert_eq!(
                sql(&filter.replace('#', "employee_count = ")),
                (expected, [1, 2, 3].map(Value::Integer).to_vec()),
                "{filter}"
            );
        }
    }

    #[test]
    fn what_is_sent_never_becomes_text_of_the_statement() {
        for attack in
            ["'; drop table account; --", "$1", "x\\'); --", "华为\u{2019}", "a\"b", "$$", "/**/ or true", "\u{1}"]
        {
            let quoted = format!("\"{}\"", attack.replace('\\', "\\\\").replace('"', "\\\""));
            assert_eq!(sql(&format!("name = {quoted}")), ("account.name = $1".to_owned(), vec![text(attack)]));
            assert_eq!(refused(&format!("tier = {quoted}"))[0].0, "FILTER_TYPE");
            assert_ne!(refused(&format!("{quoted} = 1"))[0].0, "FILTER_TYPE");
        }
        assert_eq!(sql("name = a;--"), ("account.name = $1".to_owned(), vec![text("a;--")]));
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_its_place() {
        let long = format!("name = {}", "a".repeat(MAX_CHARS));
        let many = vec!["name = a"; MAX_COMPARISONS + 1].join(" ");
        let deep = format!("{}name = a{}", "(".repeat(40), ")".repeat(40));
        for (filter, expected) in [
            ("name =", "unexpected end of filter"),
            ("名 = = b", "expected a value at character 5, \"= b\""),
            ("name = a)", "unexpected input at character 9, \")\""),
            ("(name = a", "expected ')'"),
            ("name = \"a", "unterminated string at character 8, \"\"a\""),
            (
                "create_time > 2025-01-31T08:00:00Z",
                "unexpected input at character 28, \":00:00Z\"; a time stands in quotes",
            ),
            ("name = a AND", "unexpected keyword AND at character 10, \"AND\""),
            ("华为", "\"华为\" stands alone; compare a field with it, and put a value with blanks in quotes"),
            (
                "name = China Mobile",
                "\"Mobile\" stands alone; compare a field with it, and put a value with blanks in quotes",
            ),
            ("name = a and", "\"and\" stands alone; AND, OR and NOT are written in capitals"),
            ("now()", "\"now()\" stands alone; compare a field with it, and put a value with blanks in quotes"),
            ("lower(name) = a", "there is no function \"lower(name)\""),
            ("tier = (A OR B)", "\"(A OR B)\" is not a value"),
            ("name = lower(a)", "\"lower(a)\" is not a value"),
            ("name = \"a\0\"", "the character U+0000 cannot be searched for"),
            (&long, "at most 2000 characters, got 2007"),
            (&many, "at most 50 comparisons, got 51"),
            (&deep, "nested deeper than 32 levels"),
        ] {
            assert_eq!(refused(filter)[0], ("FILTER_SYNTAX", vec![expected.to_owned()]), "{filter}");
        }
    }

    #[test]
    fn a_comparison_that_the_field_does_not_have_is_refused() {
        let equality = "only = and !=, or :* for any value";
        let list = "only : and an element, or :* for a list that is not empty";
        for (filter, field, problem) in [
            ("tier = C", "tier", "\"C\" is none of A, B, B_PLUS"),
            ("tier = tier_a", "tier", "\"tier_a\" is none of A, B, B_PLUS"),
            ("tier > A", "tier", equality),
            ("tier:A", "tier", equality),
            ("listed >= true", "listed", equality),
            ("listed = yes", "listed", "\"yes\" is not true or false"),
            ("parent.id < a", "parent.id", equality),
            ("parent.id = a", "parent.id", "\"a\" is not an id (UUID)"),
            ("employee_count = 1.5", "employee_count", "\"1.5\" is not a whole number"),
            ("employee_count = 9223372036854775808", "employee_count", "\"9223372036854775808\" is not a whole number"),
            ("employee_count:1", "employee_count", "only =, !=, <, <=, > and >=, or :* for any value"),
            ("revenue = 1_000", "revenue", "\"1_000\" is not a decimal number such as 12.50"),
            ("revenue = 1e3", "revenue", "\"1e3\" is not a decimal number such as 12.50"),
            (
                "create_time > 2025-01-31",
                "create_time",
                "\"2025-01-31\" is not an RFC 3339 time such as \"2025-01-31T08:00:00Z\"",
            ),
            ("care_date = 2025-02-29", "care_date", "\"2025-02-29\" is not a date such as 2025-01-31"),
            ("care_date = -9999-01-01", "care_date", "\"-9999-01-01\" is not a date such as 2025-01-31"),
            ("care_date = 2025-1-31", "care_date", "\"2025-1-31\" is not a date such as 2025-01-31"),
            ("tags = a", "tags", list),
            ("tags != a", "tags", list),
            (
                "care_date = 一二三四五六七八九十一二三四五六七八九十一二三四五六",
                "care_date",
                "\"一二三四五六七八九十一二三四五六七八九十一二三四…\" is not a date such as 2025-01-31",
            ),
        ] {
            assert_eq!(refused(filter), [("FILTER_TYPE", vec![field.to_owned(), problem.to_owned()])], "{filter}");
        }
    }

    #[test]
    fn everything_that_is_wrong_comes_at_once() {
        let names = "name, tier, employee_count, revenue, listed, create_time, care_date, parent.id, owner.id, tags";
        let unknown = |name: &str| ("FILTER_FIELD_UNKNOWN", vec![name.to_owned(), names.to_owned()]);
        let mistyped = ("FILTER_TYPE", vec!["tier".to_owned(), "\"Z\" is none of A, B, B_PLUS".to_owned()]);
        let found = refused("state = A AND (NOT tier = Z OR name = a) AND -parent = 1 \"name\" = a");
        assert_eq!(found, [unknown("state"), mistyped, unknown("parent"), unknown("\"name\"")]);
    }
}

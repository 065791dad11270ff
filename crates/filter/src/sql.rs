//! Statements put together from text of the program and bound values.

use sqlx::postgres::PgArguments;
use sqlx::types::Decimal;
use sqlx::{Arguments, AssertSqlSafe, Error, PgConnection, Postgres};
use time::{Date, OffsetDateTime};
use uuid::Uuid;

/// A value that a statement binds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `text`.
    Text(String),
    /// `bigint`.
    Integer(i64),
    /// `numeric`.
    Decimal(Decimal),
    /// `boolean`.
    Boolean(bool),
    /// `timestamptz`.
    Instant(OffsetDateTime),
    /// `date`.
    Day(Date),
    /// `uuid`.
    Id(Uuid),
}

impl Value {
    fn bind(self, arguments: &mut PgArguments) -> Result<(), Error> {
        match self {
            Self::Text(value) => arguments.add(value),
            Self::Integer(value) => arguments.add(value),
            Self::Decimal(value) => arguments.add(value),
            Self::Boolean(value) => arguments.add(value),
            Self::Instant(value) => arguments.add(value),
            Self::Day(value) => arguments.add(value),
            Self::Id(value) => arguments.add(value),
        }
        .map_err(Error::Encode)
    }
}

/// A part of a statement. Its text is `&'static str` all through: nothing that was sent to us can get into it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sql(Vec<Piece>);

#[derive(Clone, Debug)]
enum Piece {
    Text(&'static str),
    Value(Value),
    /// Whether the path in a column lies in a scope that is not known yet.
    Sight(&'static str),
}

impl Sql {
    /// Begins with a text.
    pub(crate) fn new(text: &'static str) -> Self {
        Self::default().text(text)
    }

    /// Goes on with a text.
    pub(crate) fn text(mut self, text: &'static str) -> Self {
        self.0.push(Piece::Text(text));
        self
    }

    /// Goes on with a bound value.
    pub(crate) fn value(mut self, value: Value) -> Self {
        self.0.push(Piece::Value(value));
        self
    }

    /// Goes on with the condition that the path in a column lies in the caller's scope.
    pub(crate) fn sight(mut self, path: &'static str) -> Self {
        self.0.push(Piece::Sight(path));
        self
    }

    /// Fills in the scope, as ranges of paths.
    pub(crate) fn seen_from(self, ranges: &[(String, String)]) -> Self {
        let pieces = self.0.into_iter().flat_map(|piece| match piece {
            Piece::Sight(path) => Self::new("(").then(Self::within(path, ranges)).text(")").0,
            piece => vec![piece],
        });
        Self(pieces.collect())
    }

    /// The condition that the path in a column lies in one of the ranges.
    pub(crate) fn within(path: &'static str, ranges: &[(String, String)]) -> Self {
        let ranges = ranges.iter().map(|(low, high)| {
            let from = Self::new(path).text(" >= ").value(Value::Text(low.clone()));
            from.text(" and ").text(path).text(" < ").value(Value::Text(high.clone()))
        });
        let within = Self::join(ranges, " or ");
        if within.is_empty() { Self::new("false") } else { within }
    }

    /// Goes on with another part.
    pub(crate) fn then(mut self, next: Self) -> Self {
        self.0.extend(next.0);
        self
    }

    /// The parts that are not empty, with a text between them.
    pub(crate) fn join(parts: impl IntoIterator<Item = Self>, separator: &'static str) -> Self {
        parts.into_iter().filter(|part| !part.is_empty()).fold(Self::default(), |joined, part| {
            if joined.is_empty() { part } else { joined.text(separator).then(part) }
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text with `$1`, `$2`, ... and the values in their order.
    pub(crate) fn render(self) -> (String, Vec<Value>) {
        let (mut text, mut values) = (String::new(), Vec::new());
        for piece in self.0 {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Value(value) => {
                    values.push(value);
                    text.push('$');
                    text.push_str(&values.len().to_string());
                }
                // Of a caller that nobody said the scope of, nothing is seen.
                Piece::Sight(_) => text.push_str("false"),
            }
        }
        (text, values)
    }

    fn prepare(self) -> Result<(AssertSqlSafe<String>, PgArguments), Error> {
        let (text, values) = self.render();
        let mut arguments = PgArguments::default();
        for value in values {
            value.bind(&mut arguments)?;
        }
        // Safe, because a `Sql` holds no text but that of the program.
        Ok((AssertSqlSafe(text), arguments))
    }

    /// The rows that the statement gives.
    pub(crate) async fn rows(self, connection: &mut PgConnection) -> Result<Vec<sqlx::postgres::PgRow>, Error> {
        let (text, arguments) = self.prepare()?;
        sqlx::query_with::<Postgres, _>(text, arguments).fetch_all(connection).await
    }

    /// The one number that the statement gives.
    pub(crate) async fn number(self, connection: &mut PgConnection) -> Result<i64, Error> {
        let (text, arguments) = self.prepare()?;
        sqlx::query_scalar_with::<Postgres, i64, _>(text, arguments).fetch_one(connection).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_numbered_in_their_order_wherever_the_parts_come_from() {
        let part = |text, number| Sql::new(text).text(" = ").value(Value::Integer(number));
        let either = Sql::join([part("a", 7), Sql::default(), part("b", 8)], " or ");
        let (text, values) =
            Sql::new("select 1 where ").then(part("c", 9)).text(" and (").then(either).text(")").render();
        assert_eq!(text, "select 1 where c = $1 and (a = $2 or b = $3)");
        assert_eq!(values, [9, 7, 8].map(Value::Integer));
    }
}

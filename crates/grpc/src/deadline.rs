//! Deadlines: a handler ends shortly before its caller stops waiting.

use std::time::Duration;

use http::HeaderMap;
use tokio::time::Instant;

/// An answer needs a tenth of the time, within these bounds, to reach the caller before it stops waiting.
const LEAST_MARGIN: Duration = Duration::from_millis(20);
const LARGEST_MARGIN: Duration = Duration::from_millis(100);
/// For unary calls that name no deadline.
const DEFAULT: Duration = Duration::from_secs(30);
/// What a further call gets that is made when no time is left: it is made all the same, and ends in the usual way.
const LEAST: Duration = Duration::from_millis(1);
/// The longest that a unary call may take, whatever its caller allows.
const LONGEST: Duration = Duration::from_mins(5);

/// How long the handler may work: what the caller allows, less the way back. Streams without a deadline have no end.
pub(crate) fn allowed(headers: &HeaderMap, streaming: bool) -> Option<Duration> {
    match headers.get("grpc-timeout").and_then(|value| value.to_str().ok()).and_then(parse) {
        Some(timeout) if streaming => Some(within(timeout)),
        Some(timeout) => Some(within(timeout.min(LONGEST))),
        None if streaming => None,
        None => Some(DEFAULT),
    }
}

/// How long a further call of a handler may take whose own time is over at `due`: what is left, less the way back.
pub(crate) fn left(due: Option<Instant>) -> Duration {
    due.map_or(DEFAULT, |due| within(due.saturating_duration_since(Instant::now()).min(LONGEST)).max(LEAST))
}

fn within(timeout: Duration) -> Duration {
    let margin = (timeout / 10).clamp(LEAST_MARGIN, LARGEST_MARGIN);
    timeout.saturating_sub(margin).max(timeout / 2)
}

/// Reads a `grpc-timeout`: at most 8 digits and a unit.
fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(count * 3_600),
        "M" => Duration::from_secs(count * 60),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handler_has_a_little_less_than_its_caller() {
        let of = |text: &str, streaming| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", text.parse().unwrap());
            allowed(&headers, streaming)
        };
        assert_eq!(of("50m", false), Some(Duration::from_millis(30)));
        assert_eq!(of("10m", false), Some(Duration::from_millis(5)));
        assert_eq!(of("2S", true), Some(Duration::from_millis(1_900)));
        assert_eq!(of("99999999H", false), LONGEST.checked_sub(LARGEST_MARGIN));
        for nonsense in ["", "S", "5", "123456789S", "5x", "-5S"] {
            assert_eq!(of(nonsense, false), Some(DEFAULT), "{nonsense}");
        }
        assert_eq!(allowed(&HeaderMap::new(), true), None);
    }

    #[tokio::test]
    async fn a_further_call_has_a_little_less_than_what_is_left() {
        let now = Instant::now();
        let left_of_ten = left(Some(now + Duration::from_secs(10)));
        assert!(left_of_ten > Duration::from_secs(5) && left_of_ten <= Duration::from_millis(9_900), "{left_of_ten:?}");
        assert_eq!(left(Some(now)), LEAST);
        assert_eq!(left(None), DEFAULT);
    }
}

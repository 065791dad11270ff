//! `guanxi token`: who somebody is and what they may do, signed.

use std::error::Error;
use std::fmt::Write as _;

use guanxi_auth::{EVERYWHERE, Grant, ROLES, Role};

use crate::cluster::Place;
use crate::terminal::say;

/// Make a token for somebody: the text after `authorization: Bearer`.
///
/// A token says who its bearer is (the employee number) and which roles they hold in which territories; a role in a
/// territory covers everything below it. The token is signed with the people's key of the cluster and cannot be taken
/// back before it expires, so keep it short-lived. It alone goes to standard output.
#[derive(clap::Args)]
#[command(after_long_help = examples())]
pub(crate) struct Arguments {
    /// Employee number of the bearer, as accounts name their manager, for example 10023
    #[arg(long, value_name = "EMPLOYEE", value_parser = subject)]
    subject: String,
    /// A role; goes with the --territory at the same place in the order
    #[arg(long = "role", value_name = "ROLE", required = true, value_parser = role)]
    roles: Vec<Role>,
    /// Code of the territory in which the role is held; '*' is the whole tree
    #[arg(long = "territory", value_name = "CODE", required = true, value_parser = territory)]
    territories: Vec<String>,
    /// How long the token is good: a number with s, m, h or d
    #[arg(long, value_name = "DURATION", default_value = "12h", value_parser = duration)]
    ttl: time::Duration,
    #[command(flatten)]
    place: Place,
}

/// The longest life of a token.
const LONGEST: time::Duration = time::Duration::days(366);

fn examples() -> String {
    format!(
        "Roles:\n{}\n
Examples:
  guanxi token --subject admin --role administrator --territory '*'
  guanxi token --subject 10023 --role account_manager --territory 440305 --ttl 8h
  guanxi token --subject 10007 --role supervisor --territory 440300 --role analyst --territory 440000
  export GUANXI_TOKEN=$(guanxi token --subject 10023 --role director --territory 44)",
        role_table()
    )
}

fn role_table() -> String {
    ROLES.iter().fold(String::new(), |mut table, entry| {
        let separator = if table.is_empty() { "" } else { "\n" };
        let _ = write!(table, "{separator}  {:<16} {} ({})", entry.name, entry.zh, entry.en);
        table
    })
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let (roles, territories) = (&arguments.roles, &arguments.territories);
    if roles.len() != territories.len() {
        let (roles, territories) = (roles.len(), territories.len());
        return Err(format!(
            "{roles} --role but {territories} --territory: every role needs its own, in the same order"
        )
        .into());
    }
    let grants = roles.iter().zip(territories);
    let grants = grants.map(|(&role, code)| Grant { role, territory_code: code.clone() }).collect();
    say(&arguments.place.token_for(&arguments.subject, grants, arguments.ttl)?);
    Ok(())
}

fn subject(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > 255 || text.contains(char::is_control) {
        return Err("an employee number has 1 to 255 bytes".to_owned());
    }
    if text.starts_with(guanxi_auth::SERVICE_PREFIX) {
        return Err("people's tokens cannot speak for a service: it signs its own".to_owned());
    }
    Ok(text.to_owned())
}

fn role(name: &str) -> Result<Role, String> {
    name.parse().map_err(|error| format!("{error}; the roles are\n{}", role_table()))
}

fn territory(code: &str) -> Result<String, String> {
    let is_code = !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_code || code == EVERYWHERE {
        return Ok(code.to_owned());
    }
    Err("a code has letters, digits and `_` only; '*', in quotes, is the whole tree".to_owned())
}

/// Reads `12h`.
fn duration(text: &str) -> Result<time::Duration, String> {
    let number = |unit: char| text.strip_suffix(unit)?.parse::<u32>().ok().map(i64::from);
    let duration = number('s')
        .map(time::Duration::seconds)
        .or_else(|| number('m').map(time::Duration::minutes))
        .or_else(|| number('h').map(time::Duration::hours))
        .or_else(|| number('d').map(time::Duration::days));
    match duration {
        Some(duration) if duration.is_positive() && duration <= LONGEST => Ok(duration),
        Some(_) => Err("between 1s and 366d".to_owned()),
        None => Err("a number with s, m, h or d, for example 30m or 12h".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_with_a_unit() {
        assert_eq!(duration("90s"), Ok(time::Duration::seconds(90)));
        assert_eq!(duration("30m"), Ok(time::Duration::minutes(30)));
        assert_eq!(duration("12h"), Ok(time::Duration::hours(12)));
        assert_eq!(duration("366d"), Ok(time::Duration::days(366)));
        for wrong in ["", "h", "12", "-1h", "0s", "367d", "1w", "１h", "99999999999h"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_unknown_role_is_answered_with_all_of_them_in_chinese() {
        let error = role("boss").unwrap_err();
        assert!(error.contains("no role `boss`"), "{error}");
        assert!(ROLES.iter().all(|entry| error.contains(entry.name) && error.contains(entry.zh)), "{error}");
    }

    #[test]
    fn a_territory_is_a_code_or_everything() {
        assert_eq!(territory("440305"), Ok("440305".to_owned()));
        assert_eq!(territory("*"), Ok("*".to_owned()));
        for wrong in ["", "44*", "深圳", "44 03"] {
            assert!(territory(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn people_do_not_speak_for_services() {
        assert!(subject("service:kpi").is_err());
        assert!(subject("").is_err());
        assert_eq!(subject("10023"), Ok("10023".to_owned()));
    }
}

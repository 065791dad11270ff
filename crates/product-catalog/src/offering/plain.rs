//! Offerings of which a price book says no more than what they are called and where they belong.

use guanxi_db::PgConnection;
use guanxi_events::NewEvent;
use guanxi_resource::{Error, Resource};
use time::OffsetDateTime;

use super::model::Offering;
use super::{convert, store};

/// An offering that does not exist yet.
pub(crate) struct Plain {
    pub(crate) code: String,
    pub(crate) name_zh: String,
    pub(crate) name_en: Option<String>,
    pub(crate) category_code: String,
}

/// Creates and publishes offerings, with their events. The caller holds their categories; as they need nothing, they need not wait for
/// what else is published.
pub(crate) async fn publish_plain(
    connection: &mut PgConnection,
    plain: Vec<Plain>,
    now: OffsetDateTime,
) -> Result<Vec<NewEvent>, Error> {
    if plain.is_empty() {
        return Ok(Vec::new());
    }
    let (mut events, mut offerings) = (Vec::new(), Vec::new());
    for Plain { code, name_zh, name_en, category_code } in plain {
        let blank = Offering::blank(guanxi_db::new_id(now), now);
        let draft = Offering { code, name_zh, name_en, category_codes: vec![category_code], ..blank };
        let mut published = draft.published(Vec::new(), now)?;
        published.stamp().advance(now);
        events.push(convert::event("offering.created", None, &draft));
        events.push(convert::event("offering.published", Some(&draft), &published));
        offerings.push(published);
    }
    store::insert(connection, &offerings).await?;
    Ok(events)
}

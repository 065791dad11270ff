//! What people call the parts of a break-down.

use std::collections::BTreeMap;

use guanxi_db::PgConnection;
use guanxi_proto::r#type::v1::LocalizedText;

/// Names by dimension and key, the newest of each.
#[derive(Default)]
pub(super) struct Names(BTreeMap<(&'static str, String), (LocalizedText, i64)>);

impl Names {
    /// Notes a name; the higher rank is the newer one.
    pub(super) fn note(&mut self, dimension: &'static str, key: String, name: LocalizedText, rank: i64) {
        let known = self.0.entry((dimension, key)).or_insert_with(|| (name.clone(), rank));
        if known.1 <= rank {
            *known = (name, rank);
        }
    }

    /// Writes those that are newer than what is there.
    pub(super) async fn save(self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        if self.0.is_empty() {
            return Ok(());
        }
        let (mut dimensions, mut keys, mut zh, mut en, mut ranks) = (vec![], vec![], vec![], vec![], vec![]);
        for ((dimension, key), (name, rank)) in self.0 {
            dimensions.push(dimension.to_owned());
            keys.push(key);
            zh.push(name.zh);
            en.push(Some(name.en).filter(|name| !name.is_empty()));
            ranks.push(rank);
        }
        sqlx::query_scalar!(
            "insert into kpi.name (dimension, key, name_zh, name_en, rank) select dimension, key, name_zh, name_en, rank \
             from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[]) as new (dimension, key, name_zh, name_en, rank) \
             on conflict (dimension, key) do update set name_zh = excluded.name_zh, name_en = excluded.name_en, rank = excluded.rank \
             where excluded.rank >= name.rank returning 1 as \"one!\"",
            &dimensions,
            &keys,
            &zh,
            &en as _,
            &ranks,
        )
        .fetch_all(connection)
        .await?;
        Ok(())
    }
}

//! What can be configured on an offering. The noun follows; until then every configuration is taken as it is.
use std::collections::BTreeMap;
pub(crate) fn configure(
    _: &[guanxi_proto::product_catalog::v1::Characteristic],
    values: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Vec<String>> {
    Ok(values.clone())
}

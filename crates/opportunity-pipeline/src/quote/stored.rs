//! Messages of product-catalog as they are kept: the bytes of the wire, since what was asked and answered is evidence and no model of ours.

use prost::Message;
use serde::{Serialize, Serializer};
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgTypeInfo, PgValueRef};
use sqlx::{Decode, Postgres, Type};

/// A message in a column of type `bytea`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Stored<M>(pub(super) M);

impl<M> Type<Postgres> for Stored<M> {
    fn type_info() -> PgTypeInfo {
        <[u8] as Type<Postgres>>::type_info()
    }
}

impl<'r, M: Message + Default> Decode<'r, Postgres> for Stored<M> {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        let bytes = <&[u8] as Decode<'r, Postgres>>::decode(value)?;
        Ok(Self(M::decode(bytes)?))
    }
}

/// In the format that Postgres reads `bytea` from.
impl<M: Message> Serialize for Stored<M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let bytes = self.0.encode_to_vec();
        let mut text = String::with_capacity(2 + 2 * bytes.len());
        text.push_str("\\x");
        for byte in bytes {
            text.push(DIGITS[usize::from(byte >> 4)].into());
            text.push(DIGITS[usize::from(byte & 15)].into());
        }
        serializer.serialize_str(&text)
    }
}

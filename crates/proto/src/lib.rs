//! Generated messages, stubs and server traits of every service, and the descriptor set they came from. No logic lives here.
#![expect(
    missing_docs,
    clippy::pedantic,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "generated code; the protos carry the comments"
)]

use std::sync::LazyLock;

use prost_reflect::DescriptorPool;

/// The encoded `FileDescriptorSet` with options and comments kept, for reflection and for tools.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptor_set.bin"));

/// The descriptor set, decoded once.
pub static DESCRIPTOR_POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the bytes were decoded at build time")]
    DescriptorPool::decode(DESCRIPTOR_SET).expect("the descriptor set was checked when it was built")
});

mod generated {
    include!(concat!(env!("OUT_DIR"), "/guanxi.rs"));
}

pub use generated::guanxi::*;

/// A message with fields about a person, `(guanxi.auth.v1.personal)`. Made from the option, so that none is forgotten.
pub trait Personal: Default {
    /// All of them, each with its name.
    fn personal(&mut self) -> Vec<(&'static str, &mut String)>;
}

/// A request that may be repeated: it has a `request_id`.
pub trait Repeatable: prost::Message {
    /// The caller's id of the request; empty for none.
    fn request_id(&self) -> &str;
}

/// A request that changes one resource: it has an `id`, an `etag` and a `request_id`.
pub trait Verb: Repeatable {
    /// The resource.
    fn id(&self) -> &str;
    /// The version that the caller read; empty for any.
    fn etag(&self) -> &str;
}

/// A request for a page of a list. What a method does not offer is `false`.
pub trait Paged {
    /// Rows of the page; 0 for the default.
    fn page_size(&self) -> i32;
    /// Where to go on; empty for the first page.
    fn page_token(&self) -> &str;
    /// AIP-160 filter.
    fn filter(&self) -> &str;
    /// Order; empty for the default.
    fn order_by(&self) -> &str;
    /// True for deleted ones too.
    fn show_deleted(&self) -> bool;
    /// True to count all rows.
    fn with_total(&self) -> bool;
}

include!(concat!(env!("OUT_DIR"), "/traits.rs"));

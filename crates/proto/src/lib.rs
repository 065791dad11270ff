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

include!(concat!(env!("OUT_DIR"), "/personal.rs"));

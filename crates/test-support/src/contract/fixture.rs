//! How a method is called on a resource inside the caller's territories and on one outside them.

use serde_json::Value as Json;

/// A part of the tree: a city with a county in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The code of the city.
    pub city: &'static str,
    /// The code of the county.
    pub county: &'static str,
}

/// Where the callers of the matrix have their grants.
pub const INSIDE: Place = Place { city: "440300", county: "440305" };
/// Where they have none.
pub const OUTSIDE: Place = Place { city: "330100", county: "330106" };

/// What a caller that may call the method gets for a resource outside its territories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside {
    /// The refusal that there is no such resource.
    NotFound,
    /// An answer in which this list is empty.
    Empty(&'static str),
    /// An answer that rejects the row because something that it names is not there.
    RowRejected,
    /// It has no territory: whatever the caller's, only grants at the root of the tree are enough, and others are refused for this reason.
    RootOnly(&'static str),
    /// The same as inside: the method shows nothing that lies in a territory.
    Same,
}

/// How one method is called.
pub struct Fixture<N> {
    /// `<Service>/<Method>`.
    pub method: &'static str,
    /// What has to be there before.
    pub needs: N,
    /// The request, as protobuf JSON, for what is there.
    pub request: fn(Place, &str) -> Json,
    /// What there is of it for a caller from elsewhere.
    pub outside: Outside,
}

/// A line of a table of fixtures.
pub const fn fixture<N>(
    method: &'static str,
    needs: N,
    outside: Outside,
    request: fn(Place, &str) -> Json,
) -> Fixture<N>
where
    N: Copy,
{
    Fixture { method, needs, request, outside }
}

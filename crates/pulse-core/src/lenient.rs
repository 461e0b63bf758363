//! Helpers for wire types that must accept what other programs send: `null` for an empty list, and the like.

use serde::{Deserialize, Deserializer};

/// Reads `null` as the type's default. Go programs send `null` for an empty list or map.
pub fn null_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

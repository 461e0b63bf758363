//! Matching paths against patterns, and parameters against what a call knows.

/// A call of an API.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<C: 'static> {
    /// Path with its named parts as `{name}`.
    pub(super) pattern: &'static str,
    /// Parameters it takes besides those of the path.
    pub(super) parameters: &'static [&'static str],
    /// What answers.
    pub(super) call: C,
}

/// A call with the named parts of its path.
#[derive(Debug)]
pub(super) struct Found<C> {
    pub(super) call: C,
    pub(super) parameters: &'static [&'static str],
    parts: Vec<(&'static str, String)>,
}

impl<C> Found<C> {
    pub(super) fn part(&self, name: &str) -> &str {
        self.parts.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value)
    }

    /// The first parameter that the call does not know.
    pub(super) fn unknown_parameter<'a>(&self, query: &'a [(String, String)]) -> Option<&'a str> {
        query.iter().map(|(name, _)| name.as_str()).find(|name| !self.parameters.contains(name))
    }
}

/// The call a path stands for.
pub(super) fn find<C: Copy>(table: &'static [Known<C>], path: &str) -> Option<Found<C>> {
    table.iter().find_map(|known| {
        let mut wanted = known.pattern.split('/');
        let mut given = path.split('/');
        let mut parts = Vec::new();
        loop {
            match (wanted.next(), given.next()) {
                (None, None) => {
                    return Some(Found { call: known.call, parameters: known.parameters, parts });
                }
                (Some(pattern), Some(part)) => {
                    match pattern.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                        Some(name) => parts.push((name, part.to_owned())),
                        None if pattern == part => {}
                        None => return None,
                    }
                }
                _ => return None,
            }
        }
    })
}

/// A parameter by name.
pub(super) fn parameter<'a>(query: &'a [(String, String)], name: &str) -> Option<&'a str> {
    query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

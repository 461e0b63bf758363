//! Parts of a poll that have a switch of their own.

/// A part of a poll that has its own switch and may fail on its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Polled<T> {
    /// The operator does not want it.
    #[default]
    Off,
    /// It could not be read: keep what is known.
    Failed,
    /// It was read.
    Read(T),
}

impl<T> Polled<T> {
    /// What is known now: what was read, else what was known before.
    pub fn or_previous(self, previous: Option<T>) -> Option<T> {
        match self {
            Self::Off => None,
            Self::Failed => previous,
            Self::Read(value) => Some(value),
        }
    }

    /// What was read.
    pub fn read(self) -> Option<T> {
        match self {
            Self::Read(value) => Some(value),
            Self::Off | Self::Failed => None,
        }
    }
}

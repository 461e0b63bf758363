//! The credentials of an instance: user and password or a token, and how one takes the place of the other.

use pulse_core::model::InstanceKind;

use crate::{NodeEdit, Secret};

/// User and password, or a token.
#[derive(Debug, Clone, Default)]
pub(crate) struct Auth {
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Secret>,
    pub(crate) token_name: Option<String>,
    pub(crate) token_value: Option<Secret>,
}

impl Auth {
    /// The credentials of a new instance; `None` where there is no whole pair.
    pub(crate) fn new(edit: &NodeEdit, kind: InstanceKind) -> Option<Self> {
        let said = Self::said(edit);
        if said.token_name.is_some() && said.token_value.is_some() {
            // A token speaks for itself; only PVE shows the user beside it.
            let user = if kind == InstanceKind::Pve { said.user } else { None };
            return Some(Self { user, password: None, ..said });
        }
        let user = with_realm(said.user?, kind);
        Some(Self { user: Some(user), password: Some(said.password?), token_name: None, token_value: None })
    }

    fn said(edit: &NodeEdit) -> Self {
        Self {
            user: given(edit.user.as_ref()).map(str::to_owned),
            password: edit.password.clone().filter(|secret| !secret.is_empty()),
            token_name: given(edit.token_name.as_ref()).map(str::to_owned),
            token_value: edit.token_value.clone().filter(|secret| !secret.is_empty()),
        }
    }

    /// What the credentials become: a token takes the place of a password and the other way round, and what was
    /// not said stays. `None` where what was said leaves no whole pair.
    pub(crate) fn changed(self, edit: &NodeEdit, kind: InstanceKind) -> Option<Self> {
        let said = Self::said(edit);
        if said.token_name.is_some() || said.token_value.is_some() {
            return Some(Self {
                user: if kind == InstanceKind::Pve { said.user.or(self.user) } else { None },
                password: None,
                token_name: Some(said.token_name.or(self.token_name)?),
                token_value: Some(said.token_value.or(self.token_value)?),
            });
        }
        if said.user.is_none() && said.password.is_none() {
            return Some(self);
        }
        let user = said.user.or(self.user).map(|user| with_realm(user, kind));
        let Some(password) = said.password.or(self.password) else {
            // A user alone cannot take the token's place; beside one only PVE shows it.
            let user = if kind == InstanceKind::Pve { user } else { None };
            return Some(Self {
                user,
                password: None,
                token_name: self.token_name,
                token_value: self.token_value,
            });
        };
        Some(Self { user: Some(user?), password: Some(password), token_name: None, token_value: None })
    }
}

fn with_realm(user: String, kind: InstanceKind) -> String {
    let realm = match kind {
        InstanceKind::Pve => "pam",
        InstanceKind::Pbs => "pbs",
        InstanceKind::Pmg => "pmg",
    };
    if user.contains('@') { user } else { format!("{user}@{realm}") }
}

/// What was really said: text that is not blank.
pub(crate) fn given(text: Option<&String>) -> Option<&str> {
    text.map(|text| text.trim()).filter(|text| !text.is_empty())
}

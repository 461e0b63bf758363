//! What the server wants done with containers, as it stands in its answer to a report (contract B-09 §4).

use serde::Deserialize;

/// Commands taken from one answer; the server sends one.
const MAX_COMMANDS: usize = 8;

/// One command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    /// Its id, to acknowledge it by.
    pub(crate) id: String,
    /// What is wanted.
    pub(crate) kind: CommandKind,
}

/// What a command wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CommandKind {
    /// No more reports of containers.
    Stop,
    /// A container is to be moved to its newest image.
    UpdateContainer {
        /// Which.
        container_id: String,
    },
    /// All registries are to be asked anew.
    CheckUpdates,
    /// Nothing that this agent knows.
    Unknown(String),
}

/// The commands in an answer to a report.
pub(crate) fn commands_of(answer: &[u8]) -> Vec<Command> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Answer {
        commands: Option<Vec<Given>>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Given {
        id: String,
        #[serde(rename = "type")]
        kind: String,
        payload: Option<Payload>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Payload {
        container_id: String,
    }
    let answer: Answer = serde_json::from_slice(answer).unwrap_or_default();
    answer
        .commands
        .unwrap_or_default()
        .into_iter()
        .filter(|given| !given.id.is_empty())
        .take(MAX_COMMANDS)
        .map(|given| Command {
            id: given.id,
            kind: match given.kind.as_str() {
                "stop" => CommandKind::Stop,
                "check_updates" => CommandKind::CheckUpdates,
                "update_container" => CommandKind::UpdateContainer {
                    container_id: given.payload.unwrap_or_default().container_id,
                },
                other => CommandKind::Unknown(other.to_owned()),
            },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_from_an_answer_and_answers_without_any_have_none() {
        let answer = br#"{"success":true,"commands":[{"id":"u:abc","type":"update_container",
            "payload":{"containerId":"abc","containerName":"web"}},{"id":"2","type":"check_updates"},
            {"id":"3","type":"dance"},{"type":"stop"}]}"#;
        let kinds: Vec<CommandKind> = commands_of(answer).into_iter().map(|command| command.kind).collect();
        assert_eq!(
            kinds,
            [
                CommandKind::UpdateContainer { container_id: "abc".into() },
                CommandKind::CheckUpdates,
                CommandKind::Unknown("dance".into())
            ]
        );
        assert!(commands_of(b"{}").is_empty() && commands_of(b"<html>").is_empty());
        assert!(commands_of(br#"{"commands":null}"#).is_empty());
    }
}

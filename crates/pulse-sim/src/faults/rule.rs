//! A fault: which calls it concerns, when it strikes them, and what happens.

use serde::{Deserialize, Serialize};

use super::Effect;
use crate::figures::{derive, unit};

/// One thing that goes wrong.
///
/// Patterns may have `*` in them, which stands for any characters. `node` concerns every effect; the other patterns, and
/// how often, concern the effects on single calls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Node it concerns: the node that answers, or for the effects that take a node away, that node.
    #[serde(default = "everything")]
    pub node: String,
    /// Node the call is about, whichever one answers it.
    #[serde(default = "everything", skip_serializing_if = "is_everything")]
    pub about: String,
    /// Method.
    #[serde(default = "everything", skip_serializing_if = "is_everything")]
    pub method: String,
    /// Path, behind `/api2/json`; slashes are characters as others.
    #[serde(default = "everything")]
    pub path: String,
    /// Query as it was sent, without the question mark.
    #[serde(default = "everything", skip_serializing_if = "is_everything")]
    pub query: String,
    /// Who asks, or says so: `token:user@realm!name`, `ticket:user@realm`, or `nobody`.
    #[serde(default = "everything", skip_serializing_if = "is_everything")]
    pub identity: String,
    /// How often it strikes; for ever when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// With which probability a call is struck, 0 to 1. The same calls in the same order are struck each time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// Only every n-th of the calls it concerns is struck, the first one being the n-th.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    /// It holds from so many seconds after it was added, by the simulation's clock. What strikes once, when it is added,
    /// does not wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_seconds: Option<u64>,
    /// It holds for so many seconds from then on; for ever when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_seconds: Option<u64>,
    /// What happens.
    pub effect: Effect,
}

fn everything() -> String {
    "*".to_owned()
}

fn is_everything(pattern: &str) -> bool {
    pattern == "*"
}

/// A call, as faults look at it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    /// Node that answers.
    pub(crate) node: &'a str,
    /// Node it is about.
    pub(crate) about: &'a str,
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) identity: &'a str,
}

impl Fault {
    /// A fault that strikes every request on every node until it is removed.
    pub fn new(effect: Effect) -> Self {
        Self {
            node: everything(),
            about: everything(),
            method: everything(),
            path: everything(),
            query: everything(),
            identity: everything(),
            times: None,
            probability: None,
            every: None,
            after_seconds: None,
            for_seconds: None,
            effect,
        }
    }

    /// Limits it to a node.
    #[must_use]
    pub fn on_node(mut self, pattern: &str) -> Self {
        pattern.clone_into(&mut self.node);
        self
    }

    /// Limits it to paths.
    #[must_use]
    pub fn on_path(mut self, pattern: &str) -> Self {
        pattern.clone_into(&mut self.path);
        self
    }

    /// Limits it to who asks.
    #[must_use]
    pub fn for_identity(mut self, pattern: &str) -> Self {
        pattern.clone_into(&mut self.identity);
        self
    }

    /// Limits how often it strikes.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Strikes a share of the calls.
    #[must_use]
    pub fn with_probability(mut self, probability: f64) -> Self {
        self.probability = Some(probability);
        self
    }

    /// Strikes every n-th call.
    #[must_use]
    pub fn every(mut self, nth: u64) -> Self {
        self.every = Some(nth);
        self
    }

    /// Limits it to a time, in seconds after it was added.
    #[must_use]
    pub fn between(mut self, after_seconds: u64, for_seconds: u64) -> Self {
        (self.after_seconds, self.for_seconds) = (Some(after_seconds), Some(for_seconds));
        self
    }

    /// What is wrong with it, if anything.
    pub fn check(&self) -> Result<(), String> {
        if let Some(share) = self.probability.filter(|share| !(0.0..=1.0).contains(share)) {
            return Err(format!("a probability is 0 to 1, not {share}"));
        }
        if self.every == Some(0) {
            return Err("`every` counts from 1: every first call is every call".to_owned());
        }
        self.effect.check()
    }

    /// Whether it concerns a call, how often aside.
    pub(super) fn concerns(&self, question: &Question<'_>) -> bool {
        let Question { node, about, method, path, query, identity } = *question;
        self.effect.strikes_requests()
            && glob(&self.node, node)
            && glob(&self.about, about)
            && glob(&self.method, method)
            && glob(&self.path, path)
            && glob(&self.query, query)
            && glob(&self.identity, identity)
    }

    /// Whether it holds so many seconds after it was added.
    pub(super) fn holds(&self, elapsed_seconds: u64) -> bool {
        let begin = self.after_seconds.unwrap_or(0);
        elapsed_seconds >= begin && self.for_seconds.is_none_or(|length| elapsed_seconds - begin < length)
    }

    /// Whether what it does to others than single calls depends on the time.
    pub(super) fn is_timed(&self) -> bool {
        (self.after_seconds.is_some() || self.for_seconds.is_some()) && !self.effect.strikes_requests()
    }

    /// Whether it strikes the call that is the `seen`-th of those it concerns, from 1.
    pub(super) fn picks(&self, id: u64, seen: u64) -> bool {
        self.every.is_none_or(|nth| seen.is_multiple_of(nth.max(1)))
            && self.probability.is_none_or(|share| chance(id, seen) < share)
    }
}

/// A number from 0 to 1 that is the same for the same call of the same fault.
pub(super) fn chance(id: u64, seen: u64) -> f64 {
    unit(derive(derive(id, 0xFA01), seen))
}

/// Whether `text` fits `pattern`, in which `*` stands for any characters, slashes included.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(head) else {
        return false;
    };
    let mut parts: Vec<_> = rest.split('*').collect();
    // What follows the last star must be the end; the parts in between may match as early as they like.
    let Some(tail) = parts.pop() else { return true };
    for part in parts {
        let Some(found) = text.find(part) else { return false };
        text = &text[found + part.len()..];
    }
    text.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_a_reader_expects() {
        for (pattern, text, expect) in [
            ("*", "", true),
            ("*", "/nodes", true),
            ("/nodes", "/nodes", true),
            ("/nodes", "/nodes/pve1", false),
            ("/nodes/*/status", "/nodes/pve1/status", true),
            ("/nodes/*/status", "/nodes/pve1/qemu/100/status", true),
            ("/nodes/*/status", "/nodes/pve1/status/x", false),
            ("/a*b*b", "/ab", false),
            ("/a*b*b", "/abb", true),
            ("pve1", "pve10", false),
            ("pve1*", "pve10", true),
        ] {
            assert_eq!(glob(pattern, text), expect, "{pattern} {text}");
        }
    }

    #[test]
    fn a_fault_reads_as_people_write_it() {
        let fault: Fault = serde_json::from_str(
            r#"{"node":"pve2","path":"/nodes/*","times":3,"effect":{"kind":"status","code":500,"text":"no"}}"#,
        )
        .unwrap();
        let expect = Fault::new(Effect::Status { code: 500, text: "no".into() });
        assert_eq!(fault, expect.on_node("pve2").on_path("/nodes/*").times(3));
        assert!(serde_json::from_str::<Fault>(r#"{"effect":{"kind":"explode"}}"#).is_err());
        let fault: Fault = serde_json::from_str(
            r#"{"identity":"token:*","probability":0.25,"every":3,"after_seconds":60,"for_seconds":30,
                "effect":{"kind":"storage_hang","storage":"nas"}}"#,
        )
        .unwrap();
        let effect = Effect::StorageHang { storage: "nas".into(), ms: 30_000 };
        let expect = Fault::new(effect).for_identity("token:*").with_probability(0.25).every(3);
        assert_eq!(fault, expect.between(60, 30));
    }

    #[test]
    fn a_share_of_the_calls_is_struck_and_every_nth_one() {
        let fault = Fault::new(Effect::Reset).with_probability(0.3);
        let struck = (1..=10_000).filter(|seen| fault.picks(7, *seen)).count();
        assert!((2_800..3_200).contains(&struck), "{struck}");
        let again = (1..=10_000).filter(|seen| fault.picks(7, *seen)).count();
        assert_eq!(struck, again);
        let third = Fault::new(Effect::Reset).every(3);
        assert_eq!((1..=9).filter(|seen| third.picks(1, *seen)).collect::<Vec<_>>(), [3, 6, 9]);
        assert!(Fault::new(Effect::Reset).with_probability(1.5).check().is_err());
        assert!(Fault::new(Effect::Reset).with_probability(f64::NAN).check().is_err());
        assert!(Fault::new(Effect::Reset).every(0).check().is_err());
    }

    #[test]
    fn a_window_opens_and_closes() {
        let fault = Fault::new(Effect::Hang).between(60, 30);
        assert_eq!([0, 59, 60, 89, 90].map(|second| fault.holds(second)), [false, false, true, true, false]);
        assert!(Fault::new(Effect::Hang).holds(0));
    }
}

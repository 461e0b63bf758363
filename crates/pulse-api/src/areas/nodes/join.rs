//! What a host that registers itself may change of what is configured: nothing on its own word alone.

use http::StatusCode;
use pulse_config::{AnyInstance, NodeError, PveInstance, Registration, Replacing};
use pulse_core::{ids::InstanceName, model::FailureClass};
use pulse_monitor::probe::{ProbeError, ProbeReport};

use super::{PROBE_TIME, add, in_time, refused, update};
use crate::{error::ApiError, state::AppState};

/// What a registration may replace whose credential may only report: the credentials of the instance it speaks of, where
/// that instance accepts the new token. That it does only an administrator of that very host can bring about, who is who
/// installs the agent there once more; whoever merely has a token of this server cannot.
pub(crate) async fn what_it_may_replace(
    state: &AppState,
    registration: &Registration,
) -> Result<Replacing, ApiError> {
    let Some(known) = state.nodes.current().replaced_by(registration).map_err(refused)? else {
        return Ok(Replacing::Nothing);
    };
    let kept = |why: &str| {
        let error = NodeError::CredentialsKept(known.name().clone());
        ApiError::text(
            StatusCode::FORBIDDEN,
            format!("{error}. A reinstalled agent replaces its own, but {why}"),
        )
    };
    if registration.normalised_host().map_err(refused)? != known.host() {
        return Err(kept("the address is another one"));
    }
    let Some(asked) = registration.on(&known) else {
        return Err(kept("the new token is of another user"));
    };
    let accepted = match &asked {
        AnyInstance::Pve(pve) => in_time(&pve.host, PROBE_TIME, state.probe.pve(pve)).await.map(|_| ()),
        AnyInstance::Pbs(pbs) => in_time(&pbs.host, PROBE_TIME, state.probe.pbs(pbs)).await.map(|_| ()),
        AnyInstance::Pmg(_) => Err("a mail gateway knows no tokens".to_owned()),
    };
    accepted.map_err(|why| kept(&format!("that node does not accept the new token: {why}")))?;
    tracing::info!(node.name = %known.name(), "the node itself accepts the new token of its agent");
    Ok(Replacing::Proven { name: known.name().clone(), host: known.host().to_owned() })
}

/// Whether a PVE host that registers itself belongs to a cluster that is configured already: then nothing new is made.
///
/// Its word is not enough: the members of a cluster get the cluster's credentials, so whether it is one is what the
/// configured cluster itself says, asked with what is trusted of it. One that does not answer now is believed to have
/// it, and nothing is taken over from the newcomer. One that refuses the credentials kept for it is asked with the new
/// token, which takes their place if the cluster accepts it: an agent that was removed took its token with it, and the
/// one on another member brings the next.
pub(crate) async fn merge_into_cluster(
    state: &AppState,
    registration: &Registration,
    may_replace: bool,
) -> Result<Option<add::Merged>, ApiError> {
    let host = registration.normalised_host().map_err(refused)?;
    if state.nodes.current().check_host(registration.kind, &host, None).is_err() {
        return Ok(None);
    }
    let Ok(AnyInstance::Pve(pve)) = registration.instance() else { return Ok(None) };
    let Some(report) = asked(state, &pve).await.ok().filter(|report| report.is_cluster) else {
        return Ok(None);
    };
    let Some(known) = add::known_cluster(&state.nodes.current(), &report) else { return Ok(None) };
    let (own, is_replaced) = match asked(state, &known).await {
        Ok(own) => (own, false),
        Err(FailureClass::Authentication) => {
            match asked_with_new(state, &known, registration, may_replace).await {
                Some(own) => (own, true),
                None => return Ok(Some(add::Merged::unchanged(&known))),
            }
        }
        Err(_) => return Ok(Some(add::Merged::unchanged(&known))),
    };
    if !own.endpoints.iter().any(|member| add::is_member(member, &host, pve.fingerprint.as_deref())) {
        return Ok(None);
    }
    let replacement = is_replaced.then(|| at_the_cluster(registration, &known));
    if is_replaced {
        tracing::info!(node.name = %known.name, "the cluster refused its token and accepts that of this member");
    }
    update(state.nodes.clone(), move |config| {
        if let Some((registration, name)) = replacement {
            let host = registration.host.clone();
            config.register(&registration, &Replacing::Proven { name, host })?;
        }
        Ok(add::merge_members(config, &own))
    })
    .await
}

/// What the cluster says to the new token, where that may take the place of the one it refuses.
async fn asked_with_new(
    state: &AppState,
    known: &PveInstance,
    registration: &Registration,
    may_replace: bool,
) -> Option<ProbeReport> {
    let known = AnyInstance::Pve(Box::new(known.clone()));
    let changed = if may_replace { Some(registration.on_as_anyone(&known)) } else { registration.on(&known) };
    let Some(AnyInstance::Pve(changed)) = changed else { return None };
    asked(state, &changed).await.ok()
}

/// The registration as one of the configured cluster itself, at its own address.
fn at_the_cluster(registration: &Registration, known: &PveInstance) -> (Registration, InstanceName) {
    (Registration { host: known.host.clone(), ..registration.clone() }, known.name.clone())
}

async fn asked(state: &AppState, instance: &PveInstance) -> Result<ProbeReport, FailureClass> {
    match tokio::time::timeout(PROBE_TIME, state.probe.pve(instance)).await {
        Ok(answer) => answer.map_err(|ProbeError { class, .. }| class),
        Err(_) => Err(FailureClass::Timeout),
    }
}

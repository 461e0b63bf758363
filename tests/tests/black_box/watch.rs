//! The one-second view: Proxmox is asked more often while somebody looks, and only then.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::{SinkExt, StreamExt};
use pulse_e2e::process::{eventually, scratch};
use pulse_e2e::programs::{Server, ServerOptions, Sim, SimOptions, TOKEN};
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::PATIENCE;

/// A running container: the polls never ask for its status by itself.
fn container(server: &Server) -> Result<String> {
    server.state_with(PATIENCE, |state| {
        let running = state["containers"].as_array()?.iter().find(|guest| guest["status"] == "running")?;
        Some(running["id"].as_str()?.to_owned())
    })
}

/// How often containers were asked for their own status.
fn asked(sim: &Sim) -> Result<u64> {
    let counters = sim.control().get("/counters")?.expect_status(200)?.json()?;
    let paths = counters["paths"].as_object().context("no paths in the counters")?;
    let looks = paths.iter().filter(|(path, _)| path.contains("/lxc/{vmid}/status/current"));
    Ok(looks.filter_map(|(_, count)| count.as_u64()).sum())
}

#[tokio::test]
async fn what_is_looked_at_is_asked_for_every_second_until_nobody_looks_any_more() -> Result<()> {
    let data = scratch()?;
    let mut server = ServerOptions::new(data.path())?.argument("--no-local-host").start()?;
    server.set_up()?;
    let sim = Sim::start(SimOptions { nodes: 2, guests: 12 })?;
    server.admin().post("/api/config/nodes", &sim.as_node("lab"))?.expect_status(201)?;
    let id = container(&server)?;
    ensure!(asked(&sim)? == 0, "containers are asked for their status though nobody looks");

    let mut request = format!("ws://{}/ws?stream=delta", server.address).into_client_request()?;
    request.headers_mut().insert("X-API-Token", TOKEN.parse()?);
    let mut socket = connect_async(request).await?.0;
    let look =
        |ids: &[&str]| Message::Text(json!({"type": "watch", "data": {"ids": ids}}).to_string().into());
    // What is not there is no error, and what is there is not kept from being watched by it.
    socket.send(look(&["no such guest", &id])).await?;
    let (mut figures, began) = (Vec::new(), Instant::now());
    let four = async {
        while figures.len() < 4 {
            let message = socket.next().await.context("the socket was closed")??;
            let Message::Text(text) = message else { continue };
            let message: Value = serde_json::from_str(&text)?;
            if message["type"] == "watched" {
                figures.push(message["data"].clone());
            }
        }
        anyhow::Ok(())
    };
    timeout(PATIENCE, four).await.context("no figures every second")??;
    assert!(began.elapsed() >= Duration::from_secs(2), "more often than once a second: {figures:?}");
    for each in &figures {
        assert_eq!(each["id"], id.as_str());
        assert!(each["fields"]["cpu"].is_number(), "{each}");
    }
    // Unknown is absent: the first look has nothing to compute a rate from.
    assert!(figures[0]["fields"].get("networkIn").is_none(), "{}", figures[0]);
    let looks = asked(&sim)?;
    assert!(looks >= 4, "{looks} looks");

    socket.send(look(&[])).await?;
    quiet(&sim, "after looking away")?;
    socket.send(look(&[&id])).await?;
    eventually(PATIENCE, || {
        let now = asked(&sim)?;
        ensure!(now > looks + 2, "{now} looks");
        Ok(())
    })?;
    // A browser that goes says nothing.
    drop(socket);
    quiet(&sim, "after the socket was closed")
}

/// Nothing is asked for three seconds on end.
fn quiet(sim: &Sim, when: &str) -> Result<()> {
    let mut since = (asked(sim)?, Instant::now());
    eventually(PATIENCE, || {
        let now = asked(sim)?;
        if now != since.0 {
            since = (now, Instant::now());
        }
        ensure!(since.1.elapsed() > Duration::from_secs(3), "{now} looks {when}");
        Ok(())
    })
}

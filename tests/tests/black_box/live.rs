//! The live channel, as a client of the original uses it.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use pulse_e2e::process::scratch;
use pulse_e2e::programs::{Server, ServerOptions, Sim, SimOptions, TOKEN};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::PATIENCE;
use crate::cluster::guests;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(server: &Server, headers: &[(&'static str, &str)]) -> Result<Socket, Error> {
    let mut request = format!("ws://{}/ws", server.address).into_client_request()?;
    for (name, value) in headers {
        let value = value.parse().map_err(|_| Error::AttackAttempt)?;
        request.headers_mut().insert(*name, value);
    }
    Ok(connect_async(request).await?.0)
}

/// The next message of one of these types, passing over others.
async fn next(socket: &mut Socket, types: &[&str]) -> Result<Value> {
    let wanted = async {
        loop {
            let message = socket.next().await.context("the socket was closed")??;
            let Message::Text(text) = message else { continue };
            let message: Value = serde_json::from_str(&text)?;
            if types.iter().any(|wanted| message["type"] == *wanted) {
                return Ok(message);
            }
        }
    };
    match timeout(PATIENCE, wanted).await {
        Ok(message) => message,
        Err(_) => bail!("none of {types:?} within {PATIENCE:?}"),
    }
}

fn server(data: &tempfile::TempDir) -> Result<Server> {
    let mut server = ServerOptions::new(data.path())?.argument("--no-local-host").start()?;
    server.set_up()?;
    Ok(server)
}

#[tokio::test]
async fn a_client_of_the_original_is_welcomed_and_kept_up_to_date() -> Result<()> {
    let data = scratch()?;
    let server = server(&data)?;
    let mut socket = connect(&server, &[("X-API-Token", TOKEN)]).await?;
    let welcome = next(&mut socket, &["welcome", "initialState", "rawData"]).await?;
    assert_eq!(welcome["type"], "welcome", "{welcome}");
    assert_eq!(welcome["data"]["orgId"], "default");
    let initial = next(&mut socket, &["initialState", "rawData"]).await?;
    assert_eq!(initial["type"], "initialState");
    assert_eq!(guests(&initial["data"], 0).map(|all| all.len()), Some(0));

    let sim = Sim::start(SimOptions { nodes: 2, guests: 9 })?;
    server.admin().post("/api/config/nodes", &sim.as_node("lab"))?.expect_status(201)?;
    let seen = timeout(PATIENCE, async {
        loop {
            let update = next(&mut socket, &["rawData"]).await?;
            if guests(&update["data"], 9).is_some() {
                return anyhow::Ok(());
            }
        }
    });
    seen.await.context("the guests of the new cluster did not arrive")??;
    Ok(())
}

#[tokio::test]
async fn a_client_may_ask_and_may_talk_nonsense() -> Result<()> {
    let data = scratch()?;
    let server = server(&data)?;
    let mut socket = connect(&server, &[("Authorization", &format!("Bearer {TOKEN}"))]).await?;
    socket.send(Message::text("this is not JSON")).await?;
    socket.send(Message::text(json!({"type": "noSuchType", "data": [1, 2]}).to_string())).await?;
    socket.send(Message::text(json!({"type": "ping"}).to_string())).await?;
    let pong = next(&mut socket, &["pong"]).await?;
    assert!(pong["data"]["timestamp"].as_i64().is_some_and(|seconds| seconds > 1_700_000_000), "{pong}");
    socket.send(Message::text(json!({"type": "requestData"}).to_string())).await?;
    let answer = next(&mut socket, &["rawData"]).await?;
    assert!(answer["data"]["nodes"].is_array(), "{answer}");
    Ok(())
}

#[tokio::test]
async fn without_credentials_there_is_no_socket() -> Result<()> {
    let data = scratch()?;
    let server = server(&data)?;
    for headers in [&[][..], &[("X-API-Token", "wrong")]] {
        match connect(&server, headers).await {
            Err(Error::Http(answer)) => assert_eq!(answer.status(), 401),
            other => bail!("an answer of 401 was expected, not {other:?}"),
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_page_of_another_site_gets_no_socket() -> Result<()> {
    let data = scratch()?;
    let server = server(&data)?;
    let own = format!("http://{}", server.address);
    connect(&server, &[("X-API-Token", TOKEN), ("Origin", &own)]).await?;
    match connect(&server, &[("X-API-Token", TOKEN), ("Origin", "https://evil.example.com")]).await {
        Err(Error::Http(answer)) => assert_eq!(answer.status(), 403),
        other => bail!("an answer of 403 was expected, not {other:?}"),
    }
    Ok(())
}

#[tokio::test]
async fn sockets_are_closed_when_the_server_stops() -> Result<()> {
    let data = scratch()?;
    let mut server = server(&data)?;
    let mut socket = connect(&server, &[("X-API-Token", TOKEN)]).await?;
    next(&mut socket, &["welcome"]).await?;
    let stopped = tokio::task::spawn_blocking(move || server.process.terminate(Duration::from_secs(20)));
    let closed = timeout(PATIENCE, async { while let Some(Ok(_)) = socket.next().await {} }).await;
    assert!(closed.is_ok(), "the socket stays open");
    assert!(stopped.await??.success());
    Ok(())
}

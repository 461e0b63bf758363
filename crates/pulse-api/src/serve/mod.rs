//! The listener: takes connections, encrypts them where it has a certificate, bounds how long a request may take to begin,
//! and stops politely.

mod tls;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body};
use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;

pub use tls::{Tls, TlsError};

use crate::auth::{Peer, SecureTransport};

/// A client gets this long for the head of a request, and as long for the handshake before it.
const HEAD_DEADLINE: Duration = Duration::from_secs(15);

/// Connections at once; more wait in the kernel's queue.
const CONNECTIONS: usize = 10_000;

/// The first byte of a TLS handshake.
const HANDSHAKE: u8 = 0x16;

/// What somebody reads who asks the encrypted port in plain text.
const WRONG_SCHEME: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 63\r\nConnection: close\r\n\r\nThis port speaks HTTPS: begin the address with https:// please\n";

/// Serves until `stop`; returns when every connection has ended or `grace` is over.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    app: Router,
    stop: CancellationToken,
    grace: Duration,
) {
    let connections = TaskTracker::new();
    let permits = Arc::new(tokio::sync::Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = permits.clone().acquire_owned().await else { return };
        let (socket, peer) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, for instance: others may end meanwhile.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        // Live frames are small and must not wait for more.
        let _ = socket.set_nodelay(true);
        let (app, stop, tls) = (app.clone(), stop.clone(), tls.clone());
        connections.spawn(async move {
            match tls {
                None => converse(socket, peer, false, app, stop).await,
                Some(tls) => greet(socket, peer, &tls, app, stop).await,
            }
            drop(permit);
        });
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(grace, connections.wait()).await.is_err() {
        tracing::warn!(connections = connections.len(), "some connections did not end in time");
    }
}

/// The handshake, then as without one.
async fn greet(mut socket: TcpStream, peer: SocketAddr, tls: &Tls, app: Router, stop: CancellationToken) {
    let handshake = async {
        let mut first = [0];
        if socket.peek(&mut first).await? == 1 && first[0] != HANDSHAKE {
            // Read first: a socket that closes with unread bytes takes its last words back.
            let mut head = [0; 1024];
            let _ = socket.read(&mut head).await?;
            socket.write_all(WRONG_SCHEME).await?;
            socket.shutdown().await?;
            return Ok(None);
        }
        tls.acceptor().accept(socket).await.map(Some)
    };
    let outcome = tokio::select! {
        () = stop.cancelled() => return,
        outcome = tokio::time::timeout(HEAD_DEADLINE, handshake) => outcome,
    };
    match outcome {
        Ok(Ok(Some(socket))) => converse(socket, peer, true, app, stop).await,
        Ok(Ok(None)) | Err(_) => {}
        // Scanners, and browsers that do not trust the certificate yet.
        Ok(Err(error)) => tracing::debug!(%error, "a handshake failed"),
    }
}

/// Answers the requests of one connection.
async fn converse(
    socket: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    is_encrypted: bool,
    app: Router,
    stop: CancellationToken,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        if is_encrypted {
            request.extensions_mut().insert(SecureTransport);
        }
        app.clone().oneshot(request)
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    // Not `pipeline_flush`: with it no limit holds, and a body is buffered whole however slowly it is read.
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_DEADLINE).max_buf_size(64 * 1024);
    let connection = http.serve_connection(TokioIo::new(socket), service).with_upgrades();
    tokio::pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        tracing::trace!(%error, "a connection ended early");
    }
}

//! Opens the listeners and keeps them as the faults want them: open, silent, closed, or showing another certificate.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Site, connection};
use crate::{SimError, faults::Line, options::check_loopback};

/// Where every machine listens, with the sockets ready.
pub(crate) struct Doors {
    pub(crate) addresses: Vec<SocketAddr>,
    listeners: Vec<TcpListener>,
}

impl Doors {
    /// Binds `count` listeners: the first at `first`, the others at the next addresses on the same port.
    pub(crate) async fn bind(first: SocketAddr, count: usize) -> Result<Self, SimError> {
        check_loopback(first)?;
        // With port 0 the port that is free on the first address may be taken on another one.
        let tries = if first.port() == 0 { 20 } else { 1 };
        let mut last = None;
        for _ in 0..tries {
            match Self::try_bind(first, count).await {
                Ok(doors) => return Ok(doors),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| SimError::Options("no listener was asked for".into())))
    }

    async fn try_bind(first: SocketAddr, count: usize) -> Result<Self, SimError> {
        let mut doors = Self { addresses: Vec::with_capacity(count), listeners: Vec::with_capacity(count) };
        let mut port = first.port();
        for index in 0..count {
            let wanted = SocketAddr::new(further(first.ip(), index)?, port);
            let failed = |source| SimError::Listen { address: wanted, source };
            let listener = TcpListener::bind(wanted).await.map_err(failed)?;
            let address = listener.local_addr().map_err(failed)?;
            port = address.port();
            doors.addresses.push(address);
            doors.listeners.push(listener);
        }
        Ok(doors)
    }
}

/// The address `index` places behind `ip`.
fn further(ip: IpAddr, index: usize) -> Result<IpAddr, SimError> {
    let next = match ip {
        IpAddr::V4(ip) => IpAddr::from((u32::from(ip).saturating_add(index as u32)).to_be_bytes()),
        same @ IpAddr::V6(_) => same,
    };
    check_loopback(SocketAddr::new(next, 0))?;
    Ok(next)
}

/// Serves every door until `stop`.
pub(crate) fn open(site: &Arc<Site>, doors: Doors, tasks: &TaskTracker, stop: &CancellationToken) {
    for (host, (listener, address)) in doors.listeners.into_iter().zip(doors.addresses).enumerate() {
        let (site, tasks, stop) = (Arc::clone(site), tasks.clone(), stop.clone());
        tasks.clone().spawn(async move { keep(site, host, listener, address, tasks, stop).await });
    }
}

async fn keep(
    site: Arc<Site>,
    host: usize,
    listener: TcpListener,
    address: SocketAddr,
    tasks: TaskTracker,
    stop: CancellationToken,
) {
    let mut changes = site.faults.watch();
    let mut listener = Some(listener);
    let mut line = Line::Open;
    let mut certificate = site.hosts[host].identity.current().fingerprint;
    // Connections live as long as this: a listener that closes takes them along, as a daemon that dies would.
    let mut connections = stop.child_token();
    loop {
        let version = *changes.borrow_and_update();
        let wanted = site.faults.line(&site.hosts[host].name);
        let shown = site.hosts[host].identity.current();
        if wanted != line || shown.fingerprint != certificate {
            connections.cancel();
            connections = stop.child_token();
            (line, certificate) = (wanted, shown.fingerprint);
        }
        if line == Line::Closed {
            listener = None;
        } else if listener.is_none() {
            match TcpListener::bind(address).await {
                Ok(bound) => listener = Some(bound),
                Err(error) => tracing::warn!(%address, %error, "cannot listen again; trying once a second"),
            }
        }
        if line == Line::Closed || listener.is_some() {
            site.settled.send_modify(|versions| versions[host] = version);
        }
        tokio::select! {
            () = stop.cancelled() => return,
            changed = changes.changed() => if changed.is_err() { return },
            accepted = accept(listener.as_ref()) => match accepted {
                Ok((tcp, _)) => {
                    let acceptor = match line {
                        Line::Silent => None,
                        Line::WrongCert => Some(site.hosts[host].identity.wrong.acceptor.clone()),
                        Line::Open | Line::Closed => Some(shown.acceptor),
                    };
                    let (site, connections) = (Arc::clone(&site), connections.clone());
                    tasks.spawn(connection::serve(site, host, tcp, line, acceptor, connections));
                }
                Err(error) => {
                    tracing::warn!(%address, %error, "accept");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            () = tokio::time::sleep(Duration::from_secs(1)), if listener.is_none() && line != Line::Closed => {}
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> std::io::Result<(tokio::net::TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

//! Names of hosts: looked up once, and remembered for a while. A poller asks the same few hosts every few seconds; without
//! this each new connection would ask the name server again, and one that is away would take all sources with it.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::time::Instant;

/// No more names are remembered than this.
const MOST_NAMES: usize = 1_000;
/// What counts until somebody says something else.
const USUAL_LIFETIME: Duration = Duration::from_mins(5);
/// An answer that has run out is still taken for so long where the name server says nothing.
const MOST_STALE: Duration = Duration::from_hours(24);
/// A name server that says nothing gets so long where an earlier answer is at hand: less than a connection waits in all.
const PATIENCE: Duration = Duration::from_secs(2);

/// One memory for the whole process, as there is one name server.
static NAMES: LazyLock<Arc<Names>> =
    LazyLock::new(|| Arc::new(Names::new(Box::new(|name| Box::pin(ask(name))))));

/// How long a name that was looked up counts from now on, also one that was looked up before. Zero asks each time.
pub fn keep_names_for(lifetime: Duration) {
    NAMES.lifetime_ms.store(u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
}

/// Whoever had the address of a name does not answer there any more, and may have moved: the name server is asked again.
pub(crate) fn doubt(name: &str) {
    if let Some(kept) = NAMES.lock().get_mut(name) {
        kept.is_doubted = true;
    }
}

/// What looks names up for clients.
pub(crate) fn resolver() -> Arc<Names> {
    Arc::clone(&NAMES)
}

type Answer = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// What a name server said.
#[derive(Clone)]
struct Kept {
    at: Instant,
    addresses: Arc<[IpAddr]>,
    /// Whether nobody answered there.
    is_doubted: bool,
}

/// Names that were looked up.
pub(crate) struct Names {
    kept: Mutex<HashMap<String, Kept>>,
    lifetime_ms: AtomicU64,
    ask: Box<dyn Fn(String) -> Answer + Send + Sync>,
}

async fn ask(name: String) -> io::Result<Vec<IpAddr>> {
    Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
}

impl Names {
    fn new(ask: Box<dyn Fn(String) -> Answer + Send + Sync>) -> Self {
        let lifetime_ms = AtomicU64::new(USUAL_LIFETIME.as_millis() as u64);
        Self { kept: Mutex::default(), lifetime_ms, ask }
    }

    async fn look_up(&self, name: &str) -> io::Result<Arc<[IpAddr]>> {
        let known = self.lock().get(name).cloned();
        let lifetime = Duration::from_millis(self.lifetime_ms.load(Ordering::Relaxed));
        if let Some(known) = &known
            && known.at.elapsed() < lifetime
            && !known.is_doubted
        {
            return Ok(Arc::clone(&known.addresses));
        }
        let asking = (self.ask)(name.to_owned());
        let answer = if known.is_some() {
            tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|late| Err(late.into()))
        } else {
            asking.await
        };
        match answer {
            Ok(found) if !found.is_empty() => {
                let addresses: Arc<[IpAddr]> = found.into();
                let mut kept = self.lock();
                if kept.len() >= MOST_NAMES {
                    kept.retain(|_, kept| kept.at.elapsed() < lifetime);
                }
                if kept.len() < MOST_NAMES || kept.contains_key(name) {
                    let addresses = Arc::clone(&addresses);
                    kept.insert(name.to_owned(), Kept { at: Instant::now(), addresses, is_doubted: false });
                }
                Ok(addresses)
            }
            // Better yesterday's address than none.
            other => match known {
                Some(known) if known.at.elapsed() < MOST_STALE => Ok(known.addresses),
                _ => other
                    .and_then(|_| Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"))),
            },
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reqwest wants to own what it asks.
#[derive(Clone)]
pub(crate) struct Resolver(pub(crate) Arc<Names>);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let names = Arc::clone(&self.0);
        Box::pin(async move {
            let found = names.look_up(name.as_str()).await?;
            let addresses: Vec<SocketAddr> = found.iter().map(|ip| SocketAddr::new(*ip, 0)).collect();
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// A name server that counts, and that says nothing while it is away.
    fn counted() -> (Arc<AtomicUsize>, Arc<AtomicUsize>, Names) {
        let (asked, away) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (count, is_away) = (asked.clone(), away.clone());
        let names = Names::new(Box::new(move |_| {
            let number = count.fetch_add(1, Ordering::Relaxed) as u8 + 1;
            let is_away = is_away.load(Ordering::Relaxed) > 0;
            Box::pin(async move {
                if is_away {
                    Err(io::Error::other("no answer"))
                } else {
                    Ok(vec![IpAddr::from([127, 0, 0, number])])
                }
            })
        }));
        (asked, away, names)
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_counts_for_its_time_and_a_new_time_holds_at_once() {
        let (asked, _, names) = counted();
        let last = async || names.look_up("pve.example.net").await.unwrap()[0];
        assert_eq!((last().await, last().await), ([127, 0, 0, 1].into(), [127, 0, 0, 1].into()));
        tokio::time::advance(Duration::from_secs(299)).await;
        assert_eq!((last().await, asked.load(Ordering::Relaxed)), ([127, 0, 0, 1].into(), 1));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(last().await, IpAddr::from([127, 0, 0, 2]));
        names.lifetime_ms.store(5_000, Ordering::Relaxed);
        tokio::time::advance(Duration::from_secs(6)).await;
        assert_eq!(last().await, IpAddr::from([127, 0, 0, 3]));
        names.lifetime_ms.store(0, Ordering::Relaxed);
        assert_eq!((last().await, last().await), ([127, 0, 0, 4].into(), [127, 0, 0, 5].into()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_server_that_is_away_takes_nobody_with_it() {
        let (_, away, names) = counted();
        names.look_up("pve.example.net").await.unwrap();
        away.store(1, Ordering::Relaxed);
        tokio::time::advance(Duration::from_hours(2)).await;
        assert_eq!(names.look_up("pve.example.net").await.unwrap()[0], IpAddr::from([127, 0, 0, 1]));
        assert!(names.look_up("never.example.net").await.is_err());
        tokio::time::advance(Duration::from_hours(23)).await;
        assert!(names.look_up("pve.example.net").await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_server_that_hangs_is_not_waited_for_where_an_answer_is_known() {
        let is_first = std::sync::atomic::AtomicBool::new(true);
        let names = Names::new(Box::new(move |_| {
            let is_first = is_first.swap(false, Ordering::Relaxed);
            Box::pin(async move {
                if !is_first {
                    std::future::pending::<()>().await;
                }
                Ok(vec![IpAddr::from([127, 0, 0, 1])])
            })
        }));
        names.look_up("pve.example.net").await.unwrap();
        tokio::time::advance(Duration::from_hours(2)).await;
        let asked_at = Instant::now();
        assert_eq!(names.look_up("pve.example.net").await.unwrap()[0], IpAddr::from([127, 0, 0, 1]));
        assert!(asked_at.elapsed() < PATIENCE + Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_memory_still_takes_the_new_address_of_a_name_it_has() {
        let (_, _, names) = counted();
        let first = names.look_up("pve.example.net").await.unwrap()[0];
        let kept = names.lock()["pve.example.net"].clone();
        for number in 1..MOST_NAMES {
            names.lock().insert(number.to_string(), kept.clone());
        }
        names.lock().get_mut("pve.example.net").unwrap().is_doubted = true;
        let moved = names.look_up("pve.example.net").await.unwrap()[0];
        assert_ne!(first, moved);
        assert_eq!(names.look_up("pve.example.net").await.unwrap()[0], moved);
        names.look_up("one.too.many").await.unwrap();
        assert_eq!(names.lock().len(), MOST_NAMES);
    }
}

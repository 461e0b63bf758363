//! API tokens in `api_tokens.json`: hashes, never values. A request finds its token without a lock.

use std::{
    collections::{HashMap, HashSet},
    convert::Infallible,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use pulse_core::{Clock, SystemClock, credential::TokenRecord};

use crate::{ConfigError, UpdateError, atomic_file};

/// How many tokens there may be at most.
pub const MAX_TOKENS: usize = 10_000;

const NEVER: i64 = i64::MIN;

/// One token and when it was last used.
#[derive(Debug)]
pub struct Token {
    record: TokenRecord,
    last_used_ms: Arc<AtomicI64>,
}

impl Token {
    fn new(record: TokenRecord) -> Self {
        let ms = record.last_used_at.map_or(NEVER, Timestamp::as_millisecond);
        Self { record, last_used_ms: Arc::new(AtomicI64::new(ms)) }
    }

    /// The record as it was last saved; for the last use ask [`Token::last_used_at`].
    pub fn record(&self) -> &TokenRecord {
        &self.record
    }

    /// When it was last used.
    pub fn last_used_at(&self) -> Option<Timestamp> {
        match self.last_used_ms.load(Ordering::Relaxed) {
            NEVER => None,
            ms => Timestamp::from_millisecond(ms).ok(),
        }
    }

    /// Whether its time is over.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.record.expires_at.is_some_and(|end| end <= now)
    }

    /// The record with its last use.
    pub fn to_record(&self) -> TokenRecord {
        TokenRecord { last_used_at: self.last_used_at(), ..self.record.clone() }
    }
}

/// All tokens at one moment.
#[derive(Debug, Default)]
pub struct Tokens {
    /// In the order of the file: oldest first.
    list: Vec<Arc<Token>>,
    by_hash: HashMap<String, Arc<Token>>,
}

impl Tokens {
    fn new(records: Vec<TokenRecord>, before: &Self) -> Self {
        let used: HashMap<_, _> =
            before.list.iter().map(|token| (&token.record.id, &token.last_used_ms)).collect();
        let list: Vec<_> = records
            .into_iter()
            .map(|record| {
                let mut token = Token::new(record);
                if let Some(last_used) = used.get(&token.record.id) {
                    // Shared, so that a use during the change is not lost.
                    token.last_used_ms = Arc::clone(last_used);
                }
                Arc::new(token)
            })
            .collect();
        let by_hash = list.iter().map(|token| (token.record.hash.clone(), Arc::clone(token))).collect();
        Self { list, by_hash }
    }

    /// The token whose value has this hash (SHA3-256, hex).
    pub fn find(&self, hash: &str) -> Option<&Arc<Token>> {
        self.by_hash.get(hash)
    }

    /// The token of that id.
    pub fn by_id(&self, id: &str) -> Option<&Arc<Token>> {
        self.list.iter().find(|token| token.record.id.as_str() == id)
    }

    /// All of them, newest first.
    pub fn newest_first(&self) -> Vec<&Arc<Token>> {
        let mut tokens: Vec<_> = self.list.iter().collect();
        tokens.sort_by_key(|token| std::cmp::Reverse(token.record.created_at));
        tokens
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    fn records(&self) -> Vec<TokenRecord> {
        self.list.iter().map(|token| token.to_record()).collect()
    }
}

/// Why the list of tokens was not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there are already {MAX_TOKENS} API tokens; delete some first")]
pub struct TooManyTokens;

/// The tokens: one writer at a time, readers take an `Arc`.
#[derive(Debug)]
pub struct TokenStore {
    path: PathBuf,
    suppressions_path: PathBuf,
    current: ArcSwap<Tokens>,
    used: AtomicBool,
    writing: Mutex<Environment>,
}

/// What is known of tokens that come from `API_TOKEN` and `API_TOKENS`.
#[derive(Debug, Default)]
struct Environment {
    /// Hashes that came from there at this start.
    hashes: HashSet<String>,
    /// Hashes a person deleted: they must not come back.
    suppressed: Vec<String>,
}

impl TokenStore {
    /// Reads `api_tokens.json`; a damaged one is set aside. There is no backup it would fall back to: that could
    /// bring back a token somebody has revoked.
    pub fn open(data_dir: &Path) -> Result<Self, ConfigError> {
        let path = data_dir.join("api_tokens.json");
        let suppressions_path = data_dir.join("env_token_suppressions.json");
        let now = SystemClock.now();
        let records: Vec<TokenRecord> = read_list(&path, now)?;
        let suppressed = read_list(&suppressions_path, now)?;
        Ok(Self {
            path,
            suppressions_path,
            current: ArcSwap::from_pointee(Tokens::new(records, &Tokens::default())),
            used: AtomicBool::new(false),
            writing: Mutex::new(Environment { hashes: HashSet::new(), suppressed }),
        })
    }

    /// The tokens as they are now. Never waits.
    pub fn current(&self) -> Arc<Tokens> {
        self.current.load_full()
    }

    /// The token whose value has this hash, marked as used now. Never waits and writes no file.
    pub fn authenticate(&self, hash: &str, now: Timestamp) -> Option<Arc<Token>> {
        let token = Arc::clone(self.current.load().find(hash)?);
        if token.is_expired(now) {
            return None;
        }
        let before = token.last_used_ms.fetch_max(now.as_millisecond(), Ordering::Relaxed);
        if before < now.as_millisecond() {
            self.used.store(true, Ordering::Relaxed);
        }
        Some(token)
    }

    /// Adds a token. Blocks for the disk.
    pub fn add(&self, record: TokenRecord) -> Result<(), UpdateError<TooManyTokens>> {
        self.update(|records| {
            if records.len() >= MAX_TOKENS {
                return Err(TooManyTokens);
            }
            records.push(record);
            Ok(())
        })
    }

    /// Removes a token and gives its record back; `None` where there is none of that id. Blocks for the disk.
    pub fn remove(&self, id: &str) -> Result<Option<TokenRecord>, ConfigError> {
        let removed = infallible(self.update(|records| {
            let place = records.iter().position(|record| record.id.as_str() == id);
            Ok::<_, Infallible>(place.map(|place| records.remove(place)))
        }))?;
        if let Some(record) = &removed {
            self.suppress([record.hash.as_str()])?;
        }
        Ok(removed)
    }

    /// Puts one token in the place of all others. Blocks for the disk.
    pub fn replace_all(&self, record: TokenRecord) -> Result<(), ConfigError> {
        let gone =
            infallible(self.update(|records| Ok::<_, Infallible>(std::mem::replace(records, vec![record]))))?;
        self.suppress(gone.iter().map(|record| record.hash.as_str()))
    }

    /// Takes over tokens that the environment names, except those that are there already or that a person has
    /// deleted. Gives back how many are new. Blocks for the disk.
    pub fn adopt(&self, from_environment: Vec<TokenRecord>) -> Result<usize, ConfigError> {
        let suppressed = {
            let mut environment = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
            environment.hashes.extend(from_environment.iter().map(|record| record.hash.clone()));
            environment.suppressed.iter().cloned().collect::<HashSet<_>>()
        };
        infallible(self.update(|records| {
            let mut known: HashSet<String> = records.iter().map(|record| record.hash.clone()).collect();
            let before = records.len();
            for record in from_environment {
                if !suppressed.contains(&record.hash)
                    && records.len() < MAX_TOKENS
                    && known.insert(record.hash.clone())
                {
                    records.push(record);
                }
            }
            Ok::<_, Infallible>(records.len() - before)
        }))
    }

    /// Changes the list; what cannot be written is not changed. Blocks for the disk.
    pub fn update<T, E>(
        &self,
        change: impl FnOnce(&mut Vec<TokenRecord>) -> Result<T, E>,
    ) -> Result<T, UpdateError<E>> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.current.load_full();
        let old = before.records();
        let mut records = old.clone();
        let answer = change(&mut records).map_err(UpdateError::Refused)?;
        if records != old {
            self.write(&records)?;
            self.current.store(Arc::new(Tokens::new(records, &before)));
        }
        Ok(answer)
    }

    /// Writes when tokens were last used, where that changed since the last write: call it now and then and at the
    /// end. Blocks for the disk. Gives back whether there was anything to write.
    pub fn save_last_used(&self) -> Result<bool, ConfigError> {
        if !self.used.swap(false, Ordering::Relaxed) {
            return Ok(false);
        }
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let written = self.write(&self.current.load().records());
        if written.is_err() {
            self.used.store(true, Ordering::Relaxed);
        }
        written.map(|()| true)
    }

    fn write(&self, records: &[TokenRecord]) -> Result<(), ConfigError> {
        let text = serde_json::to_vec_pretty(records)
            .map_err(|source| ConfigError::Encode { what: "the API tokens", source })?;
        atomic_file::write(&self.path, &text)
    }

    /// Remembers those of the deleted tokens that the environment would bring back.
    fn suppress<'a>(&self, deleted: impl IntoIterator<Item = &'a str>) -> Result<(), ConfigError> {
        let mut environment = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let Environment { hashes, suppressed } = &mut *environment;
        let before = suppressed.len();
        for hash in deleted {
            if hashes.contains(hash) && !suppressed.iter().any(|known| known == hash) {
                suppressed.push(hash.to_owned());
            }
        }
        if suppressed.len() == before {
            return Ok(());
        }
        let text = serde_json::to_vec_pretty(suppressed)
            .map_err(|source| ConfigError::Encode { what: "the deleted environment tokens", source })?;
        atomic_file::write(&self.suppressions_path, &text)
    }
}

fn infallible<T>(result: Result<T, UpdateError<Infallible>>) -> Result<T, ConfigError> {
    result.map_err(|error| match error {
        UpdateError::Config(error) => error,
        UpdateError::Refused(never) => match never {},
    })
}

fn read_list<T: serde::de::DeserializeOwned>(path: &Path, now: Timestamp) -> Result<Vec<T>, ConfigError> {
    Ok(atomic_file::read_json_or_set_aside(path, now)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use pulse_core::{credential::ScopeSet, ids::TokenId};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn record(id: &str, second: i64) -> TokenRecord {
        TokenRecord {
            id: TokenId::from(id),
            name: id.to_owned(),
            hash: format!("hash-{id}"),
            prefix: "abcdef".to_owned(),
            suffix: "wxyz".to_owned(),
            created_at: at(second),
            last_used_at: None,
            expires_at: None,
            scopes: ScopeSet::all(),
            org_id: None,
            org_ids: Vec::new(),
        }
    }

    fn ids(store: &TokenStore) -> Vec<String> {
        store.current().newest_first().iter().map(|token| token.record().id.to_string()).collect()
    }

    #[test]
    fn tokens_are_found_by_hash_and_survive_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let store = TokenStore::open(dir.path()).unwrap();
        assert!(store.current().is_empty());
        store.add(record("a", 1)).unwrap();
        store.add(record("b", 2)).unwrap();
        assert_eq!(ids(&store), ["b", "a"]);
        let again = TokenStore::open(dir.path()).unwrap();
        assert_eq!(again.current().find("hash-a").unwrap().record().name, "a");
        assert!(again.current().find("a").is_none());
        let mode = fs::metadata(dir.path().join("api_tokens.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_removed_token_is_gone_at_once_and_for_good() {
        let dir = tempfile::tempdir().unwrap();
        let store = TokenStore::open(dir.path()).unwrap();
        store.add(record("a", 1)).unwrap();
        assert_eq!(store.remove("a").unwrap().unwrap().name, "a");
        assert!(store.remove("a").unwrap().is_none());
        assert!(store.authenticate("hash-a", at(5)).is_none());
        assert!(TokenStore::open(dir.path()).unwrap().current().is_empty());
    }

    #[test]
    fn the_last_use_reaches_the_disk_only_when_asked_and_is_not_lost_by_other_changes() {
        let dir = tempfile::tempdir().unwrap();
        let store = TokenStore::open(dir.path()).unwrap();
        store.add(record("a", 1)).unwrap();
        assert!(!store.save_last_used().unwrap());
        assert!(store.authenticate("hash-a", at(9)).is_some());
        store.authenticate("hash-a", at(7)).unwrap();
        let last = |store: &TokenStore| store.current().by_id("a").unwrap().last_used_at();
        assert_eq!(last(&store), Some(at(9)), "time does not run backwards");
        assert_eq!(last(&TokenStore::open(dir.path()).unwrap()), None);
        assert!(store.save_last_used().unwrap());
        assert!(!store.save_last_used().unwrap());
        assert_eq!(last(&TokenStore::open(dir.path()).unwrap()), Some(at(9)));
        let old = store.current();
        store.add(record("b", 2)).unwrap();
        old.find("hash-a").unwrap().last_used_ms.store(at(20).as_millisecond(), Ordering::Relaxed);
        assert_eq!(last(&store), Some(at(20)), "a use during the change counts");
    }

    #[test]
    fn environment_tokens_are_adopted_once_and_stay_deleted() {
        let dir = tempfile::tempdir().unwrap();
        let environment = || vec![record("e1", 1), record("e2", 2)];
        let store = TokenStore::open(dir.path()).unwrap();
        assert_eq!(store.adopt(environment()).unwrap(), 2);
        assert_eq!(store.adopt(environment()).unwrap(), 0);
        store.add(record("own", 3)).unwrap();
        store.remove("e1").unwrap();
        store.remove("own").unwrap();
        let again = TokenStore::open(dir.path()).unwrap();
        assert_eq!(again.adopt(environment()).unwrap(), 0);
        assert_eq!(ids(&again), ["e2"]);
        let text = fs::read_to_string(dir.path().join("env_token_suppressions.json")).unwrap();
        assert_eq!(serde_json::from_str::<Vec<String>>(&text).unwrap(), ["hash-e1"]);
        again.replace_all(record("one", 9)).unwrap();
        let last = TokenStore::open(dir.path()).unwrap();
        assert_eq!((last.adopt(environment()).unwrap(), ids(&last)), (0, vec!["one".to_owned()]));
    }

    #[test]
    fn there_is_an_end_to_the_list() {
        let dir = tempfile::tempdir().unwrap();
        let store = TokenStore::open(dir.path()).unwrap();
        let many = (0..MAX_TOKENS).map(|n| record(&format!("t{n}"), 1)).collect();
        store.adopt(many).unwrap();
        assert!(matches!(store.add(record("x", 1)), Err(UpdateError::Refused(TooManyTokens))));
        assert_eq!(store.current().len(), MAX_TOKENS);
    }

    #[test]
    fn a_damaged_file_is_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("api_tokens.json"), r#"{"not":"a list"}"#).unwrap();
        assert!(TokenStore::open(dir.path()).unwrap().current().is_empty());
        let names: Vec<_> = fs::read_dir(dir.path())
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        assert!(names.iter().any(|name| name.starts_with("api_tokens.json.corrupt-")), "{names:?}");
    }
}

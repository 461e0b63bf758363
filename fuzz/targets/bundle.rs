//! A bundle in each of its forms, and the document in it.

use std::{collections::HashMap, sync::LazyLock};

use pulse_config::{
    NodeStore, NotifyStore, OidcStore, SealKey, Secret, SystemSettingsStore, TokenStore,
    transfer::{
        NodesSection, NotifySection, OidcSection, Section, SystemSection, TokensSection, Transfer, bundle,
        may_hold_everything,
    },
};

struct Stores {
    nodes: std::sync::Arc<NodeStore>,
    transfer: Transfer,
}

/// Real stores over a directory that is gone once they are open: a check writes nothing there.
static STORES: LazyLock<Stores> = LazyLock::new(|| {
    let dir = std::env::temp_dir().join(format!("pulse-fuzz-bundle-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a directory");
    let none = HashMap::<String, String>::new();
    let key = || SealKey::open(&dir).expect("a key");
    let nodes = std::sync::Arc::new(NodeStore::open(&dir, key()).expect("nodes"));
    let notify = std::sync::Arc::new(NotifyStore::open(&dir, key()).expect("notifications"));
    let oidc = std::sync::Arc::new(OidcStore::open(&dir, key(), &none).expect("oidc"));
    let system = std::sync::Arc::new(SystemSettingsStore::open(&dir, &none).expect("settings"));
    let tokens = std::sync::Arc::new(TokenStore::open(&dir).expect("tokens"));
    std::fs::remove_dir_all(&dir).expect("a directory that goes");
    let mut sections: Vec<Box<dyn Section>> = vec![
        Box::new(OidcSection(oidc)),
        Box::new(NodesSection(nodes.clone())),
        Box::new(SystemSection(system)),
        Box::new(TokensSection(tokens)),
    ];
    sections.extend(NotifySection::all(&notify));
    Stores { nodes, transfer: Transfer::new(sections) }
});

/// Whatever the bytes are: no panic, and nothing is changed.
pub fn run(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    // The key of a bundle takes a hundred thousand rounds: most runs go to what is in it.
    if *kind == b'#' {
        let _ = bundle::open_any(rest, &Secret::new("correct horse battery"));
        if let Ok(text) = std::str::from_utf8(rest) {
            let _ = bundle::open(text, &Secret::new("correct horse battery"));
        }
        return;
    }
    let before = STORES.nodes.current();
    let _ = STORES.transfer.check_document(bytes, may_hold_everything);
    assert_eq!(*STORES.nodes.current(), *before);
}

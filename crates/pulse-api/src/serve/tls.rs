//! The certificate of the server: read from two files, and read again when they change.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use pulse_config::TlsFiles;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// How often the files are looked at. Whoever renews a certificate does so days before the old one ends.
const PERIOD: Duration = Duration::from_secs(10);

/// No certificate file is larger.
const MOST_BYTES: u64 = 1024 * 1024;

/// Why the server cannot encrypt. Each text says which file and what to do.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}, which {variable} names: {source}; let the user of the server read it or name another file", path.display())]
    Read {
        /// The setting.
        variable: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no certificate in the file.
    #[error("there is no certificate in {}, which TLS_CERT_FILE names: it must hold -----BEGIN CERTIFICATE-----, the server's own first, then those that signed it", .0.display())]
    NoCertificate(PathBuf),
    /// There is no key in the file.
    #[error("there is no private key in {}, which TLS_KEY_FILE names: it must hold -----BEGIN PRIVATE KEY----- without a passphrase", .0.display())]
    NoKey(PathBuf),
    /// The two do not belong together, or one of them is of a kind that is not supported.
    #[error("the certificate in {} and the key in {} cannot be used together: {reason}", files.certificate.display(), files.key.display())]
    Pair {
        /// The files.
        files: TlsFiles,
        /// Why.
        reason: String,
    },
}

/// The certificate that is shown to clients.
pub struct Tls {
    files: TlsFiles,
    current: ArcSwap<ServerConfig>,
}

/// What tells that a file is another one than before.
type Stamp = Option<(SystemTime, u64)>;

impl Tls {
    /// Reads the files. Blocks for the disk.
    pub fn open(files: TlsFiles) -> Result<Self, TlsError> {
        let current = ArcSwap::from_pointee(load(&files)?);
        Ok(Self { files, current })
    }

    /// What greets the next client.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current.load_full())
    }

    /// Reads the files again; what cannot be used leaves the certificate as it is. Blocks for the disk.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.current.store(Arc::new(load(&self.files)?));
        Ok(())
    }

    /// Reads the files again whenever they change, until `stop`. Connections that are open keep what they were greeted
    /// with.
    pub async fn follow(self: Arc<Self>, stop: CancellationToken) {
        let mut last = self.stamps().await;
        // The two files are replaced one after the other: between the two they do not go together.
        let mut is_pending = false;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(PERIOD) => {}
            }
            let stamps = self.stamps().await;
            let has_changed = stamps != last;
            last = stamps;
            if !has_changed && !is_pending {
                continue;
            }
            let tls = Arc::clone(&self);
            match tokio::task::spawn_blocking(move || tls.reload()).await {
                Ok(Ok(())) => {
                    is_pending = false;
                    tracing::info!(file.path = %self.files.certificate.display(), "the certificate was read again");
                }
                Ok(Err(error)) => {
                    if has_changed {
                        tracing::warn!(%error, "the new certificate cannot be used; the old one stays");
                    }
                    is_pending = true;
                }
                Err(error) => tracing::error!(%error, "reading the certificate stopped"),
            }
        }
    }

    async fn stamps(&self) -> [Stamp; 2] {
        [stamp(&self.files.certificate).await, stamp(&self.files.key).await]
    }
}

async fn stamp(path: &Path) -> Stamp {
    let metadata = tokio::fs::metadata(path).await.ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

fn load(files: &TlsFiles) -> Result<ServerConfig, TlsError> {
    let text = read(&files.certificate, "TLS_CERT_FILE")?;
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, pem::Error>>()
        .map_err(|_| TlsError::NoCertificate(files.certificate.clone()))?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate(files.certificate.clone()));
    }
    let key = PrivateKeyDer::from_pem_slice(&read(&files.key, "TLS_KEY_FILE")?)
        .map_err(|_| TlsError::NoKey(files.key.clone()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let built = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
    let mut config = built.map_err(|error| {
        let reason = match error {
            rustls::Error::InconsistentKeys(_) => {
                "the key belongs to another certificate; give the two that were made together".to_owned()
            }
            error => error.to_string(),
        };
        TlsError::Pair { files: files.clone(), reason }
    })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn read(path: &Path, variable: &'static str) -> Result<Vec<u8>, TlsError> {
    use io::Read;
    let failed = |source| TlsError::Read { variable, path: path.to_owned(), source };
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MOST_BYTES).read_to_end(&mut bytes))
        .map_err(failed)?;
    Ok(bytes)
}

//! The certificate and key of the service: read from two files, looked at again while it runs, changed without a
//! restart.
//!
//! A pair that cannot be used never takes the place of one that can: the old one goes on, and the reason is told until
//! the files are good again. An expired certificate is used all the same, since a warning in a browser is better than no
//! door; everybody is told of it.

use crate::validity::Validity;
use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, crypto};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// A certificate that expires within this is told of: those of Let's Encrypt are renewed 30 days before they expire, so
/// at 14 something has been wrong for two weeks.
pub const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);
/// Largest file that is read, in bytes; a chain with key has some 10 KiB.
const FILE_MAX: u64 = 1024 * 1024;

/// Where the pair is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairFiles {
    /// The certificate, followed by those between it and the root, in PEM.
    pub certificate: PathBuf,
    /// Its private key, in PEM.
    pub key: PathBuf,
}

/// Why a pair cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is too large to be what it should be.
    #[error("{} is larger than 1 MiB, which no certificate or key is", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// No certificate is in the file.
    #[error("{} has no certificate; it must have lines with BEGIN CERTIFICATE", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// No private key is in the file.
    #[error("{} has no private key; it must have lines with BEGIN PRIVATE KEY, without a passphrase", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// A certificate cannot be read.
    #[error("the first certificate in {} is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The key is not that of the certificate, or of a kind that is not known.
    #[error("the key in {} does not fit the first certificate in {}", key.display(), certificate.display())]
    NoPair {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// Why, as rustls says.
        source: rustls::Error,
    },
    /// TLS cannot be set up at all.
    #[error("cannot set up TLS")]
    Setup(#[source] rustls::Error),
}

impl CertificateError {
    /// Whether it is about the file of the key.
    #[must_use]
    pub fn is_of_key(&self, files: &PairFiles) -> bool {
        match self {
            Self::Read { path, .. } | Self::TooLarge { path } => *path == files.key,
            Self::NoKey { .. } | Self::NoPair { .. } => true,
            Self::NoCertificate { .. } | Self::Damaged { .. } | Self::Setup(_) => false,
        }
    }
}

/// A pair that fits.
#[derive(Clone)]
struct Pair {
    key: Arc<CertifiedKey>,
    validity: Validity,
}

/// What the files held when they were last looked at. Printed nowhere: one of them is a secret.
#[derive(PartialEq, Eq)]
struct Seen {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

/// What a look at the files found.
#[derive(Debug)]
pub enum Look {
    /// They are what they were.
    Same,
    /// A new pair is used from now on.
    Renewed {
        /// When it expires.
        expires: Timestamp,
    },
    /// They cannot be used; the old pair stays.
    Kept(CertificateError),
}

/// The pair that is used now. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Certificates(Arc<Inner>);

struct Inner {
    files: PairFiles,
    pair: RwLock<Pair>,
    state: Mutex<State>,
}

/// What is remembered between two looks.
struct State {
    seen: Option<Seen>,
    trouble: Option<String>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificates").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Certificates {
    /// Reads the pair.
    ///
    /// # Errors
    /// When it cannot be used. One that has expired can.
    pub fn read(files: PairFiles) -> Result<Self, CertificateError> {
        let seen = Seen::read(&files)?;
        let pair = RwLock::new(seen.pair(&files)?);
        let state = Mutex::new(State { seen: Some(seen), trouble: None });
        Ok(Self(Arc::new(Inner { files, pair, state })))
    }

    /// Looks at the files again and takes what is new. Reads files, so it may wait for a disk.
    #[must_use]
    pub fn look(&self) -> Look {
        let files = &self.0.files;
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = match Seen::read(files) {
            Ok(seen) if state.seen.as_ref() == Some(&seen) => return Look::Same,
            Ok(seen) => seen,
            Err(error) => return failed(&mut state, None, error),
        };
        match seen.pair(files) {
            Ok(pair) => {
                let expires = pair.validity.until;
                *self.0.pair.write().unwrap_or_else(PoisonError::into_inner) = pair;
                *state = State { seen: Some(seen), trouble: None };
                Look::Renewed { expires }
            }
            Err(error) => failed(&mut state, Some(seen), error),
        }
    }

    /// Why the files cannot be used now, while an older pair is; `None` when all is well.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner).trouble.clone()
    }

    /// When the certificate expires that is used now.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        self.pair().validity.until
    }

    /// What is wrong with the time of the certificate that is used now, in words for an operator.
    #[must_use]
    pub fn untimely(&self, now: Timestamp) -> Option<String> {
        let Validity { from, until } = self.pair().validity;
        if until <= now {
            return Some(format!("the certificate expired at {until}; renew it"));
        }
        if now < from {
            return Some(format!("the certificate is good from {from} only; is the clock right?"));
        }
        let is_soon = until.duration_since(now) < SOON;
        is_soon.then(|| format!("the certificate expires at {until}; renew it"))
    }

    /// How TLS is spoken: 1.2 and 1.3, HTTP/1.1, with the pair of the moment.
    ///
    /// # Errors
    /// When rustls cannot be set up.
    pub fn server(&self) -> Result<Arc<ServerConfig>, CertificateError> {
        let provider = Arc::new(crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(CertificateError::Setup)?;
        let resolver: Arc<dyn ResolvesServerCert> = Arc::clone(&self.0) as _;
        let mut server = builder.with_no_client_auth().with_cert_resolver(resolver);
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(server))
    }

    fn pair(&self) -> Pair {
        self.0.pair.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Remembers what was seen, so that it is told once; but whatever is still wrong is [`Certificates::trouble`].
fn failed(state: &mut State, seen: Option<Seen>, error: CertificateError) -> Look {
    let text = error.to_string();
    let is_known = state.trouble.as_deref() == Some(text.as_str());
    *state = State { seen, trouble: Some(text) };
    if is_known { Look::Same } else { Look::Kept(error) }
}

impl ResolvesServerCert for Inner {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let pair = self.pair.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&pair.key))
    }
}

impl Seen {
    fn read(files: &PairFiles) -> Result<Self, CertificateError> {
        Ok(Self { certificate: read(&files.certificate)?, key: read(&files.key)? })
    }

    fn pair(&self, files: &PairFiles) -> Result<Pair, CertificateError> {
        let path = || files.certificate.clone();
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.certificate).collect();
        let chain = chain.ok().filter(|chain| !chain.is_empty());
        let chain = chain.ok_or_else(|| CertificateError::NoCertificate { path: path() })?;
        let validity = chain.first().and_then(|first| Validity::of(first));
        let validity = validity.ok_or_else(|| CertificateError::Damaged { path: path() })?;
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|_| CertificateError::NoKey { path: files.key.clone() })?;
        let key = CertifiedKey::from_der(chain, key, &crypto::ring::default_provider()).map_err(
            |source| CertificateError::NoPair {
                certificate: path(),
                key: files.key.clone(),
                source,
            },
        )?;
        Ok(Pair { key: Arc::new(key), validity })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    use std::io::Read;
    let cannot = |source| CertificateError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(cannot)?;
    file.take(FILE_MAX + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if FILE_MAX < bytes.len() as u64 {
        return Err(CertificateError::TooLarge { path: path.to_owned() });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;

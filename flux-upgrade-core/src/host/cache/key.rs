//! Under what an answer is kept.

use sha2::{Digest as _, Sha256};

/// What was asked, and by whom, as a hash: nothing of an address or a credential can be read from it.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::host::Key;
/// let key = Key::new("GET", "https://charts.example.com/index.yaml", None);
/// assert_eq!(key, Key::new("GET", "https://user:secret@charts.example.com/index.yaml", None));
/// assert_ne!(key, Key::new("GET", "https://charts.example.com/index.yaml", Some("robot of charts.example.com")));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub(super) hash: String,
    pub(super) digest: Option<String>,
}

impl Key {
    /// The key of an answer that may change.
    ///
    /// `request` is what decides about the answer beside the address: the method, the `Accept` header. `who` is
    /// [`Credential::who`](super::super::Credential::who) where a credential was sent; it has no secret in it. A user in the
    /// address is left out.
    #[must_use]
    pub fn new(request: &str, url: &str, who: Option<&str>) -> Self {
        Self { hash: hash(request, url, who), digest: None }
    }

    /// The key of an answer that never changes, as its address names the digest of its body; `None` where that is not one of
    /// `sha256:` and 64 hexadecimal digits.
    #[must_use]
    pub fn immutable(request: &str, url: &str, who: Option<&str>, digest: &str) -> Option<Self> {
        let hex = digest.strip_prefix("sha256:")?;
        let fine = hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        fine.then(|| Self { hash: hash(request, url, who), digest: Some(hex.to_owned()) })
    }

    /// Whether the answer never changes.
    #[must_use]
    pub fn is_immutable(&self) -> bool {
        self.digest.is_some()
    }
}

fn hash(request: &str, url: &str, who: Option<&str>) -> String {
    let mut hasher = Sha256::new();
    // Lengths keep the parts apart whatever stands in them.
    for part in [request, &without_user(url), if who.is_some() { "by" } else { "" }, who.unwrap_or_default()]
    {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hex(&hasher.finalize())
}

fn without_user(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or(authority);
    format!("{scheme}://{host}{path}")
}

/// The sha256 of a text of bytes.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 0xf)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

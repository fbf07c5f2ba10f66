//! The certificates that `certificateFor` has given and a server keeps for later handshakes. Questions that are still open are in
//! `questions.rs`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::sign::CertifiedKey;

/// The most certificates that are kept (R-srv-secure).
const MOST_KEPT: usize = 1000;

/// The certificates that a server's `certificateFor` has given with a `ttl`. The drivers of handshakes look here, so that a name that is
/// known does not need the JavaScript thread.
#[derive(Debug, Default)]
pub struct KeptCertificates {
    /// The certificates under the lock.
    state: Mutex<State>,
}

/// The certificates, and a clock that counts their uses.
#[derive(Debug, Default)]
struct State {
    /// The certificates by name.
    by_name: HashMap<String, Kept>,
    /// How often a certificate was kept or found.
    uses: u64,
}

/// One certificate.
#[derive(Debug)]
struct Kept {
    /// The certificate and its key.
    key: Arc<CertifiedKey>,
    /// The end of its `ttl`. `None`: that is later than the system's clock can say.
    until: Option<Instant>,
    /// The value of `State::uses` at its last use.
    used: u64,
}

impl Kept {
    /// Whether the `ttl` is over.
    fn is_over(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

impl KeptCertificates {
    /// The certificate for a name. `None`: there is none, or its `ttl` is over.
    pub fn find(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { by_name, uses } = &mut *state;
        let kept = by_name.get_mut(name)?;
        if kept.is_over(Instant::now()) {
            by_name.remove(name);
            return None;
        }
        *uses += 1;
        kept.used = *uses;
        Some(Arc::clone(&kept.key))
    }

    /// Keeps a certificate for `ttl` from now on. If there are too many, the one that was not used for the longest time goes.
    pub fn keep(&self, name: String, key: Arc<CertifiedKey>, ttl: Duration) {
        if ttl.is_zero() {
            return;
        }
        let now = Instant::now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { by_name, uses } = &mut *state;
        by_name.retain(|_, kept| !kept.is_over(now));
        if by_name.len() >= MOST_KEPT && !by_name.contains_key(&name) {
            let oldest = by_name.iter().min_by_key(|(_, kept)| kept.used).map(|(name, _)| name.clone());
            if let Some(oldest) = oldest {
                by_name.remove(&oldest);
            }
        }
        *uses += 1;
        by_name.insert(name, Kept { key, until: now.checked_add(ttl), used: *uses });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::tls::options::GivenCertificate;
    use crate::net::tls::pem::Material;

    const LONG: Duration = Duration::from_secs(1000);

    fn key() -> Arc<CertifiedKey> {
        let made = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
        let given = GivenCertificate {
            what: "test".to_owned(),
            cert: vec![Material::Text(made.cert.pem())],
            key: Material::Bytes(made.signing_key.serialize_der()),
            ttl: LONG,
        };
        given.certified().unwrap()
    }

    #[test]
    fn r_srv_secure_a_thousand_are_kept_and_the_least_recently_used_goes() {
        let (kept, key) = (KeptCertificates::default(), key());
        for number in 0..MOST_KEPT {
            kept.keep(format!("{number}.example"), Arc::clone(&key), LONG);
        }
        assert!(kept.find("0.example").is_some(), "its use makes it the most recently used one");
        kept.keep("2.example".to_owned(), Arc::clone(&key), LONG);
        kept.keep("new.example".to_owned(), Arc::clone(&key), LONG);
        assert!(kept.find("1.example").is_none(), "the least recently used one");
        for number in (0..MOST_KEPT).filter(|&number| number != 1) {
            assert!(kept.find(&format!("{number}.example")).is_some(), "{number}");
        }
        assert!(kept.find("new.example").is_some());
    }

    #[test]
    fn r_srv_secure_a_certificate_is_kept_for_its_ttl_and_without_one_not_at_all() {
        let (kept, key) = (KeptCertificates::default(), key());
        kept.keep("a.example".to_owned(), Arc::clone(&key), Duration::ZERO);
        assert!(kept.find("a.example").is_none());
        kept.keep("a.example".to_owned(), Arc::clone(&key), Duration::from_nanos(1));
        kept.keep("b.example".to_owned(), Arc::clone(&key), LONG);
        let start = Instant::now();
        while start.elapsed() < Duration::from_nanos(1) {}
        assert!(kept.find("a.example").is_none());
        assert!(kept.find("b.example").is_some());
        kept.keep("b.example".to_owned(), key, Duration::from_nanos(1));
        let start = Instant::now();
        while start.elapsed() < Duration::from_nanos(1) {}
        assert!(kept.find("b.example").is_none(), "a later answer takes the place of the first");
    }
}

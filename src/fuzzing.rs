//! The entry points of the fuzz targets (`fuzz/`), one for each. Each takes the fuzzer's bytes, and panics if a promise is broken. `cargo test`
//! runs them with all inputs of `fuzz/corpus` (see `tests`).

use std::net::IpAddr;

use crate::net::fuzzed;
pub use crate::net::fuzzed::ServerIdentity;
use crate::proto::random::Random;
use crate::proto::{AddressError, Boundary, FrameFault, Framing, Literal, ledger_operations, machine_operations};

/// Calls and reports in any order, on one readyState machine.
pub fn machine(bytes: &[u8]) {
    machine_operations::random_operations(&mut Random::given(bytes), 0);
}

/// Two readyState machines, connected by a wire in memory.
pub fn exchange(bytes: &[u8]) {
    machine_operations::exchange(&mut Random::given(bytes), 0);
}

/// Operations on a ledger, compared with a plain model.
pub fn ledger(bytes: &[u8]) {
    ledger_operations::random_operations(&mut Random::given(bytes), 0);
}

/// Frames in bytes that come in pieces (R-framing). However they are cut, the same frames and the same fault come out.
pub fn framing(bytes: &[u8]) {
    let mut random = Random::given(bytes);
    let limit = random.below(300) as usize;
    let boundary = if random.chance(50) {
        let size = 1 + random.below(4) as usize;
        Boundary::Delimiter(random.take(size).into())
    } else {
        Boundary::Prefix {
            size: 1 + random.below(4) as usize,
            little_endian: random.chance(50),
            includes_itself: random.chance(50),
        }
    };
    if boundary == Boundary::Delimiter(Box::default()) {
        return;
    }
    let framing = Framing { boundary, limit };
    let step = 1 + random.below(40) as usize;
    let bytes = random.take(usize::MAX);
    let (whole, whole_fault) = frames(&framing, bytes, bytes.len().max(1));
    let (pieces, piece_fault) = frames(&framing, bytes, step);
    assert_eq!(whole, pieces, "{framing:?}, pieces of {step} bytes");
    // The length in the fault is what was known then.
    assert_eq!(whole_fault.is_some(), piece_fault.is_some(), "{framing:?}, pieces of {step} bytes");
}

/// The frames of `bytes` that come in pieces of `step` bytes, and what has ended them.
fn frames(framing: &Framing, bytes: &[u8], step: usize) -> (Vec<Vec<u8>>, Option<FrameFault>) {
    let (mut found, mut held, mut searched) = (Vec::new(), Vec::new(), 0);
    for piece in bytes.chunks(step) {
        held.extend_from_slice(piece);
        loop {
            match framing.first(&held, &mut searched) {
                Ok(Some(frame)) => {
                    assert!(frame.start <= frame.end && frame.end <= frame.next && frame.next <= held.len());
                    assert!(frame.end - frame.start <= framing.limit && frame.next > 0);
                    found.push(held[frame.start..frame.end].to_vec());
                    held.drain(..frame.next);
                }
                Ok(None) => break,
                Err(fault) => return (found, Some(fault)),
            }
        }
    }
    (found, None)
}

/// Literals (R-address): what is accepted is shown in a form that is accepted as the same address.
pub fn address(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match Literal::parse(&text) {
        Ok(literal) => {
            assert_eq!(literal.ip, literal.ip.to_canonical(), "{text:?}");
            assert_eq!(literal.zone.is_some(), text.contains('%'), "{text:?}");
            assert!(literal.zone.is_none() || literal.ip.is_ipv6(), "{text:?}");
            let shown = match &literal.zone {
                Some(zone) => format!("{}%{zone}", literal.ip),
                None => literal.ip.to_string(),
            };
            assert_eq!(Literal::parse(&shown).as_ref(), Ok(&literal), "{text:?}");
        }
        Err(error) => {
            assert!(text.parse::<IpAddr>().is_err(), "{text:?}");
            assert_eq!(error == AddressError::Empty, text.is_empty());
            assert!(!error.to_string().is_empty());
        }
    }
}

/// Certificates and keys of options, in PEM and in DER. What is refused gives a short message that can be printed.
pub fn pem(bytes: &[u8]) {
    fuzzed::pem(bytes);
}

/// The reader of X.509 certificates, compared with webpki's.
pub fn x509(bytes: &[u8]) {
    fuzzed::x509(bytes);
}

/// A TLS connection whose bytes are altered on their way.
pub fn tls(bytes: &[u8], identity: &ServerIdentity) {
    fuzzed::tls(&mut Random::given(bytes), identity);
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// Runs a target with each input of its corpus.
    fn replay(target: &str, run: impl Fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
        let mut inputs = 0;
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.unwrap().path();
            println!("{}", path.display());
            run(&fs::read(&path).unwrap());
            inputs += 1;
        }
        assert!(inputs > 20, "{} has {inputs} inputs only", folder.display());
    }

    #[test]
    fn corpus_of_machine() {
        replay("machine", machine);
    }

    #[test]
    fn corpus_of_exchange() {
        replay("exchange", exchange);
    }

    #[test]
    fn corpus_of_ledger() {
        replay("ledger", ledger);
    }

    #[test]
    fn corpus_of_framing() {
        replay("framing", framing);
    }

    #[test]
    fn corpus_of_address() {
        replay("address", address);
    }

    #[test]
    fn corpus_of_pem() {
        replay("pem", pem);
    }

    #[test]
    fn corpus_of_x509() {
        replay("x509", x509);
    }

    fn identity() -> ServerIdentity {
        let made = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
        ServerIdentity { certificate: made.cert.der().to_vec(), key: made.signing_key.serialize_der() }
    }

    #[test]
    fn corpus_of_tls() {
        let identity = identity();
        replay("tls", |bytes| tls(bytes, &identity));
    }

    #[test]
    fn altered_tls_connections_at_random() {
        let identity = identity();
        for seed in 1..=150 {
            println!("seed {seed}");
            fuzzed::tls(&mut Random::new(seed), &identity);
        }
    }
}

//! Records that break the rules, of each kind, from either side, before, in and after the handshake. Each is a clean error at the end
//! that gets it, and one alert at most goes back. Somebody between two ends of ours makes them, so that what is encrypted is, too.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use tcp_udp_sockets::net::Id;
use tcp_udp_sockets::proto::ReadyState;

use crate::driver::{Told, World, ignore, send};
use crate::tls::{connect, listen, options};

const HANDSHAKE: u8 = 22;
const ALERT: u8 = 21;
const APPLICATION_DATA: u8 = 23;

/// What is made of a record. `None`: this is not one for it, the next is looked at.
type Fault = fn(record: &[u8]) -> Option<Altered>;

struct Altered {
    bytes: Vec<u8>,
    /// FIN follows.
    ends: bool,
}

fn altered(bytes: Vec<u8>) -> Option<Altered> {
    Some(Altered { bytes, ends: false })
}

fn record(kind: u8, version: u16, length: usize, contents: &[u8]) -> Vec<u8> {
    let length = u16::try_from(length).unwrap();
    [&[kind], &version.to_be_bytes()[..], &length.to_be_bytes(), contents].concat()
}

fn before(inserted: Vec<u8>, original: &[u8]) -> Option<Altered> {
    altered([inserted, original.to_vec()].concat())
}

const FAULTS: [(&str, Fault); 14] = [
    ("a content type that there is not", |original| altered([&[0x30], &original[1..]].concat())),
    ("a version that there is not", |original| altered([&original[..1], &[0x0a, 0x0a], &original[3..]].concat())),
    ("a length that there may not be", |original| altered(record(original[0], 0x0303, 0xffff, &[7; 20_000]))),
    ("more plain bytes than a record may have", |original| altered(record(original[0], 0x0303, 17_000, &[7; 17_000]))),
    ("a longer record than the protocol has", |original| altered(record(original[0], 0x0303, 18_700, &[7; 18_700]))),
    ("no bytes at all", |original| altered(record(original[0], 0x0303, 0, &[]))),
    ("a header that breaks off", |original| Some(Altered { bytes: original[..3].to_vec(), ends: true })),
    ("a record that breaks off", |original| {
        Some(Altered { bytes: original[..original.len() - 1].to_vec(), ends: true })
    }),
    ("an altered ciphertext", |original| {
        let (&last, rest) = original.split_last()?;
        (original[0] == APPLICATION_DATA).then(|| Altered { bytes: [rest, &[last ^ 1]].concat(), ends: false })
    }),
    ("a plain alert", |original| before(record(ALERT, 0x0303, 2, &[2, 40]), original)),
    ("a malformed alert", |original| before(record(ALERT, 0x0303, 3, &[2, 40, 7]), original)),
    ("a handshake message at the wrong time", |original| {
        before(record(HANDSHAKE, 0x0303, 4, &[20, 0, 0, 0]), original)
    }),
    ("a change of ciphers that is none", |original| before(record(20, 0x0303, 1, &[9]), original)),
    // What came of the message is remembered when the next record breaks the rules.
    ("a part of a handshake message, and then rubbish", |original| {
        let part = record(HANDSHAKE, 0x0303, 6, &[1, 0, 1, 0, 3, 3]);
        altered([part, record(0x30, 0x0303, 4, &[0; 4]), original.to_vec()].concat())
    }),
];

/// When the fault is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// At this record of the handshake.
    At(usize),
    /// Once both ends are open.
    Open,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Client,
    Server,
}

/// Somebody between the two ends.
struct Middle {
    address: SocketAddr,
    /// The handshake is done.
    is_open: Arc<AtomicBool>,
    /// The types of the records that have come back since the fault.
    back: Arc<Mutex<Vec<u8>>>,
}

impl Middle {
    fn start(server: SocketAddr, from: From, when: When, fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (is_open, back) = (Arc::new(AtomicBool::new(false)), Arc::<Mutex<Vec<u8>>>::default());
        let (open, log) = (Arc::clone(&is_open), Arc::clone(&back));
        thread::spawn(move || {
            let (client, _) = listener.accept().unwrap();
            let server = TcpStream::connect(server).unwrap();
            let ends = if from == From::Client { [client, server] } else { [server, client] };
            let [source, victim] = ends;
            let is_made = Arc::new(AtomicBool::new(false));
            let (made, to_source, of_victim) =
                (Arc::clone(&is_made), source.try_clone().unwrap(), victim.try_clone().unwrap());
            let returning = thread::spawn(move || {
                pass(of_victim, to_source, |record, _| {
                    if made.load(Ordering::SeqCst) {
                        log.lock().unwrap().push(record[0]);
                    }
                    None
                });
            });
            pass(source, victim, |record, number| {
                let is_due = match when {
                    When::At(at) => number >= at,
                    When::Open => open.load(Ordering::SeqCst),
                };
                if !is_due || is_made.load(Ordering::SeqCst) {
                    return None;
                }
                let altered = fault(record)?;
                is_made.store(true, Ordering::SeqCst);
                Some(altered)
            });
            returning.join().unwrap();
        });
        Self { address, is_open, back }
    }
}

/// Passes records on until there are no more.
fn pass(mut from: TcpStream, mut to: TcpStream, mut look: impl FnMut(&[u8], usize) -> Option<Altered>) {
    for number in 0.. {
        let Ok(record) = read_record(&mut from) else { break };
        let Altered { bytes, ends } = look(&record, number).unwrap_or(Altered { bytes: record, ends: false });
        if to.write_all(&bytes).is_err() || ends {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    // What still comes is taken, so that nothing is reset before it is read.
    let _ = std::io::copy(&mut from, &mut std::io::sink());
}

fn read_record(from: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut record = vec![0; 5];
    from.read_exact(&mut record)?;
    record.resize(5 + usize::from(u16::from_be_bytes([record[3], record[4]])), 0);
    from.read_exact(&mut record[5..])?;
    Ok(record)
}

fn errors(world: &World, id: Id) -> Vec<String> {
    let of_id = world.story(id).into_iter();
    of_id
        .filter_map(|told| match told {
            Told::Error(code) | Told::ServerError(code) => Some(code),
            _ => None,
        })
        .collect()
}

/// Makes one fault, and returns the error at the end that it was made for.
fn play(name: &str, from: From, when: When, fault: Fault) {
    let what = format!("{name}, from the {from:?}, {when:?}");
    let mut world = World::new();
    let (server_side, client_side) = options();
    let (server, address) = listen(&mut world, server_side, 10_000);
    let middle = Middle::start(address, from, when, fault);
    let client = connect(&mut world, middle.address, client_side);
    let accepted_of = |world: &World| world.accepted_by(server).first().copied();
    let is_open = |world: &World| world.net.ready_state(client) == ReadyState::Open && accepted_of(world).is_some();
    let client_over = |world: &World| !errors(world, client).is_empty() || world.has_closed(client);
    let server_over = |world: &World| {
        !errors(world, server).is_empty() || accepted_of(world).is_some_and(|accepted| world.has_closed(accepted))
    };
    if when == When::Open {
        world.until(&mut ignore, |world| is_open(world));
        let accepted = accepted_of(&world).unwrap();
        world.net.listen(accepted, true, false);
        // All that a handshake sends behind itself has passed.
        send(&mut world.net, accepted, b"1");
        send(&mut world.net, client, b"2");
        world.until(&mut ignore, |world| world.received_by(client) == b"1" && world.received_by(accepted) == b"2");
        middle.is_open.store(true, Ordering::SeqCst);
        let sender = if from == From::Client { client } else { accepted };
        send(&mut world.net, sender, &[5; 100]);
    }
    world.until(&mut ignore, |world| {
        // Who has come through its own half of the handshake reads on.
        if let Some(accepted) = accepted_of(world) {
            world.net.listen(accepted, true, false);
        }
        client_over(world) && server_over(world)
    });
    let of_server = errors(&world, server);
    let of_accepted = accepted_of(&world).map(|accepted| errors(&world, accepted)).unwrap_or_default();
    let of_client = errors(&world, client);
    let victim =
        if from == From::Client { [of_server.clone(), of_accepted.clone()].concat() } else { of_client.clone() };
    assert!(victim.len() == 1 && victim[0].starts_with("ERR_TLS_"), "{what}: {victim:?}");
    for code in [of_server, of_accepted, of_client].concat() {
        assert!(code.starts_with("ERR_TLS_") || code == "ECONNRESET", "{what}: {code}");
    }
    // An encrypted alert looks like application data, of which there is none.
    let back = middle.back.lock().unwrap();
    let alerts = back.iter().filter(|&&kind| kind == ALERT).count();
    assert!(alerts <= 1, "{what}: {back:?}");
    if when == When::Open {
        assert!(back.len() <= 1, "{what}: {back:?}");
    }
}

#[test]
fn malformed_records_before_the_handshake_are_clean_errors() {
    for (name, fault) in FAULTS {
        for from in [From::Client, From::Server] {
            if name != "an altered ciphertext" {
                play(name, from, When::At(0), fault);
            }
        }
    }
}

#[test]
fn malformed_records_in_the_handshake_are_clean_errors() {
    for (name, fault) in FAULTS {
        // The client's second record changes ciphers, as the server's, and the next is encrypted.
        for from in [From::Client, From::Server] {
            for at in [1, 2] {
                play(name, from, When::At(at), fault);
            }
        }
    }
}

#[test]
fn malformed_records_after_the_handshake_are_clean_errors() {
    for (name, fault) in FAULTS {
        for from in [From::Client, From::Server] {
            play(name, from, When::Open, fault);
        }
    }
}

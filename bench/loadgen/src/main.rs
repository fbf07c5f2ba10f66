//! One neutral load generator for every server of the benchmark, and the raw epoll servers that show the machine's limit.
//!
//! `loadgen LOAD --port P --pid PID …` drives the server on 127.0.0.1:P, whose process is PID, and prints one JSON line.
//! `loadgen serve KIND …` is a raw server: it prints `{"port":P}` and ends when its standard input does.
//! Loads and servers over a Unix socket have `--path S` for the port; such a server prints `{"path":S}`.
//!
//! It only measures. `bench/run.mjs` interprets the figures.

mod arguments;
mod batch;
mod connect;
mod measure;
mod serve_stream;
mod serve_tls;
mod serve_udp;
mod stream;
mod stream_bulk;
mod stream_echo;
mod stream_single;
mod system;
mod tls;
mod udp;

use std::borrow::Cow;
use std::fmt::Display;
use std::process::ExitCode;

use arguments::Arguments;

const USAGE: &str = "\
loadgen LOAD (--port P | --path S) --pid PID [--warm S] [--seconds S] [--connections N] [--size B] [--depth N] [--spin 1]
  tcp-echo        messages echoed by each connection, `depth` of them on their way; `spin`: without ever sleeping
  tcp-round-trip  one connection, one message at a time, a busy-waiting client
  tcp-sparse      1,000 messages a second on one connection
  tcp-upload      bytes to the server, as fast as it takes them
  tcp-lines       lines of `size` bytes to the server on one connection, as fast as it takes them
  tcp-download    bytes from the server, as fast as it gives them
  tcp-connect     connect, one byte each way, end
  tcp-idle        connections that are held: the server's memory for each
  unix-…          the same over a Unix socket
  tls-echo, tls-upload, tls-download   the same over TLS
  tls-handshakes  connect, a full TLS handshake, one byte each way, end
  udp-echo        datagrams echoed, `depth` of them on their way
  udp-flood       datagrams to the server, more than it takes
  udp-sink        datagrams from the server, as fast as it gives them
loadgen serve KIND [--path S] [--size B]
  tcp-echo | tcp-discard | tcp-send | tcp-once | the same with unix- or tls- | udp-echo | udp-discard | udp-send";

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let command = words.next().unwrap_or_default();
    let outcome = if command == "serve" {
        let kind = words.next().unwrap_or_default();
        Arguments::parse(words).and_then(|arguments| serve(&kind, &arguments))
    } else {
        Arguments::parse(words).and_then(|arguments| drive(&command, &arguments))
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("loadgen {command}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn drive(load: &str, arguments: &Arguments) -> std::io::Result<()> {
    let report = match with_tcp(load, arguments)?.as_ref() {
        "tcp-echo" => stream_echo::echo(arguments)?,
        "tcp-round-trip" => stream_single::round_trip(arguments)?,
        "tcp-sparse" => stream_single::sparse(arguments)?,
        "tcp-upload" => stream_bulk::upload(arguments)?,
        "tcp-lines" => stream_bulk::lines(arguments)?,
        "tcp-download" => stream_bulk::download(arguments)?,
        "tcp-connect" => connect::connect(arguments)?,
        "tcp-idle" => connect::idle(arguments)?,
        "tls-echo" => tls::echo(arguments)?,
        "tls-upload" => tls::upload(arguments)?,
        "tls-download" => tls::download(arguments)?,
        "tls-handshakes" => tls::handshakes(arguments)?,
        "udp-echo" => udp::echo(arguments)?,
        "udp-flood" => udp::flood(arguments)?,
        "udp-sink" => udp::sink(arguments)?,
        _ => return Err(std::io::Error::other(format!("no such load\n{USAGE}"))),
    };
    println!("{}", report.to_json());
    Ok(())
}

fn serve(kind: &str, arguments: &Arguments) -> std::io::Result<()> {
    end_with_input();
    match with_tcp(kind, arguments)?.as_ref() {
        "tcp-echo" => serve_stream::echo(arguments),
        "tcp-discard" => serve_stream::discard(arguments),
        "tcp-send" => serve_stream::send(arguments),
        "tcp-once" => serve_stream::once(arguments),
        "tls-echo" => serve_tls::serve(&serve_tls::Kind::Echo),
        "tls-discard" => serve_tls::serve(&serve_tls::Kind::Discard),
        "tls-send" => serve_tls::serve(&serve_tls::Kind::Send(arguments.size)),
        "tls-once" => serve_tls::serve(&serve_tls::Kind::Once),
        "udp-echo" => serve_udp::echo(),
        "udp-discard" => serve_udp::discard(),
        "udp-send" => serve_udp::send(arguments.size),
        _ => Err(std::io::Error::other(format!("no such server\n{USAGE}"))),
    }
}

/// The name that a load or a server over a Unix socket has over TCP. Everything but the address is the same.
fn with_tcp<'a>(name: &'a str, arguments: &Arguments) -> std::io::Result<Cow<'a, str>> {
    match (name.strip_prefix("unix-"), &arguments.path) {
        (Some(rest), Some(_)) => Ok(format!("tcp-{rest}").into()),
        (None, None) => Ok(name.into()),
        (Some(_), None) => Err(std::io::Error::other(format!("{name} needs --path"))),
        (None, Some(_)) => Err(std::io::Error::other(format!("{name} has a port and no --path"))),
    }
}

/// Ends the server when the process that started it has ended.
fn end_with_input() {
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
}

/// Reports the server's address to the process that started it: its "port" or its "path", as JSON.
pub fn announce(name: &str, address: impl Display) {
    println!("{{\"{name}\":{address}}}");
}

//! One neutral load generator for every server of the benchmark, and the raw epoll servers that show the machine's limit.
//!
//! `loadgen LOAD --port P --pid PID …` drives the server on 127.0.0.1:P, whose process is PID, and prints one JSON line.
//! `loadgen serve KIND …` is a raw server: it prints `{"port":P}` and ends when its standard input does.
//!
//! It only measures. `bench/run.mjs` interprets the figures.

mod arguments;
mod batch;
mod connect;
mod measure;
mod serve_tcp;
mod serve_tls;
mod serve_udp;
mod system;
mod tcp_bulk;
mod tcp_echo;
mod tcp_single;
mod tls;
mod udp;

use std::process::ExitCode;

use arguments::Arguments;

const USAGE: &str = "\
loadgen LOAD --port P --pid PID [--warm S] [--seconds S] [--connections N] [--size B] [--depth N]
  tcp-echo        messages echoed by each connection, `depth` of them on their way
  tcp-round-trip  one connection, one message at a time, a busy-waiting client
  tcp-sparse      1,000 messages a second on one connection
  tcp-upload      bytes to the server, as fast as it takes them
  tcp-download    bytes from the server, as fast as it gives them
  tcp-connect     connect, one byte each way, end
  tcp-idle        connections that are held: the server's memory for each
  tls-echo, tls-upload, tls-download   the same over TLS
  tls-handshakes  connect, a full TLS handshake, one byte each way, end
  udp-echo        datagrams echoed, `depth` of them on their way
  udp-flood       datagrams to the server, more than it takes
  udp-sink        datagrams from the server, as fast as it gives them
loadgen serve KIND [--size B]
  tcp-echo | tcp-discard | tcp-send | tcp-once | the same with tls- | udp-echo | udp-discard | udp-send";

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
    let report = match load {
        "tcp-echo" => tcp_echo::echo(arguments)?,
        "tcp-round-trip" => tcp_single::round_trip(arguments)?,
        "tcp-sparse" => tcp_single::sparse(arguments)?,
        "tcp-upload" => tcp_bulk::upload(arguments)?,
        "tcp-download" => tcp_bulk::download(arguments)?,
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
    match kind {
        "tcp-echo" => serve_tcp::echo(),
        "tcp-discard" => serve_tcp::discard(),
        "tcp-send" => serve_tcp::send(arguments.size),
        "tcp-once" => serve_tcp::once(),
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

/// Ends the server when the process that started it has ended.
fn end_with_input() {
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
}

/// Reports the server's port to the process that started it.
pub fn announce(port: u16) {
    println!("{{\"port\":{port}}}");
}

//! `net` over real loopback sockets, without JavaScript: what the binding does, done by a small driver.

mod driver;

mod batches;
mod blobs;
mod certificates;
mod close_timeout;
mod deadlines;
mod options;
mod pending_operations;
mod relay;
mod scarce;
mod short_reads;
#[cfg(unix)]
mod shortage;
mod tcp;
mod tcp_bulk;
mod tcp_connect;
mod tcp_end;
mod tcp_loss;
mod tcp_server;
mod tcp_streams;
mod tls;
mod tls_records;
mod udp;

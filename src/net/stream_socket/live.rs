//! setOptions() on an open connection (R-live).

use super::StreamSocket;
use crate::net::context::Context;
use crate::net::options::StreamChanges;
use crate::net::{Id, SocketError, socket_options};

impl StreamSocket {
    /// Changes the options that are given. If the system refuses one, those before it stay changed.
    pub fn change(&mut self, changes: &StreamChanges, id: Id, context: &mut Context) -> Result<(), SocketError> {
        let is_first = !self.has_probes;
        // Without a connection, as after a loss that is not reported yet, the options of the system change nothing.
        let changed = self.transport.with_socket(|socket| {
            socket_options::set_buffer_sizes(&socket, &changes.buffers)?;
            socket_options::change_network_options(&socket, &changes.network, is_first)
        });
        self.has_probes |= changes.network.keep_alive.name().is_some();
        changed.unwrap_or(Ok(())).map_err(SocketError::of_live_option)?;
        self.machine.ledger.change(changes.high_water_mark, changes.max_buffered_amount);
        if let Some(milliseconds) = changes.close_timeout {
            self.change_close_timeout(milliseconds, id, context);
        }
        if let Some(milliseconds) = changes.idle_timeout {
            self.change_idle_limit(milliseconds, id, context);
        }
        self.schedule(id, context);
        Ok(())
    }
}

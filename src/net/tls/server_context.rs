//! What setSecureContext() replaces: a server's TLS options and the certificates that belong to them. Handshakes under way keep the context
//! with which they began.

use std::sync::Arc;

use super::certificates::host_name;
use super::config::{self, ServerSetup};
use super::kept_certificates::KeptCertificates;
use super::options::SecureOptions;
use crate::net::SocketError;

/// The certificates and options of a server, for the handshakes that begin with them.
#[derive(Clone, Debug)]
pub struct ServerContext {
    /// The configuration, which servers with equal options share.
    pub setup: Arc<ServerSetup>,
    /// The certificates that `certificateFor` has given. `None`: the options have no `certificateFor`.
    pub kept: Option<Arc<KeptCertificates>>,
}

impl ServerContext {
    /// The name that `certificateFor` decides about, if a client asks for `requested`. `None`: the options' own certificates decide, since
    /// there is no `certificateFor`, the client asks for no name, or `serverCertificates` has this name.
    pub fn name_to_ask(&self, requested: Option<&str>) -> Option<String> {
        self.kept.as_ref()?;
        requested.map(host_name).filter(|name| !self.setup.certificates.has(name))
    }
}

/// The context of a server with these options.
pub fn server_context(options: &SecureOptions) -> Result<ServerContext, SocketError> {
    let setup = config::server(options).map_err(|error| SocketError::Tls { error, address: None })?;
    Ok(ServerContext { setup, kept: options.certificate_for.then(Arc::default) })
}

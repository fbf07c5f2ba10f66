//! Which optional features the system has. They differ between systems, and between kernels of one system (containers, emulators). So the
//! package asks the system where one call is enough.

use std::sync::OnceLock;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use super::sys;
use super::tls::has_one_processor;

/// The features, one field for each. True: the package can do this here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// The option `reusePort`: sockets share a port and its load.
    pub reuse_port: bool,
    /// Datagrams of one size cross the system as one message.
    pub udp_segmentation: bool,
    /// Received datagrams cross the system as one message. The package never asks for that.
    pub udp_coalescing: bool,
    /// Groups can be joined from listed sources.
    pub source_specific_multicast: bool,
    /// The option `packetInfo`.
    pub packet_info: bool,
    /// The option `networkInterface`.
    pub network_interface: bool,
    /// `getStats()` has values.
    pub tcp_stats: bool,
    /// `datagramsDropped` counts.
    pub datagrams_dropped: bool,
    /// There are Unix sockets.
    pub unix_sockets: bool,
    /// Unix sockets may have abstract names.
    pub abstract_unix_paths: bool,
    /// `peerCredentials` has values.
    pub peer_credentials: bool,
    /// The option `userTimeout`.
    pub user_timeout: bool,
    /// The option `typeOfService`.
    pub type_of_service: bool,
    /// This process may use one processor only.
    pub one_processor: bool,
}

impl Features {
    /// What this system can do. It is found out once in a process.
    pub fn of_system() -> Self {
        /// Set by the first call in this process.
        static FEATURES: OnceLock<Features> = OnceLock::new();
        *FEATURES.get_or_init(Self::ask)
    }

    /// Asks the system. A question that cannot be asked, because no socket can be made, has the answer that the system usually gives.
    fn ask() -> Self {
        let tcp = Socket::new(Domain::IPV4, Type::STREAM, None).ok();
        let udp = Socket::new(Domain::IPV4, Type::DGRAM, None).ok();
        let of = |socket: &Option<Socket>, can: &dyn Fn(&Socket) -> bool| socket.as_ref().is_none_or(can);
        Self {
            reuse_port: sys::BALANCES_SHARED_PORTS && of(&udp, &|udp| sys::share_port(udp).is_ok()),
            udp_segmentation: sys::SEGMENTS_DATAGRAMS && of(&udp, &sys::takes_segments),
            udp_coalescing: false,
            source_specific_multicast: sys::TAKES_SOURCES,
            packet_info: sys::has_packet_info(),
            network_interface: sys::has_network_interface(),
            tcp_stats: sys::HAS_FIGURES && of(&tcp, &|tcp| sys::tcp_stats(tcp).congestion_window.is_some()),
            datagrams_dropped: sys::HAS_FIGURES && of(&udp, &sys::counts_drops),
            unix_sockets: sys::HAS_UNIX_SOCKETS,
            abstract_unix_paths: sys::HAS_ABSTRACT_NAMES,
            peer_credentials: sys::HAS_PEER_CREDENTIALS,
            user_timeout: sys::HAS_USER_TIMEOUT && of(&tcp, &|tcp| sys::set_user_timeout(tcp, Duration::ZERO).is_ok()),
            one_processor: has_one_processor(),
            type_of_service: sys::HAS_TYPE_OF_SERVICE && of(&tcp, &|tcp| tcp.set_tos_v4(0).is_ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_stays_the_same() {
        assert_eq!(Features::of_system(), Features::of_system());
        assert_eq!(Features::of_system(), Features::ask());
    }

    #[test]
    fn nothing_is_claimed_that_the_system_never_has() {
        let features = Features::of_system();
        assert!(!features.udp_coalescing);
        assert!(sys::HAS_UNIX_SOCKETS || !features.abstract_unix_paths);
        assert!(sys::HAS_UNIX_SOCKETS || !features.peer_credentials);
    }
}

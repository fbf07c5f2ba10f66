//! The control messages of a datagram, or of a run of datagrams, that has an origin.

use std::net::IpAddr;

use super::super::datagrams::Origin;

/// The most bytes of the messages: 40 for IPv6's packet information, and 24 for each of the type of service and the size of a run's
/// datagrams.
const ROOM: usize = 88;

/// The messages, one after the other. They are aligned like the system's headers.
#[repr(C, align(8))]
pub struct OriginMessages {
    /// The messages, and zeros behind them.
    bytes: [u8; ROOM],
    /// The length of all messages, in bytes.
    len: usize,
}

impl OriginMessages {
    /// The messages for an origin. `segment`: the message is a run, which is cut into datagrams of so many bytes.
    pub fn new(origin: Origin, segment: Option<u16>) -> Self {
        let mut messages = Self { bytes: [0; ROOM], len: 0 };
        let Origin { address, interface, type_of_service } = origin;
        if !address.is_unspecified() || interface != 0 {
            messages.push_packet_info(address, interface);
        }
        if let Some(value) = type_of_service {
            // The IPv4 datagrams of a dual-stack socket take IPv4's messages.
            let (level, kind) = match address {
                IpAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_TOS),
                IpAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_TCLASS),
            };
            messages.push(level, kind, libc::c_int::from(value));
        }
        if let Some(size) = segment {
            messages.push(libc::SOL_UDP, libc::UDP_SEGMENT, size);
        }
        messages
    }

    /// All messages, for a system call.
    pub fn bytes(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.len]
    }

    /// Appends the message with the source address and the interface.
    fn push_packet_info(&mut self, address: IpAddr, interface: u32) {
        match address {
            IpAddr::V4(ip) => {
                let info = libc::in_pktinfo {
                    ipi_ifindex: interface as _,
                    ipi_spec_dst: libc::in_addr { s_addr: ip.to_bits().to_be() },
                    ipi_addr: libc::in_addr { s_addr: 0 },
                };
                self.push(libc::IPPROTO_IP, libc::IP_PKTINFO, info);
            }
            IpAddr::V6(ip) => {
                let info = libc::in6_pktinfo {
                    ipi6_addr: libc::in6_addr { s6_addr: ip.octets() },
                    ipi6_ifindex: interface as _,
                };
                self.push(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info);
            }
        }
    }

    /// Appends a message.
    fn push<T: Copy>(&mut self, level: libc::c_int, kind: libc::c_int, data: T) {
        // SAFETY: the two macros only compute with the number.
        let (length, space) = unsafe {
            (libc::CMSG_LEN(size_of::<T>() as u32) as usize, libc::CMSG_SPACE(size_of::<T>() as u32) as usize)
        };
        let message = &mut self.bytes[self.len..self.len + space];
        // SAFETY: a cmsghdr consists of integers, so zeros are a valid value.
        let mut header: libc::cmsghdr = unsafe { std::mem::zeroed() };
        header.cmsg_len = length as _;
        header.cmsg_level = level;
        header.cmsg_type = kind;
        // SAFETY: `message` is `space` bytes, at least the header, the padding behind it, and the data: CMSG_LEN says where the data ends.
        // Both writes stay within that, and need no alignment.
        unsafe {
            message.as_mut_ptr().cast::<libc::cmsghdr>().write_unaligned(header);
            message.as_mut_ptr().add(length - size_of::<T>()).cast::<T>().write_unaligned(data);
        }
        self.len += space;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The level, the type and the data of each message, as the system's macros find them.
    fn found(mut messages: OriginMessages) -> Vec<(i32, i32, Vec<u8>)> {
        // SAFETY: a msghdr consists of integers and pointers, for which zeros are valid.
        let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
        let bytes = messages.bytes();
        header.msg_control = bytes.as_mut_ptr().cast();
        header.msg_controllen = bytes.len() as _;
        let mut found = Vec::new();
        // SAFETY: the header has the pointer and the length of the messages, which live until the end. The macros stay within them. Each
        // message has the length that its own header says.
        unsafe {
            let mut next = libc::CMSG_FIRSTHDR(&raw const header);
            while !next.is_null() {
                let length = (*next).cmsg_len as usize - libc::CMSG_LEN(0) as usize;
                let data = std::slice::from_raw_parts(libc::CMSG_DATA(next), length).to_vec();
                found.push(((*next).cmsg_level, (*next).cmsg_type, data));
                next = libc::CMSG_NXTHDR(&raw const header, next);
            }
        }
        found
    }

    #[test]
    fn each_part_of_an_origin_is_a_message_of_the_family() {
        let origin = |address: &str, interface, type_of_service| Origin {
            address: address.parse().unwrap(),
            interface,
            type_of_service,
        };
        let tos = 184i32.to_ne_bytes().to_vec();
        let index = 7u32.to_ne_bytes();
        assert_eq!(
            found(OriginMessages::new(origin("10.1.2.3", 7, Some(184)), Some(1200))),
            [
                (0, libc::IP_PKTINFO, [&index[..], &[10, 1, 2, 3], &[0; 4]].concat()),
                (0, libc::IP_TOS, tos.clone()),
                (libc::SOL_UDP, libc::UDP_SEGMENT, 1200u16.to_ne_bytes().to_vec()),
            ]
        );
        let v6 = "2001:db8::7".parse::<std::net::Ipv6Addr>().unwrap().octets();
        assert_eq!(
            found(OriginMessages::new(origin("2001:db8::7", 7, Some(184)), Some(1200))),
            [
                (41, libc::IPV6_PKTINFO, [&v6[..], &index[..]].concat()),
                (41, libc::IPV6_TCLASS, tos.clone()),
                (libc::SOL_UDP, libc::UDP_SEGMENT, 1200u16.to_ne_bytes().to_vec()),
            ]
        );
        assert_eq!(found(OriginMessages::new(origin("::", 0, Some(184)), None)), [(41, libc::IPV6_TCLASS, tos)]);
        assert_eq!(found(OriginMessages::new(origin("0.0.0.0", 7, None), None)).len(), 1);
    }
}

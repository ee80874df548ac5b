//! Datagrams that the kernel threw away because nobody took them in time, as it counts them for each socket.

use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt as _;

/// Where the kernel counts a socket's drops.
#[derive(Debug)]
pub(super) struct Drops {
    table: &'static str,
    inode: Option<u64>,
}

impl Drops {
    pub(super) fn of(socket: &UdpSocket, local: SocketAddr) -> Self {
        // The link leads to the socket itself, whose number the table knows it by.
        let inode = std::fs::metadata(format!("/proc/self/fd/{}", socket.as_raw_fd())).ok();
        let table = if local.is_ipv4() { "/proc/self/net/udp" } else { "/proc/self/net/udp6" };
        Self { table, inode: inode.map(|metadata| metadata.ino()) }
    }

    /// Datagrams dropped since the socket was opened; 0 where the kernel does not say.
    pub(super) fn count(&self) -> u64 {
        let text = std::fs::read_to_string(self.table).unwrap_or_default();
        self.inode.and_then(|inode| dropped(&text, inode)).unwrap_or_default()
    }
}

/// The last column of the row whose tenth column is the socket's inode.
fn dropped(table: &str, inode: u64) -> Option<u64> {
    table.lines().skip(1).find_map(|line| {
        let mut columns = line.split_ascii_whitespace();
        (columns.nth(9)?.parse::<u64>() == Ok(inode)).then_some(())?;
        columns.next_back()?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_row_is_found_by_its_inode() {
        let table = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
            \x20 315: 0100007F:2352 00000000:0000 07 00000000:00000000 00:00000000 00000000   101        0 23571 2 0000000000000000 0\n\
            \x20 390: 0100007F:0277 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 9321 2 0000000000000000 17\n";
        assert_eq!(dropped(table, 9321), Some(17));
        assert_eq!(dropped(table, 23571), Some(0));
        assert_eq!(dropped(table, 101), None);
        assert_eq!(dropped("", 1), None);
    }
}

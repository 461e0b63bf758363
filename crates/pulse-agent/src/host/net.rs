//! Network interfaces from `/proc/net/dev`.

/// Counters of one interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NetCounters {
    /// Interface.
    pub(super) name: String,
    /// Bytes received.
    pub(super) rx_bytes: u64,
    /// Bytes sent.
    pub(super) tx_bytes: u64,
}

/// Ends of virtual cables and bridges that engines and hypervisors make by the dozen. Their traffic shows at the
/// guest they belong to.
const LEFT_OUT: &[&str] = &[
    "veth",
    "tap",
    "fwbr",
    "fwpr",
    "fwln",
    "cali",
    "cni",
    "lxc",
    "lxdbr",
    "vnet",
    "virbr",
    "docker",
    "podman",
    "flannel",
    "kube-",
    "dummy",
    "ifb",
    "vxlan.calico",
];

fn is_left_out(name: &str) -> bool {
    // Docker's own networks are `br-` and twelve hex digits; `br-lan` of a router is the real thing.
    let is_docker_bridge = name
        .strip_prefix("br-")
        .is_some_and(|id| id.len() == 12 && id.bytes().all(|b| b.is_ascii_hexdigit()));
    name.is_empty() || name == "lo" || is_docker_bridge || LEFT_OUT.iter().any(|p| name.starts_with(p))
}

/// Interfaces worth a row, in the order of their names.
pub(super) fn parse_net_dev(text: &str) -> Vec<NetCounters> {
    let mut interfaces: Vec<NetCounters> = text
        .lines()
        .filter_map(|line| {
            let (name, counters) = line.split_once(':')?;
            let name = name.trim();
            if is_left_out(name) {
                return None;
            }
            let mut counters = counters.split_ascii_whitespace().map(str::parse::<u64>);
            Some(NetCounters {
                name: name.to_owned(),
                rx_bytes: counters.next()?.ok()?,
                tx_bytes: counters.nth(7)?.ok()?,
            })
        })
        .collect();
    interfaces.sort_by(|a, b| a.name.cmp(&b.name));
    interfaces
}

/// A hardware address, unless it is the empty one of tunnels.
pub(super) fn parse_mac(text: &str) -> Option<String> {
    let mac = text.trim().to_ascii_lowercase();
    let is_mac =
        mac.len() == 17 && mac.split(':').all(|b| b.len() == 2 && b.chars().all(|c| c.is_ascii_hexdigit()));
    (is_mac && mac != "00:00:00:00:00:00").then_some(mac)
}

/// Link speed; interfaces without a link say -1.
pub(super) fn parse_speed(text: &str) -> Option<u64> {
    text.trim().parse::<i64>().ok().filter(|mbps| *mbps > 0).map(i64::unsigned_abs)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NET_DEV: &str = "Inter-|   Receive                                                |  Transmit\n \
        face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n\
            lo: 100 1 0 0 0 0 0 0 100 1 0 0 0 0 0 0\n\
         vmbr0: 5000 7 0 0 0 0 0 0 6000 8 0 0 0 0 0 0\n\
          eno1:123456789012 7 0 0 0 0 0 0 42 8 0 0 0 0 0 0\n\
        veth12: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n\
       docker0: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n\
  br-0123456789ab: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n\
        br-lan: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n\
         short: 1 2\n";

    #[test]
    fn loopback_and_virtual_cables_are_left_out() {
        let interfaces = parse_net_dev(NET_DEV);
        let names: Vec<&str> = interfaces.iter().map(|i| i.name.as_str()).collect();
        assert_eq!(names, ["br-lan", "eno1", "vmbr0"]);
        // The colon may touch the number.
        assert_eq!((interfaces[1].rx_bytes, interfaces[1].tx_bytes), (123_456_789_012, 42));
    }

    #[test]
    fn an_interface_without_a_link_has_no_speed_and_a_tunnel_no_mac() {
        assert_eq!(parse_speed("-1\n"), None);
        assert_eq!(parse_speed("2500\n"), Some(2500));
        assert_eq!(parse_mac("00:00:00:00:00:00\n"), None);
        assert_eq!(parse_mac("AA:bb:cc:00:11:22\n").as_deref(), Some("aa:bb:cc:00:11:22"));
        assert_eq!(parse_mac("garbage"), None);
    }
}

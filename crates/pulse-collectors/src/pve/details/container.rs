//! Configurations of guests, as far as they tell something the polls do not, and the addresses of containers.

use std::collections::BTreeMap;

use pulse_core::model::NetworkInterface;
use serde_json::value::RawValue;

use super::{
    super::wire::{Unreadable, object},
    agent::{address, is_reachable, mac},
    wire::Interface,
};
use crate::{
    details::ContainerFacts,
    lenient::{self, Text},
};

/// No guest has more network cards than this.
const MOST_CARDS: usize = 32;

/// A configuration: keys with texts.
pub(super) type Config = BTreeMap<String, String>;

/// Reads a configuration; what is neither text nor number is left out.
pub(super) fn config(body: &str) -> Result<Config, Unreadable> {
    let raw: BTreeMap<String, &RawValue> = object(body)?;
    let text = |(key, value): (String, &RawValue)| {
        Some((key, serde_json::from_str::<Text<'_>>(value.get()).ok()?.to_owned()?))
    };
    Ok(raw.into_iter().filter_map(text).collect())
}

/// The value of `name=` in `a,b=1,c=2`.
fn part<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
}

fn cards(config: &Config) -> impl Iterator<Item = (&str, &str)> {
    config
        .iter()
        .filter(|(key, _)| {
            key.strip_prefix("net").is_some_and(|number| {
                !number.is_empty() && number.len() < 3 && number.bytes().all(|byte| byte.is_ascii_digit())
            })
        })
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .take(MOST_CARDS)
}

/// Hardware addresses of a VM: `virtio=BC:24:11:00:00:01,bridge=vmbr0`.
pub(super) fn vm_addresses(config: &Config) -> Vec<String> {
    let address = |(_, card): (&str, &str)| {
        let first = card.split(',').next()?.split_once('=')?.1;
        mac(Some(first)
            .filter(|text| text.len() == 17 && text.bytes().filter(|byte| *byte == b':').count() == 5))
    };
    cards(config).filter_map(address).collect()
}

/// What a container's configuration says.
pub(super) fn facts(config: &Config) -> ContainerFacts {
    let card = |(key, card): (&str, &str)| {
        let fixed = |name| part(card, name).filter(|ip| is_reachable(ip.split('/').next().unwrap_or(ip)));
        NetworkInterface {
            name: lenient::name(part(card, "name").unwrap_or(key)),
            mac: mac(part(card, "hwaddr")),
            addresses: ["ip", "ip6"].into_iter().filter_map(fixed).map(str::to_owned).collect(),
            ..NetworkInterface::default()
        }
    };
    ContainerFacts {
        // An image's entry point and environment are kept; a system container has neither.
        is_oci: config.contains_key("entrypoint") || config.contains_key("env"),
        os_name: config.get("ostype").map(|name| os_name(name)),
        interfaces: cards(config).map(card).collect(),
    }
}

/// As people write it.
fn os_name(kind: &str) -> String {
    match kind {
        "alpine" => "Alpine Linux",
        "archlinux" => "Arch Linux",
        "centos" => "CentOS",
        "debian" => "Debian",
        "devuan" => "Devuan",
        "fedora" => "Fedora",
        "gentoo" => "Gentoo",
        "nixos" => "NixOS",
        "opensuse" => "openSUSE",
        "ubuntu" => "Ubuntu",
        "unmanaged" => "Linux",
        other => return lenient::name(other),
    }
    .to_owned()
}

/// Adds the addresses that a running container has.
pub(super) fn add_addresses(facts: &mut ContainerFacts, rows: &[Interface<'_>]) {
    for row in rows.iter().take(MOST_CARDS) {
        let Some(name) = row.name.to_name().filter(|name| name != "lo") else { continue };
        let mut addresses: Vec<String> = row.ip_addresses.0.iter().filter_map(address).collect();
        if addresses.is_empty() {
            let old = [row.inet.as_str(), row.inet6.as_str()].into_iter().flatten();
            let each = old.flat_map(|text| text.split_whitespace());
            addresses = each
                .filter(|text| is_reachable(text.split('/').next().unwrap_or(text)))
                .map(str::to_owned)
                .collect();
        }
        let hardware = mac(row.hardware_address.as_str().or(row.hwaddr.as_str()));
        match facts.interfaces.iter_mut().find(|interface| interface.name == name) {
            Some(interface) => {
                interface.mac = hardware.or(interface.mac.take());
                if !addresses.is_empty() {
                    interface.addresses = addresses;
                }
            }
            None if !addresses.is_empty() => facts.interfaces.push(NetworkInterface {
                name,
                mac: hardware,
                addresses,
                ..NetworkInterface::default()
            }),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pve::wire::list;

    fn read(json: &str) -> Config {
        config(&format!(r#"{{"data":{json}}}"#)).unwrap()
    }

    #[test]
    fn a_fixed_address_is_in_the_configuration_and_a_leased_one_is_not() {
        let config = read(
            r#"{"ostype":"ubuntu","cores":2,"lxc":[["a","b"]],"network":"x","net12345":"x",
                "net0":"name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:07,ip=192.0.2.9/24,ip6=auto",
                "net1":"name=eth1,bridge=vmbr1,hwaddr=BC:24:11:00:00:08,ip=dhcp"}"#,
        );
        let mut facts = facts(&config);
        assert_eq!((facts.is_oci, facts.os_name.as_deref()), (false, Some("Ubuntu")));
        assert_eq!(facts.interfaces[0].addresses, ["192.0.2.9/24"]);
        assert!(facts.interfaces[1].addresses.is_empty());
        let rows = r#"{"data":[{"name":"lo","inet":"127.0.0.1/8"},
            {"name":"eth1","hwaddr":"bc:24:11:00:00:08","inet":"10.0.0.5/8","inet6":"fe80::1/64"},
            {"name":"wg0","ip-addresses":[{"ip-address":"10.9.0.1","prefix":32}]}]}"#;
        add_addresses(&mut facts, &list(rows).unwrap());
        assert_eq!(facts.interfaces[1].addresses, ["10.0.0.5/8"]);
        assert_eq!(facts.interfaces[2].addresses, ["10.9.0.1/32"]);
    }

    #[test]
    fn hostile_names_are_cut_wherever_they_come_from() {
        let long = "n".repeat(10_000);
        let mut facts =
            facts(&read(&format!(r#"{{"ostype":"{long}","net0":"name={long},ip=192.0.2.9/24"}}"#)));
        let rows = format!(r#"{{"data":[{{"name":"x{long}","inet":"10.0.0.5/8"}}]}}"#);
        add_addresses(&mut facts, &list(&rows).unwrap());
        assert_eq!(facts.os_name.map(|name| name.len()), Some(256));
        let lengths: Vec<usize> = facts.interfaces.iter().map(|interface| interface.name.len()).collect();
        assert_eq!(lengths, [256, 256]);
    }

    #[test]
    fn an_image_with_an_entry_point_is_an_application_container() {
        assert!(facts(&read(r#"{"entrypoint":"/bin/x","ostype":"debian"}"#)).is_oci);
        assert!(facts(&read(r#"{"env":"A=1"}"#)).is_oci);
    }

    #[test]
    fn hardware_addresses_of_a_vm_are_found_whatever_the_model() {
        let config = read(
            r#"{"net0":"virtio=BC:24:11:AA:BB:01,bridge=vmbr0","net1":"e1000=BC:24:11:AA:BB:02","net2":"bridge=x","name":"n"}"#,
        );
        assert_eq!(vm_addresses(&config), ["bc:24:11:aa:bb:01", "bc:24:11:aa:bb:02"]);
    }
}

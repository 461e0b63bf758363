//! What a container has to be made with so that its successor on a newer image is the same in all else.
//!
//! The engine tells what a container was made with after its image's defaults were filled in. Those that are the
//! image's own are taken out, so that the newer image's take their place.

use serde_json::{Map, Value, json};

/// How a successor is made.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Recipe {
    /// The body of `/containers/create`.
    pub(super) create: Value,
    /// Networks to join before the start, each with the settings it had there.
    pub(super) networks: Vec<(String, Value)>,
}

/// Fields of a container's configuration that an image may have brought.
const FROM_IMAGE: &[&str] = &[
    "Cmd",
    "Entrypoint",
    "WorkingDir",
    "User",
    "ExposedPorts",
    "Volumes",
    "StopSignal",
    "Healthcheck",
    "Shell",
];

/// The recipe from a container's inspection and its image's.
pub(super) fn recipe(container: &Value, old_image: &Value) -> Recipe {
    let mut config = container["Config"].as_object().cloned().unwrap_or_default();
    let image_config = &old_image["Config"];
    for field in FROM_IMAGE {
        if !image_config[field].is_null() && config.get(*field) == Some(&image_config[field]) {
            config.remove(*field);
        }
    }
    // A command of one's own goes with the image's entry point; an entry point of one's own hides the command.
    take_out_list(&mut config, image_config);
    take_out_labels(&mut config, image_config);
    let id = container["Id"].as_str().unwrap_or_default();
    let network_mode = container["HostConfig"]["NetworkMode"].as_str().unwrap_or_default();
    let has_own_name = config
        .get("Hostname")
        .and_then(Value::as_str)
        .is_some_and(|name| !name.is_empty() && !id.starts_with(name));
    if !has_own_name || network_mode == "host" || network_mode.starts_with("container:") {
        config.remove("Hostname");
        config.remove("Domainname");
    }
    // Belongs to a network now, and the engine refuses it in both places.
    config.remove("MacAddress");
    let mut host = container["HostConfig"].as_object().cloned().unwrap_or_default();
    keep_anonymous_volumes(&mut host, &container["Mounts"]);
    let (first, networks) = networks(container, network_mode, id);
    let mut create = config;
    create.insert("HostConfig".to_owned(), Value::Object(host));
    if let Some((name, settings)) = first {
        create.insert("NetworkingConfig".to_owned(), json!({"EndpointsConfig": {name: settings}}));
    }
    Recipe { create: Value::Object(create), networks }
}

fn take_out_list(config: &mut Map<String, Value>, image_config: &Value) {
    let defaults = image_config["Env"].as_array().map(Vec::as_slice).unwrap_or_default();
    if let Some(Value::Array(variables)) = config.get_mut("Env") {
        variables.retain(|variable| !defaults.contains(variable));
    }
}

fn take_out_labels(config: &mut Map<String, Value>, image_config: &Value) {
    let Some(defaults) = image_config["Labels"].as_object() else { return };
    if let Some(Value::Object(labels)) = config.get_mut("Labels") {
        labels.retain(|name, value| defaults.get(name) != Some(value));
    }
}

/// Volumes without a name stand among the mounts only; a successor would get empty ones.
fn keep_anonymous_volumes(host: &mut Map<String, Value>, mounts: &Value) {
    let mut binds: Vec<Value> = host.get("Binds").and_then(Value::as_array).cloned().unwrap_or_default();
    let listed = host.get("Mounts").and_then(Value::as_array).cloned().unwrap_or_default();
    for mount in mounts.as_array().map(Vec::as_slice).unwrap_or_default() {
        let (Some(name), Some(at)) = (mount["Name"].as_str(), mount["Destination"].as_str()) else {
            continue;
        };
        let is_bound = binds.iter().filter_map(Value::as_str).any(|bind| bind.split(':').nth(1) == Some(at));
        let is_listed = listed.iter().any(|listed| listed["Target"].as_str() == Some(at));
        if mount["Type"] == "volume" && !name.is_empty() && !is_bound && !is_listed {
            let mode = if mount["RW"] == false { ":ro" } else { "" };
            binds.push(Value::from(format!("{name}:{at}{mode}")));
        }
    }
    if !binds.is_empty() {
        host.insert("Binds".to_owned(), Value::Array(binds));
    }
}

type Network = (String, Value);

/// The network the container is made in, and the others.
fn networks(container: &Value, mode: &str, id: &str) -> (Option<Network>, Vec<Network>) {
    if mode == "host" || mode == "none" || mode.starts_with("container:") {
        return (None, Vec::new());
    }
    let all = container["NetworkSettings"]["Networks"].as_object().cloned().unwrap_or_default();
    let mut all: Vec<Network> = all.into_iter().map(|(name, given)| (name, settings(&given, id))).collect();
    let wanted = if mode.is_empty() || mode == "default" { "bridge" } else { mode };
    let first = all.iter().position(|(name, _)| name == wanted);
    let first = first.map(|at| all.remove(at));
    (first, all)
}

/// What the user chose in a network; addresses that the engine gave out are its to give out again.
fn settings(given: &Value, id: &str) -> Value {
    let mut kept = Map::new();
    for field in ["IPAMConfig", "Links", "DriverOpts"] {
        if !given[field].is_null() {
            kept.insert(field.to_owned(), given[field].clone());
        }
    }
    let aliases: Vec<Value> = given["Aliases"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
        .iter()
        // The engine adds the short id by itself.
        .filter(|alias| alias.as_str().is_some_and(|alias| !id.starts_with(alias)))
        .cloned()
        .collect();
    if !aliases.is_empty() {
        kept.insert("Aliases".to_owned(), Value::Array(aliases));
    }
    Value::Object(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_user_set_stays_and_what_the_image_brought_goes() {
        let container = json!({
            "Id": "0123456789abcdef",
            "Config": {"Hostname": "0123456789ab", "Image": "app:1", "Env": ["A=mine", "PATH=/bin", "V=1"],
                "Cmd": ["serve"], "Entrypoint": ["/entry"], "Labels": {"mine": "1", "version": "1"}, "User": "me"},
            "HostConfig": {"NetworkMode": "front", "RestartPolicy": {"Name": "always"},
                "Binds": ["/srv:/data:ro"], "PortBindings": {"80/tcp": [{"HostPort": "8080"}]}},
            "Mounts": [{"Type": "bind", "Source": "/srv", "Destination": "/data"},
                {"Type": "volume", "Name": "aa11", "Destination": "/cache", "RW": true}],
            "NetworkSettings": {"Networks": {
                "back": {"Aliases": ["db", "0123456789ab"], "IPAddress": "10.2.0.9"},
                "front": {"IPAMConfig": {"IPv4Address": "10.1.0.5"}, "IPAddress": "10.1.0.5"}}}
        });
        let image = json!({"Config": {"Env": ["PATH=/bin", "V=1"], "Cmd": ["serve"], "Entrypoint": ["/old"],
            "Labels": {"version": "1"}, "User": ""}});
        let made = recipe(&container, &image);
        let create = &made.create;
        assert_eq!(create["Env"], json!(["A=mine"]));
        assert_eq!(create["Labels"], json!({"mine": "1"}));
        assert!(create.get("Cmd").is_none() && create.get("Hostname").is_none());
        assert_eq!((&create["Entrypoint"], &create["User"]), (&json!(["/entry"]), &json!("me")));
        assert_eq!(create["HostConfig"]["Binds"], json!(["/srv:/data:ro", "aa11:/cache"]));
        assert_eq!(create["HostConfig"]["RestartPolicy"]["Name"], "always");
        let first = &create["NetworkingConfig"]["EndpointsConfig"];
        assert_eq!(*first, json!({"front": {"IPAMConfig": {"IPv4Address": "10.1.0.5"}}}));
        assert_eq!(made.networks, [("back".to_owned(), json!({"Aliases": ["db"]}))]);
    }

    #[test]
    fn a_container_in_anothers_network_takes_no_name_and_joins_nothing() {
        let container = json!({"Id": "abc", "Config": {"Hostname": "chosen"},
            "HostConfig": {"NetworkMode": "container:xyz"}, "NetworkSettings": {"Networks": {"bridge": {}}}});
        let made = recipe(&container, &Value::Null);
        assert!(made.create.get("Hostname").is_none() && made.create.get("NetworkingConfig").is_none());
        assert!(made.networks.is_empty());
        let own = json!({"Id": "abc", "Config": {"Hostname": "chosen"}, "HostConfig": {"NetworkMode": "default"},
            "NetworkSettings": {"Networks": {"bridge": {"Aliases": null}}}});
        let made = recipe(&own, &Value::Null);
        assert_eq!(made.create["Hostname"], "chosen");
        assert_eq!(made.create["NetworkingConfig"]["EndpointsConfig"], json!({"bridge": {}}));
    }
}

//! Names of images, as Docker reads them.

/// A name taken apart: where the image lives, and which it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ImageName {
    /// `docker.io`, `ghcr.io`, `localhost:5000`.
    pub(super) registry: String,
    /// `library/nginx`.
    pub(super) repository: String,
    /// `latest` where none is named.
    pub(super) tag: String,
}

/// Why an image has nothing to be compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unnamed {
    /// It is named by its digest: it is meant to stay as it is.
    Pinned,
    /// It has an id and no name, or a name that is none.
    NoName,
}

impl ImageName {
    /// Reads `nginx`, `ghcr.io/a/b:1`, `localhost:5000/x`.
    pub(super) fn parse(text: &str) -> Result<Self, Unnamed> {
        let text = text.trim();
        if text.contains('@') {
            return Err(Unnamed::Pinned);
        }
        if text.starts_with("sha256:") || (text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())) {
            return Err(Unnamed::NoName);
        }
        let (path, tag) = match text.rsplit_once(':') {
            Some((path, tag)) if !tag.contains('/') => (path, tag),
            _ => (text, "latest"),
        };
        let (registry, repository) = match path.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => {
                (first, rest.to_owned())
            }
            Some(_) => ("docker.io", path.to_owned()),
            None => ("docker.io", format!("library/{path}")),
        };
        // Podman's word for images that were built on this machine; a registry here has a port.
        if registry == "localhost" {
            return Err(Unnamed::NoName);
        }
        let is_word = |text: &str, more: &[u8]| {
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || more.contains(&b))
        };
        // These go into addresses of requests: nothing may leave its place there.
        let is_clean = is_word(&repository, b"/._-")
            && !repository.split('/').any(|part| part.is_empty() || part == "." || part == "..")
            && is_word(tag, b"._-")
            && is_word(registry, b".:-");
        if !is_clean {
            return Err(Unnamed::NoName);
        }
        Ok(Self { registry: registry.to_owned(), repository, tag: tag.to_owned() })
    }

    /// The address of the registry's API. Docker speaks plain HTTP to registries of the machine itself, and so do we.
    pub(super) fn base(&self) -> String {
        match self.registry.as_str() {
            "docker.io" | "index.docker.io" => "https://registry-1.docker.io".to_owned(),
            registry if is_loopback(registry) => format!("http://{registry}"),
            registry => format!("https://{registry}"),
        }
    }
}

/// Whether a registry is on this machine.
pub(super) fn is_loopback(registry: &str) -> bool {
    let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
    host == "localhost" || host.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_docker_reads_them() {
        let read = |text: &str| {
            ImageName::parse(text).map(|name| format!("{} {} {}", name.registry, name.repository, name.tag))
        };
        for (text, expected) in [
            ("nginx", "docker.io library/nginx latest"),
            ("nginx:1.27", "docker.io library/nginx 1.27"),
            ("me/app:x", "docker.io me/app x"),
            ("ghcr.io/a/b/c", "ghcr.io a/b/c latest"),
            ("localhost:5000/x", "localhost:5000 x latest"),
            ("127.0.0.1:5000/x:y", "127.0.0.1:5000 x y"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
        }
        assert_eq!(read("nginx@sha256:aa"), Err(Unnamed::Pinned));
        for text in ["sha256:aa", "", "a b", "x/../y", "a?b", "localhost/built-here:1", &"a".repeat(64)] {
            assert_eq!(read(text), Err(Unnamed::NoName), "{text}");
        }
    }

    #[test]
    fn only_registries_of_this_machine_are_asked_without_tls() {
        let base = |text: &str| ImageName::parse(text).unwrap().base();
        assert_eq!(base("nginx"), "https://registry-1.docker.io");
        assert_eq!(base("127.0.0.1:5000/x"), "http://127.0.0.1:5000");
        assert_eq!(base("10.0.0.1:5000/x"), "https://10.0.0.1:5000");
        assert_eq!(base("localhost.example.org/x"), "https://localhost.example.org");
    }
}

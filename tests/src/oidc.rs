//! A real OpenID Connect provider, and a browser that is good enough to log in there.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::http::{Client, Response};
use crate::process::{Process, on_path};

/// What the provider knows Pulse by.
pub const CLIENT_ID: &str = "pulse";
/// Its secret there; it holds what a form and a header of Basic must encode.
pub const CLIENT_SECRET: &str = "the secret of: pulse/+%";

const START_PATIENCE: Duration = Duration::from_secs(30);
/// More than a login with its consent takes.
const MOST_STEPS: usize = 16;

/// A running provider; it ends with its test.
#[derive(Debug)]
pub struct OidcProvider {
    /// Its process.
    pub process: Process,
    /// Where it listens.
    pub address: SocketAddr,
}

impl OidcProvider {
    /// Why none can be started here, if that is so.
    pub fn missing() -> Option<&'static str> {
        (on_path("node").is_none() || on_path("npm").is_none()).then_some("Node.js with npm is not installed")
    }

    /// The folder it is started in, for whoever starts it otherwise; its packages are there afterwards.
    pub fn folder() -> Result<&'static Path> {
        installed()
    }

    /// Starts one that sends browsers back to `redirect_uri` and nowhere else.
    pub fn start(redirect_uri: &str) -> Result<Self> {
        let folder = installed()?;
        let mut command = Command::new("node");
        command.current_dir(folder).arg("provider.mjs").arg(redirect_uri);
        let mut process = Process::start(&mut command)?;
        let url = process
            .line(START_PATIENCE, |line| Some(line.split_once("listening on ")?.1.trim().to_owned()))?;
        let address = url.trim_start_matches("http://").parse();
        let address = address.with_context(|| format!("the provider says it listens on {url:?}"))?;
        Ok(Self { process, address })
    }

    /// Its name for itself.
    pub fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Goes through its pages as `user`, from the address that Pulse sends the browser to, and gives the address it is
    /// sent back to.
    pub fn log_in(&self, authorization_url: &str, user: &str) -> Result<String> {
        let mut browser = Browser::at(self.address);
        let mut answer = browser.get(path_of(authorization_url, self.address)?)?;
        for _ in 0..MOST_STEPS {
            if let Some(location) = answer.header("location") {
                let location = location.to_owned();
                match path_of(&location, self.address) {
                    Ok(path) => answer = browser.get(path)?,
                    Err(_) => return Ok(location),
                }
                continue;
            }
            let page = answer.text();
            ensure!(answer.status == 200, "the provider answers {}: {page:.2000}", answer.status);
            let action = between(&page, "action=\"", "\"").context("a page without a form")?;
            let path = path_of(action, self.address)?;
            let form = if page.contains("name=\"login\"") {
                format!("prompt=login&login={user}&password=any")
            } else {
                "prompt=consent".to_owned()
            };
            answer = browser.post(path, &form)?;
        }
        bail!("the provider did not come to an end after {MOST_STEPS} pages")
    }
}

/// The folder of the provider, with its packages.
fn installed() -> Result<&'static Path> {
    static FOLDER: OnceLock<std::result::Result<PathBuf, String>> = OnceLock::new();
    let install = || -> Result<PathBuf> {
        // Cargo says where the program that runs is at home: this crate's tests, or the task that starts a browser.
        let here = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let beside = here.as_ref().and_then(|here| Some(here.parent()?.join("tests")));
        let built = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let folders = here.into_iter().chain(beside).chain([built]).map(|folder| folder.join("oidc"));
        let folder = { folders }.find(|folder| folder.join("package.json").is_file());
        let folder = folder.context("the folder of the OIDC provider (tests/oidc) is not there")?;
        let modified =
            |name: &str| folder.join(name).metadata().and_then(|metadata| metadata.modified()).ok();
        let done = modified("node_modules/.package-lock.json");
        if done.is_none() || done < modified("package-lock.json") {
            let mut npm = Command::new("npm");
            npm.current_dir(&folder).args(["ci", "--no-audit", "--no-fund", "--silent"]);
            let output = npm.output().context("run npm ci")?;
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            ensure!(output.status.success(), "npm ci in {} failed: {text}", folder.display());
        }
        Ok(folder)
    };
    match FOLDER.get_or_init(|| install().map_err(|error| format!("{error:#}"))) {
        Ok(folder) => Ok(folder),
        Err(error) => bail!("{error}"),
    }
}

/// The part of an address behind its host, which must be `host`.
pub fn path_of(url: &str, host: SocketAddr) -> Result<&str> {
    if url.starts_with('/') {
        return Ok(url);
    }
    let rest =
        url.strip_prefix(&format!("http://{host}")).with_context(|| format!("{url} leads elsewhere"))?;
    ensure!(rest.starts_with('/'), "{url} leads elsewhere");
    Ok(rest)
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    text.split_once(start)?.1.split_once(end).map(|(found, _)| found)
}

/// A client that keeps its cookies and follows nothing by itself.
#[derive(Debug)]
pub struct Browser {
    client: Client,
    cookies: Vec<(String, String)>,
}

impl Browser {
    /// One that has never been there.
    pub fn at(address: SocketAddr) -> Self {
        Self { client: Client::new(address), cookies: Vec::new() }
    }

    /// Goes to a page.
    pub fn get(&mut self, path: &str) -> Result<Response> {
        self.send("GET", path, &[], "")
    }

    /// Sends a form.
    pub fn post(&mut self, path: &str, form: &str) -> Result<Response> {
        self.send("POST", path, &[("Content-Type", "application/x-www-form-urlencoded")], form)
    }

    /// The value of a cookie it keeps.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Sends anything, with its cookies.
    pub fn send(&mut self, method: &str, path: &str, extra: &[(&str, &str)], body: &str) -> Result<Response> {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let mut headers = extra.to_vec();
        if !cookies.is_empty() {
            headers.push(("Cookie", &cookies));
        }
        let answer = self.client.send(method, path, &headers, body.as_bytes())?;
        for (_, set) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let Some((name, value)) = set.split(';').next().and_then(|pair| pair.split_once('=')) else {
                continue;
            };
            self.cookies.retain(|(key, _)| key != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        Ok(answer)
    }
}

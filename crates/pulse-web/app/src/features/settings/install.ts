// The line that installs the agent, by platform. Pure.

import { t } from "../../text";

export const PLATFORMS = [
  { id: "linux", title: t("Linux, macOS, BSD") },
  { id: "docker", title: t("Docker host") },
  { id: "windows", title: "Windows" },
  { id: "kubernetes", title: "Kubernetes" },
] as const;

export type Platform = (typeof PLATFORMS)[number]["id"];

/** Quoted for a POSIX shell: an address is typed by a person. */
export function shellQuoted(text: string): string {
  return /^[A-Za-z0-9_./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Quoted for PowerShell. */
export function powerShellQuoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

export function installCommand(platform: Platform, address: string, token: string): string {
  const url = address.trim().replace(/\/+$/, "");
  switch (platform) {
    case "linux":
      return `curl -fsSL ${shellQuoted(`${url}/install.sh`)} | sh -s -- --url ${shellQuoted(url)} --token ${token}`;
    case "docker":
      return `curl -fsSL ${shellQuoted(`${url}/install.sh`)} | sh -s -- --url ${shellQuoted(url)} --token ${token} --enable-docker`;
    case "windows":
      return `$env:PULSE_URL=${powerShellQuoted(url)}; $env:PULSE_TOKEN=${powerShellQuoted(token)}; irm ${powerShellQuoted(`${url}/install.ps1`)} | iex`;
    case "kubernetes":
      return `pulse-agent --url ${shellQuoted(url)} --token ${token} --enable-kubernetes --enable-host=false`;
  }
}

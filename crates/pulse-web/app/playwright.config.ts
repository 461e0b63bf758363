import { existsSync } from "node:fs";
import { defineConfig } from "@playwright/test";

/** Playwright's own browser is never downloaded: the system's is used. */
const CHROMIUM = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";

if (!process.env.PULSE_URL)
  throw new Error("PULSE_URL must name a running server; `cargo xtask test` starts one");
if (!existsSync(CHROMIUM)) throw new Error(`no browser at ${CHROMIUM}; set CHROMIUM_PATH`);

export default defineConfig({
  testDir: "e2e",
  // The files go through one server's life in their order: first run, then a node, then everything else.
  workers: 1,
  fullyParallel: false,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  forbidOnly: process.env.CI !== undefined,
  retries: 0,
  reporter: [["list"]],
  outputDir: "test-results",
  use: {
    baseURL: process.env.PULSE_URL,
    viewport: { width: 1440, height: 900 },
    locale: "en-GB",
    screenshot: "only-on-failure",
    trace: "retain-on-failure",
    launchOptions: {
      executablePath: CHROMIUM,
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
});

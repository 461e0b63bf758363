import solid from "vite-plugin-solid";
import { defineConfig } from "vitest/config";
import { finishDist } from "./build/dist.ts";

/** The server that `npm run dev` shows: a real one, or `npm run mock`. */
const server = process.env.PULSE_URL ?? "http://127.0.0.1:7655";

export default defineConfig({
  plugins: [solid(), finishDist()],
  build: {
    // The first of each with light-dark(); also keeps the style minifier from rewriting it.
    target: ["chrome123", "firefox128", "safari17.5"],
    // The content security policy allows no inline code and no data: URLs but for images.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  experimental: {
    // Scripts and styles find each other by where they are, not by the host's root: the page may live under a path. The first
    // document alone has whole paths, which the server moves.
    renderBuiltUrl: (filename, { hostType }) => (hostType === "html" ? `/${filename}` : { relative: true }),
  },
  css: { modules: { generateScopedName: "[name]-[local]-[hash:base64:4]" } },
  server: {
    proxy: {
      "/api": { target: server },
      "/ws": { target: server, ws: true },
    },
  },
  test: { include: ["src/**/*.test.{ts,tsx}"], environment: "node" },
});

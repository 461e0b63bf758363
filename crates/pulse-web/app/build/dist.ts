// What the page's build does after bundling: a compressed copy of each file, and the size budget.
// The server never compresses; it hands out these copies (see ../src/lib.rs of the crate).
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import type { Plugin, Rollup } from "vite";

/** First view, gzip: index.html, the entry with all it imports, and the first page with its styles. */
const BUDGET_BYTES = 120 * 1024;
const FIRST_PAGE = [
  "src/App.tsx",
  "src/features/proxmox/ProxmoxPage.tsx",
  "src/features/proxmox/OverviewPage.tsx",
];
const COMPRESSIBLE = /\.(html|js|css|svg|json|webmanifest|txt)$/;
/** Below this a copy saves less than its headers cost. */
const WORTH_IT = 600;

/** Writes `.br` and `.gz` beside what gains from it, and fails the build over the size budget. */
export function finishDist(): Plugin {
  let first = new Set<string>();
  let outDir = "dist";
  return {
    name: "pulse-finish-dist",
    apply: "build",
    configResolved(config) {
      outDir = resolve(config.root, config.build.outDir);
    },
    writeBundle(_options, bundle) {
      first = firstView(bundle);
    },
    transformIndexHtml: {
      order: "post",
      // The frame is loaded after the language; fetched beside the entry it costs no second journey.
      handler(_html, { bundle }) {
        const frame = Object.values(bundle ?? {}).find(
          (file) => file.type === "chunk" && file.facadeModuleId?.endsWith("src/App.tsx"),
        );
        if (frame?.type !== "chunk") return [];
        return [frame.fileName, ...frame.imports]
          .filter((name) => bundle?.[name]?.type === "chunk" && !(bundle[name] as Rollup.OutputChunk).isEntry)
          .map((name) => ({
            tag: "link",
            attrs: { rel: "modulepreload", crossorigin: true, href: `/${name}` },
            injectTo: "head" as const,
          }));
      },
    },
    async closeBundle() {
      const sizes = await compressAll(outDir);
      // The folder itself is in the repository, so that the Rust side can always watch it.
      await writeFile(join(outDir, ".gitkeep"), "");
      report(sizes, first);
    },
  };
}

/** The names of the files that the first visit loads. */
function firstView(bundle: Rollup.OutputBundle): Set<string> {
  const names = new Set<string>(["index.html", "theme.js"]);
  const visit = (name: string): void => {
    const file = bundle[name];
    if (names.has(name) || file?.type !== "chunk") return;
    names.add(name);
    for (const style of file.viteMetadata?.importedCss ?? []) names.add(style);
    for (const next of file.imports) visit(next);
  };
  for (const file of Object.values(bundle)) {
    if (file.type !== "chunk") continue;
    if (file.isEntry || FIRST_PAGE.some((page) => file.facadeModuleId?.endsWith(page))) visit(file.fileName);
  }
  return names;
}

interface Size {
  plain: number;
  gzip: number;
  br: number;
}

async function compressAll(folder: string): Promise<Map<string, Size>> {
  const sizes = new Map<string, Size>();
  for (const name of await readdir(folder, { recursive: true })) {
    const path = join(folder, name);
    if (!COMPRESSIBLE.test(name) || !(await stat(path)).isFile()) continue;
    const body = await readFile(path);
    const gzip = gzipSync(body, { level: 9 });
    const br = brotliCompressSync(body, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: 11,
        [constants.BROTLI_PARAM_SIZE_HINT]: body.length,
      },
    });
    sizes.set(name, { plain: body.length, gzip: gzip.length, br: br.length });
    if (body.length < WORTH_IT) continue;
    await writeFile(`${path}.gz`, gzip);
    await writeFile(`${path}.br`, br);
  }
  return sizes;
}

function report(sizes: Map<string, Size>, first: Set<string>): void {
  const total: Size = { plain: 0, gzip: 0, br: 0 };
  for (const [name, size] of sizes) {
    if (!first.has(name)) continue;
    total.plain += size.plain;
    total.gzip += size.gzip;
    total.br += size.br;
  }
  const kb = (bytes: number): string => `${(bytes / 1024).toFixed(1)} kB`;
  console.log(
    `first view: ${kb(total.plain)}, gzip ${kb(total.gzip)}, brotli ${kb(total.br)} (budget gzip ${kb(BUDGET_BYTES)})`,
  );
  if (first.size < 4) throw new Error(`the first view was not found in the bundle: ${[...first].join(", ")}`);
  if (total.gzip > BUDGET_BYTES) {
    throw new Error(`the first view is ${kb(total.gzip)} gzip, over its budget of ${kb(BUDGET_BYTES)}`);
  }
}

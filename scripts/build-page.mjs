import { copyFileSync, rmSync } from 'node:fs'
import { build } from 'esbuild'

const FROM = 'packages/server/page'
const TO = 'packages/server/dist/page'

/** Bundles the server's page from the built packages, as an app of their users would be. */
export async function buildPage() {
  rmSync(TO, { recursive: true, force: true })
  await build({
    entryPoints: [`${FROM}/main.ts`],
    outdir: TO,
    bundle: true,
    splitting: true,
    chunkNames: 'chunk-[hash]',
    format: 'esm',
    target: 'es2022',
    minify: true,
    legalComments: 'none',
    // The root's customConditions are for sources.
    tsconfigRaw: '{}',
    // Files of ours that only declare types or constants leave such imports behind; harmless, and silent below node_modules.
    logOverride: { 'ignored-bare-import': 'silent' },
    logLevel: 'warning'
  })
  for (const file of ['index.html', 'style.css', 'icon.svg']) copyFileSync(`${FROM}/${file}`, `${TO}/${file}`)
}

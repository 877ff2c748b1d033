import { copyFileSync, rmSync } from 'node:fs'
import { build } from 'esbuild'

const PAGES = [
  {
    from: 'packages/server/page',
    to: 'packages/server/dist/page',
    copied: ['index.html', 'base.css', 'icon.svg']
  },
  {
    from: 'examples/08-video-room/src',
    to: 'packages/server/dist/page/room',
    copied: ['index.html']
  }
]

/** Bundles the server's pages from the built packages, as an app of their users would be. */
export async function buildPage() {
  for (const page of PAGES) await buildOne(page)
}

async function buildOne({ from, to, copied }) {
  rmSync(to, { recursive: true, force: true })
  await build({
    entryPoints: [`${from}/main.ts`, `${from}/style.css`],
    outdir: to,
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
  for (const file of copied) copyFileSync(`${from}/${file}`, `${to}/${file}`)
}

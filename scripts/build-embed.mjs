import { build } from 'esbuild'

const ALL = "export * from './index.js'\nexport { defineElements } from './elements.js'"

/** One file for a script tag, from the built package: the elements, and all names under `SocketSignalSDK`. */
export async function buildEmbed() {
  await build({
    stdin: { contents: ALL, resolveDir: 'packages/sdk/dist' },
    outfile: 'packages/sdk/dist/embed.iife.js',
    bundle: true,
    format: 'iife',
    globalName: 'SocketSignalSDK',
    target: 'es2022',
    platform: 'browser',
    minify: true,
    legalComments: 'none',
    // The root's customConditions are for sources.
    tsconfigRaw: '{}',
    logOverride: { 'ignored-bare-import': 'silent' },
    logLevel: 'warning'
  })
}

import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build, type Plugin } from 'esbuild'

/**
 * What tests start in processes of their own, but for what asks whether it is the file that Node was given (`attackers`).
 * The runner's fixtures, which have a folder of their own, start none.
 */
const PROGRAMS = [
  'packages/server/src/bin.ts',
  'packages/websocket/src/bin.ts',
  'test/run.ts',
  'test/tools/cabled.ts',
  'test/tools/careless.ts',
  'test/tools/crowd.ts',
  'test/tools/explaining.ts',
  'test/tools/lossy-peer.ts',
  'test/tools/redis-node.ts',
  'test/tools/stormed.ts',
  'test/tools/swarmer.ts',
  'test/tools/vanishing.ts'
]

/**
 * Bundles test files with the sources that they stand on, into a folder: what a loader does in each process anew is done
 * once.
 */
export async function bundle(files: string[], folder: string): Promise<void> {
  await build({
    entryPoints: [...files, ...(process.env.TEST_DIR ? [] : PROGRAMS)].map(file => ({ in: file, out: file })),
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: `node${process.versions.node}`,
    conditions: ['@socket-signal/source'],
    sourcemap: true,
    plugins: [asTheyAre],
    logLevel: 'silent'
  })
}

/** What others have published is loaded from where it is, and a source's own address is that of the source. */
const asTheyAre: Plugin = {
  name: 'as-they-are',
  setup({ onLoad, onResolve, resolve }) {
    onResolve({ filter: /^[^./]/ }, async ({ path, kind, resolveDir, pluginData }) => {
      if (pluginData === asTheyAre) return undefined
      const found = await resolve(path, { kind, resolveDir, pluginData: asTheyAre })
      return found.path.includes('/node_modules/') ? { path: found.path, external: true } : found
    })
    onLoad({ filter: /\.ts$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8')
        .replaceAll(/import\.meta\.url/g, () => JSON.stringify(pathToFileURL(path).href))
        .replaceAll(/import\.meta\.dirname/g, () => JSON.stringify(dirname(path))),
      loader: 'ts'
    }))
  }
}

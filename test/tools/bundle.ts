import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build, type Plugin } from 'esbuild'

/**
 * Bundles test files with the sources that they stand on, into a folder: what a loader does in each process anew is done
 * once. Gives where a file's bundle is.
 */
export async function bundle(files: string[], folder: string): Promise<(file: string) => string> {
  const bundleOf = (file: string) => join(folder, `${file}.mjs`)
  await build({
    entryPoints: files.map(file => ({ in: file, out: file })),
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
  return bundleOf
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
        .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href))
        .replaceAll('import.meta.dirname', JSON.stringify(dirname(path))),
      loader: 'ts'
    }))
  }
}

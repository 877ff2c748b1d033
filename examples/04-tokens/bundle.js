import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { build } from 'esbuild'

/** The page and its scripts by their paths. `constants`: names that the scripts know. */
export async function bundle(constants) {
  const here = import.meta.dirname
  const { outputFiles } = await build({
    entryPoints: [join(here, 'src/main.js')],
    define: Object.fromEntries(
      Object.entries(constants).map(([name, value]) => [name, JSON.stringify(value)])
    ),
    bundle: true,
    splitting: true,
    format: 'esm',
    outdir: here,
    write: false,
    tsconfigRaw: '{}',
    logOverride: { 'ignored-bare-import': 'silent' }
  })
  const scripts = outputFiles.map(({ path, text }) => [
    `/${basename(path)}`,
    { type: 'text/javascript', text }
  ])
  const page = { type: 'text/html; charset=utf-8', text: await readFile(join(here, 'index.html'), 'utf8') }
  return new Map([['/', page], ...scripts])
}

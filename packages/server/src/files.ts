import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { extname, join, sep } from 'node:path'

export interface File {
  type: string
  body: Buffer
}

const TYPES: { readonly [extension: string]: string } = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.txt': 'text/plain; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
  '.woff2': 'font/woff2'
}

/**
 * Every file of a folder by the path it is asked for, read once: a request only ever looks up a name in a map, so no
 * path leads out of the folder. A folder that is not there has no files.
 */
export async function loadFiles(folder: string): Promise<Map<string, File>> {
  const files = new Map<string, File>()
  if (!existsSync(folder)) return files
  for (const name of await readdir(folder, { recursive: true })) {
    const type = TYPES[extname(name)]
    if (!type) continue
    const path = `/${name.split(sep).join('/')}`
    files.set(path.replace(/\/index\.html$/, '/'), { type, body: await readFile(join(folder, name)) })
  }
  return files
}

/** The page that is built beside this file, or beside the sources when they run as they are. */
export function ownPage(): string {
  // The CommonJS build has no import.meta.
  const here = typeof __dirname === 'string' ? __dirname : import.meta.dirname
  const [built, source] = [join(here, 'page'), join(here, '..', 'dist', 'page')] as const
  return existsSync(built) ? built : source
}

/** Tells the page where its signals go, when that is not the folder it came from. */
export function withSignalPath({ type, body }: File, path: string): File {
  const meta = `<meta name="signal-path" content="${path.replace(/&/g, '&amp;').replace(/"/g, '&quot;')}">`
  return { type, body: Buffer.from(body.toString().replace('<head>', () => `<head>${meta}`)) }
}

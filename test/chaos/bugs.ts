import {
  cpSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

/** A mistake that somebody could make in the sources: `was` stands there once, `is` takes its place. */
export interface Bug {
  name: string
  file: string
  was: string
  is: string
}

const core = (file: string) => `packages/core/src/${file}.ts`

/** What chaos must find. Each was a real mistake of this project, or is one that others made. */
export const BUGS: readonly Bug[] = [
  {
    name: 'the late end of an old socket removes the new entry',
    file: core('memory-backplane'),
    was: `    this.#here.delete(this)
    if (!this.#holds) return`,
    is: '    this.#here.delete(this)'
  },
  {
    name: 'whose socket has ended does not leave its topics',
    file: core('memory-backplane'),
    was: `    this.#cluster.leaveAll(this.#key)
    this.#cluster.places.delete(this.#key)`,
    is: '    this.#cluster.places.delete(this.#key)'
  },
  {
    name: 'topics are not joined again where there was nothing to go on with',
    file: core('link'),
    was: 'if (live.resuming && (!resumed || frame.lost > 0)) this.#options.onfresh()',
    is: ''
  },
  {
    name: 'glare is settled by comparing for equality',
    file: core('sessions'),
    was: 'compare(this.#host.id as Uint8Array, session.peer.id) > 0',
    is: 'equals(this.#host.id as Uint8Array, session.peer.id)'
  },
  {
    name: 'presence overtakes the answer to a join',
    file: core('rpc'),
    was: `      onpages?.(pages)
      answer.resolve(page)`,
    is: `      queueMicrotask(() => {
        onpages?.(pages)
        answer.resolve(page)
      })`
  }
]

/** A copy of this project's sources in which the bug is planted. Give it back with `remove`. */
export function plant(bug: Bug): { folder: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'chaos-'))
  const own = /(^|\/)(dist|node_modules\/\.cache)$/
  for (const name of ['packages', 'test/chaos', 'package.json', 'tsconfig.json'])
    cpSync(name, join(folder, name), {
      recursive: true,
      verbatimSymlinks: true,
      filter: path => !own.test(path)
    })
  linkModules(join(folder, 'node_modules'))
  const file = join(folder, bug.file)
  const [before, after, ...more] = readFileSync(file, 'utf8').split(bug.was)
  if (after === undefined || more.length > 0) {
    rmSync(folder, { recursive: true })
    throw new Error(
      `${bug.file} has changed: this stands in it ${more.length ? 'twice' : 'no more'}:\n${bug.was}`
    )
  }
  writeFileSync(file, `${before}${bug.is}${after}`)
  return { folder, remove: () => rmSync(folder, { recursive: true }) }
}

/** The installed packages as they are; our own ones are the copy's. */
function linkModules(folder: string): void {
  mkdirSync(folder)
  for (const name of readdirSync('node_modules')) {
    const path = join('node_modules', name)
    const isOurs = lstatSync(path).isSymbolicLink() && readlinkSync(path).includes('packages/')
    if (name.startsWith('@') && statSync(path).isDirectory()) symlinkSync(resolve(path), join(folder, name))
    else symlinkSync(isOurs ? readlinkSync(path) : resolve(path), join(folder, name))
  }
}

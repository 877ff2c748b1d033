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
    was: 'if (this.#holds) this.#cluster.places.delete(this.key)',
    is: 'this.#cluster.places.delete(this.key)'
  },
  {
    name: 'whose socket has ended does not leave its topics',
    file: core('memory-backplane'),
    was: `    this.#detached = true
    this.leaveAll()`,
    is: '    this.#detached = true'
  },
  {
    name: 'whose place is taken stays in its topics, where its node has died',
    file: core('memory-backplane'),
    was: '      holder.leaveAll()\n',
    is: ''
  },
  {
    name: 'who goes on before its socket was known to be broken stays away',
    file: core('memory-backplane'),
    was: "    if (before.isAway) this.#tell('back')",
    is: ''
  },
  {
    name: 'what was gathered to be told is lost to who goes on',
    file: core('server-map'),
    was: 'for (const feed of feeds) feed.flush()',
    is: ''
  },
  {
    name: 'frames that were under way when the socket broke are not told as lost',
    file: core('connection'),
    was: 'away.lost += lost + Math.max(sent - (this.greeting?.resume?.received ?? 0), 0)',
    is: 'away.lost += lost'
  },
  {
    name: 'what is kept for who was away is not given back',
    file: core('away'),
    was: 'this.#room.taken -= this.#bytes + this.#topics',
    is: 'this.#room.taken -= this.#bytes'
  },
  {
    name: 'topics are not joined again where there was nothing to go on with',
    file: core('link'),
    was: 'if (live.resuming && (!how.resumed || frame.lost > 0)) this.#options.onfresh()',
    is: ''
  },
  {
    name: 'a socket that breaks while topics are joined again leaves it at those that were',
    file: core('memberships'),
    was: `    this.#run?.abort() // The socket that it worked on has ended.
    this.#run = undefined`,
    is: '    if (this.#run) return'
  },
  {
    name: 'request ids begin anew with each socket',
    file: core('greeter'),
    was: 'live.lastId = this.#lastId',
    is: 'live.lastId = 0'
  },
  {
    name: 'a dial has no deadline',
    file: core('session'),
    was: `    this.#armDeadline()
    const { detour, link } = this.#host`,
    is: '    const { detour, link } = this.#host'
  },
  {
    name: 'glare is settled by comparing for equality',
    file: core('sessions'),
    was: 'toKey(this.#host.id as Uint8Array) > toKey(session.peer.id)',
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
  const remove = () => {
    process.off('exit', remove)
    rmSync(folder, { recursive: true, force: true })
  }
  // Whatever ends this process: nothing stays behind.
  process.on('exit', remove)
  const own = /(^|\/)(dist|node_modules\/\.cache)$/
  for (const name of ['packages', 'test/chaos', 'package.json', 'tsconfig.json'])
    cpSync(name, join(folder, name), {
      recursive: true,
      verbatimSymlinks: true,
      filter: path => !own.test(path)
    })
  linkModules(join(folder, 'node_modules'))
  writeFileSync(join(folder, bug.file), planted(bug))
  return { folder, remove }
}

/** The bug's file with it. Throws where the sources have changed meanwhile. */
export function planted({ file, was, is }: Bug): string {
  const [before, after, ...more] = readFileSync(file, 'utf8').split(was)
  if (after === undefined || more.length > 0)
    throw new Error(`${file} has changed: this stands in it ${more.length ? 'twice' : 'no more'}:\n${was}`)
  return `${before}${is}${after}`
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

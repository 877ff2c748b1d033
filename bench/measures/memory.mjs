import { BARE, OURS } from '../systems.mjs'
import { median } from '../tools/numbers.mjs'
import { startServer } from '../tools/server.mjs'
import { drop, many } from '../tools/socket.mjs'
import { inTurn } from '../tools/turns.mjs'

const KB = 1000
/** What a server loads, compiles and reserves for its first clients is no client's. They stay: what they left would be used again. */
const FIRST = 1000
const AT_ONCE = 2
/** Kinds that differ by less in a connection are told as the rest. Unit: bytes. */
const LEAST = 10

/**
 * What an idle connection holds that has joined one topic, two in each: heapUsed + external after forced collections,
 * and RSS beside it. Native memory is in RSS alone. And what ours holds beyond the bare relay, by its kinds of objects.
 */
export async function run({ quick, systems, note }) {
  const count = quick ? 1000 : 4000
  const found = new Map(systems.map(({ name }) => [name, []]))
  for (let round = 0; round < (quick ? 1 : 3); round++) {
    const turn = inTurn(systems, round)
    await many(
      turn.length,
      async at => {
        const { name, title } = turn[at]
        const each = await weigh(name, count).catch(error => note(`${title}: not measured: ${error.message}`))
        if (each) found.get(name).push(each)
      },
      AT_ONCE
    )
  }
  const measured = systems.filter(({ name }) => found.get(name).length > 0).map(({ name }) => name)
  const relay = summary(found, measured)
  if (![OURS, BARE].every(name => measured.includes(name))) return { relay }
  return { relay, memory: extra(await weigh(OURS, count, 'kinds'), await weigh(BARE, count, 'kinds')) }
}

/** Ours lets go of what only a busy connection needs once a second. All servers are given the time. */
function idle() {
  return new Promise(resolve => setTimeout(resolve, 2500))
}

/** Bytes for each connection beyond the first, by what a server says of its memory. */
async function weigh(name, count, what = 'memory') {
  const { join } = await import(`../clients/${name}.mjs`)
  const server = await startServer(name, { raised: false })
  const first = await many(FIRST, at => join(server.url, at >> 1))
  await idle()
  const before = await server.ask(what)
  const ends = await many(count, at => join(server.url, (FIRST + at) >> 1))
  await idle()
  const after = await server.ask(what)
  await drop([...first, ...ends])
  await server.stop()
  return Object.fromEntries(
    Object.entries(after).map(([kind, bytes]) => [kind, (bytes - (before[kind] ?? 0)) / count])
  )
}

function summary(found, measured) {
  const each = (name, what) => median(found.get(name).map(bytes => bytes[what])) / KB
  const bare = measured.includes(BARE) ? each(BARE, 'held') : undefined
  return Object.fromEntries(
    measured.map(name => {
      const rss = { rssKBPerConnection: each(name, 'rss') }
      const held = each(name, 'held')
      const isNative = name === 'uws'
      return [name, isNative ? rss : { kBPerConnection: held, memRatio: bare && held / bare, ...rss }]
    })
  )
}

/** The kinds that differ, the largest first, and what all others make together. */
function extra(ours, bare) {
  const kinds = [...new Set([...Object.keys(ours), ...Object.keys(bare)])]
  const more = kinds.map(kind => [kind, (ours[kind] ?? 0) - (bare[kind] ?? 0)])
  const large = more.filter(([, bytes]) => Math.abs(bytes) >= LEAST).sort(([, a], [, b]) => b - a)
  const sum = list => list.reduce((total, [, bytes]) => total + bytes, 0)
  return { all: sum(more), ...Object.fromEntries(large), rest: sum(more) - sum(large) }
}

import { BARE, OURS } from '../systems.mjs'
import { median, round } from '../tools/numbers.mjs'
import { startServer } from '../tools/server.mjs'
import { drop, leave, many, openSocket } from '../tools/socket.mjs'

const KB = 1000
/** What a server loads and compiles for its first clients is no client's. These say goodbye: who breaks off is kept. */
const FIRST = 1000
const OTHERS_AT_ONCE = 4

/**
 * What an idle connection holds that has joined one topic, two in each: heapUsed + external after forced collections,
 * and RSS beside it. Native memory is in RSS alone.
 */
export async function run({ quick, systems, note }) {
  const count = quick ? 1000 : 4000
  const rounds = quick ? 1 : 3
  const few = 1000
  const found = new Map()
  const add = async (name, title, count) => {
    const client = await import(`../clients/${name}.mjs`)
    const each = await weigh(name, count, client.join).catch(error =>
      note(`${title}: not measured: ${error.message}`)
    )
    if (each) found.set(name, [...(found.get(name) ?? []), each])
  }
  for (let round = 0; round < rounds; round++) {
    for (const { name, title } of systems.filter(isBounded)) await add(name, title, count)
    // The others in the first alone, fewer of them and beside each other: they have no bound.
    const others = round === 0 ? systems.filter(system => !isBounded(system)) : []
    await many(others.length, at => add(others[at].name, others[at].title, few), OTHERS_AT_ONCE)
  }
  const parts = systems.some(({ name }) => name === OURS)
    ? { memory: await partsOfOurs(quick ? 500 : 1000) }
    : {}
  const inOrder = systems.flatMap(({ name }) => (found.has(name) ? [[name, found.get(name)]] : []))
  return { relay: summary(new Map(inOrder)), ...parts }
}

function isBounded({ name }) {
  return name === OURS || name === BARE
}

/** Ours lets go of what only a busy connection needs once a second. All servers are given the time. */
function idle() {
  return new Promise(resolve => setTimeout(resolve, 2500))
}

/** Bytes for each connection, in a server that has no other ones. */
async function weigh(name, count, join) {
  const server = await startServer(name, { raised: false })
  await leave(await many(FIRST, at => join(server.url, at >> 1)))
  await idle()
  const before = await server.ask('memory')
  const ends = await many(count, at => join(server.url, at >> 1))
  await idle()
  const after = await server.ask('memory')
  await drop(ends)
  await server.stop()
  return { held: (after.held - before.held) / count, rss: (after.rss - before.rss) / count }
}

/** What each step of ours adds: an open WebSocket, one that has said hello, one that has joined. */
async function partsOfOurs(count) {
  const { connect, join } = await import(`../clients/${OURS}.mjs`)
  const websocket = await weigh(OURS, count, url => openSocket(url, 'socket-signal'))
  const admitted = await weigh(OURS, count, connect)
  const joined = await weigh(OURS, count, join)
  return {
    websocketKB: round(websocket.held / KB),
    helloKB: round((admitted.held - websocket.held) / KB),
    joinKB: round((joined.held - admitted.held) / KB)
  }
}

function summary(found) {
  const held = name => median(found.get(name).map(({ held }) => held))
  const bare = found.has(BARE) ? held(BARE) : undefined
  return Object.fromEntries(
    [...found].map(([name, values]) => {
      const rss = { rssKBPerConnection: round(median(values.map(({ rss }) => rss)) / KB) }
      const native = name === 'uws'
      return [
        name,
        native
          ? rss
          : { kBPerConnection: round(held(name) / KB), memRatio: bare && round(held(name) / bare), ...rss }
      ]
    })
  )
}

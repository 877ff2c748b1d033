import * as client from '../clients/socket-signal.mjs'
import { join as joinFrame, KIND, leave as leaveFrame, topicOf } from '../clients/wire.mjs'
import { OURS } from '../systems.mjs'
import { costOf, createLoad } from '../tools/load.mjs'
import { median } from '../tools/numbers.mjs'
import { startServer } from '../tools/server.mjs'
import { leave, many } from '../tools/socket.mjs'
import { rounds } from '../tools/turns.mjs'

const EVERY = 4
const AHEAD = 50
/** Where the lists of a presence frame begin, and what one member without info takes. */
const LISTS = 38
const MEMBER = 34
/** Pairs that send each other messages, to compare with. */
const PAIRS = 100

/**
 * Watchers of one topic are told while others come and go, one every 4 ms: CPU and bytes for each event and watcher.
 * `ratio`: that CPU against a relayed message of 1 kB at the same server.
 */
export async function run({ quick, note }) {
  const [watchers, others] = quick ? [500, 250] : [2000, 500]
  const server = await startServer(OURS)
  const found = await rounds(quick ? 1 : 3, async round => {
    const relayed = await messageCost(server, quick ? 1 : 2)
    const told = await tell(server, topicOf(1e6 + round), watchers, others)
    if (told.missing > 0) note(`presence: ${told.missing} events were not told, or twice`)
    return { ...told, ratio: told.cpuNs / 1000 / relayed }
  })
  await server.stop()
  const middle = name => median(found.map(each => each[name]))
  return {
    presence: {
      cpuNs: middle('cpuNs'),
      ratio: middle('ratio'),
      bytes: middle('bytes'),
      frames: middle('frames'),
      missing: Math.max(...found.map(({ missing }) => missing))
    }
  }
}

async function messageCost(server, seconds) {
  const ends = await many(2 * PAIRS, at => client.join(server.url, at >> 1))
  const cost = await costOf(server, createLoad(ends, client), seconds)
  await leave(ends)
  return cost
}

async function tell(server, topic, watchers, others) {
  const watching = await many(watchers, () => client.connect(server.url))
  await many(watchers, at => watching[at].request(joinFrame, topic, { watch: true, limit: 1 }))
  const guests = await many(others, () => client.connect(server.url))
  await pause(200)
  const told = { events: 0, frames: 0, bytes: 0 }
  for (const { websocket } of watching) websocket.on('message', data => count(told, data))
  const before = await server.cpu()
  let events = 0
  for (const frame of [joinFrame, leaveFrame]) {
    for (const guest of guests) {
      await guest.request(frame, topic)
      await pause(EVERY)
      events++
      // Where the watchers are too slow for that, the load must not pile up.
      while (told.events < (events - AHEAD) * watchers) await pause(EVERY)
    }
  }
  const all = watchers * events
  const end = Date.now() + 10_000
  while (told.events < all && Date.now() < end) await pause(50)
  const cpu = (await server.cpu()) - before
  await leave([...watching, ...guests])
  return {
    cpuNs: (cpu / all) * 1000,
    bytes: told.bytes / all,
    frames: told.frames / all,
    // What is told twice must not stand for what is not told.
    missing: Math.abs(all - told.events)
  }
}

function count(told, data) {
  if (data[0] !== KIND.presence) return
  const joined = data.readUInt16BE(LISTS)
  told.events += joined + data.readUInt16BE(LISTS + 2 + joined * MEMBER)
  told.frames++
  told.bytes += data.length
}

function pause(ms) {
  return new Promise(resolve => setTimeout(resolve, ms))
}

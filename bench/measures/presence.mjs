import { connect } from '../clients/socket-signal.mjs'
import { join as joinFrame, KIND, leave as leaveFrame, topicOf } from '../clients/wire.mjs'
import { OURS } from '../systems.mjs'
import { round } from '../tools/numbers.mjs'
import { startServer } from '../tools/server.mjs'
import { drop, many } from '../tools/socket.mjs'

const TOPIC = topicOf(1)
const EVERY = 4
const AHEAD = 50
/** Where the lists of a presence frame begin, and what one member without info takes. */
const LISTS = 38
const MEMBER = 34

/** Watchers of one topic are told while others come and go, one every 4 ms: CPU and bytes for each event and watcher. */
export async function run({ quick, note }) {
  const [watchers, others] = quick ? [500, 250] : [2000, 500]
  const server = await startServer(OURS)
  const watching = await many(watchers, () => connect(server.url))
  await many(watchers, at => watching[at].request(joinFrame, TOPIC, { watch: true, limit: 1 }))
  const guests = await many(others, () => connect(server.url))
  await pause(200)
  const told = { events: 0, frames: 0, bytes: 0 }
  for (const { websocket } of watching) websocket.on('message', data => count(told, data))
  const before = await server.cpu()
  let events = 0
  for (const frame of [joinFrame, leaveFrame]) {
    for (const guest of guests) {
      await guest.request(frame, TOPIC)
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
  if (told.events < all) note(`presence: ${told.events} of ${all} events were told`)
  await drop([...watching, ...guests])
  await server.stop()
  return {
    presence: {
      cpuNs: round((cpu / all) * 1000),
      bytes: round(told.bytes / all),
      frames: round(told.frames / all)
    }
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

import { SocketSignalWebsocketClient } from 'socket-signal-websocket'
import { topicOf } from '../clients/wire.mjs'
import { OURS } from '../systems.mjs'
import { median } from '../tools/numbers.mjs'
import { startServer } from '../tools/server.mjs'
import { many } from '../tools/socket.mjs'
import { rounds } from '../tools/turns.mjs'

const IN_TOPIC = 100
const DEADLINE = 60_000
const OFTEN = 20

/**
 * Real clients lose their sockets at once, with all default limits. How long until all are back and have joined, and how
 * late the server's loop was until all were connected.
 */
export async function run({ quick }) {
  const count = quick ? 500 : 2000
  const server = await startServer(OURS, { raised: false, droppable: true })
  const clients = await many(count, at => come(server.url, topicOf(Math.floor(at / IN_TOPIC))))
  const watcher = await come(server.url)
  const found = await rounds(quick ? 1 : 3, () => storm(server, watcher, count))
  for (const client of [...clients, watcher]) client.close().catch(() => {})
  await server.stop()
  const all = name => found.map(each => each[name])
  return {
    storm: {
      clients: count,
      back: Math.min(...all('back')),
      backMs: median(all('backMs')),
      p99Ms: median(all('p99Ms')),
      maxMs: Math.max(...all('maxMs'))
    }
  }
}

async function come(url, topic) {
  const rtc = () => {
    throw new Error('no WebRTC here')
  }
  const client = new SocketSignalWebsocketClient(url, { rtc })
  await client.open()
  if (topic) await client.join(topic)
  return client
}

async function storm(server, watcher, count) {
  await server.ask('watchDelay')
  const started = performance.now()
  const waiting = () => performance.now() - started < DEADLINE
  await server.ask('dropAll')
  while ((await server.ask('stats')).connections <= count && waiting()) await pause(OFTEN)
  const { p99: p99Ms, max: maxMs } = await server.ask('delay')
  let back = await there(watcher, count)
  while (back < count && waiting()) {
    await pause(OFTEN)
    back = await there(watcher, count)
  }
  return { back, backMs: performance.now() - started, p99Ms, maxMs }
}

/** How many are in the topics, of those who are not away. */
async function there(watcher, count) {
  const topics = Array.from({ length: count / IN_TOPIC }, (_, topic) => topicOf(topic))
  const found = await Promise.all(topics.map(topic => watcher.lookup(topic, { limit: 1000, details: true })))
  return found.flat().filter(({ away }) => !away).length
}

function pause(ms) {
  return new Promise(resolve => setTimeout(resolve, ms))
}

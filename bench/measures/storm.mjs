import { SocketSignalWebsocketClient } from 'socket-signal-websocket'
import { topicOf } from '../clients/wire.mjs'
import { OURS } from '../systems.mjs'
import { round } from '../tools/numbers.mjs'
import { startServer } from '../tools/server.mjs'
import { many } from '../tools/socket.mjs'

const IN_TOPIC = 100
const DEADLINE = 60_000

/** Real clients lose their sockets at once. How long until all are back and have joined, and how late the server's loop was. */
export async function run({ quick }) {
  const count = quick ? 500 : 2000
  const server = await startServer(OURS, { droppable: true })
  const clients = await many(count, at => come(server.url, topicOf(Math.floor(at / IN_TOPIC))))
  const watcher = await come(server.url)
  await server.ask('watchDelay')
  const started = performance.now()
  await server.ask('dropAll')
  const back = await allBack(watcher, count, started)
  const { p99, max } = await server.ask('delay')
  for (const client of [...clients, watcher]) client.close().catch(() => {})
  await server.stop()
  return {
    storm: {
      clients: count,
      back,
      backMs: round(performance.now() - started),
      p99Ms: round(p99),
      maxMs: round(max)
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

/** Asks the server who is in the topics, until all are. */
async function allBack(watcher, count, started) {
  let there = 0
  while (there < count && performance.now() - started < DEADLINE) {
    await new Promise(resolve => setTimeout(resolve, 200))
    there = 0
    for (let topic = 0; topic < count / IN_TOPIC; topic++) {
      const ids = await watcher.lookup(topicOf(topic), { limit: 1000 }).catch(() => [])
      there += ids.length
    }
  }
  return there
}

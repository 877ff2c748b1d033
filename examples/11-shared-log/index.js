// Peers that each keep an append-only log, and replicate all of them over the streams of a swarm.
// Run it: node examples/11-shared-log

import wrtc from '@roamhq/wrtc'
import { topicFromName } from 'socket-signal'
import { degree, Swarm } from 'socket-signal-swarm'
import { SocketSignalWebsocketClient, SocketSignalWebsocketServer } from 'socket-signal-websocket'
import { Replicator } from './replicator.js'

const server = new SocketSignalWebsocketServer({ port: 0 })
await server.open()
const topic = await topicFromName('shared-log')
const peers = []

for (const name of ['ada', 'bob', 'cleo', 'dan', 'eve', 'finn']) await join(name)
await equal('six peers have each other’s first entry')

// All goes on without a signal server: the streams are there.
await server.close()
for (const { name, replicator } of peers) {
  for (let number = 1; number <= 10; number++) replicator.append(`${name}, without a server, ${number}`)
}
await equal('and ten more of each, while there was no server')

for (const { swarm, client } of peers) await swarm.destroy().then(() => client.close())

async function join(name) {
  const client = new SocketSignalWebsocketClient(server.url, {
    iceServers: [],
    simplePeer: { wrtc, iceCompleteTimeout: 300 }
  })
  const swarm = new Swarm(client, { topology: degree(2) })
  const replicator = new Replicator()
  peers.push({ name, client, swarm, replicator })
  swarm.on('connection', ({ stream }) => replicator.replicate(stream))
  replicator.append(`${name} is here`)
  await swarm.join(topic)
}

/** Waits until all logs are the same everywhere. */
async function equal(words) {
  const began = performance.now()
  const total = peers.reduce((sum, { replicator }) => sum + own(replicator).entries.length, 0)
  const countOf = ({ replicator }) =>
    [...replicator.logs.values()].reduce((sum, { entries }) => sum + entries.length, 0)
  while (peers.some(peer => countOf(peer) !== total)) await new Promise(resolve => setTimeout(resolve, 20))
  const links = peers.map(({ name, swarm }) => `${name} ${swarm.connections.length}`).join(', ')
  console.log(`${words}: ${total} entries at each, after ${Math.round(performance.now() - began)} ms`)
  console.log(`  connections: ${links}`)
}

function own({ logs, author }) {
  return logs.get(author.id)
}

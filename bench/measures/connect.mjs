import { randomBytes } from 'node:crypto'
import wrtc from '@roamhq/wrtc'
import SimplePeer from 'simple-peer'
import SimpleWebsocket from 'simple-websocket'
import { SocketSignalClient } from 'socket-signal-10'
import { SocketSignalWebsocketClient } from 'socket-signal-websocket'
import { OURS } from '../systems.mjs'
import { median, quantile } from '../tools/numbers.mjs'
import { startServer } from '../tools/server.mjs'
import { inTurn } from '../tools/turns.mjs'

const DIRECT = 'direct'
const OLD = 'socket-signal-10'
const PAUSE = 50
/** No STUN: all of them meet on loopback. */
const config = { iceServers: [] }

// simple-peer tells about each mDNS candidate that it leaves out.
console.warn = () => {}

/** From the call to the open channel, between two Node peers over loopback. The three take turns. */
export async function run({ quick }) {
  const [rounds, oldEvery] = quick ? [12, 3] : [200, 10]
  const topic = randomBytes(32)
  const servers = { [OURS]: await startServer(OURS, { raised: false }), [OLD]: await startServer(OLD) }
  const ours = await Promise.all([0, 1].map(() => openOurs(servers[OURS].url, topic)))
  const old = await Promise.all([0, 1].map(() => openOld(servers[OLD].url, topic)))
  const ways = { [OURS]: () => connect(ours, topic), [DIRECT]: direct, [OLD]: () => connect(old, topic) }
  const took = { [OURS]: [], [DIRECT]: [], [OLD]: [] }
  for (const way of Object.values(ways)) await way()
  for (let round = 0; round < rounds; round++) {
    for (const [name, way] of inTurn(Object.entries(ways), round)) {
      if (name === OLD && round % oldEvery !== 0) continue
      took[name].push(await way())
      // What is torn down must not be in the next one's time.
      await new Promise(resolve => setTimeout(resolve, PAUSE))
    }
  }
  await Promise.all([...ours, ...old].map(client => client.close()))
  await Promise.all(Object.values(servers).map(server => server.stop()))
  const base = median(took[DIRECT])
  const row = values => ({
    medianMs: median(values),
    p95Ms: quantile(values, 0.95),
    ratio: median(values) / base
  })
  return { connect: Object.fromEntries(Object.entries(took).map(([name, values]) => [name, row(values)])) }
}

async function openOurs(url, topic) {
  const client = new SocketSignalWebsocketClient(url, { simplePeer: { wrtc }, iceServers: [] })
  await client.open()
  await client.join(topic)
  return client
}

async function openOld(url, topic) {
  const client = new SocketSignalClient(new SimpleWebsocket(url), { simplePeer: { wrtc, config } })
  await client.open()
  await client.join(topic)
  return client
}

async function connect([a, b], topic) {
  const started = performance.now()
  const peer = a.connect(topic, b.id)
  await peer.ready()
  const took = performance.now() - started
  await Promise.all([...a.peers, ...b.peers].map(peer => peer.close()))
  return took
}

/** Two simple-peers of one process, each given what the other says. */
async function direct() {
  const started = performance.now()
  const a = new SimplePeer({ initiator: true, wrtc, config })
  const b = new SimplePeer({ wrtc, config })
  a.on('signal', data => b.signal(data))
  b.on('signal', data => a.signal(data))
  await new Promise((resolve, reject) => {
    a.once('connect', resolve)
    for (const peer of [a, b]) peer.on('error', reject)
  })
  const took = performance.now() - started
  for (const peer of [a, b]) peer.on('error', () => {})
  const closed = [a, b].map(peer => new Promise(resolve => peer.once('close', resolve)))
  for (const peer of [a, b]) peer.destroy()
  await Promise.all(closed)
  return took
}

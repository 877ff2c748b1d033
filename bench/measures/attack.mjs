import { randomBytes } from 'node:crypto'
import { connect, join, sender } from '../clients/socket-signal.mjs'
import { join as joinFrame, KIND, lookup as lookupFrame, topicOf } from '../clients/wire.mjs'
import { OURS } from '../systems.mjs'
import { quantile } from '../tools/numbers.mjs'
import { startServer } from '../tools/server.mjs'
import { drop, many } from '../tools/socket.mjs'

const TOPIC = 1
const KINDS = { flood: 8, malformed: 6, slow: 6 }
const AGAIN = 50
const ENOUGH = 256 * 1024

/**
 * How long a healthy client's lookup takes while others flood, send what is no frame, and read nothing. Default limits,
 * none raised. Who is closed comes back, twenty times a second.
 */
export async function run({ quick }) {
  const lookups = quick ? 100 : 200
  const server = await startServer(OURS, { raised: false })
  const members = await many(200, () => join(server.url, TOPIC))
  const alone = await look(server, lookups)
  const attack = { over: false, sockets: new Set() }
  const slow = await many(KINDS.slow, () => join(server.url, TOPIC))
  for (const { websocket } of slow) websocket.pause()
  const attackers = [
    ...Array.from({ length: KINDS.flood }, (_, at) =>
      again(attack, () => flood(server, slow[at % slow.length]))
    ),
    ...Array.from({ length: KINDS.malformed }, () => again(attack, () => malformed(server)))
  ]
  await new Promise(resolve => setTimeout(resolve, 1000))
  const before = await server.cpu()
  const started = performance.now()
  const attacked = await look(server, lookups)
  const serverLoad = ((await server.cpu()) - before) / 1000 / (performance.now() - started)
  attack.over = true
  for (const websocket of attack.sockets) websocket.terminate()
  for (const { websocket } of slow) websocket.resume()
  await drop([...members, ...slow])
  await Promise.all(attackers)
  await server.stop()
  return { attack: { alone, attacked: { ...attacked, serverLoad } } }
}

/** Lookups one after the other, within what one client may ask. Unit: ms. */
async function look(server, count) {
  const client = await connect(server.url)
  await client.request(joinFrame, topicOf(TOPIC))
  const took = []
  for (let at = 0; at < count; at++) {
    const started = performance.now()
    await client.request(lookupFrame, topicOf(TOPIC))
    took.push(performance.now() - started)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  await drop([client])
  return { p50Ms: quantile(took, 0.5), p95Ms: quantile(took, 0.95) }
}

/** Attacks until it is over, and once more each time that the socket is closed. */
async function again(attack, begin) {
  while (!attack.over) {
    const { websocket, stop } = await begin()
    attack.sockets.add(websocket)
    if (attack.over) websocket.terminate()
    if (websocket.readyState < 3) await new Promise(resolve => websocket.once('close', resolve))
    attack.sockets.delete(websocket)
    stop?.()
    await new Promise(resolve => setTimeout(resolve, AGAIN))
  }
}

/** As many signals as the socket takes, to somebody who does not read. */
async function flood(server, target) {
  const client = await join(server.url, TOPIC)
  const send = sender(client, target)
  const timer = setInterval(() => {
    for (let at = 0; at < 50 && client.websocket.bufferedAmount < ENOUGH; at++) send()
  }, 5)
  return { websocket: client.websocket, stop: () => clearInterval(timer) }
}

async function malformed(server) {
  const client = await connect(server.url)
  client.websocket.send(Buffer.concat([Buffer.of(KIND.join), randomBytes(100)]))
  return client
}

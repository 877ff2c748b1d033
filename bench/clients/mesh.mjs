// Some of the peers of a mesh, in a process of its own: the measure tells it what to do, and carries signals where peers are wired by hand.
import wrtc from '@roamhq/wrtc'
import SimplePeer from 'simple-peer'
import { topicFromName } from 'socket-signal'
import { degree, full, Swarm } from 'socket-signal-swarm'
import { SocketSignalWebsocketClient } from 'socket-signal-websocket'

const simplePeer = { wrtc, iceCompleteTimeout: 300 }
const config = { iceServers: [] }
const wired = new Map()
let swarms = []

// simple-peer tells about each mDNS candidate that it leaves out.
console.warn = () => {}
process.on('disconnect', () => process.exit())
process.on('message', async ({ act, ...options }) => {
  const done = await acts[act](options)
  if (done) process.send({ done: act })
})

const acts = {
  /** Clients are open before: what is measured is the mesh. */
  async open({ url, name, count, k }) {
    const topic = await topicFromName(name)
    const open = async () => {
      const client = new SocketSignalWebsocketClient(url, { simplePeer, iceServers: [] })
      await client.open()
      return { client, topic, swarm: new Swarm(client, { topology: k ? degree(k) : full() }) }
    }
    swarms = await Promise.all(Array.from({ length: count }, open))
    return true
  },

  async form({ least }) {
    const formed = swarms.map(
      ({ swarm }) =>
        new Promise(resolve => {
          swarm.on('connection', () => swarm.connections.length >= least && resolve())
        })
    )
    await Promise.all(swarms.map(({ swarm, topic }) => swarm.join(topic)))
    await Promise.all(formed)
    return true
  },

  /** `pairs`: [own, other, initiator]. */
  async wire({ pairs }) {
    const connected = pairs.map(([own, other, initiator]) => {
      const peer = new SimplePeer({ initiator, ...simplePeer, config })
      wired.set(`${own} ${other}`, peer)
      peer.on('signal', signal => process.send({ from: own, to: other, signal }))
      return new Promise((resolve, reject) => peer.on('error', reject).once('connect', resolve))
    })
    await Promise.all(connected)
    return true
  },

  signal({ from, to, signal }) {
    wired.get(`${to} ${from}`)?.signal(signal)
  }
}

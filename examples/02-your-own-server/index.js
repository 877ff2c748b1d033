// A signal server and client of your own: both abstract classes, over a plain TCP stream.
// Run it: node examples/02-your-own-server

import { once } from 'node:events'
import net from 'node:net'
import wrtc from '@roamhq/wrtc'
import { SignalError, SocketSignalClient, SocketSignalServer, toKey, topicFromName } from 'socket-signal'

// The server says where topics are kept and who is asked. Here: a Map of topics, each a Map of connections by id.
class TcpServer extends SocketSignalServer {
  topics = new Map()

  // What it gives is what client.join() resolves with: the ids of those who were there before.
  async _onJoin(rpc, msg) {
    const topic = toKey(msg.topic)
    const members = this.topics.get(topic) ?? new Map()
    this.topics.set(topic, members.set(toKey(rpc.id), rpc))
    return this._onLookup(rpc, msg)
  }

  async _onLeave(rpc, { topic }) {
    this.remove(rpc, toKey(topic))
  }

  async _onLookup(rpc, { topic }) {
    const members = this.topics.get(toKey(topic))?.values() ?? []
    return [...members].filter(member => member !== rpc).map(member => member.id)
  }

  // An offer is a request: forward() hands it to the target, whose answer goes back to who asked.
  async _onOffer(_rpc, msg) {
    const target = this.find(msg)
    if (!target) throw new SignalError('PEER_NOT_FOUND', 'peer not found')
    return target.forward(msg)
  }

  // A signal is an event, a candidate for instance. Nobody waits for an answer.
  async _onSignal(_rpc, msg) {
    this.find(msg)?.forward(msg)
  }

  async _onDisconnect(rpc) {
    for (const topic of rpc.topics) this.remove(rpc, topic)
  }

  find({ topic, remoteId }) {
    return this.topics.get(toKey(topic))?.get(toKey(remoteId))
  }

  remove(rpc, topic) {
    const members = this.topics.get(topic)
    members?.delete(toKey(rpc.id))
    if (members?.size === 0) this.topics.delete(topic)
  }
}

// The client says how to reach the server. It is asked again after a loss, so that it comes back by itself.
class TcpClient extends SocketSignalClient {
  constructor(port, options) {
    super(null, options)
    this.port = port
  }

  async _connect({ signal }) {
    const socket = net.connect({ port: this.port, host: '127.0.0.1', signal })
    await once(socket, 'connect')
    return socket
  }
}

const server = new TcpServer()
const listener = net.createServer(socket => server.addSocket(socket)).listen(0, '127.0.0.1')
await once(listener, 'listening')
const { port } = listener.address()
console.log(`server   listens on tcp port ${port}`)

// No STUN server is asked: both peers are on this machine.
const options = { iceServers: [], simplePeer: { wrtc, iceCompleteTimeout: 300 } }
const alice = new TcpClient(port, options)
const bob = new TcpClient(port, options)
const topic = await topicFromName('your-own-server')
await bob.join(topic)

// Bob answers whoever connects to him.
bob.on('peer-connected', ({ peer }) => {
  peer.stream.on('data', data => {
    console.log(`bob      got "${data}"`)
    peer.stream.write('hello Alice')
  })
})

const [bobsId] = await alice.join(topic)
const peer = await alice.connect(topic, bobsId).ready()
console.log('alice    is connected to bob over WebRTC')
peer.stream.write('hello Bob')
const [answer] = await once(peer.stream, 'data')
console.log(`alice    got "${answer}"`)

await Promise.all([alice.close(), bob.close()])
await server.close()
listener.close()
console.log(`server   has closed, topics left: ${server.topics.size}`)

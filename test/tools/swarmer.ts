import { topicFromName } from 'socket-signal'
import { degree, Swarm } from 'socket-signal-swarm'
import { SocketSignalWebsocketClient } from 'socket-signal-websocket'
import { simplePeer } from './wrtc.ts'

// A peer of a swarm in a process of its own, so that it can be killed.
const [, , url = '', name = '', k = ''] = process.argv
const client = new SocketSignalWebsocketClient(url, {
  iceServers: [],
  simplePeer
})
const swarm = new Swarm(client, { topology: degree(Number(k)) })
await swarm.join(await topicFromName(name))
console.log(`joined ${Buffer.from(client.id).toString('hex')}`)

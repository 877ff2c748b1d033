import { topicFromName } from 'socket-signal'
import { SocketSignalWebsocketClient } from 'socket-signal-websocket'
import { simplePeer } from './wrtc.ts'

// A client in a process of its own: dials the first of a topic, and says how that went.
const [url = '', name = ''] = process.argv.slice(2)
const client = new SocketSignalWebsocketClient(url, {
  connectTimeout: 14_000,
  simplePeer
})
const topic = await topicFromName(name)
const [id] = await client.join(topic)
const peer = client.connect(topic, id as Uint8Array)
await peer.ready().catch(() => {})
console.log(`explained ${JSON.stringify(await peer.explain())}`)
process.exit()

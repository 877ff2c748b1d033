import { topicFromName } from 'socket-signal'
import { SocketSignalWebsocketClient } from 'socket-signal-websocket'
import { simplePeer } from './wrtc.ts'

// A callee in a process of its own; `silent` never answers an offer.
const [url = '', name = '', silent] = process.argv.slice(2)
const client = new SocketSignalWebsocketClient(url, {
  iceServers: [],
  simplePeer
})
if (silent) {
  client.onOffer(() => {
    console.log('asked')
    return new Promise(() => {})
  })
}
await client.join(await topicFromName(name))
console.log('joined')

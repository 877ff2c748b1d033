import { topicFromName } from 'socket-signal'
import { SocketSignalWebsocketClient } from 'socket-signal-websocket'

// A client in a process of its own, at the end of a cable. Prints what it is told.
const [url = '', name = ''] = process.argv.slice(2)
const rtc = () => {
  throw new Error('no WebRTC here')
}
const client = new SocketSignalWebsocketClient(url, { rtc, reconnect: { base: 100, max: 500 } })
client.on('disconnected', (again, { code }) => console.log(`disconnected ${again} ${code}`))
client.on('connected', (again, { resumed }) => console.log(`connected ${again} ${resumed}`))
client.on('message', ({ data }) => console.log(`heard ${data}`))
await client.join(await topicFromName(name))
console.log('joined')

import { toHex, topicFromName } from 'socket-signal'
import { SocketSignalWebsocketClient } from 'socket-signal-websocket'

const url = import.meta.env.VITE_SIGNAL_URL ?? 'ws://localhost:4000'
// Without iceServers a public STUN server is asked; between tabs of one machine none is needed.
const client = new SocketSignalWebsocketClient(url, { iceServers: [] })
const topic = await topicFromName('browser-chat')

client.on('peer-joined', ({ id }) => dial(id))
client.on('peer-connected', ({ peer }) => {
  const name = nameOf(peer.id)
  say(`${name} is here`)
  peer.stream.on('data', data => say(`${name}: ${new TextDecoder().decode(data)}`))
  peer.on('close', () => {
    say(`${name} has gone`)
    showStatus()
  })
  showStatus()
})
client.on('connected', showStatus)
client.on('disconnected', showStatus)

document.querySelector('#form').addEventListener('submit', event => {
  event.preventDefault()
  const input = document.querySelector('#text')
  for (const peer of client.peersConnected) peer.stream.write(input.value)
  say(`You: ${input.value}`)
  input.value = ''
})

// The others should see at once that this tab went.
addEventListener('pagehide', () => client.close())

await client
  .join(topic, { watch: true })
  .catch(error => say(`The signal server can't be used: ${error.message}`))

/** Both sides dial; `dedupe` leaves one connection. */
function dial(id) {
  client
    .connect(topic, id, { dedupe: true })
    .ready()
    .catch(error => say(`No connection with ${nameOf(id)}: ${error.message}`))
}

function nameOf(id) {
  return `Peer ${toHex(id).slice(0, 4)}`
}

function say(text) {
  const line = document.createElement('li')
  line.textContent = text
  document.querySelector('#log').append(line)
  line.scrollIntoView({ block: 'end' })
}

function showStatus() {
  const others = client.peersConnected.length
  const server = client.connected ? 'connected' : 'not connected'
  const status = `You are ${nameOf(client.id)}. Server ${server}, ${others} ${others === 1 ? 'peer' : 'peers'} here.`
  document.querySelector('#status').textContent = status
}

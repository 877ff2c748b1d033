import { toHex, topicFromName } from 'socket-signal'
import { degree, Swarm } from 'socket-signal-swarm'
import { SocketSignalWebsocketClient } from 'socket-signal-websocket'
import { draw } from './drawing.js'

const client = new SocketSignalWebsocketClient(SIGNAL_URL, { iceServers: [] })
const swarm = new Swarm(client, { topology: degree(3) })
/** What each peer says of its connections, and when it has said so. */
const told = new Map()
/** Whatever others say, this page stays small. */
const MAX = { text: 1000, name: 4, links: 16, lines: 200 }

swarm.on('connection', show)
swarm.on('disconnection', show)
swarm.on('message', ({ id, data }) => {
  const name = nameOf(id)
  if (typeof data?.text === 'string') say(`${name}: ${data.text.slice(0, MAX.text)}`)
  if (Array.isArray(data?.links)) {
    const links = data.links
      .filter(link => typeof link?.to === 'string')
      .slice(0, MAX.links)
      .map(({ to, path }) => ({ to: to.slice(0, MAX.name), path }))
    told.set(name, { links, at: Date.now() })
  }
  refresh()
})
client.on('connected', refresh)
client.on('disconnected', refresh)

document.querySelector('#form').addEventListener('submit', async event => {
  event.preventDefault()
  const input = document.querySelector('#text')
  const text = input.value
  input.value = ''
  const neighbours = await swarm.broadcast({ text }).catch(() => 0)
  say(neighbours > 0 ? `You: ${text}` : `You: ${text} (nobody is connected yet)`)
})
// The others should see at once that this tab went.
addEventListener('pagehide', () => void swarm.destroy().then(() => client.close()))

await swarm.join(await topicFromName('mesh-chat'))
setInterval(show, 2000)
await show()

/** Tells everybody who is connected with this peer and by which path, and draws what is known. */
async function show() {
  const links = await Promise.all(
    swarm.connections.map(async ({ info: { id, peer } }) => {
      const { pair } = await peer.explain()
      return {
        to: nameOf(id),
        path: pair?.local === 'relay' || pair?.remote === 'relay' ? 'relay' : 'direct'
      }
    })
  )
  told.set(nameOf(client.id), { links, at: Date.now() })
  void swarm.broadcast({ links }).catch(() => {}) // Nobody has joined yet.
  refresh()
}

function refresh() {
  if (!client.connected && told.size === 0) return
  for (const [name, { at }] of told) if (Date.now() - at > 6000) told.delete(name)
  const self = nameOf(client.id)
  const { peers, links } = draw(document.querySelector('#mesh'), self, told)
  const server = client.connected ? 'connected' : 'not connected'
  const status = `You are ${self}. Server ${server}. The mesh has ${peers} peers and ${links} connections.`
  document.querySelector('#status').textContent = status
}

function nameOf(id) {
  return toHex(id).slice(0, MAX.name)
}

function say(text) {
  const log = document.querySelector('#log')
  const line = document.createElement('li')
  line.textContent = text
  log.append(line)
  if (log.children.length > MAX.lines) log.firstElementChild.remove()
  line.scrollIntoView({ block: 'end' })
}

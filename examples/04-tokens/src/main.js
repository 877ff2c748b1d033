import { topicFromName } from 'socket-signal'
import { credentials } from 'socket-signal-token/credentials'
import { SocketSignalWebsocketClient } from 'socket-signal-websocket'

const byId = id => document.getElementById(id)
const counts = { seconds: 0, tokens: 0, lost: 0 }

/** Asks the app's own server, which knows who is signed in. */
async function fetchToken() {
  const response = await fetch('/token', { method: 'POST' })
  if (!response.ok) throw new Error(`no token: ${response.status}`)
  count('tokens')
  if (client.connected) say('Connected.')
  return response.json() // { token, expiry_at }
}

const provider = { authenticate: fetchToken, refresh: fetchToken }
const client = new SocketSignalWebsocketClient(SIGNAL_URL, {
  token: credentials(provider),
  iceServers: []
})

client.on('connected', () => say('Connected.'))
client.on('token-expiring', ({ expiresIn }) =>
  say(`Connected. The token ends in ${expiresIn} ms: another one is fetched.`)
)
client.on('token-error', error => say(`${error.code}: ${error.message}`))
client.on('connect-error', error => say(`${error.code}: ${error.message}`))
client.on('disconnected', (_, { error }) => {
  say(error.code)
  count('lost')
  counts.seconds = -1
  count('seconds')
})

byId('sign-in').addEventListener('click', async () => {
  await fetch('/sign-in', { method: 'POST' })
  signedIn(true)
  await client.join(await topicFromName('lobby')).catch(error => say(`${error.code}: ${error.message}`))
})
byId('sign-out').addEventListener('click', async () => {
  await fetch('/sign-out', { method: 'POST' })
  signedIn(false)
})

setInterval(() => client.connected && count('seconds'), 1000)

function signedIn(yes) {
  byId('sign-in').disabled = yes
  byId('sign-out').disabled = !yes
}

function count(what) {
  byId(what).textContent = ++counts[what]
}

function say(text) {
  byId('status').textContent = text
}

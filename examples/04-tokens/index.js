// A page whose token ends every five seconds, and whose socket stays.
// Run it: node examples/04-tokens

import { randomBytes } from 'node:crypto'
import { createServer as createSignalServer } from 'socket-signal-server'
import { createApp } from './app.js'
import { bundle } from './bundle.js'

const LIFE = 5 // seconds

// The signal server lets nobody in without a token, and mints them for who knows these credentials.
const project = { id: 'example', apiToken: randomBytes(32).toString('hex') }
const signal = createSignalServer({ port: 0, page: false, tokens: { project } })
await signal.open()

// The app's own server knows its users, and keeps the credentials to itself.
const files = await bundle({ SIGNAL_URL: signal.signalUrl })
const app = createApp({ files, endpoint: `${signal.url}tokens`, project, life: LIFE })
app.listen(0, '127.0.0.1', () => {
  console.log(`open http://127.0.0.1:${app.address().port}/ and sign in; stop with Ctrl+C`)
})

for (const name of ['SIGINT', 'SIGTERM']) process.once(name, stop)

function stop() {
  app.close()
  app.closeAllConnections()
  void signal.close()
}

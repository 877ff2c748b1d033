// A page whose token ends every five seconds, and whose socket stays.
// Run it: node examples/04-tokens

import { randomBytes } from 'node:crypto'
import { createServer as createSignalServer } from 'socket-signal-server'
import { createServer as createVite } from 'vite'
import { app } from './app.js'

const LIFE = 5 // seconds

// The signal server lets nobody in without a token, and mints them for who knows these credentials.
const project = { id: 'example', apiToken: randomBytes(32).toString('hex') }
const signal = createSignalServer({ port: 0, page: false, tokens: { project } })
await signal.open()
process.env.VITE_SIGNAL_URL = signal.signalUrl

// The app's own server knows its users, and keeps the credentials to itself.
const own = app({ endpoint: `${signal.url}tokens`, project, life: LIFE })
const plugin = { name: 'app', configureServer: ({ middlewares }) => void middlewares.use(own) }
const vite = await createVite({ root: import.meta.dirname, server: { host: '127.0.0.1' }, plugins: [plugin] })
await vite.listen()
console.log(`open ${vite.resolvedUrls.local[0]} and sign in; stop with Ctrl+C`)

for (const name of ['SIGINT', 'SIGTERM']) {
  process.once(name, () => Promise.all([vite.close(), signal.close()]).then(() => process.exit()))
}

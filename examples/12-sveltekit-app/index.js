// A SvelteKit app with a room, and beside it a signal server that lets nobody in without a token.
// Run it: node examples/12-sveltekit-app

import { randomBytes } from 'node:crypto'
import { createServer as createSignalServer } from 'socket-signal-server'
import { createServer } from 'vite'

const project = { id: 'example', apiToken: randomBytes(32).toString('hex') }
const signal = createSignalServer({ port: 0, page: false, tokens: { project } })
await signal.open()

Object.assign(process.env, {
  SIGNAL_SERVER: signal.url,
  SIGNAL_PROJECT_ID: project.id,
  SIGNAL_API_TOKEN: project.apiToken,
  SESSION_SECRET: randomBytes(32).toString('hex'),
  PUBLIC_SIGNAL_URL: signal.signalUrl
})
process.chdir(import.meta.dirname) // SvelteKit looks for its configuration where the process stands.
const vite = await createServer({ server: { host: '127.0.0.1' } })
await vite.listen()
console.log(`open ${vite.resolvedUrls.local[0]} in two tabs; stop with Ctrl+C`)

for (const name of ['SIGINT', 'SIGTERM']) {
  process.once(name, () => Promise.all([vite.close(), signal.close()]).then(() => process.exit()))
}

// A chat in the browser: a signal server, and Vite with the page.
// Run it: node examples/03-browser-chat    and open the address that it prints in two tabs

import { createServer as createSignalServer } from 'socket-signal-server'
import { createServer as createVite } from 'vite'

const signal = createSignalServer({ port: 0, page: false })
await signal.open()
process.env.VITE_SIGNAL_URL = signal.signalUrl

const vite = await createVite({ root: import.meta.dirname, server: { host: '127.0.0.1' } })
await vite.listen()
console.log(`open ${vite.resolvedUrls.local[0]} in two tabs; stop with Ctrl+C`)

for (const name of ['SIGINT', 'SIGTERM']) {
  process.once(name, () => Promise.all([vite.close(), signal.close()]).then(() => process.exit()))
}

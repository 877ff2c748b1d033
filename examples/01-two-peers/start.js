// What `npm start` runs: the ready-made server, two peers that connect through it, then the page, until you stop it.
// With --once it ends after the two peers.

import { createServer } from 'socket-signal-server'
import { exchange } from './exchange.js'

const PORT = 4000
const wrong = process.argv.slice(2).filter(word => word !== '--once')
if (wrong.length > 0) {
  console.error(`unknown: ${wrong.join(' ')}. npm start takes nothing, or -- --once`)
  process.exit(2)
}

const server = await serve(PORT)
console.log('\nTwo peers find each other through a signal server and talk over WebRTC\n')
console.log(`            server at ${server.signalUrl}`)
await exchange({ url: server.signalUrl })

if (process.argv.includes('--once')) await server.close()
else keepServing()

/** The server on this port, or on a free one where that is taken. */
async function serve(port) {
  const server = createServer({ port })
  try {
    await server.open()
    return server
  } catch (error) {
    if (error.code !== 'EADDRINUSE' || port === 0) throw error
    console.log(`port ${port} is taken, so a free one is used`)
    return serve(0)
  }
}

function keepServing() {
  console.log(`\nNow try it yourself: open ${server.url} in two tabs`)
  console.log('Stop with Ctrl+C\n')
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => server.close())
}

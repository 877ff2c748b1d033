// Two peers, one server, all in this process.
// Run it: node examples/01-two-peers

import { SocketSignalWebsocketServer } from 'socket-signal-websocket'
import { exchange } from './exchange.js'

const server = new SocketSignalWebsocketServer({ port: 0 })
await server.open()
console.log(`            the server listens at ${server.url}`)
await exchange({ url: server.url })
await server.close()

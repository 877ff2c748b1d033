// A room with video: the ready-made server brings the page of src/ with it.
// Run it: node examples/08-video-room

import { createServer } from 'socket-signal-server'

const server = createServer({ port: 0 })
await server.open()
console.log(`open ${server.url}room in two tabs; stop with Ctrl+C`)

for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => void server.close())

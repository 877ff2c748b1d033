// A call between pages that know nothing but the guide's JSON.
// Run it: node examples/06-chat-call

import { join } from 'node:path'
import { createServer } from 'socket-signal-server'

const page = join(import.meta.dirname, 'src')
const server = createServer({ port: Number(process.env.PORT ?? 0), page, chat: { dev: true } })
await server.open()
console.log(`open ${server.url} in two tabs and join; stop with Ctrl+C`)

for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => void server.close())

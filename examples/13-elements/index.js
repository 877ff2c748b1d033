// A static page with one script tag: a room and a call as elements, in the page's own colours.
// Run it: node examples/13-elements    and open the address that it prints in two tabs

import { randomBytes, randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { createGate, createTokens } from 'socket-signal-token'
import { SocketSignalWebsocketServer } from 'socket-signal-websocket'

const embed = new URL('dist/embed.iife.js', import.meta.resolve('socket-signal-sdk/package.json'))
const files = {
  '/': { type: 'text/html; charset=utf-8', text: await readFile(`${import.meta.dirname}/index.html`) },
  '/embed.iife.js': { type: 'text/javascript', text: await readFile(fileURLToPath(embed)) }
}

const tokens = createTokens({
  secret: randomBytes(32).toString('hex'),
  issuer: 'example',
  audience: 'socket-signal'
})

// How long a token holds: ten minutes, unless a test is in a hurry. Unit: ms.
const expiresIn = 1000 * Number(process.env.TOKEN_SECONDS ?? 600)

// Your own server knows who asks. This one lets everybody into two rooms.
const mint = async () => {
  const grant = {
    sub: randomUUID(),
    topics: [{ name: 'lobby' }, { name: '/public/desk' }],
    can: ['join', 'lookup', 'offer', 'signal', 'publish']
  }
  return { token: await tokens.mint(grant, { expiresIn }), expiry_at: Date.now() + expiresIn }
}

const app = createServer(async ({ method, url }, response) => {
  const file = files[url]
  if (method === 'POST' && url === '/token') {
    response.writeHead(200, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' })
    response.end(JSON.stringify(await mint()))
  } else if (file) response.writeHead(200, { 'Content-Type': file.type }).end(file.text)
  else response.writeHead(404).end()
})
const signal = new SocketSignalWebsocketServer({
  server: app,
  authorize: createGate(tokens).authorize,
  identity: 'required'
})

app.listen(0, '127.0.0.1', async () => {
  await signal.open()
  console.log(`open http://127.0.0.1:${app.address().port}/ in two tabs; stop with Ctrl+C`)
})

for (const name of ['SIGINT', 'SIGTERM']) {
  process.once(name, () => {
    app.close()
    app.closeAllConnections()
    void signal.close()
  })
}

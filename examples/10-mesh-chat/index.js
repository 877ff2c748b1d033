// A chat over a mesh, and a drawing of who is connected with whom, by which path.
// Run it: node examples/10-mesh-chat    and open the address that it prints in several tabs

import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { build } from 'esbuild'
import { createServer as createSignalServer } from 'socket-signal-server'

const signal = createSignalServer({ port: 0, page: false })
await signal.open()

const { outputFiles } = await build({
  entryPoints: [`${import.meta.dirname}/src/main.js`],
  bundle: true,
  write: false,
  format: 'esm',
  tsconfigRaw: '{}',
  define: { SIGNAL_URL: JSON.stringify(signal.signalUrl) },
  logOverride: { 'ignored-bare-import': 'silent' }
})
const files = {
  '/': { type: 'text/html', text: await readFile(`${import.meta.dirname}/index.html`) },
  '/main.js': { type: 'text/javascript', text: outputFiles[0].contents }
}
const app = createServer(({ url }, response) => {
  const { type, text } = files[url] ?? {}
  if (text) response.writeHead(200, { 'Content-Type': type }).end(text)
  else response.writeHead(404).end()
})
app.listen(0, '127.0.0.1', () => {
  console.log(`open http://127.0.0.1:${app.address().port}/ in several tabs; stop with Ctrl+C`)
  console.log('Enter stops the signal server: the mesh goes on')
})

process.stdin.once('data', async () => {
  await signal.close()
  console.log('the signal server is gone')
  process.stdin.pause()
})
for (const name of ['SIGINT', 'SIGTERM']) {
  process.once(name, () => {
    process.stdin.pause()
    app.close()
    app.closeAllConnections()
    void signal.close()
  })
}

// A Redis and two servers that share it, each a process of its own; a client at each, and they connect.
// Run it: node examples/07-cluster    where redis-server is installed

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import wrtc from '@roamhq/wrtc'
import { topicFromName } from 'socket-signal'
import { SocketSignalWebsocketClient } from 'socket-signal-websocket'

const HOST = '127.0.0.1'
const manifest = createRequire(import.meta.url).resolve('socket-signal-server/package.json')
const bin = join(dirname(manifest), 'dist/bin.js')
const folder = mkdtempSync(join(tmpdir(), 'cluster-'))
const children = []
const clients = []

try {
  const port = await freePort()
  const redis = ['--port', String(port), '--bind', HOST, '--dir', folder, '--save', '']
  await start('redis', 'redis-server', redis, /Ready to accept connections/)
  const urls = []
  for (const name of ['server 1', 'server 2']) {
    const args = [bin, '--port', '0', '--redis', `redis://${HOST}:${port}`]
    const [, url] = await start(name, process.execPath, args, /signals +(ws:\S+)/)
    urls.push(url)
  }

  const topic = await topicFromName('a place')
  const [alice, bob] = urls.map(
    url => new SocketSignalWebsocketClient(url, { simplePeer: { wrtc }, iceServers: [] })
  )
  clients.push(alice, bob)
  alice.on('peer-connected', ({ peer }) =>
    peer.stream.on('data', data => peer.stream.write(`${data}, said Alice`))
  )
  await alice.join(topic)
  console.log(`alice    joined at ${urls[0]}`)
  const [found] = await bob.join(topic)
  console.log(
    `bob      joined at ${urls[1]} and finds ${Buffer.from(found).equals(alice.id) ? 'alice' : 'nobody'}`
  )
  const peer = bob.connect(topic, found)
  await peer.ready()
  peer.stream.write('hello')
  const [answer] = await once(peer.stream, 'data')
  console.log(`bob      hears "${answer}" from her, peer to peer`)
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
} finally {
  await Promise.all(clients.map(client => client.close()))
  for (const child of children.reverse()) {
    child.kill('SIGTERM')
    if (child.exitCode === null) await once(child, 'exit')
  }
  rmSync(folder, { recursive: true, force: true })
}
// wrtc keeps the process a while.
process.exit()

/** Runs a program until the end of this one, and waits until it prints that it is ready. */
function start(name, file, args, ready) {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  child.once('spawn', () => children.push(child))
  let output = ''
  return new Promise((resolve, reject) => {
    child.on('error', error =>
      reject(
        new Error(`${file} can't be started: ${error.code === 'ENOENT' ? 'it is not installed' : error.code}`)
      )
    )
    child.on('exit', code => reject(new Error(`${name} ended with ${code}: ${output}`)))
    child.stdout.on('data', chunk => {
      output += chunk
      const match = output.match(ready)
      if (match) resolve(match)
    })
  }).then(match => {
    console.log(`${name.padEnd(8)} is ready`)
    return match
  })
}

async function freePort() {
  const holder = createServer().listen(0, HOST)
  await once(holder, 'listening')
  const { port } = holder.address()
  holder.close()
  return port
}

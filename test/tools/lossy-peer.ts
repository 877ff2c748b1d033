import { topicFromName } from 'socket-signal'
import { createServer } from 'socket-signal-server'
import { SocketSignalWebsocketClient } from 'socket-signal-websocket'
import { simplePeer } from './wrtc.ts'

// Peers in processes and namespaces of their own. `hear` serves and takes numbers, `say` dials and sends them.
const [role, host = '', count = '0', ...more] = process.argv.slice(2)
const port = 4700
const topic = await topicFromName('far away')
const urls = [host, ...more].map(each => `ws://${each}:${port}`)

if (role === 'hear') {
  await createServer({ port, host: more.length > 0 ? '0.0.0.0' : host, page: false, publicUrls: urls }).open()
}
const client = new SocketSignalWebsocketClient(urls, {
  connectTimeout: 40_000,
  requestTimeout: 40_000,
  iceServers: [],
  reconnect: { base: 100, max: 500 },
  heartbeat: more.length > 0 && { interval: 500, timeout: 1500 },
  recovery: { grace: 2000 },
  simplePeer
})
const [other] = await client.join(topic)

client.on('peer-connected', ({ peer }) => {
  let heard = ''
  peer.on('close', () => console.log('closed', peer.error))
  peer.on('path-changed', pair => console.log('path-changed', JSON.stringify(pair)))
  peer.stream.on('data', (data: Uint8Array) => {
    heard += new TextDecoder().decode(data)
    const numbers = heard.split(' ').slice(0, -1)
    const inOrder = numbers.every((number, at) => number === String(at))
    if (!inOrder || numbers.length === Number(count)) console.log(`heard ${numbers.length} ${inOrder}`)
  })
})
process.stdin.on('data', () => client.networkChanged())

if (role === 'say') {
  const peer = await client.connect(topic, other as Uint8Array).ready()
  console.log(`connected from ${(peer.stream as unknown as { localAddress: string }).localAddress}`)
  for (let at = 0; at < Number(count); at++) {
    peer.stream.write(`${at} `)
    await new Promise(resolve => setTimeout(resolve, 50))
    if (at === 20) console.log('twenty are said')
  }
} else console.log('listening')

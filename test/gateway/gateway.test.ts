import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { SignalError, type SocketSignalServerMap } from 'socket-signal'
import {
  createGateway,
  type Door,
  doorId,
  type Entry,
  type ForeignSocket,
  Guest,
  markOf,
  whoseOf
} from 'socket-signal-gateway'
import type { SocketSignalWebsocketServerOptions } from 'socket-signal-websocket'
import type { Test } from 'tape'
import { WebSocket } from 'ws'
import { test } from '../tools/test.ts'
import { rejection, until } from '../tools/wait.ts'
import { get, makeClient, startServer, upgrade } from '../tools/websocket.ts'

const TOPIC = randomBytes(32)
const MARK = markOf('shout')

/** Everybody who comes to /shout/NAME is in one topic, and hears what the others say. */
const shout: Door = {
  name: 'shout',
  async knock({ path, token }, server) {
    if (!path.startsWith('/shout/')) return undefined
    const guest = await enter(server, path.slice('/shout/'.length), token)
    return { protocol: 'shout', open: socket => talk(guest, socket), lost: () => guest.close() }
  },
  respond: ({ path }) =>
    path.startsWith('/shout/') ? { status: 400, body: 'shout by WebSocket\n' } : undefined
}

/** The same for who says NAME first. */
const named: Door = {
  name: 'named',
  async hear(first, _visit, server) {
    if (typeof first !== 'string' || !first.startsWith('i am ')) return undefined
    const guest = await enter(server, first.slice(5), '')
    return { open: socket => talk(guest, socket), lost: () => guest.close() }
  }
}

async function enter(server: SocketSignalServerMap, name: string, token: string): Promise<Guest> {
  const guest = await Guest.enter(server, { id: doorId(whoseOf('shout', name)), token })
  await guest.join(TOPIC).catch(error => {
    guest.close()
    throw error
  })
  return guest
}

function talk(guest: Guest, socket: ForeignSocket): void {
  guest.attach(socket, {
    onmessage: message => void guest.publish(TOPIC, MARK, JSON.stringify(String(message))).catch(() => {}),
    onframe: frame => frame.kind === 'message' && socket.send(Buffer.from(frame.body).toString()),
    onclose: () => {}
  })
}

test('gateway: a door takes who knocks, or who says the first word; they meet in a topic', async t => {
  const server = await start(t, { path: '/signal' })
  const ada = await visitor(t, `${server.url.replace('/signal', '/shout/ada')}`, ['x', 'shout'])
  t.equal(ada.socket.protocol, 'shout')
  const bob = await visitor(t, server.url)
  bob.socket.send('i am bob')
  await until(() => server.stats().connections === 2)
  ada.socket.send('hello')
  await until(() => ada.heard.length > 0 && bob.heard.length > 0)
  t.deepEqual([ada.heard, bob.heard], [['"i am bob"'], ['"hello"']], 'without an echo')
  t.deepEqual([server.stats().mailboxes, server.stats().sockets], [2, 2], 'counted as all others')
  ada.socket.close()
  bob.socket.terminate()
  await until(() => server.stats().topics === 0 && server.stats().sockets === 0)
  t.pass('and nothing is left of them')
})

test('gateway: without a door things are as before, and plain HTTP is answered by a door', async t => {
  const server = await start(t, { path: '/signal', gateway: createGateway([shout]) })
  const base = server.url.replace('/signal', '').replace('ws', 'http')
  t.equal((await get(`${base}/signal`, upgrade(''))).status, 400)
  t.equal((await get(`${base}/elsewhere`, upgrade(''))).status, 404)
  t.equal((await fetch(`${base}/shout/ada`)).status, 400)
  t.equal((await fetch(`${base}/`)).status, 200)
  const client = makeClient(t, server.url)
  await client.open()
  t.ok(client.connected)
})

test('gateway: the server’s own gate decides, before the upgrade', async t => {
  const server = await start(t, {
    identity: 'required',
    authorize: ({ action, token }) => {
      if (token === 'good') return true
      if (token === 'half') return action !== 'join'
      throw new SignalError(token ? 'TOKEN_INVALID' : 'AUTH_REQUIRED', 'no')
    }
  })
  const statusOf = async (Authorization: string) =>
    (await get(`${server.url}/shout/ada`, { ...upgrade(''), Authorization })).status
  t.equal(await statusOf(''), 401)
  t.equal(await statusOf('Bearer bad'), 401)
  t.equal(await statusOf('Bearer half'), 403)
  const ada = await visitor(t, `${server.url}/shout/ada`, ['bearer.good', 'shout'])
  t.ok(ada, 'a browser puts it into a subprotocol')
})

test('gateway: ids of doors belong to nobody else', async t => {
  const server = await start(t, {})
  const id = doorId(whoseOf('shout', 'ada'))
  const client = makeClient(t, server.url, { id, reconnect: false })
  t.equal((await rejection(client.open())).code, 'BAD_PROOF')
  t.equal((await rejection(Guest.enter(server, { id, claimed: true }))).code, 'BAD_PROOF')
})

test('gateway: who says nothing, or nothing known, is let go; who is kicked is told', async t => {
  const server = await start(t, { gateway: createGateway([shout, named], { firstTimeout: 100 }) })
  const silent = await visitor(t, server.url)
  const odd = await visitor(t, server.url)
  const dave = await visitor(t, server.url)
  dave.socket.send('i am dave')
  odd.socket.send('who are you?')
  await until(() => silent.code === 4008 && odd.code === 4500)
  await new Promise(resolve => setTimeout(resolve, 300))
  t.equal(dave.code, undefined, 'who was taken stays, however silent')
  dave.socket.close()
  await until(() => server.stats().connections === 0)
  const ada = await visitor(t, `${server.url}/shout/ada`, ['shout'])
  const [first] = server.connections
  t.equal(server.disconnect({ id: first?.id ?? TOPIC }), 1)
  await until(() => ada.code === 4506)
  const bob = await visitor(t, `${server.url}/shout/bob`, ['shout'])
  await server.close()
  await until(() => bob.code === 4000)
  t.pass('and when the server closes')
})

test('gateway: a door that takes too long over a first message holds no socket, and is told when nobody is there', async t => {
  for (const patient of [false, true]) {
    const asked: ((entry: Entry) => void)[] = []
    let lost = 0
    const slow: Door = { name: 'slow', patient, hear: () => new Promise(resolve => asked.push(resolve)) }
    const server = await start(t, { gateway: createGateway([slow], { firstTimeout: 100 }) })
    const [one, gone] = [await visitor(t, server.url), await visitor(t, server.url)]
    for (const { socket } of [one, gone]) socket.send('i am here')
    await until(() => asked.length === 2)
    gone.socket.terminate()
    await until(() => one.code === 4008, 'it is let go')
    const open = () => t.fail('nobody is there any more')
    for (const answer of asked) answer({ open, lost: () => lost++ })
    await until(() => lost === 2, 'the door is told')
    t.equal(lost, 2, patient ? 'of a patient door' : 'of a door')
  }
})

test('gateway: a door that throws when it is to take a socket ends that socket, and nothing else', async t => {
  const entry = {
    open() {
      throw new Error('a bug of this door')
    },
    lost: () => {}
  }
  const knocked: Door = { name: 'knocked', knock: async ({ path }) => (path === '/bug' ? entry : undefined) }
  const heard: Door = { name: 'heard', hear: async first => (first === 'bug' ? entry : undefined) }
  const server = await start(t, { gateway: createGateway([knocked, heard, named]) })
  const [one, other] = [await visitor(t, `${server.url}/bug`), await visitor(t, server.url)]
  other.socket.send('bug')
  await until(() => one.code !== undefined && other.code !== undefined, 'both are closed')
  t.deepEqual([one.code, other.code], [4007, 4007])
  const bob = await visitor(t, server.url)
  bob.socket.send('i am bob')
  await until(() => server.stats().connections === 1, 'and others come in')
})

test('gateway: a guest answers for its client’s life, and its slowness', async t => {
  const server = await start(t, { pingInterval: 1000, sendQueueHard: 200_000 })
  const alive = await visitor(t, `${server.url}/shout/ada`, ['shout'])
  const dead = await visitor(t, `${server.url}/shout/bob`, ['shout'], { autoPong: false })
  await until(() => dead.code === 4002, 'a client that gives no sign of life', 8)
  t.equal(alive.code, undefined)
  const slow = await visitor(t, `${server.url}/shout/carol`, ['shout'])
  slow.socket.pause()
  const words = 'x'.repeat(10_000)
  const talking = setInterval(() => alive.socket.send(words), 1)
  await until(() => server.stats().connections === 1, 'who does not read is ended', 20)
  clearInterval(talking)
  t.equal(alive.code, undefined)
})

async function start(t: Test, options: SocketSignalWebsocketServerOptions) {
  return startServer(t, { gateway: createGateway([shout, named]), ...options })
}

async function visitor(t: Test, url: string, protocols: string[] = [], options = {}) {
  const socket = new WebSocket(url, protocols, options)
  t.teardown(() => socket.terminate())
  const visit = { socket, heard: [] as string[], code: undefined as number | undefined }
  socket.on('message', data => visit.heard.push(String(data)))
  socket.on('close', code => {
    visit.code = code
  })
  await once(socket, 'open')
  return visit
}

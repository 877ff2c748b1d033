import { type Socket, SocketSignalClient, SocketSignalServerMap } from 'socket-signal'
import type { SocketSuiteOptions } from './socket-suite.ts'
import { type SuiteAssert, until } from './suite.ts'

interface Party {
  server: SocketSignalServerMap
  alice: SocketSignalClient
  bob: SocketSignalClient
}

class Client extends SocketSignalClient {}

/** Three parties over the sockets of a suite: a real server and two of its clients. */
export function partySuite({ test, name, pair }: SocketSuiteOptions): void {
  const party = (what: string, body: (t: SuiteAssert, party: Party) => Promise<void>) =>
    test(`${name} socket: ${what}`, async t => {
      for (const forth of [true, false]) {
        const server = new SocketSignalServerMap()
        const pairs = await Promise.all([pair(), pair()])
        const clients = pairs.map(({ left, right }) => {
          void server.addSocket(forth ? right : left)
          return clientOf(forth ? left : right)
        })
        const [alice, bob] = clients as [SocketSignalClient, SocketSignalClient]
        try {
          await Promise.all(clients.map(client => client.open()))
          await body(t, { server, alice, bob })
        } finally {
          await Promise.all(clients.map(client => client.close()))
          await server.close()
          await Promise.all(pairs.map(({ close }) => close?.()))
        }
      }
    })

  party('a server and two clients join, watch and publish over it', async (t, { server, alice, bob }) => {
    const topic = new Uint8Array(32).fill(7)
    const told: string[] = []
    alice.on('peer-joined', ({ info }) => told.push(`joined ${info}`))
    alice.on('peer-left', () => told.push('left'))
    t.equal((await alice.join(topic, { watch: true })).length, 0)
    const [id] = await bob.join(topic, { info: 'bob' })
    t.deepEqual([...(id ?? [])], [...alice.id])
    await until(() => told.length === 1, 'the watcher hears who joined')
    const messages: unknown[] = []
    alice.on('message', ({ data }) => messages.push(data))
    const large = 'x'.repeat(10_000)
    await bob.publish(topic, { text: 'to everybody' })
    await bob.publish(topic, large, { to: alice.id })
    await until(() => messages.length === 2, 'both messages arrive')
    t.deepEqual(messages, [{ text: 'to everybody' }, large])
    await bob.close()
    await until(() => told.length === 2, 'the watcher hears who left')
    t.deepEqual(told, ['joined bob', 'left'])
    t.equal(server.stats().connections, 1)
  })

  party('a client hears why its server ended the socket', async (t, { server, alice, bob }) => {
    const ends: string[] = []
    for (const client of [alice, bob])
      client.on('disconnected', (_again, { code, error }) => ends.push(`${code} ${error.code}`))
    for (const connection of [...server.connections]) connection.close('KICKED', 'out')
    await until(() => ends.length === 2, 'both hear of it')
    t.deepEqual(ends, ['4506 KICKED', '4506 KICKED'])
  })
}

function clientOf(socket: Socket): SocketSignalClient {
  const rtc = () => {
    throw new Error('this story has no WebRTC')
  }
  return new Client(socket, { rtc })
}

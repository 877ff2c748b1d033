import { SocketSignalClient, SocketSignalServerMap } from 'socket-signal'
import { test } from '../tools/test.ts'

test('options: one that is none is a TypeError at once, which names it', t => {
  class Client extends SocketSignalClient {}
  const named = (options: object): RegExp => {
    const [[name, value] = []] = Object.entries(options)
    const [own = name] = name === 'heartbeat' || name === 'recovery' ? Object.keys(value) : []
    return new RegExp(`^TypeError: ${own} must be `)
  }
  const wrongOfClient = [
    { verify: 'always' },
    { verify: 1 },
    { privacy: 'none' },
    { requestTimeout: 0 },
    { connectTimeout: '5' },
    { heartbeat: { interval: 'often' } },
    { heartbeat: { timeout: 0 } },
    { recovery: { grace: -1 } },
    { rtc: {} },
    { audience: 5 },
    { audience: 'x'.repeat(513) },
    { audience: null },
    { clock: 'soon' },
    { clock: Date },
    { crypto: globalThis.crypto },
    { crypto: null },
    { random: 0.5 }
  ]
  for (const options of wrongOfClient) {
    t.throws(() => new Client(null, options as never), named(options))
  }
  t.throws(() => new Client(null, { audience: 'x'.repeat(513) }), /got a string of 513 characters/)
  t.throws(() => new Client(null, { clock: {} as never }), /clock must be a Clock, got an object/)
  const wrongOfServer = [
    { identity: 'require' },
    { conflict: 'keep' },
    { requestTimeout: 'long' },
    { authorize: true },
    { onJoin: 'join' },
    { offers: 'member' },
    { lookups: false },
    { backplane: {} }
  ]
  for (const options of wrongOfServer) {
    t.throws(() => new SocketSignalServerMap(options as never), named(options))
  }
  t.end()
})

test('client: options in the place of the socket are a TypeError', t => {
  class Client extends SocketSignalClient {}
  t.throws(() => new Client({ metadata: {} } as never), /options come second/)
  t.end()
})

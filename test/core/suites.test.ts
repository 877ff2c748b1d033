// Mostly waits: the runner starts it beside the others.
import {
  type Attachment,
  type Backplane,
  type Mailbox,
  MemoryBackplane,
  MemoryCluster,
  type Socket,
  toKey
} from 'socket-signal'
import { socketPair } from 'socket-signal-memory'
import {
  backplaneSuite,
  type SocketPair,
  type SuiteAssert,
  type SuiteTest,
  socketSuite
} from 'socket-signal-testing'
import { test } from '../tools/test.ts'

// A suite that passes everything says nothing: each of these breaks one promise of its contract, and must be found.

const SOCKET_FAULTS: { [name: string]: (socket: Socket) => Partial<Socket> } = {
  'swaps two messages': socket => {
    let kept: Uint8Array | undefined
    return {
      send: message => {
        if (!kept) return void (kept = message)
        socket.send(message)
        socket.send(kept)
        kept = undefined
      }
    }
  },
  'forgets the close code': socket => ({ close: () => socket.close(1000) }),
  'throws when it is closed twice': socket => {
    let closed = false
    return {
      close: (code, reason) => {
        if (closed) throw new Error('closed already')
        closed = true
        socket.close(code, reason)
      }
    }
  },
  'throws when something is sent after the end': socket => {
    let closed = false
    return {
      close: (code, reason) => {
        closed = true
        socket.close(code, reason)
      },
      send: message => {
        if (closed) throw new Error('closed')
        socket.send(message)
      }
    }
  },
  'counts what it never sends': () => ({ bufferedAmount: 1 })
}

for (const [fault, broken] of Object.entries(SOCKET_FAULTS)) {
  test(`socket suite: finds a socket that ${fault}`, async t => {
    const pair = async (): Promise<SocketPair> => {
      const { left, right } = socketPair()
      return { left: altered(left, broken(left)), right }
    }
    const failed = await firstFailure(run => socketSuite({ test: run, name: 'broken', pair }))
    t.ok(failed, failed)
  })
}

test('socket suite: finds one that shares its bytes between both ends', async t => {
  const pair = async (): Promise<SocketPair> => {
    const { left, right } = socketPair()
    const sent: Uint8Array[] = []
    const send = (message: Uint8Array) => {
      sent.push(message)
      left.send(message)
    }
    const shared: Socket = {
      get bufferedAmount() {
        return right.bufferedAmount
      },
      send: message => right.send(message),
      close: (code, reason) => right.close(code, reason),
      set onmessage(listener: Socket['onmessage']) {
        right.onmessage = listener && (() => listener(sent.shift() as Uint8Array))
      },
      set onclose(listener: Socket['onclose']) {
        right.onclose = listener
      }
    }
    return { left: altered(left, { send }), right: shared }
  }
  const failed = await firstFailure(run => socketSuite({ test: run, name: 'broken', pair }))
  t.match(failed, /owns its bytes/)
})

const BACKPLANE_FAULTS: { [name: string]: (node: Backplane) => Partial<Backplane> } = {
  'publishes to the sender as well': node => ({
    publish: (topic, frame) => node.publish(topic, frame, new Uint8Array(32))
  }),
  'says yes to a frame for nobody': node => ({
    send: async (to, frame, replyTo) => {
      await node.send(to, frame, replyTo)
      return true
    }
  }),
  'forgets where the answer goes': node => ({ send: (to, frame) => node.send(to, frame) }),
  'lets an unproven id displace': node => ({
    attach: (id, options, mailbox) => node.attach(id, { ...options, proven: true }, mailbox)
  }),
  'never rejects': node => ({
    attach: (id, options, mailbox) => node.attach(id, { ...options, conflict: 'replace' }, mailbox)
  }),
  'is not fenced': node => {
    const places = new Map<string, Awaited<ReturnType<Backplane['attach']>>>()
    return {
      attach: async (id, options, mailbox) => {
        const key = Buffer.from(id).toString('hex')
        places.set(key, await node.attach(id, options, mailbox))
        const current = () => places.get(key)
        return {
          join: (topic, info) => current()?.join(topic, info),
          leave: topic => current()?.leave(topic),
          away: () => current()?.away(),
          detach: () => current()?.detach()
        }
      }
    }
  },
  'remembers mailboxes that have ended': node => {
    const mailboxes = new Map<string, Mailbox>()
    return {
      attach: async (id, options, mailbox) => {
        const attachment = await node.attach(id, options, mailbox)
        mailboxes.set(toKey(id), mailbox)
        const send: Attachment['send'] = ({ remoteId, frame }) =>
          mailboxes.get(toKey(remoteId))?.deliver(frame) ?? node.send(remoteId, frame)
        return altered(attachment, { send })
      }
    }
  },
  'sends signals to whom the last one went': node => ({
    attach: async (id, options, mailbox) => {
      const attachment = await node.attach(id, options, mailbox)
      let last: Uint8Array | undefined
      const send: Attachment['send'] = ({ remoteId, frame }) => {
        if (!last && node.send(remoteId, frame)) last = remoteId
        else return node.send(last ?? remoteId, frame)
        return true
      }
      return altered(attachment, { send })
    }
  }),
  'lets who was displaced send signals': node => ({
    attach: async (id, options, mailbox) => {
      const send: Attachment['send'] = ({ remoteId, frame }) => node.send(remoteId, frame)
      return altered(await node.attach(id, options, mailbox), { send })
    }
  }),
  'finds the caller': node => ({
    lookup: (topic, options) => node.lookup(topic, { ...options, except: new Uint8Array(32).fill(9) })
  }),
  'walks in no order': node => ({
    lookup: async (topic, options) => {
      const members = await node.lookup(topic, options)
      return options.after ? members.reverse() : members
    }
  }),
  'gives the first ones for a sample': node => ({
    lookup: async (topic, options) => {
      const members = await node.lookup(topic, { ...options, after: options.after ?? new Uint8Array(32) })
      return members.slice(0, options.limit)
    }
  }),
  'tells each change twice': node => ({
    watch: (topic, listener) =>
      node.watch(topic, change => {
        listener(change)
        listener(change)
      })
  }),
  'waits before it delivers': node => ({
    attach: (id, options, mailbox) => {
      const deliver: Mailbox['deliver'] = (frame, replyTo) => {
        setTimeout(() => mailbox.deliver(frame, replyTo))
        return true
      }
      return node.attach(id, options, { deliver, lost: () => mailbox.lost() })
    }
  })
}

for (const [fault, broken] of Object.entries(BACKPLANE_FAULTS)) {
  test(`backplane suite: finds one that ${fault}`, async t => {
    const make = async (count: number) => {
      const cluster = new MemoryCluster()
      const nodes = Array.from({ length: count }, () => {
        const node = new MemoryBackplane({ cluster })
        return altered<Backplane>(node, broken(node))
      })
      return { nodes, close: async () => void (await Promise.all(nodes.map(node => node.close()))) }
    }
    const failed = await firstFailure(run => backplaneSuite({ test: run, name: 'broken', make }))
    t.ok(failed, failed)
  })
}

/** The object with some of its members replaced. */
function altered<T extends object>(original: T, changes: Partial<T>): T {
  return new Proxy(original, {
    get: (target, name) => {
      const value = name in changes ? changes[name as keyof T] : target[name as keyof T]
      return typeof value === 'function' ? value.bind(target) : value
    },
    set: (target, name, value) => Reflect.set(target, name, value),
    defineProperty: (target, name, descriptor) => Reflect.defineProperty(target, name, descriptor)
  })
}

/** Runs a suite until something fails, and gives the name of that test; the empty text when all of it passes. */
async function firstFailure(suite: (run: SuiteTest) => void): Promise<string> {
  const tests: Parameters<SuiteTest>[] = []
  suite((...added) => tests.push(added))
  for (const [name, body] of tests) {
    const check = (right: boolean, message = 'an assertion failed') => {
      if (!right) throw new Error(message)
    }
    const t: SuiteAssert = {
      ok: (value, message) => check(Boolean(value), message),
      equal: (a, b, message) => check(a === b, message),
      deepEqual: (a, b, message) => check(JSON.stringify(a) === JSON.stringify(b), message)
    }
    try {
      await body(t)
    } catch (error) {
      return `${name}: ${(error as Error).message}`
    }
  }
  return ''
}

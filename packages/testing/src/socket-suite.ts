import type { CloseEvent, Socket } from 'socket-signal'
import { partySuite } from './socket-suite-party.ts'
import { type SuiteAssert, type SuiteTest, turns, until } from './suite.ts'

/** Two ends of one pipe that was made for one test. */
export interface SocketPair {
  /** One end, open. */
  left: Socket
  /** The other end, open. */
  right: Socket
  /** Cuts the pipe as a pulled cable or a crash would, where the transport can; both ends must hear 1006. */
  break?(): void
  /** Ends what belongs to the pair beyond its sockets, for instance a listening server. */
  close?(): Promise<void>
}

/** What the suite is run with, and against. */
export interface SocketSuiteOptions {
  /** The runner's `test`. */
  test: SuiteTest
  /** Begins the name of each test. */
  name: string
  /** Makes a new pair, connected. Messages of up to 64 KiB must fit. */
  pair(): Promise<SocketPair>
}

type Body = (t: SuiteAssert, from: Inbox, to: Inbox, made: SocketPair) => Promise<void>

const KIB = 1024

/**
 * The contract of `Socket`, as tests. What a transport has to show is in core's `socket.ts`; every test runs in both
 * directions, and at the end a real server and its clients speak over the pairs.
 */
export function socketSuite({ test, name, pair }: SocketSuiteOptions): void {
  const both = (what: string, body: Body) =>
    test(`${name} socket: ${what}`, async t => {
      for (const forth of [true, false]) {
        const made = await pair()
        const ends = [new Inbox(made.left), new Inbox(made.right)] as const
        try {
          await (forth ? body(t, ends[0], ends[1], made) : body(t, ends[1], ends[0], made))
        } finally {
          for (const { socket } of ends) socket.close()
          await made.close?.()
        }
      }
    })

  both('messages arrive in order and keep their boundaries', async (t, from, to) => {
    to.listen()
    const sizes = [1, 0, 3, 1000, 2, 0, 0, 5]
    for (const size of sizes) from.socket.send(filled(size, size))
    for (let i = 0; i < 200; i++) from.socket.send(filled(4, i))
    await until(() => to.messages.length === sizes.length + 200, 'every message arrives')
    t.deepEqual(
      to.messages.slice(0, sizes.length).map(({ length }) => length),
      sizes
    )
    t.deepEqual(
      to.messages.slice(sizes.length).map(message => message[0]),
      Array.from({ length: 200 }, (_, i) => i)
    )
  })

  both('a message of 64 KiB arrives whole', async (t, from, to) => {
    to.listen()
    const message = Uint8Array.from({ length: 64 * KIB }, (_, i) => (i * 7) & 255)
    from.socket.send(Uint8Array.from(message))
    from.socket.send(filled(1, 9))
    await until(() => to.messages.length === 2, 'both messages arrive')
    t.ok(same(to.messages[0], message), 'byte for byte')
    t.deepEqual([...(to.messages[1] as Uint8Array)], [9])
  })

  both('messages are answered from within onmessage', async (t, from, to) => {
    to.socket.onmessage = message => to.socket.send(Uint8Array.from(message))
    from.listen()
    for (let i = 0; i < 50; i++) from.socket.send(filled(2, i))
    await until(() => from.messages.length === 50, 'every answer arrives')
    t.deepEqual(
      from.messages.map(message => message[1]),
      Array.from({ length: 50 }, (_, i) => i)
    )
  })

  both('what arrives before onmessage is set waits', async (t, from, to) => {
    for (const byte of [1, 2, 3]) from.socket.send(filled(3, byte))
    await turns()
    to.listen()
    from.socket.send(filled(3, 4))
    await until(() => to.messages.length === 4, 'what had arrived is given')
    t.deepEqual(
      to.messages.map(message => message[0]),
      [1, 2, 3, 4]
    )
  })

  both('listen hears what had arrived, what comes, and the end', async (t, from, to) => {
    if (!to.socket.listen) return t.ok(true, 'this transport has onmessage and onclose alone')
    const heard: (number | undefined)[] = []
    const listener = {
      onmessage(message: Uint8Array) {
        t.equal(this, listener)
        heard.push(message[0])
      },
      onclose: () => void heard.push(undefined)
    }
    from.socket.send(filled(3, 1))
    await turns()
    to.socket.listen(listener)
    from.socket.send(filled(3, 2))
    await until(() => heard.length === 2, 'both arrive')
    from.socket.close()
    await until(() => heard.length === 3, 'the end as well')
    t.deepEqual(heard, [1, 2, undefined])
  })

  both('the receiver owns its bytes', async (t, from, to) => {
    const kept: Uint8Array[] = []
    to.socket.onmessage = message => {
      kept.push(message)
      if (kept.length === 1) message.fill(0xff)
    }
    const sent = [filled(40, 1), filled(40, 2), filled(40, 3)]
    for (const message of sent) from.socket.send(message)
    await until(() => kept.length === 3, 'every message arrives')
    t.ok(same(sent[0], filled(40, 1)), "rewriting them leaves the sender's alone")
    t.ok(same(kept[1], filled(40, 2)) && same(kept[2], filled(40, 3)), 'and those of the next message')
  })

  both('bufferedAmount goes back to 0', async (t, from, to) => {
    to.listen()
    t.equal(from.socket.bufferedAmount, 0)
    for (let i = 0; i < 16; i++) from.socket.send(filled(64 * KIB, i))
    await until(() => to.messages.length === 16, 'every message arrives')
    await until(() => from.socket.bufferedAmount === 0, 'nothing is left to send')
    t.equal(from.socket.bufferedAmount, 0)
  })

  both('pause makes the sender wait and loses nothing', async (t, from, to) => {
    if (!to.socket.pause || !to.socket.resume) return t.ok(true, 'this transport cannot pause')
    const [count, size] = [800, 32 * KIB]
    to.listen()
    to.socket.pause()
    for (let i = 0; i < count; i++) from.socket.send(filled(size, i))
    await steady(() => from.socket.bufferedAmount + to.messages.length)
    t.ok(to.messages.length < count, 'not everything is read')
    t.ok(from.socket.bufferedAmount > 0, 'the sender can see it')
    to.socket.resume()
    await until(() => to.messages.length === count, 'the rest arrives')
    t.ok(
      to.messages.every((message, i) => message.length === size && message[0] === (i & 255)),
      'in order'
    )
    await until(() => from.socket.bufferedAmount === 0, 'nothing is left to send')
  })

  for (const [code, reason] of [
    [1000, ''],
    [1000, 'bye'],
    [4000, 'come back'],
    [4505, 'ünicode'],
    [4999, 'x'.repeat(123)]
  ] as const) {
    both(`close code ${code} arrives with a reason of ${reason.length}`, async (t, from, to) => {
      from.listen()
      to.listen()
      from.socket.close(code, reason)
      await until(() => from.closes.length > 0 && to.closes.length > 0, 'both sides hear of it')
      await turns()
      t.deepEqual(to.closes, [{ code, reason }])
      t.deepEqual(
        from.closes.map(event => event.code),
        [code],
        'once on the side that closed, too'
      )
    })
  }

  both('close without arguments is 1000', async (t, from, to) => {
    from.listen()
    to.listen()
    from.socket.close()
    await until(() => to.closes.length > 0, 'the other side hears of it')
    t.deepEqual(to.closes, [{ code: 1000, reason: '' }])
  })

  both('what was sent before close is delivered before the end', async (t, from, to) => {
    const order: string[] = []
    to.socket.onmessage = message => order.push(String(message[0]))
    to.socket.onclose = ({ code }) => order.push(`end ${code}`)
    for (const byte of [1, 2, 3]) from.socket.send(filled(1000, byte))
    from.socket.close(4000, 'enough')
    await until(() => order.length === 4, 'three messages and the end')
    t.deepEqual(order, ['1', '2', '3', 'end 4000'])
  })

  both('onclose that is set late is called then', async (t, from, to) => {
    for (const end of [from, to]) end.socket.onmessage = () => {}
    from.socket.close(4001, 'too late')
    await turns()
    from.listen()
    to.listen()
    await until(() => from.closes.length > 0 && to.closes.length > 0, 'both are told')
    await turns()
    t.deepEqual(to.closes, [{ code: 4001, reason: 'too late' }])
    t.equal(from.closes.length, 1)
  })

  both('the end is told to who never listened for messages', async (t, from, to) => {
    to.socket.onclose = event => to.closes.push(event)
    from.socket.close(4002, 'nobody spoke')
    await until(() => to.closes.length > 0, 'onclose is called')
    t.deepEqual(to.closes, [{ code: 4002, reason: 'nobody spoke' }])
  })

  both('closing twice, and sending after it, is harmless', async (t, from, to) => {
    from.listen()
    to.listen()
    from.socket.send(filled(1, 1))
    from.socket.close(4003, 'first')
    from.socket.close(4004, 'second')
    from.socket.send(filled(1, 2))
    await until(() => from.closes.length > 0 && to.closes.length > 0, 'both sides hear of it')
    for (const { socket } of [from, to]) {
      socket.send(filled(1, 3))
      socket.close(4005, 'third')
      socket.pause?.()
      socket.resume?.()
      t.equal(typeof socket.bufferedAmount, 'number')
    }
    await turns()
    t.deepEqual(to.closes, [{ code: 4003, reason: 'first' }])
    t.equal(from.closes.length, 1)
    t.deepEqual([to.messages.length, from.messages.length], [1, 0], 'nothing that was sent after it arrives')
  })

  both('when both close at once, each hears it once', async (t, from, to) => {
    from.listen()
    to.listen()
    from.socket.close(4006, 'one')
    to.socket.close(4007, 'other')
    await until(() => from.closes.length > 0 && to.closes.length > 0, 'both are told')
    await turns()
    t.deepEqual([from.closes.length, to.closes.length], [1, 1])
  })

  both('a pipe that breaks is 1006 for both', async (t, from, to, made) => {
    if (!made.break) return t.ok(true, 'this suite cannot cut the pipe')
    from.listen()
    made.break()
    await turns()
    to.listen()
    await until(() => from.closes.length > 0 && to.closes.length > 0, 'both are told')
    await turns()
    t.deepEqual(
      [from, to].map(({ closes }) => closes.map(({ code }) => code)),
      [[1006], [1006]]
    )
    from.socket.send(filled(1, 1))
  })

  partySuite({ test, name, pair })
}

/** One end, and what it was told. */
class Inbox {
  readonly messages: Uint8Array[] = []
  readonly closes: CloseEvent[] = []
  readonly socket: Socket

  constructor(socket: Socket) {
    this.socket = socket
  }

  listen(): void {
    this.socket.onclose = ({ code, reason }) => this.closes.push({ code, reason })
    this.socket.onmessage = message => this.messages.push(message)
  }
}

/** Waits until a number has stopped changing. */
async function steady(read: () => number): Promise<void> {
  let [before, same] = [Number.NaN, 0]
  await until(() => {
    const now = read()
    same = now === before ? same + 1 : 0
    before = now
    return same >= 20
  }, 'nothing moves any more')
}

function filled(size: number, byte: number): Uint8Array {
  return new Uint8Array(size).fill(byte)
}

function same(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && a.length === b.length && a.every((byte, i) => byte === b[i])
}

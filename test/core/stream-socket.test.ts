import { EventEmitter } from 'node:events'
import { Duplex } from 'node:stream'
import { concat, toHex } from '../../packages/core/src/bytes.ts'
import { closeCode } from '../../packages/core/src/errors.ts'
import type { CloseEvent, Socket } from '../../packages/core/src/socket.ts'
import { type DuplexLike, toSocket } from '../../packages/core/src/stream-socket.ts'
import { bytes } from '../tools/bytes.ts'
import { test } from '../tools/test.ts'

/** A stream whose other side is the test. */
class PlayedStream implements DuplexLike {
  readonly written: Uint8Array[] = []
  readonly #emitter = new EventEmitter()
  ended = false
  destroyed = false
  paused = false

  on(event: string, listener: (...args: never[]) => void): void {
    this.#emitter.on(event, listener as (...args: unknown[]) => void)
  }

  emit(event: string, ...args: unknown[]): void {
    this.#emitter.emit(event, ...args)
  }

  write(chunk: Uint8Array): boolean {
    this.written.push(Uint8Array.from(chunk))
    return true
  }

  end(): void {
    this.ended = true
  }

  destroy(): void {
    this.destroyed = true
    this.emit('close')
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
  }

  /** What was written, in one piece. */
  get hex(): string {
    return toHex(concat(...this.written))
  }

  gives(...hex: string[]): void {
    for (const chunk of hex) this.emit('data', Buffer.from(chunk.replaceAll(' ', ''), 'hex'))
  }
}

function start(maxPayload = 1000) {
  const stream = new PlayedStream()
  const socket = toSocket(stream, maxPayload)
  const messages: string[] = []
  const ends: CloseEvent[] = []
  socket.onmessage = message => messages.push(toHex(message))
  socket.onclose = event => ends.push(event)
  // A socket that closes lingers for a while; nothing here waits for it.
  const over = () => stream.destroy()
  return { stream, socket, messages, ends, over }
}

test('stream socket: messages come whole, byte by byte or many in one chunk', t => {
  const hex = '00000003 010203 00000000 00000001 ff 00000002 aabb'.replaceAll(' ', '')
  const expected = ['010203', '', 'ff', 'aabb']
  const single = start()
  single.stream.gives(...(hex.match(/../g) ?? []))
  t.deepEqual(single.messages, expected, 'byte by byte')
  const once = start()
  once.stream.gives(hex)
  t.deepEqual(once.messages, expected, 'in one chunk')
  for (let size = 1; size < hex.length / 2; size++) {
    const { stream, messages } = start()
    stream.gives(hex.slice(0, size * 2), '', hex.slice(size * 2))
    if (messages.join() !== expected.join()) t.fail(`cut behind byte ${size}: ${messages.join()}`)
  }
  t.end()
})

test('stream socket: a message is its own memory, not a view of what was read', t => {
  const stream = new PlayedStream()
  const socket = toSocket(stream, 100)
  let got: Uint8Array | undefined
  socket.onmessage = message => (got = message)
  const chunk = Buffer.from('00000002aabb', 'hex')
  stream.emit('data', chunk)
  chunk.fill(0)
  t.equal(toHex(got as Uint8Array), 'aabb')
  t.equal(got?.buffer.byteLength, 2)
  t.end()
})

test('stream socket: a message is written behind its size', t => {
  const { stream, socket } = start()
  socket.send(bytes('010203'))
  socket.send(bytes(''))
  t.equal(stream.hex, '0000000301020300000000')
  t.end()
})

test('stream socket: a size beyond the limit closes with 1009 before its bytes are waited for', t => {
  for (const size of ['0000047c', '7fffffff', '8000047c', 'ffffffff']) {
    const { stream, messages, ends, over } = start(1024)
    stream.gives(size)
    t.equal(ends[0]?.code, 1009, size)
    t.match(stream.hex, /^80000013 ?03f1/, 'the other side is told')
    stream.gives('00000001ff')
    t.deepEqual(messages, [], 'nothing more is read')
    over()
  }
  const { stream, messages, ends } = start(1024)
  stream.gives('00000400', '00'.repeat(1024))
  t.equal(messages[0]?.length, 2048, 'the limit itself passes')
  t.equal(ends.length, 0)
  t.end()
})

test('stream socket: the end comes with code and reason, behind the messages before it', t => {
  const { stream, messages, ends, over } = start()
  stream.gives('00000001 ff 80000005 1199 6279 65 00000001 ee')
  t.deepEqual(messages, ['ff'], 'what follows the end is not read')
  t.deepEqual(ends, [{ code: closeCode('REPLACED'), reason: 'bye' }])
  t.ok(stream.ended, 'our half is ended as well')
  stream.emit('end')
  stream.emit('close')
  stream.emit('error', new Error('late'))
  t.equal(ends.length, 1, 'told once')
  over()
  t.end()
})

test('stream socket: an end without a code is 1000, one cut in two is waited for', t => {
  for (const hex of ['80000000', '80000001 11']) {
    const { stream, ends, over } = start()
    stream.gives(hex)
    t.equal(ends[0]?.code, 1000, hex)
    over()
  }
  const { stream, ends, over } = start()
  stream.gives('8000', '000411', '99')
  t.equal(ends.length, 0)
  stream.gives('6f6b')
  t.deepEqual(ends, [{ code: 4505, reason: 'ok' }])
  over()
  t.end()
})

test('stream socket: closing writes code and reason, cut to 123 bytes, once', t => {
  const { stream, socket, ends, over } = start()
  socket.send(bytes('aa'))
  socket.close(4505, 'ü'.repeat(100))
  socket.close(4000, 'again')
  socket.send(bytes('bb'))
  t.equal(stream.hex, `00000001aa8000007c1199${'c3bc'.repeat(61)}`)
  t.equal(ends.length, 1)
  t.equal(ends[0]?.code, 4505)
  t.ok(stream.ended)
  t.notOk(stream.destroyed, 'what was written may still leave')
  over()
  const plain = start()
  plain.socket.close()
  t.equal(plain.stream.hex, '8000000203e8', '1000 where nothing is said')
  plain.over()
  t.end()
})

test('stream socket: a stream that fails, ends or closes without a word has broken: 1006, once', t => {
  for (const event of ['error', 'end', 'close']) {
    const { stream, ends, messages } = start()
    stream.gives('00000001 aa 00000005 0102')
    stream.emit(event, new Error('reset'))
    t.equal(ends[0]?.code, 1006, event)
    t.deepEqual(messages, ['aa'], 'half a message is none')
    for (const later of ['error', 'end', 'close']) stream.emit(later, new Error('reset'))
    t.equal(ends.length, 1)
  }
  t.end()
})

test('stream socket: what comes before anybody listens waits, and so does the end', t => {
  const stream = new PlayedStream()
  const socket = toSocket(stream, 1000)
  stream.gives('00000001 aa 00000001 bb 80000002 1199')
  const seen: string[] = []
  socket.onmessage = message => seen.push(toHex(message))
  socket.onclose = ({ code }) => seen.push(String(code))
  t.deepEqual(seen, ['aa', 'bb', '4505'])
  stream.destroy()
  t.end()
})

test('stream socket: a listener that closes stops what is left of the chunk', t => {
  const { stream, socket, ends, over } = start()
  let got = 0
  socket.onmessage = () => {
    got++
    socket.close(4500, 'enough')
  }
  stream.gives('00000001 aa 00000001 bb 80000002 1199')
  t.equal(got, 1)
  t.deepEqual(ends, [{ code: 4500, reason: 'enough' }])
  over()
  t.end()
})

test('stream socket: pause and resume reach the stream, its queue is told', t => {
  const { stream, socket } = start()
  t.equal(socket.bufferedAmount, 0)
  Object.assign(stream, { writableLength: 77 })
  t.equal(socket.bufferedAmount, 77)
  socket.pause?.()
  t.ok(stream.paused)
  socket.resume?.()
  t.notOk(stream.paused)
  t.end()
})

test('stream socket: two ends of real streams talk and part with their code', async t => {
  const [left, right] = duplexPair()
  const [a, b] = [toSocket(left, 100_000), toSocket(right, 100_000)]
  const large = new Uint8Array(90_000).map((_, i) => i)
  const got: string[] = []
  b.onmessage = message => got.push(toHex(message))
  const ended = Promise.all(
    [a, b].map(socket => new Promise<CloseEvent>(resolve => (socket.onclose = resolve)))
  )
  for (const message of [bytes('01'), large, bytes('02')]) a.send(message)
  a.close(4000, 'done')
  t.deepEqual(await ended, [
    { code: 4000, reason: 'done' },
    { code: 4000, reason: 'done' }
  ])
  t.deepEqual(got, ['01', toHex(large), '02'], 'what was sent before is delivered')
  left.destroy()
  right.destroy()
})

test('stream socket: a Socket is taken as it is, anything else is a TypeError', t => {
  const socket = { send() {}, close() {}, bufferedAmount: 0, onmessage: null, onclose: null } as Socket
  t.equal(toSocket(socket, 1), socket)
  for (const wrong of [null, undefined, {}, { send() {}, close() {} }, { write() {} }]) {
    t.throws(() => toSocket(wrong as unknown as Socket, 1), TypeError)
  }
  t.end()
})

/** Two streams, each of which reads what is written to the other. */
function duplexPair(): [Duplex, Duplex] {
  const make = (other: () => Duplex) =>
    new Duplex({
      read: () => {},
      write: (chunk, _encoding, done) => {
        other().push(chunk)
        done()
      },
      final: done => {
        other().push(null)
        done()
      }
    })
  const left: Duplex = make(() => right)
  const right: Duplex = make(() => left)
  return [left, right]
}

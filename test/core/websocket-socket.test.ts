import { EventEmitter } from 'node:events'
import { type WebSocketLike, WebsocketSocket } from '../../packages/websocket/src/socket.ts'
import { test } from '../tools/test.ts'

const turn = () => new Promise(resolve => setTimeout(resolve))

test('websocket adapter: messages that come before anybody listens wait, in order', async t => {
  const websocket = new FakeWebSocket()
  const socket = new WebsocketSocket(websocket)
  websocket.receive(Uint8Array.of(1))
  websocket.receive(Uint8Array.of(2))
  const seen: number[] = []
  socket.onmessage = message => seen.push(message[0] as number)
  websocket.receive(Uint8Array.of(3))
  t.deepEqual(seen, [], 'nothing is given within the assignment')
  await turn()
  t.deepEqual(seen, [1, 2, 3])
})

test('websocket adapter: an end before anybody listens is told after the messages, once', async t => {
  const websocket = new FakeWebSocket()
  const socket = new WebsocketSocket(websocket)
  websocket.receive(Uint8Array.of(1))
  websocket.emit('close', 1001, Buffer.from('away'))
  const seen: unknown[] = []
  socket.onclose = ({ code, reason }) => seen.push([code, reason])
  socket.onmessage = message => seen.push(message[0])
  await turn()
  websocket.emit('close', 1006, Buffer.from(''))
  socket.close(4000, 'too late')
  await turn()
  t.deepEqual(seen, [1, [1001, 'away']])
  t.deepEqual(websocket.closes, [])
})

test('websocket adapter: close() is told here at once, whether the other side answers or not', async t => {
  const websocket = new FakeWebSocket()
  const socket = new WebsocketSocket(websocket)
  const seen: unknown[] = []
  socket.onmessage = () => seen.push('message')
  socket.onclose = ({ code, reason }) => seen.push([code, reason])
  socket.close(4505, 'replaced')
  socket.close(1000)
  socket.send(Uint8Array.of(1))
  websocket.receive(Uint8Array.of(1))
  t.deepEqual(seen, [], 'but not within the call')
  await turn()
  t.deepEqual(seen, [[4505, 'replaced']])
  t.deepEqual(websocket.closes, [4505])
  t.equal(websocket.sent, 0)
})

test('websocket adapter: a code that browsers do not send goes out as one of its kind', async t => {
  const codes: [number, number][] = [
    [1000, 1000],
    [1003, 4500],
    [1011, 4007],
    [4500, 4500]
  ]
  for (const [asked, sent] of codes) {
    const websocket = new FakeWebSocket()
    const socket = new WebsocketSocket(websocket)
    let told = 0
    socket.onclose = ({ code }) => (told = code)
    socket.close(asked)
    await turn()
    t.deepEqual([told, websocket.closes], [asked, [sent]])
  }
})

test('websocket adapter: text is closed with 1003', async t => {
  const websocket = new FakeWebSocket()
  const socket = new WebsocketSocket(websocket)
  let told = 0
  socket.onclose = ({ code }) => (told = code)
  websocket.receive('text')
  await turn()
  t.equal(told, 1003)
})

test('websocket adapter: what ws itself closes is told with the code that went out', async t => {
  const codes = {
    WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: 1009,
    WS_ERR_TOO_MANY_BUFFERED_PARTS: 1008,
    WS_ERR_INVALID_UTF8: 1007,
    WS_ERR_INVALID_OPCODE: 1002,
    ECONNRESET: 1006
  }
  for (const [code, expected] of Object.entries(codes)) {
    const websocket = new FakeWebSocket()
    const socket = new WebsocketSocket(websocket)
    let told = 0
    socket.onclose = event => (told = event.code)
    websocket.emit('error', Object.assign(new Error('of ws'), { code }))
    websocket.emit('close', 1006, Buffer.from(''))
    await turn()
    t.equal(told, expected, code)
  }
})

test('websocket adapter: pauses where the platform can, and reads again to close', t => {
  const websocket = new FakeWebSocket()
  new WebsocketSocket(websocket).pause()
  const steps: string[] = []
  const pausable = Object.assign(websocket, {
    pause: () => steps.push('pause'),
    resume: () => steps.push('resume')
  })
  const socket = new WebsocketSocket(pausable)
  socket.pause?.()
  socket.close()
  t.deepEqual(steps, ['pause', 'resume'])
  t.end()
})

/** As of `ws`, with the ways of browsers: no pause, and no code but 1000 and 3000 to 4999. */
class FakeWebSocket extends EventEmitter implements WebSocketLike {
  bufferedAmount = 0
  onopen: WebSocketLike['onopen'] = null
  onmessage: WebSocketLike['onmessage'] = null
  onerror: WebSocketLike['onerror'] = null
  onclose: WebSocketLike['onclose'] = null
  readonly closes: (number | undefined)[] = []
  sent = 0

  receive(data: Uint8Array | string): void {
    this.emit('message', data, typeof data !== 'string')
  }

  send(): void {
    this.sent++
  }

  close(code?: number): void {
    if (code !== undefined && code !== 1000 && (code < 3000 || code > 4999))
      throw new Error('InvalidAccessError')
    this.closes.push(code)
  }
}

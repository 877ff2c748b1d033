import type { SignalError, SocketSignalClientOptions } from 'socket-signal'
import { SocketSignalMemoryClient } from 'socket-signal-memory'
import { Addressed, createAddressed, encodeFrame, type Frame } from '../../packages/core/src/frame.ts'
import { FLAG } from '../../packages/core/src/protocol.ts'
import { evil, type Tamper, withBody } from '../tools/evil.ts'
import { clientOptions, type Story, story } from '../tools/story.ts'
import { test } from '../tools/test.ts'
import { record, rejection, until } from '../tools/wait.ts'
import type { WrappedSocket } from '../tools/wrapped.ts'

/** Alice's server is hostile; Bob's is honest. */
async function betrayed(
  t: import('tape').Test,
  tamper: { up?: Tamper; down?: Tamper },
  options: SocketSignalClientOptions = {},
  gathering = 0
) {
  const told = await story(t, { clients: [{}], gathering })
  const { server, rtc, topic, alice: bob } = told
  let socket: WrappedSocket | undefined
  const dial = () => {
    socket = evil(server.dial(), tamper)
    return socket
  }
  const alice = new SocketSignalMemoryClient({ dial }, { ...clientOptions(rtc), ...options })
  t.teardown(() => alice.close())
  await Promise.all([alice.open(), bob.join(topic)])
  return { server, rtc, topic, alice, bob, inject: (bytes: Uint8Array) => socket?.inject(bytes) }
}

const isKind = (frame: Frame, ...kinds: string[]): frame is Addressed =>
  frame instanceof Addressed && kinds.includes(frame.kind)
const swapFingerprint = (body: string) =>
  body.replace(/(a=fingerprint:\S+ )[0-9A-Fa-f:]+/, `$1${Array(32).fill('AA').join(':')}`)

test('hostile server: a swapped fingerprint in the answer ends with BAD_SIGNATURE', async t => {
  let swapped = 0
  const down: Tamper = (frame, bytes) => {
    if (!isKind(frame, 'answer')) return bytes
    const forged = withBody(frame, swapFingerprint)
    if (!Buffer.from(forged).equals(Buffer.from(bytes))) swapped++
    return forged
  }
  const { alice, bob, topic } = await betrayed(t, { down })
  t.equal((await rejection(alice.connect(topic, bob.id).ready())).code, 'BAD_SIGNATURE')
  t.equal(swapped, 1, 'it really was swapped')
  t.equal(alice.peersConnected.length, 0)
})

test('hostile server: a swapped fingerprint in the offer is refused before anything is made for it', async t => {
  const up: Tamper = (frame, bytes) => (isKind(frame, 'offer') ? withBody(frame, swapFingerprint) : bytes)
  const { alice, bob, topic, rtc } = await betrayed(t, { up })
  bob.onOffer(() => t.fail('the gate was not to be asked'))
  t.equal((await rejection(alice.connect(topic, bob.id).ready())).code, 'BAD_SIGNATURE')
  t.equal(rtc.made, 1, 'only the caller made an RTCPeerConnection')
})

test('hostile server: stripped signatures are refused with BAD_SIGNATURE, never taken', async t => {
  const strip =
    (flags: number): Tamper =>
    (frame, bytes) => {
      if (!isKind(frame, 'answer', 'offer', 'signal')) return bytes
      frame.signature = new Uint8Array(64)
      frame.bytes[1] = frame.flags | flags
      return frame.bytes
    }
  for (const tamper of [{ up: strip(0) }, { down: strip(0) }]) {
    const { alice, bob, topic } = await betrayed(t, tamper)
    t.equal((await rejection(alice.connect(topic, bob.id).ready())).code, 'BAD_SIGNATURE')
    t.equal(alice.peersConnected.length + bob.peersConnected.length, 0)
  }
  // The server may also claim that the sender has no key; that looks like a bare id, and is refused as one.
  const { alice, bob, topic } = await betrayed(t, { down: strip(FLAG.bare) })
  t.equal((await rejection(alice.connect(topic, bob.id).ready())).code, 'UNPROVEN_ID')
  t.equal(alice.peersConnected.length + bob.peersConnected.length, 0)
})

test('hostile server: under optional, who has signed before can not be made to look bare', async t => {
  let stripping = false
  const down: Tamper = (frame, bytes) => {
    if (!stripping || !isKind(frame, 'answer')) return bytes
    frame.signature = new Uint8Array(64)
    frame.bytes[1] = frame.flags | FLAG.bare
    return frame.bytes
  }
  const { alice, bob, topic } = await betrayed(t, { down }, { verify: 'optional' })
  await alice.connect(topic, bob.id).ready()
  stripping = true
  t.equal((await rejection(alice.connect(topic, bob.id).ready())).code, 'BAD_SIGNATURE')
})

test('hostile server: changed candidates and renegotiations are dropped and told, the connection stands', async t => {
  const down: Tamper = (frame, bytes) =>
    isKind(frame, 'signal') ? withBody(frame, body => body.replace('candidate:', 'candidate:6')) : bytes
  const { alice, bob, topic } = await betrayed(t, { down }, {}, 5)
  const dropped = record(alice, 'dropped')
  const peer = alice.connect(topic, bob.id)
  await until(() => dropped.length > 0)
  t.ok(dropped.every(({ args }) => args[0].error.code === 'BAD_SIGNATURE'))
  t.same(dropped[0]?.args[0].id, bob.id)
  peer.destroy()
})

test('hostile server: a swapped fingerprint in a renegotiation is dropped, the connection stands', async t => {
  let swapped = 0
  const down: Tamper = (frame, bytes) => {
    if (!isKind(frame, 'signal')) return bytes
    const forged = withBody(frame, swapFingerprint)
    if (Buffer.from(forged).equals(Buffer.from(bytes))) return bytes
    swapped++
    return forged
  }
  const { alice, bob, topic, rtc } = await betrayed(t, { down })
  bob.onIncomingPeer(peer => {
    peer.subscribeMediaStream = true
  })
  const peer = await alice.connect(topic, bob.id).ready()
  peer.subscribeMediaStream = true
  await until(() => bob.peersConnected.length === 1)
  const dropped = record(alice, 'dropped')
  await bob.peersConnected[0]?.addMediaStream(rtc.createMediaStream() as unknown as MediaStream)
  await until(() => dropped.length > 0)
  t.same(
    dropped.map(({ args }) => args[0].error.code),
    Array(swapped).fill('BAD_SIGNATURE')
  )
  t.equal(peer.mediaStreams.length, 0, 'nothing of it was taken')
  t.ok(peer.connected)
})

test('hostile server: an offer that is played back into another session has no effect', async t => {
  const offers: Addressed[] = []
  const { alice, bob, topic, rtc, server } = await betrayed(t, {
    up: (frame, bytes) => {
      if (isKind(frame, 'offer')) offers.push(new Addressed(Uint8Array.from(bytes), 'offer'))
      return bytes
    }
  })
  await alice.connect(topic, bob.id).ready()
  const { length } = bob.peers
  const [made] = [rtc.made]
  const [offer] = offers as [Addressed]
  const to = [...server.connections].find(({ id }) => bob.id.every((byte, at) => byte === id[at]))
  // The server itself plays: it may say that anyone sent it, in any session.
  const replay = (change: (frame: Addressed) => void) => {
    const frame = new Addressed(Uint8Array.from(offer.bytes), 'offer')
    frame.address = alice.id
    frame.requestId = 4_000_000
    change(frame)
    to?.sendBytes(frame.bytes)
  }
  const { routed } = server.stats()
  replay(frame => frame.session.fill(9))
  replay(frame => frame.topic.fill(9))
  replay(() => {})
  // Bob refuses the first, and answers the others as he did the offer that they repeat.
  await until(() => server.stats().routed === routed + 3)
  t.equal(bob.peers.length, length, 'no further peer')
  t.equal(rtc.made, made, 'no further RTCPeerConnection')
})

test('hostile server: an answer to another offer is refused', async t => {
  const answers: Uint8Array[] = []
  const { alice, bob, topic } = await betrayed(t, {
    down: (frame, bytes) => {
      if (!isKind(frame, 'answer')) return bytes
      answers.push(Uint8Array.from(bytes))
      if (answers.length === 1) return bytes
      // The first answer in the place of the second: body and signature kept, session and request id made to fit.
      const forged = new Addressed(Uint8Array.from(answers[0] as Uint8Array), 'answer')
      forged.requestId = frame.requestId
      forged.session.set(frame.session)
      return forged.bytes
    }
  })
  await alice.connect(topic, bob.id).ready()
  t.equal((await rejection(alice.connect(topic, bob.id).ready())).code, 'BAD_SIGNATURE')
})

test('hostile server: an answer of another session or another peer has no effect', async t => {
  const { alice, bob, topic } = await betrayed(t, {
    down: (frame, bytes) => {
      if (!isKind(frame, 'answer')) return bytes
      const other = new Addressed(Uint8Array.from(bytes), 'answer')
      other.session.fill(1)
      const stranger = new Addressed(Uint8Array.from(bytes), 'answer')
      stranger.address = new Uint8Array(32).fill(2)
      return [other.bytes, stranger.bytes, bytes]
    }
  })
  const peer = await alice.connect(topic, bob.id).ready()
  t.ok(peer.connected, 'the true answer behind them is the one that counts')
})

test('hostile server: a forged refusal never reads as REJECTED', async t => {
  const refuse = (frame: Addressed, signature: Uint8Array) => {
    const body = Buffer.from('{"code":"REJECTED","message":"go away"}')
    const { address, topic, session } = frame
    const forged = createAddressed('refusal', { flags: 1, address, topic, session, seq: 1, body })
    forged.requestId = frame.requestId
    forged.signature = signature
    return forged.bytes
  }
  for (const signature of [new Uint8Array(64), new Uint8Array(64).fill(3)]) {
    const { alice, bob, topic } = await betrayed(t, {
      down: (frame, bytes) => (isKind(frame, 'answer') ? refuse(frame, signature) : bytes)
    })
    const { code } = await rejection(alice.connect(topic, bob.id).ready())
    t.ok(code === 'BAD_SIGNATURE' || code === 'UNPROVEN_ID', `${code}`)
  }
  const { alice, bob, topic } = await betrayed(t, {
    down: (frame, bytes) => {
      if (!isKind(frame, 'answer')) return bytes
      const { requestId } = frame
      return encodeFrame({
        kind: 'error',
        requestId,
        code: 'REJECTED',
        message: 'go away',
        retryable: false,
        retryAfterMs: 0
      })
    }
  })
  const error = await rejection(alice.connect(topic, bob.id).ready())
  t.equal(error.code, 'FORBIDDEN', 'the server can refuse, but only in its own name')
})

test('hostile server: a challenge relayed from another server is of no use there', async t => {
  const { server, rtc } = await story(t, { clients: [] })
  let closed: { code: number } | undefined
  class Visitor extends SocketSignalMemoryClient {
    // It dialed the hostile server, whose address it signs.
    protected override _audience(): string {
      return 'wss://evil.example'
    }
  }
  const dial = () => {
    const honest = server.dial()
    const socket = evil(honest, {})
    return socket
  }
  const victim = new Visitor({ dial }, { ...clientOptions(rtc), requestTimeout: 2000 })
  victim.on('connect-error', error => {
    closed = { code: (error as SignalError).code === 'BAD_PROOF' ? 4509 : 0 }
  })
  const error = await rejection(victim.open())
  t.equal(error.code, 'BAD_PROOF')
  t.same(closed, { code: 4509 })
  t.equal(server.connections.size, 0, 'nobody was logged in')
})

test('hostile server: messages that are changed, redirected or played back are dropped', async t => {
  const copies: Uint8Array[] = []
  const { alice, bob, topic, inject } = await betrayed(t, {
    down: (frame, bytes) => {
      if (isKind(frame, 'message')) copies.push(Uint8Array.from(bytes))
      return bytes
    }
  })
  await alice.join(topic)
  const seen = record(alice, 'message', 'dropped')
  await bob.publish(topic, 'once')
  await until(() => seen.length === 1)
  const message = () => new Addressed(Uint8Array.from(copies[0] as Uint8Array), 'message')
  inject(message().bytes)
  inject(withBody(message(), () => '"twice"'))
  const elsewhere = message()
  elsewhere.topic.fill(5)
  inject(elsewhere.bytes)
  const direct = message()
  direct.bytes[1] = 3 // as if it had been sent to alice alone
  inject(direct.bytes)
  const forged = message()
  forged.address = new Uint8Array(32).fill(1)
  inject(forged.bytes)
  await until(() => seen.length === 6)
  t.same(
    seen.map(({ event, args }) => (event === 'message' ? args[0].data : args[0].error.code)),
    ['once', 'BAD_SIGNATURE', 'BAD_SIGNATURE', 'BAD_SIGNATURE', 'BAD_SIGNATURE', 'BAD_SIGNATURE']
  )
})

test('verify: a required receiver refuses a bare id and names both ways out, an optional one takes it', async t => {
  const bare = () => ({ id: Buffer.from(crypto.getRandomValues(new Uint8Array(32))) })
  const strict: Story = await story(t, { clients: [bare(), {}] })
  await strict.bob.join(strict.topic)
  const error = await rejection(strict.alice.connect(strict.topic, strict.bob.id).ready())
  t.equal(error.code, 'UNPROVEN_ID')
  t.match(error.message, /keyPair/)
  t.match(error.message, /verify: 'optional'/)
  const lax = await story(t, { clients: [bare(), { verify: 'optional' }] })
  await lax.bob.join(lax.topic)
  t.ok((await lax.alice.connect(lax.topic, lax.bob.id).ready()).connected)
  const chosen = await story(t, {
    clients: [bare(), { verify: (_id, topic) => (topic[0] === 1 ? 'optional' : 'required') }]
  })
  const [open, shut] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)]
  await Promise.all([chosen.bob.join(open), chosen.bob.join(shut)])
  t.ok((await chosen.alice.connect(open, chosen.bob.id).ready()).connected)
  t.equal((await rejection(chosen.alice.connect(shut, chosen.bob.id).ready())).code, 'UNPROVEN_ID')
})

test('hostile server: that a peer has left ends no live channel', async t => {
  let asked = 0
  const up: Tamper = (frame, bytes) => {
    if (frame.kind === 'offer') asked = frame.requestId
    return bytes
  }
  const { alice, bob, topic, inject } = await betrayed(t, { up })
  const peer = await alice.connect(topic, bob.id).ready()
  const said = { kind: 'error', message: '', retryable: false, retryAfterMs: 0 } as const
  for (const code of ['PEER_LEFT', 'PEER_AWAY'])
    for (let requestId = asked - 5; requestId < asked + 5; requestId++)
      inject(encodeFrame({ ...said, code, requestId }))
  await alice.lookup(topic)
  t.ok(peer.connected, `it was request ${asked}`)
})

import { createRequire } from 'node:module'
import SimplePeer from 'simple-peer'
import { FakeNetwork, type FakeWrtc, fakeWrtc, ManualClock } from 'socket-signal-testing'
import tape from 'tape'
import { test } from '../tools/test.ts'
import { rejection, until } from '../tools/wait.ts'

/** What the fake and the real one have in common. */
interface Wrtc {
  RTCPeerConnection: new (configuration?: RTCConfiguration) => RTCPeerConnection
}

const real = createRequire(import.meta.url)('@roamhq/wrtc')

// The same assertions hold for the real thing: a fake that is only checked against itself proves nothing.
for (const kind of ['fake', 'real'] as const) {
  const make = () => (kind === 'fake' ? fakeWrtc() : real) as Wrtc
  const both = (name: string, body: (t: tape.Test, wrtc: Wrtc) => Promise<void>) =>
    test(`${kind} rtc: ${name}`, t => body(t, make()))

  both('two connections go through their states to an open channel', async (t, wrtc) => {
    const [a, b] = pairOf(t, wrtc)
    const events = [record(a), record(b)]
    t.same(statesOf(a), ['stable', 'new', 'new', 'new'])
    const channel = a.createDataChannel('talk')
    t.equal(channel.readyState, 'connecting')
    const arrived = channelOf(b)
    await negotiate(a, b)
    const other = await arrived
    await opened(channel, other)
    await until(() => a.connectionState === 'connected' && b.connectionState === 'connected')
    t.equal(other.label, 'talk')
    t.same(events[0]?.signalingState, ['have-local-offer', 'stable'])
    t.same(events[1]?.signalingState, ['have-remote-offer', 'stable'])
    t.equal(events[1]?.iceConnectionState.join().replace(/^(new,)?(checking,)?/, ''), 'connected')
    t.equal(events[1]?.connectionState.join().replace(/^(new,)?(connecting,)?/, ''), 'connected')
    await until(() => events[0]?.candidates.at(-1) === null, 'the last candidate is null')
    t.equal(a.iceGatheringState, 'complete')
    t.ok(
      (a.localDescription?.sdp.match(/^a=candidate:/gm) ?? []).length > 0,
      'candidates are in the description'
    )
  })

  both('signaling comes first, then ICE, then DTLS, then the channel', async (t, wrtc) => {
    const [a, b] = pairOf(t, wrtc)
    const order: string[] = []
    b.addEventListener('signalingstatechange', () => b.signalingState === 'stable' && order.push('stable'))
    b.addEventListener('iceconnectionstatechange', () => order.push(`ice ${b.iceConnectionState}`))
    b.addEventListener('connectionstatechange', () => order.push(b.connectionState))
    const channel = a.createDataChannel('x')
    const arrived = channelOf(b)
    await negotiate(a, b)
    await opened(channel, await arrived)
    order.push('open')
    // Its getters may be ahead of the event: what came before `connected` is not sure to be seen.
    const facts = [...new Set(order)].filter(state => !/new|checking|connecting/.test(state))
    t.same(facts, ['stable', 'ice connected', 'connected', 'open'])
    if (kind === 'fake')
      t.same(order, ['stable', 'ice checking', 'connecting', 'ice connected', 'connected', 'open'])
  })

  both('a channel carries text and bytes in order, both ways', async (t, wrtc) => {
    const [left, right] = await connect(t, wrtc)
    const messages: (string | ArrayBuffer)[] = ['one', Uint8Array.of(2, 2).buffer, '', 'four', big(60_000)]
    for (const [from, to] of [
      [left, right],
      [right, left]
    ] as const) {
      const got: unknown[] = []
      to.onmessage = ({ data }) => got.push(data)
      const bytes = Uint8Array.of(9)
      for (const message of messages) from.send(message as string)
      from.send(bytes)
      bytes[0] = 0
      await until(() => got.length === messages.length + 1)
      t.same(got.map(readable), [...messages, Uint8Array.of(9).buffer].map(readable))
      await until(() => from.bufferedAmount === 0)
    }
  })

  both('a channel that is closed ends at both sides, behind what was sent', async (t, wrtc) => {
    const [left, right] = await connect(t, wrtc)
    const told: string[] = []
    left.onclose = () => told.push('left')
    right.onclose = () => told.push('right')
    right.onmessage = ({ data }) => told.push(data)
    left.send('last')
    left.close()
    t.notEqual(left.readyState, 'open')
    await until(() => told.length === 3)
    t.ok(told.indexOf('last') < told.indexOf('right'))
    t.same([left.readyState, right.readyState], ['closed', 'closed'])
    t.equal(thrown(() => left.send('x')).name, 'InvalidStateError')
    left.close()
  })

  both('a connection that is closed ends the channel of the other side', async (t, wrtc) => {
    const [left, right, a] = await connect(t, wrtc)
    const closed = new Promise<void>(resolve => (right.onclose = () => resolve()))
    left.close()
    a.close()
    t.same(statesOf(a).slice(0, 1), ['closed'])
    t.same([a.iceConnectionState, a.connectionState], ['closed', 'closed'])
    await closed
    t.pass('the other side heard it')
  })

  both('a call in the wrong state is refused', async (t, wrtc) => {
    const [a, b] = pairOf(t, wrtc)
    const channel = a.createDataChannel('x')
    t.equal(thrown(() => channel.send('early')).name, 'InvalidStateError')
    t.equal((await rejection(b.createAnswer())).name, 'InvalidStateError', 'an answer without an offer')
    t.ok(await rejection(b.setRemoteDescription({ type: 'offer', sdp: 'garbage' })), 'no description')
    t.ok(
      await rejection(b.addIceCandidate({ candidate: CANDIDATE, sdpMid: '0' })),
      'a candidate before an offer'
    )
    const offer = await a.createOffer()
    t.ok(
      await rejection(b.setRemoteDescription({ type: 'answer', sdp: offer.sdp ?? '' })),
      'an answer in stable'
    )
    await a.setLocalDescription(offer)
    t.equal((await rejection(a.createAnswer())).name, 'InvalidStateError', 'an answer to itself')
    const glare = a.setRemoteDescription({ type: 'offer', sdp: offer.sdp ?? '' })
    t.equal((await rejection(glare)).name, 'InvalidStateError', 'an offer that crosses ours')
    t.equal(a.signalingState, 'have-local-offer')
    const bare = (offer.sdp ?? '').replace(/a=fingerprint.*\r\n/g, '')
    t.ok(
      await rejection(b.setRemoteDescription({ type: 'offer', sdp: bare })),
      'an offer without fingerprint'
    )
    t.equal(b.signalingState, 'stable')
    channel.close()
    a.close()
    a.close()
    t.equal((await rejection(a.createOffer())).name, 'InvalidStateError')
    t.equal((await rejection(a.setRemoteDescription(offer))).name, 'InvalidStateError')
    t.equal(thrown(() => a.createDataChannel('y')).name, 'InvalidStateError')
  })

  for (const swapped of ['offer', 'answer'] as const) {
    both(`a fingerprint that was swapped in the ${swapped} never connects`, async (t, wrtc) => {
      const [a, b] = pairOf(t, wrtc)
      const channel = a.createDataChannel('x')
      let open = false
      channel.onopen = () => (open = true)
      b.ondatachannel = () => (open = true)
      await negotiate(a, b, (sdp, type) => (type === swapped ? swapFingerprint(sdp) : sdp))
      await until(() => a.connectionState === 'failed' && b.connectionState === 'failed', 'failed', 20)
      t.notOk(open, 'no channel opened')
      t.equal(a.iceConnectionState.replace('completed', 'connected'), 'connected', 'ICE knows nothing of it')
    })
  }

  both(
    'glare: who rolls its offer back takes the other one, and what it had to offer follows',
    async (t, wrtc) => {
      const [a, b] = pairOf(t, wrtc)
      const seen = record(b)
      const [left, arrived] = [a.createDataChannel('mine'), channelOf(b)]
      b.createDataChannel('yours')
      await b.setLocalDescription(await b.createOffer())
      await b.setLocalDescription({ type: 'rollback' })
      t.same([b.signalingState, b.localDescription], ['stable', null])
      await negotiate(a, b)
      await opened(left, await arrived)
      t.same(seen.signalingState, ['have-local-offer', 'stable', 'have-remote-offer', 'stable'])
      t.ok(
        await rejection(b.setLocalDescription({ type: 'rollback' })),
        'in stable there is nothing to roll back'
      )
    }
  )

  both(
    'the other side renegotiates, and a candidate that comes late or twice changes nothing',
    async (t, wrtc) => {
      const [left, right, a, b] = await connect(t, wrtc)
      await until(() => a.iceGatheringState === 'complete')
      const line = /candidate:.*/.exec(a.localDescription?.sdp ?? '')?.[0] ?? ''
      for (let count = 0; count < 2; count++) await b.addIceCandidate({ candidate: line, sdpMid: '0' })
      await negotiate(b, a)
      t.same([a.signalingState, b.signalingState, a.connectionState], ['stable', 'stable', 'connected'])
      const got = new Promise(resolve => (right.onmessage = ({ data }) => resolve(data)))
      left.send('still here')
      t.equal(await got, 'still here')
    }
  )

  both('an ICE restart changes the user name, keeps the fingerprint and the channel', async (t, wrtc) => {
    const [left, right, a, b] = await connect(t, wrtc)
    const before = [a, b].map(side => side.localDescription?.sdp ?? '')
    await negotiate(a, b, sdp => sdp, { iceRestart: true })
    const after = [a, b].map(side => side.localDescription?.sdp ?? '')
    for (const side of [0, 1]) {
      t.notEqual(read(after[side], 'ice-ufrag'), read(before[side], 'ice-ufrag'))
      t.notEqual(read(after[side], 'ice-pwd'), read(before[side], 'ice-pwd'))
      t.equal(read(after[side], 'fingerprint'), read(before[side], 'fingerprint'))
    }
    const got = new Promise(resolve => (right.onmessage = ({ data }) => resolve(data)))
    left.send('still here')
    t.equal(await got, 'still here')
    await negotiate(a, b)
    t.equal(
      read(a.localDescription?.sdp, 'ice-ufrag'),
      read(after[0], 'ice-ufrag'),
      'without it, nothing changes'
    )
  })

  both('simple-peer connects over it, talks, restarts ICE and closes', async (t, wrtc) => {
    const [alice, bob] = simplePair(t, wrtc)
    await Promise.all([once(alice, 'connect'), once(bob, 'connect')])
    for (const [from, to] of [
      [alice, bob],
      [bob, alice]
    ] as const) {
      const data = once(to, 'data')
      from.write('hello')
      t.equal(String(await data), 'hello')
    }
    t.ok(alice.remoteAddress && alice.remotePort, 'it learns the address from getStats')
    const offer = new Promise<string>(resolve =>
      alice.on(
        'signal',
        (signal: { type: string; sdp: string }) => signal.type === 'offer' && resolve(signal.sdp)
      )
    )
    const before = alice._pc.localDescription.sdp
    alice.offerOptions = { iceRestart: true }
    alice.negotiate()
    t.notEqual(read(await offer, 'ice-ufrag'), read(before, 'ice-ufrag'))
    await once(alice, 'negotiated')
    const closed = once(bob, 'close')
    alice.destroy()
    await closed
    t.pass('the other side closed')
  })

  both('simple-peer without trickle finds candidates in the descriptions', async (t, wrtc) => {
    const [alice, bob] = simplePair(t, wrtc, { trickle: false })
    await Promise.all([once(alice, 'connect'), once(bob, 'connect')])
    t.pass('connected')
  })

  both('simple-peer carries media streams, from the first offer on and later', async (t, wrtc) => {
    const first = mediaStream(wrtc)
    const [alice, bob] = simplePair(t, wrtc, {}, { streams: [first] })
    const arrived = once(bob, 'stream')
    await Promise.all([once(alice, 'connect'), once(bob, 'connect')])
    t.equal(((await arrived) as MediaStream).id, first.id)
    const later = mediaStream(wrtc)
    const back = once(alice, 'stream')
    bob.addStream(later)
    const stream = (await back) as MediaStream
    t.equal(stream.id, later.id)
    t.same(
      stream.getTracks().map(track => track.kind),
      ['audio']
    )
  })

  both('simple-peer destroys itself when a fingerprint was swapped', async (t, wrtc) => {
    const [alice, bob] = simplePair(t, wrtc, { transform: swapFingerprint })
    let connected = false
    for (const peer of [alice, bob]) peer.on('connect', () => (connected = true))
    const codes: string[] = []
    for (const peer of [alice, bob]) peer.on('error', ({ code }: { code: string }) => codes.push(code))
    // The other one may take a quarter of a minute to see that it is alone.
    await Promise.race([once(alice, 'close'), once(bob, 'close')])
    t.notOk(connected)
    // The real one's channel may close before its connection says that it failed.
    if (kind === 'fake' || codes.length > 0) t.equal(codes[0], 'ERR_CONNECTION_FAILURE')
  })
}

test('fake RTC: with `gathering` one candidate is there at once, and the other and the end of them come later', async t => {
  const clock = new ManualClock()
  const connection = new (fakeWrtc({ clock, gathering: 30 }).RTCPeerConnection)()
  const found: unknown[] = []
  connection.onicecandidate = ({ candidate }: { candidate: unknown }) => void found.push(candidate)
  connection.createDataChannel('one')
  await connection.setLocalDescription(await connection.createOffer())
  await clock.advance(29)
  t.deepEqual([found.length, connection.iceGatheringState], [1, 'gathering'])
  await clock.advance(1)
  t.deepEqual([found.length, found[2], connection.iceGatheringState], [3, null, 'complete'])
  connection.restartIce()
  await connection.setLocalDescription(await connection.createOffer({ iceRestart: true }))
  connection.close()
  t.equal(clock.pending, 0, 'nothing is left of one that is closed')
})

test('fake rtc: connections are counted until they are closed', async t => {
  const wrtc = fakeWrtc()
  t.same([wrtc.open, wrtc.made], [0, 0])
  const [left, , a, b] = await connect(t, wrtc as unknown as Wrtc)
  t.same([wrtc.open, wrtc.made, wrtc.connections.length], [2, 2, 2])
  left.close()
  a.close()
  a.close()
  t.same([wrtc.open, wrtc.made], [1, 2])
  b.close()
  t.same([wrtc.open, wrtc.made], [0, 2])
})

test('fake rtc: no timer lies in its path', async t => {
  const wrtc = fakeWrtc() as unknown as Wrtc
  let turns = 0
  const timer = setInterval(() => turns++, 0)
  setImmediate(() => turns++)
  await connect(t, wrtc)
  clearInterval(timer)
  t.equal(turns, 0)
})

test('fake rtc: one seed gives one run', async t => {
  const descriptions = await Promise.all(
    [1, 1, 2].map(async seed => {
      const connection = new (fakeWrtc({ seed }).RTCPeerConnection)()
      connection.createDataChannel('x')
      return (await connection.createOffer()).sdp
    })
  )
  t.equal(descriptions[0], descriptions[1])
  t.notEqual(descriptions[0], descriptions[2])
})

test('fake rtc: only fakes of one network meet, and only by true descriptions', async t => {
  const network = new FakeNetwork()
  const [one, two, stranger] = [fakeWrtc({ network }), fakeWrtc({ network }), fakeWrtc()]
  const tryOut = async (other: FakeWrtc, change: (sdp: string) => string) => {
    const [a, b] = [new one.RTCPeerConnection(), new other.RTCPeerConnection()] as unknown as Pair
    a.createDataChannel('x')
    await negotiate(a, b, change)
    await new Promise(resolve => setImmediate(resolve))
    const states = [a.connectionState, b.connectionState]
    a.close()
    b.close()
    return states
  }
  t.same(await tryOut(two, sdp => sdp), ['connected', 'connected'])
  t.same(await tryOut(stranger, sdp => sdp), ['connecting', 'connecting'])
  t.same(await tryOut(two, sdp => sdp.replace(/ice-pwd:./, 'ice-pwd:!')), ['connecting', 'connecting'])
})

test('fake rtc: without candidates of both sides nothing connects', async t => {
  const [a, b] = pairOf(t, fakeWrtc() as unknown as Wrtc)
  a.createDataChannel('x')
  await negotiate(a, b, sdp => sdp, {}, false)
  await new Promise(resolve => setImmediate(resolve))
  t.same([a.iceConnectionState, b.iceConnectionState], ['new', 'new'])
  await a.addIceCandidate({ candidate: CANDIDATE, sdpMid: '0' })
  await new Promise(resolve => setImmediate(resolve))
  t.same([a.iceConnectionState, b.iceConnectionState], ['checking', 'new'], 'a candidate of nobody')
})

test('fake rtc: who cannot be reached fails, at once', async t => {
  const asked: string[] = []
  const reachable = (a: string, b: string) => asked.push(a, b) === 0
  const [alice, bob] = simplePair(t, fakeWrtc({ reachable }) as unknown as Wrtc)
  const errors = await Promise.all([once(alice, 'error'), once(bob, 'error')])
  t.equal((errors[0] as { code: string }).code, 'ERR_ICE_CONNECTION_FAILURE')
  t.same(asked.sort(), ['10.0.0.1', '10.0.0.2'])
})

test('fake rtc: a path that is cut holds messages back and heals, or fails by the clock', async t => {
  const clock = new ManualClock()
  const wrtc = fakeWrtc({ clock })
  const [left, right, a, b] = await connect(t, wrtc as unknown as Wrtc)
  const got: unknown[] = []
  right.onmessage = ({ data }) => got.push(data)
  t.equal(clock.pending, 0)
  cut(wrtc, true)
  t.same([a.iceConnectionState, b.connectionState], ['disconnected', 'disconnected'])
  left.send('held')
  await clock.advance(1000)
  t.same([got.length, left.bufferedAmount], [0, 4])
  cut(wrtc, false)
  await clock.advance(0)
  t.same([got, a.connectionState, clock.pending], [['held'], 'connected', 0])
  cut(wrtc, true)
  await clock.advance(15_000)
  t.same([a.connectionState, b.connectionState, clock.pending], ['failed', 'failed', 0])
  cut(wrtc, false)
  await negotiate(a, b, sdp => sdp, { iceRestart: true })
  await clock.advance(0)
  t.same(
    [a.connectionState, b.connectionState, clock.pending],
    ['connected', 'connected', 0],
    'a restart heals it'
  )
})

test('fake rtc: behind a relay alone, no address of its own is told', async t => {
  const [a] = pairOf(t, fakeWrtc() as unknown as Wrtc, {
    iceTransportPolicy: 'relay',
    iceServers: [{ urls: 'turn:turn.example', username: 'u', credential: 'c' }]
  })
  const seen = record(a)
  a.createDataChannel('x')
  await a.setLocalDescription()
  await until(() => a.iceGatheringState === 'complete')
  t.ok(seen.candidates.every(line => line === null || / typ relay raddr 0\.0\.0\.0 /.test(line)))
  t.notOk(/10\.0\.0/.test(a.localDescription?.sdp ?? ''))
})

// libwebrtc's threads hold the process for seconds, and with media for ever.
tape.onFinish(() => setTimeout(() => process.exit(), 100))

type Pair = [RTCPeerConnection, RTCPeerConnection]

const CANDIDATE = 'candidate:1 1 udp 2122260223 127.0.0.1 9 typ host'

function cut(wrtc: FakeWrtc, on: boolean): void {
  wrtc.network.reachable = () => !on
  wrtc.network.update()
}

function pairOf(t: tape.Test, { RTCPeerConnection }: Wrtc, configuration: RTCConfiguration = {}): Pair {
  const pair: Pair = [new RTCPeerConnection(configuration), new RTCPeerConnection(configuration)]
  t.teardown(() => {
    for (const side of pair) side.close()
  })
  return pair
}

/** Two connections with an open channel: its ends, then the connections. */
async function connect(t: tape.Test, wrtc: Wrtc): Promise<[RTCDataChannel, RTCDataChannel, ...Pair]> {
  const [a, b] = pairOf(t, wrtc)
  const left = a.createDataChannel('talk')
  left.binaryType = 'arraybuffer'
  const arrived = channelOf(b)
  await negotiate(a, b)
  const right = await arrived
  right.binaryType = 'arraybuffer'
  await opened(left, right)
  return [left, right, a, b]
}

/** An offer and its answer, with candidates as they come. */
async function negotiate(
  a: RTCPeerConnection,
  b: RTCPeerConnection,
  change: (sdp: string, type: 'offer' | 'answer') => string = sdp => sdp,
  options: RTCOfferOptions = {},
  candidates = true
): Promise<void> {
  const release = [trickle(a, b, candidates), trickle(b, a, candidates)]
  await a.setLocalDescription(await a.createOffer(options))
  await b.setRemoteDescription({ type: 'offer', sdp: change(a.localDescription?.sdp ?? '', 'offer') })
  release[0]?.()
  await b.setLocalDescription(await b.createAnswer())
  await a.setRemoteDescription({ type: 'answer', sdp: change(b.localDescription?.sdp ?? '', 'answer') })
  release[1]?.()
}

/** Hands candidates on, from when the returned function is called. */
function trickle(from: RTCPeerConnection, to: RTCPeerConnection, on: boolean): () => void {
  const early: RTCIceCandidate[] = []
  let live = false
  const add = (candidate: RTCIceCandidate) => void to.addIceCandidate(candidate).catch(() => {})
  from.onicecandidate = ({ candidate }) => {
    if (candidate && on) live ? add(candidate) : early.push(candidate)
  }
  return () => {
    live = true
    early.forEach(add)
  }
}

function channelOf(connection: RTCPeerConnection): Promise<RTCDataChannel> {
  return new Promise(resolve => (connection.ondatachannel = ({ channel }) => resolve(channel)))
}

async function opened(...channels: RTCDataChannel[]): Promise<void> {
  for (const channel of channels) {
    if (channel.readyState !== 'open') await new Promise(resolve => channel.addEventListener('open', resolve))
  }
}

function statesOf(connection: RTCPeerConnection): string[] {
  const { signalingState, iceGatheringState, iceConnectionState, connectionState } = connection
  return [signalingState, iceGatheringState, iceConnectionState, connectionState]
}

/** The states that a connection was in at its events, each once, and its candidates. */
function record(connection: RTCPeerConnection) {
  const seen = {
    signalingState: [] as string[],
    iceGatheringState: [] as string[],
    iceConnectionState: [] as string[],
    connectionState: [] as string[],
    candidates: [] as (string | null)[]
  }
  const states = ['signalingState', 'iceGatheringState', 'iceConnectionState', 'connectionState'] as const
  for (const state of states) {
    connection.addEventListener(`${state.toLowerCase()}change`, () => {
      if (seen[state].at(-1) !== connection[state]) seen[state].push(connection[state])
    })
  }
  connection.addEventListener('icecandidate', ({ candidate }) =>
    seen.candidates.push(candidate?.candidate ?? null)
  )
  return seen
}

// biome-ignore lint/suspicious/noExplicitAny: simple-peer's own fields are looked at.
type Simple = any

function simplePair(
  t: tape.Test,
  wrtc: Wrtc,
  { trickle = true, transform = (sdp: string) => sdp } = {},
  first: object = {}
): [Simple, Simple] {
  const options = { wrtc, trickle, config: { iceServers: [] }, iceCompleteTimeout: 300 } as object
  const alice: Simple = new SimplePeer({ ...options, ...first, initiator: true })
  const bob: Simple = new SimplePeer(options)
  for (const [from, to] of [
    [alice, bob],
    [bob, alice]
  ]) {
    from.on('error', () => {})
    from.on('signal', (signal: { sdp?: string }) => {
      if (!to.destroyed) to.signal(signal.sdp ? { ...signal, sdp: transform(signal.sdp) } : signal)
    })
  }
  t.teardown(async () => {
    for (const peer of [alice, bob]) {
      if (peer.destroyed) continue
      const closed = once(peer, 'close')
      peer.destroy()
      await closed
    }
  })
  return [alice, bob]
}

function once(emitter: Simple, event: string): Promise<unknown> {
  return new Promise(resolve => emitter.once(event, resolve))
}

/** A stream with one track of sound. */
function mediaStream(wrtc: Wrtc): MediaStream {
  if (wrtc !== real)
    return (wrtc as unknown as FakeWrtc).createMediaStream({ video: false }) as unknown as MediaStream
  return new real.MediaStream([new real.nonstandard.RTCAudioSource().createTrack()])
}

function swapFingerprint(sdp: string): string {
  return sdp.replace(
    /(a=fingerprint:sha-256 )(..)/g,
    (_line, name, byte) => name + (byte === '00' ? '01' : '00')
  )
}

function read(sdp: string | undefined, name: string): string | undefined {
  return new RegExp(`^a=${name}:(.*?)\r?$`, 'm').exec(sdp ?? '')?.[1]
}

function big(size: number): ArrayBuffer {
  return Uint8Array.from({ length: size }, (_, at) => at & 255).buffer
}

function readable(data: unknown): string {
  return typeof data === 'string'
    ? `text ${data}`
    : `bytes ${Buffer.from(data as ArrayBuffer).toString('hex')}`
}

function thrown(act: () => unknown): Error {
  try {
    act()
  } catch (error) {
    return error as Error
  }
  throw new Error('expected a throw')
}

import { createRequire } from 'node:module'
import { fakeWrtc } from 'socket-signal-testing'
import type tape from 'tape'
import {
  big,
  CANDIDATE,
  channelOf,
  connect,
  mediaStream,
  negotiate,
  once,
  opened,
  pairOf,
  read,
  readable,
  record,
  simplePair,
  statesOf,
  swapFingerprint,
  type Wrtc
} from '../tools/rtc-pair.ts'
import { test } from '../tools/test.ts'
import { rejection, until } from '../tools/wait.ts'
import { endWithTests } from '../tools/wrtc.ts'

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
    t.throws(() => left.send('x'), { name: 'InvalidStateError' })
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
    t.throws(() => channel.send('early'), { name: 'InvalidStateError' })
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
    t.throws(() => a.createDataChannel('y'), { name: 'InvalidStateError' })
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
      await until(() => b.iceGatheringState === 'complete')
      const before = read(b.localDescription?.sdp, 'ice-ufrag')
      await b.setLocalDescription({ type: 'rollback' })
      t.same([b.signalingState, b.localDescription], ['stable', null])
      await until(() => b.iceGatheringState === 'new', 'what was gathered is gone')
      await negotiate(a, b)
      await opened(left, await arrived)
      t.notEqual(read(b.localDescription?.sdp, 'ice-ufrag'), before, 'and found anew, by another user name')
      // Getters of the native one may be ahead of its events.
      if (kind === 'fake')
        t.same(seen.iceGatheringState, ['gathering', 'complete', 'new', 'gathering', 'complete'])
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

endWithTests()

import type { SocketSignalClientOptions } from 'socket-signal'
import type { SocketPair } from 'socket-signal-memory'
import type { Test } from 'tape'
import { Negotiation } from '../../packages/core/src/negotiation.ts'
import type { RtcSignal } from '../../packages/core/src/rtc.ts'
import { connectedStory, duplex } from '../tools/story.ts'
import { test } from '../tools/test.ts'
import { next, record, until } from '../tools/wait.ts'
import { endWithTests, realStream, simplePeer } from '../tools/wrtc.ts'

/** Alice has dialed bob, over fake WebRTC unless the options say otherwise. */
async function connected(t: Test, options: SocketSignalClientOptions = {}) {
  const all = await connectedStory(t, { clients: [options, options] }, { metadata: { first: true } })
  const { peer, rtc } = all
  const cut = (gone: boolean) => {
    rtc.network.reachable = () => !gone
    if (gone) rtc.network.update()
  }
  const offers = () => peer.signals.filter(({ type }) => type === 'offer').length
  return { ...all, cut, offers }
}

test('recovery: row 31: a path that is gone is searched anew after the grace, and what was written arrives', async t => {
  const { peer, theirs, cut, offers } = await connected(t, { recovery: { grace: 100 } })
  const got: string[] = []
  duplex(theirs).on('data', data => got.push(String(data)))
  cut(true)
  peer.stream.write('while it was gone')
  await until(() => offers() >= 3, 'it is tried again and again')
  t.same(got, [])
  cut(false) // Nobody is told: only a restart finds it.
  await until(() => got.length === 1)
  t.same(got, ['while it was gone'])
  const tried = offers()
  await new Promise(resolve => setTimeout(resolve, 500))
  t.ok(offers() <= tried + 1, 'and then no more')
})

test('recovery: it is tried at once when the socket comes back', async t => {
  const { server, alice, peer, theirs, cut, offers } = await connected(t, {
    recovery: { grace: 60_000 },
    reconnect: { base: 1, max: 1 }
  })
  const got: string[] = []
  duplex(theirs).on('data', data => got.push(String(data)))
  const lost = new Promise<void>(resolve =>
    duplex(peer).on('iceStateChange', state => state === 'disconnected' && resolve())
  )
  cut(true)
  peer.stream.write('hello')
  await lost
  cut(false)
  const back = next(alice, 'connected')
  for (const { right } of server.pairs) right.close(4007)
  await back
  await until(() => got.length === 1)
  t.equal(offers(), 2)
})

test('recovery: candidates behind a description that came before are taken', async t => {
  const { alice, peer, theirs } = await connected(t)
  const dropped = record(alice, 'dropped')
  const address = '10.9.8.7'
  const candidate = { candidate: `candidate:9 1 udp 1 ${address} 9 typ host`, sdpMid: '0', sdpMLineIndex: 0 }
  theirs.subscribeMediaStream = true // Else it would not go by the server.
  const stream = duplex(theirs)
  stream.emit('signal', theirs.signals[0])
  stream.emit('signal', { type: 'candidate', candidate })
  const { _pc } = peer.stream as unknown as { _pc: RTCPeerConnection }
  let known = false
  const look = async () => {
    known = JSON.stringify([...(await _pc.getStats()).values()]).includes(address)
  }
  await until(() => dropped.length === 1)
  t.match(String(dropped[0]?.args[0].error), /nobody waits/)
  await until(() => {
    void look()
    return known
  }, 'the candidate is known')
})

for (const [kind, options] of [
  ['fake', {}],
  ['real', { simplePeer }]
] as const) {
  test(`recovery: without a server, media are renegotiated over the connection itself (${kind})`, async t => {
    const { server, alice, peer, theirs, rtc } = await connected(t, { ...options, reconnect: false })
    for (const each of [peer, theirs]) each.subscribeMediaStream = true
    const gone = next(alice, 'disconnected')
    await server.close()
    await gone
    const heard = theirs.waitForMediaStream()
    await peer.addMediaStream(kind === 'fake' ? (rtc.createMediaStream() as never) : realStream())
    t.ok(await heard, 'from who dialed')
    const answered = peer.waitForMediaStream()
    await theirs.addMediaStream(kind === 'fake' ? (rtc.createMediaStream() as never) : realStream())
    t.ok(await answered, 'from who was dialed')
    const [data] = await Promise.all([
      new Promise(resolve => duplex(theirs).once('data', resolve)),
      Promise.resolve(peer.stream.write('still here'))
    ])
    t.equal(String(data), 'still here', 'and the app’s channel is as it was')
  })
}

for (const [what, lost, dialed] of [
  ['an offer', 0, true],
  ['an offer', 1, true],
  ['a wish for one', 1, false],
  ['a wish for one', 0, false]
] as const) {
  test(`recovery: ${what} that was lost with the socket of ${lost ? 'the called' : 'the caller'} is sent again`, async t => {
    const { server, peer, theirs, rtc } = await connected(t, {
      recovery: { grace: 200 },
      reconnect: { base: 1, max: 1 }
    })
    for (const each of [peer, theirs]) each.subscribeMediaStream = true
    const [from, to] = dialed ? [peer, theirs] : [theirs, peer]
    const heard = to.waitForMediaStream()
    server.pairs[lost]?.partition(true)
    const said = from.signals.length
    await from.addMediaStream(rtc.createMediaStream() as never)
    await until(() => from.signals.length > said)
    await new Promise(resolve => setTimeout(resolve, 50))
    server.pairs[lost]?.break()
    t.ok(await heard)
    t.equal(peer.connected && theirs.connected, true)
  })
}

test('recovery: a remote that holds its answer back is asked a few times, and no more', async t => {
  const { server, peer, theirs, rtc } = await connected(t, { recovery: { grace: 20 } })
  peer.subscribeMediaStream = true
  const held = record(theirs, 'signal')
  let frames = 0
  const { right } = server.pairs[1] as SocketPair
  const send = right.send.bind(right)
  right.send = frame => {
    frames++
    send(frame)
  }
  await peer.addMediaStream(rtc.createMediaStream() as never)
  await until(() => frames === 6)
  await new Promise(resolve => setTimeout(resolve, 300))
  t.equal(frames, 6)
  t.equal(held.length, 1)
  t.ok(peer.connected && theirs.connected)
})

for (const renew of [false, true]) {
  test(`recovery: a connection that can not be saved ends with ICE_FAILED, ${renew ? 'and who dialed dials anew' : 'and stays ended'}`, async t => {
    const { alice, bob, peer, theirs } = await connected(t, { recovery: { renew } })
    const fresh = record(alice, 'peer-connected')
    const { SignalError } = await import('socket-signal')
    for (const each of [peer, theirs]) each.destroy(new SignalError('ICE_FAILED', 'as simple-peer ends it'))
    const told = await peer.explain()
    t.equal(told.code, 'ICE_FAILED')
    t.match(told.sentence, /was lost/)
    if (renew) await until(() => alice.peersConnected.length === 1 && bob.peersConnected.length === 1)
    else await new Promise(resolve => setTimeout(resolve, 100))
    t.equal(fresh.length, renew ? 1 : 0)
    if (renew) t.same(fresh[0]?.args[0].peer.metadata, { first: true }, 'as before')
  })
}

const sdp = (type: 'offer' | 'answer', ufrag: string, version = 1): RtcSignal => ({
  type,
  sdp: `v=0\r\no=- 1 ${version} IN IP4 127.0.0.1\r\na=ice-ufrag:${ufrag}\r\n`
})
const candidate = (ufrag: string): RtcSignal => ({
  type: 'candidate',
  candidate: { candidate: `candidate:1 1 udp 1 10.0.0.1 1 typ host ufrag ${ufrag}`, sdpMid: '0' }
})

test('recovery: candidates that come before their description wait for it, those of an older one are dropped', t => {
  const negotiation = new Negotiation()
  t.same(negotiation.take(candidate('b')), [])
  t.same(negotiation.take(candidate('old')), [])
  t.same(negotiation.take(sdp('offer', 'b')), [sdp('offer', 'b'), candidate('b')])
  t.same(negotiation.take(candidate('b')), [candidate('b')])
  t.same(negotiation.take(candidate('old')), [], 'late')
  t.end()
})

test('recovery: descriptions that nobody waits for are not taken', t => {
  const negotiation = new Negotiation()
  const refused = (signal: RtcSignal, why: string) =>
    t.throws(() => negotiation.take(signal), { code: 'INVALID_ARGUMENT' }, why)
  refused(sdp('answer', 'b'), 'an answer without an offer')
  negotiation.sent(sdp('offer', 'a'))
  refused(sdp('offer', 'b'), 'an offer while ours waits')
  t.equal(negotiation.take(sdp('answer', 'b')).length, 1)
  refused(sdp('answer', 'b'), 'the answer once more')
  negotiation.sent(sdp('offer', 'a2', 2))
  refused(sdp('answer', 'b'), 'an answer from before the restart')
  t.ok(negotiation.unanswered)
  t.equal(negotiation.take(sdp('answer', 'b2')).length, 1)
  negotiation.sent(sdp('offer', 'a2', 3))
  t.equal(negotiation.take(sdp('answer', 'b2')).length, 1, 'of media alone')
  t.end()
})

endWithTests()

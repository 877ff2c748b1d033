import { type Peer, toHex } from 'socket-signal'
import type { Test } from 'tape'
import { iceUfrag } from '../../packages/core/src/rtc.ts'
import { connectedStory, duplex } from '../tools/story.ts'
import { test } from '../tools/test.ts'
import { record, until } from '../tools/wait.ts'
import { endWithTests, simplePeer } from '../tools/wrtc.ts'

/** Over real WebRTC. */
const connected = (t: Test) => connectedStory(t, { clients: [{ simplePeer }, { simplePeer }] })

function ufragsOf({ stream }: Peer) {
  const { _pc } = stream as unknown as { _pc: RTCPeerConnection }
  return [_pc.localDescription, _pc.remoteDescription].map(sdp => iceUfrag(sdp?.sdp ?? ''))
}

function fingerprintsOf({ stream }: Peer) {
  const { _pc } = stream as unknown as { _pc: RTCPeerConnection }
  return [_pc.localDescription, _pc.remoteDescription].map(
    sdp => /a=fingerprint:(.*)/.exec(sdp?.sdp ?? '')?.[1]
  )
}

for (const who of ['who dialed', 'who was dialed'] as const) {
  test(`recovery: ${who} restarts ICE when its network changes, and session, keys and order stay`, async t => {
    const { alice, bob, peer, theirs } = await connected(t)
    const [session, ufrags, keys] = [toHex(peer.sessionId), ufragsOf(peer), fingerprintsOf(peer)]
    const got: string[] = []
    const paths = [peer, theirs].map(each => record(each, 'path-changed'))
    duplex(theirs).on('data', (data: Buffer) => got.push(...String(data).split(' ').filter(Boolean)))
    const sent = Array.from({ length: 300 }, (_, at) => String(at))
    for (const [at, word] of sent.entries()) {
      if (at === 100) (who === 'who dialed' ? alice : bob).networkChanged()
      peer.stream.write(`${word} `)
      if (at % 10 === 0) await new Promise(resolve => setTimeout(resolve, 2))
    }
    await until(() => ufragsOf(peer).every((ufrag, at) => ufrag !== ufrags[at]), 'both user names are new')
    await until(() => got.length === sent.length, 'all of it came')
    t.same(got, sent, 'in order')
    t.same(fingerprintsOf(peer), keys, 'the same keys')
    t.equal(toHex(peer.sessionId), session)
    t.equal(peer.connected && theirs.connected, true)
    await until(() => Boolean(paths[0]?.length), 'who controls ICE hears that the path is another one')
    t.equal(paths[0]?.[0]?.args[0].local, 'host')
    const again = ufragsOf(peer)
    ;(who === 'who dialed' ? alice : bob).networkChanged()
    await until(() => ufragsOf(peer).every((ufrag, at) => ufrag !== again[at]), 'and once more')
  })
}

test('recovery: later offers restart nothing', async t => {
  const { alice, peer, theirs } = await connected(t)
  const before = ufragsOf(peer)
  alice.networkChanged()
  await until(() => ufragsOf(peer).every((ufrag, at) => ufrag !== before[at]))
  for (const each of [peer, theirs]) each.subscribeMediaStream = true
  const restarted = ufragsOf(peer)
  const offers = peer.signals.filter(({ type }) => type === 'offer').length
  ;(peer.stream as unknown as { negotiate(): void }).negotiate()
  await until(() => peer.signals.filter(({ type }) => type === 'offer').length > offers, 'another offer')
  t.same(ufragsOf(peer), restarted)
})

test('explain: a connection that stands has its stages, its candidates and its pair', async t => {
  const { peer, theirs } = await connected(t)
  for (const each of [peer, theirs]) {
    const told = await each.explain()
    t.equal(told.code, 'CONNECTED')
    t.equal(told.sentence, 'Connected directly, over UDP.')
    const names = told.stages.map(({ name }) => name)
    const wanted = [
      'token',
      'socket',
      'join',
      'accepted',
      'answer',
      'gathering',
      'checking',
      'dtls',
      'open',
      'offer'
    ]
    t.same(names.filter(name => name !== 'route').sort(), wanted.sort())
    t.equal(names.includes('route'), each === peer, 'the way there is who dialed’s')
    const unfinished = told.stages.filter(({ took }) => took === undefined).map(({ name }) => name)
    t.same(
      unfinished.filter(name => name !== 'gathering'),
      []
    )
    t.ok(told.stages.every(({ took = 0 }) => took >= 0))
    t.equal(told.pair?.protocol, 'udp')
    t.ok(Number(told.candidates.local.host) > 0 && Number(told.candidates.remote.host) > 0)
    t.notOk(/\d+\.\d+\.\d+\.\d+/.test(JSON.stringify(told)), 'no address')
  }
})

endWithTests()

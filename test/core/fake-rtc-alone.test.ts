import { FakeNetwork, type FakeWrtc, fakeWrtc, ManualClock } from 'socket-signal-testing'
import {
  CANDIDATE,
  connect,
  cut,
  negotiate,
  once,
  type Pair,
  pairOf,
  record,
  simplePair,
  type Wrtc
} from '../tools/rtc-pair.ts'
import { test } from '../tools/test.ts'
import { until } from '../tools/wait.ts'

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

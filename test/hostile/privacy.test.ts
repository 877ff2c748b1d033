import { randomBytes } from 'node:crypto'
import type { IceServersProvider, Peer, Privacy, SocketSignalClientOptions } from 'socket-signal'
import { SocketSignalMemoryClient, SocketSignalMemoryServer } from 'socket-signal-memory'
import { createTurn } from 'socket-signal-token'
import type { Test } from 'tape'
import { createVeil } from '../../packages/core/src/candidates.ts'
import { startCoturn } from '../tools/coturn.ts'
import { evil } from '../tools/evil.ts'
import { story } from '../tools/story.ts'
import { test } from '../tools/test.ts'
import { rejection, until } from '../tools/wait.ts'
import { endWithTests, simplePeer } from '../tools/wrtc.ts'

type Told = Exclude<Privacy, 'all'>

const SDP = [
  'v=0',
  'o=- 42 2 IN IP4 127.0.0.1',
  'm=application 40000 UDP/DTLS/SCTP webrtc-datachannel',
  'c=IN IP4 10.1.2.3',
  'a=rtcp:40001 IN IP6 fd00::7',
  'a=candidate:1 1 udp 2122260223 10.1.2.3 40000 typ host generation 0',
  'a=candidate:2 1 udp 2122262783 1f4712db-ea17-4bcf-a596-105139dfd8bf.local 40000 typ host',
  'a=candidate:3 1 udp 1686052607 198.51.100.7 40000 typ srflx raddr 10.1.2.3 rport 40000 generation 0',
  'a=candidate:4 1 tcp 1518280447 10.1.2.3 9 typ host tcptype active',
  'a=candidate:5 1 udp 41885695 203.0.113.9 50000 typ relay raddr 198.51.100.7 rport 40000 generation 0',
  'a=ice-ufrag:abcd',
  'a=end-of-candidates',
  ''
].join('\r\n')

test('privacy: a description keeps what may be told, and no address behind it', t => {
  const types = (privacy: Told) => {
    const signal = createVeil(privacy)({ type: 'offer', sdp: SDP })
    const sdp = signal && 'sdp' in signal ? signal.sdp : ''
    t.notOk(sdp.includes('10.1.2.3'), `${privacy}: the local address`)
    t.notOk(sdp.includes('.local'), `${privacy}: nor its mDNS name`)
    t.notOk(sdp.includes('fd00::7'))
    t.equal(sdp.includes('198.51.100.7'), privacy !== 'relay', `${privacy}: the public address`)
    t.ok(sdp.includes('203.0.113.9'), `${privacy}: the relay's`)
    t.ok(sdp.startsWith('v=0\r\no=- 42') && sdp.endsWith('a=ice-ufrag:abcd\r\na=end-of-candidates\r\n'))
    return sdp.match(/ typ \w+( raddr \S+ rport \d+)?/g)
  }
  t.equal(SDP.match(/ typ /g)?.length, 5)
  t.deepEqual(types('no-host'), [' typ srflx raddr 0.0.0.0 rport 0', ' typ relay raddr 0.0.0.0 rport 0'])
  t.deepEqual(types('relay'), [' typ relay raddr 0.0.0.0 rport 0'])
  t.end()
})

test('privacy: a candidate goes with nothing behind it, or not at all', t => {
  const lines = SDP.match(/candidate:.*/g) ?? []
  const kept = (privacy: Told) =>
    lines.map(candidate => {
      const signal = createVeil(privacy)({ type: 'candidate', candidate: { candidate, sdpMid: '0' } })
      if (signal?.type === 'candidate') t.equal(signal.candidate.sdpMid, '0')
      return signal?.type === 'candidate'
        ? (/ raddr (\S+)/.exec(signal.candidate.candidate ?? '')?.[1] ?? '')
        : null
    })
  t.deepEqual(kept('no-host'), [null, null, '0.0.0.0', null, '0.0.0.0'])
  t.deepEqual(kept('relay'), [null, null, null, null, '0.0.0.0'])
  const other = { type: 'renegotiate', renegotiate: true } as const
  t.equal(createVeil('relay')(other), other)
  t.end()
})

test('privacy: what is none is a TypeError', t => {
  for (const privacy of ['', 'Relay', 'none', 'relay\n', 1])
    t.throws(() => new SocketSignalMemoryClient({ dial }, { privacy: privacy as 'all' }), /privacy must be/)
  t.end()
})

test('privacy: relay is the policy of the connection, whatever else is asked for', async t => {
  const config = { iceTransportPolicy: 'all', iceServers: [] }
  const { alice, bob, topic } = await story(t, { clients: [{ privacy: 'relay' }, {}] })
  await bob.join(topic)
  const peer = alice.connect(topic, bob.id, { simplePeer: { config } })
  t.equal((await rejection(peer.ready())).code, 'ICE_NO_CANDIDATES')
  t.deepEqual(addresses(peer), [])
})

const options = { needs: ['coturn' as const], timeout: 60_000 }

test(
  'privacy: relay tells nobody of an address but the relay, in any frame of either side',
  options,
  async t => {
    const coturn = await startCoturn(t)
    const mint = createTurn({ urls: coturn.url, secret: coturn.secret })
    const iceServers: IceServersProvider = () => mint('test')
    const { sent: each, peer } = await talk(t, { privacy: 'relay', iceServers })
    const sent = each.alice + each.bob
    const types = sent.match(/ typ \w+/g) ?? []
    t.ok(types.length >= 2, `${types.length} candidates in ${sent.length} bytes`)
    t.deepEqual([...new Set(types)], [' typ relay'])
    t.deepEqual([...new Set(sent.match(/raddr \S+/g))], ['raddr 0.0.0.0'])
    const told = new Set(sent.match(/IN IP[46] [^\s\\]+/g))
    t.deepEqual(
      [...told].sort(),
      ['IN IP4 0.0.0.0', 'IN IP4 127.0.0.1'],
      "the latter is every libwebrtc's o="
    )
    t.ok(addresses(peer).length > 0)
  }
)

test('privacy: without it addresses are told, so that this test would see them', options, async t => {
  const { sent } = await talk(t, { iceServers: [] })
  t.ok(sent.alice.includes(' typ host'))
  t.ok(sent.bob.includes(' typ host'))
})

test('privacy: no-host tells nobody of an address of this network', async t => {
  const { sent, peer } = await talk(t, { privacy: 'no-host', iceServers: [] }, {})
  t.notOk(sent.alice.includes(' typ host'))
  t.ok(sent.bob.includes(' typ host'))
  t.deepEqual(addresses(peer), [])
  t.ok(peer.connected, 'its own search goes on, so it still reaches whom it knows')
})

/** Two that connect over real WebRTC; gives everything that each sent to the server, as text. */
async function talk(t: Test, alices: SocketSignalClientOptions, bobs = alices) {
  const server = new SocketSignalMemoryServer()
  const sent = { alice: '', bob: '' }
  const [alice, bob] = (['alice', 'bob'] as const).map(name => {
    const listen = (_: unknown, bytes: Uint8Array) => {
      sent[name] += Buffer.from(bytes).toString('latin1')
      return bytes
    }
    const own = name === 'alice' ? alices : bobs
    const via = { dial: () => evil(server.dial(), { up: listen }) }
    return new SocketSignalMemoryClient(via, { simplePeer, ...own })
  }) as [SocketSignalMemoryClient, SocketSignalMemoryClient]
  t.teardown(async () => {
    await Promise.all([alice.close(), bob.close()])
    await server.close()
  })
  const topic = randomBytes(32)
  await bob.join(topic)
  const peer = await alice.connect(topic, bob.id).ready()
  const { _pc } = peer.stream as unknown as { _pc: RTCPeerConnection }
  await until(() => _pc.iceGatheringState === 'complete')
  return { sent, peer }
}

/** The candidates that a peer told of. */
function addresses({ signals }: Peer): string[] {
  return JSON.stringify(signals).match(/candidate:\d+ [^"\\]+/g) ?? []
}

function dial(): never {
  throw new Error('not in this test')
}

endWithTests()

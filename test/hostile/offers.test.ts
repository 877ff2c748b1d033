import { randomBytes } from 'node:crypto'
import type { Peer } from 'socket-signal'
import { SocketSignalWebsocketClient } from 'socket-signal-websocket'
import type { Test } from 'tape'
import { toHex } from '../../packages/core/src/bytes.ts'
import { Addressed } from '../../packages/core/src/frame.ts'
import type { AddressedKind } from '../../packages/core/src/protocol.ts'
import { Control } from '../tools/control.ts'
import { StubRtc } from '../tools/played.ts'
import { rawKeys } from '../tools/raw.ts'
import { test } from '../tools/test.ts'
import { until } from '../tools/wait.ts'
import { admitted, startServer } from '../tools/websocket.ts'

const KINDS: AddressedKind[] = ['offer', 'answer', 'refusal', 'remoteConnect', 'cancel', 'signal', 'message']

test('hostile offers: every addressed kind with every mixture of ids tells the victim who sent it, or nothing', async t => {
  const server = await startServer(t, {
    frameBurst: 1e6,
    messageBurst: 1e6,
    maxOffersAtTarget: 1e6,
    maxOffers: 1e6,
    maxOffersFromOne: 1e6
  })
  const clients = await Promise.all([1, 2, 3].map(() => admitted(t, server.url)))
  const [victim, friend, evil] = clients.map(({ raw }) => raw) as [
    (typeof clients)[0]['raw'],
    (typeof clients)[0]['raw'],
    (typeof clients)[0]['raw']
  ]
  const [topic, session] = [randomBytes(32), randomBytes(32)]
  for (const raw of [victim, friend, evil]) {
    await raw.join(topic)
  }
  // Something to guess at: an offer of a friend that waits at the victim, and one of the victim that waits at the friend.
  friend.addressed('offer', { address: victim.id, topic, session }, 50)
  victim.addressed('offer', { address: friend.id, topic, session }, 51)
  const { requestId } = await victim.next('offer')
  await friend.next('offer')
  const heard = victim.received.length
  const ids = [victim.id, friend.id, evil.id, new Uint8Array(32), new Uint8Array(32).fill(255)]
  let asked = 1000
  for (const kind of KINDS) {
    for (const address of ids) {
      for (const where of [topic, ...ids])
        for (const which of [session, ...ids])
          for (const id of new Set([0, requestId, 50, 51, 1, ++asked]))
            if (kind !== 'offer' && kind !== 'remoteConnect')
              evil.addressed(kind, { address, topic: where, session: which }, id)
      evil.addressed(kind, { address, topic, session: randomBytes(32) }, ++asked)
    }
  }
  evil.send({ kind: 'ping', requestId: 3, received: 0 })
  await evil.settled(() => evil.received.some(({ kind }) => kind === 'pong'))
  t.notOk(evil.closed, 'all of it was read')
  victim.send({ kind: 'ping', requestId: 3, received: 0 })
  await victim.next('pong')
  const told = victim.received.slice(heard).filter((frame): frame is Addressed => frame instanceof Addressed)
  t.same(
    [...new Set(told.map(({ address }) => toHex(address)))],
    [toHex(evil.id)],
    `${told.length} frames, all of one sender`
  )
  const kinds = new Set(told.map(({ kind }) => kind))
  t.notOk(kinds.has('answer') || kinds.has('refusal'), 'nobody else answers for the friend')
  t.notOk(
    victim.received.some(({ kind }) => kind === 'error'),
    'nor fails what the victim has asked'
  )
  friend.addressed('answer', { address: victim.id, topic, session }, (await friend.next('offer')).requestId)
  const answer = await victim.next('answer')
  t.same([answer.requestId, toHex(answer.address)], [51, toHex(friend.id)], 'the friend still can')
})

/** Sends genuine, signed offers of ever new sessions, as fast as it is asked to. */
async function attacker(t: Test, url: string, address: Uint8Array, topic: Uint8Array) {
  const keys = await rawKeys()
  const { raw } = await admitted(t, url, undefined, keys)
  let requestId = 10
  return async (count: number) => {
    for (let at = 0; at < count && !raw.closed; at++)
      await raw.sealed(
        'offer',
        keys,
        { offer: { type: 'offer', sdp: 'v=0\r\n' }, metadata: {} },
        { address, topic, requestId: ++requestId }
      )
    raw.received.length = 0
  }
}

test('hostile offers: a flood from 20 sources holds up neither others nor a friend of the victim', {
  timeout: 60_000
}, async t => {
  const server = await startServer(t)
  const control = await Control.start(t, server.url)
  const topic = randomBytes(32)
  const made = { victim: 0, other: 0 }
  const client = (who: keyof typeof made) => {
    const rtc = (own: { initiator: boolean }) => {
      if (!own.initiator) made[who]++
      return new StubRtc(own) as never
    }
    const each = new SocketSignalWebsocketClient(server.url, { rtc })
    t.teardown(() => each.close())
    return each
  }
  const [victim, friend, other, caller] = [
    client('victim'),
    client('other'),
    client('other'),
    client('other')
  ]
  await Promise.all([victim.join(topic), other.join(topic), friend.open(), caller.open()])
  let gates = 0
  victim.onOffer(({ id }) => {
    gates++
    if (Buffer.compare(id, friend.id) !== 0) throw new Error('a stranger')
  })
  const attackers = await Promise.all(
    Array.from({ length: 20 }, () => attacker(t, server.url, victim.id, topic))
  )
  /** Dials until it got through: a place that is taken is told as retryable. */
  const dial = async (from: SocketSignalWebsocketClient, to: Uint8Array): Promise<Peer> => {
    for (;;) {
      const outcome = await from
        .connect(topic, to)
        .ready()
        .catch(error => error)
      if (!(outcome instanceof Error)) return outcome
      if (!(outcome as { retryable?: boolean }).retryable) throw outcome
      await new Promise(resolve => setTimeout(resolve, 100))
    }
  }
  let [offers, calls, over] = [0, 0, false]
  t.teardown(() => {
    over = true
  })
  await control.watches(t, async () => {
    const flood = attackers.map(async offer => {
      while (!over) {
        await offer(50)
        offers += 50
        await new Promise(resolve => setTimeout(resolve, 100))
      }
    })
    const calling = (async () => {
      while (calls < 5) {
        const peer = await caller.connect(topic, other.id).ready()
        calls++
        await peer.close()
        await new Promise(resolve => setTimeout(resolve, 250))
      }
    })()
    await until(() => gates > 0, 'the flood reaches the gate')
    const peer = await dial(friend, victim.id)
    t.ok(peer.connected, 'a friend gets through while it goes on')
    await calling
    t.pass('as do five calls of a stranger to another peer')
    await until(() => offers >= 1_000, 'a flood it is', 20)
    over = true
    await Promise.all(flood)
  })
  t.comment(`${offers} offers, ${gates} came to the gate`)
  t.ok(made.victim <= 32, `${made.victim} connections made by the victim`)
  t.ok(victim.connected && victim.peersConnected.length === 1)
})

test('hostile offers: a gate that never says yes or no is full at 32 places, 4 of one source', async t => {
  const server = await startServer(t)
  const control = await Control.start(t, server.url)
  const topic = randomBytes(32)
  let made = 0
  const rtc = (own: { initiator: boolean }) => {
    made++
    return new StubRtc(own) as never
  }
  const victim = new SocketSignalWebsocketClient(server.url, { rtc, requestTimeout: 1_500 })
  t.teardown(() => victim.close())
  await victim.join(topic)
  victim.onOffer(() => new Promise(() => {}))
  const attackers = await Promise.all(
    Array.from({ length: 20 }, () => attacker(t, server.url, victim.id, topic))
  )
  let most = 0
  await control.watches(t, async () => {
    for (let round = 0; round < 10; round++) {
      await Promise.all(attackers.map(offer => offer(10)))
      most = Math.max(most, server.stats().offers)
    }
  })
  t.equal(most, 32, 'as many as one target may have, and no more')
  t.equal(made, 0, 'nothing is made before the gate has said yes')
  await until(() => server.stats().offers === 0, 'their time ends', 20)
  t.equal(victim.peers.length, 0)
})

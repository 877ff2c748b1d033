import { randomBytes } from 'node:crypto'
import { SocketSignalMemoryClient } from 'socket-signal-memory'
import { KIND } from '../../packages/core/src/protocol.ts'
import { type RawClient, rawHello, rawKeys, rawLookup, signHello } from '../tools/raw.ts'
import { serve } from '../tools/served.ts'
import { test } from '../tools/test.ts'
import { rejection, until } from '../tools/wait.ts'

test('hostile client: the id of another, claimed with a wrong signature, is refused and its holder stays', async t => {
  const { server, raw } = serve(t)
  const victim = new SocketSignalMemoryClient(server)
  t.teardown(() => victim.close())
  await victim.open()
  const thief = raw(victim.id)
  await thief.next('challenge')
  thief.send(rawHello({ id: victim.id, proven: true, signature: randomBytes(64) }))
  await thief.settled()
  t.equal(thief.closed?.code, 4509)
  const keys = await rawKeys()
  const other = raw(victim.id)
  const { nonce } = await other.next('challenge')
  const hello = rawHello({ id: victim.id, proven: true })
  await signHello(hello, nonce, keys)
  other.send(hello)
  await other.settled()
  t.equal(other.closed?.code, 4509, 'signed by another key')
  t.ok(victim.connected)
  t.equal(server.connections.size, 1)
})

test('hostile client: a bare claim to a live id is refused, a proven one displaces a bare one', async t => {
  const { server, raw } = serve(t)
  const victim = new SocketSignalMemoryClient(server)
  t.teardown(() => victim.close())
  await victim.open()
  const thief = raw(victim.id)
  await thief.hello()
  t.equal(thief.closed?.code, 4009)
  t.ok(victim.connected)

  const keys = await rawKeys()
  const squatter = raw(keys.publicKey)
  await squatter.hello()
  t.notOk(squatter.closed)
  const second = raw(keys.publicKey)
  await second.hello()
  t.equal(second.closed?.code, 4009, 'bare against bare: the holder stays')
  const owner = raw(keys.publicKey)
  await owner.hello({}, keys)
  t.notOk(owner.closed)
  await squatter.settled()
  t.equal(squatter.closed?.code, 4505, 'a key beats a bare claim')
})

test('hostile client: a hello that was seen before, or for another server, is refused', async t => {
  const { raw } = serve(t)
  const keys = await rawKeys()
  const first = raw(keys.publicKey)
  const { nonce } = await first.next('challenge')
  const hello = rawHello({ id: keys.publicKey, proven: true })
  await signHello(hello, nonce, keys)
  first.send(hello)
  await first.next('welcome')
  const replay = raw(keys.publicKey)
  await replay.next('challenge')
  replay.send(hello)
  await replay.settled()
  t.equal(replay.closed?.code, 4509, 'the nonce is new each time')
  for (const [audience, signed] of [
    ['wss://other.example', 'wss://other.example'],
    ['local', 'wss://other.example']
  ] as const) {
    const lost = raw(keys.publicKey)
    const challenge = await lost.next('challenge')
    const forged = rawHello({ id: keys.publicKey, proven: true, audience })
    await signHello(forged, challenge.nonce, keys, signed)
    lost.send(forged)
    await lost.settled()
    t.equal(lost.closed?.code, 4509, `claimed ${audience}, signed for ${signed}`)
  }
})

test('hostile client: the same key twice leaves one, the older told that it was replaced; reject keeps it', async t => {
  const keys = await rawKeys()
  const replacing = serve(t)
  const [first, second] = [replacing.raw(keys.publicKey), replacing.raw(keys.publicKey)]
  await first.hello({}, keys)
  await second.hello({}, keys)
  await first.settled()
  t.equal(first.closed?.code, 4505)
  t.equal(replacing.server.connections.size, 1)
  const rejecting = serve(t, { conflict: 'reject' })
  const [holder, late] = [rejecting.raw(keys.publicKey), rejecting.raw(keys.publicKey)]
  await holder.hello({}, keys)
  await late.hello({}, keys)
  t.equal(late.closed?.code, 4009)
  t.notOk(holder.closed)
})

test('hostile client: of many sockets of one key the last one stays, however long goodbyes take', async t => {
  const keys = await rawKeys()
  const events: string[] = []
  let goOn: (() => void) | undefined
  const { server, raw } = serve(t, {
    onConnect: rpc => {
      rpc.data.name = events.length
      events.push(`connects ${rpc.data.name}`)
    },
    onDisconnect: async rpc => {
      if (rpc.data.name === 0) await new Promise<void>(resolve => (goOn = resolve))
      events.push(`has gone ${rpc.data.name}`)
    }
  })
  const [first, second, third] = [raw(keys.publicKey), raw(keys.publicKey), raw(keys.publicKey)]
  await first.hello({}, keys)
  const entering = second.hello({}, keys)
  await until(() => goOn !== undefined, 'the first one says goodbye')
  const last = third.hello({}, keys)
  await second.settled()
  t.equal(second.closed?.code, 4505, 'the one in between, which still waited')
  goOn?.()
  await Promise.all([entering, last])
  await new Promise(resolve => setTimeout(resolve, 50))
  t.notOk(third.closed, 'the last one is in')
  t.deepEqual([server.connections.size, server.stats().mailboxes], [1, 1])
  t.deepEqual(events, ['connects 0', 'has gone 0', 'connects 2'], 'each in its turn')
})

test('hostile client: can make nobody else leave', async t => {
  const { raw, topic } = serve(t)
  const [victim, attacker, witness] = [raw(), raw(), raw()]
  for (const client of [victim, attacker, witness]) await client.hello()
  await victim.join(topic)
  // No field of leave names anybody: what is sent is the attacker's own leave.
  attacker.send({ kind: 'leave', requestId: 2, topic })
  await attacker.next('result')
  witness.send(rawLookup(topic, { requestId: 2, limit: 10 }))
  const { body } = await witness.next('result')
  t.same(body.subarray(2), victim.id)
})

test('hostile client: whatever it puts into the address, the receiver reads who really sent it', async t => {
  const { raw, topic } = serve(t)
  const [victim, attacker, third] = [raw(), raw(), raw()]
  for (const client of [victim, attacker, third]) await client.hello()
  for (const client of [victim, attacker]) {
    await client.join(topic)
  }
  let requestId = 10
  for (const kind of ['offer', 'remoteConnect', 'cancel', 'signal', 'message'] as const) {
    attacker.addressed(
      kind,
      { address: victim.id, topic },
      kind === 'cancel' || kind === 'signal' ? 0 : ++requestId
    )
    const frame = await victim.next(kind)
    t.same(frame.address, attacker.id, kind)
  }
  // Answers to what was never asked, under every id that might be in use.
  for (const kind of ['answer', 'refusal'] as const) {
    for (let id = 0; id < 8; id++) attacker.addressed(kind, { address: third.id, topic }, id)
  }
  attacker.addressed('message', { address: third.id, topic }, 99)
  await attacker.next('error', ({ requestId: id }) => id === 99)
  t.notOk(third.received.some(({ kind }) => kind === 'answer' || kind === 'refusal'))
})

test('hostile client: nobody but the target can answer an offer', async t => {
  const { raw, topic } = serve(t)
  const [caller, target, attacker] = [raw(), raw(), raw()]
  for (const client of [caller, target, attacker]) await client.hello()
  await target.join(topic)
  const session = randomBytes(32)
  caller.addressed('offer', { address: target.id, topic, session }, 77)
  const { requestId } = await target.next('offer')
  for (let id = 0; id < 100; id++) attacker.addressed('answer', { address: caller.id, topic, session }, id)
  attacker.addressed('answer', { address: caller.id, topic, session }, requestId)
  target.addressed(
    'answer',
    { address: caller.id, topic, session, body: Buffer.from('"true one"') },
    requestId
  )
  const answer = await caller.next('answer')
  const { address, body } = answer
  t.same([answer.requestId, address, Buffer.from(body).toString()], [77, target.id, '"true one"'])
  target.addressed('answer', { address: caller.id, topic, session }, requestId)
  target.addressed('signal', { address: caller.id, topic, session })
  await caller.next('signal')
  t.equal(caller.received.filter(({ kind }) => kind === 'answer').length, 1, 'a second answer goes nowhere')
})

test('hostile client: a malformed frame closes its own socket with its code, and nobody else notices', async t => {
  const { server, raw } = serve(t)
  const control = new SocketSignalMemoryClient(server)
  t.teardown(() => control.close())
  await control.open()
  const head = (kind: number, rest: number[] = []) => Uint8Array.from([kind, 0, 0, 0, 0, 9, ...rest])
  const broken: [string, Uint8Array][] = [
    ['empty', new Uint8Array(0)],
    ['half a head', Uint8Array.of(1, 2, 3)],
    ['an offer without fields', head(KIND.offer)],
    ['a join cut short', head(KIND.join, [1, 2, 3])],
    ['a leave with too much', head(KIND.leave, Array(33).fill(1))],
    ['a challenge from a client', head(KIND.challenge, [1, 1, ...Array(32).fill(0)])],
    [
      'a second hello',
      (() =>
        Uint8Array.from([...head(KIND.hello, [1, ...Array(68).fill(1), 0, 0, 0, 0, ...Array(64).fill(0)])]))()
    ],
    ['a presence from a client', head(KIND.presence, [...Array(32).fill(1), 0, 0, 0, 0, 0, 0, 0, 0])]
  ]
  for (const [name, bytes] of broken) {
    const client = raw()
    await client.hello()
    client.bytes(bytes)
    await client.settled()
    t.equal(client.closed?.code, 4500, name)
  }
  const stranger = raw()
  await stranger.next('challenge')
  stranger.bytes(head(KIND.leave, Array(32).fill(1)))
  await stranger.settled()
  t.equal(stranger.closed?.code, 4500, 'something before hello')
  const large = raw()
  await large.hello()
  large.bytes(new Uint8Array(64 * 1024 + 1))
  await large.settled()
  t.equal(large.closed?.code, 4507, 'larger than the limit')
  const newer = raw()
  await newer.hello()
  newer.bytes(head(0x7f))
  t.equal((await newer.next('error')).code, 'UNSUPPORTED', 'an unknown kind that asks is answered')
  newer.bytes(Uint8Array.of(0x7f, 0, 0, 0, 0, 0, 1, 2))
  newer.send({ kind: 'ping', requestId: 5, received: 0 })
  t.ok(await newer.next('pong'), 'one that does not ask is ignored')
  t.same(await control.lookup(randomBytes(32)), [], 'the control client goes on')
})

test('hostile client: no word about who is where for those who do not know', async t => {
  const { server, raw, topic } = serve(t, { offers: 'members', lookups: 'members' })
  const [target, outsider, insider] = [raw(), raw(), raw()]
  for (const client of [target, outsider, insider]) await client.hello()
  for (const client of [target, insider]) {
    await client.join(topic)
  }
  const ask = async (client: RawClient, requestId: number, where: Uint8Array) => {
    client.send(rawLookup(where, { requestId, limit: 10 }))
    return (await client.next('result', frame => frame.requestId === requestId)).body
  }
  t.same(
    await ask(outsider, 5, topic),
    await ask(outsider, 6, randomBytes(32)),
    'a real topic looks like an empty one'
  )
  t.same((await ask(insider, 7, topic)).subarray(2), target.id)
  const offer = async (client: RawClient, requestId: number, to: Uint8Array, where: Uint8Array) => {
    client.addressed('offer', { address: to, topic: where }, requestId)
    const { code, message } = await client.next('error', frame => frame.requestId === requestId)
    return [code, message]
  }
  t.same(await offer(outsider, 8, target.id, topic), await offer(outsider, 9, target.id, randomBytes(32)))
  t.same(await offer(insider, 10, randomBytes(32), topic), ['PEER_NOT_FOUND', 'peer not found'])
  t.ok(server.connections.size === 3)
})

test('hostile client: 5,000 joins and leaves leave no topic behind', async t => {
  const { server } = serve(t, { joinRate: 1e6, joinBurst: 1e6, frameRate: 1e6, frameBurst: 1e6 })
  const client = new SocketSignalMemoryClient(server)
  t.teardown(() => client.close())
  const topics = Array.from({ length: 5000 }, () => randomBytes(32))
  for (let at = 0; at < topics.length; at += 100) {
    const some = topics.slice(at, at + 100)
    await Promise.all(some.map(topic => client.join(topic)))
    if (at === 0) t.equal(server.stats().topics, 100)
    await Promise.all(some.map(topic => client.leave(topic)))
  }
  t.equal(server.stats().topics, 0)
  await Promise.all(topics.slice(0, 128).map(topic => client.join(topic)))
  t.equal(server.stats().topics, 128)
  t.equal((await rejection(client.join(randomBytes(32)))).code, 'LIMIT_TOPICS')
  await client.close()
  await until(() => server.stats().topics === 0)
  t.same(server.stats(), {
    ...server.stats(),
    sockets: 0,
    connections: 0,
    offers: 0,
    topics: 0,
    mailboxes: 0,
    watches: 0
  })
})

import { MemoryUsedTokens } from 'socket-signal-token'
import { test } from '../tools/test.ts'
import { tokensAndGate } from '../tools/tokens.ts'
import { codeOf, until } from '../tools/wait.ts'
import { makeClient, startServer } from '../tools/websocket.ts'

test('token ticket: a ticket used by many at once lets in exactly one, and none later', async t => {
  const { tokens, gate } = tokensAndGate()
  const server = await startServer(t, { authorize: gate.authorize })
  for (let round = 0; round < 3; round++) {
    const token = await tokens.mint({ once: true, topics: '*', can: ['join'] })
    const clients = Array.from({ length: 8 }, () => makeClient(t, server.url, { token }))
    const outcomes = await Promise.all(clients.map(client => codeOf(client.open())))
    t.equal(outcomes.filter(code => code === undefined).length, 1, 'one')
    t.equal(outcomes.filter(code => code === 'TOKEN_REPLAYED').length, 7, 'the others are told why')
    const winner = clients[outcomes.indexOf(undefined)]
    await winner?.updateToken(token)
    t.ok(winner?.connected, 'it may show on its own socket what it has shown before')
    await winner?.close()
    t.equal(await codeOf(makeClient(t, server.url, { token }).open()), 'TOKEN_REPLAYED', 'later as well')
  }
})

test('token ticket: used tickets are shared by who gives where they are kept, and are bounded', async t => {
  const seen = new Set<string>()
  const used = {
    use: async (jti: string) => {
      await new Promise(resolve => setTimeout(resolve, 5))
      return !seen.has(jti) && Boolean(seen.add(jti))
    }
  }
  const { tokens, gate } = tokensAndGate({}, { used })
  const { gate: second } = tokensAndGate({}, { used })
  const servers = [
    await startServer(t, { authorize: gate.authorize }),
    await startServer(t, { authorize: second.authorize })
  ]
  const token = await tokens.mint({ once: true })
  const codes = await Promise.all(servers.map(({ url }) => codeOf(makeClient(t, url, { token }).open())))
  t.deepEqual([...codes].sort(), ['TOKEN_REPLAYED', undefined], 'of two nodes one')

  let now = 1000
  const memory = new MemoryUsedTokens({ max: 2, now: () => now })
  t.ok(memory.use('a', 2000) && memory.use('b', 3000))
  t.notOk(memory.use('a', 2000))
  t.throws(() => memory.use('c', 3000), /too many/, 'full: nobody is forgotten whose ticket holds')
  now = 2001
  t.ok(memory.use('c', 3000), 'what has ended makes room')
  t.equal(memory.size, 2)
  t.notOk(memory.use('b', 3000))
})

test('token ticket: a used ticket is remembered for as long as any clock lets it in', async t => {
  let now = Date.now()
  const until = new Map<string, number>()
  // As a store forgets that is told when, Redis for instance.
  const used = {
    use: (jti: string, takenUntil: number) => {
      const isNew = !((until.get(jti) ?? 0) > now)
      until.set(jti, takenUntil)
      return isNew
    }
  }
  const memory = new MemoryUsedTokens({ max: 1, now: () => now })
  for (const store of [used, memory]) {
    const { tokens, gate } = tokensAndGate({ now: () => now }, { used: store })
    const { gate: behind } = tokensAndGate({ now: () => now - 30_000 }, { used: store })
    const [first, second] = [
      await startServer(t, { authorize: gate.authorize }),
      await startServer(t, { authorize: behind.authorize })
    ]
    const token = await tokens.mint({ once: true }, { expiresIn: 5000 })
    const other = await tokens.mint({ once: true }, { expiresIn: 300_000 })
    const open = (url: string, own = token) =>
      codeOf(makeClient(t, url, { token: own, reconnect: false }).open())
    t.equal(await open(first.url), undefined)
    now += 30_000
    t.equal(await open(first.url), 'TOKEN_REPLAYED', 'after its end, when it is still borne with')
    if (store === memory) t.equal(await open(first.url, other), 'OVERLOADED', 'it makes no room')
    now += 30_000
    t.equal(await open(first.url), 'TOKEN_EXPIRED')
    t.equal(await open(second.url), 'TOKEN_REPLAYED', 'at a node whose clock is behind')
    now += 30_000
    t.equal(await open(second.url), 'TOKEN_EXPIRED')
    t.equal(await open(first.url, other), undefined, 'others go on')
  }
})

test('token ticket: one that is refused on an open socket gives no place free', async t => {
  const { tokens, gate } = tokensAndGate()
  const server = await startServer(t, { authorize: gate.authorize })
  const make = (token: string) => makeClient(t, server.url, { token, reconnect: false })
  const token = await tokens.mint({ sub: 'ada', maxPeers: 1 })
  const ticket = await tokens.mint({ sub: 'bob', once: true })
  await make(ticket).open()
  const ada = make(token)
  await ada.open()
  t.equal(await codeOf(ada.updateToken(ticket)), 'TOKEN_REPLAYED')
  t.equal(await codeOf(make(token).open()), 'OVERLOADED', 'she is still there')
  const full = await tokens.mint({ sub: 'ada', maxPeers: 1, once: true })
  t.equal(await codeOf(make(full).open()), 'OVERLOADED')
  await ada.close()
  await until(() => server.stats().connections === 1)
  t.equal(await codeOf(make(full).open()), undefined, 'nor is a ticket used up where there is no place')
})

import { createGate, createTokens, type Grant } from 'socket-signal-token'
import { test } from '../tools/test.ts'
import { rejection } from '../tools/wait.ts'

const SECRET = 'a secret of at least thirty-two bytes'
const T = Date.UTC(2030, 0, 1)
const DAY = 86_400_000

/** Mints at T, and says at another time whether that is good. `maxLife` is that of whoever mints. */
function clocks(maxLife?: number) {
  const common = { secret: SECRET, issuer: 'a', audience: 'b' }
  const mints = createTokens({ ...common, now: () => T, ...(maxLife && { maxLife }) })
  const codeAt = async (token: string, now: number) => {
    const { verify } = createTokens({ ...common, now: () => now })
    return verify(token).then(
      () => 'good',
      error => error.code
    )
  }
  return { mint: mints.mint, codeAt }
}

test('token limits: clocks may be 30 s apart, and not a second more', async t => {
  const { mint, codeAt } = clocks()
  const token = await mint({}, { expiresIn: 60_000 })
  t.equal(await codeAt(token, T + 60_000 + 29_999), 'good')
  t.equal(await codeAt(token, T + 60_000 + 30_000), 'TOKEN_EXPIRED')
  t.equal(await codeAt(token, T - 30_000), 'good')
  t.equal(await codeAt(token, T - 30_001), 'TOKEN_NOT_YET_VALID')
})

test('token limits: a life of 24 hours is taken, by any clock, and no longer one', async t => {
  const { mint, codeAt } = clocks(10 * DAY)
  t.equal(await codeAt(await mint({}, { expiresIn: DAY }), T), 'good')
  t.equal(await codeAt(await mint({}, { expiresIn: DAY }), T - 30_000), 'good', 'also where it is earlier')
  t.equal(await codeAt(await mint({}, { expiresIn: DAY + 31_000 }), T), 'TOKEN_INVALID')
  t.equal(
    await codeAt(await mint({}, { expiresIn: DAY + 31_000 }), T + DAY),
    'TOKEN_INVALID',
    'nor when most of it is over'
  )
})

test('token limits: texts, topics and rights at their limit are minted, one past it they are refused', async t => {
  const { mint, codeAt } = clocks()
  const many = <T>(length: number, make: (at: number) => T) => Array.from({ length }, (_, at) => make(at))
  const limits: [name: string, most: number, make: (count: number) => Grant][] = [
    ['sub', 256, count => ({ sub: 'x'.repeat(count) })],
    ['name', 256, count => ({ name: 'x'.repeat(count) })],
    ['jti', 256, count => ({ jti: 'x'.repeat(count) })],
    ['the name of a topic', 256, count => ({ topics: [{ name: 'x'.repeat(count) }] })],
    ['a prefix', 256, count => ({ topics: [{ prefix: 'x'.repeat(count) }] })],
    ['topics', 128, count => ({ topics: many(count, at => ({ name: `${at}` })) })],
    ['can', 64, count => ({ can: many(count, at => `app.method_${at}`) })],
    ['a method', 40 + 1 + 5 * 40 + 4, count => ({ can: [method(count)] })]
  ]
  for (const [name, most, make] of limits) {
    t.equal(await codeAt(await mint(make(most)), T), 'good', `${name}: ${most}`)
    const error = await rejection(mint(make(most + 1)))
    t.ok(error instanceof TypeError, `${name}: ${most + 1}: ${error.message.slice(0, 60)}`)
  }
})

test('token limits: what no client could send is not minted', async t => {
  const { mint, codeAt } = clocks()
  const grant = (length: number) => ({
    topics: Array.from({ length }, (_, at) => ({ name: String(at).padEnd(256, 'x') }))
  })
  let most = 0
  while (most < 128 && (await mint(grant(most + 1)).catch(() => ''))) most++
  t.ok((await mint(grant(most))).length <= 8192, `${most} topics of 256 characters`)
  t.equal(await codeAt(await mint(grant(most)), T), 'good')
  const error = await rejection(mint(grant(most + 1)))
  t.ok(error instanceof TypeError)
  t.match(error.message, /takes \d+ bytes as a token, the limit is 8192/)
})

/** Six words of 40 letters at most, with dots between. */
function method(length: number): string {
  const words = Array.from({ length: 5 }, () => 'x'.repeat(40)).join('.')
  return `${words}.${'x'.repeat(length - words.length - 1)}`
}

test('token limits: of revocations the latest are remembered', async t => {
  const tokens = createTokens({ secret: SECRET, issuer: 'a', audience: 'b' })
  const gate = createGate(tokens, { maxRevoked: 2 })
  const subs = ['a', 'b', 'c']
  const all = await Promise.all(subs.map(sub => tokens.mint({ sub, topics: '*', can: ['join'] })))
  for (const sub of ['a', 'b', 'a', 'c']) gate.revoke({ sub })
  const codes = all.map(token =>
    gate.allows(token, { action: 'join', topic: new Uint8Array(32) }).then(
      yes => (yes ? 'in' : 'out'),
      error => error.code
    )
  )
  t.deepEqual(
    await Promise.all(codes),
    ['TOKEN_INVALID', 'in', 'TOKEN_INVALID'],
    'one said again is a late one'
  )
})

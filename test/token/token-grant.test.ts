import { createHmac } from 'node:crypto'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { SignalError, topicFromName } from 'socket-signal'
import { readGrant, readOwnGrant } from '../../packages/token/src/grant.ts'
import { Rights } from '../../packages/token/src/rights.ts'
import { Seats } from '../../packages/token/src/seats.ts'
import { test } from '../tools/test.ts'
import { NAMES, SECRET, tokensAndGate } from '../tools/tokens.ts'
import { rejection } from '../tools/wait.ts'

const GRANTS = [
  { topics: '*', can: ['join'] },
  { topics: [{ topic: 'ab'.repeat(32) }, { name: 'lobby' }, { prefix: '' }], can: ['room.self.audio_mute'] },
  { sub: 'ada', name: 'Ada', kind: 'chat', cnf: '01'.repeat(32), maxPeers: 3, once: true, jti: '7' }
] as const

test('token grant: whatever claims are signed, a grant comes out or a TypeError, and nothing else', t => {
  const names = fc.constantFrom(
    'sub',
    'name',
    'topics',
    'can',
    'kind',
    'cnf',
    'maxPeers',
    'once',
    'jti',
    '__proto__',
    'toString'
  )
  const topic = fc.dictionary(fc.constantFrom('topic', 'name', 'prefix', '__proto__'), fc.jsonValue(), {
    maxKeys: 2
  })
  const value = fc.oneof(fc.jsonValue(), fc.array(topic), fc.constant('*'), fc.constant(undefined))
  const claims = fc.dictionary(names, value)
  let granted = 0
  fc.assert(
    fc.property(claims, own => {
      for (const read of [readGrant, readOwnGrant]) {
        try {
          const grant = read(own)
          granted++
          if ((grant as { toString: unknown }).toString !== Object.prototype.toString) return false
          JSON.stringify(grant)
        } catch (error) {
          if (!(error instanceof TypeError && / must be |a grant /.test(error.message))) return false
        }
      }
      return !('polluted' in {})
    }),
    { seed: 25, numRuns: 3000 }
  )
  t.ok(granted > 100, `${granted} of them were grants`)
  for (const grant of GRANTS) t.deepEqual(readOwnGrant(grant), grant)
  t.end()
})

test('token grant: whatever is granted, what was not named is refused', async t => {
  const right = fc.constantFrom('join', 'lookup', 'offer', 'signal', 'publish', 'moderate')
  const action = fc.constantFrom('join', 'lookup', 'offer', 'signal', 'message', 'moderate' as const)
  const name = fc.constantFrom('lobby', 'office', 'team/1')
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(right),
      fc.uniqueArray(name),
      action,
      name,
      async (can, names, asked, where) => {
        const rights = await Rights.of({ can, topics: names.map(name => ({ name })) })
        const wanted = can.includes(asked === 'message' ? 'publish' : asked) && names.includes(where)
        const byTopic = rights.may({ action: asked, topic: await topicFromName(where) })
        return byTopic === wanted && rights.may({ action: asked, name: where }) === wanted
      }
    ),
    { seed: 25, numRuns: 300 }
  )
  t.pass('300 grants')
})

test('token grant: claims of other issuers that mean nothing here are left alone', async t => {
  const { tokens } = tokensAndGate()
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const others = { scope: 'openid', azp: 'app', roles: [{ deep: 1 }] }
  const claims = {
    iss: NAMES.issuer,
    aud: [NAMES.audience, 'others'],
    exp: Math.floor(Date.now() / 1000) + 300
  }
  const input = `${part({ alg: 'HS256' })}.${part({ ...others, ...claims, sub: 'ada', can: ['join'] })}`
  const token = `${input}.${createHmac('sha256', SECRET).update(input).digest('base64url')}`
  const { exp, takenUntil, ...grant } = await tokens.verify(token)
  t.deepEqual(grant, { sub: 'ada', can: ['join'], kind: 'subscriber' })
  t.ok(exp > Date.now() / 1000)
  t.equal(takenUntil, (exp + 60) * 1000, 'by clocks that are 30 s apart')
  const wrong = await tokens.verify('').catch(error => error)
  t.ok(wrong instanceof SignalError)
})

test('token grant: an error that is printed tells nothing of what a refused token says', async t => {
  const { tokens } = tokensAndGate()
  const token = await tokens.mint({ sub: 'ada', name: 'Ada' })
  for (const options of [
    { now: () => Date.now() + 86_400_000 },
    { audience: 'others' },
    { issuer: 'others' }
  ]) {
    const error = await rejection(tokensAndGate(options).tokens.verify(token))
    t.match(String(error.code), /^TOKEN_/)
    t.notOk(/ada/i.test(inspect(error, { depth: 9 })), JSON.stringify(options))
  }
})

test('token grant: places are forgotten with those who sat there', t => {
  const seats = new Seats()
  for (let i = 0; i < 10_000; i++) {
    const connection = { closed: false }
    if (!seats.take({ sub: `user ${i}`, maxPeers: 1 }, connection as never, 'id')) t.fail(`no place for ${i}`)
    connection.closed = true
  }
  t.ok(seats.size <= 32, `${seats.size} are left of 10,000`)
  t.end()
})

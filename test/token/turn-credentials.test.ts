import { createHmac } from 'node:crypto'
import { createTurn } from 'socket-signal-token'
import { test } from '../tools/test.ts'
import { rejection } from '../tools/wait.ts'

const urls = 'turn:turn.example:3478'

test('turn: the username is expiry and user, the credential its HMAC-SHA1 under the shared secret', async t => {
  const before = Math.floor(Date.now() / 1000)
  const mint = createTurn({
    urls: [urls, 'turns:turn.example:5349?transport=tcp'],
    secret: 'geheim ü',
    ttl: 600
  })
  const { iceServers, expiresAt } = await mint('alice')
  const [{ urls: given, username, credential } = { urls: [], username: '', credential: '' }] = iceServers
  t.equal(iceServers.length, 1)
  t.deepEqual(given, [urls, 'turns:turn.example:5349?transport=tcp'])
  const [expiry = '', user] = username.split(':')
  t.equal(user, 'alice')
  t.match(expiry, /^\d{10}$/)
  const late = Number(expiry) - before - 600
  t.ok(late >= 0 && late < 10, 'ttl from now')
  t.equal(expiresAt, Number(expiry) * 1000)
  t.equal(credential, createHmac('sha1', 'geheim ü').update(username).digest('base64'))
  t.equal((await mint('bob')).iceServers[0]?.username.split(':')[1], 'bob')
})

test('turn: an hour unless it is said otherwise', async t => {
  const { expiresAt } = await createTurn({ urls, secret: 's' })('x')
  t.ok(Math.abs(expiresAt - Date.now() - 3_600_000) < 10_000)
})

test('turn: what can not work is a TypeError that does not tell the secret', async t => {
  const wrong: [object, RegExp][] = [
    [{ urls: [] }, /URLs/],
    [{ urls: 'stun:turn.example' }, /URLs/],
    [{ urls: 'turn:user@turn.example' }, /URLs/],
    [{ urls: [urls, 'https://turn.example'] }, /URLs/],
    [{ secret: '' }, /secret/],
    [{ secret: undefined }, /secret/],
    [{ ttl: 0 }, /ttl/],
    [{ ttl: -1 }, /ttl/],
    [{ ttl: Number.NaN }, /ttl/],
    [{ ttl: Number.POSITIVE_INFINITY }, /ttl/],
    [{ ttl: 2 ** 53 }, /ttl/]
  ]
  for (const [options, words] of wrong) {
    const error = thrown(() => createTurn({ urls, secret: 'geheim', ...options }))
    t.ok(error instanceof TypeError)
    t.match(String(error), words)
    t.doesNotMatch(String(error), /geheim/)
  }
  const mint = createTurn({ urls, secret: 'geheim', ttl: 1e9 })
  for (const user of ['', 'a:b', 'a\nb', 'x'.repeat(257)])
    t.ok((await rejection(mint(user))) instanceof TypeError, JSON.stringify(user.slice(0, 5)))
  t.ok((await mint('x'.repeat(256))).expiresAt < 1e13, 'in 30 years')
})

function thrown(act: () => unknown): unknown {
  try {
    act()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

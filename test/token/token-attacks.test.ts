import { createHmac, createSign, generateKeyPairSync, sign as signWith } from 'node:crypto'
import { once } from 'node:events'
import { createServer as createHttp } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer } from 'socket-signal-server'
import { createTokens, type Tokens } from 'socket-signal-token'
import { test } from '../tools/test.ts'
import { NAMES, SECRET, tokensAndGate } from '../tools/tokens.ts'
import { rejection } from '../tools/wait.ts'
import { makeClient, startServer } from '../tools/websocket.ts'

const NOW = Math.floor(Date.now() / 1000)
const CLAIMS = {
  iss: NAMES.issuer,
  aud: NAMES.audience,
  exp: NOW + 600,
  iat: NOW,
  topics: '*',
  can: ['join']
}
const GRANT = { topics: '*', can: ['join'] } as const
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const rsaPrivate = rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
const rsaPublic = rsa.publicKey.export({ type: 'spki', format: 'pem' }) as string

type Sign = (input: string) => Buffer
const hmac =
  (key: string | Buffer, hash = 'sha256'): Sign =>
  input =>
    createHmac(hash, key).update(input).digest()
const rs =
  (hash = 'RSA-SHA256'): Sign =>
  input =>
    createSign(hash).update(input).sign(rsa.privateKey)

/** A token as whoever likes may write one. */
function forge(header: object, claims: object, sign: Sign = hmac(SECRET)): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const input = `${part(header)}.${part(claims)}`
  return `${input}.${sign(input).toString('base64url')}`
}

test('token attacks: what is forged, cut or meant for others is refused, over the wire', {
  timeout: 60_000
}, async t => {
  const { tokens, gate } = tokensAndGate()
  const server = await startServer(t, { authorize: gate.authorize })
  const good = await tokens.mint(GRANT)
  const [head = '', body = '', signature = ''] = good.split('.')
  const hs = { alg: 'HS256', typ: 'JWT' }
  const { exp: _, ...noExp } = CLAIMS
  const { aud: __, ...noAud } = CLAIMS
  const { iss: ___, ...noIss } = CLAIMS
  const embedded = rsa.publicKey.export({ format: 'jwk' })
  const attacks: { [name: string]: string } = {
    'alg none': forge({ alg: 'none' }, CLAIMS, () => Buffer.alloc(0)),
    'alg None': forge({ alg: 'None' }, CLAIMS, () => Buffer.alloc(0)),
    'alg none, signed': forge({ alg: 'none' }, CLAIMS),
    'no alg': forge({ typ: 'JWT' }, CLAIMS),
    'alg a number': forge({ alg: 5 }, CLAIMS),
    'another secret': forge(hs, CLAIMS, hmac('another secret of thirty-two bytes')),
    'an empty secret': forge(hs, CLAIMS, hmac('')),
    'a stronger algorithm than is pinned': forge({ alg: 'HS512' }, CLAIMS, hmac(SECRET, 'sha512')),
    'RS256 for a secret': forge({ alg: 'RS256' }, CLAIMS, rs()),
    'no exp': forge(hs, noExp),
    'exp as text': forge(hs, { ...CLAIMS, exp: String(CLAIMS.exp) }),
    'exp not a number': forge(hs, { ...CLAIMS, exp: null }),
    'exp in the year 9999': forge(hs, { ...CLAIMS, exp: 253_370_764_800 }),
    'exp beyond all numbers': forge(hs, { ...CLAIMS, exp: 1e308 }),
    'exp in two days': forge(hs, { ...CLAIMS, exp: NOW + 172_800 }),
    'a life of a month, of which little is left': forge(hs, { ...CLAIMS, iat: NOW - 2_592_000 }),
    'iat as text': forge(hs, { ...CLAIMS, iat: 'now' }),
    'no aud': forge(hs, noAud),
    'another aud': forge(hs, { ...CLAIMS, aud: 'wss://signal.example.org.evil.test' }),
    'no iss': forge(hs, noIss),
    'another iss': forge(hs, { ...CLAIMS, iss: 'https://evil.test' }),
    'crit of what is not known': forge({ ...hs, crit: ['exp', 'magic'], magic: true }, CLAIMS),
    'b64 false': forge({ ...hs, crit: ['b64'], b64: false }, CLAIMS),
    'kid a path': forge({ ...hs, kid: '../../../../dev/null' }, CLAIMS, hmac('')),
    'kid a query': forge({ ...hs, kid: "' UNION SELECT 'x" }, CLAIMS, hmac('x')),
    'jku of the attacker': forge({ alg: 'RS256', jku: 'https://evil.test/jwks.json' }, CLAIMS, rs()),
    'x5u of the attacker': forge({ alg: 'RS256', x5u: 'https://evil.test/cert.pem' }, CLAIMS, rs()),
    'its own key inside': forge({ alg: 'RS256', jwk: embedded }, CLAIMS, rs()),
    'claims changed': [
      head,
      Buffer.from(JSON.stringify({ ...CLAIMS, sub: 'root' })).toString('base64url'),
      signature
    ].join('.'),
    'no signature': `${head}.${body}.`,
    'a signature too short': `${head}.${body}.${signature.slice(0, -4)}`,
    'two parts': `${head}.${body}`,
    'four parts': `${good}.${signature}`,
    'five parts': `${good}.${signature}.${signature}`,
    'spaces around': ` ${good}`,
    'no base64': '!.!.!',
    'no JSON': [head, Buffer.from('{"exp"').toString('base64url'), signature].join('.'),
    'claims that are a list': forge(hs, [CLAIMS]),
    'rights that are text': forge(hs, { ...CLAIMS, can: 'join' }),
    'a right that is none': forge(hs, { ...CLAIMS, can: ['everything'] }),
    'topics that are text': forge(hs, { ...CLAIMS, topics: 'all' }),
    'too many topics': forge(hs, { ...CLAIMS, topics: Array(129).fill({ name: 'x' }) }),
    'a topic with two names': forge(hs, { ...CLAIMS, topics: [{ name: 'x', prefix: '' }] }),
    'a kind that is none': forge(hs, { ...CLAIMS, kind: '__proto__' }),
    'a right beyond its kind': forge(hs, { ...CLAIMS, kind: 'chat', can: ['offer'] }),
    'bound to nothing': forge(hs, { ...CLAIMS, cnf: {} }),
    'bound to another kind of key': forge(hs, { ...CLAIMS, cnf: { jwk: { kty: 'RSA' } } }),
    'maxPeers below 1': forge(hs, { ...CLAIMS, maxPeers: 0 }),
    'a ticket without a number': forge(hs, { ...CLAIMS, once: true })
  }
  const control = makeClient(t, server.url, { token: forge(hs, CLAIMS) })
  await control.open()
  for (const [name, token] of Object.entries(attacks)) {
    const error = await rejection(makeClient(t, server.url, { token }).open())
    t.equal(error.code, 'TOKEN_INVALID', name)
    t.notOk(error.message.includes(token.slice(-20)), 'the token is not in the words')
  }
  const late = makeClient(t, server.url, {
    token: forge(hs, { ...CLAIMS, exp: NOW - 60, iat: NOW - 120 }),
    reconnect: false
  })
  t.equal((await rejection(late.open())).code, 'TOKEN_EXPIRED')
  for (const early of [{ nbf: NOW + 600 }, { iat: NOW + 600 }]) {
    const token = forge(hs, { ...CLAIMS, exp: NOW + 1200, ...early })
    const error = await rejection(makeClient(t, server.url, { token, reconnect: false }).open())
    t.equal(error.code, 'TOKEN_NOT_YET_VALID')
    t.match(error.message, /4010: holds from .*; here it is 20\d\d-/)
  }
  t.ok(control.connected, 'who has a right one noticed nothing')
  t.deepEqual(await control.join(Buffer.alloc(32, 1)), [])
  t.equal(server.stats().connections, 1)
})

test('token attacks: a public key is no secret: HS256 with it is refused', async t => {
  const tokens = createTokens({ privateKey: rsaPrivate, ...NAMES })
  const published = createTokens({ jwks: await tokens.jwks(), ...NAMES })
  const good = await tokens.mint(GRANT)
  for (const verifier of [tokens, published]) {
    t.equal((await verifier.verify(good)).kind, 'subscriber')
    const keys = [
      rsaPublic,
      rsaPublic.trim(),
      Buffer.from(String((await tokens.jwks()).keys[0]?.n), 'base64url')
    ]
    for (const key of keys)
      t.equal(await codeOf(verifier, forge({ alg: 'HS256' }, CLAIMS, hmac(key))), 'TOKEN_INVALID')
    t.equal(
      await codeOf(verifier, forge({ alg: 'RS512' }, CLAIMS, rs('RSA-SHA512'))),
      'TOKEN_INVALID',
      'RS256 alone'
    )
  }
  const edPair = generateKeyPairSync('ed25519')
  const ed: Sign = input => signWith(null, Buffer.from(input), edPair.privateKey)
  t.equal(
    await codeOf(published, forge({ alg: 'EdDSA' }, CLAIMS, ed)),
    'TOKEN_INVALID',
    'a key that is not in the set'
  )
})

test('token keys: HS256, EdDSA, ES256 and RS256, as PEM, JWK and CryptoKey', async t => {
  const pairs = [
    ['EdDSA', generateKeyPairSync('ed25519').privateKey],
    ['ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey],
    ['RS256', rsa.privateKey]
  ] as const
  for (const [alg, key] of pairs) {
    const pem = key.export({ type: 'pkcs8', format: 'pem' }) as string
    const jwk = key.export({ format: 'jwk' })
    for (const privateKey of [pem, jwk as never]) {
      const tokens = createTokens({ privateKey, ...NAMES })
      const token = await tokens.mint({ ...GRANT, sub: 'ada' })
      const header = JSON.parse(atob(token.split('.')[0] ?? ''))
      t.equal(header.alg, alg)
      t.equal((await tokens.verify(token)).sub, 'ada')
      const jwks = await tokens.jwks()
      t.equal(jwks.keys[0]?.kid, header.kid)
      t.notOk('d' in (jwks.keys[0] ?? {}) || 'p' in (jwks.keys[0] ?? {}), 'nothing private is published')
      t.equal((await createTokens({ jwks, ...NAMES }).verify(token)).sub, 'ada')
    }
  }
  const webKey = (await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify'])) as CryptoKeyPair
  const web = createTokens({ privateKey: webKey.privateKey, ...NAMES })
  t.equal((await web.verify(await web.mint(GRANT))).kind, 'subscriber')
  const bytes = createTokens({ secret: new Uint8Array(32).fill(7), ...NAMES })
  t.equal((await bytes.verify(await bytes.mint(GRANT))).kind, 'subscriber')
  t.deepEqual(await bytes.jwks(), { keys: [] }, 'a secret is not published')
})

test('token keys: what is no key, or too weak, is a TypeError', async t => {
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey.export({ format: 'jwk' })
  const wrong = [
    { secret: 'short' },
    { secret: new Uint8Array(31) },
    { secret: 7 },
    { privateKey: 'no pem' },
    { privateKey: rsaPublic },
    { privateKey: rsa.publicKey.export({ format: 'jwk' }) },
    { privateKey: p384 },
    { privateKey: { kty: 'oct', k: 'AAAA' } },
    { jwks: 'http://keys.example.org/jwks.json' },
    { jwks: 'no url' }
  ]
  for (const keys of wrong) {
    const make = async () => createTokens({ ...NAMES, ...(keys as { secret: string }) }).mint(GRANT)
    t.equal((await rejection(make())).name, 'TypeError', JSON.stringify(keys).slice(0, 60))
  }
  for (const keys of [{ secret: 'short' }, { jwks: 'no url' }])
    t.throws(() => createTokens({ ...NAMES, ...(keys as { secret: string }) }), TypeError, 'at once')
  const server = createServer({ port: 0, page: false, tokens: { keys: { privateKey: 'no pem' } } })
  t.match((await rejection(server.open())).message, /privateKey must be/, 'a server does not open with it')
  await server.close()
  for (const names of [{ issuer: '' }, { audience: '' }])
    t.throws(() => createTokens({ secret: SECRET, ...NAMES, ...names }), TypeError)
  const verifier = createTokens({ jwks: { keys: [] }, ...NAMES })
  t.match((await rejection(verifier.mint(GRANT))).message, /only verifies/)
  const { tokens } = tokensAndGate()
  for (const expiresIn of [0, -1, Number.NaN, 86_400_001, Number.POSITIVE_INFINITY])
    t.equal((await rejection(tokens.mint(GRANT, { expiresIn }))).name, 'TypeError', String(expiresIn))
  for (const grant of [null, [], { topic: '*' }, { sub: '' }, { sub: 'x'.repeat(257) }, { once: 1 }])
    t.equal(
      (await rejection(tokens.mint(grant as never))).name,
      'TypeError',
      JSON.stringify(grant).slice(0, 40)
    )
})

test('token keys: those of an issuer are fetched once and kept; that they can’t be had is nobody’s fault', async t => {
  let keys: object = { keys: [] }
  let asked = 0
  let status = 200
  const http = createHttp((_request, response) => {
    asked++
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(keys))
  }).listen(0, '127.0.0.1')
  t.teardown(() => {
    http.close()
    http.closeAllConnections()
  })
  await once(http, 'listening')
  const jwks = `http://127.0.0.1:${(http.address() as AddressInfo).port}/jwks.json`
  const issuer = createTokens({ privateKey: rsaPrivate, ...NAMES })
  const verifier = createTokens({ jwks, ...NAMES })
  const token = await issuer.mint(GRANT)
  status = 500
  t.equal(await codeOf(verifier, token), 'INTERNAL', 'not the client’s fault: it may come back')
  status = 200
  keys = { keys: 'none' }
  t.equal(await codeOf(verifier, token), 'INTERNAL')
  keys = await issuer.jwks()
  asked = 0
  for (let i = 0; i < 5; i++) t.equal((await verifier.verify(token)).kind, 'subscriber')
  t.equal(asked, 1, 'asked once')
  t.equal(
    await codeOf(createTokens({ jwks, ...NAMES, issuer: 'https://other.example' }), token),
    'TOKEN_INVALID'
  )
  t.equal(await codeOf(createTokens({ jwks: 'http://127.0.0.1:1/', ...NAMES }), token), 'INTERNAL')
})

async function codeOf(tokens: Tokens, token: string): Promise<string | undefined> {
  return (await rejection(tokens.verify(token))).code
}

import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { toHex } from '../../packages/core/src/bytes.ts'
import { type Addressed, decodeFrame } from '../../packages/core/src/frame.ts'
import { CEILING, KIND } from '../../packages/core/src/protocol.ts'
import { Control } from '../tools/control.ts'
import { GOLDEN_FILE, type Golden } from '../tools/golden.ts'
import { heap } from '../tools/heap.ts'
import { MALFORMED, ours } from '../tools/malformed.ts'
import { RawClient, rawHello } from '../tools/raw.ts'
import { test } from '../tools/test.ts'
import { record, until } from '../tools/wait.ts'
import { admitted, rawClient, startServer } from '../tools/websocket.ts'
import { frameBytes, Wire } from '../tools/wire.ts'

const golden = JSON.parse(readFileSync(GOLDEN_FILE, 'utf8')) as { [name: string]: Golden }
const hex = (text: string) => Buffer.from(text.replace(/ /g, ''), 'hex')
const zeros = (size: number) => Buffer.alloc(size)
test('hostile frames: each malformed one closes its own socket with its code, and nobody else notices', async t => {
  const server = await startServer(t)
  const control = await Control.start(t, server.url)
  const ends = record(server, 'disconnection')
  await control.watches(t, async () => {
    for (const [name, bytes, code] of MALFORMED) {
      const { wire, raw } = await admitted(t, server.url)
      wire.write(bytes)
      await raw.settled()
      t.equal(raw.closed?.code, code, name)
    }
  })
  await until(() => server.stats().sockets === 2, 'only the control clients are left')
  const codes = ends.map(({ args }) => args[1].code)
  t.same(
    codes,
    MALFORMED.map(([, , code]) => code),
    'each was told to the server once, with its code'
  )
})

test('hostile frames: before hello nothing but hello is taken', async t => {
  const server = await startServer(t)
  const control = await Control.start(t, server.url)
  const early = Object.entries(golden).filter(([, { fields }]) => fields.kind !== 'hello')
  await control.watches(t, async () => {
    for (const [name, frame] of early) {
      const { wire, raw } = await rawClient(t, server.url)
      wire.send(hex(frame.hex))
      await raw.settled()
      t.equal(raw.closed?.code, 4500, name)
    }
  })
})

test('hostile frames: every golden frame of version 1 is still understood, whoever sends it', async t => {
  const audience = 'wss://signal.example'
  const server = await startServer(t, { publicUrls: audience })
  for (const [name, { hex: bytes, fields }] of Object.entries(golden)) {
    const { wire, raw } = await rawClient(t, server.url)
    await raw.next('challenge')
    if (fields.kind === 'hello') {
      wire.send(hex(bytes))
      await raw.settled(() => raw.received.some(({ kind }) => kind === 'welcome'))
      // Understood, and refused for what it was signed over: another nonce, or another audience.
      const welcome = !fields.proven && fields.audience === audience
      t.equal(raw.closed?.code, welcome ? undefined : 4509, name)
      continue
    }
    raw.send(rawHello({ id: raw.id, audience }))
    await raw.next('welcome')
    wire.send(hex(bytes))
    raw.send({ kind: 'ping', requestId: 4_000_000_000, received: 0 })
    const isMine = () =>
      raw.received.some(frame => frame.kind === 'pong' && frame.requestId === 4_000_000_000)
    await raw.settled(isMine)
    const fromServers = ['challenge', 'welcome', 'presence', 'update'].includes(String(fields.kind))
    t.equal(raw.closed?.code, fromServers ? 4500 : undefined, name)
  }
})

test('hostile frames: a hello of another version is told so, for good', async t => {
  const server = await startServer(t)
  for (const version of [0, 2, 255]) {
    const { raw } = await rawClient(t, server.url)
    const { versions } = await raw.next('challenge')
    t.same(versions, [1], 'the server says what it speaks')
    raw.send(rawHello({ version, audience: raw.audience }))
    await raw.settled()
    t.equal(raw.closed?.code, 4501, `version ${version}`)
  }
})

test('hostile frames: an unknown kind that asks is answered, one that does not is ignored', async t => {
  const server = await startServer(t)
  const { wire, raw } = await admitted(t, server.url)
  const known = new Set<number>(Object.values(KIND))
  const unknown = Array.from({ length: 256 }, (_, kind) => kind).filter(kind => !known.has(kind))
  for (const kind of unknown.slice(0, 60)) {
    wire.send(Buffer.concat([Buffer.of(kind), hex('ff 00000000'), randomBytes(kind)]))
    wire.send(
      Buffer.concat([Buffer.of(kind), hex(`ff 000001${kind.toString(16).padStart(2, '0')}`), randomBytes(9)])
    )
    const { code } = await raw.next('error', ({ requestId }) => requestId === 256 + kind)
    if (code !== 'UNSUPPORTED') t.fail(`kind ${kind}: ${code}`)
  }
  raw.send({ kind: 'ping', requestId: 5, received: 0 })
  await raw.next('pong')
  t.equal(raw.received.filter(({ kind }) => kind === 'error').length, 60, 'one answer for each that asked')
})

test('hostile frames: 1,000 with giant counts and lengths take no memory', async t => {
  const server = await startServer(t)
  const control = await Control.start(t, server.url)
  const count = hex('ffff')
  const giants = [
    ours('presence', zeros(32), count),
    ours('presence', zeros(32), hex('03e8'), zeros(40)),
    ours('join', zeros(32), hex('ffff'), count),
    ours('error', zeros(4), hex('0001 41'), count),
    ours('challenge', hex('ff')),
    ours('hello', zeros(69), count),
    frameBytes(zeros(100), { length: BigInt(CEILING.payload) * 1024n }),
    frameBytes(zeros(0), { length: (1n << 53n) - 1n }),
    frameBytes(zeros(100), { length: 65_536n })
  ]
  const strike = async (rounds: number) => {
    for (let round = 0; round < rounds; round++) {
      const wire = await Wire.dial(server.url)
      const raw = new RawClient(wire, undefined, new URL(server.url).origin)
      await raw.hello()
      wire.write(giants[round % giants.length] as Buffer)
      if (round % giants.length < 8) await raw.settled()
      wire.destroy()
    }
    await until(() => server.stats().sockets === 2, 'the server forgets them')
  }
  await strike(90) // What is compiled and cached at first is no leak.
  const before = await heap()
  await control.watches(t, () => strike(1_000))
  const grown = (await heap()) - before
  t.ok(grown < 5_000_000, `${grown} bytes after 1,000 of them`)
})

test('hostile frames: ids and topics of 0 to 64 bytes in place of 32 are refused, or stand for nobody', async t => {
  const server = await startServer(t, { frameRate: 1e6, frameBurst: 1e6, joinRate: 1e6, joinBurst: 1e6 })
  const [victim, attacker] = [await admitted(t, server.url), await admitted(t, server.url)]
  const topic = randomBytes(32)
  for (const { raw } of [victim, attacker]) {
    await raw.join(topic, { watch: true })
  }
  await victim.raw.next('presence')
  const heard = victim.raw.received.length
  /** The fields of each kind: those of 32 bytes by their value, all others as they stand. */
  const id = { victim: Buffer.from(victim.raw.id), topic }
  const kinds: [keyof typeof KIND, Buffer[], Buffer][] = [
    ['join', [id.topic], hex('0000 0000')],
    ['leave', [id.topic], zeros(0)],
    ['lookup', [id.topic], Buffer.concat([hex('0001'), zeros(32)])],
    ['watch', [id.topic, id.victim], zeros(0)],
    ['moderate', [id.topic, id.victim], Buffer.from('null')],
    ['history', [id.topic], zeros(10)],
    ...(['offer', 'answer', 'refusal', 'remoteConnect', 'cancel', 'signal', 'message'] as const).map(
      kind => [kind, [id.victim, id.topic, randomBytes(32)], zeros(68)] as [typeof kind, Buffer[], Buffer]
    )
  ]
  let [sent, closed, refused] = [0, 0, 0]
  for (const [kind, fields, rest] of kinds) {
    for (const [at, field] of fields.entries()) {
      const wrong = Array.from({ length: 65 }, (_, size) => size).filter(size => size !== 32)
      for (const size of wrong) {
        const resized = Buffer.concat([field, zeros(32)]).subarray(0, size)
        // A byte that is no zero first, so that what is shifted stands for nobody.
        const parts = fields.map((each, other) =>
          other === at ? Buffer.concat([hex('aa'), resized]).subarray(0, size) : each
        )
        const bytes = Buffer.concat([Buffer.of(KIND[kind]), hex('00 00000000'), ...parts, rest])
        sent++
        if (outcome(bytes) === 'BAD_FRAME') closed++
        else {
          refused++
          attacker.wire.send(bytes)
        }
      }
    }
  }
  attacker.raw.send({ kind: 'ping', requestId: 6, received: 0 })
  await attacker.raw.settled(() => attacker.raw.received.some(({ kind }) => kind === 'pong'))
  t.notOk(
    attacker.raw.closed,
    `of ${sent}, ${closed} are BAD_FRAME; ${refused} read as another frame, all were sent`
  )
  victim.raw.send({ kind: 'ping', requestId: 6, received: 0 })
  await victim.raw.next('pong')
  const told = victim.raw.received.slice(heard).filter(({ kind }) => kind !== 'pong')
  const named = told.map(frame => toHex((frame as Addressed).address ?? zeros(0)))
  t.same([...new Set(named)], [toHex(attacker.raw.id)], 'what reached the victim says who sent it')
  const signals = told.every(({ kind }) => kind === 'signal' || kind === 'cancel')
  t.ok(signals, 'and is of sessions that it never heard of')
  for (const size of [0, 31, 33, 64]) {
    const { wire, raw } = await admitted(t, server.url)
    wire.write(ours('leave', zeros(size)))
    await raw.settled()
    t.equal(raw.closed?.code, 4500, `a topic of ${size} bytes`)
  }
})

function outcome(bytes: Uint8Array): string {
  try {
    return decodeFrame(bytes).kind
  } catch (error) {
    return (error as { code: string }).code
  }
}

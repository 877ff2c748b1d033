import { NO_SIGNATURE, ZERO_ID } from '../../packages/core/src/bytes.ts'
import { Addressed, createAddressed } from '../../packages/core/src/frame.ts'
import { createCrypto } from '../../packages/core/src/identity.ts'
import { type AddressedKind, FLAG, KIND } from '../../packages/core/src/protocol.ts'
import { ReplayWindow, Seal, sameSignature, type VerifyPolicy } from '../../packages/core/src/seal.ts'
import { flip, RFC8032 } from '../tools/bytes.ts'
import { test } from '../tools/test.ts'

const [ALICE, BOB, CAROL] = RFC8032
const crypto = createCrypto()
const TOPIC = new Uint8Array(32).fill(0x70)
const RE = new Uint8Array(64).fill(0x11)

async function seal(
  keys: (typeof RFC8032)[number],
  verify: VerifyPolicy = 'required',
  bare = false
): Promise<Seal> {
  const identity = bare ? undefined : await crypto.identity(keys)
  return new Seal({ id: keys.publicKey, identity, crypto, verify })
}

interface Sent {
  kind?: AddressedKind
  flags?: number
  to?: Uint8Array
  seq?: number
  re?: Uint8Array
  by?: Seal
}

/** A frame of Alice's, as its server delivers it. */
async function sent({
  kind = 'answer',
  flags = FLAG.json,
  to = BOB.publicKey,
  seq = 7,
  re = RE,
  by
}: Sent = {}) {
  const sender = by ?? (await seal(ALICE))
  const fields = { topic: TOPIC, session: new Uint8Array(32).fill(0x5e), seq, body: Buffer.from('{"a":1}') }
  const frame = createAddressed(kind, { flags: flags | sender.flags, address: to, ...fields })
  await sender.sign(frame, re)
  frame.address = ALICE.publicKey
  return frame
}

async function outcome(receiver: Seal, frame: Addressed, re: Uint8Array = RE): Promise<string> {
  return receiver.check(frame, re).then(
    () => 'taken',
    (error: { code: string }) => error.code
  )
}

test('seal: what was sent is taken, every kind of it, by Uint8Array and by Buffer', async t => {
  const bob = await seal(BOB)
  for (const kind of Object.keys(KIND).filter(
    kind => KIND[kind as AddressedKind] >= 0x20
  ) as AddressedKind[]) {
    const flags = kind === 'message' ? FLAG.direct : 0
    const frame = await sent({ kind, flags })
    t.equal(await outcome(bob, frame), 'taken', kind)
    t.equal(await outcome(bob, new Addressed(Buffer.from(frame.bytes), kind)), 'taken', `${kind}, a Buffer`)
  }
})

test('seal: one changed bit of anything that is covered is refused', async t => {
  const bob = await seal(BOB)
  const frame = await sent()
  t.equal(await outcome(bob, frame), 'taken', 'as it is')
  const fields: { [name: string]: [number, number] } = {
    kind: [0, 1],
    flags: [1, 2],
    from: [6, 38],
    topic: [38, 70],
    session: [70, 102],
    seq: [102, 106],
    signature: [106, 170],
    body: [170, frame.bytes.length]
  }
  for (const [name, [from, to]] of Object.entries(fields)) {
    const taken: number[] = []
    for (let bit = from * 8; bit < to * 8; bit++) {
      const bytes = flip(frame.bytes, bit)
      // A changed kind is read as its own number says; what counts is the byte.
      if ((await outcome(bob, new Addressed(bytes, frame.kind))) === 'taken') taken.push(bit)
    }
    t.deepEqual(taken, [], `${name}: ${(to - from) * 8} bits`)
  }
  const wrong = []
  for (let bit = 0; bit < 64 * 8; bit++) {
    if ((await outcome(bob, frame, flip(RE, bit))) !== 'BAD_SIGNATURE') wrong.push(bit)
  }
  t.deepEqual(wrong, [], 're: 512 bits')
  t.equal(await outcome(await seal(CAROL), frame), 'BAD_SIGNATURE', 'to: meant for another')
})

test('seal: a byte more or less of the body is refused', async t => {
  const bob = await seal(BOB)
  const { bytes, kind } = await sent()
  const longer = new Uint8Array(bytes.length + 1)
  longer.set(bytes)
  t.equal(await outcome(bob, new Addressed(longer, kind)), 'BAD_SIGNATURE')
  t.equal(await outcome(bob, new Addressed(bytes.slice(0, -1), kind)), 'BAD_SIGNATURE')
  t.equal(await outcome(bob, new Addressed(bytes.slice(0, 170), kind)), 'BAD_SIGNATURE', 'none of it')
})

test("seal: the request id is the server's to change, and not covered", async t => {
  const frame = await sent()
  frame.requestId = 0xffffffff
  t.equal(await outcome(await seal(BOB), frame), 'taken')
})

test('seal: a direct message is for one, any other for everybody, and neither can be made the other', async t => {
  const bob = await seal(BOB)
  const direct = await sent({ kind: 'message', flags: FLAG.direct })
  const open = await sent({ kind: 'message', flags: 0, to: ZERO_ID })
  t.equal(await outcome(bob, direct), 'taken')
  t.equal(await outcome(bob, open), 'taken')
  t.equal(await outcome(await seal(CAROL), open), 'taken', 'everybody')
  t.equal(await outcome(await seal(CAROL), direct), 'BAD_SIGNATURE', 'one')
  for (const frame of [direct, open]) {
    const other = new Addressed(flip(frame.bytes, 8 + 1), 'message')
    t.notEqual(other.flags & FLAG.direct, frame.flags & FLAG.direct)
    t.equal(await outcome(bob, other), 'BAD_SIGNATURE', 'the flag')
  }
  const unflagged = await sent({ kind: 'message', flags: 0 })
  t.equal(await outcome(bob, unflagged), 'BAD_SIGNATURE', 'addressed to one, without the flag')
  const flagged = await sent({ kind: 'offer', flags: FLAG.direct, to: ZERO_ID })
  t.equal(await outcome(bob, flagged), 'BAD_SIGNATURE', 'an offer to everybody')
})

test('seal: each policy judges a right, a wrong, a missing and a taken-away signature', async t => {
  const bareAlice = await seal(ALICE, 'off', true)
  const right = await sent()
  const bare = await sent({ by: bareAlice })
  t.equal(bare.flags & FLAG.bare, FLAG.bare, 'who has no key says so')
  t.ok(bare.signature.every(byte => byte === 0))
  t.equal(right.flags & FLAG.bare, 0)
  const wrong = new Addressed(flip(right.bytes, 110 * 8), 'answer')
  const stripped = new Addressed(right.bytes.slice(), 'answer')
  stripped.signature = NO_SIGNATURE
  const table = [
    ['required', 'taken', 'BAD_SIGNATURE', 'UNPROVEN_ID', 'BAD_SIGNATURE'],
    ['optional', 'taken', 'BAD_SIGNATURE', 'taken', 'BAD_SIGNATURE'],
    ['off', 'taken', 'taken', 'taken', 'taken']
  ] as const
  for (const [policy, ...expected] of table) {
    for (const [i, frame] of [right, wrong, bare, stripped].entries()) {
      // A new receiver each time: none has seen Alice sign.
      const receiver = await seal(BOB, policy)
      t.equal(
        await outcome(receiver, frame),
        expected[i],
        `${policy}: ${['right', 'wrong', 'bare', 'stripped'][i]}`
      )
    }
  }
})

test('seal: optional refuses a bare frame of an id that has signed before, and of no other', async t => {
  const bob = await seal(BOB, 'optional')
  const bare = await sent({ by: await seal(ALICE, 'off', true) })
  t.equal(await outcome(bob, bare), 'taken', 'before')
  const wrong = new Addressed(flip((await sent()).bytes, 110 * 8), 'answer')
  t.equal(await outcome(bob, wrong), 'BAD_SIGNATURE')
  t.equal(await outcome(bob, bare), 'taken', 'a wrong signature is none of hers')
  t.equal(await outcome(bob, await sent()), 'taken', 'she signs')
  t.equal(await outcome(bob, bare), 'BAD_SIGNATURE', 'after')
  bare.address = CAROL.publicKey
  t.equal(await outcome(bob, bare), 'taken', 'of another')
})

test('seal: a policy may depend on peer and topic', async t => {
  const asked: [Uint8Array, Uint8Array][] = []
  const bob = await seal(BOB, (id, topic) => {
    asked.push([id, topic])
    return topic[0] === 0x70 ? 'required' : 'off'
  })
  const bare = await sent({ by: await seal(ALICE, 'off', true) })
  t.equal(await outcome(bob, bare), 'UNPROVEN_ID')
  t.same(asked, [[ALICE.publicKey, TOPIC]])
  t.equal(bob.policy(ALICE.publicKey, ZERO_ID), 'off')
})

test('seal: a policy that gives no word, or an odd one, is the strict one', async t => {
  const frame = await sent({ by: await seal(ALICE, 'required', true) })
  for (const given of [undefined, null, true, 'none']) {
    t.equal(await outcome(await seal(BOB, () => given as never), frame), 'UNPROVEN_ID', String(given))
  }
})

test('seal: a key of small order signs for nobody', async t => {
  const frame = await sent()
  frame.address = Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 1 : 0))
  frame.signature = Uint8Array.from({ length: 64 }, (_, i) => (i === 0 ? 1 : 0))
  t.equal(await outcome(await seal(BOB), frame), 'BAD_SIGNATURE')
})

test('replay window: each number once, in order or not, with gaps, 64 back and no further', t => {
  const window = new ReplayWindow()
  const accepted = (...numbers: number[]) => numbers.filter(seq => window.accept(seq))
  t.deepEqual(accepted(1, 2, 3), [1, 2, 3], 'in order')
  t.deepEqual(accepted(1, 2, 3), [], 'again')
  t.deepEqual(accepted(10, 7, 9, 8, 7, 10), [10, 7, 9, 8], 'with a gap, out of order')
  t.deepEqual(accepted(4, 5, 6, 4), [4, 5, 6], 'the gap is filled')
  t.deepEqual(accepted(200), [200])
  t.deepEqual(accepted(136, 137, 138, 137, 136), [137, 138], '63 below the highest is the last')
  t.deepEqual(accepted(263, 199, 200, 201), [263, 201], 'the window moved with the highest')
  t.end()
})

test('replay window: 0 counts as a number, and so does the largest', t => {
  const first = new ReplayWindow()
  t.ok(first.accept(0))
  t.notOk(first.accept(0))
  t.ok(first.accept(1))
  const last = new ReplayWindow()
  t.ok(last.accept(0xffffffff))
  t.notOk(last.accept(0xffffffff))
  t.notOk(last.accept(0))
  t.ok(last.accept(0xffffffff - 63))
  t.notOk(last.accept(0xffffffff - 64))
  t.ok(new ReplayWindow().accept(64), 'a first number that is far')
  t.end()
})

test('replay window: it agrees with a plain list, on 20,000 numbers', t => {
  const window = new ReplayWindow()
  const seen = new Set<number>()
  let [top, state, wrong] = [0, 12345, 0]
  for (let i = 0; i < 20_000; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    const seq = Math.max(0, top - 80 + ((state >>> 8) % 100))
    const fresh = !seen.has(seq) && seq > top - 64
    if (window.accept(seq) !== fresh) wrong++
    if (fresh) seen.add(seq)
    top = Math.max(top, seq)
  }
  t.equal(wrong, 0)
  t.ok(top > 1000 && seen.size > 1000, `${seen.size} numbers up to ${top}`)
  t.end()
})

test('seal: two signatures are the same only if they are signatures', t => {
  t.ok(sameSignature(RE, RE.slice()))
  t.notOk(sameSignature(RE, flip(RE, 511)))
  t.notOk(sameSignature(NO_SIGNATURE, NO_SIGNATURE), 'two frames without one are not the same')
  t.end()
})

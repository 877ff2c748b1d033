import { type SignalError, toKey } from 'socket-signal'
import { seededRandom } from 'socket-signal-testing'
import { MAX } from '../../packages/swarm/src/bounds.ts'
import { decodeWord, encodeWord, type Said } from '../../packages/swarm/src/wire.ts'
import { test } from '../tools/test.ts'

const ids = [1, 2, 3, 4].map(byte => toKey(new Uint8Array(32).fill(byte)))
const [topic, id] = ids as [string, string]
const frame = Uint8Array.of(1, 2, 3)
const WORDS: Said[] = [
  { kind: 'beat', topic, degree: 7, root: { id, beat: 2 ** 32 - 1 }, near: ids },
  { kind: 'ping' },
  { kind: 'pong' },
  { kind: 'add', topic, needy: true },
  { kind: 'drop', topic },
  { kind: 'broadcast', hops: MAX.hops, frame },
  { kind: 'late', began: Date.UTC(2100, 1) },
  { kind: 'carry', at: 3, path: ids, frame }
]

test('swarm wire: each word comes as it went; cut short or with a byte too many it is BAD_FRAME or another word', async t => {
  for (const word of WORDS) {
    const bytes = encodeWord(word)
    t.deepEqual(decodeWord(bytes), word, word.kind)
    for (let size = 0; size < bytes.length; size++) {
      const read = outcome(bytes.subarray(0, size))
      if (read !== 'BAD_FRAME' && !('frame' in word)) t.fail(`${word.kind} of ${size} bytes is ${read}`)
    }
  }
})

test('swarm wire: whatever comes, nothing but BAD_FRAME is thrown', async t => {
  const random = seededRandom(1)
  for (let run = 0; run < 20_000; run++) {
    const bytes = Uint8Array.from({ length: random() * 200 }, () => random() * 256)
    bytes[0] = run % 9
    const read = outcome(bytes)
    if (read !== 'BAD_FRAME' && typeof read !== 'object') t.fail(`run ${run}: ${read}`)
  }
  t.pass('20,000 times')
})

test('swarm wire: a broadcast may be as long as one is at most, and no longer', async t => {
  const long = (size: number) => encodeWord({ kind: 'broadcast', hops: 0, frame: new Uint8Array(size) })
  t.equal(decodeWord(long(MAX.broadcast + 256)).kind, 'broadcast')
  t.equal(outcome(long(MAX.broadcast + 257)), 'BAD_FRAME', 'what waits to be checked is bounded')
})

test('swarm wire: a path that names somebody twice, or ends before it begins, is none', async t => {
  const [a, b, c] = ids as [string, string, string]
  const carry = (at: number, path: string[]) => outcome(encodeWord({ kind: 'carry', at, path, frame }))
  t.equal(carry(1, [a, b, a]), 'BAD_FRAME')
  t.equal(carry(0, [a, b, c]), 'BAD_FRAME')
  t.equal(carry(3, [a, b, c]), 'BAD_FRAME')
  t.equal(carry(1, [...ids, a]), 'BAD_FRAME', 'too long')
})

function outcome(bytes: Uint8Array) {
  try {
    return decodeWord(bytes)
  } catch (error) {
    return (error as SignalError).code
  }
}

import fc from 'fast-check'
import { decodeBody } from '../../packages/core/src/codec.ts'
import { Addressed, decodeFrame, type Frame } from '../../packages/core/src/frame.ts'
import { KIND } from '../../packages/core/src/protocol.ts'
import { decode, Fuzzer, goldenInputs, instrument, readCorpus } from '../tools/fuzz.ts'
import { readable } from '../tools/golden.ts'
import { test } from '../tools/test.ts'

const SEED = 20_260_119
/** Longer by FUZZ_SECONDS=3600, for instance; then each of the seeds goes on from where it was. */
const SECONDS = Number(process.env.FUZZ_SECONDS ?? 0)
const SEEDS = [1, 2, 3]
const RUNS = 30_000

test('hostile fuzz: the committed corpus is decoded or refused, and knows every kind', t => {
  const corpus = readCorpus()
  const kinds = new Set(corpus.map(input => decode({ decodeFrame, decodeBody }, input).split(' ')[0]))
  for (const kind of [...Object.keys(KIND), 'unknown', 'BAD_FRAME']) t.ok(kinds.has(kind), kind)
  const [fuzzer, plain] = [new Fuzzer(instrument(), 1), new Fuzzer(instrument(), 1)]
  for (const input of corpus) fuzzer.run(input)
  for (const input of goldenInputs()) plain.run(input)
  t.ok(fuzzer.reached > 2 * plain.reached, `${fuzzer.reached} reached, by golden frames ${plain.reached}`)
  t.end()
})

test('hostile fuzz: guided by what it reaches, nothing but a SignalError comes out', {
  timeout: (SECONDS + 60) * 1000
}, async t => {
  const target = instrument()
  const known = new Fuzzer(target, 1)
  for (const input of [...goldenInputs(), ...readCorpus()]) known.run(input)
  const end = Date.now() + SECONDS * 1000
  for (const seed of SEEDS) {
    const fuzzer = new Fuzzer(target, seed)
    for (const input of [...goldenInputs(), ...readCorpus()]) fuzzer.run(input)
    do {
      fuzzer.grow(RUNS)
      await new Promise(setImmediate)
    } while (Date.now() < end - (SECONDS * 1000 * (SEEDS.length - seed)) / SEEDS.length)
    t.ok(
      fuzzer.reached >= known.reached,
      `seed ${seed}: ${fuzzer.runs} runs, reached ${fuzzer.reached} of it`
    )
  }
})

test('hostile fuzz: the same seed finds the same', t => {
  const [one, other] = [5, 5].map(seed => {
    const fuzzer = new Fuzzer(instrument(), seed)
    for (const input of goldenInputs()) fuzzer.run(input)
    fuzzer.grow(2_000)
    return fuzzer.corpus.map(input => input.toString('hex'))
  })
  t.same(one, other)
  t.ok((one?.length ?? 0) > goldenInputs().length / 2, `${one?.length} inputs were kept`)
  t.end()
})

test('hostile fuzz: what stands around a message in memory is never read', t => {
  const inputs = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.constantFrom(...goldenInputs(), ...readCorpus()).chain(input =>
      fc
        .record({ at: fc.nat(input.length), size: fc.nat(input.length), byte: fc.nat(255) })
        .map(({ at, size, byte }) => {
          const changed = Buffer.from(input.subarray(0, Math.max(size, 1)))
          changed[at % changed.length] = byte
          return new Uint8Array(changed)
        })
    )
  )
  fc.assert(
    fc.property(inputs, input => {
      const told = [0x00, 0xff].map(poison => {
        const slab = new Uint8Array(input.length + 2_000).fill(poison)
        slab.set(input, 1_000)
        const message = slab.subarray(1_000, 1_000 + input.length)
        const before = Buffer.from(slab).toString('hex')
        const result = look(message)
        if (Buffer.from(slab).toString('hex') !== before) throw new Error('it was written to')
        return result
      })
      if (told[0] !== told[1]) throw new Error(`${told[0]}\nis not\n${told[1]}`)
    }),
    { seed: SEED, numRuns: 10_000 }
  )
  t.pass('10,000 messages between zeros and between ones')
  t.end()
})

function look(message: Uint8Array): string {
  try {
    const frame = decodeFrame(message)
    for (const view of views(frame)) {
      const from = view.byteOffset - message.byteOffset
      if (from < 0 || from + view.length > message.length)
        throw new Error('a field lies outside of its message')
    }
    return JSON.stringify(readable(frame))
  } catch (error) {
    if ((error as { code?: string }).code === 'BAD_FRAME') return String(error)
    throw error
  }
}

/** Every part of a frame that is a view of the message it came in. */
function views(frame: Frame): Uint8Array[] {
  const values =
    frame instanceof Addressed ? [frame.bytes, frame.body, frame.signature] : Object.values(frame)
  return values.flat().flatMap((value: unknown) => {
    if (value instanceof Uint8Array) return value.length > 0 ? [value] : []
    return typeof value === 'object' && value
      ? Object.values(value).filter(part => part instanceof Uint8Array && part.length > 0)
      : []
  })
}

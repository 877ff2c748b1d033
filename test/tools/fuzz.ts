import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildSync } from 'esbuild'
import { createInstrumenter } from 'istanbul-lib-instrument'
import type * as codec from '../../packages/core/src/codec.ts'
import type * as frame from '../../packages/core/src/frame.ts'
import { GOLDEN_FILE } from './golden.ts'

const CORPUS_FILE = fileURLToPath(new URL('../hostile/corpus/frames.txt', import.meta.url))

/** How often each statement ran, and each arm of each branch, since it was last asked. */
interface Counters {
  s: { [statement: string]: number }
  b: { [branch: string]: number[] }
}

/** What is fuzzed: the decoder and the reader of bodies, as one script that counts what it runs. */
export interface Target extends Pick<typeof frame, 'decodeFrame'>, Pick<typeof codec, 'decodeBody'> {
  counters: Counters
  /** Small numbers in its source: kinds, sizes and ceilings, by which a mutation gets further than by chance. */
  numbers: number[]
}

export function instrument(): Target {
  const contents = `export { decodeFrame } from './frame.ts'\nexport { decodeBody } from './codec.ts'`
  const stdin = { contents, resolveDir: resolve('packages/core/src'), loader: 'ts' } as const
  const { outputFiles } = buildSync({ stdin, bundle: true, format: 'cjs', write: false })
  const source = outputFiles[0]?.text ?? ''
  const code = createInstrumenter({ esModules: false, compact: true }).instrumentSync(source, 'decoder')
  const module = { exports: {} as Target }
  new Function('module', 'exports', code)(module, module.exports)
  const { __coverage__ } = globalThis as unknown as { __coverage__: { decoder: Counters } }
  const written = source.match(/\b0x[0-9a-f]{1,2}\b|\b\d{1,3}\b/gi) ?? []
  const numbers = [...new Set(written.map(Number).filter(number => number < 256))]
  return { ...module.exports, counters: __coverage__.decoder, numbers }
}

/** Grows a corpus: an input that reaches something new is kept, and mutated further. The same for the same seed. */
export class Fuzzer {
  readonly corpus: Buffer[] = []
  runs = 0
  readonly #target: Target
  readonly #seen = new Set<string>()
  #state: number

  constructor(target: Target, seed: number) {
    this.#target = target
    this.#state = seed
    // What ran when it was loaded was reached by no input.
    this.#count()
    this.#seen.clear()
  }

  /** How much has been reached: statements by the order of their count, arms of branches, and what became of kinds. */
  get reached(): number {
    return this.#seen.size
  }

  /** Runs one input. Gives whether it reached something new; throws what no decoder may throw. */
  run(input: Buffer): boolean {
    this.runs++
    const before = this.reached
    // The layout of frames is a table, so that kinds share their statements: what became of each kind counts as well.
    this.#seen.add(`${Math.min(input[0] ?? 0, 0x30)} ${decode(this.#target, input)}`)
    this.#count()
    const fresh = this.reached > before
    if (fresh) this.corpus.push(input)
    return fresh
  }

  /** Runs so many mutations of what is known. */
  grow(runs: number): void {
    for (let run = 0; run < runs; run++) this.run(this.#mutate(this.#pick(this.corpus) ?? Buffer.alloc(0)))
  }

  #count(): void {
    const { s, b } = this.#target.counters
    for (const [id, count] of Object.entries(s)) {
      // By the order of magnitude: a loop that runs a hundred times is another thing than one that runs once.
      if (count > 0) this.#seen.add(`${id}:${Math.min(5, Math.floor(Math.log2(count + 1)))}`)
      s[id] = 0
    }
    for (const [id, arms] of Object.entries(b)) {
      for (const [arm, count] of arms.entries()) if (count > 0) this.#seen.add(`${id}.${arm}`)
      arms.fill(0)
    }
  }

  #mutate(input: Buffer): Buffer {
    let bytes: Buffer = Buffer.from(input)
    for (let times = 1 + this.#below(4); times > 0; times--) bytes = this.#change(bytes)
    return bytes.subarray(0, 4096)
  }

  #change(bytes: Buffer): Buffer {
    const at = this.#below(bytes.length + 1)
    const number = () => this.#pick(this.#target.numbers) ?? 0
    const splice = (part: Uint8Array, from = at) =>
      Buffer.concat([bytes.subarray(0, at), part, bytes.subarray(from)])
    switch (this.#below(8)) {
      case 0:
        return splice(Buffer.of(this.#below(256)), at + 1)
      case 1:
        return splice(Buffer.of((bytes[at] ?? 0) ^ (1 << this.#below(8))), at + 1)
      case 2:
        return splice(Buffer.of(this.#below(2) ? number() : this.#below(256)))
      case 3:
        return bytes.subarray(0, at)
      case 4:
        return splice(Buffer.of(number()), at + 1)
      case 5: {
        const other = this.#pick(this.corpus) ?? bytes
        return splice(other.subarray(this.#below(other.length + 1)), bytes.length)
      }
      case 6:
        return splice(Buffer.of(0, this.#below(2) ? number() : this.#below(256)), at + 2)
      default:
        return splice(Buffer.alloc(this.#below(80), this.#below(256)))
    }
  }

  #pick<T>(list: readonly T[]): T | undefined {
    return list[this.#below(list.length)]
  }

  /** xorshift32. */
  #below(end: number): number {
    this.#state ^= this.#state << 13
    this.#state ^= this.#state >>> 17
    this.#state ^= this.#state << 5
    return (this.#state >>> 0) % Math.max(end, 1)
  }
}

/** Decodes a message, and its bytes as a body. Throws unless they are taken, or refused with a code that is meant. */
export function decode(target: Pick<Target, 'decodeFrame' | 'decodeBody'>, input: Uint8Array): string {
  return `${outcome(() => target.decodeFrame(input))} ${outcome(() => target.decodeBody({ flags: 1, body: input }))}`
}

function outcome(work: () => unknown): string {
  try {
    const value = work() as { kind?: unknown } | null
    return typeof value?.kind === 'string' ? value.kind : 'taken'
  } catch (error) {
    const { name, code = '' } = error as Error & { code?: string }
    if (name === 'SignalError' && ['BAD_FRAME', 'INVALID_ARGUMENT'].includes(code)) return code
    throw error
  }
}

/** The committed corpus, one input a line as hex. */
export function readCorpus(): Buffer[] {
  return readFileSync(CORPUS_FILE, 'utf8')
    .trim()
    .split('\n')
    .map(line => Buffer.from(line, 'hex'))
}

/** The golden frames, from which a new corpus is grown. */
export function goldenInputs(): Buffer[] {
  const golden = JSON.parse(readFileSync(GOLDEN_FILE, 'utf8')) as { [name: string]: { hex: string } }
  return Object.values(golden).map(({ hex }) => Buffer.from(hex, 'hex'))
}

// `node --import tsx test/tools/fuzz.ts 1000000` writes the corpus anew, as that many runs find it.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const fuzzer = new Fuzzer(instrument(), 1)
  for (const input of goldenInputs()) fuzzer.run(input)
  fuzzer.grow(Number(process.argv[2] ?? 100_000))
  // The shortest first, so that what a longer one reaches too is left out.
  const least = new Fuzzer(instrument(), 1)
  for (const input of fuzzer.corpus.sort((a, b) => a.length - b.length)) least.run(input)
  writeFileSync(CORPUS_FILE, `${least.corpus.map(input => input.toString('hex')).join('\n')}\n`)
  console.log(
    `${fuzzer.runs} runs reached ${fuzzer.reached}; ${least.corpus.length} inputs reach ${least.reached}`
  )
}

import { encodeMessage, MAX_NOTES } from './note.ts'

export interface OutboxOptions {
  node: string
  relay(node: string, message: Buffer): Promise<unknown>
  /** A message did not go out, with the frames of these numbers. */
  onfailed(seqs: readonly number[], error: Error): void
}

/** What goes to one node in its next message. `urgent`: at the end of this turn, or when the one before is through. */
interface Batch {
  notes: Buffer[]
  size: number
  seqs: number[]
  urgent: boolean
}

/** A message to one node. Unit: bytes. */
const MAX_BATCH = 256 * 1024
/** What is not urgent mostly goes along with what is. Unit: ms. */
const GAP = 5

/**
 * What is said to other nodes, gathered for each and in order. While one message to a node is on its way to Redis, all that
 * follows is gathered for the next: the more there is to say, the less each note costs.
 */
export class Outbox {
  readonly #options: OutboxOptions
  readonly #batches = new Map<string, Batch>()
  /** Nodes to which a message is on its way to Redis. */
  readonly #busy = new Set<string>()
  #scheduled = false
  #later: NodeJS.Timeout | undefined

  constructor(options: OutboxOptions) {
    this.#options = options
  }

  /** Says it at the end of this turn. `seq`: the number of the frame that it is. */
  say(node: string, note: Buffer, seq?: number): void {
    const batch = this.#add(node, note)
    batch.urgent = true
    if (seq !== undefined) batch.seqs.push(seq)
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#flushAll()
    })
  }

  /** Says it soon, along with other things. */
  sayLater(node: string, note: Buffer): void {
    this.#add(node, note)
    this.#later ??= setTimeout(() => {
      this.#later = undefined
      this.flush()
    }, GAP)
  }

  /** Says now what could wait. */
  flush(): void {
    for (const batch of this.#batches.values()) batch.urgent = true
    this.#flushAll()
  }

  /** Forgets all of it. */
  clear(): void {
    clearTimeout(this.#later)
    this.#later = undefined
    this.#batches.clear()
  }

  #add(node: string, note: Buffer): Batch {
    let batch = this.#batches.get(node)
    if (batch && (batch.size + note.length > MAX_BATCH || batch.notes.length === MAX_NOTES)) {
      this.#flush(node, batch)
      batch = undefined
    }
    if (!batch) this.#batches.set(node, (batch = { notes: [], size: 0, seqs: [], urgent: false }))
    batch.notes.push(note)
    batch.size += note.length
    return batch
  }

  #flushAll(): void {
    for (const [node, batch] of this.#batches)
      if (batch.urgent && !this.#busy.has(node)) this.#flush(node, batch)
  }

  #flush(node: string, { notes, seqs }: Batch): void {
    const { node: own, relay, onfailed } = this.#options
    this.#batches.delete(node)
    this.#busy.add(node)
    const through = () => {
      this.#busy.delete(node)
      const next = this.#batches.get(node)
      if (next?.urgent) this.#flush(node, next)
    }
    relay(node, encodeMessage(own, notes))
      .catch(error => onfailed(seqs, error))
      .finally(through)
  }
}

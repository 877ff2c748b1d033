import { type ReplyTo, toKey } from 'socket-signal'
import { encodeAck, encodeFrameNote, encodeMessage, MAX_NOTES, Result, setSeq } from './note.ts'
import { unavailable } from './pulse.ts'

export interface RoutesOptions {
  node: string
  timeout: number
  /** The node that holds a mailbox. */
  find(key: string): Promise<string | undefined>
  /** To a mailbox of this node. */
  deliver(key: string, frame: Buffer, replyTo?: ReplyTo): boolean
  relay(node: string, message: Buffer): Promise<unknown>
  /** Nobody will answer a request of this mailbox any more. */
  onunanswered(key: string, requestId: number): void
}

/** A frame on its way to another node. */
interface Sent {
  route: Route
  /** The encoded note, of which the number is still to be set. */
  note: Buffer
  frame: Buffer
  replyTo?: ReplyTo | undefined
  tries: number
  at: number
  node: string
  settle(result: boolean | Error): void
}

/** The way to one mailbox, and what waits to go it. */
interface Route {
  key: string
  node?: string | undefined
  queue: Sent[]
  /** Those that found nobody there, to be sent again when all that fly have landed. */
  back: Sent[]
  flying: number
  asking: boolean
}

/** What goes to one node in its next message. `urgent`: at the end of this turn, or when the one before is through. */
interface Batch {
  notes: Buffer[]
  size: number
  seqs: number[]
  urgent: boolean
}

const MAX_ROUTES = 50_000
/** Frames that wait for their acknowledgement. */
const MAX_FLYING = 50_000
const MAX_TRIES = 4
/** A message to one node. Unit: bytes. */
const MAX_BATCH = 256 * 1024
/** That a frame was taken need not be known at once: mostly it goes along with a frame that goes back. Unit: ms. */
const ACK_GAP = 5
/** Somebody is moving: it takes a while until Redis says where to. Unit: ms. */
const MOVING = 25
/** How long somebody may take to answer a request. Unit: ms. */
const LONGEST_REQUEST = 60_000
const MAX_ASKED = 200_000

/**
 * Frames to mailboxes of other nodes: in order for each mailbox, gathered for each node, acknowledged by it. Where a
 * mailbox is, is asked once; a node that does not have it (any more) says so. While one message to a node is on its way to
 * Redis, all that follows is gathered for the next: the more there is to say, the less each frame costs.
 */
export class Routes {
  readonly #options: RoutesOptions
  readonly #routes = new Map<string, Route>()
  readonly #flying = new Map<number, Sent>()
  readonly #batches = new Map<string, Batch>()
  /** Nodes to which a message is on its way to Redis. */
  readonly #busy = new Set<string>()
  /** Requests that another node has taken, by node. */
  readonly #asked = new Map<string, Map<string, { key: string; requestId: number; at: number }>>()
  #seq = 0
  #sweeper: NodeJS.Timeout | undefined
  #scheduled = false
  #acking: NodeJS.Timeout | undefined

  constructor(options: RoutesOptions) {
    this.#options = options
  }

  /** Whether somebody took the frame. Keeps no view of it. */
  send(to: Uint8Array, frame: Uint8Array, replyTo?: ReplyTo): Promise<boolean> {
    const key = toKey(to)
    if (this.#flying.size >= MAX_FLYING) return Promise.reject(unavailable('too much is on its way'))
    const reply = replyTo && { id: Buffer.from(replyTo.id), requestId: replyTo.requestId }
    const note = encodeFrameNote(to, frame, reply)
    const own = note.subarray(note.length - frame.length)
    return new Promise((resolve, reject) => {
      const settle = (result: boolean | Error) =>
        typeof result === 'boolean' ? resolve(result) : reject(result)
      const route = this.#route(key)
      const sent = { route, note, frame: own, replyTo: reply, tries: 0, at: 0, node: '', settle }
      if (route.node && route.back.length === 0 && route.queue.length === 0) this.#fly(sent)
      else route.queue.push(sent)
      this.#ask(route)
    })
  }

  /** Tells a node what became of its frame. */
  ack(node: string, seq: number, result: Result): void {
    this.#say(node, encodeAck(seq, result), result !== Result.taken)
    this.#acking ??= setTimeout(() => {
      this.#acking = undefined
      this.flush()
    }, ACK_GAP)
  }

  /** Says now what could wait. */
  flush(): void {
    for (const batch of this.#batches.values()) batch.urgent = true
    this.#flushAll()
  }

  /** A node says what became of a frame. */
  onack(from: string, seq: number, result: Result): boolean {
    const sent = this.#flying.get(seq)
    if (sent?.node !== from) return false
    this.#land(seq, sent)
    if (result === Result.taken) {
      this.#remember(sent)
      sent.settle(true)
    } else if (result === Result.refused || ++sent.tries >= MAX_TRIES) sent.settle(false)
    else sent.route.back.push(sent)
    if (result === Result.absent) sent.route.node = undefined
    this.#ask(sent.route)
    return true
  }

  /** Nothing that went to this node will be answered. */
  ondeath(node: string): void {
    for (const [seq, sent] of this.#flying) {
      if (sent.node !== node) continue
      this.#land(seq, sent)
      sent.route.node = undefined
      sent.settle(false)
      this.#ask(sent.route)
    }
    const asked = this.#asked.get(node)
    this.#asked.delete(node)
    for (const { key, requestId } of asked?.values() ?? []) this.#options.onunanswered(key, requestId)
    for (const [key, route] of this.#routes)
      if (route.node === node && route.flying === 0) this.#forget(key, route)
  }

  /** Redis can't be reached: nothing is waited for any more. */
  fail(error: Error): void {
    for (const [seq, sent] of this.#flying) {
      this.#land(seq, sent)
      sent.settle(error)
    }
    for (const route of this.#routes.values()) {
      for (const sent of [...route.back.splice(0), ...route.queue.splice(0)]) sent.settle(error)
    }
    clearTimeout(this.#acking)
    this.#acking = undefined
    this.#batches.clear()
    this.#routes.clear()
  }

  /** Forgets requests that are too old to be answered. */
  sweep(): void {
    const old = performance.now() - LONGEST_REQUEST
    for (const [node, asked] of this.#asked) {
      for (const [key, { at }] of asked) {
        if (at > old) break
        asked.delete(key)
      }
      if (asked.size === 0) this.#asked.delete(node)
    }
  }

  #route(key: string): Route {
    let route = this.#routes.get(key)
    if (route) return route
    route = { key, queue: [], back: [], flying: 0, asking: false }
    this.#routes.set(key, route)
    for (const [oldest, { flying, asking }] of this.#routes) {
      if (this.#routes.size <= MAX_ROUTES) break
      if (flying > 0 || asking) break
      this.#routes.delete(oldest)
    }
    return route
  }

  #forget(key: string, route: Route): void {
    if (this.#routes.get(key) === route && route.queue.length + route.back.length === 0)
      this.#routes.delete(key)
  }

  /** Asks where the mailbox is, if something waits and nothing is in the air that would be overtaken. */
  #ask(route: Route): void {
    const waits = route.queue.length + route.back.length > 0
    if (route.asking || !waits || route.flying > 0) return
    route.asking = true
    const moving = route.back.length > 0
    const before = route.back[0]?.tries ?? 0
    const asked = async () => {
      if (moving && before > 1) await new Promise(resolve => setTimeout(resolve, MOVING))
      return this.#options.find(route.key)
    }
    asked().then(
      node => this.#found(route, node),
      error => this.#settle(route, error)
    )
  }

  #found(route: Route, node: string | undefined): void {
    if (node === undefined) return this.#settle(route, false)
    route.asking = false
    const waiting = [...route.back.splice(0), ...route.queue.splice(0)]
    if (node === this.#options.node) {
      for (const { settle, frame, replyTo } of waiting)
        settle(this.#options.deliver(route.key, frame, replyTo))
      return this.#forget(route.key, route)
    }
    route.node = node
    for (const sent of waiting) this.#fly(sent)
  }

  #settle(route: Route, result: boolean | Error): void {
    route.asking = false
    for (const sent of [...route.back.splice(0), ...route.queue.splice(0)]) sent.settle(result)
    this.#forget(route.key, route)
  }

  #fly(sent: Sent): void {
    const node = sent.route.node as string
    do this.#seq = (this.#seq + 1) % 2 ** 32
    while (this.#flying.has(this.#seq))
    setSeq(sent.note, this.#seq)
    sent.node = node
    sent.at = performance.now()
    sent.route.flying++
    this.#flying.set(this.#seq, sent)
    this.#say(node, sent.note, true).seqs.push(this.#seq)
    this.#sweeper ??= setInterval(() => this.#late(), this.#options.timeout / 4)
  }

  #say(node: string, note: Buffer, urgent: boolean): Batch {
    let batch = this.#batches.get(node)
    if (batch && (batch.size + note.length > MAX_BATCH || batch.notes.length === MAX_NOTES)) {
      this.#flush(node, batch)
      batch = undefined
    }
    if (!batch) this.#batches.set(node, (batch = { notes: [], size: 0, seqs: [], urgent: false }))
    batch.notes.push(note)
    batch.size += note.length
    batch.urgent ||= urgent
    if (urgent && !this.#scheduled) {
      this.#scheduled = true
      setImmediate(() => {
        this.#scheduled = false
        this.#flushAll()
      })
    }
    return batch
  }

  #flushAll(): void {
    for (const [node, batch] of this.#batches)
      if (batch.urgent && !this.#busy.has(node)) this.#flush(node, batch)
  }

  #flush(node: string, { notes, seqs }: Batch): void {
    this.#batches.delete(node)
    this.#busy.add(node)
    const failed = (error: Error) => {
      for (const seq of seqs) {
        const sent = this.#flying.get(seq)
        if (!sent) continue
        this.#land(seq, sent)
        sent.settle(error)
        this.#ask(sent.route)
      }
    }
    const through = () => {
      this.#busy.delete(node)
      const next = this.#batches.get(node)
      if (next?.urgent) this.#flush(node, next)
    }
    this.#options.relay(node, encodeMessage(this.#options.node, notes)).catch(failed).finally(through)
  }

  #land(seq: number, sent: Sent): void {
    this.#flying.delete(seq)
    sent.route.flying--
    if (this.#flying.size > 0) return
    clearInterval(this.#sweeper)
    this.#sweeper = undefined
  }

  /** What was not acknowledged in time: its node hangs, or can't reach Redis. */
  #late(): void {
    const old = performance.now() - this.#options.timeout
    for (const [seq, sent] of this.#flying) {
      if (sent.at > old) return
      this.#land(seq, sent)
      sent.route.node = undefined
      sent.settle(unavailable('the node of that peer does not answer'))
      this.#ask(sent.route)
    }
  }

  #remember({ node, replyTo }: Sent): void {
    if (!replyTo) return
    const key = toKey(replyTo.id)
    const asked = this.#asked.get(node) ?? new Map()
    this.#asked.set(node, asked)
    const { requestId } = replyTo
    if (asked.size < MAX_ASKED) asked.set(`${key}${requestId}`, { key, requestId, at: performance.now() })
  }
}

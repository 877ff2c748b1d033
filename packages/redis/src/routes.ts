import { type ReplyTo, toKey } from 'socket-signal'
import { Asked } from './asked.ts'
import { encodeAck, encodeFrameNote, Result, setSeq } from './note.ts'
import { Outbox } from './outbox.ts'
import { unavailable } from './trouble.ts'

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

const MAX_ROUTES = 50_000
/** Frames that wait for their acknowledgement. */
const MAX_FLYING = 50_000
const MAX_TRIES = 4
/** Somebody is moving: it takes a while until Redis says where to. Unit: ms. */
const MOVING = 25

/**
 * Frames to mailboxes of other nodes: in order for each mailbox, acknowledged by its node. Where a mailbox is, is asked
 * once; a node that does not have it (any more) says so.
 */
export class Routes {
  readonly #options: RoutesOptions
  readonly #routes = new Map<string, Route>()
  readonly #flying = new Map<number, Sent>()
  readonly #outbox: Outbox
  readonly #asked = new Asked()
  #seq = 0
  #sweeper: NodeJS.Timeout | undefined

  constructor(options: RoutesOptions) {
    this.#options = options
    const { node, relay } = options
    this.#outbox = new Outbox({ node, relay, onfailed: (seqs, error) => this.#failed(seqs, error) })
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

  /** Tells a node what became of its frame. That it was taken need not be known at once. */
  ack(node: string, seq: number, result: Result): void {
    const note = encodeAck(seq, result)
    if (result === Result.taken) this.#outbox.sayLater(node, note)
    else this.#outbox.say(node, note)
  }

  /** Says now what could wait. */
  flush(): void {
    this.#outbox.flush()
  }

  /** A node says what became of a frame. Gives whether it may: one that comes late finds nothing that waits. */
  onack(from: string, seq: number, result: Result): boolean {
    const sent = this.#flying.get(seq)
    if (!sent) return true
    if (sent.node !== from) return false
    this.#land(seq, sent)
    if (result === Result.taken) {
      const { node, replyTo } = sent
      if (replyTo) this.#asked.add(node, { key: toKey(replyTo.id), requestId: replyTo.requestId })
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
    for (const { key, requestId } of this.#asked.take(node)) this.#options.onunanswered(key, requestId)
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
    this.#outbox.clear()
    this.#routes.clear()
  }

  /** Forgets requests that are too old to be answered. */
  sweep(): void {
    this.#asked.sweep()
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
    this.#outbox.say(node, sent.note, this.#seq)
    this.#sweeper ??= setInterval(() => this.#late(), this.#options.timeout / 4)
  }

  #failed(seqs: readonly number[], error: Error): void {
    for (const seq of seqs) {
      const sent = this.#flying.get(seq)
      if (!sent) continue
      this.#land(seq, sent)
      sent.settle(error)
      this.#ask(sent.route)
    }
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
}

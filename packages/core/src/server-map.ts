/**
 * The server over maps, or over a backplane, without the client.
 *
 * @module socket-signal/server-map
 */

import { assertChoice, assertFits } from './assert.ts'
import type { Kept } from './away.ts'
import type { Attachment, Backplane, HistoryBounds, Member } from './backplane.ts'
import { Bucket } from './bucket.ts'
import { copy, fromKey, isZero, toKey, ZERO_ID } from './bytes.ts'
import { encodeBody } from './codec.ts'
import { type Connection, peerNotFound } from './connection.ts'
import type { Who } from './connection-options.ts'
import { SignalError } from './errors.ts'
import { Feeds } from './feeds.ts'
import { encodeFrame, type Past } from './frame.ts'
import { completeHistory, type HistoryOptions } from './history.ts'
import { decodeKick, encodeKick } from './kick.ts'
import { fitsPage } from './listing.ts'
import { remember } from './lru.ts'
import { MemoryBackplane } from './memory-backplane.ts'
import {
  type AddressedMsg,
  FORWARDED,
  type HistoryMsg,
  type JoinMsg,
  type LookupMsg,
  type Msg,
  type WatchMsg
} from './message.ts'
import { SocketSignalServer, type SocketSignalServerOptions } from './server.ts'

/** A server's options, where its topics are kept, and who sees into them. */
export interface SocketSignalServerMapOptions extends SocketSignalServerOptions {
  /** Where topics and mailboxes are. Default: a `MemoryBackplane` of its own. */
  backplane?: Backplane
  /**
   * Keeps messages whose sender asks for it (`publish(topic, data, { keep: true })`), for those who ask for them later
   * (`client.history`): of each topic the latest 100, for an hour, 256 KiB, unless it says otherwise. Default: none.
   */
  history?: HistoryOptions
  /** `members`: only who has joined a topic may send offers in it. Default: `anyone`. */
  offers?: 'anyone' | 'members'
  /** `members`: a topic looks empty to who has not joined it. Default: `anyone`. */
  lookups?: 'anyone' | 'members'
}

/** Topics whose messages are counted; who could make so many busy would be stopped by its own rate. */
const BUSY_TOPICS = 4096
const MANY = 500
/** One answer of history, and what of it costs as much as a join. Unit: bytes. */
const ANSWER = 256 * 1024
const PORTION = 16 * 1024

/**
 * The reference server: topics and mailboxes in a backplane, presence to who asked for it. The option hooks run first:
 * they may throw to refuse, and what they give (but for `onJoin`, which is still joined) answers in this class's place.
 */
export class SocketSignalServerMap extends SocketSignalServer {
  readonly #backplane: Backplane
  readonly #ownBackplane: boolean
  readonly #mapOptions: SocketSignalServerMapOptions
  readonly #history: HistoryBounds | undefined
  readonly #feeds: Feeds
  /** What each of the topics in which somebody has spoken lately may still take. */
  readonly #copies = new Map<string, Bucket>()
  /** Those whose socket broke and whose place is kept, with the timer of its end. */
  readonly #away = new Map<Connection, unknown>()
  #unlisten: (() => void) | undefined

  constructor(options: SocketSignalServerMapOptions = {}) {
    super(options)
    const { offers, lookups, backplane } = options
    assertChoice(offers, 'offers', 'anyone or members')
    assertChoice(lookups, 'lookups', 'anyone or members')
    assertFits(!backplane || 'attach' in backplane, 'backplane', 'a backplane', backplane)
    this.#mapOptions = options
    this.#ownBackplane = !options.backplane
    this.#backplane = options.backplane ?? new MemoryBackplane()
    this.#history = options.history === undefined ? undefined : completeHistory(options.history)
    const keeps = !this.#history || (this.#backplane.keep && this.#backplane.recall)
    assertFits(Boolean(keeps), 'backplane', 'one that keeps history, since you want some', backplane)
    const { presenceInterval: interval, maxWatches } = this.limits
    this.#feeds = new Feeds({ backplane: this.#backplane, clock: this.clock, interval, maxWatches })
  }

  /** Where topics and mailboxes are: for doors, and for apps that want to look. */
  get backplane(): Backplane {
    return this.#backplane
  }

  /** As in the base class, with what the backplane of this node holds, and how many are away. */
  override stats(): ReturnType<SocketSignalServer['stats']> &
    ReturnType<Backplane['stats']> & { away: number } {
    return { ...super.stats(), ...this.#backplane.stats(), away: this.#away.size }
  }

  /** As in the base class, and on all other nodes; who is away has no socket to end, and loses its place. */
  override disconnect(who: Who, reason = 'kicked'): number {
    const told = this.#backplane.tell(encodeKick(who, reason))
    if (told instanceof Promise) told.catch(() => {})
    return this.#disconnect(who, reason)
  }

  #disconnect(who: Who, reason: string): number {
    const meant = [...this.#away.keys()].filter(rpc => rpc.is(who))
    for (const rpc of meant) this.#end(rpc)
    return super.disconnect(who, reason) + meant.length
  }

  /**
   * Tells everybody in a topic, or `to` alone, what was decided about one of them: the event `moderated` of their
   * clients. It is the server's word, unsigned. `data`: any JSON.
   */
  async tell(topic: Uint8Array, id: Uint8Array, data: unknown, to?: Uint8Array): Promise<void> {
    const frame = encodeFrame({ kind: 'moderate', topic, id, ...encodeBody(data) })
    await (to ? this.#backplane.send(to, frame) : this.#backplane.publish(topic, frame, ZERO_ID))
  }

  protected override async _open(): Promise<void> {
    await super._open()
    this.#unlisten = this.#backplane.listen(note => {
      const kick = decodeKick(note)
      if (!kick) return
      this.#disconnect(kick.who, kick.reason)
      this.emit('kicked', kick.who, kick.reason)
    })
  }

  protected override async _close(): Promise<void> {
    await super._close()
    this.#unlisten?.()
    await Promise.all([...this.#away.keys()].map(rpc => this.#forget(rpc)))
    this.#feeds.end()
    if (this.#ownBackplane) await this.#backplane.close()
  }

  protected override async _onConnect(rpc: Connection): Promise<void> {
    const { conflict = 'replace' } = this.#mapOptions
    const { id, proven, greeting } = rpc
    const options = { proven, conflict, resumeKey: greeting?.resume?.key }
    const attaching = this.#backplane.attach(id, options, rpc)
    // At once where it is known at once: what happens meanwhile would be missed.
    const attachment = attaching instanceof Promise ? await attaching : attaching
    rpc.attachment = attachment
    if (attachment.resumed) this.#takeOver(rpc, attachment.resumed, attaching !== attachment)
    try {
      await super._onConnect(rpc)
    } catch (error) {
      await this.#forget(rpc)
      throw error
    }
  }

  protected override async _onDisconnect(rpc: Connection): Promise<void> {
    try {
      // First: what an option hook throws, or how long it takes, must not keep somebody in a topic who has gone.
      if (!this.#away.has(rpc)) await this.#forget(rpc)
    } finally {
      await super._onDisconnect(rpc)
    }
  }

  protected override get _resumeWindow(): number {
    return this.limits.resumeWindow
  }

  protected override _onAway(rpc: Connection): boolean {
    const { attachment } = rpc
    const { resumeWindow, maxAway } = this.limits
    if (this.status !== 'open' || !attachment || resumeWindow === 0 || this.#away.size >= maxAway)
      return false
    this.#away.set(
      rpc,
      this.clock.setTimeout(() => this.#end(rpc), resumeWindow)
    )
    const told = attachment.away()
    if (told instanceof Promise) told.catch(error => this.emit('connection-error', error, rpc))
    return true
  }

  protected override _onHandOver(rpc: Connection, resumeKey: Uint8Array): Kept | undefined {
    if (!rpc.isResumedBy(resumeKey)) return undefined
    rpc.breakOff()
    const feeds = this.#feeds.of(rpc).map(([, feed]) => feed)
    // What was gathered until now is the old socket's to know: the next one hears what comes from here on.
    for (const feed of feeds) feed.flush()
    const kept = rpc.pack()
    if (!kept) return undefined
    const watches = feeds.flatMap(feed => feed.ones(rpc))
    const topics = [...rpc.topics].map(key => {
      return { topic: fromKey(key), watch: this.#feeds.get(key)?.hasAll(rpc) ?? false }
    })
    this.#letGo(rpc)
    return { ...kept, topics, watches }
  }

  protected override _onLost(rpc: Connection): void {
    this.#end(rpc)
  }

  protected override _onReply(to: Uint8Array, answer: Uint8Array): void {
    const sent = this.#backplane.send(to, answer)
    // An answer that can't be brought back is not waited for: who asked has a deadline of its own.
    if (sent instanceof Promise) sent.catch(() => {})
  }

  /** The place of one who was away is given up. */
  #end(rpc: Connection): void {
    this.#forget(rpc).catch(error => this.emit('connection-error', error, rpc))
  }

  /** Has left for good: takes it out of everything. */
  async #forget(rpc: Connection): Promise<void> {
    const attachment = this.#letGo(rpc)
    rpc.giveUp()
    await attachment?.detach()
  }

  #letGo(rpc: Connection): Attachment | undefined {
    this.clock.clearTimeout(this.#away.get(rpc))
    this.#away.delete(rpc)
    this.#feeds.forget(rpc)
    const { attachment } = rpc
    rpc.attachment = undefined
    return attachment
  }

  /** Goes on in another socket's place. `late`: what has happened meanwhile was not heard here. */
  #takeOver(rpc: Connection, kept: Kept, late: boolean): void {
    for (const { topic, watch } of kept.topics) {
      rpc.joined(topic)
      if (watch) this.#feeds.add(rpc, topic)
      if (watch && late) rpc.miss(topic)
    }
    for (const { topic, id } of kept.watches) {
      this.#feeds.addOne(rpc, topic, id)
      if (late) rpc.miss(topic)
    }
    rpc.takeOver(kept)
  }

  protected override async _onJoin(rpc: Connection, msg: JoinMsg): Promise<unknown> {
    const { topic, watch, limit, info, id } = msg
    const own = await super._onJoin(rpc, msg)
    await rpc.attachment?.join(topic, info)
    if (rpc.closed && !rpc.away) throw new SignalError('CLOSED', 'the socket has ended')
    if (watch) this.#feeds.add(rpc, topic)
    else this.#feeds.drop(rpc, topic, feed => feed.remove(rpc))
    // A watcher gets everybody, with what they said of themselves; presence goes on from there.
    const wanted = watch ? Number.POSITIVE_INFINITY : Math.min(limit, this.limits.maxLookup)
    const members = await this.#backplane.lookup(topic, { limit: wanted, except: id })
    if (own !== undefined) return own
    return watch ? members : members.map(member => member.id)
  }

  protected override async _onLeave(rpc: Connection, msg: Msg): Promise<void> {
    await super._onLeave(rpc, msg)
    const { topic } = msg
    // Where only members may look, who leaves watches nobody any more.
    const all = this.#mapOptions.lookups === 'members'
    this.#feeds.drop(rpc, topic, feed => (all ? feed.forget(rpc) : feed.remove(rpc)))
    await rpc.attachment?.leave(topic)
  }

  protected override async _onLookup(rpc: Connection, msg: LookupMsg): Promise<unknown> {
    const own = await super._onLookup(rpc, msg)
    if (own !== undefined) return own
    const { topic, limit, after, details, id } = msg
    if (this.#closedTo(rpc, topic, this.#mapOptions.lookups)) return []
    const members = await this.#backplane.lookup(topic, { limit, after, except: id })
    return details ? members : members.map(member => member.id)
  }

  /** Watches one peer by id. Gives whether it is there, and away. */
  protected override async _onWatch(rpc: Connection, { topic, remoteId, watch }: WatchMsg): Promise<unknown> {
    if (this.#closedTo(rpc, topic, this.#mapOptions.lookups)) return { present: false }
    if (watch) {
      this.#feeds.assertRoom(rpc, topic, remoteId)
      this.#feeds.addOne(rpc, topic, remoteId)
    } else this.#feeds.drop(rpc, topic, feed => feed.removeOne(rpc, remoteId))
    const member: Member | undefined = await this.#backplane.find(topic, remoteId)
    return { present: member !== undefined, away: member?.isAway === true }
  }

  /** As well as topics, single peers that may not be watched any more. */
  protected override async _leaveForbidden(rpc: Connection): Promise<void> {
    await super._leaveForbidden(rpc)
    for (const [key] of this.#feeds.of(rpc)) {
      if (!this.#feeds.get(key)?.singles(rpc)) continue
      const topic = fromKey(key)
      if (await this._may(rpc, 'watch', { id: rpc.id, topic })) continue
      this.#feeds.drop(rpc, topic, feed => feed.removeSingles(rpc))
      rpc.resync(topic)
    }
  }

  protected override _onOffer(rpc: Connection, msg: AddressedMsg): unknown {
    return this.#afterHook(super._onOffer(rpc, msg), rpc, msg)
  }

  protected override _onRemoteConnect(rpc: Connection, msg: AddressedMsg): unknown {
    return this.#afterHook(super._onRemoteConnect(rpc, msg), rpc, msg)
  }

  /** At once where the hook is done at once: a signal right behind its offer must not overtake it. */
  #afterHook(own: unknown, rpc: Connection, msg: AddressedMsg): unknown {
    if (own instanceof Promise) return own.then(answer => answer ?? this.#ask(rpc, msg))
    return own ?? this.#ask(rpc, msg)
  }

  protected override _onSignal(rpc: Connection, msg: AddressedMsg): void | Promise<void> {
    const own = super._onSignal(rpc, msg)
    if (own instanceof Promise) return own.then(() => this.#pass(rpc, msg))
    return this.#pass(rpc, msg)
  }

  #pass(rpc: Connection, msg: AddressedMsg): void {
    const { attachment } = rpc
    const sent = attachment?.send ? attachment.send(msg) : this.#backplane.send(msg.remoteId, msg.frame)
    // Nobody is told whether a signal arrived, and the backplane keeps the order: the next frame need not wait.
    if (sent instanceof Promise) sent.catch(error => this.emit('connection-error', error, rpc))
  }

  protected override async _onMessage(rpc: Connection, msg: AddressedMsg): Promise<void> {
    const { remoteId, topic } = msg
    if (isZero(remoteId)) return this.#publish(rpc, msg)
    const there = await this.#backplane.find(topic, remoteId)
    if (!there || !(await this.#backplane.send(remoteId, msg.frame))) throw peerNotFound()
  }

  /** To everybody. What it costs its topic is what it is multiplied by: a small one takes many, one of thousands few. */
  async #publish(rpc: Connection, { topic, frame, keep }: AddressedMsg): Promise<void> {
    const { copyRate, copyBurst } = this.limits
    const key = toKey(topic)
    const bucket = this.#copies.get(key) ?? new Bucket(this.clock, copyRate, copyBurst)
    remember(this.#copies, key, bucket, BUSY_TOPICS)
    if (!bucket.take()) {
      const words = 'too much is said in this topic'
      throw new SignalError('RATE_LIMITED', words, { retryAfterMs: bucket.wait() })
    }
    // Before it is given away, and kept behind it: who is there does not wait for a history.
    const keeps = this.#history && keep && fitsPage(frame, this.limits.maxPayload)
    const kept = keeps ? copy(frame) : undefined
    const published = this.#backplane.publish(topic, frame, rpc.id)
    // At once where it is known at once: others speak in the same turn.
    const copies = typeof published === 'number' ? published : await published
    bucket.force(copies)
    if (this.#history && kept) await this.#keep(rpc, topic, kept, this.#history)
    // So many take a while: all others have their turn before this sender's next frame.
    if (copies > MANY) await new Promise<void>(resolve => this.clock.setTimeout(resolve, 0))
  }

  /** What can't be kept was told all the same: its sender must not say it twice. */
  async #keep(rpc: Connection, topic: Uint8Array, frame: Uint8Array, bounds: HistoryBounds): Promise<void> {
    if (frame.length > bounds.bytes) return
    try {
      await this.#backplane.keep?.(topic, frame, bounds)
    } catch (error) {
      this.emit('connection-error', error, rpc)
    }
  }

  protected override async _onHistory(rpc: Connection, msg: HistoryMsg): Promise<readonly Past[]> {
    const { topic, limit, before } = msg
    if (!this.#history) return super._onHistory(rpc, msg)
    const { length, age, bytes } = this.#history
    const bounds = { length: Math.min(limit, length), age, bytes: Math.min(bytes, ANSWER) }
    const past = (await this.#backplane.recall?.(topic, { ...bounds, before })) ?? []
    // A short question has a long answer.
    const size = past.reduce((sum, { frame }) => sum + frame.length, 0)
    rpc.rates.joins.force(Math.floor(size / PORTION))
    return past
  }

  async #ask(rpc: Connection, msg: AddressedMsg): Promise<unknown> {
    if (this.#closedTo(rpc, msg.topic, this.#mapOptions.offers)) {
      throw new SignalError('NOT_JOINED', 'join the topic before you send offers in it')
    }
    const replyTo = { id: rpc.id, requestId: msg.requestId }
    if (await this.#backplane.send(msg.remoteId, msg.frame, replyTo)) return FORWARDED
    throw peerNotFound()
  }

  #closedTo(rpc: Connection, topic: Uint8Array, policy: 'anyone' | 'members' | undefined): boolean {
    return policy === 'members' && !rpc.hasJoined(topic)
  }
}

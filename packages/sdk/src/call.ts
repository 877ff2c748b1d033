import { Emitter, SignalError } from 'socket-signal'
import type { RoomSession, RoomSessionOptions } from './room-session.ts'

/** Only onward, in this order; a step may be left out. */
export type CallState = 'calling' | 'ringing' | 'active' | 'ended'

/** Whom to call, with which devices. */
export interface CallOptions
  extends Pick<RoomSessionOptions, 'rootElement' | 'audio' | 'video' | 'localStream'> {
  /** The name of a room: whoever is there, or comes, is called. */
  destination: string
  /** How long it rings; `Infinity`: until somebody comes. Default: 60,000. Unit: ms. */
  ringTimeout?: number
}

/** What a call tells. */
export interface CallEvents {
  /** `reason`, of `ended`: `hangup`, `remote` when the others have gone, `no_answer`, or the code of an error. */
  'call.state': [event: { state: CallState; reason?: string }]
}

/**
 * A call: `calling` until we are in the room, `ringing` until somebody else is, `active`, and `ended` for good when we hang up,
 * the last of the others leaves, or nobody answers.
 */
export class Call extends Emitter<CallEvents> {
  /** The room's name, as it was dialed. */
  readonly destination: string
  /** The place in the room below, for members, messages and muting. */
  readonly session: RoomSession
  #state: CallState = 'calling'
  #reason: string | undefined
  #error: unknown
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(session: RoomSession, { destination, ringTimeout = 60_000 }: CallOptions) {
    super()
    this.destination = destination
    this.session = session
    session.on('member.joined', () => this.#answered())
    session.on('member.left', () => {
      if (this.#state === 'active' && session.members.every(({ isLocal }) => isLocal)) this.#end('remote')
    })
    session.on('room.left', ({ reason }) => this.#end(reason))
    void this.#dial(ringTimeout)
  }

  /** `calling`: we are not there yet; `ringing`: nobody else is. */
  get state(): CallState {
    return this.#state
  }

  /** Why it has ended. */
  get reason(): string | undefined {
    return this.#reason
  }

  /** Waits until it is active. Rejects with what it failed with, else with REJECTED and the reason, once it has ended. */
  ready(): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (this.#state === 'active') resolve()
        else if (this.#state === 'ended') reject(this.#failure)
        else return false
        return true
      }
      if (look()) return
      const stop = this.on('call.state', () => look() && stop())
    })
  }

  /** May be called twice, and at any time. */
  async hangup(): Promise<void> {
    this.#end('hangup')
    await this.session.leave()
  }

  /** Ends it with what it, or the connection below, failed with. @internal */
  async _fail(error: unknown): Promise<void> {
    if (this.#state === 'ended') return
    this.#error = error
    const { code } = Object(error) // That of a DOMException is a number.
    this.#end(typeof code === 'string' ? code : 'INTERNAL')
    await this.session.leave().catch(() => {}) // It has ended all the same.
  }

  async #dial(ringTimeout: number): Promise<void> {
    try {
      const { members } = await this.session.join()
      this.#go('ringing')
      if (members.some(({ isLocal }) => !isLocal)) this.#answered()
      // Longer than a timer can be is for ever.
      else if (this.#state === 'ringing' && ringTimeout < 2 ** 31)
        this.#timer = setTimeout(() => this.#end('no_answer'), ringTimeout)
    } catch (error) {
      await this._fail(error)
    }
  }

  /** Who comes while we are on our way has been rung for all the same. */
  #answered(): void {
    this.#go('ringing')
    this.#go('active')
  }

  /** Only onward. */
  #go(state: CallState, reason?: string): void {
    const order: CallState[] = ['calling', 'ringing', 'active', 'ended']
    if (order.indexOf(state) <= order.indexOf(this.#state)) return
    this.#state = state
    if (state !== 'ringing') clearTimeout(this.#timer)
    this.emit('call.state', { state, ...(reason !== undefined && { reason }) })
  }

  #end(reason: string): void {
    if (this.#state === 'ended') return
    this.#reason = reason
    this.#go('ended', reason)
    this.session.leave().catch(() => {}) // It has ended all the same.
  }

  get #failure(): unknown {
    return this.#error ?? new SignalError('REJECTED', `the call has ended: ${this.#reason}`)
  }
}

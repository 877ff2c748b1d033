import { hashKey } from './away.ts'
import { copy, ID_SIZE, isDoorId, isZero, toKey, ZERO_ID } from './bytes.ts'
import type { Connection } from './connection.ts'
import type { Greeting } from './connection-options.ts'
import { hasClose, SignalError, toSignalError } from './errors.ts'
import type { Frame, Hello } from './frame.ts'
import type { Gate, Within } from './gate.ts'
import type { IceHandout } from './ice-handout.ts'
import { type Crypto, helloBytes, settleConflict } from './identity.ts'
import type { Limits } from './limits.ts'
import { VERSION } from './protocol.ts'
import type { ServerEvents } from './server-options.ts'
import { keep } from './slab.ts'
import type { CloseEvent } from './socket.ts'

export interface AdmissionOptions {
  limits: Limits
  crypto: Crypto
  /** Who keeps an id that is claimed twice. */
  conflict: 'replace' | 'reject'
  gate: Gate
  ice: IceHandout
  within: Within
  /** How long a broken socket's place is kept. Unit: ms. */
  resumeWindow(): number
  /** Hooks: somebody comes, goes on, goes. */
  onconnect(connection: Connection): Promise<void>
  onresume(connection: Connection): Promise<void>
  ondisconnect(connection: Connection): Promise<void>
  emit<K extends keyof ServerEvents>(event: K, ...args: ServerEvents[K]): void
}

/** Who is in, from the first byte to the end: greets newcomers, proves them, settles whose an id is, says goodbye. */
export class Admission {
  /** The admitted. */
  readonly connections = new Set<Connection>()
  /** Those that have yet to say hello, or whose hello is being looked at. */
  readonly greeting = new Set<Connection>()
  /** Disconnect hooks that still run. */
  readonly leaving = new Map<Connection, Promise<void>>()
  readonly #options: AdmissionOptions
  readonly #byId = new Map<string, Connection>()

  constructor(options: AdmissionOptions) {
    this.#options = options
  }

  /** How many sockets there are. */
  get sockets(): number {
    return this.greeting.size + this.connections.size
  }

  /** How many ids are taken. */
  get ids(): number {
    return this.#byId.size
  }

  /** Everybody with a socket. */
  get all(): Connection[] {
    return [...this.greeting, ...this.connections]
  }

  /** Takes the first frame of a socket: lets it in, or ends it. */
  async hello(connection: Connection, frame: Frame, greeting: Greeting): Promise<void> {
    if (frame.kind !== 'hello') return connection.close('BAD_FRAME', 'the first frame must be hello')
    greeting.done = this.#admit(connection, frame, greeting).catch(error => {
      if (connection.closed) return
      const { code, message } = toSignalError(error, 'AUTH_REQUIRED')
      // A code without a number of its own, FORBIDDEN for instance, must not bring the client back.
      connection.close(hasClose(code) ? code : 'AUTH_REQUIRED', message)
      this.#options.emit('connection-error', error, connection)
    })
    await greeting.done
  }

  /** Its socket has ended. */
  end(connection: Connection, event: CloseEvent): void {
    this.greeting.delete(connection)
    this.#options.gate.guests.delete(connection)
    if (!this.connections.delete(connection)) return this.#freeId(connection)
    this.#options.emit('disconnection', connection, event)
    this.#leave(connection)
  }

  async #admit(connection: Connection, hello: Hello, greeting: Greeting): Promise<void> {
    const { gate, ice, within, onconnect, onresume, emit } = this.#options
    if (hello.version !== VERSION)
      throw new SignalError('PROTOCOL_VERSION', `this server speaks version ${VERSION}`)
    if (isZero(hello.id)) throw new SignalError('BAD_PROOF', 'the zero id belongs to nobody')
    if (isDoorId(hello.id) && !gate.guests.has(connection))
      throw new SignalError('BAD_PROOF', 'this id belongs to a door')
    if (!greeting.audience(hello.audience))
      throw new SignalError('BAD_PROOF', 'this hello is meant for another server')
    await this.#prove(greeting, hello)
    connection.id = keep(hello.id)
    connection.proven = hello.proven
    connection.token = hello.token
    await gate.authorize(connection, 'hello')
    if (connection.closed) return
    if (hello.resume) {
      greeting.resume = { key: hashKey(hello.resumeKey), received: hello.received }
      connection.wait()
    }
    await this.#replace(connection)
    if (connection.closed) return // A third one came meanwhile: it must not take the id from that one.
    const connecting = onconnect(connection)
    await within(connecting).catch(error => {
      // A hook that was too slow and then says yes has connected somebody who has gone.
      connecting.then(
        () => this.#leave(connection),
        () => {}
      )
      throw error
    })
    if (greeting.resumed) await onresume(connection)
    const body = connection.closed ? undefined : await ice.body(connection)
    if (!body || connection.closed) return this.#leave(connection)
    this.greeting.delete(connection)
    this.connections.add(connection)
    this.#welcome(connection, hello.requestId, body, greeting.resumed)
    connection.admit()
    connection.flush()
    emit('connection', connection)
  }

  /** Takes the id, from who has it if need be: that one has left before this one connects. Throws ID_IN_USE. */
  async #replace(connection: Connection): Promise<void> {
    const key = toKey(connection.id)
    const holder = this.#byId.get(key)
    const { greeting, proven } = connection
    const resume = greeting?.resume
    // Its client knows before we do that the old socket is dead.
    if (resume && holder?.proven === proven && holder.isResumedBy(resume.key)) holder.breakOff()
    if (holder && !holder.closed && settleConflict(holder, connection, this.#options.conflict) === 'holder') {
      throw new SignalError('ID_IN_USE', 'this id is connected already')
    }
    this.#byId.set(key, connection)
    holder?.close('REPLACED', 'the same id connected elsewhere')
    // One that has not come in yet waits for another one itself, or for its hook.
    await holder?.greeting?.done
    if (holder) await this.leaving.get(holder)
  }

  async #prove({ nonce, identity }: Greeting, hello: Hello): Promise<void> {
    if (!hello.proven) {
      if (identity !== 'required') return
      throw new SignalError(
        'BAD_PROOF',
        'this server wants ids that are proven by a key: leave out id, or give keyPair'
      )
    }
    const signed = helloBytes(nonce, hello.audience, hello.unsigned as Uint8Array)
    if (await this.#options.crypto.verify(hello.id, signed, hello.signature)) return
    throw new SignalError('BAD_PROOF', 'the signature of hello is wrong')
  }

  #welcome(connection: Connection, requestId: number, body: Uint8Array, resumed?: Greeting['resumed']): void {
    const { limits, crypto } = this.#options
    const { pingInterval, maxPayload, maxMessage } = limits
    const resumeWindow = this.#options.resumeWindow()
    const resumeKey = resumeWindow > 0 ? copy(crypto.randomBytes(ID_SIZE)) : ZERO_ID
    if (resumeWindow > 0) connection.resumeKey = toKey(hashKey(resumeKey))
    connection.send({
      kind: 'welcome',
      requestId,
      resumed: resumed !== undefined,
      pingInterval,
      maxPayload,
      maxMessage,
      resumeWindow,
      received: resumed?.received ?? 0,
      lost: resumed?.lost ?? 0,
      resumeKey,
      body
    })
  }

  /** Tells the hook that somebody has gone, once what was asked before is done, so that it finds all of it. */
  #leave(connection: Connection): void {
    const { within, ondisconnect, emit } = this.#options
    const done = within(connection.running ?? Promise.resolve()).catch(() => {})
    const leaving = done
      .then(() => within(ondisconnect(connection)))
      .catch(error => emit('connection-error', error, connection))
      .finally(() => {
        this.leaving.delete(connection)
        this.#freeId(connection)
      })
    this.leaving.set(connection, leaving)
  }

  /** A replaced socket may close late; only the current one gives up the id. */
  #freeId(connection: Connection): void {
    const key = toKey(connection.id)
    if (this.#byId.get(key) === connection) this.#byId.delete(key)
  }
}

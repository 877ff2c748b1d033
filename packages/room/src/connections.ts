import type { SocketSignalClient } from 'socket-signal'
import type { Event } from './machine.ts'
import { Mesh } from './mesh.ts'
import { Meter } from './meter.ts'
import { type Machine, sentOf, wantsOf } from './model.ts'
import { Voices } from './voices.ts'

export interface ConnectionsOptions {
  client: SocketSignalClient
  topic: Uint8Array
  state(): Machine
  /** 32 bytes. */
  idOf(participantId: string): Uint8Array | undefined
  /** Unit: ms. */
  idleTimeout: number
  onevent(event: Event): void
}

/** The room's connections: what is wanted of whom, as the state has it, what is read off them, and who speaks there. */
export class Connections {
  readonly #options: ConnectionsOptions
  readonly mesh: Mesh
  readonly meter: Meter
  readonly #voices: Voices

  constructor(options: ConnectionsOptions) {
    this.#options = options
    this.mesh = this.#createMesh()
    this.meter = new Meter(this.mesh, () => options.state().id)
    this.#voices = new Voices({
      meter: this.meter,
      needed: () => this.#isAudible(),
      onchange: (stream, on) => {
        const [participantId = '', ...key] = stream.split('/')
        options.onevent({ type: 'speaking', participantId, key: key.join('/'), on })
      }
    })
  }

  /** Begins or ends to listen who speaks, as it is needed now. */
  listen(): void {
    this.#voices.sync()
  }

  close(): void {
    this.#voices.close()
    this.mesh.close()
  }

  #createMesh(): Mesh {
    const { state, client, topic, idOf, idleTimeout, onevent } = this.#options
    return new Mesh({
      client,
      topic,
      idOf: participantId => (state().members.has(participantId) ? idOf(participantId) : undefined),
      wanted: () => new Set([...state().wishes.values()].map(({ participantId }) => participantId)),
      wants: participantId => wantsOf(state(), participantId),
      sent: key => sentOf(state(), key),
      idleTimeout,
      onmedia: (participantId, media) => onevent({ type: 'media', participantId, media }),
      onopen: () => this.listen()
    })
  }

  /** Whether somebody can be heard: one of the others here, or we at any of them. */
  #isAudible(): boolean {
    const { view, own } = this.#options.state()
    const hears = Object.values(view.streams).some(
      ({ origin, audioTrack }) => origin === 'remote' && audioTrack
    )
    return hears || ([...own.values()].some(({ audio }) => audio) && this.mesh.open().next().done === false)
  }
}

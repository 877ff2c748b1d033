import type { Line, MediaLines } from './media-lines.ts'
import type { FakeNetwork } from './network.ts'
import { type Credentials, type Description, renderSdp, type Sdp } from './sdp.ts'
import type { FakeTransport } from './transport.ts'

export interface AuthorOptions {
  network: FakeNetwork
  transport: FakeTransport
  media: MediaLines
}

/** Writes the descriptions of one connection. */
export class Author {
  /** What the last one was made of. */
  made: { credentials: Credentials; lines: Line[] } | undefined
  readonly #options: AuthorOptions
  readonly #session: string
  #version = 1

  constructor(options: AuthorOptions) {
    this.#options = options
    this.#session = options.network.text(18, '0123456789')
  }

  /** `data`: whether there is to be a line for channels; `restart`: whether ICE begins anew. */
  offer(data: boolean, restart: boolean): Sdp {
    const { media } = this.#options
    const credentials = this.#credentials(restart)
    const lines = media.offer(data)
    this.made = { credentials, lines }
    return { type: 'offer', sdp: this.#render(credentials, 'actpass', media.sections(lines)) }
  }

  answer(remote: Description | undefined, restart: boolean): Sdp {
    const { media } = this.#options
    const credentials = this.#credentials(restart)
    this.made = { credentials, lines: [] }
    const sections = media.sections(undefined, remote?.sections)
    return { type: 'answer', sdp: this.#render(credentials, 'active', sections) }
  }

  /** Those that the connection has, or new ones. */
  #credentials(anew: boolean): Credentials {
    const { network, transport } = this.#options
    if (transport.local && !anew) return transport.local
    return { ufrag: network.text(8), pwd: network.text(24) }
  }

  #render(
    credentials: Credentials,
    setup: 'actpass' | 'active',
    sections: Parameters<typeof renderSdp>[0]['sections']
  ): string {
    const { fingerprint } = this.#options.transport
    return renderSdp({
      ...credentials,
      session: this.#session,
      version: ++this.#version,
      fingerprint,
      setup,
      sections
    })
  }
}

import type { Peer, SocketSignalClient } from 'socket-signal'
import { Channel } from '../../packages/swarm/src/channel.ts'
import { decodeWord, encodeWord, type Said, type Word } from '../../packages/swarm/src/wire.ts'

/** Says that it is a swarm's peer, and keeps no rules. */
export class EvilNeighbour {
  readonly peer: Peer
  readonly heard: Word[] = []
  #channel: Channel | undefined

  private constructor(peer: Peer) {
    this.peer = peer
    peer.on('rtc', rtc => {
      this.#channel = new Channel(rtc)
      this.#channel.listen(bytes => void this.heard.push(decodeWord(bytes.slice())))
    })
  }

  /** Connects with somebody who lets it in. */
  static async of(
    { client }: { client: SocketSignalClient },
    topic: Uint8Array,
    id: Uint8Array,
    swarm: unknown = {}
  ): Promise<EvilNeighbour> {
    await client.open()
    const evil = new EvilNeighbour(client.connect(topic, id, { metadata: { swarm } }))
    await evil.peer.ready()
    return evil
  }

  say(word: Said): void {
    this.bytes(encodeWord(word))
  }

  bytes(bytes: Uint8Array): void {
    this.#channel?.send(bytes)
  }
}

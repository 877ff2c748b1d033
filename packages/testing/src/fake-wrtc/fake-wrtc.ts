import type { Clock } from 'socket-signal'
import { FakeIceCandidate } from './candidate.ts'
import { FakeMediaStream, FakeMediaStreamTrack } from './media.ts'
import { FakeNetwork, type Reachable } from './network.ts'
import { FakePeerConnection } from './peer-connection.ts'

/** With whom fakes meet, and by which clock. */
export interface FakeWrtcOptions {
  /** With it, checks that lead nowhere and connections that are cut fail after 15,000 ms of it; without it, never. */
  clock?: Clock
  /** How long the second of two candidates takes, as one behind a STUN server does. Unit: ms of `clock`. Default: 0. */
  gathering?: number
  /** Of ids, keys and ports, so that a run can be repeated; not together with `network`. Default: 1. */
  seed?: number
  /** Fakes with the same network reach each other. Default: one of its own. */
  network?: FakeNetwork
  /** Of every connection made here, as `reachable` is asked. Default: each connection has one of its own, 10.0.0.1 and so on. */
  address?: string
  /** Makes ICE fail where it says no, by addresses; not together with `network`, which has one. */
  reachable?: Reachable
}

/** What simple-peer takes as `wrtc`, and what a test wants to know of it. */
export interface FakeWrtc {
  /** Connections made by it are in `connections`. */
  readonly RTCPeerConnection: {
    /** Of the configuration only `iceTransportPolicy` counts, and whether there is a TURN server. */
    new (configuration?: RTCConfiguration): FakePeerConnection
  }
  /** A description is what it was given: nothing is checked before it is set. */
  readonly RTCSessionDescription: typeof FakeSessionDescription
  /** A candidate is read, and not checked before it is added. */
  readonly RTCIceCandidate: typeof FakeIceCandidate
  /** By which a test cuts and mends connections: `reachable`, `update()`. */
  readonly network: FakeNetwork
  /** The connections that are not closed, in the order they were made. */
  readonly connections: readonly FakePeerConnection[]
  /** How many connections are not closed. */
  readonly open: number
  /** How many were ever made. */
  readonly made: number
  /** A stream with one track of each kind that is asked for. Default: both. */
  createMediaStream(kinds?: { audio?: boolean; video?: boolean }): FakeMediaStream
}

/**
 * WebRTC for stories, to be given to simple-peer as `wrtc`: real states, descriptions and errors, no network, no
 * media, no encryption and no timer. It works in microtasks, so that two peers are connected before the next timer
 * fires (simple-peer itself waits one turn of `setTimeout(0)` before each offer). A description with the wrong
 * fingerprint, user name or password never connects.
 *
 * It is easier than the world: it has no NAT, messages never wait for a window, and where libwebrtc would learn an
 * address from a packet, here each side must have been told a candidate of the other.
 */
export function fakeWrtc(options: FakeWrtcOptions = {}): FakeWrtc {
  const { clock, gathering = 0, seed, reachable } = options
  const network =
    options.network ??
    new FakeNetwork({ ...(seed !== undefined && { seed }), ...(reachable && { reachable }) })
  const connections = new Set<FakePeerConnection>()
  let made = 0

  class RTCPeerConnection extends FakePeerConnection {
    constructor(configuration?: RTCConfiguration) {
      const address = options.address ?? network.nextAddress()
      const onclose = (connection: FakePeerConnection) => void connections.delete(connection)
      super({ network, address, clock, gathering, onclose }, configuration)
      connections.add(this)
      made++
    }
  }

  return {
    RTCPeerConnection,
    RTCSessionDescription: FakeSessionDescription,
    RTCIceCandidate: FakeIceCandidate,
    network,
    get connections() {
      return [...connections]
    },
    get open() {
      return connections.size
    },
    get made() {
      return made
    },
    createMediaStream: ({ audio = true, video = true } = {}) => {
      const tracks: FakeMediaStreamTrack[] = []
      if (audio) tracks.push(new FakeMediaStreamTrack('audio', network.text(16)))
      if (video) tracks.push(new FakeMediaStreamTrack('video', network.text(16)))
      return new FakeMediaStream(network.text(16), tracks)
    }
  }
}

/** `RTCSessionDescription`. */
export class FakeSessionDescription {
  /** `offer`, `answer` or `rollback`. */
  readonly type: string
  /** SDP (RFC 8866), short: see `FakePeerConnection`. */
  readonly sdp: string

  constructor({ type, sdp = '' }: { type: string; sdp?: string }) {
    this.type = type
    this.sdp = sdp
  }

  /** As it goes over the wire. */
  toJSON(): { type: string; sdp: string } {
    const { type, sdp } = this
    return { type, sdp }
  }
}

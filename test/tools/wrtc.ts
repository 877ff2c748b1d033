import wrtc from '@roamhq/wrtc'
import { SocketSignalWebsocketClient, type SocketSignalWebsocketClientOptions } from 'socket-signal-websocket'
import tape from 'tape'
import type { Life } from './redis.ts'

/** simple-peer's options for real WebRTC in Node. */
export const simplePeer = { wrtc, iceCompleteTimeout: 300 }

/** A client over real WebRTC that asks nothing beyond this machine; closed when the test ends. */
export function realClient(
  life: Life,
  url: string,
  options: SocketSignalWebsocketClientOptions = {}
): SocketSignalWebsocketClient {
  const client = new SocketSignalWebsocketClient(url, { iceServers: [], simplePeer, ...options })
  life.teardown(() => client.close())
  return client
}

/** A stream with one track of sound. */
export function realStream(): MediaStream {
  const { nonstandard, MediaStream: Stream } = wrtc as unknown as {
    nonstandard: { RTCAudioSource: new () => { createTrack(): MediaStreamTrack } }
    MediaStream: new (tracks: MediaStreamTrack[]) => MediaStream
  }
  return new Stream([new nonstandard.RTCAudioSource().createTrack()])
}

/** Ends the process with its tests: libwebrtc's threads hold it for seconds, and with media for ever. */
export function endWithTests(): void {
  tape.onFinish(() => setTimeout(() => process.exit(), 100))
}

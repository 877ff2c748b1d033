import { type Peer, topicFromName } from 'socket-signal'
import type { SignalServer } from 'socket-signal-server'
import type { Test } from 'tape'
import { realClient } from './wrtc.ts'

/** A Node peer over real WebRTC that is in the topic of this name and dials nobody; closed when the test ends. */
export async function nodePeer(t: Test, server: SignalServer, topicName: string, name: string) {
  const client = realClient(t, server.signalUrl)
  const topic = await topicFromName(topicName)
  /** What peers sent, as text. */
  const heard: string[] = []
  client.on('peer-connected', ({ peer }) => {
    peer.stream.on('data', (data: Uint8Array) => heard.push(new TextDecoder().decode(data)))
  })
  await client.join(topic, { info: { name }, watch: true })
  return { client, topic, heard }
}

/** Says something in the way of the server's page. */
export function say(peer: Peer, text: string): void {
  peer.stream.write(JSON.stringify({ type: 'text', text }))
}

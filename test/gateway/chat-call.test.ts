import { ChatCall } from 'socket-signal-gateway/chat-client'
import { test } from '../tools/test.ts'
import { until } from '../tools/wait.ts'

test('chat call: ICE servers that no browser takes, or what else prevents a connection, are logged and end nothing', async t => {
  const errors: unknown[] = []
  const logger = { debug: () => {}, warn: () => {}, error: (...words: unknown[]) => errors.push(words) }
  class Refusing {
    constructor() {
      throw new TypeError('that is no ICE server')
    }
  }
  const call = new ChatCall('room', 'ws://127.0.0.1:1', 'ada', 'Ada', {
    ...{ logger, RTCPeerConnection: Refusing as unknown as typeof RTCPeerConnection }
  })
  const from = { senderAccountId: 'eve', senderInfo: undefined }
  call.handleSignalingMessage({ type: 'offer', data: { offer: 'v=0' }, ...from })
  call.handleSignalingMessage({ type: 'answer', data: { answer: 'v=0' }, ...from })
  call.handleSignalingMessage({ type: 'ice-candidate', data: { candidate: { candidate: '' } }, ...from })
  await until(() => errors.length === 2, 'both that want a connection')
  t.match(String(errors), /that is no ICE server/)
  t.equal(call.connections.size, 0)
  await call.createOffer()
  call.handleMessage(
    JSON.stringify({ type: 'webrtc', data: { event: 'connected', participants: ['bob', 'eve'] } })
  )
  await until(() => errors.length === 4, 'each who is to be called')
  call.disconnect()
})

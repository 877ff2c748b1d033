import type { Test } from 'tape'
import { StubRtc } from '../tools/played.ts'
import { story } from '../tools/story.ts'
import { test } from '../tools/test.ts'
import { rejection } from '../tools/wait.ts'

/** As simple-peer is where WebRTC is blocked: it ends soon after it was made. */
class BlockedRtc extends StubRtc {
  constructor(own: { initiator: boolean }) {
    super(own)
    queueMicrotask(() => this.destroy(new Error('WebRTC is blocked here')))
  }
  override signal(): void {}
}

/** Alice dials Bob, who has this. */
async function dialing(t: Test, Rtc: typeof StubRtc) {
  const rtcs = [StubRtc, Rtc].map(Made => ({ rtc: (own: { initiator: boolean }) => new Made(own) as never }))
  const { alice, bob, topic } = await story(t, { clients: rtcs })
  await bob.join(topic)
  return { bob, failed: () => rejection(alice.connect(topic, bob.id).ready()) }
}

test('connect: a remote that fails on its own side says so at once, in words', async t => {
  const { failed } = await dialing(t, BlockedRtc)
  const { code, message } = await failed()
  t.equal(code, 'REJECTED')
  t.match(message, /WebRTC is blocked here/)
})

test('connect: so does one whose owner ends the peer while its offer is being looked at', async t => {
  const { bob, failed } = await dialing(t, StubRtc)
  bob.onIncomingPeer(peer => peer.destroy(new Error('not today')))
  const { code, message } = await failed()
  t.equal(code, 'REJECTED')
  t.match(message, /not today/)
})

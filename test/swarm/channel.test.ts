import type { Rtc } from 'socket-signal'
import { MAX } from '../../packages/swarm/src/bounds.ts'
import { Channel } from '../../packages/swarm/src/channel.ts'
import { test } from '../tools/test.ts'

/** A data channel that somebody opens, fills and empties by hand. */
function make() {
  const sent: number[] = []
  const raw = {
    readyState: 'connecting',
    bufferedAmount: 0,
    sent,
    send: (bytes: Uint8Array) => void sent.push(bytes[0] as number)
  } as unknown as RTCDataChannel & { sent: number[]; readyState: string; bufferedAmount: number }
  const channel = new Channel({ _pc: { createDataChannel: () => raw } } as unknown as Rtc)
  return { raw, channel }
}

test('channel: what comes before somebody listens is kept, to a bound', async t => {
  const { raw, channel } = make()
  const come = (byte: number) =>
    raw.onmessage?.({ data: Uint8Array.of(byte).buffer } as MessageEvent<ArrayBuffer>)
  for (let byte = 0; byte < 20; byte++) come(byte)
  const heard: number[] = []
  channel.listen(([byte = -1]) => void heard.push(byte))
  come(99)
  t.deepEqual(heard, [...Array(16).keys(), 99])
})

test('channel: what is said before it is open goes when it is, to a bound; nothing is added to one that is full', async t => {
  const { raw, channel } = make()
  for (let byte = 0; byte < 20; byte++) t.equal(channel.send(Uint8Array.of(byte)), byte < 16)
  raw.readyState = 'open'
  raw.onopen?.(new Event('open'))
  t.deepEqual(raw.sent, [...Array(16).keys()])
  raw.bufferedAmount = MAX.hard + 1
  t.equal(channel.send(Uint8Array.of(1)), false)
  let drained = false
  void channel.drained().then(() => {
    drained = true
  })
  await Promise.resolve()
  t.equal(drained, false)
  raw.onbufferedamountlow?.(new Event('bufferedamountlow'))
  await new Promise(resolve => setTimeout(resolve))
  t.equal(drained, true)
})

test('channel: an rtc without an RTCPeerConnection has none', async t => {
  const channel = new Channel({} as Rtc)
  t.equal(channel.there, false)
  t.equal(channel.send(new Uint8Array(1)), false)
})

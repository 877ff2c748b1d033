import { ManualClock } from 'socket-signal-testing'
import { Outbox } from '../../packages/core/src/outbox.ts'
import type { RtcSignal } from '../../packages/core/src/rtc.ts'
import { test } from '../tools/test.ts'

const OFFER: RtcSignal = { type: 'offer', sdp: 'v=0\r\nm=application 9 x\r\na=ice-ufrag:u\r\n' }

test('what is right behind the first description goes in it, and is not said again', async t => {
  const { outbox, sent } = box()
  outbox.push(candidate(1))
  outbox.push(OFFER)
  outbox.push(candidate(2))
  const { sdp } = await outbox.description()
  t.ok(sdp.includes('a=candidate:1 '))
  t.ok(sdp.includes('a=candidate:2 '))
  t.deepEqual(sent, [], 'nothing overtakes the description')
  outbox.push(candidate(3))
  t.deepEqual(sent, [])
  outbox.open()
  t.deepEqual(sent, [[candidate(3)]])
  outbox.repeat(({ type }) => type === 'candidate')
  t.deepEqual(
    sent,
    [[candidate(3)], [candidate(3)]],
    'of candidates, what is in the description already is left out'
  )
  outbox.end()
})

test('the first description waits for candidates until some have come, and no longer', async t => {
  const { setTimeout: real } = globalThis
  const timers: (() => void)[] = []
  const after = async (work: (outbox: Outbox) => void) => {
    const { outbox } = box()
    outbox.push(OFFER)
    const description = outbox.description()
    await new Promise(resolve => setImmediate(resolve))
    work(outbox)
    return (await description).sdp
  }
  globalThis.setTimeout = ((timer: () => void) => timers.push(timer)) as unknown as typeof setTimeout
  try {
    const found = await after(outbox => {
      outbox.push(candidate(1))
      process.nextTick(() => outbox.push(candidate(2)))
    })
    t.ok(found.includes('a=candidate:2 '), 'those that come at once go together, and no timer had to end')
    t.notOk(
      (await after(() => timers.at(-1)?.())).includes('a=candidate'),
      'where none come, a timer ends it'
    )
  } finally {
    globalThis.setTimeout = real
  }
})

test('what is said once more is the description with its candidates, and what followed it', async t => {
  const { outbox, sent } = box()
  outbox.push(OFFER)
  outbox.push(candidate(1))
  const description = await outbox.description()
  outbox.open()
  outbox.push({ type: 'renegotiate', renegotiate: true, iceRestart: true })
  outbox.repeat()
  t.deepEqual(sent.flat().slice(1), [], 'the first of a batch goes at once')
  outbox.end()
  outbox.repeat()
  t.deepEqual(sent.at(-1), [description], 'the wish for an ICE restart is not among it')
  outbox.end()
})

test('a candidate that was told is told again for another description only', async t => {
  const { outbox, sent } = box()
  outbox.push(OFFER)
  await outbox.description()
  outbox.open()
  outbox.push(candidate(1))
  outbox.push(candidate(1))
  t.deepEqual(sent.flat(), [candidate(1)])
  outbox.end()
  outbox.push(OFFER)
  outbox.end()
  outbox.push(candidate(1))
  t.deepEqual(sent.flat(), [candidate(1), OFFER, candidate(1)])
  outbox.end()
  outbox.repeat()
  t.deepEqual(sent.at(-1), [OFFER, candidate(1)], 'what belongs to the one before is not said once more')
  outbox.end()
})

function box() {
  const sent: RtcSignal[][] = []
  const outbox = new Outbox(new ManualClock(), signals => sent.push(signals))
  return { outbox, sent }
}

function candidate(foundation: number): RtcSignal {
  const candidate = `candidate:${foundation} 1 udp 1 192.0.2.1 9 typ host`
  return { type: 'candidate', candidate: { candidate, sdpMid: '0', sdpMLineIndex: 0 } }
}

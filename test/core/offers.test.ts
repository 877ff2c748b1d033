import { randomBytes } from 'node:crypto'
import { ManualClock } from 'socket-signal-testing'
import { createAddressed, decodeFrame, type Frame } from '../../packages/core/src/frame.ts'
import { completeLimits } from '../../packages/core/src/limits.ts'
import { Offers } from '../../packages/core/src/offers.ts'
import { test } from '../tools/test.ts'

const MINUTE = 60_000

/** A callee's offers, which get some and answer them; what their callers are told goes into `told`. */
function callee() {
  const clock = new ManualClock()
  const offers = new Offers({ clock, limits: completeLimits({}), requestTimeout: MINUTE })
  const told: Frame[] = []
  let made = 0
  const frame = (kind: 'offer' | 'answer' | 'refusal' | 'cancel', address: Buffer, session: Buffer) =>
    createAddressed(kind, {
      ...{ flags: 0, address, session, topic: Buffer.alloc(32), seq: 1, re: undefined },
      body: Buffer.from('{}')
    })
  const ask = () => {
    const [caller, session, id] = [randomBytes(32), randomBytes(32), ++made]
    const reply = (bytes: Uint8Array) => void told.push(decodeFrame(Uint8Array.from(bytes)))
    offers.remember(frame('offer', caller, session), { reply, requestId: 1000 + id }, id)
    const say = (kind: 'answer' | 'refusal') => {
      const answer = frame(kind, caller, session)
      answer.requestId = id
      offers.answer(answer, randomBytes(32))
    }
    return { say, cancel: () => frame('cancel', caller, session) }
  }
  const errors = () => told.flatMap(frame => (frame.kind === 'error' ? [frame] : []))
  return { clock, offers, ask, errors }
}

test('offers: who has an answer is told when the callee goes, the latest 32 of them', t => {
  const { offers, ask, errors } = callee()
  for (let at = 0; at < 40; at++) ask().say('answer')
  t.equal(offers.waiting.size, 0)
  offers.end('PEER_LEFT', true)
  t.same(
    errors().map(({ code, requestId }) => [code, requestId]),
    Array.from({ length: 32 }, (_, at) => ['PEER_LEFT', 1009 + at])
  )
  offers.end('PEER_LEFT', true)
  t.equal(errors().length, 32, 'once')
  t.end()
})

test('offers: who has none is told in any case, who has a refusal or gave up never', t => {
  const { offers, ask, errors } = callee()
  ask().say('answer')
  ask().say('refusal')
  ask()
  for (const give of ['forget', 'cancel'] as const) {
    const { say, cancel } = ask()
    say('answer')
    offers[give](cancel())
  }
  offers.end('PEER_AWAY', false)
  t.same(
    errors().map(({ code, requestId }) => [code, requestId]),
    [['PEER_AWAY', 1003]]
  )
  t.end()
})

test('offers: an answer is remembered for as long as an offer may wait', async t => {
  const { clock, offers, ask, errors } = callee()
  ask().say('answer')
  await clock.advance(MINUTE / 2)
  ask().say('answer')
  await clock.advance(MINUTE / 2)
  offers.sweep(clock.now())
  offers.end('PEER_LEFT', true)
  t.same(
    errors().map(({ requestId }) => requestId),
    [1002]
  )
})

import { createAddressed } from 'socket-signal/wire'
import { AddressedMsg } from '../../packages/core/src/message.ts'
import { idOf } from '../../packages/testing/src/backplane-box.ts'
import { test } from '../tools/test.ts'

const [SENDER, REMOTE, OTHER] = [idOf(1), idOf(2), idOf(3)]

function message(): AddressedMsg {
  const [topic, session] = [idOf(4), idOf(5)]
  const fields = { flags: 0, address: REMOTE, topic, session, seq: 1, body: new Uint8Array(0) }
  return new AddressedMsg(SENDER, createAddressed('signal', fields), () => {})
}

test('message: says whom it is for whatever was asked of it before, and its frame who sent it', async t => {
  const asked: { [before: string]: (msg: AddressedMsg) => unknown } = {
    nothing: () => {},
    'the frame': msg => msg.frame,
    'whom it is for': msg => msg.remoteId,
    'whether it is for somebody else': msg => t.notOk(msg.isFor(OTHER)),
    'whether it is for whom it is': msg => t.ok(msg.isFor(REMOTE)),
    'all of it': msg => [msg.isFor(OTHER), msg.isFor(REMOTE), msg.frame, msg.remoteId]
  }
  for (const [before, ask] of Object.entries(asked)) {
    const msg = message()
    ask(msg)
    const { frame } = msg
    t.deepEqual([...frame.subarray(6, 38)], [...SENDER], `${before}: the frame has its sender`)
    t.deepEqual([...msg.remoteId], [...REMOTE], `${before}: whom it is for`)
    t.deepEqual([msg.isFor(REMOTE), msg.isFor(SENDER), msg.isFor(OTHER)], [true, false, false], before)
  }
})

test('message: is for nobody whose id differs in one byte, wherever that is', async t => {
  const almost = Array.from({ length: 32 }, (_, at) => REMOTE.map((byte, i) => (i === at ? byte ^ 1 : byte)))
  const [asked, known] = [message(), message()]
  t.deepEqual([...known.remoteId], [...REMOTE])
  t.notOk(almost.some(id => asked.isFor(id) || known.isFor(id)))
  t.ok(asked.isFor(REMOTE) && known.isFor(REMOTE))
})

test('message: whom it is for does not change with the frame that it came in', async t => {
  const fields = { flags: 0, address: REMOTE, topic: OTHER, session: OTHER, seq: 1, body: new Uint8Array(0) }
  const frame = createAddressed('signal', fields)
  const msg = new AddressedMsg(SENDER, frame, () => {})
  const { remoteId } = msg
  frame.bytes.fill(0)
  t.deepEqual([...remoteId], [...REMOTE])
})

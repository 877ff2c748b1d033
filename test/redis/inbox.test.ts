import { Inbox } from '../../packages/redis/src/inbox.ts'
import { encodeMessage, encodeNote, NO_EPOCH } from '../../packages/redis/src/note.ts'
import { idOf } from '../tools/redis-nodes.ts'
import { test } from '../tools/test.ts'

test('redis inbox: a note that can not be taken is counted, holds back none that came with it, and is heard once', t => {
  const heard: number[] = []
  const topics = {
    gone: (_topic: Uint8Array, id: Uint8Array) => {
      if (heard.push(id[3] as number) === 1) throw new Error('it can not be taken')
    }
  }
  const inbox = new Inbox({ node: 'this-node---', places: new Map(), topics } as never)
  const gone = (number: number) =>
    encodeNote({ kind: 'gone', topic: Buffer.from(idOf(9)), id: Buffer.from(idOf(number)), epoch: NO_EPOCH })
  const message = encodeMessage('another-node', [gone(1), gone(2)])
  inbox.receive(message)
  inbox.receive(message)
  t.deepEqual([heard, inbox.malformed], [[1, 2], 1])
  t.end()
})

import type { JoinOptions, SocketSignalClient } from 'socket-signal'
import { type Deferred, deferred } from '../../packages/core/src/deferred.ts'
import { enter, say } from '../../packages/sdk/src/hall.ts'
import { test } from '../tools/test.ts'

const TOPIC = new Uint8Array(32)

/** A client whose server answers when the test says so. */
function slow() {
  const joins: (Deferred<Uint8Array[]> & { info: unknown })[] = []
  let left = 0
  const join = (_topic: Uint8Array, { info }: JoinOptions) => {
    const answer = deferred<Uint8Array[]>()
    joins.push({ ...answer, info })
    return answer.promise
  }
  const leave = async () => void left++
  return { client: { join, leave } as unknown as SocketSignalClient, joins, left: () => left }
}

const turn = () => new Promise(resolve => setImmediate(resolve))

test('hall: words go one after the other, and what was not said yet is said as it is then', async t => {
  const { client, joins } = slow()
  const [hall] = enter(client, TOPIC)
  for (const name of ['first', 'second', 'last']) {
    hall.info = name
    void say(client, TOPIC, hall)
    await turn()
  }
  t.equal(joins.length, 1)
  joins[0]?.resolve([])
  await turn()
  t.deepEqual(
    joins.map(({ info }) => info),
    ['first', 'last']
  )
})

test('hall: left behind the last who is there, and nothing that was to be said brings it back', async t => {
  const { client, joins, left } = slow()
  const [hall, leave] = enter(client, TOPIC)
  const [same, leaveToo] = enter(client, TOPIC)
  t.equal(hall, same)
  void say(client, TOPIC, hall)
  await turn()
  void say(client, TOPIC, hall)
  leave()
  t.equal(left(), 0)
  leaveToo()
  t.equal(left(), 1)
  joins[0]?.reject(new Error('refused'))
  await turn()
  t.equal(joins.length, 1)
  t.notEqual(enter(client, TOPIC)[0], hall, 'who comes then begins anew')
})

import { deferred } from '../../packages/core/src/deferred.ts'
import { Limiter } from '../../packages/core/src/limiter.ts'
import { Resource } from '../../packages/core/src/resource.ts'
import { test } from '../tools/test.ts'
import { rejection } from '../tools/wait.ts'

class Door extends Resource<Record<never, unknown[]>> {
  readonly said: string[] = []
  opening = deferred<void>()
  closing = deferred<void>()

  protected override _open(): Promise<void> {
    this.said.push('open')
    return this.opening.promise
  }

  protected override _close(): Promise<void> {
    this.said.push('close')
    return this.closing.promise
  }

  protected override _abortOpen(): void {
    this.said.push('abort')
  }
}

test('resource: it opens once and closes once, however often it is told to', async t => {
  const door = new Door()
  t.equal(door.status, 'idle')
  const opened = Promise.all([door.open(), door.open()])
  t.equal(door.status, 'opening')
  door.opening.resolve()
  await opened
  await door.open()
  t.equal(door.status, 'open')
  const closed = Promise.all([door.close(), door.close()])
  t.equal(door.status, 'closing')
  t.equal(((await rejection(door.open())) as { code?: string }).code, 'CLOSED')
  door.closing.resolve()
  await closed
  await door.close()
  t.equal(door.status, 'closed')
  t.equal(((await rejection(door.open())) as { code?: string }).code, 'CLOSED')
  t.deepEqual(door.said, ['open', 'close'])
})

test('resource: a close during opening waits for it, and closes what came of it', async t => {
  const door = new Door()
  const opened = door.open()
  const closed = door.close()
  t.deepEqual(door.said, ['open', 'abort'])
  t.equal(door.status, 'opening')
  door.opening.resolve()
  await opened
  door.closing.resolve()
  await closed
  t.deepEqual(door.said, ['open', 'abort', 'close'])
  t.equal(door.status, 'closed')
})

test('resource: what never opened closes without a word, also when opening failed meanwhile', async t => {
  const idle = new Door()
  await idle.close()
  t.deepEqual(idle.said, [])
  t.equal(((await rejection(idle.open())) as { code?: string }).code, 'CLOSED')
  const door = new Door()
  const opened = rejection(door.open())
  const closed = door.close()
  door.opening.reject(new Error('no'))
  t.equal((await opened).message, 'no')
  await closed
  t.deepEqual(door.said, ['open', 'abort'])
  t.equal(door.status, 'closed')
})

test('resource: an open or a close that failed may be tried again', async t => {
  const door = new Door()
  door.opening.reject(new Error('no'))
  t.equal((await rejection(door.open())).message, 'no')
  t.equal(door.status, 'idle')
  door.opening = deferred()
  door.opening.resolve()
  await door.open()
  door.closing.reject(new Error('stuck'))
  t.equal((await rejection(door.close())).message, 'stuck')
  t.equal(door.status, 'open')
  door.closing = deferred()
  door.closing.resolve()
  await door.close()
  t.equal(door.status, 'closed')
})

test('resource: who gives up waiting ends nothing', async t => {
  const door = new Door()
  const abort = new AbortController()
  const waiting = rejection(door.open({ signal: abort.signal }))
  abort.abort(new Error('enough'))
  t.equal((await waiting).message, 'enough')
  door.opening.resolve()
  await door.open()
  t.deepEqual(door.said, ['open'])
})

test('limiter: so many at once, the others in order, a failure frees its place', async t => {
  const limiter = new Limiter(2)
  const works = Array.from({ length: 5 }, () => deferred<number>())
  const began: number[] = []
  const runs = works.map(({ promise }, i) =>
    limiter.run(() => {
      began.push(i)
      return promise
    })
  )
  t.deepEqual(began, [], 'nothing begins within the call')
  await Promise.resolve()
  t.deepEqual(began, [0, 1])
  t.equal(limiter.waiting, 3)
  works[1]?.reject(new Error('failed'))
  t.equal((await rejection(runs[1] as Promise<number>)).message, 'failed')
  t.deepEqual(began, [0, 1, 2])
  limiter.limit = 3
  await Promise.resolve()
  t.deepEqual(began, [0, 1, 2, 3], 'a higher limit holds at once')
  limiter.clear()
  works[0]?.resolve(7)
  t.equal(await runs[0], 7)
  t.deepEqual(began, [0, 1, 2, 3], 'who was forgotten never begins')
  t.equal(limiter.waiting, 0)
})

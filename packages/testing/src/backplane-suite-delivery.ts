import type { Mailbox } from 'socket-signal'
import { attach, Box, frameOf, idOf, signal } from './backplane-box.ts'
import type { Clustered } from './backplane-suite.ts'
import { turns, until } from './suite.ts'

const TOPIC = idOf(0x70000001)
const NOBODY = idOf(0xffffffff)

/** Mailboxes: who gets which frame, and in which order. */
export function deliverySuite(test: Clustered): void {
  test('a frame for a mailbox of the same node waits for no other node', async (t, { node }) => {
    const box = new Box()
    await attach(node(0), idOf(1), box)
    const sent = node(0).send(idOf(1), frameOf(1))
    for (let i = 0; i < 20; i++) await undefined
    t.equal(box.frames.length, 1, 'it is there before any timer, packet or file')
    t.equal(await sent, true)
  })

  test('a frame reaches its mailbox from every node', async (t, { all, node, everywhere }) => {
    const [box, other] = [new Box(), new Box()]
    await attach(node(0), idOf(1), box)
    await attach(node(1), idOf(2), other)
    await everywhere(async from => (await from.send(idOf(1), frameOf(0))) === true, 'the mailbox is known')
    box.frames.length = 0
    for (const from of all) t.equal(await from.send(idOf(1), frameOf(7)), true, 'somebody took it')
    await until(() => box.frames.length === all.length, 'every frame arrives')
    for (const frame of box.frames) t.deepEqual([...frame], [...frameOf(7)])
    t.equal(other.frames.length, 0, 'nobody else gets it')
  })

  test('a frame for nobody says so', async (t, { all, node, settle }) => {
    const attachment = await attach(node(0), idOf(1))
    for (const from of all) t.equal(await from.send(NOBODY, frameOf(1)), false)
    await attachment.detach()
    await settle()
    for (const from of all)
      await until(async () => !(await from.send(idOf(1), frameOf(1))), 'who is gone takes nothing')
  })

  test('a mailbox that refuses a frame has not taken it', async (t, { node, everywhere }) => {
    const box = new Box()
    await attach(node(0), idOf(1), box)
    await everywhere(async from => (await from.send(idOf(1), frameOf(0))) === true, 'the mailbox is known')
    box.takes = false
    await everywhere(async from => (await from.send(idOf(1), frameOf(0))) === false, 'it refuses')
    t.equal(box.losses, 0)
  })

  test('signals reach whoever has the id by then, and nobody before', async (t, { node, settle }) => {
    const sender = await attach(node(0), idOf(9))
    const send = (number: number) => signal(node(0), sender, idOf(1), frameOf(number))
    t.equal(await send(0), false, 'nobody')
    const boxes = [new Box(), new Box(), new Box()]
    let last = sender
    for (const [number, box] of boxes.entries()) {
      // The second takes the id over, the third comes when nobody has it.
      if (number === 2) await last.detach()
      await settle()
      if (number === 2) await until(async () => !(await send(0)), 'who is gone takes nothing')
      last = await attach(node(number), idOf(1), box)
      await settle()
      await until(async () => (await send(number + 1)) && box.numbers.includes(number + 1), 'it has them')
      await send(number + 1)
    }
    await until(() => (boxes[2]?.frames.length ?? 0) >= 2, 'and again')
    await turns()
    for (const [number, box] of boxes.slice(1).entries())
      t.ok(
        box.numbers.every(each => each === number + 2),
        'none of what was sent before, or after'
      )
    t.ok(
      boxes[0]?.numbers.every(each => each < 3),
      'none from when it was gone'
    )
  })

  test('signals for several reach each the right one, in order with other frames', async (t, nodes) => {
    const { node, everywhere } = nodes
    const sender = await attach(node(0), idOf(9))
    const boxes = [new Box(), new Box(), new Box()]
    for (const [at, box] of boxes.entries()) await attach(node(at), idOf(at + 1), box)
    for (const at of boxes.keys())
      await everywhere(async from => (await from.send(idOf(at + 1), frameOf(0))) === true, 'it is known')
    for (const box of boxes) box.frames.length = 0
    const to = (i: number) => idOf((i % 3) + 1)
    await Promise.all(
      Array.from({ length: 60 }, (_, i) =>
        i % 2 ? node(0).send(to(i >> 1), frameOf(i)) : signal(node(0), sender, to(i >> 1), frameOf(i))
      )
    )
    await until(() => boxes.every(box => box.frames.length >= 20), 'every frame arrives')
    await turns()
    for (const [at, box] of boxes.entries()) {
      const expected = Array.from({ length: 60 }, (_, i) => i).filter(i => (i >> 1) % 3 === at)
      t.deepEqual(box.numbers, expected)
    }
  })

  test('where the answer goes is told with the frame', async (t, { all, node, everywhere }) => {
    const box = new Box()
    await attach(node(0), idOf(1), box)
    await everywhere(async from => (await from.send(idOf(1), frameOf(0))) === true, 'the mailbox is known')
    box.replies.length = 0
    for (const from of all) await from.send(idOf(1), frameOf(1), { id: idOf(9), requestId: 4_000_000_000 })
    await until(() => box.replies.length === all.length, 'every frame arrives')
    for (const reply of box.replies) {
      t.deepEqual(reply && [[...reply.id], reply.requestId], [[...idOf(9)], 4_000_000_000])
    }
  })

  test('frames of one sender arrive in order, each once', async (t, { node, everywhere }) => {
    const box = new Box()
    await attach(node(0), idOf(1), box)
    await everywhere(async from => (await from.send(idOf(1), frameOf(0))) === true, 'the mailbox is known')
    for (const at of [0, 1]) {
      box.frames.length = 0
      const count = 200
      // Nobody waits for one frame before sending the next.
      await Promise.all(
        Array.from({ length: count }, (_, i) => node(at).send(idOf(1), frameOf(i), undefined))
      )
      await until(() => box.frames.length >= count, 'every frame arrives')
      await turns()
      t.deepEqual(
        box.numbers,
        Array.from({ length: count }, (_, i) => i)
      )
    }
  })

  test('publish reaches every member but one, in order, each once', async (t, { all, node, everywhere }) => {
    const boxes = await Promise.all(
      Array.from({ length: 6 }, async (_, i) => {
        const box = new Box()
        const attachment = await attach(node(i), idOf(i), box)
        if (i < 5) await attachment.join(TOPIC, new Uint8Array(0))
        return box
      })
    )
    await everywhere(
      async from => (await from.lookup(TOPIC, { limit: 10, except: NOBODY })).length === 5,
      'everybody is in the topic'
    )
    for (const from of all) {
      for (const box of boxes) box.frames.length = 0
      await Promise.all([1, 2, 3].map(byte => from.publish(TOPIC, frameOf(byte), idOf(2))))
      const members = boxes.filter((_, i) => i < 5 && i !== 2)
      await until(() => members.every(box => box.frames.length >= 3), 'every member gets all')
      await turns()
      for (const box of members) t.deepEqual(box.numbers, [1, 2, 3])
      t.deepEqual([boxes[2]?.frames.length, boxes[5]?.frames.length], [0, 0], 'nobody else does')
    }
    t.equal(await node(0).publish(NOBODY, frameOf(1), idOf(2)), 0, 'nobody in a topic without members')
  })

  test('closing a node gives up its mailboxes', async (t, { all, node, everywhere, settle }) => {
    const box = new Box()
    await attach(node(0), idOf(1), box)
    await everywhere(async from => (await from.send(idOf(1), frameOf(0))) === true, 'the mailbox is known')
    await node(0).close()
    await settle()
    for (const from of all.slice(1)) {
      await until(async () => !(await from.send(idOf(1), frameOf(1))), 'it takes nothing any more')
    }
    t.equal(node(0).stats().mailboxes, 0)
    await node(0).close()
    t.ok(true, 'closing twice is harmless')
  })

  test('a mailbox may use the backplane while it takes a frame', async (t, { node, everywhere }) => {
    const answers = new Box()
    await attach(node(0), idOf(1), answers)
    let taken: boolean | Promise<boolean> = false
    const echo: Mailbox = {
      deliver: (frame, replyTo) => {
        if (replyTo) taken = node(1).send(replyTo.id, frameOf((frame[1] ?? 0) + 1))
        return true
      },
      lost: () => {}
    }
    await attach(node(1), idOf(2), echo)
    await everywhere(async from => (await from.send(idOf(2), frameOf(0))) === true, 'the mailbox is known')
    await everywhere(async from => (await from.send(idOf(1), frameOf(0))) === true, 'and the other')
    answers.frames.length = 0
    await node(0).send(idOf(2), frameOf(41), { id: idOf(1), requestId: 1 })
    await until(() => answers.frames.length === 1, 'the answer comes back')
    t.deepEqual(answers.numbers, [42])
    t.equal(await taken, true)
  })
}

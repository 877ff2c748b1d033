import type { PresenceChange } from 'socket-signal'
import { attach, Box, frameOf, idOf, numberOf, signal } from './backplane-box.ts'
import type { Clustered, Nodes } from './backplane-suite.ts'
import { failure, turns, until } from './suite.ts'

const TOPIC = idOf(0x70000001)
const ID = idOf(1)

/** Ids that two claim: who keeps them, and that the other can do no harm any more. */
export function conflictSuite(test: Clustered): void {
  for (const before of [true, false]) {
    test(`a proven id displaces ${before ? 'a proven' : 'an unproven'} one`, async (t, nodes) => {
      const { node } = nodes
      const [old, young] = [new Box(), new Box()]
      const displaced = await attach(node(0), ID, old, { proven: before })
      await displaced.join(TOPIC, Uint8Array.of(1))
      await known(nodes)
      old.frames.length = 0
      await attach(node(1), ID, young)
      await until(() => old.losses > 0, 'the older one is told')
      await sendsTo(nodes, young)
      await turns()
      t.deepEqual([old.losses, young.losses], [1, 0], 'once')
      t.equal(old.frames.length, 0, 'and gets nothing any more')
      await nodes.everywhere(
        async from => (await from.find(TOPIC, ID)) === undefined,
        'its memberships are gone'
      )
    })
  }

  for (const [what, holder, claim] of [
    ['an unproven id never displaces a proven one', { proven: true }, { proven: false }],
    ['nor an unproven one', { proven: false }, { proven: false }],
    [
      'a proven one is refused where the policy says so',
      { proven: true },
      { proven: true, conflict: 'reject' }
    ]
  ] as const) {
    test(what, async (t, nodes) => {
      const { node } = nodes
      const [box, refused] = [new Box(), new Box()]
      const attachment = await attach(node(0), ID, box, holder)
      await attachment.join(TOPIC, Uint8Array.of(1))
      await known(nodes)
      for (const at of [0, 1]) {
        const error = await failure(() => attach(node(at), ID, refused, claim))
        t.equal(error?.code, 'ID_IN_USE')
      }
      await sendsTo(nodes, box)
      await turns()
      t.deepEqual([box.losses, refused.losses, refused.frames.length], [0, 0, 0])
      await nodes.everywhere(async from => (await from.find(TOPIC, ID)) !== undefined, 'the holder stays')
      await attachment.detach()
      await nodes.settle()
      await until(
        async () => !(await failure(() => attach(node(1), ID, refused, claim))),
        'the id is free again'
      )
    })
  }

  test('a policy of reject still lets a key displace a bare claim', async (t, { node }) => {
    const [old, young] = [new Box(), new Box()]
    await attach(node(0), ID, old, { proven: false })
    await attach(node(1), ID, young, { proven: true, conflict: 'reject' })
    await until(() => old.losses === 1, 'the bare claim is told')
    t.equal(young.losses, 0)
  })

  test('who was displaced can change nothing any more', async (t, nodes) => {
    const { node } = nodes
    const [old, young] = [new Box(), new Box()]
    const late = await attach(node(0), ID, old)
    await late.join(TOPIC, Uint8Array.of(1))
    await known(nodes)
    const current = await attach(node(1), ID, young)
    await current.join(TOPIC, Uint8Array.of(2))
    await until(() => old.losses === 1, 'the older one is told')
    await nodes.everywhere(async from => (await from.find(TOPIC, ID))?.info[0] === 2, 'the younger one is in')
    const changes: PresenceChange[] = []
    const stop = node(2).watch(TOPIC, change => void changes.push(change))
    await node(2).find(TOPIC, ID)
    // A socket that was replaced may close late.
    await late.leave(TOPIC)
    await late.join(TOPIC, Uint8Array.of(3))
    await late.join(idOf(0x70000002), Uint8Array.of(3))
    if (late.send) t.equal(await signal(node(0), late, ID, frameOf(1)), false, 'it sends nothing either')
    await late.detach()
    await late.detach()
    await nodes.settle()
    await turns()
    for (const from of nodes.all) {
      t.equal((await from.find(TOPIC, ID))?.info[0], 2)
      t.equal(await from.find(idOf(0x70000002), ID), undefined)
    }
    t.equal(changes.length, 0, 'nobody hears of it')
    await sendsTo(nodes, young)
    await current.detach()
    await until(() => changes.length === 1, 'the younger one leaves')
    t.deepEqual([changes[0]?.change, numberOf(changes[0]?.id ?? ID)], ['left', 1])
    stop()
    await nodes.everywhere(from => {
      const { topics, mailboxes, watches } = from.stats()
      return topics + mailboxes + watches === 0
    }, 'nothing is held')
  })

  test('of many that claim one id at once, the last that was let in has it', async (t, nodes) => {
    const boxes = Array.from({ length: 6 }, () => new Box())
    const claims = await Promise.all(boxes.map((box, i) => attach(nodes.node(i), ID, box)))
    await nodes.settle()
    await until(() => boxes.filter(({ losses }) => losses === 0).length === 1, 'one is left')
    const winner = boxes.find(({ losses }) => losses === 0) as Box
    await sendsTo(nodes, winner)
    t.ok(boxes.every(({ losses }) => losses <= 1))
    for (const claim of claims) await claim.detach()
    await nodes.everywhere(from => from.stats().mailboxes === 0, 'nothing is held')
  })
}

/** Waits until the id is a member everywhere. */
async function known({ everywhere }: Nodes): Promise<void> {
  await everywhere(async from => (await from.find(TOPIC, ID)) !== undefined, 'the holder is known')
}

/** Waits until what is sent to the id from any node reaches this box. */
async function sendsTo({ everywhere }: Nodes, box: Box): Promise<void> {
  await everywhere(async from => {
    const before = box.frames.length
    await from.send(ID, frameOf(1))
    await turns(2)
    return box.frames.length > before
  }, 'frames reach who has the id')
}

import type { PresenceChange } from 'socket-signal'
import { attach, Box, frameOf, idOf, signal } from './backplane-box.ts'
import type { Clustered, Nodes } from './backplane-suite.ts'
import { failure, turns, until } from './suite.ts'

const TOPIC = idOf(0x70000001)
const ID = idOf(1)
const KEY = idOf(0x4b)
const WRONG = idOf(0x4c)

/** Sockets that break: who is away keeps its place, and goes on at another mailbox, on this node or another. */
export function resumeSuite(test: Clustered): void {
  test('who is away stays a member, takes frames, and others are told', async (t, nodes) => {
    const { node, settle, everywhere } = nodes
    const { attachment, box, changes } = await member(nodes)
    await attachment.away()
    await attachment.away()
    await until(() => changes.length === 1, 'it is told')
    await settle()
    await turns()
    t.deepEqual(said(changes), ['away'], 'once')
    await everywhere(async from => (await from.find(TOPIC, ID))?.info[0] === 7, 'it stays a member')
    t.equal(await node(1).send(ID, frameOf(1)), true)
    await until(() => box.frames.length === 1, 'it takes frames')
    await attachment.detach()
    await until(() => changes.length === 2, 'it leaves')
    t.deepEqual(said(changes), ['away', 'left'])
  })

  for (const proven of [true, false]) {
    test(`${proven ? 'a proven' : 'an unproven'} id goes on with its key, and nobody leaves`, async (t, nodes) => {
      const { node, everywhere } = nodes
      const { attachment, box, changes } = await member(nodes, proven)
      await attachment.away()
      await until(() => changes.length === 1, 'it is away')
      const sender = await attach(node(2), idOf(9))
      await signal(node(2), sender, ID, frameOf(1))
      await until(() => box.frames.length === 1, 'a frame waits')
      const next = new Box()
      const again = await attach(node(1), ID, next, { proven, resumeKey: KEY })
      t.deepEqual([again.resumed?.frames.length, again.resumed?.sent], [1, 2], 'what was kept comes along')
      await until(() => changes.length === 2, 'it is back')
      t.deepEqual(said(changes), ['away', 'back'])
      t.deepEqual([box.handovers, box.losses], [1, 0])
      await attachment.detach()
      await everywhere(async from => {
        await from.send(ID, frameOf(2))
        await turns(2)
        return next.frames.length > 0 && (await from.find(TOPIC, ID))?.info[0] === 7
      }, 'frames reach the new mailbox, and it is a member')
      t.equal(await signal(node(2), sender, ID, frameOf(3)), true)
      await until(() => next.numbers.includes(3), 'and signals of who sent before')
      t.equal(box.frames.length, 0, 'the old one gets nothing any more')
      await again.detach()
      await until(() => changes.length === 3, 'it leaves')
      t.equal(changes[2]?.change, 'left')
    })
  }

  test('who is away is known to be away, by all who ask, until it is back', async (t, nodes) => {
    const { node, everywhere } = nodes
    const { attachment } = await member(nodes)
    const isAway = (expected: boolean) =>
      everywhere(async from => {
        const [listed] = await from.lookup(TOPIC, { limit: 10, except: KEY })
        const found = await from.find(TOPIC, ID)
        return [listed, found].every(each => each && (each.isAway ?? false) === expected)
      }, `away: ${expected}`)
    await isAway(false)
    await attachment.away()
    await isAway(true)
    const again = await attach(node(1), ID, new Box(), { resumeKey: KEY })
    await isAway(false)
    await again.away()
    await isAway(true)
    t.ok(again.resumed)
  })

  test('who comes back before its socket was known to be broken is back as well', async (t, nodes) => {
    const { attachment, box, changes } = await member(nodes)
    const handOver = box.handOver.bind(box)
    // As a server does that hears of it only now.
    box.handOver = key => {
      void attachment.away()
      return handOver(key)
    }
    const again = await attach(nodes.node(1), ID, new Box(), { resumeKey: KEY })
    await until(() => changes.at(-1)?.change === 'back', 'it is back')
    t.deepEqual(said(changes), ['away', 'back'])
    await again.detach()
  })

  test('without the key nobody goes on', async (t, nodes) => {
    const { node } = nodes
    const { attachment, box, changes } = await member(nodes, false)
    await attachment.away()
    for (const resumeKey of [undefined, WRONG]) {
      const error = await failure(() => attach(node(1), ID, new Box(), { proven: false, resumeKey }))
      t.equal(error?.code, 'ID_IN_USE', 'a bare claim is refused')
    }
    const proven = await attach(node(1), ID, new Box(), { proven: true, resumeKey: KEY })
    t.equal(proven.resumed, undefined, 'one of another kind does not go on')
    await until(() => box.losses === 1, 'but takes the id')
    await until(() => changes.length === 2, 'and the one before has left')
    t.deepEqual(said(changes), ['away', 'left'])
  })

  test('a policy of reject does not keep an id for who is away', async (t, nodes) => {
    const { node, settle } = nodes
    const { attachment, box } = await member(nodes)
    await attachment.away()
    await settle()
    const again = await attach(node(1), ID, new Box(), { conflict: 'reject', resumeKey: WRONG })
    t.equal(again.resumed, undefined)
    await until(() => box.losses === 1, 'the one before is told')
  })
}

async function member({ node, everywhere }: Nodes, proven = true) {
  const changes: PresenceChange[] = []
  const box = new Box()
  box.resumeKey = KEY
  const attachment = await attach(node(0), ID, box, { proven })
  await attachment.join(TOPIC, Uint8Array.of(7))
  await everywhere(async from => (await from.find(TOPIC, ID)) !== undefined, 'it is a member')
  node(2).watch(TOPIC, change => void changes.push(change))
  await node(2).find(TOPIC, ID)
  return { attachment, box, changes }
}

function said(changes: readonly PresenceChange[]): string[] {
  return changes.map(({ change }) => change)
}

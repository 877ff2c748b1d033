import type { Backplane, PresenceChange } from 'socket-signal'
import { ascending, attach, idOf, numberOf, numbers } from './backplane-box.ts'
import type { Clustered } from './backplane-suite.ts'
import { turns, until } from './suite.ts'

const TOPIC = idOf(0x70000001)
const OTHER = idOf(0x70000002)
const NOBODY = idOf(0xffffffff)
const CHURN = 5_000
const BATCH = 50

/** Topics: who is in them, what is told of it, and that nothing of it stays. */
export function presenceSuite(test: Clustered): void {
  test('who joined is found on every node, with what it said of itself', async (t, nodes) => {
    const { all, node, everywhere } = nodes
    const attachment = await attach(node(0), idOf(1))
    await attachment.join(TOPIC, Uint8Array.of(1, 2, 3))
    await everywhere(async from => (await from.find(TOPIC, idOf(1))) !== undefined, 'it is there')
    for (const from of all) {
      const member = await from.find(TOPIC, idOf(1))
      t.deepEqual([[...(member?.id ?? [])], [...(member?.info ?? [])]], [[...idOf(1)], [1, 2, 3]])
      t.equal(await from.find(TOPIC, idOf(2)), undefined, 'nobody else')
      t.equal(await from.find(OTHER, idOf(1)), undefined, 'and nowhere else')
      const members = await from.lookup(TOPIC, { limit: 10, except: NOBODY })
      t.deepEqual(
        members.map(({ id, info }) => [numberOf(id), ...info]),
        [[1, 1, 2, 3]]
      )
    }
    await attachment.join(TOPIC, Uint8Array.of(4))
    await everywhere(
      async from => (await from.find(TOPIC, idOf(1)))?.info[0] === 4,
      'joining again says it anew'
    )
    for (const from of all) t.equal((await from.lookup(TOPIC, { limit: 10, except: NOBODY })).length, 1)
  })

  test('a topic of nobody is empty', async (t, { all }) => {
    for (const from of all) {
      t.deepEqual(await from.lookup(TOPIC, { limit: 10, except: NOBODY }), [])
      t.deepEqual(await from.lookup(TOPIC, { limit: 10, after: idOf(0), except: NOBODY }), [])
    }
  })

  test('a look-up is a random sample, without the caller', async (t, nodes) => {
    await crowd(nodes, 12)
    for (const from of nodes.all) {
      const everybody = await from.lookup(TOPIC, { limit: 100, except: NOBODY })
      t.deepEqual(ascending(numbers(everybody)), range(12))
      const others = await from.lookup(TOPIC, { limit: Number.POSITIVE_INFINITY, except: idOf(3) })
      t.deepEqual(
        ascending(numbers(others)),
        range(12).filter(n => n !== 3)
      )
      const seen = new Set<number>()
      for (let i = 0; i < 200 && seen.size < 11; i++) {
        const some = numbers(await from.lookup(TOPIC, { limit: 4, except: idOf(3) }))
        if (some.length !== 4 || new Set(some).size !== 4 || some.includes(3))
          t.ok(false, `a sample of ${some}`)
        for (const number of some) seen.add(number)
      }
      t.equal(seen.size, 11, 'everybody has a chance')
      t.deepEqual(await from.lookup(TOPIC, { limit: 0, except: NOBODY }), [])
    }
  })

  test('a walk by `after` goes through the members in byte order', async (t, nodes) => {
    await crowd(nodes, 25)
    for (const from of nodes.all) {
      const walked: number[] = []
      for (let after = new Uint8Array(32); ; ) {
        const page = await from.lookup(TOPIC, { limit: 10, after, except: idOf(7) })
        walked.push(...numbers(page))
        const last = page.at(-1)
        if (!last || page.length < 10) break
        after = Uint8Array.from(last.id)
      }
      t.deepEqual(
        walked,
        range(25).filter(n => n !== 7)
      )
      // An id that is no member is a place to go on from as well.
      const behind = await from.lookup(TOPIC, { limit: 2, after: between(20), except: NOBODY })
      t.deepEqual(numbers(behind), [21, 22])
    }
  })

  test('a watcher hears of each change once and in order, on every node', async (t, nodes) => {
    const { all, node } = nodes
    const heard = await Promise.all(all.map(watch))
    const attachment = await attach(node(0), idOf(1))
    await attachment.join(TOPIC, Uint8Array.of(5))
    await attachment.join(TOPIC, Uint8Array.of(5))
    await attachment.join(OTHER, new Uint8Array(0))
    await attachment.leave(TOPIC)
    await attachment.leave(TOPIC)
    await attachment.join(TOPIC, Uint8Array.of(6))
    await attachment.detach()
    await nodes.settle()
    for (const { changes } of heard) {
      await until(() => changes.length >= 4, 'four changes')
      await turns()
      t.deepEqual(changes.map(line), ['joined 1', 'left 1', 'joined 1', 'left 1'])
      t.deepEqual([...(changes[0]?.info ?? [])], [5])
    }
    for (const { stop } of heard) {
      stop()
      stop()
    }
  })

  test('who joins again and says something else of itself is told as updated', async (t, nodes) => {
    const heard = await Promise.all(nodes.all.map(watch))
    const attachment = await attach(nodes.node(0), idOf(1))
    for (const info of [5, 6, 6, 7]) await attachment.join(TOPIC, Uint8Array.of(info))
    await nodes.settle()
    for (const { changes, stop } of heard) {
      await until(() => changes.length >= 3, 'three changes')
      await turns()
      t.deepEqual(changes.map(line), ['joined 1', 'updated 1', 'updated 1'])
      t.deepEqual(
        changes.map(({ info }) => info[0]),
        [5, 6, 7]
      )
      stop()
    }
    await attachment.detach()
  })

  test('who has stopped watching hears no more, the others do', async (t, { node, settle }) => {
    const [gone, there] = [await watch(node(1)), await watch(node(1))]
    gone.stop()
    const attachment = await attach(node(0), idOf(1))
    await attachment.join(TOPIC, new Uint8Array(0))
    await settle()
    await until(() => there.changes.length === 1, 'the one that stayed is told')
    t.equal(gone.changes.length, 0)
    there.stop()
    t.equal(node(1).stats().watches, 0)
  })

  test('many that come at once are told each', async (t, nodes) => {
    const { changes, stop } = await watch(nodes.node(2))
    const attachments = await crowd(nodes, 40)
    await until(() => changes.length === 40, 'everybody has come')
    await Promise.all(attachments.map(attachment => attachment.detach()))
    await until(() => changes.length === 80, 'everybody has gone')
    t.deepEqual(ascending(changes.slice(0, 40).map(({ id }) => numberOf(id))), range(40))
    t.ok(changes.slice(40).every(({ change }) => change === 'left'))
    stop()
  })

  test('what leaves leaves nothing behind', async (t, nodes) => {
    const { node } = nodes
    const attachment = await attach(node(0), idOf(1))
    const other = await attach(node(1), idOf(2))
    for (const topic of [TOPIC, OTHER]) await attachment.join(topic, new Uint8Array(0))
    await other.join(TOPIC, new Uint8Array(0))
    t.ok(node(0).stats().topics > 0)
    await attachment.leave(OTHER)
    await nodes.everywhere(async from => (await from.find(OTHER, idOf(1))) === undefined, 'it left')
    t.deepEqual(
      numbers(await node(0).lookup(TOPIC, { limit: 10, except: idOf(2) })),
      [1],
      'and stayed elsewhere'
    )
    await attachment.detach()
    await attachment.detach()
    await other.detach()
    await empty(nodes)
    for (const from of nodes.all) {
      t.deepEqual(await from.lookup(TOPIC, { limit: 10, except: NOBODY }), [])
      t.deepEqual(heldBy(from), { topics: 0, mailboxes: 0, watches: 0 })
    }
  })

  test('5,000 joins and leaves leave nothing behind', async (t, nodes) => {
    const attachments = await Promise.all([0, 1, 2].map(i => attach(nodes.node(i), idOf(i))))
    for (let at = 0; at < CHURN; at += BATCH) {
      await Promise.all(
        Array.from({ length: BATCH }, async (_, i) => {
          const attachment = attachments[(at + i) % 3]
          const topic = idOf(0x60000000 + at + i)
          await attachment?.join(topic, Uint8Array.of(1))
          await attachment?.leave(topic)
        })
      )
    }
    await nodes.everywhere(from => from.stats().topics === 0, 'no topic is left')
    for (const attachment of attachments) await attachment.detach()
    await empty(nodes)
    t.deepEqual(heldBy(nodes.node(0)), { topics: 0, mailboxes: 0, watches: 0 })
  })

  test('closing a node takes its members out, and the others hear it', async (t, nodes) => {
    const { all, node } = nodes
    const heard = await Promise.all(all.slice(1).map(watch))
    const gone = await attach(node(0), idOf(1))
    const stays = await attach(node(1), idOf(2))
    await gone.join(TOPIC, new Uint8Array(0))
    await stays.join(TOPIC, new Uint8Array(0))
    for (const { changes } of heard) await until(() => changes.length === 2, 'both have come')
    await node(0).close()
    await nodes.settle()
    for (const { changes, stop } of heard) {
      await until(() => changes.length >= 3, 'one has gone')
      t.deepEqual(changes.slice(2).map(line), ['left 1'])
      stop()
    }
    for (const from of all.slice(1)) {
      t.equal(await from.find(TOPIC, idOf(1)), undefined)
      t.ok(await from.find(TOPIC, idOf(2)), 'who was on another node stays')
    }
    const { mailboxes, watches } = node(0).stats()
    t.deepEqual([mailboxes, watches], [0, 0])
  })
}

async function watch(from: Backplane): Promise<{ changes: PresenceChange[]; stop(): void }> {
  const changes: PresenceChange[] = []
  const stop = from.watch(TOPIC, change => void changes.push(change))
  await from.lookup(TOPIC, { limit: Number.POSITIVE_INFINITY, except: NOBODY })
  return { changes, stop }
}

function line({ change, id }: PresenceChange): string {
  return `${change} ${numberOf(id)}`
}

/** Members 0 to `count`, spread over the nodes, and known on all of them. */
async function crowd({ node, everywhere }: Parameters<Parameters<Clustered>[1]>[1], count: number) {
  const attachments = await Promise.all(range(count).map(n => attach(node(n), idOf(n))))
  await Promise.all(attachments.map(attachment => attachment.join(TOPIC, new Uint8Array(0))))
  await everywhere(
    async from => (await from.lookup(TOPIC, { limit: 1000, except: NOBODY })).length === count,
    `${count} members`
  )
  return attachments
}

async function empty({ everywhere }: Parameters<Parameters<Clustered>[1]>[1]): Promise<void> {
  await everywhere(from => {
    const { topics, mailboxes, watches } = from.stats()
    return topics + mailboxes + watches === 0
  }, 'nothing is held')
}

/** Without a history, which stays. */
function heldBy(node: Backplane): object {
  const { topics, mailboxes, watches } = node.stats()
  return { topics, mailboxes, watches }
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i)
}

/** Behind the id of that number, before the next. */
function between(number: number): Uint8Array {
  const id = idOf(number)
  id[31] = 0xff
  return id
}

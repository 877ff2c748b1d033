import type { Backplane, HistoryBounds } from 'socket-signal'
import { frameOf, idOf, SIZE } from './backplane-box.ts'
import type { Clustered } from './backplane-suite.ts'
import { until } from './suite.ts'

const TOPIC = idOf(0x70000009)
const OTHER = idOf(0x7000000a)
const BOUNDS: HistoryBounds = { length: 100, age: 600_000, bytes: 1_000_000 }
const EVER = Number.MAX_SAFE_INTEGER

/** What is kept of topics: an optional part, which a backplane has as a whole or not at all. */
export function historySuite(test: Clustered): void {
  const kept: Clustered = (what, body) =>
    test(what, async (t, nodes) => {
      const { keep, recall } = nodes.node(0)
      if (keep && recall) return body(t, nodes)
      t.deepEqual([keep, recall], [undefined, undefined], 'it keeps no history')
    })

  kept('what one node keeps every node recalls, in order, each once, of that topic', async (t, { all }) => {
    for (let i = 0; i < 9; i++) await keep(all, i, i)
    for (const node of all) {
      const past = await recall(node)
      t.deepEqual(past.map(numberOf), [0, 1, 2, 3, 4, 5, 6, 7, 8])
      t.deepEqual([...(past[4] as { frame: Uint8Array }).frame], [...frameOf(4)], 'byte for byte')
      const times = past.map(({ at }) => at)
      t.ok(
        times.every((at, i) => Number.isSafeInteger(at) && at > (times[i - 1] ?? 0)),
        'each at a time of its own'
      )
      t.ok(Math.abs((times[0] as number) / 1000 - Date.now()) < 60_000, 'in microseconds since 1970')
      t.deepEqual(await recall(node, {}, OTHER), [])
    }
  })

  kept('of one node at once: in the order in which it was kept', async (t, { node }) => {
    await Promise.all(Array.from({ length: 50 }, (_, i) => node(0).keep?.(TOPIC, frameOf(i), BOUNDS)))
    t.deepEqual(
      (await recall(node(0))).map(numberOf),
      Array.from({ length: 50 }, (_, i) => i)
    )
  })

  kept('the latest are recalled, and those before a time', async (t, { all, node }) => {
    for (let i = 0; i < 9; i++) await keep(all, i, i)
    const latest = await recall(node(1), { length: 3 })
    t.deepEqual(latest.map(numberOf), [6, 7, 8])
    const before = latest[0]?.at as number
    const earlier = await recall(node(2), { length: 4, before })
    t.deepEqual(earlier.map(numberOf), [2, 3, 4, 5], 'and not that one itself')
    t.deepEqual(await recall(node(0), { before: 1 }), [])
  })

  kept('it is bounded by length, the oldest first', async (t, { all, node }) => {
    for (let i = 0; i < 9; i++) await keep(all, i, i, { length: 4 })
    t.deepEqual((await recall(node(1))).map(numberOf), [5, 6, 7, 8])
  })

  kept('it is bounded by bytes, and so is an answer, which has one at least', async (t, { all, node }) => {
    for (let i = 0; i < 9; i++) await keep(all, i, i, { bytes: 5 * SIZE })
    t.deepEqual((await recall(node(1))).map(numberOf), [4, 5, 6, 7, 8])
    t.deepEqual((await recall(node(2), { bytes: 3 * SIZE - 1 })).map(numberOf), [7, 8])
    t.deepEqual((await recall(node(0), { bytes: 1 })).map(numberOf), [8])
    const large = frameOf(9, 4 * SIZE)
    await node(0).keep?.(TOPIC, large, { ...BOUNDS, bytes: 5 * SIZE })
    t.deepEqual((await recall(node(1))).map(numberOf), [8, 9], 'a large one takes the room of several')
  })

  kept('how much is kept is told by who has kept it', async (t, { node }) => {
    for (let i = 0; i < 9; i++) await keep([node(0)], 0, i)
    await until(() => Number(node(0).stats().history) >= 9 * SIZE, 'counted')
    for (let i = 0; i < 9; i++) await keep([node(0)], 0, i, { length: 2 })
    await until(() => Number(node(0).stats().history) < 9 * SIZE, 'what was forgotten is not counted')
    t.ok(Number(node(0).stats().history) >= 2 * SIZE)
  })

  kept('it is bounded by age', async (t, { all, node }) => {
    await keep(all, 0, 1)
    for (const each of all)
      await until(async () => (await recall(each, { age: 100 })).length === 0, 'it is too old to be recalled')
    t.equal((await recall(node(1))).length, 1, 'who asks for older ones gets it')
    await keep(all, 1, 2, { age: 100 })
    t.deepEqual((await recall(node(2))).map(numberOf), [2], 'the old one is forgotten')
    await until(async () => (await recall(node(0), { age: 100 })).length === 0, 'and the other in its time')
  })
}

async function keep(
  all: readonly Backplane[],
  at: number,
  number: number,
  bounds: Partial<HistoryBounds> = {}
): Promise<void> {
  await all[at % all.length]?.keep?.(TOPIC, frameOf(number), { ...BOUNDS, ...bounds })
}

async function recall(
  node: Backplane,
  options: Partial<HistoryBounds & { before: number }> = {},
  topic: Uint8Array = TOPIC
) {
  return [...((await node.recall?.(topic, { ...BOUNDS, before: EVER, ...options })) ?? [])]
}

function numberOf({ frame }: { frame: Uint8Array }): number {
  return frame[1] as number
}

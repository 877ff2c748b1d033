import { assertFits } from './assert.ts'
import { equals } from './bytes.ts'
import { decodeFrame, decodePast, type Past } from './frame.ts'
import type { Host } from './host.ts'
import type { TopicMessage } from './messages.ts'
import type { Waitable } from './resource.ts'

/** What of the past is asked for. */
export interface HistoryQuery extends Waitable {
  /** Default: 50. At most 1,000, or what the server keeps. */
  limit?: number
  /** Only what was kept before that: `at` of the oldest that you have. Unit: ms since 1970. */
  before?: number
}

/** What was said in a topic before. */
export interface PastMessage extends TopicMessage {
  /** When, by the server's clock: each of a topic has another. Unit: ms since 1970, with three decimals. */
  at: number
}

/** Asks what was said in a topic. Each is checked as one that comes: a server can leave messages out, not make them up. */
export async function recall(
  host: Host,
  topic: Uint8Array,
  { limit = 0, before = 0, signal }: HistoryQuery
): Promise<PastMessage[]> {
  assertFits(before >= 0 && before < 9e12, 'before', 'ms since 1970', before)
  const { link } = host
  await link.usable(signal)
  let past: Past[] = []
  await link.ask(
    { kind: 'history', topic, limit, before: Math.round(before * 1000) },
    { signal, onpages: pages => (past = pages.flatMap(({ body }) => decodePast(body))) }
  )
  const found: PastMessage[] = []
  for (const { at, frame: bytes } of past) {
    const frame = decodeFrame(bytes)
    if (frame.kind !== 'message' || !equals(frame.topic, topic)) continue
    const message = await host.messages?.read(frame)
    if (message && !message.direct) found.push({ ...message, at: at / 1000 })
  }
  return found
}

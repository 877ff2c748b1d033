import { SignalError } from 'socket-signal'
import { type Body, decodeBody, toRtcSignal, toSignalError } from 'socket-signal/wire'
import type { Failure } from './nanomessage.ts'

export type RtcSignal = ReturnType<typeof toRtcSignal>

/** What may stand in the body of a frame; of one that can't be read, nothing does. */
interface Content {
  value: unknown
  offer: unknown
  answer: unknown
  metadata: object
  message: string
}

export function readBody(frame: Body): Content {
  let value: unknown
  try {
    value = decodeBody(frame)
  } catch {
    // A peer's nonsense is not the end of whoever was to read it.
  }
  const { offer, answer, metadata, message } = Object(value)
  return {
    value,
    offer,
    answer,
    metadata: isPlain(metadata) ? metadata : {},
    message: String(message ?? 'refused')
  }
}

/** Those of a batch that simple-peer can be given: anything else would destroy it, or throw. */
export function toSignals(batch: unknown): RtcSignal[] {
  const signals: RtcSignal[] = []
  for (const value of Array.isArray(batch) ? batch : []) {
    try {
      signals.push(toRtcSignal(value))
    } catch (error) {
      if (!(error instanceof SignalError)) throw error
    }
  }
  return signals
}

/** Published clients send candidates along with the description that they belong to. */
export function splitBatch(
  batch: unknown,
  type: 'offer' | 'answer'
): { description: RtcSignal | undefined; rest: RtcSignal[] } {
  const signals = toSignals(batch)
  const description = signals.find(signal => signal.type === type)
  return { description, rest: signals.filter(signal => signal !== description) }
}

/** An error as published clients read it; that nobody is there has a code of its own with them. `about`: whom, in hex. */
export function toFailure(error: unknown, about = ''): Failure {
  const { code, message } = toSignalError(error)
  if (code === 'PEER_NOT_FOUND')
    return { code: 'ERR_PEER_NOT_FOUND', unformatMessage: 'peer not found: %s', args: [about] }
  // They keep a class for each code for ever, so what other peers choose is not handed on.
  const known = code === 'REJECTED' ? 'NRPC_ERR_RESPONSE_ERROR' : code
  return { code: known, unformatMessage: '%s', args: [message] }
}

/** Unit: characters. */
const MAX_WORDS = 1000

/** The words of a published client's error. Objects in it are left out: a time-out holds descriptions. */
export function formatFailure(data: unknown): string {
  const { unformatMessage, args } = Object(data)
  const values = Array.isArray(args) ? [...args] : []
  const words = String(typeof unformatMessage === 'string' ? unformatMessage : 'refused')
  const filled = words.replace(/%[sdijoOf]/g, () => {
    const value = values.shift()
    return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
  })
  return filled.slice(0, MAX_WORDS)
}

function isPlain(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

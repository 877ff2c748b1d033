import type { DisconnectReason, Events, State } from './types.ts'

type Told = Exclude<keyof Events, 'state_changed' | 'network_metrics_report' | 'message_received'>
type Args<E extends Told> = Parameters<Events[E]> extends [...infer A, State] ? A : never

/** What is to be done: tell somebody, say to all what we have, bring connections up to date, be done with one, or with all. */
export type Effect =
  | { [E in Told]: { type: 'emit'; event: E; args: Args<E> } }[Told]
  | { type: 'announce' }
  /** `participantId`: of the connection with that one alone. */
  | { type: 'sync'; participantId?: string }
  | { type: 'drop'; participantId: string }
  | { type: 'end'; reason: DisconnectReason }

export function emit<E extends Told>(effects: Effect[], event: E, ...args: Args<E>): void {
  effects.push({ type: 'emit', event, args } as unknown as Effect)
}

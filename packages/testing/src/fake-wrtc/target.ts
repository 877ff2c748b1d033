/** An EventTarget that also calls its `on…` properties, as the platform's WebRTC objects do. */
export abstract class FakeTarget extends EventTarget {
  /** `types`: the events that have an `on…` property. */
  constructor(types: readonly string[]) {
    super()
    for (const type of types) {
      this.addEventListener(type, event => {
        const handler = (this as unknown as { [name: string]: unknown })[`on${type}`]
        if (typeof handler === 'function') handler.call(this, event)
      })
    }
  }

  /** Calls the listeners, and the property `on…`, with an event of these fields. */
  protected emit(type: string, fields: object = {}): void {
    this.dispatchEvent(Object.assign(new Event(type), fields))
  }
}

/** A handler as the platform has them. @inline */
// biome-ignore lint/suspicious/noExplicitAny: each event has fields of its own.
export type Handler = ((event: any) => void) | null

export function invalidState(message: string): DOMException {
  return new DOMException(message, 'InvalidStateError')
}

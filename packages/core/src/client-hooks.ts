import type { ClientEvents } from './client-options.ts'
import type { Peer } from './peer.ts'
import { Resource } from './resource.ts'
import type { OfferData, OfferResult } from './session.ts'

type Hook = (given: never) => unknown

/** Whom a client lets in, and what it does with offers and answers: for subclasses to override, or to be set. */
export abstract class ClientHooks extends Resource<ClientEvents> {
  /** Sets the gate for peers that this client did not dial: throw to refuse one with your words. */
  onIncomingPeer(handler: (peer: Peer) => unknown): this {
    return this.#setHook('_onIncomingPeer', handler)
  }

  /**
   * Sets the gate for offers, before anything is made for them: throw to refuse. May give `{ metadata, simplePeer }`.
   */
  onOffer(handler: (data: OfferData) => unknown): this {
    return this.#setHook('_onOffer', handler)
  }

  /** Sets what is called with each answer: throw to end that connection. */
  onAnswer(handler: (data: OfferData) => unknown): this {
    return this.#setHook('_onAnswer', handler)
  }

  /** Sets the gate for peers that ask to be dialed: throw to refuse. May give `{ metadata, simplePeer }`. */
  onRemoteConnect(handler: (data: OfferData) => unknown): this {
    return this.#setHook('_onRemoteConnect', handler)
  }

  #setHook(name: '_onOffer' | '_onAnswer' | '_onRemoteConnect' | '_onIncomingPeer', handler: Hook): this {
    this[name] = async (given: never) => handler(given) as undefined
    return this
  }

  /** The gate for offers, before anything is made for them: throw to refuse. May give `{ metadata, simplePeer }`. */
  protected async _onOffer(_data: OfferData): Promise<OfferResult | undefined> {
    return undefined
  }

  /** The remote's answer has come. */
  protected async _onAnswer(_data: OfferData): Promise<void> {}

  /** The gate for peers that this client did not dial: throw to refuse one with your words. */
  protected async _onIncomingPeer(_peer: Peer): Promise<void> {}

  /** The gate for peers that ask to be dialed. */
  protected async _onRemoteConnect(_data: OfferData): Promise<OfferResult | undefined> {
    return undefined
  }
}

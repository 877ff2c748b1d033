import { type Description, parseSdp, type Sdp } from './sdp.ts'

/** What both sides have said of the connection: what holds, and what is being negotiated (W3C WebRTC, 4.7.3). */
export class Descriptions {
  currentLocal: Sdp | null = null
  pendingLocal: Sdp | null = null
  currentRemote: Sdp | null = null
  pendingRemote: Sdp | null = null
  /** The remote's latest one, read. */
  remote: Description | undefined

  /** Whether the remote's latest one restarts ICE. */
  get restarted(): boolean {
    return this.currentRemote !== null && parseSdp(this.currentRemote.sdp).ufrag !== this.remote?.ufrag
  }

  offeredLocal(description: Sdp): void {
    this.pendingLocal = description
  }

  offeredRemote(description: Sdp, remote: Description): void {
    this.remote = remote
    this.pendingRemote = description
  }

  answeredLocal(description: Sdp): void {
    this.#settle(description, this.pendingRemote)
  }

  answeredRemote(description: Sdp, remote: Description): void {
    this.remote = remote
    this.#settle(this.pendingLocal, description)
  }

  /** Back to what held before. */
  rollback(): void {
    this.pendingLocal = this.pendingRemote = null
    this.remote = this.currentRemote ? parseSdp(this.currentRemote.sdp) : undefined
  }

  #settle(local: Sdp | null, remote: Sdp | null): void {
    this.currentLocal = local
    this.currentRemote = remote
    this.pendingLocal = this.pendingRemote = null
  }
}

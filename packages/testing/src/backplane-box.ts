import type { Attachment, AttachOptions, Backplane, Kept, Mailbox, ReplyTo } from 'socket-signal'

/** A mailbox that keeps what it gets. */
export class Box implements Mailbox {
  readonly frames: Uint8Array[] = []
  readonly replies: (ReplyTo | undefined)[] = []
  /** How often it was told that its id is lost. */
  losses = 0
  /** What `deliver` says. */
  takes = true
  /** The hash of its resume key. */
  resumeKey: Uint8Array | undefined
  /** How often it handed over. */
  handovers = 0

  deliver(frame: Uint8Array, replyTo?: ReplyTo): boolean {
    this.frames.push(Uint8Array.from(frame))
    this.replies.push(replyTo && { id: Uint8Array.from(replyTo.id), requestId: replyTo.requestId })
    return this.takes
  }

  lost(): void {
    this.losses++
  }

  handOver(resumeKey: Uint8Array): Kept | undefined {
    if (!this.resumeKey || numberOf(resumeKey) !== numberOf(this.resumeKey)) return undefined
    this.resumeKey = undefined
    this.handovers++
    const frames = this.frames.splice(0)
    return { frames, topics: [], watches: [], missed: [], lost: 1, sent: 2, received: 3 }
  }

  /** The numbers of its frames. */
  get numbers(): number[] {
    return this.frames.map(frame => frame[1] as number)
  }
}

/** Attaches a box as most tests want it. */
export async function attach(
  backplane: Backplane,
  id: Uint8Array,
  box: Mailbox = new Box(),
  { proven = true, conflict = 'replace', resumeKey }: Partial<AttachOptions> = {}
): Promise<Attachment> {
  return backplane.attach(id, { proven, conflict, resumeKey }, box)
}

/** 32 bytes that begin with this number, so that ids are in its order. */
export function idOf(number: number): Uint8Array {
  const id = new Uint8Array(32).fill(0x5a)
  new DataView(id.buffer).setUint32(0, number)
  return id
}

/** The first byte of a message, and its size without a word. */
const MESSAGE = 0x26
export const SIZE = 170

/** A message of the protocol's, with a number up to 255: what hands a frame on may look whether it is one. */
export function frameOf(number: number, size: number = SIZE): Uint8Array {
  return new Uint8Array(size).fill(MESSAGE, 0, 1).fill(number, 1)
}

/** Sends as servers do that have the attachment of who sends: its own way where it has one. Gives whether it was taken. */
export async function signal(
  backplane: Backplane,
  attachment: Attachment,
  to: Uint8Array,
  frame: Uint8Array
): Promise<boolean> {
  const isFor = (id: Uint8Array) => numberOf(id) === numberOf(to)
  return attachment.send ? attachment.send({ remoteId: to, frame, isFor }) : backplane.send(to, frame)
}

/** The number that an id begins with. */
export function numberOf(id: Uint8Array): number {
  return new DataView(id.buffer, id.byteOffset).getUint32(0)
}

/** Ids of members as numbers, in order. */
export function numbers(members: readonly { id: Uint8Array }[]): number[] {
  return members.map(({ id }) => numberOf(id))
}

export function ascending(list: readonly number[]): number[] {
  return [...list].sort((a, b) => a - b)
}

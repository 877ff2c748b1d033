import {
  type Attachment,
  type AttachOptions,
  type Mailbox,
  MemoryBackplane,
  type ReplyTo
} from 'socket-signal'

/**
 * A node that may be killed. From then on it does nothing and hands nothing over, although what is sent to those who were
 * there still goes to it; when its lease ends, the others bury it: who waits for an answer from there is told.
 */
export class MortalBackplane extends MemoryBackplane {
  #dead = false

  override attach(id: Uint8Array, options: AttachOptions, mailbox: Mailbox): Attachment {
    const place = super.attach(id, options, {
      deliver: (frame, replyTo) => mailbox.deliver(frame, replyTo),
      lost: () => this.#alive(() => mailbox.lost()),
      handOver: key => this.#alive(() => mailbox.handOver?.(key))
    })
    return {
      resumed: place.resumed,
      join: (topic, info) => this.#alive(() => place.join(topic, info)),
      leave: topic => this.#alive(() => place.leave(topic)),
      away: () => this.#alive(() => place.away()),
      send: signal => this.#alive(() => place.send?.(signal)) ?? false,
      detach: () => this.#alive(() => place.detach())
    }
  }

  override send(to: Uint8Array, frame: Uint8Array, replyTo?: ReplyTo): boolean {
    return this.#alive(() => super.send(to, frame, replyTo)) ?? false
  }

  override publish(topic: Uint8Array, frame: Uint8Array, except: Uint8Array): number {
    return this.#alive(() => super.publish(topic, frame, except)) ?? 0
  }

  kill(): void {
    this.#dead = true
  }

  bury(): void {
    this.#dead = false
  }

  #alive<T>(act: () => T): T | undefined {
    return this.#dead ? undefined : act()
  }
}

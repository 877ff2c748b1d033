import type { SocketSignalClient } from 'socket-signal'
import type { AccessOptions } from './access.ts'
import { type ChannelEvents, Channels } from './channels.ts'

/**
 * Messages in channels, for a PubSub token or a subscriber's. Who else has subscribed is not told.
 *
 *     const client = new PubSub.Client({ token })
 *     client.on('message.received', ({ channel, content }) => console.log(channel, content))
 *     await client.subscribe('news')
 *     await client.publish({ channel: 'news', content: 'Hello' })
 */
export class PubSubClient extends Channels<ChannelEvents> {
  /** Throws a `TypeError` without a token or credentials. */
  constructor(options: AccessOptions) {
    super(options, 'pubsub', 'PubSub')
  }

  protected override async _join(client: SocketSignalClient, topic: Uint8Array): Promise<void> {
    await client.join(topic, { limit: 1 })
  }
}

import type { Host } from './host.ts'
import type { IceServersProvider } from './ice.ts'
import { IceSource } from './ice-source.ts'
import { Memberships } from './memberships.ts'
import { Messages } from './messages.ts'
import { Seal } from './seal.ts'
import { Sessions } from './sessions.ts'

export { Path } from './path.ts'

/** What only traffic between peers needs, loaded together when a client opens or asks for a topic. */
export function createPeers(
  host: Host,
  iceServers: RTCIceServer[] | IceServersProvider | undefined
): [Memberships, Sessions] {
  host.ice = new IceSource(iceServers, host)
  host.seal = new Seal(host)
  host.messages = new Messages(host)
  return [new Memberships(host), new Sessions(host)]
}

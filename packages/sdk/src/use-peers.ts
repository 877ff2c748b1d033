import { useEffect } from 'react'
import { type Peer, type SocketSignalClient, toKey } from 'socket-signal'
import { useStore } from './store.ts'

const NO_PEERS: readonly Peer[] = Object.freeze([])

/** The peers of a client that are connected or on their way, all or those of a topic. */
export function usePeers(client: SocketSignalClient | undefined, topic?: Uint8Array): readonly Peer[] {
  const [peers, store] = useStore(NO_PEERS)
  const key = topic && toKey(topic)
  useEffect(() => {
    if (!client) return
    const closing = new Map<Peer, () => void>()
    const isMeant = (peer: Peer) => key === undefined || toKey(peer.topic) === key
    const show = () => {
      const all = client.peers.filter(isMeant)
      // Those too that were there before: nobody else tells that they have closed in order.
      for (const peer of all)
        if (!closing.has(peer))
          closing.set(
            peer,
            peer.once('close', () => gone(peer))
          )
      store.set(all)
    }
    const gone = (peer: Peer) => {
      closing.delete(peer)
      show()
    }
    const told = ({ peer }: { peer: Peer }) => {
      if (isMeant(peer)) show()
    }
    const stops = [
      client.on('peer-queue', told),
      client.on('peer-connecting', told),
      client.on('peer-connected', told)
    ]
    if (client.peers.some(isMeant)) show()
    return () => {
      for (const stop of [...stops, ...closing.values()]) stop()
      store.reset()
    }
  }, [client, key, store])
  return peers
}

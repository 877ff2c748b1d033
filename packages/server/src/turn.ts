import { type IceServersOf, toHex } from 'socket-signal'
import { createTurn, type TurnOptions } from 'socket-signal-token'

/** How much of an id the TURN server's log shows: enough to tell users apart, too little to be somebody else. */
const SHOWN = 16

/** Credentials for each connection, behind what is handed out to all. */
export function handOut(turn: TurnOptions, iceServers: RTCIceServer[] = []): IceServersOf {
  const mint = createTurn(turn)
  return async ({ id }) => {
    const minted = await mint(toHex(id).slice(0, SHOWN))
    return { ...minted, iceServers: [...iceServers, ...minted.iceServers] }
  }
}

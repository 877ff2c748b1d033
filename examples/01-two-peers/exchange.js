// Two peers find each other through a signal server, connect over WebRTC and talk.

import { once } from 'node:events'
import wrtc from '@roamhq/wrtc'
import { toHex, topicFromName } from 'socket-signal'
import { SocketSignalWebsocketClient } from 'socket-signal-websocket'

/** Lets two peers connect through the server at `url` and tells each step with its time. */
export async function exchange({ url, log = console.log }) {
  // Node has no WebRTC of its own: wrtc is handed in. Both peers are on this machine, so no STUN server is asked.
  const options = { iceServers: [], simplePeer: { wrtc, iceCompleteTimeout: 300 } }
  const alice = new SocketSignalWebsocketClient(url, options)
  const bob = new SocketSignalWebsocketClient(url, options)
  const topic = await topicFromName('two-peers')

  const began = performance.now()
  const step = (name, words) => log(`${time(performance.now() - began)}  ${name.padEnd(8)} ${words}`)

  await Promise.all([alice.open(), bob.open()])
  step('socket', 'both peers have a socket to the server and have proved their ids')
  log(`            alice is ${short(alice.id)}, bob is ${short(bob.id)}`)

  await bob.join(topic)
  const [bobsId] = await alice.join(topic)
  step('joined', `both are in the topic, and alice has found ${short(bobsId)} there`)

  bob.onOffer(() => step('offer', "alice's offer has reached bob through the server"))
  alice.onAnswer(() => step('answer', "bob's answer has reached alice through the server"))
  bob.on('peer-connected', ({ peer }) => {
    peer.stream.on('data', data => {
      step('message', `bob got "${data}"`)
      peer.stream.write('hello Alice')
    })
  })

  const peer = alice.connect(topic, bobsId)
  await peer.ready()
  step('open', 'the data channel is open; from here on the server is not needed')

  peer.stream.write('hello Bob')
  const [answer] = await once(peer.stream, 'data')
  step('message', `alice got "${answer}" back`)

  await Promise.all([alice.close(), bob.close()])
}

function time(ms) {
  return `${ms.toFixed(1).padStart(7)} ms`
}

function short(id) {
  return toHex(id).slice(0, 8)
}

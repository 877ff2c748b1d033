import { follow, idOf, publish, rooms, sees, sent, track, tracks } from '../tools/rooms.ts'
import { simulated } from '../tools/simulated.ts'
import { rejection, until } from '../tools/wait.ts'

const BOTH = { audio: true, video: true }

simulated('001.17 getLocalStreams: by key', async t => {
  const { alice, rtc } = await rooms(t, { rooms: [{}] })
  t.same(alice.getLocalStreams(), {})
  const media = tracks(rtc)
  await alice.addStream('self', media)
  await alice.addStream('screen', { video: media.video })
  const { self, screen } = alice.getLocalStreams()
  t.equal(self?.audioTrack, media.audio)
  t.equal(self?.videoTrack, media.video)
  t.same([screen?.key, screen?.audioTrack, screen?.isVideoEnabled], ['screen', undefined, true])
})

simulated(
  '001.18 addStream: takes tracks, a track with options, or none, and resolves when it is published',
  async t => {
    let held: Promise<void> | undefined
    const authorize = async () => {
      await held
      return true
    }
    const { alice, bob, rtc } = await rooms(t, { server: { authorize } })
    const media = tracks(rtc)
    const { audio, video } = media
    let letGo = () => {}
    held = new Promise(resolve => (letGo = resolve))
    let isAdded = false
    const adding = alice.addStream('a', { audio, video }).then(() => (isAdded = true))
    await new Promise(resolve => setTimeout(resolve, 200))
    t.same([isAdded, alice.getLocalStreams()], [false, {}], 'not before the server has taken it')
    letGo()
    await adding
    await alice.addStream('b', { video: { track: video, options: { enableSimulcast: true } } })
    await alice.addStream('c', { video: { options: { enableSimulcast: false } } })
    await alice.addStream('d')
    t.same(Object.keys(alice.getLocalStreams()), ['a', 'b', 'c', 'd'])
    await until(() => bob.getParticipantStreams(idOf(alice)).size === 4)
    const flags = [...bob.getParticipantStreams(idOf(alice)).values()].map(each => [
      each.key,
      each.isAudioEnabled,
      each.isVideoEnabled
    ])
    t.same(flags, [
      ['a', true, true],
      ['b', false, true],
      ['c', false, false],
      ['d', false, false]
    ])
    const wrong = [{ audio: video }, { video: audio }, { audio: {} as MediaStreamTrack }]
    for (const each of wrong) t.ok((await rejection(alice.addStream('e', each))) instanceof TypeError)
    for (const key of ['', '__proto__', 'x'.repeat(65), 7 as unknown as string])
      t.ok((await rejection(alice.addStream(key))) instanceof TypeError, String(key))
    t.same(Object.keys(alice.getLocalStreams()), ['a', 'b', 'c', 'd'])
  }
)

simulated('001.19 a key is one of its participant: another may use it, the same one may not', async t => {
  const { alice, bob, rtc } = await rooms(t)
  await alice.addStream('self', tracks(rtc))
  await bob.addStream('self', tracks(rtc))
  const adding = alice.addStream('other')
  t.equal((await rejection(alice.addStream('other'))).code, 'KEY_IN_USE', 'also while it is being added')
  await adding
  const error = await rejection(alice.addStream('self', tracks(rtc)))
  t.equal(error.code, 'KEY_IN_USE')
  await until(() => Object.keys(alice.getState().streams).length === 3)
  await alice.removeStream('self')
  await alice.addStream('self')
  t.equal(alice.getLocalStreams().self?.isAudioEnabled, false)
})

simulated(
  '001.20 updateStream: other tracks, without a new line; null mutes, and what is absent stays',
  async t => {
    const { alice, bob, rtc } = await rooms(t)
    const [first, second] = [tracks(rtc), tracks(rtc)]
    await publish(alice, bob, first)
    await bob.addSubscription(idOf(alice), 'self', BOTH)
    t.same(sent(rtc).sort(), ids(first))
    const lines = rtc.connections[0]?.getTransceivers().length
    await alice.updateStream('self', second)
    await until(() => sent(rtc).sort().join() === ids(second).join(), 'the other tracks are sent')
    const seen = follow(bob)
    await alice.updateStream('self', { audio: null })
    await until(() => sent(rtc).join() === second.video.id, 'sound is not sent')
    await until(() => seen.length === 1)
    t.same(
      seen.map(({ event, args }) => [event, ...args]),
      [['track_disabled', idOf(alice), 'self', 'audio']]
    )
    const muted = bob.getParticipantStream(idOf(alice), 'self')
    t.same([muted?.isAudioEnabled, muted?.audioTrack, muted?.isVideoEnabled], [false, undefined, true])
    await alice.updateStream('self', { audio: first.audio, video: { options: { enableSimulcast: true } } })
    await until(() => sent(rtc).length === 2 && seen.length === 2)
    t.equal(seen[1]?.event, 'track_enabled')
    await until(() => bob.getParticipantStream(idOf(alice), 'self')?.audioTrack !== undefined)
    t.equal(rtc.connections[0]?.getTransceivers().length, lines)
    t.equal((await rejection(alice.updateStream('nothing', {}))).code, 'UNKNOWN_STREAM')
  }
)

simulated('001.21 removeStream: it is not published and not sent any more', async t => {
  const { alice, bob, rtc } = await rooms(t)
  await publish(alice, bob, tracks(rtc))
  await bob.addSubscription(idOf(alice), 'self', BOTH)
  await alice.removeStream('self')
  await until(() => sent(rtc).length === 0)
  t.same(alice.getLocalStreams(), {})
  await until(() => bob.getParticipantStreams(idOf(alice)).size === 0)
  t.same(bob.getState().streams, {})
  t.equal((await rejection(alice.removeStream('self'))).code, 'UNKNOWN_STREAM')
})

simulated('001.22 addSubscription: resolves when the remote stream can be rendered', async t => {
  const { alice, bob, rtc } = await rooms(t)
  await publish(alice, bob, tracks(rtc))
  const before = bob.getParticipantStream(idOf(alice), 'self')
  t.same([before?.isConfigured, before?.audioTrack, before?.videoTrack], [false, undefined, undefined])
  await bob.addSubscription(idOf(alice), 'self', BOTH)
  const stream = bob.getState().streams[`${idOf(alice)}/self`]
  t.same([stream?.isConfigured, stream?.audioTrack?.kind, stream?.videoTrack?.kind], [true, 'audio', 'video'])
  t.equal((await rejection(bob.addSubscription(idOf(alice), 'self', BOTH))).code, 'KEY_IN_USE')
  t.equal((await rejection(bob.addSubscription('nobody', 'self', BOTH))).code, 'UNKNOWN_PARTICIPANT')
  t.match((await rejection(alice.addSubscription(idOf(alice), 'self', BOTH))).message, /nobody else/)
  t.equal((await rejection(bob.addSubscription(idOf(alice), 'nothing', BOTH))).code, 'UNKNOWN_STREAM')
  t.equal(rtc.made, 2, 'one connection for the pair')
  await bob.addStream('self', tracks(rtc))
  await until(() => alice.getParticipantStream(idOf(bob), 'self') !== undefined)
  await alice.addSubscription(idOf(bob), 'self', BOTH)
  t.equal(rtc.made, 2, 'the same one the other way')
  t.equal(sent(rtc).length, 4)
  t.same(
    rtc.connections.map(each => each.getTransceivers().length),
    [2, 2],
    'the same lines carry both ways'
  )
})

simulated('001.23 nothing is subscribed by itself: nobody is dialed and nothing is sent', async t => {
  const { alice, bob, carol, rtc } = await rooms(t, { rooms: [{}, {}, {}] })
  for (const room of [alice, bob]) await room.addStream('self', tracks(rtc))
  await until(() => carol.getParticipantStream(idOf(bob), 'self') !== undefined)
  await until(() => carol.getParticipantStream(idOf(alice), 'self') !== undefined)
  await new Promise(resolve => setTimeout(resolve, 200))
  t.equal(rtc.made, 0)
  await carol.addSubscription(idOf(alice), 'self', BOTH)
  t.equal(rtc.made, 2, 'one of the two others')
  t.equal(sent(rtc).length, 2)
})

simulated('001.24 audio: false or video: false is not received, nor sent', async t => {
  const { alice, bob, rtc } = await rooms(t)
  const media = tracks(rtc)
  await publish(alice, bob, media)
  for (const [audio, video] of [
    [true, false],
    [false, true],
    [false, false]
  ] as const) {
    await bob.addSubscription(idOf(alice), 'self', { audio, video })
    const stream = bob.getParticipantStream(idOf(alice), 'self')
    t.same([stream?.audioTrack !== undefined, stream?.videoTrack !== undefined], [audio, video])
    const wanted = [...(audio ? [media.audio.id] : []), ...(video ? [media.video.id] : [])]
    await until(() => sent(rtc).join() === wanted.join(), `${wanted} is sent`)
    await bob.removeSubscription(idOf(alice), 'self')
  }
})

simulated('001.25 updateSubscription: the one kind, the other, the size', async t => {
  const { alice, bob, rtc } = await rooms(t)
  const media = tracks(rtc)
  Object.assign(media.video, { getSettings: () => ({ height: 720 }) })
  const video = { track: media.video, options: { enableSimulcast: true } }
  await publish(alice, bob, { audio: media.audio, video })
  await bob.addSubscription(idOf(alice), 'self', { audio: true, video: false })
  await bob.updateSubscription(idOf(alice), 'self', { audio: false, video: true })
  t.ok(bob.getParticipantStream(idOf(alice), 'self')?.videoTrack)
  t.notOk(bob.getParticipantStream(idOf(alice), 'self')?.audioTrack)
  await until(() => sent(rtc).join() === media.video.id)
  await bob.updateSubscription(idOf(alice), 'self', { audio: false, video: true, height: 180 })
  const encodings = () =>
    rtc.connections
      .flatMap(each => each.getSenders())
      .filter(each => each.track)
      .map(each => each.getParameters().encodings)
  await until(() => encodings()[0]?.[0]?.scaleResolutionDownBy === 4, 'a quarter')
  t.ok((encodings()[0]?.[0]?.maxBitrate ?? 0) <= 150_000)
  await bob.updateSubscription(idOf(alice), 'self', { audio: false, video: true })
  await until(() => encodings()[0]?.[0]?.scaleResolutionDownBy === 1, 'as it is')
  t.equal(encodings()[0]?.[0]?.maxBitrate, undefined)
  t.equal((await rejection(alice.updateSubscription(idOf(bob), 'x', BOTH))).code, 'UNKNOWN_STREAM')
})

simulated('001.26 removeSubscription: it is not sent any more, and the lines are used again', async t => {
  const { alice, bob, rtc } = await rooms(t)
  await publish(alice, bob, tracks(rtc))
  for (let round = 0; round < 5; round++) {
    await bob.addSubscription(idOf(alice), 'self', BOTH)
    await bob.removeSubscription(idOf(alice), 'self')
    t.notOk(bob.getParticipantStream(idOf(alice), 'self')?.isConfigured)
    await until(() => sent(rtc).length === 0)
  }
  t.same(
    rtc.connections.map(each => each.getTransceivers().length),
    [2, 2]
  )
  t.equal((await rejection(bob.removeSubscription(idOf(alice), 'self'))).code, 'UNKNOWN_SUBSCRIPTION')
})

simulated('001.27 001.28 getParticipantStreams: by key, local and remote; nobody has none', async t => {
  const { alice, bob, rtc } = await rooms(t)
  await publish(alice, bob, tracks(rtc))
  const streams = bob.getParticipantStreams(idOf(alice))
  t.ok(streams instanceof Map)
  t.same([...streams.keys()], ['self'])
  t.equal(bob.getParticipantStream(idOf(alice), 'self'), streams.get('self'))
  t.same([...bob.getParticipantsStreams(idOf(alice))], [...streams])
  t.equal(alice.getParticipantStream(idOf(alice), 'self'), alice.getLocalStreams().self)
  t.equal(bob.getParticipantStream(idOf(alice), 'nothing'), undefined)
  t.equal(bob.getParticipantStream('constructor', 'self'), undefined)
  t.same([...bob.getParticipantStreams('nobody')], [])
})

simulated('001.29 getWebRTCStatsForStream: senders of ours, receivers of others, in words', async t => {
  const { alice, bob, rtc } = await rooms(t)
  await publish(alice, bob, tracks(rtc))
  await bob.addSubscription(idOf(alice), 'self', BOTH)
  let at = 0
  const report = (side: 'in' | 'out') => async () => {
    at += 1000
    const bytes =
      side === 'in' ? { bytesReceived: at * 2, packetsReceived: 90 } : { bytesSent: at, packetsSent: 9 }
    const rtp = { id: 'r', type: `${side}bound-rtp`, timestamp: at, ...bytes, framesPerSecond: 25 }
    const picture = { frameWidth: 640, frameHeight: 360, framesDecoded: 50, packetsLost: 10, jitter: 0.02 }
    const remote = {
      id: 'm',
      type: 'remote-inbound-rtp',
      fractionLost: 0.25,
      roundTripTime: 0.1,
      jitter: 0.003
    }
    return new Map(Object.entries(side === 'in' ? { r: { ...rtp, ...picture } } : { r: rtp, m: remote }))
  }
  for (const connection of rtc.connections) {
    for (const { sender, receiver } of connection.getTransceivers())
      Object.assign(sender, { getStats: report('out') }) &&
        Object.assign(receiver, { getStats: report('in') })
  }
  const ours = await alice.getWebRTCStatsForStream(idOf(alice), 'self')
  t.same(Object.keys(ours.senders).sort(), ['audio', 'video'])
  t.same(Object.keys(ours.subscribers), [idOf(bob)])
  t.same(ours.receivers, {})
  const { packetLoss, roundTripTime, jitter } = ours.senders.video ?? {}
  t.same([packetLoss, roundTripTime, jitter], [0.25, 100, 3])
  const first = await bob.getWebRTCStatsForStream(idOf(alice), 'self')
  t.equal(first.receivers.video?.packetLoss, 0.1)
  const { receivers, senders } = await bob.getWebRTCStatsForStream(idOf(alice), 'self')
  t.same(senders, {})
  const { video } = receivers
  t.same([video?.width, video?.height, video?.framesPerSecond, video?.frames], [640, 360, 25, 50])
  t.same([video?.packetLoss, video?.jitter, video?.bitrate], [0, 20, 16_000], 'none was lost since')
  t.equal((await rejection(bob.getWebRTCStatsForStream(idOf(alice), 'nothing'))).code, 'UNKNOWN_STREAM')
})

simulated('001.30 sendMessage: text alone, to all or to those that are named', async t => {
  const { alice, bob, carol } = await rooms(t, { rooms: [{}, {}, {}] })
  const [toBob, toCarol] = [follow(bob), follow(carol)]
  await alice.sendMessage({ type: 'text', payload: 'to all' })
  await alice.sendMessage({ type: 'text', payload: 'to Bob' }, [idOf(bob)])
  await alice.sendMessage({ type: 'text', payload: 'to both' }, [idOf(bob), idOf(carol), idOf(bob)])
  await until(() => toBob.length === 3 && toCarol.length === 2)
  const said = (seen: typeof toBob) => seen.map(({ args }) => (args[1] as { payload: string }).payload)
  t.same(said(toBob), ['to all', 'to Bob', 'to both'])
  t.same(said(toCarol), ['to all', 'to both'])
  const wrong = [
    { type: 'image', payload: 'x' },
    { type: 'text', payload: 7 },
    { type: 'text' },
    null
  ] as never[]
  for (const message of wrong) t.ok((await rejection(alice.sendMessage(message))) instanceof TypeError)
  const text = { type: 'text', payload: 'x' } as const
  t.equal((await rejection(alice.sendMessage(text, ['nobody']))).code, 'UNKNOWN_PARTICIPANT')
  t.equal((await rejection(alice.sendMessage({ ...text, payload: 'x'.repeat(20_000) }))).code, 'TOO_LARGE')
  await alice.disconnect()
  t.equal((await rejection(alice.sendMessage(text))).code, 'NOT_CONNECTED')
})

simulated(
  '001.31 001.32 network metrics: of those who are named, with their streams if asked, until they are not any more',
  async t => {
    const { alice, bob, rtc } = await rooms(t, { rooms: [{}, { reportInterval: 20 }] })
    await publish(alice, bob, tracks(rtc))
    await bob.addSubscription(idOf(alice), 'self', BOTH)
    const reports: { [id: string]: { connectionQuality: number; streams?: object } }[] = []
    bob.on('network_metrics_report', metrics => reports.push(metrics))
    await bob.enableNetworkMetricsReport([idOf(alice)])
    await until(() => reports.length > 1)
    t.same(Object.keys(reports.at(-1) ?? {}), [idOf(alice)])
    t.equal(reports.at(-1)?.[idOf(alice)]?.connectionQuality, 5)
    t.notOk(reports.at(-1)?.[idOf(alice)]?.streams)
    await bob.enableNetworkMetricsReport([idOf(bob)], { includeStreams: true })
    await until(() => Object.keys(reports.at(-1) ?? {}).length === 2)
    t.same(reports.at(-1)?.[idOf(bob)]?.streams, {})
    await bob.disableNetworkMetricsReport([idOf(alice)])
    await until(() => Object.keys(reports.at(-1) ?? {}).join() === idOf(bob))
    await bob.enableNetworkMetricsReport([idOf(alice), idOf(bob)])
    await until(() => Object.keys(reports.at(-1) ?? {}).length === 2)
    await bob.disableNetworkMetricsReport()
    await new Promise(resolve => setTimeout(resolve, 50))
    const { length } = reports
    await new Promise(resolve => setTimeout(resolve, 100))
    t.equal(reports.length, length, 'no report any more')
    t.equal((await rejection(bob.enableNetworkMetricsReport(['nobody']))).code, 'UNKNOWN_PARTICIPANT')
  }
)

simulated(
  'room: a connection that ends while it is needed is made anew, and what it carried comes back',
  async t => {
    const { alice, bob, rtc } = await rooms(t)
    await publish(alice, bob, tracks(rtc))
    await bob.addSubscription(idOf(alice), 'self', BOTH)
    rtc.connections[1]?.close()
    await until(() => bob.getParticipantStream(idOf(alice), 'self')?.isConfigured === false)
    await until(() => bob.getParticipantStream(idOf(alice), 'self')?.isConfigured === true)
    t.equal(sent(rtc).length, 2)
  }
)

simulated('room: both subscribe at once, and one connection comes of it', async t => {
  const { alice, bob, rtc } = await rooms(t)
  for (const room of [alice, bob]) await room.addStream('self', tracks(rtc))
  await until(() => [alice, bob].every(room => Object.keys(room.getState().streams).length === 2))
  await Promise.all([
    alice.addSubscription(idOf(bob), 'self', BOTH),
    bob.addSubscription(idOf(alice), 'self', BOTH)
  ])
  await until(() => rtc.open === 2)
  t.equal(sent(rtc).length, 4)
})

simulated('room: who comes later finds what is there, and a client of the app stays open', async t => {
  const { alice, rtc, create } = await rooms(t, { rooms: [{ name: 'Alice' }] })
  await alice.addStream('self', { video: track(rtc, 'video') })
  const carol = create()
  const seen = follow(carol)
  await carol.connect()
  await sees(carol, 2)
  t.same(
    seen.map(({ event }) => event),
    ['connected'],
    'who was there before is no news'
  )
  await carol.addSubscription(idOf(alice), 'self', BOTH)
  t.ok(carol.getParticipantStream(idOf(alice), 'self')?.videoTrack)
  t.equal(carol.getState().participants[idOf(alice)]?.name, 'Alice')
})

function ids({ audio, video }: { audio: MediaStreamTrack; video: MediaStreamTrack }): string[] {
  return [audio.id, video.id].sort()
}

import type { FakeWrtc } from 'socket-signal-testing'
import { follow, idOf, publish, rooms, sees, sent, tracks } from '../tools/rooms.ts'
import { simulated } from '../tools/simulated.ts'
import { rejection, until } from '../tools/wait.ts'

const BOTH = { audio: true, video: true }
type Seen = ReturnType<typeof follow>

simulated('001.33 state_changed: on every change, once, with the state that there is', async t => {
  const { alice, bob, rtc } = await rooms(t)
  const states: unknown[] = []
  const stop = bob.on('state_changed', state => {
    t.equal(state, bob.getState())
    states.push(state)
  })
  const seen = follow(bob)
  await alice.addStream('self', tracks(rtc))
  await until(() => states.length === 1)
  await bob.addSubscription(idOf(alice), 'self', BOTH)
  await alice.updateStream('self', { audio: null })
  await until(() => seen.length === 3)
  await bob.removeSubscription(idOf(alice), 'self')
  t.equal(new Set(states).size, states.length, 'never twice the same')
  t.equal(states.at(-1), bob.getState(), 'the last one too')
  t.same(
    seen.map(({ event, state }) => [event, states.includes(state)]),
    ['stream_published', 'subscription_started', 'track_disabled', 'subscription_ended'].map(event => [
      event,
      true
    ]),
    'whatever happens, its state was told'
  )
  stop()
  await alice.disconnect()
  await sees(bob, 1)
  t.notEqual(states.at(-1), bob.getState(), 'until it is not listened to any more')
})

simulated('001.34 001.35 connected and disconnected: with the state', async t => {
  const { alice } = await rooms(t, { connected: false, rooms: [{}] })
  const seen = follow(alice)
  await alice.connect()
  await alice.disconnect()
  t.same(
    seen.map(({ event, args, state }) => [event, args, state.status]),
    [
      ['connected', [], 'connected'],
      ['disconnected', [], 'disconnected']
    ]
  )
})

simulated('001.36 001.38 participant_joined and participant_left: of remote ones alone', async t => {
  const { alice, create } = await rooms(t, { rooms: [{}] })
  const seen = follow(alice)
  const bob = create({ name: 'Bob' })
  const own = follow(bob)
  await bob.connect()
  const id = idOf(bob)
  await until(() => seen.length === 1)
  await bob.disconnect()
  await until(() => seen.length === 2)
  t.same(lines(seen), [
    ['participant_joined', id],
    ['participant_left', id]
  ])
  t.same(
    seen.map(({ state }) => state.participants[id]?.name),
    ['Bob', undefined]
  )
  t.same(
    own.map(({ event }) => event),
    ['connected', 'disconnected']
  )
})

simulated(
  '001.37 participant_leaving: of who is kicked, the local one too, and it does not come back by itself',
  async t => {
    const { alice, bob, carol, moderation, topic } = await rooms(t, { rooms: [{}, {}, {}] })
    const [seen, own] = [follow(alice), follow(bob)]
    const id = idOf(bob)
    t.equal(await moderation.kick(topic, Buffer.from(id, 'hex')), true)
    await until(() => bob.getState().status === 'disconnected')
    t.same(lines(own), [['participant_leaving', id, 'kicked'], ['disconnected']])
    t.equal(bob.getState().disconnectReason, 'kicked')
    await sees(alice, 2)
    t.same(lines(seen), [
      ['participant_leaving', id, 'kicked'],
      ['participant_left', id]
    ])
    await new Promise(resolve => setTimeout(resolve, 300))
    t.equal(bob.getState().status, 'disconnected')
    await carol.kick(idOf(alice))
    await until(() => alice.getState().disconnectReason === 'kicked')
    t.equal(await moderation.kick(topic, Buffer.from(id, 'hex')), false, 'who is not there is not kicked')
    await bob.connect()
    await sees(bob, 2)
  }
)

simulated(
  '001.39 001.40 stream_published and stream_unpublished: local and remote, and of who leaves',
  async t => {
    const { alice, bob, rtc } = await rooms(t)
    const [own, seen] = [follow(alice), follow(bob)]
    const id = idOf(alice)
    await alice.addStream('self', tracks(rtc))
    await alice.addStream('screen', { video: tracks(rtc).video })
    await alice.removeStream('screen')
    t.same(lines(own), [
      ['stream_published', id, 'self'],
      ['stream_published', id, 'screen'],
      ['stream_unpublished', id, 'screen']
    ])
    t.same(
      own.map(({ state }) => Object.keys(state.participants[id]?.streams ?? {})),
      [['self'], ['self', 'screen'], ['self']]
    )
    await until(() => lines(seen).some(([event]) => event === 'stream_published'))
    await alice.disconnect()
    await until(() => lines(seen).some(([event]) => event === 'participant_left'))
    const remote = lines(seen).filter(([, , key]) => key === 'self')
    t.same(remote, [
      ['stream_published', id, 'self'],
      ['stream_unpublished', id, 'self']
    ])
  }
)

simulated(
  '001.41 001.42 track_enabled and track_disabled: local and remote, each kind for itself',
  async t => {
    const { alice, bob, rtc } = await rooms(t)
    const media = tracks(rtc)
    await publish(alice, bob, { audio: media.audio })
    const [own, seen] = [follow(alice), follow(bob)]
    await alice.updateStream('self', { audio: null })
    await until(() => seen.length === 1)
    await alice.updateStream('self', { audio: null })
    await alice.updateStream('self', { video: media.video })
    await until(() => seen.length === 2)
    await alice.updateStream('self', { audio: media.audio, video: null })
    await until(() => seen.length === 4)
    const expected = [
      ['track_disabled', 'audio'],
      ['track_enabled', 'video'],
      ['track_enabled', 'audio'],
      ['track_disabled', 'video']
    ].map(([event, kind]) => [event, idOf(alice), 'self', kind])
    t.same(lines(own), expected)
    t.same(lines(seen), expected)
    t.same(seen.at(-1)?.state.streams[`${idOf(alice)}/self`]?.isVideoEnabled, false)
  }
)

simulated(
  '001.43 track_censored: nobody is sent it or shows it, not even of a publisher that goes on, nor who comes later',
  async t => {
    const { alice, bob, moderation, topic, rtc, create } = await rooms(t)
    const media = tracks(rtc)
    await publish(alice, bob, media)
    await bob.addSubscription(idOf(alice), 'self', BOTH)
    const [own, seen] = [follow(alice), follow(bob)]
    const id = Buffer.from(idOf(alice), 'hex')
    t.equal(await moderation.censor(topic, id, 'self', 'video'), true)
    await until(() => own.length === 1 && seen.length === 1)
    const expected = [['track_censored', idOf(alice), 'self', 'video']]
    t.same([lines(own), lines(seen)], [expected, expected])
    await until(() => sent(rtc).join() === media.audio.id, 'the publisher does not send it')
    t.equal(alice.getLocalStreams().self?.videoTrack, media.video, 'but keeps it')
    t.ok(alice.getLocalStreams().self?.isVideoCensored)
    // As a publisher would that minds no moderator.
    for (const { sender, receiver } of rtc.connections.flatMap(each => each.getTransceivers()))
      if (receiver.track.kind === 'video') await sender.replaceTrack(media.video as never)
    const shown = bob.getParticipantStream(idOf(alice), 'self')
    t.same([shown?.videoTrack, shown?.isVideoCensored, shown?.audioTrack?.kind], [undefined, true, 'audio'])
    const late = create()
    await late.connect()
    await until(() => late.getParticipantStream(idOf(alice), 'self') !== undefined)
    await late.addSubscription(idOf(alice), 'self', BOTH)
    const theirs = late.getParticipantStream(idOf(alice), 'self')
    t.same(
      [theirs?.videoTrack, theirs?.isVideoCensored, theirs?.audioTrack?.kind],
      [undefined, true, 'audio']
    )
    const told = (event: string) => lines(seen).some(([name]) => name === event)
    await alice.updateStream('self', { audio: null })
    await until(() => told('track_disabled'))
    t.equal(await moderation.censor(topic, id, 'self', 'audio'), false, 'a track that is null')
    t.equal(await moderation.censor(topic, id, 'other', 'audio'), false, 'a stream that is not there')
    await alice.updateStream('self', { audio: media.audio })
    await until(() => told('track_enabled'))
    t.notOk(alice.getLocalStreams().self?.isAudioCensored, 'nothing has happened to it')
    for (const told of [own, seen])
      t.same(
        lines(told).filter(([event]) => event === 'track_censored'),
        expected,
        'and nobody was told so'
      )
  }
)

simulated('001.44 track_uncensored: only behind a censor; then it is sent and shown again', async t => {
  const { alice, bob, moderation, topic, rtc } = await rooms(t)
  await publish(alice, bob, tracks(rtc))
  await bob.addSubscription(idOf(alice), 'self', BOTH)
  const seen = follow(bob)
  const id = Buffer.from(idOf(alice), 'hex')
  t.equal(await moderation.uncensor(topic, id, 'self', 'audio'), false)
  await bob.censor(idOf(alice), 'self', 'audio')
  await until(() => sent(rtc).length === 1)
  t.equal(await moderation.uncensor(topic, id, 'self', 'video'), false)
  await bob.uncensor(idOf(alice), 'self', 'audio')
  await until(() => sent(rtc).length === 2)
  await until(() => bob.getParticipantStream(idOf(alice), 'self')?.audioTrack !== undefined)
  t.same(lines(seen), [
    ['track_censored', idOf(alice), 'self', 'audio'],
    ['track_uncensored', idOf(alice), 'self', 'audio']
  ])
  t.equal((await rejection(bob.censor('nobody', 'self', 'audio'))).code, 'UNKNOWN_PARTICIPANT')
  t.equal((await rejection(bob.censor(idOf(alice), '', 'audio'))).code, 'INVALID_ARGUMENT')
  t.same(moderation.stats(), { rooms: 0, censored: 0 })
})

simulated(
  '001.45 audio_activity: of the stream and of the participant as such, when it begins and when it ends',
  async t => {
    const { alice, bob, rtc } = await rooms(t)
    await publish(alice, bob, tracks(rtc))
    await bob.addSubscription(idOf(alice), 'self', BOTH)
    const seen = follow(bob)
    speak(rtc, 0.5)
    await until(() => seen.length === 2)
    t.same(lines(seen), [
      ['audio_activity', idOf(alice), 'self'],
      ['audio_activity', idOf(alice), null]
    ])
    t.ok(bob.getParticipantStream(idOf(alice), 'self')?.isSpeaking)
    speak(rtc, 0.02)
    await new Promise(resolve => setTimeout(resolve, 500))
    t.equal(seen.length, 2, 'neither loud nor quiet: nothing changes')
    speak(rtc, 0)
    await until(() => seen.length === 4)
    t.same(lines(seen.slice(2)), lines(seen.slice(0, 2)), 'the same again')
    t.notOk(bob.getParticipantStream(idOf(alice), 'self')?.isSpeaking)
  }
)

simulated('001.46 001.47 001.48 subscriptions: started, reconfigured, ended; also by who leaves', async t => {
  const { alice, bob, rtc } = await rooms(t)
  await publish(alice, bob, tracks(rtc))
  const seen = follow(bob)
  const id = idOf(alice)
  await bob.addSubscription(id, 'self', { audio: true, video: false })
  await bob.updateSubscription(id, 'self', BOTH)
  await bob.removeSubscription(id, 'self')
  await bob.addSubscription(id, 'self', BOTH)
  await alice.disconnect()
  await sees(bob, 1)
  t.same(
    lines(seen).map(([event]) => event),
    [
      ...['subscription_started', 'subscription_reconfigured', 'subscription_ended', 'subscription_started'],
      ...['subscription_ended', 'stream_unpublished', 'participant_left']
    ]
  )
  t.ok(seen.slice(0, 5).every(({ args }) => args[0] === id && args[1] === 'self'))
  t.ok(seen[1]?.state.streams[`${id}/self`]?.videoTrack, 'the state shows it')
})

simulated('001.49 message_received: from whom, what, and to whom; null for all', async t => {
  const { alice, bob } = await rooms(t)
  const seen = follow(bob)
  await alice.sendMessage({ type: 'text', payload: 'one' })
  await alice.sendMessage({ type: 'text', payload: 'two' }, [idOf(bob)])
  await until(() => seen.length === 2)
  t.same(lines(seen), [
    ['message_received', idOf(alice), { type: 'text', payload: 'one' }, null],
    ['message_received', idOf(alice), { type: 'text', payload: 'two' }, [idOf(bob)]]
  ])
})

simulated('001.50 network_metrics_report: a quality from 0, where there is no connection, to 5', async t => {
  const { alice, bob, rtc } = await rooms(t, { rooms: [{}, { reportInterval: 20 }] })
  const reports: unknown[][] = []
  bob.on('network_metrics_report', (...args) => reports.push(args))
  const told = (connectionQuality: number) => ({
    [idOf(alice)]: { connectionQuality, roundTripTime: 0, jitter: 0, packetLoss: 0 }
  })
  await bob.enableNetworkMetricsReport([idOf(alice)])
  await until(() => reports.length > 0)
  t.same(reports[0], [told(0)])
  await publish(alice, bob, tracks(rtc))
  await bob.addSubscription(idOf(alice), 'self', BOTH)
  reports.length = 0
  await until(() => reports.length > 1)
  t.same(reports[1], [told(5)])
})

simulated(
  '001.51 on a leave: leaving if kicked, then each stream’s end, then left; the state shows it already',
  async t => {
    const { alice, bob, moderation, topic, rtc } = await rooms(t)
    await alice.addStream('a', tracks(rtc))
    await publish(alice, bob, tracks(rtc))
    await bob.addSubscription(idOf(alice), 'self', BOTH)
    const seen = follow(bob)
    const id = idOf(alice)
    await moderation.kick(topic, Buffer.from(id, 'hex'))
    await sees(bob, 1)
    t.same(lines(seen), [
      ['participant_leaving', id, 'kicked'],
      ['stream_unpublished', id, 'a'],
      ['subscription_ended', id, 'self'],
      ['stream_unpublished', id, 'self'],
      ['participant_left', id]
    ])
    for (const { event, state } of seen) t.notOk(state.participants[id], `${event} shows the new situation`)
    await until(() => rtc.open === 0, 'nothing is left of the connection')
  }
)

function lines(seen: Seen): unknown[][] {
  return seen.map(({ event, args }) => [event, ...args])
}

function speak(rtc: FakeWrtc, audioLevel: number): void {
  for (const receiver of rtc.connections.flatMap(each => each.getReceivers()))
    Object.assign(receiver, { getSynchronizationSources: () => [{ audioLevel }] })
}

import { openDevices, openScreen } from 'socket-signal-room'
import { Activity } from '../../packages/room/src/activity.ts'
import { encodingFor } from '../../packages/room/src/encodings.ts'
import { decodeInfo, encodeInfo } from '../../packages/room/src/info.ts'
import { type Event, reduce } from '../../packages/room/src/machine.ts'
import { Meter } from '../../packages/room/src/meter.ts'
import { INITIAL, type Machine } from '../../packages/room/src/model.ts'
import { quality, readTrack } from '../../packages/room/src/stats.ts'
import { test } from '../tools/test.ts'
import { rejection } from '../tools/wait.ts'

const BOTH = { audio: true, video: true }
const track = (kind: string) => ({ kind }) as MediaStreamTrack
const info = { name: 'Bob', streams: { self: BOTH } }
const of = { participantId: 'bob', key: 'self' }
const media = new Map([['self', { audio: track('audio'), video: track('video') }]])
const STORY: Event[] = [
  { type: 'connect' },
  { type: 'opened', id: 'me', name: 'Alice' },
  { type: 'connected' },
  { type: 'seen', participantId: 'bob', info },
  { type: 'subscribe', ...of, config: BOTH },
  { type: 'media', participantId: 'bob', media },
  { type: 'censored', ...of, kind: 'video', on: true },
  { type: 'add', key: 'self', tracks: { audio: track('audio') } },
  { type: 'announced', key: 'self' },
  { type: 'update', key: 'self', tracks: { audio: null } },
  { type: 'speaking', ...of, on: true },
  { type: 'kicked', participantId: 'bob' },
  { type: 'disconnect' },
  { type: 'ended', reason: 'left' }
]

test('room machine: it is pure: the same events give the same, and no state is ever changed', t => {
  const run = () => {
    let state = INITIAL
    return STORY.map(event => {
      freeze(state)
      const step = reduce(state, event)
      state = step.state
      return {
        state,
        told: step.effects.flatMap(each => (each.type === 'emit' ? [[each.event, ...each.args]] : []))
      }
    })
  }
  const [one, other] = [run(), run()]
  t.same(
    one.map(({ told }) => told),
    other.map(({ told }) => told)
  )
  t.same(
    one.flatMap(({ told }) => told.map(([event]) => event)),
    [
      ...['connected', 'participant_joined', 'stream_published', 'subscription_started', 'track_censored'],
      ...['stream_published', 'track_disabled', 'audio_activity', 'audio_activity', 'participant_leaving'],
      ...['subscription_ended', 'stream_unpublished', 'participant_left', 'disconnected']
    ]
  )
  t.same(one.at(-1)?.state.view.streams, {})
  t.throws(() => reduce(INITIAL, { type: 'subscribe', ...of, config: BOTH }), {
    code: 'NOT_CONNECTED'
  } as never)
  t.end()
})

test('room machine: what was decided while a track was off holds when it is on', t => {
  let state: Machine = INITIAL
  const told: unknown[] = []
  const off = { name: 'Bob', streams: { self: { audio: false, video: true } } }
  const events: Event[] = [
    ...STORY.slice(0, 3),
    { type: 'seen', participantId: 'bob', info: off },
    { type: 'decisions', censored: [{ ...of, kind: 'audio' }] },
    { type: 'seen', participantId: 'bob', info },
    { type: 'decisions', censored: [] }
  ]
  for (const event of events) {
    const { state: next, effects } = reduce(state, event)
    state = next
    for (const effect of effects) if (effect.type === 'emit') told.push(effect.event)
  }
  t.same(told.slice(3), ['track_enabled', 'track_censored', 'track_uncensored'])
  t.end()
})

test('room machine: what was taken from somebody is forgotten when it leaves or is kicked, not when it is in no room', t => {
  for (const [type, expected] of [
    ['left', false],
    ['kicked', false],
    ['retired', true]
  ] as const) {
    const events: Event[] = [
      ...STORY.slice(0, 3),
      { type: 'seen', participantId: 'bob', info },
      { type: 'censored', ...of, kind: 'audio', on: true },
      { type, participantId: 'bob' },
      { type: 'seen', participantId: 'bob', info }
    ]
    const { view } = events.reduce((state, event) => reduce(state, event).state, INITIAL as Machine)
    t.equal(view.streams['bob/self']?.isAudioCensored, expected, type)
  }
  t.end()
})

test('room activity: loud twice begins it, quiet for a second ends it, in between nothing changes', t => {
  const activity = new Activity()
  const at = (ms: number, level?: number) => [
    ...activity.listen(new Map(level === undefined ? [] : [['a', level]]), ms)
  ]
  t.same(at(0, 0.5), [], 'once is a cough')
  t.same(at(200, 0.5), [['a', true]])
  t.same(at(400, 0.02), [])
  t.same(at(1300, 0.01), [])
  t.same(at(1350, 0.5), [])
  t.same(at(2300, 0), [])
  t.same(at(2400, 0), [['a', false]])
  for (const ms of [3000, 3200]) at(ms, 0.5)
  t.same(at(3400), [['a', false]], 'a stream that has gone')
  t.same(at(3600), [])
  t.end()
})

test('room quality: the worst of delay, jitter and loss', t => {
  t.same(
    [quality(10, 1, 0), quality(200, 1, 0), quality(10, 60, 0), quality(10, 1, 0.1), quality(2000, 1, 0)],
    [5, 4, 3, 2, 1]
  )
  t.end()
})

test('room stats: loss and bitrate are those since it was asked last, not of an hour ago', t => {
  const memory = new WeakMap()
  const of = {}
  const read = (timestamp: number, packetsReceived: number, packetsLost: number) => {
    const stat = {
      id: 'r',
      type: 'inbound-rtp',
      timestamp,
      bytesReceived: timestamp,
      packetsReceived,
      packetsLost
    }
    const { packetLoss, bitrate } = readTrack(new Map([['r', stat]]), of, memory)
    return [packetLoss, bitrate]
  }
  t.same(read(1000, 50, 50), [0.5, 0], 'of all that came, the first time')
  t.same(read(2000, 150, 50), [0, 8000])
  t.same(read(3000, 225, 75), [0.25, 8000])
  t.same(read(4000, 225, 75), [0, 8000], 'nothing came, and nothing was lost')
  t.same(read(5000, 225, 74), [0, 8000], 'what was taken for lost came late')
  t.end()
})

test('room meter: who asks for a stream takes nothing from the report of its network', async t => {
  let lost = 0
  const getStats = async () =>
    new Map([['r', { id: 'r', type: 'inbound-rtp', timestamp: lost, packetsReceived: 0, packetsLost: lost }]])
  const line = { key: 'self', kind: 'audio', receiver: { getStats } }
  const pair = { pc: { getStats }, carriers: () => [line] }
  const meter = new Meter({ pair: () => pair } as never, () => 'ada')
  await meter.network('bob')
  lost = 100
  t.equal((await meter.stream('bob', 'self')).receivers.audio?.packetLoss, 1)
  t.equal((await meter.network('bob')).packetLoss, 1, 'it is lost there as well')
  t.equal((await meter.network('bob')).packetLoss, 0, 'once')
})

test('room encodings: by the height that is asked for, and never larger than the picture', t => {
  t.same(encodingFor(720, 360), { scaleResolutionDownBy: 2, maxBitrate: 500_000 })
  t.same(encodingFor(720, 1), { scaleResolutionDownBy: 16, maxBitrate: 150_000 })
  for (const asked of [undefined, 720, 1080, 0, -5, Number.NaN]) t.equal(encodingFor(720, asked), undefined)
  t.equal(encodingFor(undefined, 180), undefined)
  t.end()
})

test('room info: what others say of themselves may be anything', t => {
  const mine = { name: 'Ada', context: 'x', streams: { self: BOTH, screen: { audio: false, video: false } } }
  t.equal(JSON.stringify(decodeInfo(JSON.parse(JSON.stringify(encodeInfo(mine))))), JSON.stringify(mine))
  for (const nonsense of [
    null,
    7,
    'x',
    [],
    { s: 7 },
    { s: { '': 'a', a: 7 } },
    { n: {}, c: 'x'.repeat(600) }
  ])
    t.same({ ...decodeInfo(nonsense)?.streams }, {})
  t.equal(decodeInfo({ chat: true }), undefined, 'no member of a room')
  const many = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`k${i}`, 'a']))
  t.equal(Object.keys(decodeInfo({ s: many })?.streams ?? {}).length, 16)
  t.notOk('polluted' in (decodeInfo(JSON.parse('{"s":{"__proto__":"a"}}'))?.streams ?? {}))
  t.throws(() => encodeInfo({ streams: {}, context: 'x'.repeat(1100) }), { code: 'TOO_LARGE' } as never)
  t.end()
})

test('room devices: what is wrong has a name', async t => {
  t.equal((await rejection(openDevices())).code, 'UNSUPPORTED', 'no browser')
  const before = Object.getOwnPropertyDescriptor(globalThis, 'navigator')
  t.teardown(() => {
    if (before) Object.defineProperty(globalThis, 'navigator', before)
    else Reflect.deleteProperty(globalThis, 'navigator')
  })
  const fails = (name: string, kinds: string[]) => {
    const fail = async () => {
      throw new DOMException('no', name)
    }
    const enumerateDevices = async () => kinds.map(kind => ({ kind }))
    const mediaDevices = { getUserMedia: fail, getDisplayMedia: fail, enumerateDevices }
    Object.defineProperty(globalThis, 'navigator', { configurable: true, value: { mediaDevices } })
  }
  const cases: [string, string[], string][] = [
    ['NotFoundError', ['audioinput'], 'NO_CAMERA'],
    ['NotFoundError', ['videoinput'], 'NO_MICROPHONE'],
    ['OverconstrainedError', ['audioinput', 'videoinput'], 'NO_DEVICE'],
    ['NotAllowedError', [], 'PERMISSION_DENIED'],
    ['NotReadableError', [], 'DEVICE_IN_USE']
  ]
  for (const [name, kinds, code] of cases) {
    fails(name, kinds)
    t.equal((await rejection(openDevices())).code, code, name)
  }
  fails('NotAllowedError', [])
  t.equal((await rejection(openScreen())).code, 'PERMISSION_DENIED')
  fails('SyntaxError', [])
  t.equal((await rejection(openDevices())).name, 'SyntaxError', 'what is not known stays as it is')
})

function freeze(state: Machine): void {
  Object.freeze(state)
  for (const map of Object.values(state)) {
    if (!(map instanceof Map || map instanceof Set)) continue
    for (const method of ['set', 'add', 'delete', 'clear'])
      Object.defineProperty(map, method, {
        configurable: true,
        value: () => {
          throw new Error(`a state was changed by ${method}`)
        }
      })
  }
}

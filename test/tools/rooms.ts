import { randomBytes } from 'node:crypto'
import type { Socket, SocketSignalClientOptions } from 'socket-signal'
import {
  SocketSignalMemoryClient,
  SocketSignalMemoryServer,
  type SocketSignalMemoryServerOptions
} from 'socket-signal-memory'
import { createRoom, type Room, type RoomOptions, type State } from 'socket-signal-room'
import { createModeration, type Moderation } from 'socket-signal-room/server'
import {
  deterministicCrypto,
  type FakeWrtc,
  fakeWrtc,
  type SynchronousCrypto,
  type World
} from 'socket-signal-testing'
import type { Test } from 'tape'
import { EVENTS } from './room-events.ts'
import { worldOf } from './simulated.ts'
import { clientOptions } from './story.ts'
import { until } from './wait.ts'

export interface RoomsOptions {
  server?: SocketSignalMemoryServerOptions
  /** One room for each, with these options. Default: two. */
  rooms?: Partial<RoomOptions>[]
  /** Whether they are connected from the start. Default: true. */
  connected?: boolean
}

export interface Rooms {
  server: SocketSignalMemoryServer
  moderation: Moderation
  topic: Buffer
  rtc: FakeWrtc
  /** Of one client, if it is to speak with this server. */
  crypto(): SynchronousCrypto
  rooms: Room[]
  alice: Room
  bob: Room
  carol: Room
  /** Another place in the same room. */
  create(options?: Partial<RoomOptions>): Room
}

/** As that of the simulator: virtual time waits while it loads parts of the library. */
class Client extends SocketSignalMemoryClient {
  readonly #world: World | undefined
  #loaded = () => {}

  constructor(
    server: SocketSignalMemoryServer,
    options: SocketSignalClientOptions,
    world: World | undefined
  ) {
    super(server, options)
    this.#world = world
  }

  protected override async _open(): Promise<void> {
    this.#loaded = (await this.#world?.loading.enter()) ?? this.#loaded
    try {
      await super._open()
    } finally {
      this.#loaded()
    }
  }

  protected override _connect(): Promise<Socket> {
    this.#loaded()
    return super._connect()
  }
}

/** A server with moderators and rooms in this process, over fake WebRTC; all of it is closed when the test ends. */
export async function rooms(t: Test, options: RoomsOptions = {}): Promise<Rooms> {
  const { rooms: own = [{}, {}], connected = true } = options
  const rtc = fakeWrtc()
  const topic = randomBytes(32)
  const moderation = createModeration({ allow: () => true })
  const made: Room[] = []
  // In virtual time nothing may take real one, as the platform's cryptography does.
  let seed = 0
  const crypto = () => deterministicCrypto(seed++)
  const server = moderation.attach(
    new SocketSignalMemoryServer({ crypto: crypto(), ...moderation.hooks, ...options.server })
  )
  t.teardown(async () => {
    await Promise.all(made.map(room => room.disconnect()))
    await server.close()
  })
  const create = (more: Partial<RoomOptions> = {}) => {
    const client: RoomOptions['client'] = options =>
      new Client(server, { ...clientOptions(rtc), crypto: crypto(), ...options }, worldOf(t))
    const room = createRoom({ client, room: topic, ...more })
    made.push(room)
    return room
  }
  const all = own.map(create)
  if (connected) for (const room of all) await room.connect()
  if (connected) for (const room of all) await sees(room, all.length)
  const [alice, bob, carol] = all as [Room, Room, Room]
  return { server, moderation, topic, rtc, crypto, rooms: all, alice, bob, carol, create }
}

export function idOf(room: Room): string {
  return room.getState().localParticipantId
}

/** Waits until so many are in a room, the local one among them. */
export function sees(room: Room, count: number): Promise<void> {
  return until(() => Object.keys(room.getState().participants).length === count, `${count} are there`)
}

/** Sends media to a room, and waits until somebody there sees that it is sent. */
export async function publish(from: Room, to: Room, media: Parameters<Room['addStream']>[1]): Promise<void> {
  await from.addStream('self', media)
  await until(() => to.getParticipantStream(idOf(from), 'self') !== undefined, 'it is seen')
}

/** A track of the fake, as a room takes it. */
export function track(rtc: FakeWrtc, kind: 'audio' | 'video'): MediaStreamTrack {
  const [made] = rtc.createMediaStream({ audio: kind === 'audio', video: kind === 'video' }).getTracks()
  return made as unknown as MediaStreamTrack
}

/** Both kinds. */
export function tracks(rtc: FakeWrtc): { audio: MediaStreamTrack; video: MediaStreamTrack } {
  return { audio: track(rtc, 'audio'), video: track(rtc, 'video') }
}

/** Tracks that are sent now, on all connections. */
export function sent(rtc: FakeWrtc): string[] {
  return rtc.connections.flatMap(connection =>
    connection
      .getTransceivers()
      .filter(({ currentDirection }) => /send/.test(currentDirection ?? ''))
      .flatMap(({ sender }) => sender.track?.id ?? [])
  )
}

/** All events of a room but `state_changed`, in order: name, arguments, and the state apart. */
export function follow(room: Room): { event: string; args: unknown[]; state: State }[] {
  const seen: { event: string; args: unknown[]; state: State }[] = []
  for (const event of EVENTS) {
    room.on(event, (...args: unknown[]) => {
      const state = args.pop() as State
      seen.push({ event, args, state })
    })
  }
  return seen
}

/** A room on each peer of a simulation. */
export async function enter(world: World): Promise<Room[]> {
  const rooms = world.peers.map(({ client }) => createRoom({ client, room: world.topic('lobby') }))
  await Promise.all(rooms.map(room => room.connect()))
  await world.until(
    () => rooms.every(room => Object.keys(room.getState().participants).length === rooms.length),
    'all are there'
  )
  return rooms
}

export async function leave(rooms: Room[]): Promise<void> {
  await Promise.all(rooms.map(room => room.disconnect()))
}

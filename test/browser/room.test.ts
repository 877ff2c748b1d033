import type { Page } from 'playwright-core'
import type { NetworkMetrics } from 'socket-signal-room'
import { createModeration } from 'socket-signal-room/server'
import type { Test } from 'tape'
import { quality } from '../../packages/room/src/stats.ts'
import { type Contexts, MEDIA_FLAGS, serveScript, shareChromium } from '../tools/browser.ts'
import type { RoomPage } from '../tools/fixtures/room-page.ts'
import { test } from '../tools/test.ts'

const options = { needs: ['chromium' as const], timeout: 120_000 }

/** A page's place in the room. */
class Place {
  readonly page: Page
  readonly name: string

  constructor(page: Page, name: string) {
    this.page = page
    this.name = name
  }

  static async open(browser: Contexts, url: string, name: string): Promise<Place> {
    const page = await (await browser.newContext()).newPage()
    await page.goto(url)
    await page.waitForFunction(() => 'enter' in globalThis)
    await page.evaluate(own => (globalThis as never as { enter(name: string): void }).enter(own), name)
    const place = new Place(page, name)
    await place.do('connect')
    return place
  }

  do<M extends keyof RoomPage>(method: M, ...args: unknown[]): Promise<unknown> {
    return this.page.evaluate(
      async ([method, args]) => {
        const place = (globalThis as never as { place: { [name: string]: (...args: unknown[]) => unknown } })
          .place
        const member = place[method as string]
        return typeof member === 'function' ? member.apply(place, args as unknown[]) : member
      },
      [method, args] as const
    )
  }

  /** Waits until it was told all of these, in this order, whatever came between. */
  async hears(...events: string[]): Promise<void> {
    const told = () =>
      this.page.waitForFunction(
        events => {
          let at = 0
          const { told } = (globalThis as never as { place: { told: string[] } }).place
          for (const event of told) if (event === events[at]) at++
          return at === events.length
        },
        events,
        { timeout: 15_000 }
      )
    await told().catch(async () => {
      throw new Error(`${this.name} was told ${JSON.stringify(await this.do('told'))}, not ${events}`)
    })
  }

  /** Waits until so many more frames of somebody are decoded, and sound of it is heard if asked. */
  async sees(name: string, key = 'self', { heard = false } = {}): Promise<void> {
    const receivers = async () =>
      ((await this.do('stats', name, key)) as Awaited<ReturnType<RoomPage['stats']>>).receivers
    const before = (await receivers()).video?.frames ?? 0
    let level = 0
    for (const end = Date.now() + 20_000; Date.now() < end; await this.page.waitForTimeout(50)) {
      const { audio, video } = await receivers()
      level = Math.max(level, audio?.level ?? 0)
      if ((video?.frames ?? 0) >= before + 10 && (level > 0 || !heard)) return
    }
    throw new Error(`${this.name} does not see ${name}: ${JSON.stringify(await receivers())}`)
  }
}

async function open(t: Test, names: string[]): Promise<Place[]> {
  const moderation = createModeration({ allow: () => true })
  const server = await serveScript(t, 'test/tools/fixtures/room-page.ts', { ...moderation.hooks })
  moderation.attach(server.signal)
  const browser = await shareChromium(t, MEDIA_FLAGS)
  const places: Place[] = []
  for (const name of names) places.push(await Place.open(browser, server.url, name))
  return places
}

test(
  '001 in Chromium: three pages see and hear each other, mute, censor, kick, leave and come back',
  options,
  async t => {
    const [ada, bob, cid] = (await open(t, ['Ada', 'Bob', 'Cid'])) as [Place, Place, Place]
    const all = [ada, bob, cid]
    const others = (of: Place) => all.filter(each => each !== of)
    for (const place of all) await place.do('publish', 'self')
    for (const place of all) {
      for (const { name } of others(place)) {
        await place.page.waitForFunction(
          name =>
            (globalThis as never as { place: { people: { [name: string]: string } } }).place.people[name],
          name
        )
      }
    }
    await ada.hears('connected', 'participant_joined Bob', 'participant_joined Cid')
    await cid.hears('stream_published Ada self')
    await Promise.all(
      all.map(place => Promise.all(others(place).map(({ name }) => place.do('subscribe', name, 'self'))))
    )
    await Promise.all(
      all.flatMap(place => others(place).map(({ name }) => place.sees(name, 'self', { heard: true })))
    )
    t.pass('pictures move and sound is heard, each of each')
    await ada.do('sing', 'self')
    await bob.hears('audio_activity Ada self')
    const metrics = (await bob.do('metrics', 'Ada')) as NetworkMetrics[string]
    const { connectionQuality, roundTripTime, jitter, packetLoss } = metrics
    // How good it is depends on what else the machine does.
    t.equal(connectionQuality, quality(roundTripTime, jitter, packetLoss), JSON.stringify(metrics))
    t.ok(roundTripTime + jitter > 0, 'it was measured')

    await ada.do('mute', 'self', 'audio')
    for (const place of others(ada)) await place.hears('track_disabled Ada self audio')
    await ada.do('draw', 'self')
    await bob.sees('Ada')
    const { receivers } = (await bob.do('stats', 'Ada', 'self')) as Awaited<ReturnType<RoomPage['stats']>>
    t.same(
      [receivers.video?.width, receivers.video?.height, receivers.audio],
      [320, 180, undefined],
      'the other track'
    )

    await bob.do('say', 'hello')
    for (const place of others(bob)) await place.hears('message_received Bob hello')

    await cid.do('censor', 'Ada', true)
    for (const place of all) await place.hears('track_censored Ada self video')
    await bob.page.waitForTimeout(300)
    const stopped = (await ada.do('stats', 'Ada', 'self')) as Awaited<ReturnType<RoomPage['stats']>>
    t.same(stopped.senders, {}, 'nothing of it is sent')
    await cid.do('censor', 'Ada', false)
    for (const place of all) await place.hears('track_uncensored Ada self video')
    await bob.sees('Ada')
    t.pass('it is back')

    await cid.do('kick', 'Bob')
    await bob.hears('participant_leaving Bob kicked', 'disconnected')
    t.equal(await bob.do('status'), 'disconnected kicked')
    const gone = ['subscription_ended Bob self', 'stream_unpublished Bob self', 'participant_left Bob']
    for (const place of others(bob)) await place.hears('participant_leaving Bob kicked', ...gone)

    await ada.do('disconnect')
    await cid.hears('subscription_ended Ada self', 'stream_unpublished Ada self', 'participant_left Ada')
    await ada.do('connect')
    await ada.do('publish', 'self')
    await cid.hears('participant_left Ada', 'participant_joined Ada', 'stream_published Ada self')
    await cid.do('subscribe', 'Ada', 'self')
    await cid.sees('Ada')
    t.pass('who left and came back is seen again')
  }
)

test(
  '001 in Chromium: what nobody subscribes to is not sent, and who asks for less is sent less',
  options,
  async t => {
    const [ada, bob] = (await open(t, ['Ada', 'Bob'])) as [Place, Place]
    await ada.do('publish', 'self')
    await bob.hears('stream_published Ada self')
    for (let round = 0; round < 3; round++) {
      await bob.do('subscribe', 'Ada', 'self')
      await bob.sees('Ada')
      await bob.do('unsubscribe', 'Ada', 'self')
      await ada.page.waitForTimeout(300)
      const { senders } = (await ada.do('stats', 'Ada', 'self')) as Awaited<ReturnType<RoomPage['stats']>>
      t.same(senders, {}, 'no sender has it')
    }
    await bob.do('subscribe', 'Ada', 'self', 90)
    const height = async () =>
      ((await bob.do('stats', 'Ada', 'self')) as Awaited<ReturnType<RoomPage['stats']>>).receivers.video
        ?.height
    await bob.sees('Ada')
    for (let tries = 0; tries < 100 && (await height()) !== 90; tries++) await bob.page.waitForTimeout(100)
    t.equal(await height(), 90)
  }
)

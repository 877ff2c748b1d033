// Mostly waits: the runner starts it beside the others.
import { randomBytes } from 'node:crypto'
import { type Explanation, topicFromName } from 'socket-signal'
import type { ServerOptions, SignalServer } from 'socket-signal-server'
import { createTokens } from 'socket-signal-token'
import type { SocketSignalWebsocketClientOptions } from 'socket-signal-websocket'
import type { Test } from 'tape'
import { launchChromium, Tab } from '../tools/browser.ts'
import { Child } from '../tools/child.ts'
import { startCoturn } from '../tools/coturn.ts'
import { find } from '../tools/needs.ts'
import { Namespace } from '../tools/netns.ts'
import { nodePeer } from '../tools/node-peer.ts'
import { readyMade } from '../tools/ready-made.ts'
import { test } from '../tools/test.ts'
import { rejection } from '../tools/wait.ts'
import { endWithTests, realClient } from '../tools/wrtc.ts'

const TOPIC = 'why not'
const SECRET = 'a secret of at least thirty-two bytes, for tests'
const NAME = 'socket-signal-server'
const ghost = randomBytes(32)

/** What is broken, and what both a Node client and the page are to say of it. */
interface Row {
  name: string
  code: string
  sentence: RegExp
  tryThis: RegExp
  needs?: ('coturn' | 'ip')[]
  /** Breaks it. */
  arrange(t: Test): Promise<Broken>
}

interface Broken {
  server: ServerOptions
  /** Where both clients run; else beside the server. */
  namespace?: Namespace
  /** The one UDP port that its firewall lets through. */
  udp?: number
  /** Whether there is another peer, and what it says to who dials. */
  other?: 'welcomes' | 'refuses'
  token?: string
  /** The Node client's own. */
  options?: SocketSignalWebsocketClientOptions
}

const rows: Row[] = [
  {
    name: 'a peer that is absent',
    code: 'PEER_NOT_FOUND',
    sentence: /is not there/,
    tryThis: /join/,
    // The server's list is not true any more.
    arrange: async () => ({ server: { onJoin: () => [ghost] } })
  },
  {
    name: 'an offer that is refused',
    code: 'REJECTED',
    sentence: /The other side refused the connection: “not today”/,
    tryThis: /let you in/,
    arrange: async () => ({ server: {}, other: 'refuses' })
  },
  {
    name: 'a token that has expired',
    code: 'TOKEN_EXPIRED',
    sentence: /token has expired/,
    tryThis: /Sign in again/,
    arrange: async () => {
      const keys = { secret: SECRET }
      const anHourAgo = () => Date.now() - 3_600_000
      const tokens = createTokens({ ...keys, issuer: NAME, audience: NAME, now: anHourAgo })
      const token = await tokens.mint(
        { topics: '*', can: ['join', 'offer', 'signal'] },
        { expiresIn: 60_000 }
      )
      return { server: { tokens: { keys } }, token }
    }
  },
  {
    name: 'UDP that is blocked',
    code: 'UDP_BLOCKED',
    sentence: /seems to block UDP/,
    tryThis: /TURN server over TCP/,
    needs: ['coturn', 'ip'],
    arrange: async t => {
      const namespace = await Namespace.create(t)
      const coturn = await startCoturn(t, namespace.address)
      const iceServers = [{ urls: coturn.url.replace('turn:', 'stun:') }]
      return { server: { iceServers, host: namespace.address }, namespace, other: 'welcomes' }
    }
  },
  {
    name: 'a wrong TURN secret',
    code: 'TURN_AUTH',
    sentence: /refused the credentials/,
    tryThis: /share one secret/,
    needs: ['coturn', 'ip'],
    arrange: async t => {
      const namespace = await Namespace.create(t)
      const coturn = await startCoturn(t, namespace.address)
      const udp = Number(coturn.url.split(':')[2])
      const turn = { urls: coturn.url, secret: 'wrong-one' }
      return { server: { turn, host: namespace.address }, namespace, udp, other: 'welcomes' }
    }
  }
]

async function serve(t: Test, { server: options, other, namespace, udp }: Broken): Promise<SignalServer> {
  const server = await readyMade(t, { publicUrls: [], ...options })
  await namespace?.allowOnly({ tcp: Number(new URL(server.url).port), udp })
  if (!other) return server
  const { client } = await nodePeer(t, server, TOPIC, 'Other')
  if (other === 'refuses') {
    client.onIncomingPeer(() => {
      throw new Error('not today')
    })
  }
  return server
}

for (const { name, code, sentence, tryThis, needs = [], arrange } of rows) {
  test(`explain: ${name} is named rightly by peer.explain()`, { needs, timeout: 60_000 }, async t => {
    const broken = await arrange(t)
    const server = await serve(t, broken)
    const told = await dial(t, server, broken)
    t.equal(told.code, code, JSON.stringify(told))
    t.match(told.sentence, sentence)
    t.match(told.tryThis, tryThis)
    t.ok(told.stages.length > 0)
    t.notOk(/wrong-one|eyJ/.test(JSON.stringify(told)), 'no secret, no token')
  })

  test(`explain: ${name} is shown in the same words by the page`, {
    needs: [...needs, 'chromium'],
    timeout: 90_000
  }, async t => {
    const broken = await arrange(t)
    const server = await serve(t, broken)
    const chromium = find('chromium') as string
    const browser = await launchChromium(t, broken.namespace?.wrap(chromium))
    const before = `sessionStorage.setItem('socket-signal-token', ${JSON.stringify(broken.token ?? '')})`
    const url = `${server.url}#${encodeURIComponent(TOPIC)}`
    const { page } = await Tab.open(browser, url, { name: 'Me', before })
    const shown = page.locator('.person.failed > .why, #problem-text').filter({ hasText: tryThis })
    await shown.first().waitFor({ timeout: 40_000 })
    const words = (await shown.first().textContent()) ?? ''
    t.match(words, sentence)
    if (code.startsWith('TOKEN')) return
    await page.locator('.person.failed summary').click()
    t.equal(await page.locator('.person.failed .facts dd').first().textContent(), code)
    if (process.env.SHOTS) await shoot(page, code)
  })
}

/** Dials whoever is there, here or in a namespace, and explains. */
async function dial(
  t: Test,
  server: SignalServer,
  { namespace, token, options }: Broken
): Promise<Explanation> {
  if (namespace) {
    const child = new Child(t, 'test/tools/explaining.ts', [server.signalUrl, TOPIC], {}, namespace.prefix)
    return JSON.parse((await child.says(/^explained (.*)$/m))[1] as string)
  }
  const own = token === undefined ? options : { token, ...options }
  const client = realClient(t, server.signalUrl, { requestTimeout: 3000, ...own })
  const topic = await topicFromName(TOPIC)
  const [id = ghost] = token === undefined ? await client.join(topic) : []
  const peer = client.connect(topic, id)
  await rejection(peer.ready())
  return peer.explain()
}

async function shoot(page: Tab['page'], name: string): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const [width, height] of [
      [390, 844],
      [1200, 800]
    ] as const) {
      await page.emulateMedia({ colorScheme })
      await page.setViewportSize({ width, height })
      await page.screenshot({ path: `${process.env.SHOTS}/${name}-${colorScheme}-${width}.png` })
    }
  }
}

endWithTests()

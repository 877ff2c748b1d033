import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import type { SignalServer } from 'socket-signal-server'
import type { Test } from 'tape'
import type { Contexts } from './browser.ts'
import { readyMade } from './ready-made.ts'
import type { Life } from './redis.ts'

/** Who mints for the apps: words that stand nowhere else. */
export const project = { id: 'PJ-0b5f1e', apiToken: 'PT-9d41c7' }

/** The signal server of an app; nothing is asked beyond this machine. */
export function serveApp(life: Life): Promise<SignalServer> {
  return readyMade(life, { page: false, tokens: { project }, iceServers: [{ urls: 'stun:127.0.0.1:9' }] })
}

/** All files below a folder, as one text. */
export function textOf(folder: string): string {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(file => file.isFile())
  return files.map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'utf8')).join('\n')
}

/** What pages are given has neither the names nor the values of what their server alone is told. */
export function keepsSecret(t: Test, given: string, secrets: { [name: string]: string }): void {
  for (const secret of Object.entries(secrets).flat()) t.notOk(given.includes(secret), secret)
}

/** A page of an app in a context of its own. */
export interface AppPage {
  page: Page
  /** What the browser complained of, warnings too. */
  complaints: string[]
  /** The sockets that it opened, but for those of its framework. */
  sockets: string[]
  /** How many of its devices are open. */
  devices(): Promise<number>
  /** Waits until so many videos play. */
  plays(videos: number): Promise<void>
}

const FRAMEWORKS = /_next|[?&]token=/

const COUNT_DEVICES = `
const tracks = []
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices)
navigator.mediaDevices.getUserMedia = async constraints => {
  const stream = await open(constraints)
  tracks.push(...stream.getTracks())
  return stream
}
globalThis.openDevices = () => tracks.filter(track => track.readyState === 'live').length
`

export async function openApp(browser: Contexts, url: string): Promise<AppPage> {
  const page = await (await browser.newContext({ baseURL: url })).newPage()
  page.setDefaultTimeout(60_000) // A page that is developed is compiled when it is asked for.
  const complaints: string[] = []
  const sockets: string[] = []
  page.on('pageerror', error => complaints.push(String(error)))
  page.on('console', message => {
    // What a framework's own tool for developers thinks of its own messages is not the page's.
    const isTool = message.text().startsWith('[HMR]')
    if (/error|warning/.test(message.type()) && !isTool) complaints.push(message.text())
  })
  page.on('websocket', socket => {
    if (!FRAMEWORKS.test(socket.url())) sockets.push(socket.url())
  })
  await page.addInitScript({ content: COUNT_DEVICES })
  await page.goto(url)
  return {
    page,
    complaints,
    sockets,
    devices: () => page.evaluate('openDevices()'),
    plays: async count => {
      await page.waitForFunction(
        wanted =>
          [...document.querySelectorAll('video')].filter(video => video.videoWidth > 0).length === wanted,
        count
      )
    }
  }
}

/** Signs in by the form that both examples have. */
export async function signIn({ page }: AppPage, name: string): Promise<void> {
  await page.fill('[name=name]', name)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.locator('main').getByText(`Hello, ${name}`).waitFor()
}

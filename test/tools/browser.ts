import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { type Browser, chromium, type Page } from 'playwright-core'
import { type Browser as Firefox, launch } from 'puppeteer-core'
import type { ServerOptions, SignalServer } from 'socket-signal-server'
import type { Test } from 'tape'
import { find } from './needs.ts'
import { readyMade } from './ready-made.ts'

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync'
]

/** Fake devices, and sound without a click. */
export const MEDIA_FLAGS = [
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--autoplay-policy=no-user-gesture-required'
]

/** A server whose page runs one script of ours, bundled for browsers. */
export async function serveScript(t: Test, file: string, options: ServerOptions = {}): Promise<SignalServer> {
  const folder = mkdtempSync(join(tmpdir(), 'script-page-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  await build({
    entryPoints: [file],
    bundle: true,
    format: 'esm',
    splitting: true,
    outdir: folder,
    entryNames: 'main',
    conditions: ['@socket-signal/source', 'browser'],
    tsconfigRaw: '{}',
    logLevel: 'error'
  })
  writeFileSync(join(folder, 'index.html'), '<!doctype html><script type="module" src="main.js"></script>')
  writeFileSync(join(folder, 'elsewhere.html'), '<!doctype html><title>elsewhere</title>')
  return readyMade(t, { page: folder, ...options })
}

/** Debian's Chromium with an empty profile of its own; closed when the test ends. */
export async function launchChromium(
  t: Test,
  executablePath = find('chromium') as string,
  flags: string[] = []
): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath,
    args: [...FLAGS, ...flags],
    ignoreDefaultArgs: ['--disable-back-forward-cache']
  })
  t.teardown(() => browser.close())
  return browser
}

/** Firefox, by WebDriver BiDi; closed when the test ends. */
export async function launchFirefox(t: Test): Promise<Firefox> {
  const browser = await launch({
    browser: 'firefox',
    executablePath: find('firefox') as string,
    headless: true
  })
  t.teardown(() => browser.close())
  return browser
}

/** A tab of the server's page in a context of its own. */
export class Tab {
  readonly page: Page
  /** What the browser complained of: scripts that threw, what the policy for content forbids. */
  readonly complaints: string[] = []

  private constructor(page: Page) {
    this.page = page
    page.on('pageerror', error => this.complaints.push(String(error)))
    page.on('console', message => message.type() === 'error' && this.complaints.push(message.text()))
  }

  /** `before` is a script that runs in the page before anything else there. */
  static async open(
    browser: Browser,
    url: string,
    { name, before }: { name: string; before?: string }
  ): Promise<Tab> {
    const context = await browser.newContext()
    const page = await context.newPage()
    const tab = new Tab(page)
    await page.addInitScript(own => {
      if (!sessionStorage.getItem('socket-signal-name')) sessionStorage.setItem('socket-signal-name', own)
    }, name)
    if (before) await page.addInitScript({ content: before })
    await page.goto(url)
    return tab
  }

  /** Waits until exactly these others are here and connected. */
  async sees(...names: string[]): Promise<void> {
    await this.page.waitForFunction(
      wanted => {
        const others = [...document.querySelectorAll('.person:not(.you)')]
        const shown = others.map(row => `${row.querySelector('.name')?.textContent}`).sort()
        const connected = others.every(row => row.classList.contains('connected'))
        return connected && JSON.stringify(shown) === wanted
      },
      JSON.stringify([...names].sort())
    )
  }

  async says(text: string): Promise<void> {
    await this.page.fill('#message', text)
    await this.page.press('#message', 'Enter')
  }

  /** Waits until a message with this text of somebody else is shown, and gives its author. */
  async hears(text: string): Promise<string> {
    const message = this.page.locator('.message:not(.own)', { hasText: text })
    await message.first().waitFor()
    return (await message.first().locator('.author').textContent()) ?? ''
  }

  async text(selector: string): Promise<string> {
    const text = await this.page.locator(selector).first().textContent()
    return (text ?? '').replace(/\s+/g, ' ').trim()
  }

  close(): Promise<void> {
    return this.page.context().close()
  }
}

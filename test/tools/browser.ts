import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import type { Browser, Page } from 'playwright-core'
import type { Browser as Firefox } from 'puppeteer-core'
import type { ServerOptions, SignalServer } from 'socket-signal-server'
import tape, { type Test } from 'tape'
import { find } from './needs.ts'
import { readyMade } from './ready-made.ts'
import type { Life } from './redis.ts'

// Not by import, for which Node would look through all of it for names.
const { chromium }: typeof import('playwright-core') = createRequire(import.meta.url)('playwright-core')

/** What Playwright turns off as well, whose own list this replaces; and pages of the address bar, one a window: a second of a core each. */
const WITHOUT = [
  'AvoidUnnecessaryBeforeUnloadCheckSync',
  'DestroyProfileOnBrowserClose',
  'HttpsUpgrades',
  'HttpsFirstBalancedModeAutoEnable',
  'LensOverlay',
  'MediaRouter',
  'PaintHolding',
  'ThirdPartyStoragePartitioning',
  'AvoidCorsURLLoaderRestartOnRedirect',
  'OptimizationHints',
  'NetworkTimeServiceQuerying',
  'AimEnabled',
  'PreconnectToSearch',
  'WebUIOmniboxPopup',
  'WebUIOmniboxAimPopup'
]

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  `--disable-features=${WITHOUT}`
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
  life: Life,
  executablePath = find('chromium') as string,
  flags: string[] = []
): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath,
    args: [...FLAGS, ...flags],
    ignoreDefaultArgs: ['--disable-back-forward-cache']
  })
  life.teardown(() => browser.close())
  return browser
}

/** What opens tabs: a browser, or a test's share of one. */
export type Contexts = Pick<Browser, 'newContext'>

let sharedOnce: Promise<Browser> | undefined

/**
 * One Chromium for the tests of a file, which launches it with these flags but once. The contexts that a test opens are
 * its own, and closed when it ends.
 */
export async function shareChromium(t: Test, flags: string[] = []): Promise<Contexts> {
  sharedOnce ??= launchChromium({ teardown: tape.onFinish }, undefined, flags)
  const browser = await sharedOnce
  return {
    newContext: async options => {
      const context = await browser.newContext(options)
      t.teardown(() => context.close())
      return context
    }
  }
}

/** Firefox, by WebDriver BiDi; closed when the test ends. */
export async function launchFirefox(t: Test): Promise<Firefox> {
  const { launch } = await import('puppeteer-core') // Not above: it takes a second, and most have no use for it.
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
    browser: Contexts,
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

import type { Settings } from './cli.ts'

/** What somebody who starts a server had better know. `warn`: it is open where it need not be. */
export interface Note {
  level: 'info' | 'warn'
  words: string
}

/** What these options mean that may not be meant. */
export function notesOf(options: Settings['options']): Note[] {
  const { tokens, chat, legacy, identity, host, publicUrls } = options
  const { dev = false } = typeof chat === 'object' ? chat : {}
  const notes: Note[] = []
  const note = (applies: boolean, words: string, level: Note['level'] = 'info') => {
    if (applies) notes.push({ level, words })
  }
  note(
    tokens !== undefined && !tokens.keys,
    'without SOCKET_SIGNAL_SECRET tokens are good until this process ends'
  )
  note(dev, '--dev lets anybody into any chat, by any name')
  note(
    Boolean(chat) && !dev && !tokens,
    '--chat without tokens lets nobody in: give SOCKET_SIGNAL_SECRET, or --dev to try it'
  )
  note(
    legacy === 'open' && tokens !== undefined && tokens.mode !== 'optional',
    '--legacy open lets clients of socket-signal 9 and 10 in without a token'
  )
  note(identity === 'open', '--identity open lets clients take any id without proving it by a key')
  note(
    !isLoopback(host) && publicUrls.length === 0,
    'listening beyond this machine without --public-url, so a login that is meant for another server ' +
      "can't be told apart; give the URL that clients dial, for instance --public-url wss://signal.example.org",
    'warn'
  )
  return notes
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
}

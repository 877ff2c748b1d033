import { createHmac, timingSafeEqual } from 'node:crypto'

/** The cookie that says who is signed in. Put your own sessions in place of this file. */
export const COOKIE = 'session'

/** Who is signed in by this cookie; nobody, if it is not ours. */
export function readSession(cookie = ''): string | undefined {
  const [name = '', mark = ''] = cookie.split('.')
  const [given, wanted] = [Buffer.from(mark), Buffer.from(sign(name))]
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return undefined
  return Buffer.from(name, 'base64url').toString()
}

export function writeSession(user: string): string {
  const name = Buffer.from(user).toString('base64url')
  return `${name}.${sign(name)}`
}

function sign(name: string): string {
  const secret = process.env.SESSION_SECRET
  if (!secret) throw new Error('give the environment a SESSION_SECRET')
  return createHmac('sha256', secret).update(name).digest('base64url')
}

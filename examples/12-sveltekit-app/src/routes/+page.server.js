import { fail, redirect } from '@sveltejs/kit'
import { COOKIE, readSession, writeSession } from '../lib/server/session.js'

export const load = ({ cookies }) => ({ user: readSession(cookies.get(COOKIE)) })

export const actions = {
  /** Takes anybody by any name: ask for a password here. */
  async in({ cookies, request }) {
    const name = String((await request.formData()).get('name') ?? '').trim()
    if (!name || name.length > 40) return fail(422)
    cookies.set(COOKIE, writeSession(name), { path: '/' }) // Of its own: httpOnly, sameSite lax, secure.
    redirect(303, '/')
  },
  out({ cookies }) {
    cookies.delete(COOKIE, { path: '/' })
    redirect(303, '/')
  }
}

'use server'

import { cookies } from 'next/headers'
import { redirect } from 'next/navigation'
import { COOKIE, writeSession } from '../lib/session'

/** Takes anybody by any name: ask for a password here. */
export async function signIn(form: FormData) {
  const name = String(form.get('name') ?? '')
    .trim()
    .slice(0, 40)
  if (!name) return
  const secure = process.env.NODE_ENV === 'production'
  ;(await cookies()).set(COOKIE, writeSession(name), { httpOnly: true, sameSite: 'lax', secure })
}

export async function signOut() {
  ;(await cookies()).delete(COOKIE)
  redirect('/')
}

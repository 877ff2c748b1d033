import { cookies } from 'next/headers'
import { COOKIE, readSession } from './session'

/** Who is signed in, for pages and actions below app/. */
export async function currentUser(): Promise<string | undefined> {
  return readSession((await cookies()).get(COOKIE)?.value)
}

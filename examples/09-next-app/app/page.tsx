import Link from 'next/link'
import { currentUser } from '../lib/user'
import { signIn, signOut } from './actions'

const PLACES = [
  { href: '/room', title: 'Room', text: 'Everybody who comes sees everybody else.', how: 'React hooks' },
  { href: '/room?watch', title: 'Room, unseen', text: 'No camera and no microphone.', how: 'React hooks' },
  {
    href: '/call',
    title: 'Call',
    text: 'Rings at /public/sales until somebody is there.',
    how: 'Custom elements'
  },
  { href: '/classic', title: 'Classic', text: 'The same call, dialed by a client.', how: 'Pages Router' }
]

export default async function Home() {
  const user = await currentUser()
  if (!user) return <SignIn />
  return (
    <main className="narrow">
      <header className="top">
        <h1>Hello, {user}</h1>
        <form action={signOut}>
          <button type="submit">Sign out</button>
        </form>
      </header>
      <p className="soft">Open one of these in two tabs.</p>
      <ul className="cards">
        {PLACES.map(({ href, title, text, how }) => (
          <li key={href}>
            <Link href={href} prefetch={false} className="card">
              <strong>{title}</strong>
              <span>{text}</span>
              <small>{how}</small>
            </Link>
          </li>
        ))}
      </ul>
    </main>
  )
}

function SignIn() {
  return (
    <main className="centre">
      <form action={signIn} className="card form">
        <h1>Landing</h1>
        <p className="soft">Rooms and calls, from peer to peer.</p>
        <label>
          Your name
          <input name="name" required maxLength={40} autoComplete="nickname" placeholder="Ada" />
        </label>
        <button type="submit" className="primary">
          Sign in
        </button>
      </form>
    </main>
  )
}

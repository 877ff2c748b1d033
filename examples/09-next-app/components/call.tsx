'use client'

import Link from 'next/link'
import { type HTMLAttributes, useEffect, useState } from 'react'
import { RouteCredentials, server } from '../lib/credentials'

const credentials = new RouteCredentials('/api/token')

/** A call as a tag. The elements are loaded when they are shown, and by no other page. */
export function Call({ name, destination }: { name: string; destination: string }) {
  const [token, setToken] = useState<string>()
  const [error, setError] = useState<Error>()
  useEffect(() => {
    let over = false
    Promise.all([credentials.authenticate(), import('socket-signal-sdk/elements')]).then(
      ([{ token }]) => over || setToken(token),
      error => over || setError(error)
    )
    return () => {
      over = true
    }
  }, [])
  return (
    <main className="call">
      <header className="top">
        <h1>Call</h1>
        <p className="soft">{destination}</p>
        <Link href="/" className="button">
          Back
        </Link>
      </header>
      {error && (
        <p className="trouble" role="alert">
          {error.message}
        </p>
      )}
      {token ? (
        <signal-call token={token} destination={destination} name={name} server={server} />
      ) : (
        <p className="soft">One moment …</p>
      )}
    </main>
  )
}

declare module 'react' {
  namespace JSX {
    interface IntrinsicElements {
      'signal-call': HTMLAttributes<HTMLElement> & {
        token: string
        destination: string
        name?: string
        server?: string
      }
    }
  }
}

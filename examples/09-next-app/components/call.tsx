'use client'

import Link from 'next/link'
import { type HTMLAttributes, useEffect, useState } from 'react'
import type { CredentialProvider } from 'socket-signal-sdk'
import { RouteCredentials, server } from '../lib/credentials'

const credentials = new RouteCredentials('/api/token')

/** A call as a tag. The elements are loaded when they are shown, and by no other page. */
export function Call({ name, destination }: { name: string; destination: string }) {
  const [isKnown, setKnown] = useState(false)
  const [error, setError] = useState<Error>()
  useEffect(() => {
    import('socket-signal-sdk/elements').then(() => setKnown(true), setError)
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
      {isKnown ? (
        <signal-call credentials={credentials} destination={destination} name={name} server={server} />
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
        credentials: CredentialProvider
        destination: string
        name?: string
        server?: string
      }
    }
  }
}

import type { GetServerSideProps } from 'next'
import dynamic from 'next/dynamic'
import Head from 'next/head'
import { COOKIE, readSession } from '../lib/session'

const Dialer = dynamic(() => import('../components/dialer'), { ssr: false })

export default function Classic({ name }: { name: string }) {
  return (
    <>
      <Head>
        <title>Landing</title>
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <link rel="icon" href="/icon.svg" />
      </Head>
      <Dialer name={name} destination="/public/sales" />
    </>
  )
}

export const getServerSideProps: GetServerSideProps<{ name: string }> = async ({ req }) => {
  const name = readSession(req.cookies[COOKIE])
  return name ? { props: { name } } : { redirect: { destination: '/', permanent: false } }
}

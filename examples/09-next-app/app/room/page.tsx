import { redirect } from 'next/navigation'
import { Room } from '../../components/room'
import { currentUser } from '../../lib/user'

export default async function RoomPage({ searchParams }: PageProps<'/room'>) {
  const user = await currentUser()
  if (!user) redirect('/')
  const devices = (await searchParams).watch === undefined
  // By its key: what a room sends is read when it joins.
  return <Room key={String(devices)} name={user} devices={devices} />
}

import { redirect } from 'next/navigation'
import { Call } from '../../components/call'
import { currentUser } from '../../lib/user'

export default async function CallPage() {
  const user = await currentUser()
  if (!user) redirect('/')
  return <Call name={user} destination="/public/sales" />
}

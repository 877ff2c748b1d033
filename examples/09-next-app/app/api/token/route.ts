import { tokenRoute } from '../../../lib/token-route'

export const dynamic = 'force-dynamic' // A token is nobody else's.
export const POST = tokenRoute

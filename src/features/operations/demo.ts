// The demo companies: made by the owner's functions, filled through the API like any company would be.
import { hash } from '@node-rs/argon2'
import type { FastifyInstance } from 'fastify'
import { asOwner, type Owner } from '../../base/owner.ts'

export const demoPassword = 'bitcorp-demo-2026'
export const demoAccounts = ['admin@andina.example', 'manager@andina.example', 'operator@andina.example', 'viewer@andina.example', 'both@andina.example', 'admin@sur.example'] as const

const people: Record<string, string> = { admin: 'Rosa Quispe', manager: 'Luis Huamán', operator: 'Pedro Mamani', viewer: 'Carmen Flores' }

/** Makes the demo companies and people on an empty database; does nothing on any other. Gives whether it did. */
export async function loadDemo(_app: FastifyInstance, ownerUrl: string, say: (line: string) => void): Promise<boolean> {
  return asOwner(ownerUrl, async (owner) => {
    if ((await owner.query<{ known: boolean }>('SELECT has_companies() AS known'))[0]?.known) return false
    say('Filling the demo companies …')
    const passwordHash = await hash(demoPassword)
    const andina = await createCompany(owner, 'Constructora Andina')
    const sur = await createCompany(owner, 'Vial del Sur')
    for (const [role, name] of Object.entries(people)) {
      await addUser(owner, `${role}@andina.example`, name, passwordHash, [[andina, role]])
      await addUser(owner, `${role}@sur.example`, `${name.split(' ')[0]} Condori`, passwordHash, [[sur, role]])
    }
    await addUser(owner, 'both@andina.example', 'Elena Vargas', passwordHash, [[andina, 'manager'], [sur, 'viewer']])
    return true
  })
}

async function createCompany(owner: Owner, name: string): Promise<string> {
  return (await owner.query<{ id: string }>('SELECT create_company($1, NULL) AS id', [name]))[0]?.id ?? ''
}

async function addUser(owner: Owner, email: string, name: string, passwordHash: string, memberships: [string, string][]): Promise<void> {
  const id = (await owner.query<{ id: string }>("SELECT put_user($1, $2, $3, 'es') AS id", [email, name, passwordHash]))[0]?.id
  for (const [company, role] of memberships) await owner.query('SELECT put_membership($1, $2, $3)', [company, id, role])
}

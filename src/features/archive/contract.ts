// What an archive holds: a tar, gzipped, of lines of JSON, table by table in parts of a few megabytes, and a manifest as its last part.
import Type, { type Static } from 'typebox'

export const archiveKind = 'bitcorp company archive'
export const archiveFormat = 1
export const manifestName = 'manifest.json'
/** Accounts are of no company: those that the rows name go along, without passwords. */
export const accountsPart = 'accounts'

const Hash = Type.String({ pattern: '^[0-9a-f]{64}$' })
const Id = Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' })
const Count = Type.Integer({ minimum: 0 })

/** `sha256` of a table is that of all its lines, whatever parts they stand in; of a part, that of its bytes. */
export const Manifest = Type.Object({
  kind: Type.Literal(archiveKind),
  format: Type.Literal(archiveFormat),
  made_at: Type.String(),
  program: Type.String(),
  schema: Type.Object({ newest: Type.String(), fingerprint: Hash }),
  company: Type.Object({ id: Id, name: Type.String() }),
  tables: Type.Array(Type.Object({ table: Type.String(), rows: Count, sha256: Hash })),
  parts: Type.Array(Type.Object({ name: Type.String(), bytes: Count, sha256: Hash })),
  left_out: Type.Record(Type.String(), Type.String()),
})
export type Manifest = Static<typeof Manifest>

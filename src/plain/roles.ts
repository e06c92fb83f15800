// The four roles a person can have in a company, and the sets that operations name.
export const roles = ['admin', 'manager', 'operator', 'viewer'] as const
export type Role = (typeof roles)[number]
export const everyone: readonly Role[] = roles
export const managers: readonly Role[] = ['admin', 'manager']
export const takers: readonly Role[] = ['admin', 'manager', 'operator']
export const admins: readonly Role[] = ['admin']

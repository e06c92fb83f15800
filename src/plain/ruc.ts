// The check digit of a Peruvian RUC: eleven digits whose last follows from the others.

/** Begins like a RUC but its check digit does not fit: worth a second look, not a refusal. */
export function looksMistyped(taxId: string): boolean {
  const digits = taxId.replace(/[\s./-]/g, '')
  if (!/^(10|15|16|17|20)\d{9}$/.test(digits)) return false
  const sum = [5, 4, 3, 2, 7, 6, 5, 4, 3, 2].reduce((total, weight, at) => total + weight * Number(digits[at]), 0)
  return (11 - (sum % 11)) % 10 !== Number(digits[10])
}

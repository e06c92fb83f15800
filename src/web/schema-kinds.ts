// Stands for typebox in the page: a contract's schemas are nothing here, since the server checks what is sent.
const nothing = { properties: {} } as const
const schema = () => nothing

export const Type = {
  Array: schema,
  Boolean: schema,
  Integer: schema,
  Literal: schema,
  Null: schema,
  Number: schema,
  Object: schema,
  Optional: schema,
  Partial: schema,
  Record: schema,
  String: schema,
  Union: schema,
  Unknown: schema,
  Unsafe: schema,
}

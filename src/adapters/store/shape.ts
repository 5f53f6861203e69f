/**
 * What a file of the state must look like to be believed. A file that was torn, edited or written by another program is
 * found out here, at the edge, so that nothing inside has to doubt a record.
 */
export type Shape<T> = (value: unknown) => value is T;

export const string: Shape<string> = (value) => typeof value === "string";

export const number: Shape<number> = (value) => typeof value === "number";

export const boolean: Shape<boolean> = (value) => typeof value === "boolean";

export function literal<const T extends string | number>(
  ...allowed: readonly T[]
): Shape<T> {
  return (value): value is T => (allowed as readonly unknown[]).includes(value);
}

export function nullable<T>(shape: Shape<T>): Shape<T | null> {
  return (value): value is T | null => value === null || shape(value);
}

export function list<T>(shape: Shape<T>): Shape<readonly T[]> {
  return (value): value is readonly T[] =>
    Array.isArray(value) && value.every((element) => shape(element));
}

export function pair<A, B>(
  first: Shape<A>,
  second: Shape<B>,
): Shape<readonly [A, B]> {
  return (value): value is readonly [A, B] =>
    Array.isArray(value) &&
    value.length === 2 &&
    first(value[0]) &&
    second(value[1]);
}

export function either<Forms extends readonly unknown[]>(
  ...forms: { readonly [Index in keyof Forms]: Shape<Forms[Index]> }
): Shape<Forms[number]> {
  return (value): value is Forms[number] => forms.some((form) => form(value));
}

/** Every field of T must be named, so that a field added to a record cannot be forgotten here. */
export function record<T extends object>(fields: {
  readonly [Name in keyof T]-?: Shape<T[Name]>;
}): Shape<T> {
  const checks = Object.entries<Shape<unknown>>(fields);
  return (value): value is T =>
    typeof value === "object" &&
    value !== null &&
    checks.every(([name, shape]) => shape(Reflect.get(value, name)));
}

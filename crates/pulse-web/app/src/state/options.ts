// A choice of a few, as the address holds it. Pure.

/** The option that the text names, else the fallback. */
export function oneOf<Id extends string>(
  value: string | undefined,
  options: readonly { id: Id }[],
  fallback: Id,
): Id {
  return options.find((option) => option.id === value)?.id ?? fallback;
}

// How words are put together.

/** Ends with exactly one full stop. */
export function sentence(words: string): string {
  return /[.?!]$/.test(words) ? words : `${words}.`;
}

export function list(words: string[]): string {
  const last = words.at(-1) ?? '';
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} and ${last}`;
}

export const accounts = (count: number) => (count === 0 ? 'no accounts' : count === 1 ? '1 account' : `${count} accounts`);
export const services = (count: number) => (count === 1 ? '1 service' : `${count} services`);

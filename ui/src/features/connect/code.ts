// A code as groups that are easily read and typed.

/** As the service grouped it; a long one without groups in fours, or in threes where that comes out even. */
export function groups(code: string): string[] {
  const given = code.split(/[-\s]+/).filter((part) => part !== '');
  const [only] = given;
  if (given.length !== 1 || only === undefined || only.length < 6) return given;
  const size = only.length % 4 !== 0 && only.length % 3 === 0 ? 3 : 4;
  return only.match(new RegExp(`.{1,${size}}`, 'gu')) ?? given;
}

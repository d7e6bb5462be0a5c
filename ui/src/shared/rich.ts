// Text of a manifest with **bold** in it, as parts. No markup reaches the page.

export interface Part {
  words: string;
  bold: boolean;
}

export function rich(source: string): Part[] {
  return source
    .split(/\*\*(.+?)\*\*/)
    .map((words, index) => ({ words, bold: index % 2 === 1 }))
    .filter(({ words }) => words !== '');
}

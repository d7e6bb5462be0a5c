// Finding and sorting services.
import type { ConnectorView } from '../../core/contract';
import { text } from '../../shared/text';

export function found({ name, category, summary, id }: ConnectorView, query: string): boolean {
  const wanted = query.trim().toLocaleLowerCase();
  return [name, id, category, text.category(category), summary].some((part) => part.toLocaleLowerCase().includes(wanted));
}

/** Categories with how many services each has, the fullest first. */
export function categories(connectors: ConnectorView[]): { id: string; count: number }[] {
  const counts = new Map<string, number>();
  for (const { category } of connectors) counts.set(category, (counts.get(category) ?? 0) + 1);
  return Array.from(counts, ([id, count]) => ({ id, count })).sort(
    (a, b) => b.count - a.count || text.category(a.id).localeCompare(text.category(b.id)),
  );
}

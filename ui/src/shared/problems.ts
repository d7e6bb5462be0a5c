// A problem of the core in the words a person is shown. `detail` says what happened this time, `title` only of what kind
// it is, `hint` what to do.
import type { Problem } from '../core/contract';
import { text } from './text';

/** What happened, as one sentence. */
export function whatHappened({ detail, title }: Problem): string {
  const words = (detail ?? title).trim();
  return text.common.sentence(words.charAt(0).toLocaleUpperCase() + words.slice(1));
}

/** What to do about it. */
export function whatToDo({ hint, kind }: Problem): string {
  return hint ?? text.problems[kind];
}

/** The exact words for a bug report: kind, status, type, detail. */
export function problemCause(problem: Problem): string {
  const lines = [
    `${problem.kind} ${problem.status}`,
    problem.type !== 'about:blank' ? problem.type : undefined,
    problem.detail,
  ];
  return lines.filter((line) => line !== undefined && line !== '').join('\n');
}

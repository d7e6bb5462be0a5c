// Moments in words a person uses, and the exact ones.
import { text } from './text';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const clockTime = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const shortDate = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const longDate = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', year: 'numeric' });
const exactTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' });

/** "2 min ago", "in 3 days", and a date from a week on. */
export function relative(at: string, now: number): string {
  const moment = Date.parse(at);
  const distance = moment - now;
  const size = Math.abs(distance);
  const say = (span: string) => (distance < 0 ? text.time.ago(span) : text.time.ahead(span));
  if (size < 45 * SECOND) return distance < 0 ? text.time.justNow : text.time.soon;
  if (size < 59.5 * MINUTE) return say(text.time.minutes(Math.max(1, Math.round(size / MINUTE))));
  if (size < 22 * HOUR) return say(text.time.hours(Math.round(size / HOUR)));
  if (size < 7 * DAY) return say(text.time.days(Math.max(1, Math.round(size / DAY))));
  return date(moment, now);
}

/** For a history: the time today, the date before. */
export function stamp(at: string, now: number): string {
  const moment = Date.parse(at);
  return sameDay(moment, now) ? clockTime.format(moment) : date(moment, now);
}

export function exact(at: string): string {
  return exactTime.format(Date.parse(at));
}

/** Whole seconds until a moment, never negative. */
export function secondsUntil(at: string, now: number): number {
  return Math.max(0, Math.ceil((Date.parse(at) - now) / SECOND));
}

/** "9:41" */
export function countdown(totalSeconds: number): string {
  return `${Math.floor(totalSeconds / 60)}:${String(totalSeconds % 60).padStart(2, '0')}`;
}

function date(moment: number, now: number): string {
  const sameYear = new Date(moment).getFullYear() === new Date(now).getFullYear();
  return (sameYear ? shortDate : longDate).format(moment);
}

function sameDay(a: number, b: number): boolean {
  return new Date(a).toDateString() === new Date(b).toDateString();
}

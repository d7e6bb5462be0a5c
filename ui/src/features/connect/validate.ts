// What can be said about a typed value before the core sees it. The core decides; this only spares a round trip.
import type { FieldView } from '../../core/contract';
import { text } from '../../shared/text';

/** What is wrong with a value, in words for below the field; nothing when it is fine. */
export function fault(field: FieldView, typed: string): string | undefined {
  const value = typed.trim();
  if (value === '') return field.required ? text.form.required(field.label) : undefined;
  if (field.kind === 'url' && !isAddress(value)) return text.form.address;
  if (field.pattern && !fits(field.pattern, value)) return text.form.pattern(field.label, field.placeholder);
  return undefined;
}

function isAddress(value: string): boolean {
  try {
    return /^https?:$/.test(new URL(value).protocol);
  } catch {
    return false;
  }
}

function fits(pattern: string, value: string): boolean {
  try {
    return new RegExp(`^(?:${pattern})$`, 'u').test(value);
  } catch {
    // A pattern only the core's dialect understands is left to the core.
    return true;
  }
}

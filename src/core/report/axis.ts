/** A time axis for the lifetimes of certificates; instants are ms since the epoch. */

export interface Span {
  readonly from: number;
  readonly to: number;
}

export interface Tick {
  readonly at: number;
  /** `Dec`, `2027`, `24 Nov`. */
  readonly label: string;
}

const day = 86_400_000;
/** A root of ten years beside certificates of ninety days must not make these invisible. */
const usualLifetime = 120 * day;
const longestPast = 200 * day;
const longestAhead = 400 * day;

/** What is worth showing: short-lived certificates as a whole, those for years as far as the others matter. */
export function spanOf(lives: readonly Span[], now: number): Span {
  const short = lives.filter(({ from, to }) => to - from <= usualLifetime);
  const meant = short.length > 0 ? short : lives;
  const earliest = meant.reduce(
    (least, { from }) => Math.min(least, from),
    now,
  );
  const latest = meant.reduce((most, { to }) => Math.max(most, to), now);
  const past = Math.min(Math.max(now - earliest, day), longestPast);
  const ahead = Math.min(Math.max(latest - now, 2 * day), longestAhead);
  return { from: now - past, to: now + ahead };
}

const dayWidths = [1, 2, 7, 14] as const;
const monthWidths = [1, 2, 3, 6, 12, 24, 120] as const;
const daysOfMonth = 30.5;

/** Round days, months or years in UTC, at most about as many as asked for. */
export function ticksOf(span: Span, most: number): readonly Tick[] {
  const days = (span.to - span.from) / day;
  const width = dayWidths.find((one) => days / one <= most);
  if (width !== undefined) return dayTicks(span, width * day);
  const months = monthWidths.find((one) => days / (one * daysOfMonth) <= most);
  return monthTicks(span, months ?? 120);
}

function dayTicks({ from, to }: Span, width: number): readonly Tick[] {
  const first = Math.ceil(from / width) * width;
  const count = Math.max(0, Math.floor((to - first) / width) + 1);
  return Array.from({ length: count }, (_, index) => {
    const at = first + index * width;
    const date = new Date(at);
    return { at, label: `${date.getUTCDate()} ${monthName(date)}` };
  });
}

function monthTicks({ from, to }: Span, every: number): readonly Tick[] {
  const start = new Date(from);
  const month = start.getUTCFullYear() * 12 + start.getUTCMonth();
  const first = Math.ceil((month + 1) / every) * every;
  const count = Math.ceil((to - from) / (28 * day * every)) + 1;
  return Array.from({ length: count }, (_, index) => {
    const date = new Date(Date.UTC(0, 0, 1));
    date.setUTCFullYear(0, first + index * every, 1);
    const isYear = date.getUTCMonth() === 0;
    const label = isYear ? String(date.getUTCFullYear()) : monthName(date);
    return { at: date.getTime(), label };
  }).filter(({ at }) => at >= from && at <= to);
}

const monthNames = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

function monthName(date: Date): string {
  return monthNames[date.getUTCMonth()] ?? "";
}

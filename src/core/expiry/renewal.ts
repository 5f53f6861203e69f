/**
 * When a certificate should have been renewed, told from its dates alone. The shares are Certbot's own (4.0 renews with a
 * third of the lifetime left, with half where it is shorter than ten days) and grow with the lifetime, so that
 * 90-, 45- and 6-day certificates are judged alike. A certificate has expired at the second of its notAfter, as OpenSSL has it.
 */
const dayMs = 24 * 60 * 60 * 1000;
const shortLifetimeMs = 10 * dayMs;
const usualShare = 1 / 3;
const shortShare = 1 / 2;

export interface Renewal {
  /** From here on a renewal is overdue. */
  readonly renewalDue: Date;
  readonly overdue: boolean;
  readonly expired: boolean;
  /** Of the lifetime: 1 at notBefore and earlier, 0 from notAfter on. */
  readonly remainingShare: number;
}

export interface RenewalQuestion {
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly now: Date;
  /**
   * Overdue also with less than this left, whatever the share. A floor that is longer than half the lifetime is meant for
   * longer-lived certificates: it would call this one overdue from the day it was issued.
   */
  readonly floorsMs: readonly number[];
}

export function judgeRenewal({
  notBefore,
  notAfter,
  now,
  floorsMs,
}: RenewalQuestion): Renewal {
  const lifetimeMs = Math.max(0, notAfter.getTime() - notBefore.getTime());
  const leftMs = notAfter.getTime() - now.getTime();
  const dueLeftMs = Math.max(
    lifetimeMs * (lifetimeMs < shortLifetimeMs ? shortShare : usualShare),
    ...floorsMs.filter((floorMs) => floorMs <= lifetimeMs / 2),
  );
  return {
    renewalDue: new Date(notAfter.getTime() - dueLeftMs),
    overdue: leftMs < dueLeftMs || leftMs <= 0,
    expired: leftMs <= 0,
    remainingShare:
      lifetimeMs === 0 ? 0 : Math.min(1, Math.max(0, leftMs / lifetimeMs)),
  };
}

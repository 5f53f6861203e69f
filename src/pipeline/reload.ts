/**
 * Triggers one reload and waits until the process table shows what became of it. An exit code proves nothing: new workers
 * are the proof, and the error log tells why there are none.
 * Source: https://nginx.org/en/docs/control.html#reconfiguration
 */
import { setTimeout as delay } from "node:timers/promises";
import type { ReloadEffect } from "../core/decision/decide.ts";
import { hasBegun, hasTakenEffect } from "../core/decision/generations.ts";
import type { Generation, SignalledReload } from "../core/decision/record.ts";
import type { NginxModel } from "../core/nginx/model.ts";
import type { Limits } from "../core/settings/settings.ts";
import type { ErrorLogMark, Target } from "../ports.ts";

export interface Reloaded {
  readonly effect: ReloadEffect;
  /** Why nothing came of it, in Nginx's words where it said any; null after a new generation. */
  readonly reason: string | null;
  readonly remedy: string | null;
  /** The newest generation that was seen. */
  readonly generation: Generation;
  /** How the record counts it. */
  readonly counted: SignalledReload["effect"];
}

const firstPollMs = 5;
const slowestPollMs = 10;

export async function reload(input: {
  readonly target: Target;
  readonly model: NginxModel;
  readonly before: Generation;
  readonly limits: Limits;
  readonly signal: AbortSignal;
}): Promise<Reloaded> {
  const { target, model, before, signal } = input;
  const mark = await target.markErrorLogs(model);
  const triggered = await target.reload(signal);
  if (triggered.kind === "failed") {
    const said = await mark.refusals(before.master);
    const reason = [triggered.reason, ...said].join(": ");
    return {
      effect: { kind: "refused" },
      reason,
      remedy: triggered.remedy,
      generation: before,
      counted: "refused",
    };
  }
  return waitForGeneration({ ...input, mark });
}

/**
 * Nginx tries five times at half a second's distance before it gives up with `still could not bind()`; meanwhile the
 * address may become free.
 * Source: ngx_open_listening_sockets() in https://github.com/nginx/nginx/blob/release-1.22.1/src/core/ngx_connection.c
 */
const bindingMs = 4_000;

/**
 * Written by the master of a child that has come to its end, and of what it could not tell it any more: whoever kills an old
 * worker (the kernel, short of memory) does so in the middle of a reload, and says nothing of the new configuration.
 * Source: ngx_process_get_status() and ngx_signal_worker_processes() in
 * https://github.com/nginx/nginx/tree/release-1.22.1/src/os/unix
 */
function isAboutLostChild(line: string): boolean {
  return /\d exited on signal \d|: (?:kill|sendmsg)\(.*\) failed \(/.test(line);
}

function isTakenAddress(line: string): boolean {
  return /bind\(\) to .* failed \(98/.test(line);
}

/** 1 s and 10 ms for each certificate, unless told otherwise; a reload that is seen under way is given the whole limit. */
function patienceMs(model: NginxModel, limits: Limits): number {
  const wanted =
    limits.generationBaseMs +
    model.certificateCount * limits.generationPerCertificateMs;
  return Math.min(wanted, limits.generationMaxMs);
}

async function waitForGeneration(input: {
  readonly target: Target;
  readonly model: NginxModel;
  readonly before: Generation;
  readonly limits: Limits;
  readonly signal: AbortSignal;
  readonly mark: ErrorLogMark;
}): Promise<Reloaded> {
  const { target, before, limits, signal, mark, model } = input;
  const startedMs = performance.now();
  const patience = patienceMs(model, limits);
  for (
    let pollMs = firstPollMs;
    ;
    pollMs = Math.min(pollMs * 2, slowestPollMs)
  ) {
    await delay(pollMs, undefined, { signal });
    const waitedMs = performance.now() - startedMs;
    const generation = await target.generation(before.master);
    if (generation === null) {
      const started = await startedAnew(target, signal);
      if (started !== null) return tookEffect(started);
      if (waitedMs < patience) continue;
      return refused(before, ["the Nginx master has ended since the signal"]);
    }
    const whole = hasTakenEffect(before, generation)
      ? await wholeGeneration(target, before)
      : null;
    if (whole !== null) return tookEffect(whole);
    const words = await mark.refusals(before.master);
    const said = words.filter((line) => !isAboutLostChild(line));
    const isTrying = said.length > 0 && said.every(isTakenAddress);
    if (said.length > 0 && !isTrying) return refused(generation, said);
    if (waitedMs < patience || (isTrying && waitedMs < bindingMs)) continue;
    if (isTrying) return refused(generation, said);
    // A master without workers reads its configuration itself; only a handshake can tell more.
    if (!model.masterProcess) return tookEffect(generation);
    if (!(await isUnderWay(target, before)))
      return words.length > 0
        ? refused(generation, words)
        : silent(generation, mark);
    if (waitedMs >= limits.generationMaxMs)
      return stillBusy(before, generation, waitedMs);
  }
}

/**
 * null while some of its workers are on their way; a part of them would not be known again. Asked in this order, what is
 * seen in the end is all that there is to be.
 */
async function wholeGeneration(
  target: Target,
  { master }: Generation,
): Promise<Generation | null> {
  return (await target.isStarting(master)) ? null : target.generation(master);
}

/** The workers are looked at last: the master may come to its end between the looks. */
async function isUnderWay(
  target: Target,
  before: Generation,
): Promise<boolean> {
  if (await target.isBusy(before.master)) return true;
  const now = await target.generation(before.master);
  return now === null || hasBegun(before, now);
}

/** Somebody restarted it, or re-created its container, meanwhile: it has loaded the files as they are. */
async function startedAnew(
  target: Target,
  signal: AbortSignal,
): Promise<Generation | null> {
  const state = await target.inspect(signal);
  return state.kind === "running" && state.generation.workers.length > 0
    ? state.generation
    : null;
}

function tookEffect(generation: Generation): Reloaded {
  return {
    effect: { kind: "new-generation" },
    reason: null,
    remedy: null,
    generation,
    counted: "new-generation",
  };
}

function refused(generation: Generation, said: readonly string[]): Reloaded {
  const reason = distinctWords(said).join("; ");
  return {
    effect: { kind: "refused" },
    reason,
    remedy: remedyFor(reason),
    generation,
    counted: "refused",
  };
}

/** Lines that differ in nothing but their time are one. */
function distinctWords(lines: readonly string[]): readonly string[] {
  const byWords = new Map(
    lines.map((line) => [line.replace(/^\S+ \S+ /, ""), line]),
  );
  return [...byWords.values()];
}

function silent(generation: Generation, mark: ErrorLogMark): Reloaded {
  const log = mark.readable
    ? "its error log does not say why"
    : "its error log cannot be read";
  const reason = `the reload was triggered, but Nginx started no new workers, and ${log}`;
  const remedy = "look at Nginx's error log, then systemctl restart nginx";
  return {
    effect: { kind: "refused" },
    reason,
    remedy,
    generation,
    counted: "unseen",
  };
}

function stillBusy(
  before: Generation,
  generation: Generation,
  waitedMs: number,
): Reloaded {
  const what = hasBegun(before, generation)
    ? "old workers still accept beside the new ones"
    : "its master is still at work";
  const reason = `Nginx was signalled ${(waitedMs / 1000).toFixed(1)} s ago and ${what}`;
  return {
    effect: { kind: "busy" },
    reason,
    remedy: "livecert retry",
    generation,
    counted: "open",
  };
}

/** Recognises what only a restart or another program's end can mend; null where Nginx's own line says enough. */
function remedyFor(reason: string): string | null {
  if (isTakenAddress(reason)) {
    return "another program holds that address (ss -ltnp shows which): stop it or remove the listen directive, then livecert retry";
  }
  if (/shared (memory )?zone/.test(reason))
    return "this change needs a restart: systemctl restart nginx";
  return null;
}

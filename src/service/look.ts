/** A look before a run: is everything settled, and would it disturb a Certbot? Opens no file of Nginx's and no connection. */
import { access } from "node:fs/promises";
import { join } from "node:path";
import pMap from "p-map";
import { lookForCertbot } from "../adapters/certbot/at-work.ts";
import { viewLineage } from "../adapters/certbot/view.ts";
import type { Store } from "../adapters/store/store.ts";
import type { Lineage } from "../core/lineage/lineage.ts";
import { lineageState } from "../core/lineage/versions.ts";
import type { ScheduleEvent, SubjectState } from "../core/schedule/schedule.ts";
import type { Known } from "./meanings.ts";

export interface Looking {
  readonly certbotDir: string;
  readonly store: Pick<Store, "sources">;
  readonly now: Date;
  readonly signal: AbortSignal;
  readonly known: Known;
}

export async function look(
  looking: Looking,
  subjects: readonly string[],
): Promise<Extract<ScheduleEvent, { kind: "looked" }>> {
  const certbot = await lookForCertbot(looking.certbotDir);
  const seen = await pMap(
    subjects,
    async (subject) => [subject, await stateOf(looking, subject)] as const,
    { concurrency: 16, signal: looking.signal },
  );
  return { kind: "looked", certbot: certbot.kind, seen: new Map(seen) };
}

async function stateOf(
  looking: Looking,
  subject: string,
): Promise<SubjectState> {
  const name = looking.known.lineages.get(subject);
  const state =
    name === undefined
      ? await fileState(subject)
      : await stateOfLineage({ name, path: subject });
  if (state !== "settled") return state;
  return (await hasExpired(looking, subject)) ? "urgent" : "settled";
}

async function fileState(path: string): Promise<SubjectState> {
  return (await exists(path)) ? "settled" : "gone";
}

async function stateOfLineage(lineage: Lineage): Promise<SubjectState> {
  const { kind } = lineageState(viewLineage(lineage));
  if (kind === "absent") return "gone";
  if (kind !== "one") return "moving";
  const files = ["fullchain.pem", "privkey.pem"];
  const there = await Promise.all(
    files.map((name) => exists(join(lineage.path, name))),
  );
  return there.every((one) => one) ? "settled" : "moving";
}

/** What was last seen served for it, in one of its places. */
async function hasExpired(
  { store, known, now }: Looking,
  subject: string,
): Promise<boolean> {
  for (const id of known.records.get(subject) ?? []) {
    const record = await store.sources.get(id);
    const end = record?.deployed?.notAfter;
    if (end !== undefined && Date.parse(end) <= now.getTime()) return true;
  }
  return false;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** A look before a run: is everything settled, and would it disturb a Certbot? Opens no file of Nginx's and no connection. */
import { access } from "node:fs/promises";
import { join } from "node:path";
import pMap from "p-map";
import { lookForCertbot } from "../adapters/certbot/at-work.ts";
import { viewLineage } from "../adapters/certbot/view.ts";
import type { Lineage } from "../core/lineage/lineage.ts";
import { lineageState } from "../core/lineage/versions.ts";
import type { ScheduleEvent, SubjectState } from "../core/schedule/schedule.ts";
import { sourceId } from "../pipeline/examine.ts";
import { subjectOf } from "../pipeline/pending.ts";
import type { World } from "../pipeline/world.ts";
import type { Surroundings } from "./surroundings.ts";

export async function look(
  world: World,
  surroundings: Surroundings,
  subjects: readonly string[],
): Promise<Extract<ScheduleEvent, { kind: "looked" }>> {
  const certbot = await lookForCertbot(world.settings.certbotDir);
  const seen = await pMap(
    subjects,
    async (subject) =>
      [subject, await stateOf(world, surroundings, subject)] as const,
    { concurrency: 16, signal: world.signal },
  );
  return { kind: "looked", certbot: certbot.kind, seen: new Map(seen) };
}

async function stateOf(
  world: World,
  surroundings: Surroundings,
  subject: string,
): Promise<SubjectState> {
  const lineage = surroundings.lineages.find(({ path }) => path === subject);
  const state =
    lineage === undefined
      ? await fileState(subject)
      : await stateOfLineage(lineage);
  if (state !== "settled") return state;
  return (await hasExpired(world, surroundings, subject))
    ? "urgent"
    : "settled";
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
  world: World,
  { candidates }: Surroundings,
  subject: string,
): Promise<boolean> {
  const own = candidates.filter(
    ({ lineage, files: { certificate } }) =>
      subjectOf({ lineage, certificate }) === subject,
  );
  for (const { files } of own) {
    const record = await world.store.sources.get(sourceId(files));
    const end = record?.deployed?.notAfter;
    if (end !== undefined && Date.parse(end) <= world.now().getTime())
      return true;
  }
  return false;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

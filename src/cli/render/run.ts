import { createColors } from "picocolors";
import { isFailure } from "../../core/decision/outcome.ts";
import type {
  LeafReport,
  LineageReport,
  ProbeReport,
  PublicationReport,
  RunDocument,
} from "../../core/report/document.ts";
import { printable, printableWord } from "../../core/report/text.ts";
import type { Finding, Severity } from "../../core/validation/finding.ts";
import { shortFingerprint } from "./fingerprint.ts";
import { renderNotes } from "./notes.ts";
import type { Cell, TableStyle } from "./table.ts";

export type RunStyle = Pick<TableStyle, "colours"> & {
  readonly now: Date;
};

type Colours = ReturnType<typeof createColors>;

/** What a run found and did, for people: one paragraph per lineage, the most grave last, where the eye rests. */
export function renderRun(document: RunDocument, style: RunStyle): string {
  const colours = createColors(style.colours);
  const lineages = [...document.lineages].sort(
    (one, other) => gravity(one) - gravity(other),
  );
  const paragraphs = sayOnce(lineages).map((lineage) =>
    renderLineage(lineage, colours, style.now),
  );
  const text = [
    ...paragraphs.flat(),
    ...document.publications.flatMap((one) => renderPublication(one, colours)),
    ...renderNotes(document),
    summary(document),
  ];
  return text.map((line) => `${line}\n`).join("");
}

/** Sorts by what somebody must act on. */
function gravity({ outcome, valid }: LineageReport): number {
  if (outcome !== null && isFailure(outcome)) return 2;
  return valid ? 0 : 1;
}

function summary({
  lineages,
  publications,
  reloads,
  warnings,
  command,
  outcome,
}: RunDocument): string {
  const failed =
    lineages.filter((lineage) => gravity(lineage) > 0).length +
    publications.filter(({ outcome }) => outcome !== null && isFailure(outcome))
      .length;
  if (lineages.length === 0 && publications.length === 0)
    return outcome === null
      ? "there is nothing to do"
      : "which certificates Nginx uses could not be asked";
  const counted =
    lineages.length === 1 ? "1 certificate" : `${lineages.length} certificates`;
  const warned = warnings.length + lineages.filter(isWarned).length;
  const verdict = failed === 0 ? "all well" : `${failed} in need of attention`;
  const judged = failed === 0 && warned > 0 ? "see the warnings" : verdict;
  // It never reloads, so there is nothing to count.
  if (command === "check") return `${counted}, ${judged}`;
  const reloaded = reloads === 1 ? "1 reload" : `${reloads} reloads`;
  return `${counted}, ${judged}, ${reloaded}`;
}

/** What Nginx says of its configuration is about all of it: the first lineage quotes it, the others refer to that one. */
export function sayOnce(
  lineages: readonly LineageReport[],
): readonly LineageReport[] {
  const quoting = new Map<string, LineageReport>();
  return lineages.map((lineage) => {
    const { outcome, reason } = lineage;
    if (outcome !== "config-invalid" || reason === null) return lineage;
    const first = quoting.get(reason);
    if (first === undefined) {
      quoting.set(reason, lineage);
      return lineage;
    }
    const { name, path } = first;
    return { ...lineage, reason: `for the same reason as ${name ?? path}` };
  });
}

function isWarned({ findings }: LineageReport): boolean {
  return findings.length > 0;
}

export function renderLineage(
  lineage: LineageReport,
  colours: Colours,
  now: Date,
): readonly string[] {
  const { leaf, findings, remedy } = lineage;
  // A finding says it all, and its hint stands in the remedy.
  const reason = findings.some(({ message }) => message === lineage.reason)
    ? null
    : lineage.reason;
  const outcome = outcomeCell(lineage, colours);
  const title = `${colours.bold(lineageLabel(lineage))}: ${outcome.paint(outcome.text)}`;
  const unseen = lineage.probes.filter(({ verdict }) => verdict !== "live");
  return [
    reason === null ? title : `${title}, ${printable(reason)}`,
    ...(leaf === null ? [] : [`  ${renderLeaf(leaf, now)}`]),
    ...findings.flatMap((finding) => renderFinding(finding, remedy, colours)),
    ...seenAt(lineage.probes),
    ...unseen.map((probe) => `  ${renderProbe(probe, colours)}`),
    ...(remedy === null ? [] : [`  hint: ${printable(remedy)}`]),
  ];
}

export function lineageLabel({ name, path }: LineageReport): string {
  return printableWord(name ?? path);
}

/** `sound` or `not sound` where nobody asked what is served. */
export function outcomeCell(
  { outcome, valid }: LineageReport,
  colours: Colours,
): Exclude<Cell, string> {
  if (outcome === null)
    return valid
      ? { text: "sound", paint: colours.green }
      : { text: "not sound", paint: colours.red };
  if (isFailure(outcome)) return { text: outcome, paint: colours.red };
  return outcome === "unverified" || outcome === "unused"
    ? { text: outcome, paint: colours.yellow }
    : { text: outcome, paint: colours.green };
}

/** What was put somewhere, or could not be. */
export function renderPublication(
  publication: PublicationReport,
  colours: Colours,
): readonly string[] {
  const { name, state, outcome, files, reason, remedy } = publication;
  const isFailed = outcome !== null && isFailure(outcome);
  const paint = isFailed
    ? colours.red
    : state === "held" || state === "due"
      ? colours.yellow
      : colours.green;
  const title = `${colours.bold(printableWord(name))}: ${paint(state)}`;
  const leaf = shortFingerprint(publication.fingerprint256);
  return [
    reason === null ? title : `${title}, ${printable(reason)}`,
    `  ${leaf} in ${printableWord(files.join(", "))}`,
    ...(remedy === null ? [] : [`  hint: ${printable(remedy)}`]),
  ];
}

function renderLeaf(leaf: LeafReport, now: Date): string {
  const names = printableWord(shortList(leaf.subjectAltNames));
  return `${shortFingerprint(leaf.fingerprint256)}, ${leaf.keyType}, ${renderExpiry(leaf.notAfter, now)}, ${names}`;
}

/** `expires 2027-02-21 (in 90 days)`; both dates are days in UTC. */
export function renderExpiry(notAfter: string, now: Date): string {
  const days = Math.floor((Date.parse(notAfter) - now.getTime()) / 86_400_000);
  const day = notAfter.slice(0, 10);
  if (days < 0) return `expired ${day}`;
  return `expires ${day} (in ${days === 1 ? "1 day" : `${days} days`})`;
}

const shownNames = 4;

/** Certificates may hold a hundred names. */
export function shortList(names: readonly string[]): string {
  const bare = names.map((name) => name.replace(/^DNS:/, ""));
  const rest = bare.length - shownNames;
  if (bare.length === 0) return "no names";
  return rest > 0
    ? `${bare.slice(0, shownNames).join(" ")} and ${rest} more`
    : bare.join(" ");
}

function renderFinding(
  finding: Finding,
  remedy: string | null,
  colours: Colours,
): readonly string[] {
  const paint: Readonly<Record<Severity, (text: string) => string>> = {
    fatal: colours.red,
    regression: colours.red,
    warning: colours.yellow,
  };
  return [
    `  ${paint[finding.severity](finding.severity)} ${finding.rule}: ${printableWord(finding.message)}`,
    ...(remedy?.includes(finding.hint) === true
      ? []
      : [`    hint: ${printableWord(finding.hint)}`]),
  ];
}

function seenAt(probes: readonly ProbeReport[]): readonly string[] {
  const live = probes.filter(({ verdict }) => verdict === "live").length;
  return live === 0
    ? []
    : [`  seen at ${live} of ${probes.length} probe points`];
}

/** Always the address and name asked, what was expected and what was seen. */
function renderProbe(probe: ProbeReport, colours: Colours): string {
  const asked = printableWord(
    `${probe.address} (${probe.servername ?? "without a name"})`,
  );
  const expected = `expected ${shortFingerprint(probe.expected)}`;
  const seen = `saw ${shortFingerprint(probe.after ?? probe.before)}`;
  const why = probe.error === null ? "" : `, ${printableWord(probe.error)}`;
  const word =
    probe.verdict === "stale"
      ? colours.red(probe.verdict)
      : colours.yellow(probe.verdict);
  return `${word} ${asked}: ${expected}, ${seen}${why}`;
}

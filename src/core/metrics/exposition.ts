/**
 * Metric families as text. Two dialects that differ little: OpenMetrics 1.0, which Prometheus asks for, and the older text
 * format 0.0.4, which node_exporter reads from files.
 * Source: https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md and
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */
import { assertNever } from "../assert-never.ts";
import type { Histogram } from "./histogram.ts";

export type Dialect = "openmetrics" | "text";

export const contentTypes: Readonly<Record<Dialect, string>> = {
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
  text: "text/plain; version=0.0.4; charset=utf-8",
};

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

export type Family = {
  /** Without `_total`; a unit stands at the end, as both formats want it. */
  readonly name: string;
  readonly help: string;
} & (
  | { readonly type: "gauge" | "counter"; readonly samples: readonly Sample[] }
  | {
      readonly type: "histogram";
      readonly histogram: Histogram;
      readonly bounds: readonly number[];
    }
);

/** A whole document. */
export function renderMetrics(
  families: readonly Family[],
  dialect: Dialect,
): string {
  const end = dialect === "openmetrics" ? "# EOF\n" : "";
  return renderFamilies(families, dialect) + end;
}

/** Its beginning. A family without a sample is left out. */
export function renderFamilies(
  families: readonly Family[],
  dialect: Dialect,
): string {
  return families
    .flatMap((family) => renderFamily(family, dialect))
    .map((line) => `${line}\n`)
    .join("");
}

function renderFamily(family: Family, dialect: Dialect): readonly string[] {
  const samples = samplesOf(family);
  if (samples.length === 0) return [];
  const isNamedByTotal = family.type === "counter" && dialect === "text";
  const name = isNamedByTotal ? `${family.name}_total` : family.name;
  const unit = dialect === "openmetrics" && family.name.endsWith("_seconds");
  return [
    `# HELP ${name} ${escapeText(family.help, dialect)}`,
    `# TYPE ${name} ${family.type}`,
    ...(unit ? [`# UNIT ${name} seconds`] : []),
    ...samples,
  ];
}

function samplesOf(family: Family): readonly string[] {
  switch (family.type) {
    case "gauge":
      return family.samples.map((sample) => line(family.name, sample));
    case "counter":
      return family.samples.map((sample) =>
        line(`${family.name}_total`, sample),
      );
    case "histogram":
      return histogramLines(family.name, family.histogram, family.bounds);
    default:
      return assertNever(family);
  }
}

/** Buckets are cumulative on the wire. */
function histogramLines(
  name: string,
  { counts, sum }: Histogram,
  bounds: readonly number[],
): readonly string[] {
  let count = 0;
  const buckets = counts.map((own, index) => {
    count += own;
    const bound = bounds[index];
    const le = bound === undefined ? "+Inf" : renderBound(bound);
    return line(`${name}_bucket`, { labels: { le }, value: count });
  });
  return [
    ...buckets,
    line(`${name}_sum`, { labels: {}, value: sum }),
    line(`${name}_count`, { labels: {}, value: count }),
  ];
}

/** OpenMetrics wants bounds to look like floating point numbers, the same in every exposition. */
function renderBound(bound: number): string {
  return Number.isInteger(bound) ? `${bound}.0` : String(bound);
}

function line(name: string, { labels, value }: Sample): string {
  const pairs = Object.entries(labels).map(
    ([label, text]) => `${label}="${escapeLabel(text)}"`,
  );
  const set = pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
  return `${name}${set} ${String(value)}`;
}

function escapeLabel(text: string): string {
  return wellFormed(text)
    .replaceAll("\\", String.raw`\\`)
    .replaceAll("\n", String.raw`\n`)
    .replaceAll('"', String.raw`\"`);
}

/** The older format does not know an escaped quote in a help text. */
function escapeText(text: string, dialect: Dialect): string {
  const escaped = text
    .replaceAll("\\", String.raw`\\`)
    .replaceAll("\n", String.raw`\n`);
  return dialect === "openmetrics"
    ? escaped.replaceAll('"', String.raw`\"`)
    : escaped;
}

/** Half a surrogate pair would not be UTF-8; a carriage return ends lines for some readers. */
function wellFormed(text: string): string {
  return text.replaceAll(/[\r\u0000]|\p{Surrogate}/gu, "\ufffd");
}

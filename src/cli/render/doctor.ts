import { createColors } from "picocolors";
import { printable } from "../../core/report/text.ts";
import { groups, type CheckReport, type Verdict } from "../../doctor/check.ts";
import type { TableStyle } from "./table.ts";

type Colours = ReturnType<typeof createColors>;

/** One paragraph per group, one line per diagnosis, what mends it below; the count at the end, where the eye rests. */
export function renderDoctor(
  reports: readonly CheckReport[],
  style: Pick<TableStyle, "colours">,
): string {
  const colours = createColors(style.colours);
  const paragraphs = groups.flatMap((group) => [
    colours.bold(group),
    ...reports
      .filter((report) => report.group === group)
      .flatMap((report) => renderReport(report, colours)),
    "",
  ]);
  return [...paragraphs, summary(reports, colours)]
    .map((line) => `${line}\n`)
    .join("");
}

function renderReport(
  { name, verdict, message, remedy }: CheckReport,
  colours: Colours,
): readonly string[] {
  const [first = "", ...others] = printable(message).split("\n");
  const label = verdict.padEnd(longestVerdict);
  return [
    `  ${paint(verdict, colours)(label)}  ${name}: ${first}`,
    ...others.map((line) => `${indent}${line}`),
    ...(remedy === null ? [] : [`${indent}hint: ${printable(remedy)}`]),
  ];
}

const longestVerdict = "warning".length;
const indent = " ".repeat(longestVerdict + 4);

function paint(verdict: Verdict, colours: Colours): (text: string) => string {
  const paints: Readonly<Record<Verdict, (text: string) => string>> = {
    ok: colours.green,
    warning: colours.yellow,
    problem: colours.red,
    unknown: colours.dim,
  };
  return paints[verdict];
}

function summary(reports: readonly CheckReport[], colours: Colours): string {
  const count = (verdict: Verdict): number =>
    reports.filter((report) => report.verdict === verdict).length;
  const problems = count("problem");
  const answer =
    problems === 0
      ? "no problem was found"
      : problems === 1
        ? "1 problem was found"
        : `${String(problems)} problems were found`;
  const rest = [
    ...(count("warning") === 0
      ? []
      : [`${String(count("warning"))} to look at`]),
    ...(count("unknown") === 0
      ? []
      : [`${String(count("unknown"))} could not be seen`]),
  ];
  const verdict: Verdict = problems === 0 ? "ok" : "problem";
  return [paint(verdict, colours)(answer), ...rest].join(", ");
}

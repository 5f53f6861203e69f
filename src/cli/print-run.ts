/** Hands the document of a run to the renderer that was asked for; its exit code is the run's. */
import type { RunDocument, StatusDocument } from "../core/report/document.ts";
import type { Invocation } from "./invocation.ts";
import { renderJson } from "./render/json.ts";

type Printing = Pick<
  Invocation<unknown>,
  "stdout" | "settings" | "now" | "environment"
>;

export async function printRun(
  { stdout, settings, now }: Printing,
  document: RunDocument,
): Promise<number> {
  if (settings.json) stdout.write(renderJson(document));
  else {
    const { renderRun } = await import("./render/run.ts");
    stdout.write(renderRun(document, { colours: stdout.colours, now: now() }));
  }
  return document.exitCode;
}

export async function printStatus(
  { stdout, settings, now, environment }: Printing,
  document: StatusDocument,
): Promise<number> {
  if (settings.json) stdout.write(renderJson(document));
  else {
    const { renderStatus } = await import("./render/status.ts");
    const { renderWatcher } = await import("./render/watcher.ts");
    const { colours, terminal, columns } = stdout;
    stdout.write(renderStatus(document, { colours, terminal, now: now() }));
    if (terminal) {
      const { renderBars } = await import("./render/bars.ts");
      const unicode = speaksUnicode(environment);
      const style = { colours, columns, unicode, now: now() };
      stdout.write(renderBars(document.lineages, style));
    }
    stdout.write(renderWatcher(document.watcher, now()));
  }
  return document.exitCode;
}

/** As the locale has it, the first of the three variables that is set: locale(7). */
function speaksUnicode(
  environment: Invocation<unknown>["environment"],
): boolean {
  const { LC_ALL, LC_CTYPE, LANG } = environment;
  const locale = [LC_ALL, LC_CTYPE, LANG].find(
    (one) => one !== undefined && one !== "",
  );
  return /utf-?8/i.test(locale ?? "");
}

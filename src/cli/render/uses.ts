import type { UseReport } from "../../core/report/document.ts";
import { shortList } from "./run.ts";
import { renderTable, type TableStyle } from "./table.ts";

export function renderUses(
  uses: readonly UseReport[],
  style: TableStyle,
): string {
  const areSeveral = new Set(uses.map(({ target }) => target)).size > 1;
  const columns = [
    ...["certificate", "lineage", "directive", "at", "listeners", "names"],
    ...(areSeveral ? ["nginx"] : []),
  ];
  return renderTable(
    columns,
    uses.map((use) => [
      use.dynamic
        ? `${use.certificate} (read at each handshake)`
        : use.certificate,
      use.lineage ?? "-",
      use.directive,
      `${use.file}:${use.line}`,
      use.listeners.map(({ address }) => address).join(" ") || "-",
      shortList(use.serverNames),
      ...(areSeveral ? [use.target ?? "-"] : []),
    ]),
    style,
  );
}

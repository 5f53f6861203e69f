import type { Sending } from "../../adapters/notify/send.ts";
import type { Channel } from "../../core/settings/channels.ts";
import type { Delivered } from "../../service/delivery.ts";
import { renderTable, type TableStyle } from "./table.ts";

export function renderDelivered(
  channels: readonly Channel[],
  delivered: readonly Delivered[],
  style: TableStyle,
): string {
  if (delivered.length === 0) return "no message waits to be sent\n";
  return renderTable(
    ["channel", "kind", "message", "result"],
    delivered.map(({ channel, title, sending }) => [
      channel,
      channels.find(({ name }) => name === channel)?.kind ?? "-",
      title,
      resultOf(sending),
    ]),
    style,
  );
}

function resultOf(sending: Sending): string {
  if (sending.kind === "failed") return `failed: ${sending.reason}`;
  return sending.remark === null
    ? "sent"
    : `sent, but not to everybody: ${sending.remark}`;
}

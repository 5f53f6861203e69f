/** What systemd says of its units, where it is what runs the machine. */
import { existsSync } from "node:fs";
import { describeEnd, runProgram } from "../process/run.ts";
import { findProgram } from "../process/trust.ts";

export interface UnitState {
  readonly name: string;
  /** Its file exists and could be read. */
  readonly isLoaded: boolean;
  readonly isActive: boolean;
}

export type UnitsReading =
  | { readonly kind: "read"; readonly units: readonly UnitState[] }
  | { readonly kind: "failed"; readonly reason: string };

/** As sd_booted(3) decides it. */
export function isSystemdRunning(): boolean {
  return existsSync("/run/systemd/system");
}

/** One entry per name that systemd answered for, unknown ones included. */
export async function readUnits(
  names: readonly string[],
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<UnitsReading> {
  if (names.length === 0) return { kind: "read", units: [] };
  const systemctl = await findProgram("systemctl");
  if (systemctl.kind !== "found")
    return {
      kind: "failed",
      reason:
        systemctl.kind === "absent"
          ? "there is no systemctl"
          : `systemctl is not run: ${systemctl.reason}`,
    };
  const result = await runProgram({
    program: systemctl.path,
    args: [
      "--no-ask-password",
      "show",
      "--property=Id,LoadState,ActiveState",
      "--",
      ...names,
    ],
    ...options,
    maxOutputBytes: 1024 * 1024,
  });
  return result.kind === "exited" && result.exitCode === 0
    ? { kind: "read", units: parseUnits(result.stdout) }
    : { kind: "failed", reason: `systemctl ${describeEnd(result)}` };
}

/** Blocks of `Property=value` lines with an empty line between two units. */
export function parseUnits(text: string): readonly UnitState[] {
  return text.split(/\n{2,}/).flatMap((block) => {
    const valueOf = (property: string): string | undefined =>
      new RegExp(`^${property}=(.*)$`, "m").exec(block)?.[1];
    const name = valueOf("Id");
    if (name === undefined) return [];
    return [
      {
        name,
        isLoaded: valueOf("LoadState") === "loaded",
        isActive: /^(?:active|activating|reloading)$/.test(
          valueOf("ActiveState") ?? "",
        ),
      },
    ];
  });
}

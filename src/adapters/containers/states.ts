/** Why no Nginx can be looked at in a container, and what brings it back. */
import {
  describeContainer,
  type Container,
} from "../../core/containers/container.ts";
import type { TargetState } from "../../ports.ts";
import type { EngineFailure } from "./request.ts";

export type Idle = Extract<TargetState, { kind: "not-running" }>;

/** @param name of the container; @param engine as the user names it */
export function engineState(
  name: string,
  engine: string,
  { reason, message, remedy }: EngineFailure,
): Idle {
  if (reason === "not-found")
    return {
      kind: "not-running",
      reason: `there is no container ${name}`,
      remedy: `docker start ${name}, or re-create it`,
    };
  return {
    kind: "not-running",
    reason: `the container engine at ${engine} ${message}`,
    remedy: remedy ?? "livecert doctor",
  };
}

/** null: it runs. */
export function idleState(container: Container): Idle | null {
  const { status, name } = container;
  if (status === "running") return null;
  const reason = `${describeContainer(container)} is ${status}`;
  switch (status) {
    case "paused":
      return {
        kind: "not-running",
        reason,
        remedy: `docker unpause ${name}, then livecert retry`,
      };
    case "restarting":
    case "removing":
      return {
        kind: "not-running",
        reason,
        remedy: "livecert retry, once it runs",
      };
    default:
      return {
        kind: "not-running",
        reason,
        remedy: `docker start ${name}; it then loads the files as they are, and livecert retry verifies it`,
      };
  }
}

export function noNginx(container: Container): Idle {
  return {
    kind: "not-running",
    reason: `no Nginx runs in ${describeContainer(container)}`,
    remedy: `docker logs ${container.name}`,
  };
}

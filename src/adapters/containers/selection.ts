/** The containers that a selector means, as the engine has them now. */
import {
  projectLabel,
  serviceLabel,
  type Container,
} from "../../core/containers/container.ts";
import type { ContainerSelector } from "../../core/settings/targets.ts";
import type { Asked, Engine } from "./engine.ts";

/** Containers carry it that want to be looked after without being named. */
export const enablingLabel: ContainerSelector = {
  by: "label",
  label: "livecert.enable=true",
};

/** Sorted by name; for a service or a label only those that run or are paused. */
export async function selectContainers(
  engine: Engine,
  selector: ContainerSelector,
  signal: AbortSignal,
): Promise<Asked<readonly Container[]>> {
  if (selector.by === "name") {
    const answer = await engine.inspect(selector.name, signal);
    return answer.kind === "ok"
      ? { kind: "ok", value: [answer.value] }
      : answer;
  }
  const ids = await engine.list(labelsOf(selector), signal);
  if (ids.kind === "failed") return ids;
  const answers = await Promise.all(
    ids.value.map((id) => engine.inspect(id, signal)),
  );
  const containers: Container[] = [];
  for (const answer of answers) {
    if (answer.kind === "ok") containers.push(answer.value);
    // It has gone since it was listed.
    else if (answer.failure.reason !== "not-found") return answer;
  }
  const sorted = containers.sort((one, other) =>
    one.name < other.name ? -1 : 1,
  );
  return { kind: "ok", value: sorted };
}

function labelsOf(
  selector: Exclude<ContainerSelector, { by: "name" }>,
): readonly string[] {
  if (selector.by === "label") return [selector.label];
  const { project, service } = selector;
  return [
    `${serviceLabel}=${service}`,
    ...(project === null ? [] : [`${projectLabel}=${project}`]),
  ];
}

/** `web`, `shop/web` or the label: what a target is called as long as there is no container. */
export function selectorName(selector: ContainerSelector): string {
  switch (selector.by) {
    case "name":
      return selector.name;
    case "label":
      return selector.label;
    case "service":
      return selector.project === null
        ? selector.service
        : `${selector.project}/${selector.service}`;
  }
}

/** As in "there is no …". */
export function describeSelector(selector: ContainerSelector): string {
  switch (selector.by) {
    case "name":
      return `container ${selector.name}`;
    case "label":
      return `running container with the label ${selector.label}`;
    case "service":
      return `running container of the service ${selectorName(selector)}`;
  }
}

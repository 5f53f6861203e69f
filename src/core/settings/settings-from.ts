import { parseEndpoint } from "./endpoint.ts";
import type { OptionValues } from "./options.ts";
import type { LogLevel, Settings } from "./settings.ts";

/** The table's values in the shape in which the program uses them. */
export function settingsFrom(values: OptionValues): Settings {
  const runDir = values["run-dir"];
  return {
    certbotDir: values["certbot-dir"],
    stateDir: values["state-dir"],
    runDir,
    json: values.json,
    logLevel: values["log-level"] satisfies LogLevel,
    nginx: {
      bin: values["nginx.bin"],
      conf: values["nginx.conf"],
      prefix: values["nginx.prefix"],
      reloadBy: values["nginx.reload-by"],
      unit: values["nginx.unit"],
    },
    targets: values.targets,
    publish: values.publish,
    roots: values.roots,
    holdbackMs: values.holdback,
    http: parseEndpoint(values.http.replace("RUN_DIR", () => runDir)) ?? {
      kind: "off",
    },
    metrics: { textfile: values["metrics.textfile"] },
    notify: values.notify,
    alerts: {
      floorsMs: values["alerts.floors"],
      graceMs: values["alerts.grace"],
      remindMs: values["alerts.remind"],
      certbotLogs: values["alerts.certbot-logs"],
      timeoutMs: values["alerts.timeout"],
      sendAgainMs: values["alerts.send-again"],
    },
    watch: {
      quietMs: values["watch.quiet"],
      quietUnseenMs: values["watch.quiet-unseen"],
      reconcileMs: values["watch.reconcile"],
      sweepMs: values["watch.sweep"],
      retryFirstMs: values["watch.retry-first"],
      retryLongestMs: values["watch.retry-longest"],
      pollMs: values["watch.poll"] === 0 ? null : values["watch.poll"],
      runMs: values["watch.run"],
    },
    limits: {
      nginxCommandMs: values["limits.nginx-command"],
      reloadCommandMs: values["limits.reload-command"],
      connectMs: values["limits.connect"],
      handshakeMs: values["limits.handshake"],
      generationBaseMs: values["limits.generation-base"],
      generationPerCertificateMs: values["limits.generation-per-certificate"],
      generationMaxMs: values["limits.generation-max"],
      settleHookMs: values["limits.settle-hook"],
      settleWatcherMs: values["limits.settle-watcher"],
      engineMs: values["limits.engine"],
      hookMs: values["limits.hook"],
      lockHookMs: values["limits.lock-hook"],
      lockMs: values["limits.lock"],
      probesAtOnce: values["limits.probes-at-once"],
      drainingGenerations: values["limits.draining-generations"],
      quietConfigurationMs: values["limits.quiet-configuration"],
      certbotWaitMs: values["limits.certbot-wait"],
    },
  };
}

/** The service as a whole: watches and delivers, from a SIGHUP on with the settings that are there by then. */
import { openStore } from "../adapters/store/store.ts";
import type { Notifier } from "../adapters/systemd/notify.ts";
import type { Log } from "../adapters/log/log.ts";
import type { TargetMeasure } from "../core/metrics/families.ts";
import type { Settings } from "../core/settings/settings.ts";
import { LivecertError } from "../errors.ts";
import { deliverUntilStopped } from "./courier.ts";
import type { Errand } from "./errands/errand.ts";
import { areSame } from "./errands/order.ts";
import { sendFor } from "./errands/send.ts";
import type { Alarm } from "./tell.ts";
import { watch } from "./watch.ts";

export interface ServiceOptions {
  readonly settings: Settings;
  /** @throws LivecertError where they are refused */
  readonly readSettings: () => Promise<Settings>;
  readonly log: Log;
  readonly now: () => Date;
  /** Ends the service. */
  readonly signal: AbortSignal;
  /** This very program's file. */
  readonly program: string;
  readonly notifier: Notifier | null;
  readonly measure: (settings: Settings) => Promise<readonly TargetMeasure[]>;
  /** Calls back for every wish to look everything through now. */
  readonly onAsked: (callback: () => void) => void;
  readonly alarm: Alarm;
}

/** Returns when the service was told to end and has done so. */
export async function serve(options: ServiceOptions): Promise<void> {
  const { signal, log } = options;
  let wanted = options.settings;
  let lookThrough = (): void => undefined;
  let successor = new AbortController();
  let delivered: Promise<unknown> = Promise.resolve();

  const onAsked = async (): Promise<void> => {
    const other = await readOther(options, wanted);
    if (other === null) {
      lookThrough();
      return;
    }
    wanted = other;
    successor.abort();
  };
  let answered = Promise.resolve();
  options.onAsked(() => {
    answered = answered.then(onAsked);
  });

  do {
    const settings = wanted;
    const { stateDir } = settings;
    successor = new AbortController();
    const shared = {
      ...options,
      settings,
      openStore: () => openStore({ stateDir, log }),
      sendFor: <Kind extends Errand["kind"]>(
        errand: Extract<Errand, { kind: Kind }>,
      ) => sendFor<Kind>({ ...options, settings }, errand),
    };
    const stopped = AbortSignal.any([signal, successor.signal]);
    if (settings.notify.length > 0)
      // What is being sent is sent to its end: nobody is to be told twice.
      delivered = delivered.then(() =>
        deliverUntilStopped({
          ...shared,
          signal: stopped,
          deliver: () => shared.sendFor<"deliver">({ kind: "deliver" }),
        }),
      );
    await watch({
      ...shared,
      successor: successor.signal,
      measure: () => options.measure(settings),
      onAsked: (callback) => (lookThrough = callback),
    });
  } while (successor.signal.aborted && !signal.aborted);
  await delivered;
}

/** null: they are the same, they are refused, or nothing could be looked after by them. */
async function readOther(
  options: ServiceOptions,
  present: Settings,
): Promise<Settings | null> {
  try {
    const settings = await options.readSettings();
    if (areSame(settings, present)) return null;
    await sendFor({ ...options, settings }, { kind: "survey" });
    return settings;
  } catch (error) {
    if (!options.signal.aborted) tellSettingsRefused(options.log, error);
    return null;
  }
}

/** A slip in a file is no reason to look after nothing any more. */
function tellSettingsRefused(log: Log, error: unknown): void {
  log.error("the settings are refused, those of before stay", {
    reason: error instanceof Error ? error.message : String(error),
    remedy:
      (error instanceof LivecertError ? error.remedy : null) ??
      "livecert config check",
  });
}

/** Certbot's hooks: livecert's own two, and others that reload Nginx blindly beside them. */
import { constants } from "node:fs";
import { access, readdir, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { readTextNow } from "../adapters/files/read-file.ts";
import {
  foundOr,
  ok,
  problem,
  unknown,
  warning,
  type Check,
  type Diagnosis,
} from "./check.ts";
import { deedOf, isDeferring, programsOf, stopsNginx } from "./hook-script.ts";
import type { Machine, Renewal } from "./machine.ts";
import { asRoot, installCommand, quoted } from "./remedies.ts";
import { lookAtStarts } from "./starts.ts";

export type Moment = "deploy" | "post";

/** A file that Certbot would run if it is executable: no directory, no name that ends in `~`. */
export interface HookScript {
  readonly name: string;
  readonly path: string;
  readonly isExecutable: boolean;
  readonly text: string;
  /** Programs that it names and that are not there. */
  readonly missing: readonly string[];
}

export interface HookDirectory {
  readonly path: string;
  readonly scripts: readonly HookScript[];
  /** Why it could not be read; null: it was read, or does not exist. */
  readonly reason: string | null;
}

/** Where Certbot reads options from, whatever its directory (certbot/_internal/constants.py). */
function optionsFiles(): readonly string[] {
  const personal = process.env["XDG_CONFIG_HOME"] ?? join(homedir(), ".config");
  return ["/etc/letsencrypt/cli.ini", join(personal, "letsencrypt", "cli.ini")];
}

export interface OptionsFile {
  readonly path: string;
  readonly text: string;
}

export const hookChecks: readonly Check[] = [
  {
    group: "hooks",
    name: "deploy",
    looksAt:
      "the script in renewal-hooks/deploy, which Certbot runs for each renewed certificate",
    look: async (machine) => [await lookAtDeploy(machine)],
  },
  {
    group: "hooks",
    name: "post",
    looksAt:
      "the script in renewal-hooks/post, which Certbot runs once after all renewals",
    look: async (machine) => [await lookAtPost(machine)],
  },
  {
    group: "hooks",
    name: "others",
    looksAt:
      "hooks beside livecert's that reload Nginx themselves: in renewal-hooks, in renewal/NAME.conf, in cli.ini and where certbot renew is started",
    look: lookAtOthers,
  },
];

async function lookAtDeploy(machine: Machine): Promise<Diagnosis> {
  const { certbotDir } = machine.settings;
  const directory = await readHooks(certbotDir, "deploy");
  const options = readOptions();
  const refusing = options.find(({ text }) =>
    /^\s*no-directory-hooks\s*[=:]\s*(?:true|yes|on|1)\s*$/im.test(text),
  );
  if (refusing !== undefined)
    return problem(
      `${refusing.path} tells Certbot not to run the scripts in ${directory.path}`,
      `sed -i '/^no-directory-hooks/d' ${quoted(refusing.path)}`,
    );
  const own = await machine.renewals();
  const isEverywhere =
    options.some(({ text }) =>
      callsLivecert(/^\s*(?:deploy|renew)-hook\s*[=:](.*)$/m.exec(text)?.[1]),
    ) ||
    (own.length > 0 &&
      own.every(({ configuration }) =>
        callsLivecert(configuration.deployHook),
      ));
  const install = installCommand(machine);
  return judgeHook({ moment: "deploy", directory, isEverywhere, install });
}

async function lookAtPost(machine: Machine): Promise<Diagnosis> {
  const { certbotDir } = machine.settings;
  const deploy = await readHooks(certbotDir, "deploy");
  const isNeeded = deploy.scripts.some(defers);
  const directory = await readHooks(certbotDir, "post");
  return judgeHook({
    moment: "post",
    directory,
    isEverywhere: !isNeeded && deploy.reason === null,
    install: installCommand(machine),
  });
}

/** @param isEverywhere livecert is called without this script, or has nothing to do in it. */
export function judgeHook(given: {
  readonly moment: Moment;
  readonly directory: HookDirectory;
  readonly isEverywhere: boolean;
  /** The command that installs it. */
  readonly install: string;
}): Diagnosis {
  const { moment, directory, isEverywhere } = given;
  const { path, scripts, reason } = directory;
  if (reason !== null)
    return unknown(`${path} cannot be read: ${reason}`, asRoot);
  const ours = scripts.filter(({ text }) => deedOf(text) === "livecert");
  const running = ours.find(({ isExecutable }) => isExecutable);
  const { install } = given;
  if (running !== undefined)
    return running.missing.length === 0
      ? ok(`${running.path} calls livecert`)
      : problem(
          `${running.path} runs what is not there: ${running.missing.join(", ")}; it falls back to a reload without any check`,
          install,
        );
  if (isEverywhere) return ok(withoutScript[moment]);
  const [still] = ours;
  if (still !== undefined)
    return problem(
      `${still.path} is not executable, so Certbot passes over it`,
      `chmod +x ${quoted(still.path)}`,
    );
  const replaced = scripts.find(
    ({ name, text }) => name === "livecert" && deedOf(text) === "blind-reload",
  );
  return replaced === undefined
    ? problem(`no script in ${path} calls livecert: ${effect[moment]}`, install)
    : problem(
        `${replaced.path} was replaced: it reloads Nginx without any check and does not call livecert`,
        `rm ${quoted(replaced.path)} && ${install}`,
      );
}

const withoutScript: Readonly<Record<Moment, string>> = {
  deploy: "every lineage calls livecert by a deploy hook of its own",
  post: "nothing is left for the end of a Certbot run, so no script is needed",
};

const effect: Readonly<Record<Moment, string>> = {
  deploy: "a renewed certificate is not put live when it is renewed",
  post: "what the deploy hook queues waits for the next run of livecert",
};

async function lookAtOthers(machine: Machine): Promise<readonly Diagnosis[]> {
  const { certbotDir } = machine.settings;
  const directories = await Promise.all([
    readHooks(certbotDir, "deploy"),
    readHooks(certbotDir, "post"),
  ]);
  const unread = directories.filter(({ reason }) => reason !== null);
  const scripts = directories.flatMap((directory) => directory.scripts);
  const renewals = await machine.renewals();
  const found = [
    ...scripts.flatMap(judgeOther),
    ...renewals.flatMap(judgeRenewal),
    ...(scripts.some(defers) ? renewals.flatMap(judgeSecondCall) : []),
    ...readOptions().flatMap(judgeOptions),
    ...(await lookAtStarts(machine)),
    ...unread.map(({ path, reason }) =>
      unknown(`${path} cannot be read: ${String(reason)}`, asRoot),
    ),
  ];
  return foundOr(found, "no other hook reloads Nginx");
}

export function judgeOther({
  path,
  isExecutable,
  text,
}: HookScript): readonly Diagnosis[] {
  if (!isExecutable || deedOf(text) !== "blind-reload") return [];
  return [
    warning(
      `${path} reloads Nginx as well, without any check of the certificate`,
      `chmod -x ${quoted(path)}`,
    ),
  ];
}

/** Certbot keeps the deploy hook as `renew_hook`. */
export function judgeRenewal({
  path,
  configuration,
}: Pick<Renewal, "path" | "configuration">): readonly Diagnosis[] {
  const hooks = [
    { keys: "renew_hook|deploy_hook", command: configuration.deployHook },
    { keys: "post_hook", command: configuration.postHook },
  ];
  const { preHook } = configuration;
  const isStopped = preHook !== null && stopsNginx(preHook);
  return hooks.flatMap(({ keys, command }) =>
    command === null ||
    deedOf(command) !== "blind-reload" ||
    // It starts what the other one has stopped; without it Nginx would stay stopped.
    (isStopped && keys === "post_hook")
      ? []
      : [
          warning(
            `${path} has a hook of its own, "${command}", which reloads Nginx as well, without any check of the certificate`,
            `sed -Ei '/^(${keys}) *=/d' ${quoted(path)}`,
          ),
        ],
  );
}

/** Beside a script that defers, which it forestalls: no later call is promised to it, so it reloads at once. */
export function judgeSecondCall({
  path,
  configuration,
}: Pick<Renewal, "path" | "configuration">): readonly Diagnosis[] {
  if (!callsLivecert(configuration.deployHook)) return [];
  return [
    warning(
      `${path} calls livecert by a deploy hook of its own as well, so this lineage is not part of the one reload that the others share`,
      `sed -Ei '/^(renew_hook|deploy_hook) *=/d' ${quoted(path)}`,
    ),
  ];
}

export function judgeOptions({
  path,
  text,
}: OptionsFile): readonly Diagnosis[] {
  const isStopped = stopsNginx(
    /^\s*pre-hook\s*[=:](.*)$/m.exec(text)?.[1] ?? "",
  );
  return [...text.matchAll(/^\s*((?:deploy|renew|post)-hook)\s*[=:](.*)$/gm)]
    .filter(([, , command = ""]) => deedOf(command) === "blind-reload")
    .filter(([, option]) => !(isStopped && option === "post-hook"))
    .map(([, option = "", command = ""]) =>
      warning(
        `${path} has the ${option} "${command.trim()}", which reloads Nginx as well, without any check of the certificate`,
        `sed -i '/^ *${option}/d' ${quoted(path)}`,
      ),
    );
}

function defers({ text, isExecutable }: HookScript): boolean {
  return isExecutable && deedOf(text) === "livecert" && isDeferring(text);
}

function callsLivecert(command: string | null | undefined): boolean {
  return deedOf(command ?? "") === "livecert";
}

async function readHooks(
  certbotDir: string,
  moment: Moment,
): Promise<HookDirectory> {
  const path = join(certbotDir, "renewal-hooks", moment);
  try {
    const names = (await readdir(path)).filter((name) => !name.endsWith("~"));
    const scripts = await Promise.all(
      names.sort().map((name) => readScript(path, name)),
    );
    return { path, scripts: scripts.flat(), reason: null };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return { path, scripts: [], reason: null };
    const reason = code === "EACCES" ? "permission denied" : message;
    return { path, scripts: [], reason };
  }
}

async function readScript(
  directory: string,
  name: string,
): Promise<readonly HookScript[]> {
  const path = join(directory, name);
  const stats = await stat(path).catch(() => null);
  if (stats?.isFile() !== true) return [];
  const text = readTextNow(path) ?? "";
  const named = programsOf(text);
  const present = await Promise.all(named.map(isPresent));
  return [
    {
      name,
      path,
      isExecutable: (stats.mode & 0o111) !== 0,
      text,
      missing: named.filter((_, index) => present[index] === false),
    },
  ];
}

async function isPresent(path: string): Promise<boolean> {
  return access(path, constants.R_OK).then(
    () => true,
    () => false,
  );
}

function readOptions(): readonly OptionsFile[] {
  return optionsFiles().map((path) => ({
    path,
    text: readTextNow(path) ?? "",
  }));
}

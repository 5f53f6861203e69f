import { join } from "node:path";
import type { Secret } from "../../core/settings/secret.ts";
import { readFileBounded } from "../files/read-file.ts";
import { checkOwnership } from "../process/trust.ts";

/** `message`: the receiver answered, and does not take this one; it may well take the next. */
export type Obstacle = "channel" | "message";

/** Why a message cannot be sent; the text holds no secret. */
export class Unsendable extends Error {
  override readonly name = "Unsendable";
  readonly obstacle: Obstacle;

  constructor(reason: string, obstacle: Obstacle = "channel") {
    super(reason);
    this.obstacle = obstacle;
  }
}

const maxBytes = 16 * 1024;

/**
 * What the secret is, without the line end of its file.
 *
 * @param credentialsDirectory `$CREDENTIALS_DIRECTORY`; null where the program is no unit with credentials
 * @throws Unsendable where it cannot be read, or others could read or replace it
 */
export async function revealSecret(
  secret: Secret,
  credentialsDirectory: string | null,
): Promise<string> {
  if (secret.kind === "given") return secret.value.reveal();
  if (secret.kind === "file") return readSecret(secret.path);
  if (credentialsDirectory === null)
    throw new Unsendable(
      `the credential ${secret.name} is not there: only a unit with LoadCredential= has it`,
    );
  return readSecret(join(credentialsDirectory, secret.name));
}

async function readSecret(path: string): Promise<string> {
  const reading = await readFileBounded(path, { maxBytes });
  if (reading.kind === "absent") throw new Unsendable(`${path} does not exist`);
  if (reading.kind === "unreadable")
    throw new Unsendable(`${path}: ${reading.reason}`);
  const ownership = await checkOwnership(path);
  if (ownership.kind === "untrusted") throw new Unsendable(ownership.reason);
  if ((reading.identity.mode & 0o004) !== 0)
    throw new Unsendable(`${path} can be read by everybody: chmod o= ${path}`);
  const text = Buffer.from(reading.content).toString("utf8").trim();
  if (text === "") throw new Unsendable(`${path} is empty`);
  return text;
}

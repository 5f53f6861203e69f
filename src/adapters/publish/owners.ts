/** Users and groups by name, as this machine's files know them; Node.js asks nobody else. */
import { readFileSync } from "node:fs";
import { PlaceError } from "./directory.ts";

/** Throws PlaceError for a name that nobody has. */
export function userId(nameOrNumber: string | null): number | null {
  return idOf(nameOrNumber, "/etc/passwd", "user");
}

export function groupId(nameOrNumber: string | null): number | null {
  return idOf(nameOrNumber, "/etc/group", "group");
}

function idOf(
  nameOrNumber: string | null,
  file: string,
  what: string,
): number | null {
  if (nameOrNumber === null) return null;
  if (/^\d{1,9}$/.test(nameOrNumber)) return Number(nameOrNumber);
  const entry = readFileSync(file, "utf8")
    .split("\n")
    .map((line) => line.split(":"))
    .find(([name]) => name === nameOrNumber);
  if (entry === undefined)
    throw new PlaceError(
      `there is no ${what} ${nameOrNumber} in ${file}`,
      "give its number",
    );
  return Number(entry[2]);
}

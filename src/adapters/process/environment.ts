/** Where system programs live; our own PATH may have been set by somebody else. */
export const programPath =
  "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** What every child gets: one locale everywhere, so that messages can be read, and nothing else of our environment. */
export function cleanEnvironment(
  extra: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const home = process.env["HOME"] ?? "/";
  return { PATH: programPath, LC_ALL: "C", HOME: home, ...extra };
}

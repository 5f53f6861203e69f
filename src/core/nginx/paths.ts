/**
 * Relative file names of certificates, keys and includes count from the directory of the main configuration file,
 * whatever file names them; `pid` and logs count from the prefix (`ngx_conf_full_name`). Nothing is normalised: Nginx
 * does not either, and `..` behind a link means another place.
 */
export function directoryOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/") + 1);
}

export function resolvePath(directory: string, path: string): string {
  if (path.startsWith("/")) {
    return path;
  }
  return directory === "" || directory.endsWith("/")
    ? `${directory}${path}`
    : `${directory}/${path}`;
}

/** glob(3) may write a doubled slash as one. */
export function singleSlashes(path: string): string {
  return path.replace(/\/{2,}/g, "/");
}

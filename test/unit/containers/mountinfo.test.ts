import { describe, expect, it } from "vitest";
import {
  parseMounts,
  pinnedAt,
  translatePath,
} from "../../../src/core/containers/mountinfo.ts";

const mount = (device: string, root: string, point: string) => ({
  device,
  root,
  point,
});

describe("mountinfo", () => {
  it("reads device, root and place of each mount, with their escapes", () => {
    expect(
      parseMounts(
        String.raw`36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw
77 76 0:42 / /my\040certs\134new rw - tmpfs tmpfs rw
nonsense
`,
      ),
    ).toEqual([
      mount("98:0", "/mnt1", "/mnt2"),
      mount("0:42", "/", String.raw`/my certs\new`),
    ]);
  });

  const nginx = [
    mount("0:39", "/", "/"),
    mount("254:0", "/srv/le", "/etc/letsencrypt"),
    mount("254:0", "/srv/docker/volumes/acme/_data", "/certs"),
    mount("0:60", "/", "/run/secret"),
    mount("254:0", "/srv/one.pem", "/etc/one.pem"),
    mount("254:0", "/srv/gone.pem//deleted", "/etc/gone.pem"),
  ];

  it.each([
    [
      "the same place",
      "/etc/letsencrypt/live/a/fullchain.pem",
      [mount("254:0", "/srv/le", "/etc/letsencrypt")],
      "/etc/letsencrypt/live/a/fullchain.pem",
    ],
    [
      "another place",
      "/certs/ssl.crt",
      [mount("254:0", "/srv/docker/volumes/acme/_data", "/acme")],
      "/acme/ssl.crt",
    ],
    [
      "a directory above it, on the host",
      "/certs/ssl.crt",
      [mount("254:0", "/", "/")],
      "/srv/docker/volumes/acme/_data/ssl.crt",
    ],
    [
      "a file system of its own, such as a Secret",
      "/run/secret/tls.crt",
      [mount("0:41", "/", "/"), mount("0:60", "/", "/tls")],
      "/tls/tls.crt",
    ],
    [
      "the mounted directory itself",
      "/certs",
      [mount("254:0", "/srv/docker/volumes/acme/_data", "/acme")],
      "/acme",
    ],
    [
      "a single file",
      "/etc/one.pem",
      [mount("254:0", "/srv", "/srv")],
      "/srv/one.pem",
    ],
    [
      "the place of the same name, of several",
      "/certs/ssl.crt",
      [
        mount("254:0", "/srv/docker/volumes/acme/_data", "/acme"),
        mount("254:0", "/srv/docker/volumes/acme/_data", "/certs"),
      ],
      "/certs/ssl.crt",
    ],
    [
      "nowhere: only a part of the volume is mounted",
      "/certs/ssl.crt",
      [mount("254:0", "/srv/docker/volumes/acme/_data/sub", "/acme")],
      null,
    ],
    [
      "nowhere: a directory whose name only begins alike",
      "/etc/letsencrypt/live/a/fullchain.pem",
      [mount("254:0", "/srv/le/live/a/full", "/x")],
      null,
    ],
    [
      "nowhere: hidden by another mount",
      "/certs/ssl.crt",
      [
        mount("254:0", "/srv/docker/volumes/acme/_data", "/acme"),
        mount("0:99", "/", "/acme"),
      ],
      null,
    ],
    [
      "nowhere: the image's own file",
      "/etc/nginx/nginx.conf",
      [mount("0:40", "/", "/")],
      null,
    ],
    [
      "the new file, where one that was mounted singly has been replaced",
      "/etc/gone.pem",
      [mount("254:0", "/", "/")],
      "/srv/gone.pem",
    ],
  ])("finds %s", (_, path, own, expected) => {
    expect(translatePath(path, nginx, own)).toBe(expected);
  });

  it.each([
    ["/etc/gone.pem", "/etc/gone.pem"],
    ["/etc/one.pem", null],
    ["/certs/ssl.crt", null],
  ])(
    "tells whether %s is a file that has been replaced under its mount",
    (path, point) => {
      expect(pinnedAt(path, nginx)).toBe(point);
    },
  );
});

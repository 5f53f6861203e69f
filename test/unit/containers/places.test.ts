import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readContainer } from "../../../src/core/containers/container.ts";
import {
  placeOf,
  type PlaceContext,
} from "../../../src/core/containers/places.ts";
import { compose, rootlessPodman } from "./documents.ts";

const machine = { kind: "machine" } as const;

function viewOf(
  document: object,
  rest: Partial<PlaceContext> = {},
): PlaceContext {
  const mounts = readContainer(document)?.mounts ?? [];
  return { mounts, standpoint: machine, paths: {}, ...rest };
}

const volume = "/var/lib/docker/volumes/shop_certs/_data";

describe("placeOf", () => {
  it.each([
    ["/etc/letsencrypt/live/a/x.pem", `${volume}/live/a/x.pem`, false],
    ["/etc/letsencrypt", volume, true],
    ["/etc/nginx/conf.d/site.conf", "/srv/shop/nginx/site.conf", false],
    ["/etc/nginx/b.pem", "/etc/letsencrypt/live/b.test/fullchain.pem", true],
  ])("finds %s by its mount", (path, here, isMountPoint) => {
    expect(placeOf(path, viewOf(compose))).toMatchObject({
      kind: "here",
      path: here,
      isMountPoint,
    });
  });

  it("finds a rootless volume in its owner's home", () => {
    expect(placeOf("/certs/a.pem", viewOf(rootlessPodman))).toMatchObject({
      path: "/home/me/.local/share/containers/storage/volumes/certs/_data/a.pem",
    });
  });

  it.each([
    "/",
    "/etc",
    "/etc/nginx/nginx.conf",
    "/etc/letsencrypt-old/a.pem",
    "/etc/nginx/b.pem.old",
    "/run/nginx.pid",
  ])("leaves %s inside", (path) => {
    expect(placeOf(path, viewOf(compose))).toEqual({ kind: "inside" });
  });

  it("lets the later of two mounts at one place, and the deeper of two, count", () => {
    const mount = (source: string, destination: string) =>
      ({ kind: "bind", name: null, source, destination }) as const;
    const mounts = [mount("/a", "/x"), mount("/b", "/x"), mount("/c", "/x/y")];
    const view = { mounts, standpoint: machine, paths: {} };
    expect(placeOf("/x/f", view)).toMatchObject({ path: "/b/f" });
    expect(placeOf("/x/y/f", view)).toMatchObject({ path: "/c/f" });
    expect(placeOf("/x/yz", view)).toMatchObject({ path: "/b/yz" });
  });

  it("finds it in livecert's own container where both mount it", () => {
    const own = [
      {
        kind: "volume",
        name: "shop_certs",
        source: volume,
        destination: "/certs",
      },
      { kind: "bind", name: null, source: "/srv", destination: "/host/srv" },
    ] as const;
    const view = viewOf(compose, {
      standpoint: { kind: "container", mounts: own },
    });
    const placed = (path: string) => {
      const place = placeOf(path, view);
      return place.kind === "here" ? place.path : place.kind;
    };
    expect(placed("/etc/letsencrypt/live/a.pem")).toBe("/certs/live/a.pem");
    expect(placed("/etc/nginx/conf.d/s.conf")).toBe(
      "/host/srv/shop/nginx/s.conf",
    );
    expect(placed("/etc/nginx/b.pem")).toBe("out-of-reach");
  });

  it("obeys what the configuration says", () => {
    const view = viewOf(compose, {
      paths: { "/etc/letsencrypt/live": "/data/live/", "/own.pem": "/o.pem" },
    });
    expect(placeOf("/etc/letsencrypt/live/a", view)).toMatchObject({
      path: "/data/live/a",
    });
    expect(placeOf("/own.pem", view)).toMatchObject({ path: "/o.pem" });
    expect(placeOf("/etc/letsencrypt/x", view)).toMatchObject({
      path: `${volume}/x`,
    });
  });

  it("never leads out of the directory that is mounted", () => {
    const name = fc.stringMatching(/^[a-z]{1,3}$/);
    const path = fc.array(name).map((names) => `/${names.join("/")}`);
    fc.assert(
      fc.property(path, path, path, (asked, destination, source) => {
        const mounts = [
          { kind: "bind", name: null, source, destination } as const,
        ];
        const place = placeOf(asked, {
          mounts,
          standpoint: machine,
          paths: {},
        });
        if (place.kind !== "here") return;
        const base = source === "/" ? "" : source;
        expect(place.path === source || place.path.startsWith(`${base}/`)).toBe(
          true,
        );
      }),
    );
  });
});

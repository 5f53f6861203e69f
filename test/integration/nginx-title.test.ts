import { describe, expect, it } from "vitest";
import { readOptions, roleOf } from "../../src/adapters/nginx/title.ts";

describe("the role that a title tells", () => {
  it.each([
    ["nginx: master process /usr/sbin/nginx", "master"],
    ["angie: master process v1.8.0 #2 [/usr/sbin/angie]", "master"],
    ["nginx: worker process", "worker"],
    ["angie: worker process #2", "worker"],
    ["nginx: worker process is shutting down", "draining"],
    ["angie: worker process #2 is shutting down", "draining"],
    ["nginx: cache manager process", "helper"],
    ["nginx: cache loader process", "helper"],
    ["nginx: privileged agent process", "helper"],
  ])("%s: %s", (title, role) => {
    expect(roleOf(title)).toBe(role);
  });

  it.each([
    ["nginx: worker process is shut", "draining"],
    ["nginx: worker proc", "worker"],
    ["nginx", "worker"],
    ["nginx: cache ma", "helper"],
    ["", "ended"],
    ["[nginx]", "ended"],
    ["[nginx] <defunct>", "ended"],
  ])("is still told by a title that was cut: %s: %s", (title, role) => {
    expect(roleOf(title)).toBe(role);
  });
});

describe("the options that a title tells", () => {
  const none = {
    configuration: null,
    prefix: null,
    directives: null,
    errorLog: null,
  };
  const title = (words: string) => [`nginx: master process ${words}`, "", ""];

  it.each([
    ["/usr/sbin/nginx", none],
    ["nginx -c /a.conf", { ...none, configuration: "/a.conf" }],
    ["nginx -c/a.conf -q", { ...none, configuration: "/a.conf" }],
    ["nginx -qc /a.conf", { ...none, configuration: "/a.conf" }],
    ["nginx -g daemon off;", { ...none, directives: "daemon off;" }],
    [
      "nginx -g daemon on; master_process on;",
      { ...none, directives: "daemon on; master_process on;" },
    ],
    [
      "nginx -g daemon off; -p /srv -c conf/n.conf -e stderr",
      {
        configuration: "conf/n.conf",
        prefix: "/srv",
        directives: "daemon off;",
        errorLog: "stderr",
      },
    ],
    [
      "nginx -g events { worker_connections 9; } -p /srv",
      {
        ...none,
        prefix: "/srv",
        directives: "events { worker_connections 9; }",
      },
    ],
  ])("%s", (words, options) => {
    expect(readOptions(title(words))).toEqual(options);
  });

  it("are those in the brackets of Angie's title", () => {
    expect(
      readOptions([
        "angie: master process v1.8.0 #2 [/usr/sbin/angie -c /a.conf]",
      ]),
    ).toEqual({ ...none, configuration: "/a.conf" });
  });

  it("are those of the argument list where no title was set", () => {
    expect(
      readOptions(["nginx", "-c", "/my dir/a.conf", "-g", "daemon off;"]),
    ).toEqual({
      ...none,
      configuration: "/my dir/a.conf",
      directives: "daemon off;",
    });
  });

  it.each([
    ["nginx -c /my dir/a.conf"],
    ["/opt/my nginx/nginx -c /a.conf"],
    ["nginx -g daemon off"],
    ["nginx -c"],
    ["nginx -g"],
    ["nginx -z"],
  ])("are unknown where spaces allow a second reading: %s", (words) => {
    expect(readOptions(title(words))).toBeNull();
  });
});

/** Where the service answers HTTP. */
export type Endpoint =
  | { readonly kind: "off" }
  | { readonly kind: "unix"; readonly path: string }
  | {
      readonly kind: "tcp";
      /** An IP address, IPv6 without brackets. */
      readonly address: string;
      /** 0: one that the kernel chooses. */
      readonly port: number;
    };

/** `off`, `unix:/PATH`, `127.0.0.1:9427`, `[::1]:9427` or `localhost:9427`; null for anything else. */
export function parseEndpoint(text: string): Endpoint | null {
  if (text === "off") return { kind: "off" };
  const path = /^unix:(.+)$/.exec(text)?.[1];
  if (path !== undefined) return { kind: "unix", path };
  const match = /^(?:\[([0-9a-f:.]+)\]|([0-9.]+|localhost)):(\d{1,5})$/i.exec(
    text,
  );
  if (match === null) return null;
  const [, ipv6, ipv4, digits] = match;
  const port = Number(digits);
  const isAddress = ipv6?.includes(":") ?? isIpv4(ipv4 ?? "");
  if (!isAddress || port > 65_535) return null;
  const address = ipv6 ?? (ipv4 === "localhost" ? "127.0.0.1" : ipv4);
  return { kind: "tcp", address: address ?? "", port };
}

function isIpv4(text: string): boolean {
  const numbers = text.split(".");
  return (
    text === "localhost" ||
    (numbers.length === 4 &&
      numbers.every(
        (number) => /^\d{1,3}$/.test(number) && Number(number) < 256,
      ))
  );
}

/** As it is written in the configuration. */
export function formatEndpoint(endpoint: Endpoint): string {
  switch (endpoint.kind) {
    case "off":
      return "off";
    case "unix":
      return `unix:${endpoint.path}`;
    case "tcp": {
      const { address, port } = endpoint;
      const host = address.includes(":") ? `[${address}]` : address;
      return `${host}:${port}`;
    }
  }
}

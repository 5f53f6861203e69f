import type { Certificate } from "../../../src/core/certificate/certificate.ts";

let made = 0;

/** A sound leaf; every one has a fingerprint of its own unless told otherwise. */
export function certificate(fields: Partial<Certificate> = {}): Certificate {
  made += 1;
  return {
    fingerprint256: `fingerprint ${made}`,
    serial: String(made),
    subject: "CN=leaf.example",
    issuer: "CN=Issuer",
    notBefore: new Date("2026-10-01T00:00:00Z"),
    notAfter: new Date("2026-12-30T00:00:00Z"),
    subjectAltNames: ["DNS:leaf.example"],
    keyType: "ec-p256",
    isCa: false,
    der: new Uint8Array(),
    ...fields,
  };
}

export function authority(fields: Partial<Certificate> = {}): Certificate {
  return certificate({
    subject: "CN=Issuer",
    issuer: "CN=Root",
    subjectAltNames: [],
    isCa: true,
    ...fields,
  });
}

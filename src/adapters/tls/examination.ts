/** What goes into an examination and what comes out of it. */
import type {
  Bundle,
  Certificate,
} from "../../core/certificate/certificate.ts";
import type { FileReading } from "../../core/lineage/lineage.ts";
import type { Finding } from "../../core/validation/finding.ts";
import type { JudgeContext } from "./judge.ts";
import type { PrivateKey } from "./private-key.ts";

export interface ExaminationSubject {
  /** How the user would name it: a lineage's name or a path. */
  readonly label: string;
  readonly certificate: FileReading;
  /** null: a bundle alone, judged without a key. */
  readonly key: FileReading<PrivateKey> | null;
  /** `ssl_password_file`, null where none is configured. */
  readonly password: FileReading | null;
  /** A lineage's cert.pem and chain.pem, which Nginx does not load; null for what is no lineage. */
  readonly cert: FileReading | null;
  readonly chain: FileReading | null;
  /** Of the server blocks' `ssl_ciphers …@SECLEVEL=N`; null where none is given. */
  readonly securityLevel: number | null;
}

export interface ExaminationContext extends JudgeContext {
  /** Names that a person wants covered (`check --name`). */
  readonly requiredNames: readonly string[];
  /** Bundle fingerprints that earlier rehearsals of the same certificates and key file gave; their key is not decoded again. */
  readonly rehearsals?: RehearsalCache;
}

export interface RehearsalCache {
  get(key: string): string | null;
  set(key: string, bundle256: string): void;
}

export interface Examination {
  /** null where the file holds no certificate that Nginx could load. */
  readonly leaf: Certificate | null;
  /** As the file has them. */
  readonly certificates: readonly Certificate[];
  /** What a client would be handed; null where that could not be tried. */
  readonly bundle: Bundle | null;
  /** Fatal ones first, then regressions, then warnings. */
  readonly findings: readonly Finding[];
}

export function pathOf(reading: FileReading<unknown>): string {
  return reading.kind === "read" ? reading.identity.path : reading.path;
}

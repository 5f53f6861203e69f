import tseslint from "typescript-eslint";

/** Each outside thing is known in its own folders only; the lint rule below says so. */
const owners = {
  execa: ["src/adapters/process"],
  chokidar: ["src/adapters/watcher"],
  pino: ["src/adapters/log"],
  yaml: ["src/adapters/config"],
  nodemailer: ["src/adapters/notify"],
  "node:tls": ["src/adapters/tls"],
  "node:http": ["src/adapters/containers", "src/adapters/http"],
  "node:https": ["src/adapters/containers"],
  yargs: ["src/cli"],
};

const outward = {
  core: [
    "adapters",
    "pipeline",
    "service",
    "doctor",
    "cli",
    "compose.ts",
    "ports.ts",
    "errors.ts",
  ],
  adapters: ["pipeline", "service", "doctor", "cli", "compose.ts"],
  pipeline: ["service", "doctor", "cli", "compose.ts"],
  service: ["doctor", "cli", "compose.ts"],
  doctor: ["cli", "compose.ts"],
};

const foreign = (folder) =>
  Object.entries(owners)
    .filter(([, folders]) =>
      folders.every(
        (owner) => !owner.startsWith(folder) && !folder.startsWith(owner),
      ),
    )
    .map(([name, folders]) => ({
      name,
      message: `${name} is known in ${folders.join(" and ")} only`,
    }));

const restrict = (folder, extra = {}) => ({
  files: [`${folder}/**/*.ts`],
  rules: {
    "no-restricted-imports": [
      "error",
      {
        paths: foreign(folder),
        patterns: extra.patterns ?? [],
      },
    ],
  },
});

const layers = Object.entries(outward).map(([layer, forbidden]) =>
  restrict(`src/${layer}`, {
    patterns: [
      {
        group: forbidden.map(
          (name) => `**/${name}${name.endsWith(".ts") ? "" : "/**"}`,
        ),
        message: "imports point inward",
      },
      ...(layer === "core"
        ? [{ group: ["node:*"], message: "the core does no I/O" }]
        : []),
    ],
  }),
);

export default tseslint.config(
  { ignores: ["dist/", "node_modules/", "test/fixtures/"] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ["eslint.config.js"] },
      },
    },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true },
      ],
      "@typescript-eslint/no-confusing-void-expression": [
        "error",
        { ignoreArrowShorthand: true },
      ],
      eqeqeq: ["error", "always", { null: "ignore" }],
    },
  },
  ...layers,
  ...[...new Set(Object.values(owners).flat())]
    .filter((folder) => folder.startsWith("src/adapters/"))
    .map((folder) =>
      restrict(folder, {
        patterns: [
          {
            group: outward.adapters.map(
              (name) => `**/${name}${name.endsWith(".ts") ? "" : "/**"}`,
            ),
            message: "imports point inward",
          },
        ],
      }),
    ),
  {
    files: ["src/core/**/*.ts"],
    rules: {
      "no-restricted-properties": [
        "error",
        {
          object: "Date",
          property: "now",
          message: "time comes in as an argument",
        },
        {
          object: "Math",
          property: "random",
          message: "chance comes in as an argument",
        },
      ],
      "no-restricted-syntax": [
        "error",
        {
          selector: "NewExpression[callee.name='Date'][arguments.length=0]",
          message: "time comes in as an argument",
        },
        {
          selector: "FunctionDeclaration[async=true]",
          message: "the core has no promises",
        },
      ],
    },
  },
  {
    files: ["**/*.js"],
    ...tseslint.configs.disableTypeChecked,
  },
);

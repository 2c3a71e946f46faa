import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const SOURCE = 'packages/*/src/**/*.ts';
const LIBRARY = 'packages/datagram-tls/src/**/*.ts';
const PLATFORM = [
  'packages/datagram-tls/src/driver/**',
  'packages/datagram-tls/src/dgram/**',
  'packages/datagram-tls/src/load-balancing/**',
  'packages/datagram-tls/src/metrics/**',
  'packages/datagram-tls/src/crypto/node*.ts',
];

const OUTSIDE_THE_CORE = 'The core is given time, randomness and platform services by its caller.';
const BYTES_ONLY = 'The core works on Uint8Array, so that it runs where there is no Buffer.';

const AMBIENT = [
  'Date',
  'performance',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'clearTimeout',
  'clearInterval',
  'clearImmediate',
  'queueMicrotask',
  'crypto',
  'process',
  'console',
  'globalThis',
];

export default defineConfig(
  {
    ignores: [
      'scripts/**/*.d.ts',
      '**/dist/**',
      '**/build/**',
      '**/coverage/**',
      '**/.cache/**',
      '**/fixtures/**',
    ],
  },
  {
    files: ['**/*.js', '**/*.mjs'],
    extends: [js.configs.recommended],
    languageOptions: {
      globals: {
        Buffer: 'readonly',
        console: 'readonly',
        process: 'readonly',
        clearInterval: 'readonly',
        clearTimeout: 'readonly',
        setImmediate: 'readonly',
        setInterval: 'readonly',
        setTimeout: 'readonly',
        TextDecoder: 'readonly',
        URL: 'readonly',
      },
    },
  },
  {
    files: ['packages/native/**/*.js', '**/*.cjs'],
    languageOptions: { sourceType: 'commonjs', globals: { module: 'writable', require: 'readonly' } },
  },
  {
    // Parts of it run in the browser.
    files: ['site/test/*.mjs'],
    languageOptions: {
      globals: { document: 'readonly', getComputedStyle: 'readonly', location: 'readonly' },
    },
  },
  {
    files: ['**/*.ts'],
    extends: [js.configs.recommended, tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      eqeqeq: 'error',
      // Biome has the same rule, and one comment to lift a rule is enough.
      'no-control-regex': 'off',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            { from: 'package', package: 'node:test', name: ['test', 'it', 'describe', 'suite'] },
          ],
        },
      ],
    },
  },
  {
    files: [SOURCE],
    rules: {
      // The examples of doc comments do not count.
      'max-lines': ['warn', { max: 700, skipComments: true }],
      'max-lines-per-function': ['warn', { max: 60 }],
    },
  },
  {
    files: [LIBRARY],
    ignores: PLATFORM,
    rules: {
      'no-restricted-globals': [
        'error',
        { name: 'Buffer', message: BYTES_ONLY },
        ...AMBIENT.map((name) => ({ name, message: OUTSIDE_THE_CORE })),
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: OUTSIDE_THE_CORE },
      ],
      'no-restricted-imports': ['error', { patterns: [{ regex: '^node:', message: OUTSIDE_THE_CORE }] }],
      'no-restricted-syntax': [
        'error',
        { selector: 'ImportExpression', message: 'The core has no imports that are decided at run time.' },
      ],
    },
  },
  {
    files: ['**/test/**/*.ts'],
    rules: { '@typescript-eslint/require-await': 'off' },
  },
);

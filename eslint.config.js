import js from '@eslint/js'
import { builtinModules } from 'node:module'
import { defineConfig, globalIgnores } from 'eslint/config'
import tseslint from 'typescript-eslint'

const node = Object.fromEntries(
  (
    'AbortController AbortSignal Buffer URL URLSearchParams TextDecoder TextEncoder fetch performance process ' +
    'console setTimeout clearTimeout setInterval clearInterval setImmediate queueMicrotask structuredClone'
  )
    .split(' ')
    .map((name) => [name, 'readonly']),
)
const browser = Object.fromEntries(
  (
    'window document navigator location history localStorage sessionStorage fetch URL URLSearchParams AbortController ' +
    'AbortSignal Event CustomEvent HTMLElement MutationObserver ResizeObserver IntersectionObserver Intl crypto console ' +
    'performance setTimeout clearTimeout setInterval clearInterval requestAnimationFrame cancelAnimationFrame ' +
    'queueMicrotask structuredClone matchMedia addEventListener removeEventListener'
  )
    .split(' ')
    .map((name) => [name, 'readonly']),
)

/** Names of Node's modules, with and without the prefix: a workflow is replayed, and may ask nothing of its machine. */
const nodeModules = [...builtinModules, ...builtinModules.map((name) => `node:${name}`)].filter(
  (name) => !name.startsWith('_'),
)

export default defineConfig([
  globalIgnores(['dist/', 'node_modules/', '.parley/', 'bench/', 'coverage/']),
  {
    files: ['**/*.ts'],
    extends: [js.configs.recommended, tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': ['error', { ignoreVoid: true }],
      // A function that may wait one day is async today: its failures are rejections either way.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'none' },
      ],
      // Koa, pino and the SDKs hand over functions that use no `this`.
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-console': 'error',
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Named exports only.' },
        { selector: 'TSEnumDeclaration', message: 'A union of strings says the same.' },
      ],
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'src/config.ts reads the environment, once.' },
      ],
      'max-depth': ['error', 4],
      'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    files: ['src/config.ts', 'src/dev/environment.ts'],
    rules: { 'no-restricted-properties': 'off' },
  },
  {
    // They speak to a person at a terminal.
    files: ['src/dev/**', 'src/simulator/main.ts', 'src/migrate.ts', 'test/**'],
    rules: { 'no-console': 'off' },
  },
  {
    files: ['workflows/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: nodeModules.map((name) => ({
            name,
            message: 'A workflow is replayed: what touches the world is an activity.',
          })),
        },
      ],
      'no-restricted-globals': ['error', 'process', 'fetch', 'performance', 'Buffer'],
    },
  },
  {
    files: ['test/**', 'vitest.config.ts'],
    rules: {
      // Vitest takes its set-up and its configuration from the default export.
      'no-restricted-syntax': 'off',
      'max-lines': 'off',
      // Answers of supertest and matchers of vitest are `any` by their own types.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
    },
  },
  {
    // One table: a line of it is not what makes a file hard to read.
    files: ['src/config-variables.ts'],
    rules: { 'max-lines': 'off' },
  },
  {
    files: ['**/*.js', '**/*.mjs', '**/*.cjs'],
    extends: [js.configs.recommended],
    languageOptions: { globals: node },
    rules: { 'no-unused-vars': ['error', { argsIgnorePattern: '^_', caughtErrors: 'none' }] },
  },
  {
    files: ['**/*.cjs'],
    languageOptions: { sourceType: 'commonjs', globals: { module: 'writable', require: 'readonly' } },
  },
  {
    files: ['src/caller/**/*.js'],
    languageOptions: { globals: browser },
  },
])

const parts = '^(src|workflows|activities|migrations|test)/'

/** `from` may import itself and `may`; what is in `types` only with `import type`. */
const allow = (from, { may = [], types = [] } = {}) => [
  {
    name: `${from} may not import this`,
    comment: 'An import never points up: whoever stands lower can be built and tested without what stands above.',
    severity: 'error',
    from: { path: from },
    to: { path: parts, pathNot: [from, ...may, ...types] },
  },
  ...types.map((to) => ({
    name: `${from} sees ${to} as types only`,
    comment: 'It is handed what it uses.',
    severity: 'error',
    from: { path: from },
    to: { path: to, pathNot: [from, ...may], dependencyTypesNot: ['type-only'] },
  })),
]

const onlyIn = (folders, pkg) => ({
  name: `${pkg} stays in ${folders}`,
  comment: 'One layer knows this library, so that it can be replaced in one place.',
  severity: 'error',
  from: { path: parts, pathNot: `^(${folders}|test)/` },
  to: { path: `node_modules/${pkg}/` },
})

module.exports = {
  forbidden: [
    {
      name: 'no cycles',
      comment: 'Of two files that import each other neither can be understood alone.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'nothing is imported that is not there',
      severity: 'error',
      from: { path: parts },
      to: { couldNotResolve: true },
    },
    {
      name: 'nothing imports tests',
      severity: 'error',
      from: { pathNot: '^test/' },
      to: { path: '^test/' },
    },
    {
      name: 'domain is pure',
      comment: 'No I/O, no clock, no packages: workflows run it in replay.',
      severity: 'error',
      from: { path: '^src/domain/' },
      to: { pathNot: '^src/domain/' },
    },
    {
      name: 'the configuration knows nothing of ours',
      severity: 'error',
      from: { path: '^src/config(-variables)?[.]ts$' },
      to: { path: parts, pathNot: '^src/config-variables[.]ts$' },
    },
    {
      name: 'only what composes a process reads the configuration',
      comment: 'The rest is handed its part of it, and names that part.',
      severity: 'error',
      from: {
        path: '^(src|workflows|activities|migrations)/',
        pathNot: '^src/[^/]+[.]ts$|^src/(dev|simulator)/',
      },
      to: { path: '^src/config[.]ts$' },
    },
    {
      name: 'workflows are deterministic',
      comment: 'They are replayed: what touches the world is an activity.',
      severity: 'error',
      from: { path: '^workflows/' },
      to: {
        dependencyTypes: ['core', 'npm'],
        pathNot: '@temporalio/(workflow|common|interceptors-opentelemetry-v2)|@opentelemetry/api',
      },
    },
    {
      name: 'no development packages at run time',
      comment: 'A production install has none of them.',
      severity: 'error',
      from: { path: '^(src|workflows|activities|migrations)/', pathNot: '^src/(dev|simulator)/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
    // The benchmark's floor is a bare Koa, on purpose.
    onlyIn('src/(http|simulator|dev)', '(koa|@koa)'),
    onlyIn('src/(store|dev)|migrations', '(knex|pg)'),
    onlyIn('src/(http|dev)', 'ws'),
    onlyIn('src/redis', '(redis|@redis|rate-limiter-flexible)'),
    onlyIn('src/(telemetry|observability|temporal)|workflows', '@opentelemetry'),
    ...allow('^workflows/', { may: ['^src/domain/'], types: ['^activities/'] }),
    ...allow('^activities/', {
      may: ['^src/domain/'],
      types: ['^src/(store|providers|observability)/', '^workflows/messages[.]ts$'],
    }),
    ...allow('^src/telemetry/', { may: ['^src/observability/'] }),
    ...allow('^src/observability/', { may: ['^src/domain/'] }),
    ...allow('^src/store/', { may: ['^src/(domain|observability)/', '^migrations/'] }),
    ...allow('^src/redis/', { may: ['^src/(domain|observability)/'] }),
    ...allow('^src/realtime/', { may: ['^src/domain/'] }),
    ...allow('^src/providers/', { may: ['^src/(domain|observability)/'] }),
    ...allow('^src/temporal/', { may: ['^src/domain/', '^workflows/messages[.]ts$'], types: ['^workflows/'] }),
    ...allow('^src/http/', {
      may: ['^src/(domain|observability|realtime)/', '^workflows/messages[.]ts$'],
      types: ['^src/services[.]ts$'],
    }),
    ...allow('^src/simulator/', { may: ['^src/domain/', '^src/config[.]ts$'] }),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'types', 'default'] },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
  },
}

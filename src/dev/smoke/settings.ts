import { join } from 'node:path'
import { Command } from 'commander'
import { lastApiPort } from '../checkout-ports.js'
import { labPassword } from '../lab.js'

export interface Settings {
  /** Without a slash at its end. */
  base: string
  originOk: string
  originBad: string
  tokenA: string | undefined
  tokenB: string | undefined
  /** Of others of A's company. */
  colleagues: string[]
  tenantId: string | undefined
  devEmitKey: string | undefined
  demoPassword: string
  json: boolean
}

/** What a person got wrong on the command line. */
export class UsageError extends Error {}

interface Options {
  base?: string
  originOk?: string
  originBad?: string
  tokenA?: string
  tokenB?: string
  colleagues?: string
  tenantId?: string
  devEmitKey?: string
  json?: boolean
}

type Environment = Record<string, string | undefined>

/**
 * Reads the command line, and the environment for what is not on it.
 * @returns undefined when only the help was wanted
 * @throws UsageError naming the option
 */
export function readSettings(
  args: readonly string[],
  env: Environment,
  out: (text: string) => void,
): Settings | undefined {
  const command = commandLine()
  if (args.includes('--help') || args.includes('-h')) return void out(command.helpInformation().trimEnd())
  try {
    command.parse(args, { from: 'user' })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
  const options = command.opts<Options>()
  const value = (option: string | undefined, name: string) => (option ?? env[name])?.trim() || undefined
  const base = baseOf(value(options.base, 'BASE') ?? `http://127.0.0.1:${portHere(env)}`)
  return {
    base,
    originOk: originOf('--origin-ok', value(options.originOk, 'ORIGIN_OK') ?? new URL(base).origin),
    originBad: originOf('--origin-bad', value(options.originBad, 'ORIGIN_BAD') ?? 'https://origin.invalid'),
    tokenA: value(options.tokenA, 'TOKEN_A'),
    tokenB: value(options.tokenB, 'TOKEN_B'),
    colleagues: (value(options.colleagues, 'TOKENS_COLLEAGUES') ?? '').split(/[\s,]+/).filter((token) => token !== ''),
    tenantId: value(options.tenantId, 'TENANT_ID'),
    devEmitKey: value(options.devEmitKey, 'DEV_EMIT_KEY'),
    demoPassword: value(undefined, 'DEMO_PASSWORD') ?? labPassword,
    json: options.json ?? false,
  }
}

const commandLine = () =>
  new Command('smoke')
    .description('Checks a deployment from outside. It ends with 0 only when no check failed.')
    .option('--base <url>', 'its address (BASE); without one that of the last npm start here')
    .option('--origin-ok <origin>', 'an origin that browsers may call from (ORIGIN_OK); the deployment’s own')
    .option('--origin-bad <origin>', 'an origin that they may not call from (ORIGIN_BAD)')
    .option('--token-a <token>', 'of a leadership user (TOKEN_A); without one the demo users log in')
    .option('--token-b <token>', 'of a user of another company (TOKEN_B)')
    .option('--colleagues <tokens>', 'of more users of A’s company, comma-separated (TOKENS_COLLEAGUES)')
    .option('--tenant-id <id>', 'the company that A must turn out to be of (TENANT_ID)')
    .option('--dev-emit-key <key>', 'what the deployment has as DEV_EMIT_KEY')
    .option('--json', 'print JSON instead of a table')
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeOut: () => undefined, writeErr: () => undefined })

function baseOf(text: string): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw new UsageError(`--base: "${text}" is no http or https URL`)
  const url = new URL(text)
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '')
}

function originOf(option: string, text: string): string {
  if (/^[a-z][a-z0-9+.-]*:\/\/[^/?#\s]+$/i.test(text)) return text
  throw new UsageError(`${option}: "${text}" is no origin, such as https://app.example.org`)
}

const portHere = (env: Environment) =>
  env.PORT?.trim() || lastApiPort(join(env.PARLEY_DATA_DIR?.trim() || '.parley', 'ports.json')) || 8000

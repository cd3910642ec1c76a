import { seedUsers } from '../../src/dev/seed.js'
import { callOf, documentOf, leadOf } from '../store/partner-rows.js'
import { acme } from '../store/world.js'
import type { TestEngine } from './harness.js'
import { type Kind, one, processed, type Row } from './kind.js'
import * as say from './subjects.js'
import { moment, newId } from './subjects.js'
import { deliver } from './wire.js'

interface Mirrored {
  before?: string
  other: string
  expected: Row
  log: string[]
  /** The organisation is ours already, else the event makes its company. */
  linked?: boolean
}

function clerk(type: string, { before, other, expected, log, linked = true }: Mirrored): Kind {
  return {
    name: `clerk ${type}`,
    async make(engine) {
      const subject = { organizationId: newId('org_'), userId: newId('user_') }
      if (linked)
        await engine.admin(`insert into integrations (tenant_id, provider, account) values ($1, 'clerk', $2)`, [
          acme,
          subject.organizationId,
        ])
      if (before) await deliver(engine, say.clerk(subject, before))
      const id = newId('msg_')
      const options = { seconds: 10, id, role: 'org:admin', name: 'Curie & Joliot', first: 'Irène' }
      const ofUser = `select u.*, c.name as company from users u join companies c on c.id = u.company_id where clerk_user_id = $1`
      const ofOrganization = `select c.* from companies c join integrations i on i.tenant_id = c.id where i.account = $1`
      const organization = type.startsWith('organization.')
      return {
        message: say.clerk(subject, type, options),
        other: say.clerk(subject, other, { ...options, seconds: 9 }),
        mark: organization ? subject.organizationId : subject.userId,
        row: () =>
          organization ? one(engine, ofOrganization, [subject.organizationId]) : one(engine, ofUser, [subject.userId]),
        expected,
        log: [...log, processed],
      }
    },
  }
}

const aboutOf: Readonly<Record<say.UwcPath, (engine: TestEngine) => Promise<object>>> = {
  'asr/complete': async (engine) => ({ call_id: await callOf(engine, acme) }),
  'rag/indexed': async (engine) => ({ document_id: await documentOf(engine, acme) }),
  'training/status': async () => ({ rep_id: seedUsers.acmeRep.id }),
  'analysis/complete': async (engine) => ({ call_id: await callOf(engine, acme) }),
  'followup/draft': async (engine) => ({ lead_id: await leadOf(engine, acme) }),
}

function uwc(path: say.UwcPath): Kind {
  const kind = path.split('/')[0]
  return {
    name: `uwc ${path}`,
    async make(engine) {
      const subject = { jobId: newId('job_'), companyId: acme, about: await aboutOf[path](engine) }
      const id = newId('msg_')
      const data = { text: 'hello' }
      const ofJob = `select j.*, (select count(*)::int from transcripts t where t.job_id = j.job_id and text = 'hello') as transcripts
        from uwc_jobs j where j.job_id = $1`
      return {
        message: say.uwc(path, subject, { id, data }),
        other: say.uwc(path, subject, { id, data, status: 'running', seconds: -5 }),
        mark: subject.jobId,
        row: () => one(engine, ofJob, [subject.jobId]),
        expected: {
          tenant_id: acme,
          kind,
          status: 'completed',
          result: data,
          subject_id: Object.values(subject.about)[0] as unknown,
          transcripts: kind === 'asr' ? 1 : 0,
        },
        log: ['worker.task.finished', processed],
      }
    },
  }
}

/** Events of Clerk and of the ML partner. */
export const officeKinds: readonly Kind[] = [
  clerk('organization.created', {
    linked: false,
    other: 'organization.updated',
    expected: { name: 'Curie & Joliot', disabled_at: null },
    log: ['identity.organization.created'],
  }),
  clerk('organization.updated', {
    linked: false,
    before: 'organization.created',
    other: 'organization.created',
    expected: { name: 'Curie & Joliot', disabled_at: null },
    log: ['identity.organization.updated'],
  }),
  clerk('organization.deleted', {
    linked: false,
    before: 'organization.created',
    other: 'organization.updated',
    expected: { disabled_at: moment(10) },
    log: ['identity.organization.deleted'],
  }),
  clerk('organizationMembership.created', {
    other: 'organizationMembership.updated',
    expected: { company_id: acme, role: 'leadership', display_name: 'Irène Curie', disabled_at: null },
    log: ['identity.user.created'],
  }),
  clerk('organizationMembership.updated', {
    before: 'organizationMembership.created',
    other: 'organizationMembership.created',
    expected: { company_id: acme, role: 'leadership', disabled_at: null },
    log: ['identity.user.updated'],
  }),
  clerk('organizationMembership.deleted', {
    before: 'organizationMembership.created',
    other: 'organizationMembership.updated',
    expected: { company_id: acme, disabled_at: moment(10) },
    log: ['identity.user.deleted'],
  }),
  clerk('user.created', {
    before: 'organizationMembership.created',
    other: 'user.updated',
    expected: { company_id: acme, role: 'csr', display_name: 'Irène Curie' },
    log: ['identity.user.updated'],
  }),
  clerk('user.updated', {
    before: 'organizationMembership.created',
    other: 'user.created',
    expected: { company_id: acme, role: 'csr', display_name: 'Irène Curie' },
    log: ['identity.user.updated'],
  }),
  clerk('user.deleted', {
    before: 'organizationMembership.created',
    other: 'user.updated',
    expected: { company_id: acme, disabled_at: moment(10) },
    log: ['identity.user.deleted'],
  }),
  uwc('asr/complete'),
  uwc('rag/indexed'),
  uwc('training/status'),
  uwc('analysis/complete'),
  uwc('followup/draft'),
]

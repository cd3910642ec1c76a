import type { World } from '../store/world.js'

/** What the effects of webhooks write. */
const tables = [
  'conversations_users',
  'call_logs',
  'livekit_call_events',
  'messages',
  'users',
  'clerk_entities',
  'uwc_jobs',
  'transcripts',
  'event_logs',
]

/** SQLSTATE of a failure that may pass, a deadlock, and of one that stays. */
export const passing = '40P01'
export const lasting = 'P0001'

/**
 * Lets PostgreSQL itself refuse writes: every row that names a marked text, and of all writes those that are numbered.
 * Numbers come from a sequence, which no rollback takes back: a refused write is another one when it is tried again.
 */
export async function createSabotage({ admin }: Pick<World, 'admin'>) {
  await admin(`
    create schema sabotage;
    create sequence sabotage.writes;
    create table sabotage.refused (write bigint primary key, code text not null);
    create table sabotage.marked (word text primary key);
    create function sabotage.strike() returns trigger language plpgsql security definer as $$
      declare
        this bigint := nextval('sabotage.writes');
        reason text := (select code from sabotage.refused where write = this);
      begin
        if exists (select from sabotage.marked where strpos(new::text, word) > 0) then reason := '${lasting}'; end if;
        if reason is not null then raise exception 'sabotage' using errcode = reason; end if;
        return new;
      end $$;
    grant usage on schema sabotage to public;
    ${tables.map((table) => `create trigger sabotage before insert or update on ${table} for each row execute function sabotage.strike();`).join('\n')}`)
  return {
    /** Refuses every row with this text in it, until it is forgiven. */
    mark: (word: string) => admin('insert into sabotage.marked values ($1)', [word]),
    forgive: () => admin('truncate sabotage.marked, sabotage.refused'),
    /** Refuses some of the writes to come, the next one being number 1. */
    refuse: (writes: readonly { write: number; code: string }[]) =>
      admin(
        `insert into sabotage.refused select (select last_value from sabotage.writes) + write, code
         from jsonb_to_recordset($1) as r (write bigint, code text)`,
        [JSON.stringify(writes)],
      ),
  }
}

export type Sabotage = Awaited<ReturnType<typeof createSabotage>>

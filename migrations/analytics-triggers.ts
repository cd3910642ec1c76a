import { callFacts, sessionFactNames, sessionFacts } from './analytics-sums.js'

// A note for each row that counts otherwise than before, in the transaction of the write: no counter is touched, so that no
// writer waits for another. Once for a statement, whatever the number of rows.

const noteSessions = `
  create function parley_note_sessions() returns trigger language plpgsql as $$
  begin
    if tg_op = 'INSERT' then
      insert into analytics_session_changes (tenant_id, n, ${sessionFactNames})
      select s.tenant_id, 1, ${sessionFacts('s')} from new_rows s;
    elsif tg_op = 'DELETE' then
      insert into analytics_session_changes (tenant_id, n, ${sessionFactNames})
      select s.tenant_id, -1, ${sessionFacts('s')} from old_rows s;
    else
      insert into analytics_session_changes (tenant_id, n, ${sessionFactNames})
      select tenant_id, sum(n), ${sessionFactNames} from (
        select s.tenant_id, -1 as n, ${sessionFacts('s')} from old_rows s
        union all select s.tenant_id, 1, ${sessionFacts('s')} from new_rows s) as changed
      group by tenant_id, ${sessionFactNames} having sum(n) <> 0;
    end if;
    return null;
  end $$;`

const insertCalls = (rows: string, sign: 1 | -1) => `
  insert into analytics_call_changes (tenant_id, n, created_at, outcome, seconds)
  select tenant_id, ${sign} * count(*), created_at, outcome, ${sign} * sum(seconds)
  from (select c.tenant_id, ${callFacts('c')} from ${rows} c) as changed
  group by tenant_id, created_at, outcome;`

const noteCalls = `
  create function parley_note_calls() returns trigger language plpgsql as $$
  begin
    if tg_op = 'INSERT' then ${insertCalls('new_rows', 1)}
    elsif tg_op = 'DELETE' then ${insertCalls('old_rows', -1)}
    else
      insert into analytics_call_changes (tenant_id, n, created_at, outcome, seconds)
      select tenant_id, sum(n), created_at, outcome, sum(n * seconds) from (
        select c.tenant_id, -1 as n, ${callFacts('c')} from old_rows c
        union all select c.tenant_id, 1, ${callFacts('c')} from new_rows c) as changed
      group by tenant_id, created_at, outcome having sum(n) <> 0 or sum(n * seconds) <> 0;
    end if;
    return null;
  end $$;`

const on = (table: string, note: string) => `
  create trigger ${table}_counted_in after insert on ${table}
    referencing new table as new_rows for each statement execute function ${note}();
  create trigger ${table}_counted_again after update on ${table}
    referencing old table as old_rows new table as new_rows for each statement execute function ${note}();
  create trigger ${table}_counted_out after delete on ${table}
    referencing old table as old_rows for each statement execute function ${note}();
  revoke all on function ${note}() from public;`

export const triggers = `
  ${noteSessions} ${on('conversations_users', 'parley_note_sessions')}
  ${noteCalls} ${on('call_logs', 'parley_note_calls')}`

export const dropTriggers = `
  drop function parley_note_sessions() cascade;
  drop function parley_note_calls() cascade;`

import type { Knex } from 'knex'

// Old code survives this migration: it writes and is refused as before.

/**
 * Whether the company of an entry exists is asked once for a statement, not once for each row: a flood of webhooks writes
 * four entries an event, and the key's check was a sixth of the database's work on it. The refusal keeps the key's name.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table event_logs drop constraint event_logs_tenant_id_fkey;
    create function parley_log_company_exists() returns trigger language plpgsql as $$
    begin
      if exists (select from (select distinct tenant_id from added) as a
                 where not exists (select from companies c where c.id = a.tenant_id)) then
        raise foreign_key_violation using message = 'an entry of the log names no known company',
          table = 'event_logs', constraint = 'event_logs_tenant_id_fkey';
      end if;
      return null;
    end $$;
    revoke execute on function parley_log_company_exists() from public;
    create trigger event_logs_company_exists after insert on event_logs referencing new table as added
      for each statement execute function parley_log_company_exists();
    create function parley_company_has_no_log() returns trigger language plpgsql as $$
    begin
      if exists (select from event_logs where tenant_id = old.id) then
        raise foreign_key_violation using message = 'the log has entries of the company',
          table = 'event_logs', constraint = 'event_logs_tenant_id_fkey';
      end if;
      return old;
    end $$;
    revoke execute on function parley_company_has_no_log() from public;
    create trigger companies_without_log before delete on companies
      for each row execute function parley_company_has_no_log()`)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop trigger companies_without_log on companies;
    drop function parley_company_has_no_log();
    drop trigger event_logs_company_exists on event_logs;
    drop function parley_log_company_exists();
    alter table event_logs add constraint event_logs_tenant_id_fkey foreign key (tenant_id) references companies (id)`)
}

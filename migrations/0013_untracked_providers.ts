import type { Knex } from 'knex'

// Old code survives this migration: the new columns have defaults, and it reads neither of them.

/** A session of nobody's company may be with any provider, and a later attempt of its start answers what it was given. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table untracked_sessions add column conversation_type_id smallint not null default 1
      references conversation_type (id), add column conversation_url text`)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('alter table untracked_sessions drop column conversation_url, drop column conversation_type_id')
}

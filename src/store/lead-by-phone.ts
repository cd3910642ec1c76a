/**
 * SQL of the newest lead that a call or message is of, by the number of the side that is not the company; null when there
 * is none. `row` has a tenant in `tenant`, a direction and both numbers.
 */
export const leadByPhone = (row: string, tenant: string) => `
  (select l.id from leads l where l.tenant_id = ${row}.${tenant}
     and l.phone = case ${row}.direction when 'inbound' then ${row}.from_number when 'outbound' then ${row}.to_number end
   order by l.created_at desc limit 1)`

// How values are put into classes of a histogram, and what is read out of one. A histogram is an array with one number for
// each class that has values: its lower bound times 2^32, plus how many there are, which corrections may make negative.

/** Where the classes become twice as wide: below 64 each value has its own, above it 32 classes reach to twice the value. */
const steps = Array.from({ length: 25 }, (_, n) => 2 ** (6 + n))

const lower = '(v + 2147483648) >> 32'

export const functions = `
  create function parley_bucket_bits(value integer) returns integer language sql immutable strict parallel safe as $$
    select width_bucket(value, array[${steps.join(', ')}])
  $$;

  -- The lower bound of the value's class.
  create function parley_bucket(value integer) returns integer language sql immutable strict parallel safe as $$
    select (value >> parley_bucket_bits(value)) << parley_bucket_bits(value)
  $$;

  create function parley_add_bins(a bigint[], b bigint[]) returns bigint[] language sql immutable parallel safe as $$
    select coalesce(array_agg((bucket << 32) + n order by bucket), '{}') from (
      select ${lower} as bucket, sum(v - ((${lower}) << 32))::bigint as n from unnest(a || b) as v
      group by 1 having sum(v - ((${lower}) << 32)) <> 0) as bins
  $$;

  create aggregate parley_gather(bigint[]) (sfunc = array_cat, stype = bigint[], parallel = safe);

  -- The middle of the class in which each share of the values is reached; null without values. Within a class corrections
  -- come first, so that no sum on the way is higher than the one at its end.
  create function parley_quantiles(bins bigint[], shares double precision[]) returns integer[]
    language sql immutable parallel safe as $$
    with running as materialized (
      select (${lower})::integer as bucket, sum((v - ((${lower}) << 32))::integer) over (order by v) as upto
      from unnest(bins) as v)
    select array_agg((
        select min(bucket) + ((1 << parley_bucket_bits(min(bucket))) >> 1) from running
        where upto >= greatest(1, ceil(share * (select max(upto) from running)::double precision))) order by place)
    from unnest(shares) with ordinality as s (share, place)
  $$;

  -- The zone, when this database knows it: one unknown name must not stop the counting for every company.
  create function parley_timezone(name text) returns text language plpgsql stable as $$
  begin
    perform now() at time zone name;
    return name;
  exception when invalid_parameter_value then
    return 'UTC';
  end $$;`

const signatures = [
  'parley_bucket_bits(integer)',
  'parley_bucket(integer)',
  'parley_add_bins(bigint[], bigint[])',
  'parley_gather(bigint[])',
  'parley_quantiles(bigint[], double precision[])',
  'parley_timezone(text)',
]

export const functionRights = `
  revoke all on function ${signatures.join(', ')} from public;
  grant execute on function ${signatures.join(', ')} to parley_app, parley_service;`

export const dropFunctions = `
  drop aggregate parley_gather(bigint[]);
  drop function ${signatures.filter((name) => !name.startsWith('parley_gather')).join(', ')};`

-- What the books are made from. Households register evenly over the months; payments grow with them, so that each
-- household pays about as often at any size: the p-th payment falls at the square root of its share of all.
CREATE TABLE grown_household AS
SELECT h, number.ramu_number, h % 10 = 0 AS is_cotton, 1 + (h % 8)::int AS people,
       DATE '$first_day' + ((h - 1) * $days / $households)::int AS registered_on,
       CASE WHEN h % 10 = 0 THEN CASE WHEN 1 + h % 8 <= 5 THEN 12600 ELSE 21000 END
            ELSE least(1 + h % 8, 6) * 1000 END::bigint AS owed_xof,
       CASE WHEN h % 10 = 0 THEN CASE WHEN 1 + h % 8 <= 5 THEN 18000 ELSE 30000 END
            ELSE least(1 + h % 8, 6) * 1000 END::bigint AS gross_xof,
       '+2237' || lpad(h::text, 7, '0') AS msisdn
  FROM grown_number AS number;
ALTER TABLE grown_household ADD PRIMARY KEY (h);

CREATE TABLE grown_period AS
WITH told AS (
    SELECT h, k AS place,
           (registered_on + 30 + make_interval(months => k))::date AS starts,
           (registered_on + 30 + make_interval(months => k + 1))::date - 1 AS ends,
           CASE WHEN k = 0 THEN registered_on ELSE (registered_on + 30 + make_interval(months => k))::date END AS due_on
      FROM grown_household CROSS JOIN generate_series(0, $days / 28) AS k WHERE NOT is_cotton
     UNION ALL
    SELECT h, year - extract(year FROM registered_on)::int, make_date(year, 1, 1), make_date(year, 12, 31),
           greatest(registered_on, make_date(year, 1, 1))
      FROM grown_household
     CROSS JOIN LATERAL generate_series(extract(year FROM registered_on)::int, extract(year FROM DATE '$today')::int) AS year
     WHERE is_cotton
)
SELECT row_number() OVER (ORDER BY due_on, h) AS id, told.* FROM told WHERE place = 0 OR due_on <= DATE '$today';
CREATE INDEX ON grown_period (h, place);

CREATE TABLE grown_payment AS
WITH drawn AS (
    SELECT p, sqrt((p - 0.5::float8) / $payments::float8) AS share FROM generate_series(1, $payments) AS p
), paid AS (
    SELECT p, CASE WHEN p % 200 <> 77 THEN
                   1 + floor((p * 0.6180339887498949 - floor(p * 0.6180339887498949)) * ($households - 1) * share)::bigint
              END AS h,
           date_trunc('second', DATE '$first_day' + share * interval '$days days')::timestamp AT TIME ZONE 'UTC' AS at
      FROM drawn
), told AS (
    SELECT p, paid.h, at, at + interval '4 s' AS posted_at, p % 10 <> 9 AND paid.h IS NOT NULL AS is_asked,
           CASE WHEN paid.h IS NULL THEN 1000
                ELSE greatest(200, owed_xof * (1 + p % 3) / 2 / CASE WHEN is_cotton THEN 8 ELSE 1 END) END AS amount_xof
      FROM paid LEFT JOIN grown_household AS household ON household.h = paid.h
)
SELECT told.*, 'MP' || to_char(at AT TIME ZONE 'UTC', 'YYMMDD.HH24MI.') || upper(lpad(to_hex(p), 8, '0')) AS name,
       CASE WHEN is_asked THEN 'R' || upper(lpad(to_hex(2 * p), 12, '0')) END AS reference,
       '+223' || CASE WHEN h IS NULL THEN '6' || lpad((p % 1000000)::text, 7, '0')
                      ELSE '7' || lpad(h::text, 7, '0') END AS payer,
       coalesce(sum(amount_xof) OVER (PARTITION BY h ORDER BY p ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)::bigint
           AS before_xof
  FROM told;

-- How much of a payment its household's periods can take; the rest is held in advance.
CREATE TABLE grown_share AS
SELECT p, at, payment.h, amount_xof, before_xof, owed_xof, periods,
       least(before_xof + amount_xof, periods * owed_xof) - least(before_xof, periods * owed_xof) AS taken_xof
  FROM grown_payment AS payment JOIN grown_household USING (h)
  JOIN (SELECT h, count(*) AS periods FROM grown_period GROUP BY h) AS counted USING (h);
ANALYZE grown_household; ANALYZE grown_period; ANALYZE grown_payment; ANALYZE grown_share;

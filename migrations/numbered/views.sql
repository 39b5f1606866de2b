-- Charges with the days of their periods, for reports: those that were written, or those that follow from the day on which
-- the household has begun; none as long as it has not.
CREATE VIEW charge_with_days AS
SELECT charge.id, charge.enrolment_id, charge.payer_party_id, charge.number, charge.sequence, charge.amount_xof,
       coalesce(charge.period_start, numbered.first_day) AS period_start,
       coalesce(charge.period_end, numbered.last_day) AS period_end,
       coalesce(charge.due_on, CASE WHEN charge.number = 1 THEN household.registered_on ELSE numbered.first_day END)
           AS due_on
  FROM charge
  JOIN enrolment ON enrolment.id = charge.enrolment_id
  JOIN scheme ON scheme.code = enrolment.scheme_code AND scheme.version = enrolment.scheme_version
  LEFT JOIN household ON household.id = enrolment.party_id
 CROSS JOIN LATERAL (SELECT CAST(scheme.rules #>> '{period,months}' AS integer) AS months) AS rule
 CROSS JOIN LATERAL (
       SELECT CAST(household.begins_on + make_interval(months => (charge.number - 1) * rule.months) AS date) AS first_day,
              CAST(household.begins_on + make_interval(months => charge.number * rule.months) AS date) - 1 AS last_day
       ) AS numbered;

-- Owns no table. What machines are worth: straight-line depreciation from price, yearly rate and salvage value, at any day.

-- The book value at the beginning of a day. Each whole year since the purchase takes price * rate; a year that has begun takes its days'
-- part of that: days since the last anniversary / days from it to the next one (365 or 366; bought on 29 February, the anniversary is
-- the 28th where there is no 29th). So four years at 0.25 take the whole price, leap years or not.
--   value = round(greatest(salvage, price - price * rate * years), 2), half cents away from zero.
-- NULL before the purchase, and where price, rate or day of purchase is not known.
CREATE OR REPLACE FUNCTION get_book_value(p_price numeric, p_salvage numeric, p_rate numeric, p_from date, p_at date) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
  v_years integer := extract(year FROM p_at)::integer - extract(year FROM p_from)::integer;
  v_last_day date := p_from + make_interval(years => v_years);
  v_next_day date;
BEGIN
  IF p_at < p_from THEN
    RETURN NULL;
  END IF;
  IF v_last_day > p_at THEN
    v_years := v_years - 1;
    v_last_day := p_from + make_interval(years => v_years);
  END IF;
  v_next_day := p_from + make_interval(years => v_years + 1);
  RETURN round(greatest(p_salvage, p_price - p_price * p_rate * (v_years * (v_next_day - v_last_day) + (p_at - v_last_day)) / (v_next_day - v_last_day)), 2);
END
$$;

-- The years until nothing is left to write off, at most 200: each from its first day (the purchase's in the first year) to its last (the
-- first day at the salvage value in the last one). The amounts add up to price - salvage to the cent. No row where a value is not
-- known or nothing is ever written off.
CREATE OR REPLACE FUNCTION get_depreciation_schedule(p_price numeric, p_salvage numeric, p_rate numeric, p_from date)
RETURNS TABLE (year integer, from_date date, to_date date, opening_value numeric, depreciation numeric, closing_value numeric)
LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT y.year, b.from_date,
    coalesce((SELECT min(d.day)::date FROM generate_series(b.from_date::timestamp, b.next_date::timestamp - interval '1 day', interval '1 day') AS d (day)
      WHERE v.closing = p_salvage AND get_book_value(p_price, p_salvage, p_rate, p_from, d.day::date) = p_salvage), b.next_date - 1),
    v.opening, v.opening - v.closing, v.closing
  FROM generate_series(extract(year FROM p_from)::integer, extract(year FROM p_from)::integer + 199) AS y (year)
  CROSS JOIN LATERAL (SELECT greatest(p_from, make_date(y.year, 1, 1)) AS from_date, make_date(y.year + 1, 1, 1) AS next_date) b
  CROSS JOIN LATERAL (SELECT get_book_value(p_price, p_salvage, p_rate, p_from, b.from_date) AS opening, get_book_value(p_price, p_salvage, p_rate, p_from, b.next_date) AS closing) v
  WHERE v.opening > p_salvage AND p_rate > 0
  ORDER BY y.year
$$;
GRANT EXECUTE ON FUNCTION get_book_value(numeric, numeric, numeric, date, date),
  get_depreciation_schedule(numeric, numeric, numeric, date) TO application_user, reporting_user, record_keeper;

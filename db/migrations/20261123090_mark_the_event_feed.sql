-- Description: on which server the events were written, since transactions are counted anew on another one

-- A new row when the database was loaded into a server whose transactions stand behind those of the events.
-- last_sequence: events up to it are of the epochs before. server_mark: the server and database as they tell themselves.
CREATE TABLE event_feed_epochs (
  epoch integer PRIMARY KEY,
  server_mark varchar(100) NOT NULL,
  last_sequence bigint NOT NULL DEFAULT 0,
  began_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT event_feed_epochs_counted CHECK (epoch > 0 AND last_sequence >= 0),
  CONSTRAINT event_feed_epochs_mark_not_empty CHECK (is_not_blank(server_mark)),
  CONSTRAINT event_feed_epochs_time_finite CHECK (isfinite(began_at))
);
ALTER TABLE event_feed_epochs ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

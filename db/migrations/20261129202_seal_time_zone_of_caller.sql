-- Description: who is calling carries the time zone of the company, so that its day is known without reading the company again
ALTER TYPE caller_found ADD ATTRIBUTE time_zone text;

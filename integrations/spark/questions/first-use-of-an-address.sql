-- Where each address was first seen: the session it came to first, and how many machines it came to in all. A session that was there
-- before its log begins has no start: it counts from the latest moment that it can have begun. Loopback is left out.
SELECT source_address, first.host, first.start, first.seen, first.account, first.kind, machines, sessions
FROM (
    SELECT source_address, count(DISTINCT host) AS machines, count(*) AS sessions,
           min_by(struct(host, start, coalesce(start, start_max) AS seen,
                         concat_ws('\\', account_domain, account_name) AS account, kind),
                  struct(coalesce(start, start_max), host, session_id)) AS first
    FROM sessions
    WHERE source_address IS NOT NULL AND source_address <> '::1' AND source_address NOT LIKE '127.%'
      AND coalesce(start, start_max) IS NOT NULL AND NOT array_contains(flags, 'self')
    GROUP BY source_address
)
ORDER BY first.seen, source_address

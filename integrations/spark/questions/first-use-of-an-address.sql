-- Where each address was first seen: the session it came to first, and how many machines it came to after that.
SELECT source_address, first.host, first.start, first.account, first.kind, machines, sessions
FROM (
    SELECT source_address, count(DISTINCT host) AS machines, count(*) AS sessions,
           min_by(struct(host, start, concat_ws('\\', account_domain, account_name) AS account, kind),
                  struct(start, host, session_id)) AS first
    FROM sessions
    WHERE source_address IS NOT NULL AND start IS NOT NULL AND NOT array_contains(flags, 'self')
    GROUP BY source_address
)
ORDER BY first.start, source_address

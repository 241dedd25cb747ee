-- Accounts by the number of machines that they were on: what is everywhere is an administrator's, a service's, or somebody who moves
-- through the network. Accounts are told apart by SID; the system's own, which are on every machine, are left out.
SELECT account_sid, max(account_domain) AS domain, max(account_name) AS name,
       count(DISTINCT host) AS machines, count(*) AS sessions, min(start) AS first, max(start) AS last,
       sort_array(collect_set(kind)) AS kinds
FROM sessions
WHERE account_class IN ('local-user', 'domain-user', 'entra-user') AND account_sid IS NOT NULL
GROUP BY account_sid
ORDER BY machines DESC, sessions DESC, account_sid
LIMIT 100

-- One account at two machines at once: both desktops or SSH sessions open, for how long at least, and from where. An end that is not
-- known counts as the last sign of life. Who goes on from one machine to the next by Remote Desktop is in here too: look at the addresses.
WITH desktops AS (
    SELECT session_id, host, account_sid, concat_ws('\\', account_domain, account_name) AS account, kind,
           source_address, start, coalesce(`end`, end_min) AS until
    FROM sessions
    WHERE kind IN ('console', 'console-cached', 'rdp', 'rdp-cached', 'ssh') AND account_class IN ('local-user', 'domain-user', 'entra-user')
      AND start IS NOT NULL
)
SELECT a.account, a.host AS host, a.kind AS kind, a.source_address AS source_address,
       b.host AS other_host, b.kind AS other_kind, b.source_address AS other_source_address,
       b.start AS since, least(a.until, b.until) AS until
FROM desktops a JOIN desktops b
  ON a.account_sid = b.account_sid AND a.host <> b.host
 AND (a.start < b.start OR (a.start = b.start AND a.session_id < b.session_id))
 AND b.start < a.until
ORDER BY since, host, other_host

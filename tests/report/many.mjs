// A scenario of 100,000 sessions: the same accounts on some machines over the network, round after round.
export const MACHINES = 5, ACCOUNTS = 20, ROUNDS = 100, LOGONS = 10;

export function scenario() {
  const parts = ['title = "Very many logons"'];
  for (let account = 0; account < ACCOUNTS; account++) parts.push(`[account.a${account}]\nname = "person${account}"\nrid = ${1100 + account}`);
  for (let machine = 0; machine < MACHINES; machine++) {
    parts.push(`[[machine]]\nname = "SRV-${machine}"\nos = "server-2019"\nsid = "S-1-5-21-${machine + 1}-2-3"`);
    parts.push('[[machine.step]]\nat = "2024-01-01T00:00:00Z"\ndo = "boot"\nservices = 1');
    for (let round = 0; round < ROUNDS; round++) {
      for (let account = 0; account < ACCOUNTS; account++) {
        parts.push(`[[machine.step]]\nafter = "10m"\ndo = "logon"\nkind = "network"\naccount = "a${account}"\naddress = "10.0.${machine}.${account}"\n`
          + `workstation = "PC-${account}"\ncount = ${LOGONS}\nevery = "41s"\nends_after = "7m"`);
      }
    }
  }
  return parts.join("\n\n") + "\n";
}
